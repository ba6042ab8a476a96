package sqlstoretest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/retention"
)

// BenchmarkRetention deletes the older half of the content that BenchmarkErase
// makes, some -messages rows, of which a user under a legal hold has written
// every other one in the second case. The floor is one DELETE of the same rows.
func BenchmarkRetention(b *testing.B) {
	for _, c := range []struct {
		name  string
		empty func(testing.TB) database
	}{{"SQLite", sqliteFile}, {"PostgreSQL", postgresPrefix}} {
		for name, held := range map[string]bool{"": false, "_with_a_hold": true} {
			b.Run(c.name+name, func(b *testing.B) {
				for range b.N {
					before := time.UnixMilli(1700000000000 + int64(*eraseRows)).UTC()
					once := newHoard(b, c.empty(b)).timed(b, func(h *hoard, b *testing.B) {
						text := fmt.Sprintf("DELETE FROM {{p}}content WHERE domain = '%s' AND kind <> 1 AND at < %d", h.s.Domain(), before.UnixMilli())
						if held {
							text += " AND author <> '" + string(h.other) + "'"
						}
						h.exec(b, text)
					})
					newHoard(b, c.empty(b)).retain(b, before, held, once)
				}
			})
		}
	}
}

func (h *hoard) retain(b *testing.B, before time.Time, held bool, once time.Duration) {
	ctx := context.Background()
	s := &slowest{Store: h.store}
	began := time.Now()
	a := chatadmintest.Must(chatadmin.New(s, &chatadmin.Options{Now: func() time.Time { return before.AddDate(0, 0, 7).Add(time.Since(began)) }}))
	scope := a.AsHost(h.s.Domain())
	r := chatadmintest.Must(retention.New(a, nil))
	require.NoError(b, r.SetDays(ctx, scope, 7))
	if held {
		_, err := scope.AddHold(ctx, chatadmin.Hold{User: h.other, Reason: "benchmark"})
		require.NoError(b, err)
	}
	began = time.Now()
	start := time.Now()
	p, err := r.Plan(ctx, scope, 0)
	require.NoError(b, err)
	plan := time.Since(start)
	start = time.Now()
	rep, err := r.Apply(ctx, scope, p, nil)
	require.NoError(b, err)
	took := time.Since(start)
	require.Equal(b, p.Counts, rep.Data.Removed)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(rep.Data.Removed.Messages+rep.Data.Removed.Files), "rows")
	b.ReportMetric(took.Seconds()/once.Seconds(), "retention/one-delete")
	b.ReportMetric(plan.Seconds()/took.Seconds(), "plan/retention")
	b.ReportMetric(s.longest.Seconds(), "s-longest-transaction")
}
