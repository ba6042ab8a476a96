package sqlstoretest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/closing"
)

// BenchmarkClosing closes the domain that BenchmarkErase makes, with everything
// in it. The floor is one DELETE of each table's rows, all in one transaction.
// What a host keeps in tables of its own is in BenchmarkHosted.
func BenchmarkClosing(b *testing.B) {
	for _, c := range []struct {
		name  string
		empty func(testing.TB) database
	}{{"SQLite", sqliteFile}, {"PostgreSQL", postgresPrefix}} {
		b.Run(c.name, func(b *testing.B) {
			for range b.N {
				once := newHoard(b, c.empty(b)).timed(b, (*hoard).closeAtOnce)
				newHoard(b, c.empty(b)).close(b, once)
			}
		})
	}
}

func (h *hoard) closeAtOnce(b *testing.B) {
	tx, err := h.pool.BeginTx(b.Context(), nil)
	require.NoError(b, err)
	for _, table := range []string{"content", "memberships", "groups", "devices", "records", "users", "event_targets", "events"} {
		_, err := tx.Exec(h.db.sql("DELETE FROM {{p}}" + table + " WHERE domain = '" + string(h.s.Domain()) + "'"))
		require.NoError(b, err)
	}
	require.NoError(b, tx.Commit())
}

// close closes the domain through the library.
func (h *hoard) close(b *testing.B, once time.Duration) {
	ctx := b.Context()
	s := &slowest{Store: h.store}
	a := chatadmintest.Must(chatadmin.New(s, &chatadmin.Options{Blobs: noBlobs{}}))
	c, err := closing.New(a, nil)
	require.NoError(b, err)
	start := time.Now()
	p, err := c.Plan(ctx, a.AsHost(h.s.Domain()), closing.AtOnce)
	require.NoError(b, err)
	plan := time.Since(start)
	start = time.Now()
	_, err = c.Apply(ctx, a.AsHost(h.s.Domain()), p, "benchmark", nil)
	require.NoError(b, err)
	took := time.Since(start)
	require.Zero(b, h.rows(b, h.s.Domain()))
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(took.Seconds()/once.Seconds(), "closing/one-delete")
	b.ReportMetric(plan.Seconds()/took.Seconds(), "plan/closing")
	b.ReportMetric(s.longest.Seconds(), "s-longest-transaction")
	b.ReportMetric(float64(s.n), "transactions")
}
