package csvimport_test

import (
	"context"
	"encoding/csv"
	"flag"
	"io"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/csvimport"
)

var benchRows = flag.Int("rows", 20000, "rows of the file that benchmarks import; the figures of MEASUREMENTS.md have 1000000")

func newDomain(t testing.TB, store chatadmin.Store, o *chatadmin.Options) *chatadmin.Scope {
	t.Helper()
	a := chatadmintest.Must(chatadmin.New(store, o))
	d, admin, err := a.CreateDomain(context.Background(), chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat,
		Admin: chatadmin.NewUser{Login: "boss@acme.example", NoInvitation: true}})
	require.NoError(t, err)
	return a.As(d.ID, admin.ID)
}

// least is the shortest of several times for one row, in nanoseconds: on a
// shared machine the others tell of the neighbours.
type least float64

// of measures f, which works through a file of so many rows.
func (l *least) of(rows int, f func()) {
	runtime.GC()
	start := time.Now()
	f()
	if t := least(time.Since(start).Nanoseconds()) / least(rows); *l == 0 || t < *l {
		*l = t
	}
}

// fewRows is the size of the file by which growth is told: how much more a row
// costs where there are -rows of them.
const fewRows = 10000

func growth(few, many least) float64 { return 100 * (float64(many/few) - 1) }

// readOnly is the floor of planning: encoding/csv with ReuseRecord over the
// same file.
func readOnly(t testing.TB, f *os.File) {
	_, err := f.Seek(0, io.SeekStart)
	require.NoError(t, err)
	r := csv.NewReader(f)
	r.ReuseRecord = true
	for err == nil {
		_, err = r.Read()
	}
	require.Equal(t, io.EOF, err)
}

func plan(t testing.TB, f *os.File, rows int) *csvimport.Plan {
	s := newDomain(t, memstore.New(nil), nil)
	p, err := csvimport.ImportsOf(s).Plan(context.Background(), s, f, csvimport.SkipExisting, nil)
	require.NoError(t, err)
	require.EqualValues(t, rows, p.Counts.Created)
	return p
}

func run(t testing.TB, s *chatadmin.Scope, f *os.File, rows int, progress func(chatadmin.Progress)) {
	r, err := csvimport.ImportsOf(s).Import(context.Background(), s, f, csvimport.SkipExisting, &csvimport.ImportOptions{Progress: progress})
	require.NoError(t, err)
	require.EqualValues(t, rows, r.Counts.Created)
}

// live is the memory in use after a collection, in MiB.
func live() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / (1 << 20)
}

// BenchmarkPlan plans an import into an empty domain.
func BenchmarkPlan(b *testing.B) {
	rows := *benchRows
	f, small := generate(b, rows), generate(b, fewRows)
	var floor, many, few least
	held := 0.0
	for b.Loop() {
		for range 3 {
			floor.of(rows, func() { readOnly(b, f) })
			many.of(rows, func() { plan(b, f, rows) })
			for range 5 {
				few.of(fewRows, func() { plan(b, small, fewRows) })
			}
		}
		before := live()
		p := plan(b, f, rows)
		held = live() - before
		runtime.KeepAlive(p)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(many), "ns/row")
	b.ReportMetric(float64(many/floor), "x-encoding/csv")
	b.ReportMetric(growth(few, many), "%-growth")
	b.ReportMetric(held, "MiB-held")
}

// BenchmarkImport imports into an empty domain with two default groups. Its
// floor is encoding/csv, as that of the plan: a plan that became slower would
// make an import look faster.
func BenchmarkImport(b *testing.B) {
	rows := *benchRows
	f, small := generate(b, rows), generate(b, fewRows)
	var floor, many, few least
	held, beyond := 0.0, 0.0
	for b.Loop() {
		for range 3 {
			floor.of(rows, func() { readOnly(b, f) })
			s := newDomain(b, memstore.New(nil), nil)
			many.of(rows, func() { run(b, s, f, rows, nil) })
			for range 5 {
				s := newDomain(b, memstore.New(nil), nil)
				few.of(fewRows, func() { run(b, s, small, fewRows, nil) })
			}
		}
		before, most := live(), 0.0
		s := newDomain(b, memstore.New(nil), nil)
		run(b, s, f, rows, func(p chatadmin.Progress) {
			if p.Done > p.Total-1000 && most == 0 { // the last batch: everything is held that is ever held
				most = live()
			}
		})
		after := live()
		held, beyond = after-before, most-after
		runtime.KeepAlive(s)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(many), "ns/row")
	b.ReportMetric(float64(many/floor), "x-encoding/csv")
	b.ReportMetric(growth(few, many), "%-growth")
	b.ReportMetric(beyond, "MiB-beyond-store")
	b.ReportMetric(held, "MiB-store")
}
