package sqlstoretest

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin/storage"
)

// BenchmarkWebhook: a signed event of Slack from the request to its answer,
// that is until it is durable; against the bare insertion of such a record in a
// transaction of its own, in the same run (ratio).
func BenchmarkWebhook(b *testing.B) {
	for name, open := range map[string]func(testing.TB) database{"sqlite": sqliteFile, "postgresql": postgresPrefix} {
		b.Run(name, func(b *testing.B) {
			w := newBridged(b, open(b))
			data := []byte(`{"v":1,"at":"2026-03-01T09:00:00Z","data":{"op":"post","channel":"C0GENERAL","ts":"1719209506.817929","user":"U0ALICE","text":"message 1"}}`)
			const floor = 500
			begin := time.Now()
			for n := range floor {
				err := w.Store.Update(b.Context(), storage.Fence{Domain: w.Domain, Mode: storage.Shared}, func(ctx context.Context, tx storage.Tx) error {
					_, err := tx.ChangeRecords(ctx, []storage.Write[storage.Record]{{Row: storage.Record{Key: storage.Key{Kind: "floor", Domain: w.Domain, ID: fmt.Sprint(n)}, Rev: 1, Due: time.Unix(1788000000, 0), Data: data}}})
					return err
				})
				require.NoError(b, err)
			}
			bare := time.Since(begin) / floor
			var next atomic.Int64
			b.ResetTimer()
			for b.Loop() {
				if code := w.event(b, w.X, int(next.Add(1))); code != 200 {
					b.Fatal(code)
				}
			}
			each := b.Elapsed() / time.Duration(b.N)
			b.ReportMetric(float64(time.Second)/float64(each), "events/s")
			b.ReportMetric(float64(each)/float64(bare), "ratio")
		})
	}
}
