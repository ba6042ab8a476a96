package sqlstoretest

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin/storage"
)

// killed starts processes of this program over the database, one after the
// other, until one prints "done" and the ID of its run. The first is killed by
// its statement number first, each later one by the number that next makes of
// the one before. role and args say what a process does.
func (db database) killed(t *testing.T, first int, next func(n int) int, role string, args ...storage.ID) (done storage.ID, kills int) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	line := []string{role, db.d.String(), db.dsn, db.options.Prefix}
	for _, a := range args {
		line = append(line, string(a))
	}
	for n := first; done == ""; n = next(n) {
		cmd := exec.Command(self, append(line[:len(line):len(line)], strconv.Itoa(n))...)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		var errs bytes.Buffer
		cmd.Stderr = &errs
		require.NoError(t, cmd.Start())
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if id, ok := strings.CutPrefix(lines.Text(), "done "); ok {
				done = storage.ID(id)
			}
		}
		if err := cmd.Wait(); err != nil && !strings.Contains(err.Error(), "killed") {
			t.Fatalf("%v: %s", err, errs.String())
		} else if err != nil {
			kills++
		}
	}
	return done, kills
}
