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
	"chatadmin.example/sdk/chatadmin/memstore"
	"chatadmin.example/sdk/csvimport"
)

var benchRows = flag.Int("rows", 20000, "rows of the file that benchmarks import; the README's figures have 1000000")

func newDomain(t testing.TB, store chatadmin.Store, o *chatadmin.Options) *chatadmin.Scope {
	t.Helper()
	a := chatadmin.New(store, o)
	d, admin, err := a.CreateDomain(context.Background(), chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat,
		Admin: chatadmin.NewUser{Login: "boss@acme.example", NoInvitation: true}})
	require.NoError(t, err)
	return a.As(d.ID, admin.ID)
}

// readOnly is the floor: encoding/csv with ReuseRecord over the same file.
func readOnly(t testing.TB, f *os.File) time.Duration {
	best := time.Duration(1 << 62)
	for range 3 {
		start := time.Now()
		_, err := f.Seek(0, io.SeekStart)
		require.NoError(t, err)
		r := csv.NewReader(f)
		r.ReuseRecord = true
		for {
			if _, err := r.Read(); err == io.EOF {
				break
			}
		}
		best = min(best, time.Since(start))
	}
	return best
}

// live is the memory in use after a collection.
func live() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / (1 << 20)
}

// BenchmarkPlan plans an import into an empty domain. Its floor is reading the file with encoding/csv.
func BenchmarkPlan(b *testing.B) {
	f := generate(b, *benchRows)
	floor := readOnly(b, f)
	before, held := live(), 0.0
	for b.Loop() {
		p, err := csvimport.Make(context.Background(), newDomain(b, memstore.New(nil), nil), f, csvimport.SkipExisting, nil)
		require.NoError(b, err)
		require.EqualValues(b, *benchRows, p.Counts.Created)
		b.StopTimer()
		held = live() - before
		runtime.KeepAlive(p)
		b.StartTimer()
	}
	each := float64(b.Elapsed().Nanoseconds()) / float64(b.N)
	b.ReportMetric(each/float64(floor.Nanoseconds()), "x-encoding/csv")
	b.ReportMetric(each/float64(*benchRows), "ns/row")
	b.ReportMetric(held, "MiB-held")
}

// BenchmarkImport imports into an empty domain with two default groups. Its floor is the plan.
func BenchmarkImport(b *testing.B) {
	f := generate(b, *benchRows)
	ctx := context.Background()
	best := time.Duration(1 << 62)
	for range 2 {
		start := time.Now()
		_, err := csvimport.Make(ctx, newDomain(b, memstore.New(nil), nil), f, csvimport.SkipExisting, nil)
		require.NoError(b, err)
		best = min(best, time.Since(start))
	}
	beyond := 0.0
	for b.Loop() {
		s := newDomain(b, memstore.New(nil), nil)
		most := 0.0
		progress := func(p chatadmin.Progress) {
			if p.Done > p.Total-1000 && most == 0 { // the last batch: everything is held that is ever held
				b.StopTimer()
				most = live()
				b.StartTimer()
			}
		}
		r, err := csvimport.Run(ctx, s, f, csvimport.SkipExisting, &csvimport.Options{Progress: progress})
		require.NoError(b, err)
		require.EqualValues(b, *benchRows, r.Counts.Created)
		b.StopTimer()
		r = nil
		beyond = most - live()
		runtime.KeepAlive(s)
		b.StartTimer()
	}
	each := float64(b.Elapsed().Nanoseconds()) / float64(b.N)
	b.ReportMetric(each/float64(best.Nanoseconds()), "x-plan")
	b.ReportMetric(each/float64(*benchRows), "ns/row")
	b.ReportMetric(beyond, "MiB-beyond-store")
}
