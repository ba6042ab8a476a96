package devices_test

import (
	"context"
	"flag"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/devices"
)

var manyDevices = flag.Int("devices", 100_000, "how many devices BenchmarkAuthorize has")

// BenchmarkAuthorize checks requests of many devices against the store in
// memory, and reports the ratio to reading the same rows.
func BenchmarkAuthorize(b *testing.B) {
	w := newWorld(b)
	out := w.register(w.ann, "phone")
	rows, err := w.Store.Devices(ctx, w.Domain, []chatadmin.ID{out.Device.ID})
	require.NoError(b, err)
	tokens := make([]string, *manyDevices)
	for from := 0; from < len(tokens); from += chatadmin.MaxBatch {
		var changes []storage.Write[storage.Device]
		for i := from; i < min(from+chatadmin.MaxBatch, len(tokens)); i++ {
			d := rows[0]
			d.ID, d.Key = w.Admin.NewID(), fmt.Sprint("bench", i)
			t, err := w.Admin.NewToken(w.Domain, d.ID)
			require.NoError(b, err)
			d.Secret, tokens[i] = t.Hash("device session"), t.Plain()
			changes = append(changes, storage.Write[storage.Device]{Row: d})
		}
		require.NoError(b, w.Store.Update(ctx, storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
			_, err := tx.ChangeDevices(ctx, changes)
			return err
		}))
	}
	runtime.GC()
	ids := make([]chatadmin.ID, len(tokens))
	for i := range tokens {
		t, err := chatadmin.ParseToken(tokens[i])
		require.NoError(b, err)
		ids[i] = t.Subject
	}
	at := func(i int) int { return i * 7919 % len(tokens) }
	began := time.Now()
	for i := range b.N { // the floor: the read alone
		if rows, err := w.Store.Devices(ctx, w.Domain, []chatadmin.ID{ids[at(i)]}); err != nil || len(rows) != 1 {
			b.Fatal(err)
		}
	}
	floor := time.Since(began)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		if _, err := w.r.Authorize(ctx, tokens[at(i)]); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed())/float64(floor), "ratio")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "checks/s")
}

// What one check allocates does not depend on how many devices there are, nor
// do checks gather anything.
func TestAuthorizeAllocations(t *testing.T) {
	allocs := func(n int) float64 {
		w := newWorld(t, func(_ *chatadmin.Options, o *devices.Options) { o.MaxPerUser = 1000 })
		var outs []devices.Registered
		for i := range n {
			outs = append(outs, w.register(w.ann, fmt.Sprint("phone", i)))
		}
		i := 0
		return testing.AllocsPerRun(1000, func() {
			i++
			w.authorized(outs[i%n])
		})
	}
	few, many := allocs(1), allocs(1000)
	require.InDelta(t, few, many, 0.5)
	require.Less(t, many, 6.0)
}
