package csvimport_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// generate writes a file of n users, all cells quoted, some names not ASCII,
// every third with a manager: most on an earlier line, every tenth of them on a
// later one.
func generate(t testing.TB, n int) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "users.csv"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	w := bufio.NewWriterSize(f, 1<<20)
	first := []string{"Ann", "José", "Will", "Zoë", "Johnny", "Mary Ann", "Ömer", "Lukas", "Chloé", "Ravi"}
	last := []string{"Smith", "García", "O'Neil", "Müller", "Depp", "de Vries", "Nowak", "Yılmaz", "Okafor", "Singh"}
	fmt.Fprintln(w, `"name","firstname","lastname","email/login","title","mobile","manager","Enabled"`)
	for i := range n {
		f, l := first[i%10], last[i/10%10]
		manager := ""
		if i%10 < 3 {
			at := i / 7
			if i%100 < 3 {
				at = min(n-1, i+1000)
			}
			manager = fmt.Sprintf("user.%07d@company%d.example", at, at%37)
		}
		fmt.Fprintf(w, "\"%s %s\",\"%s\",\"%s\",\"user.%07d@company%d.example\",\"Head of Department %d\",\"+31 6 %04d %04d\",\"%s\",\"TRUE\"\n",
			f, l, f, l, i, i%37, i%200, i/10000, i%10000, manager)
	}
	require.NoError(t, w.Flush())
	return f
}
