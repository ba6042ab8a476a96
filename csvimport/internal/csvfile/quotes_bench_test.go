package csvfile

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// quoteFiles are lines that open a quote and do not close it, and the same
// lines without it.
var quoteFiles = map[string][2]string{
	"closed on the next line": {"ann@acme.example,\"Ann,x\n", "ann@acme.example,Ann,xx\n"},
	"never closed":            {"ann@acme.example,\"Ann\nbob@acme.example,Bob\n", "ann@acme.example,Ann\nbob@acme.example,Bob\n"},
	"in an unread column":     {"ann@acme.example,Ann,\"x\n", "ann@acme.example,Ann,xx\n"},
}

// perLine is the shortest time for one line of a file.
func perLine(t testing.TB, line string, n int) time.Duration {
	file := []byte("login,name,notes\n" + strings.Repeat(line, n))
	best := time.Hour
	for range 3 {
		start := time.Now()
		r, err := NewReader(bytes.NewReader(file), Limits{})
		require.NoError(t, err)
		r.ReadOnly([]int{0, 1})
		var row Row
		for r.Read(&row) != io.EOF {
		}
		best = min(best, time.Since(start)/time.Duration(n))
	}
	return best
}

// BenchmarkOpenQuotes measures what a line costs that opens a quote, against
// one that does not, and by how much more where there are eight times as many
// of them.
func BenchmarkOpenQuotes(b *testing.B) {
	for name, lines := range quoteFiles {
		b.Run(name, func(b *testing.B) {
			var few, many, plain time.Duration
			for b.Loop() {
				few, many, plain = perLine(b, lines[0], 4000), perLine(b, lines[0], 32000), perLine(b, lines[1], 32000)
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(many)/float64(plain), "x-plain")
			b.ReportMetric(float64(many)/float64(few), "x-eightfold")
		})
	}
}
