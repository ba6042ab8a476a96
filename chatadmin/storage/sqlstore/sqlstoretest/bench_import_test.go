package sqlstoretest

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/sqlstore"
	"chatadmin.example/sdk/csvimport"
)

// benchImport: a CSV file to committed users, memberships, audit events and the stream of results. Its floor is writing exactly the rows that it left into the same tables with
// the same indexes: on PostgreSQL by COPY, on SQLite by prepared statements in one transaction.
func (w *world) benchImport(b *testing.B) {
	var ours, floor cost
	most := 0.0
	for b.Loop() {
		most = max(most, w.importFirst(b))
		b.StopTimer()
		ours.add(w.first)
		floor.add(w.fill(b))
		b.StartTimer()
	}
	kind := "inserts"
	if w.db.d == sqlstore.PostgreSQL {
		kind = "copy"
	}
	ours.report(b, floor, kind)
	b.ReportMetric(float64(ours.wall.Nanoseconds())/float64(b.N**benchRows), "ns/row")
	b.ReportMetric(100*ours.client.Seconds()/ours.cpu().Seconds(), "%-cpu-of-client")
	b.ReportMetric(most, "MiB-client")
}

// benchUnchanged imports the file once more: nothing is to be written. Its floor is the first import.
func (w *world) benchUnchanged(b *testing.B) {
	w.need(b)
	w.again(b, func(n int) (*os.File, int64) { return w.file, 0 })
}

// benchOneColumn imports a file in which every user has another title. Its floor is the first import.
func (w *world) benchOneColumn(b *testing.B) {
	w.need(b)
	w.again(b, func(n int) (*os.File, int64) {
		if n%2 == 0 {
			return w.changed, int64(*benchRows)
		}
		return w.file, int64(*benchRows)
	})
}

func (w *world) again(b *testing.B, next func(n int) (f *os.File, updates int64)) {
	var ours cost
	n := 0
	for b.Loop() {
		b.StopTimer()
		w.settle(b)
		f, updates := next(n)
		n++
		b.StartTimer()
		ours.measure(func() {
			r, err := importFile(context.Background(), w.scope, f, csvimport.UpdateExisting, nil)
			require.NoError(b, err)
			require.Equal(b, updates, r.Counts.Updated)
			require.Zero(b, r.Counts.Failed)
		})
	}
	var floor cost
	for range n {
		floor.add(w.first)
	}
	ours.report(b, floor, "first-import")
}

// benchDefaultGroup marks a group as default, which makes everybody a member. Its floor is INSERT … SELECT of the same rows in transactions of the same size. The plan, which counts
// who will be added, is told apart.
func (w *world) benchDefaultGroup(b *testing.B) {
	w.need(b)
	ctx := context.Background()
	var ours, plan, floor cost
	n := 0
	for b.Loop() {
		b.StopTimer()
		n++
		g, err := w.scope.CreateGroup(ctx, fmt.Sprintf("Group %d", n))
		require.NoError(b, err)
		w.settle(b)
		b.StartTimer()
		var p *chatadmin.Plan
		plan.measure(func() {
			p, err = w.scope.PlanDefaultGroup(ctx, g.ID)
			require.NoError(b, err)
		})
		ours.measure(func() {
			job, err := w.scope.ApplyDefaultGroup(ctx, p, nil)
			require.NoError(b, err)
			require.EqualValues(b, *benchRows, job.Done)
		})
		b.StopTimer()
		w.settle(b)
		floor.add(w.insertSelect(b, g.ID))
		_, err = w.scope.UnmarkDefaultGroup(ctx, g.ID)
		require.NoError(b, err)
		b.StartTimer()
	}
	ours.report(b, floor, "insert-select")
	b.ReportMetric(plan.wall.Seconds()/ours.wall.Seconds(), "plan/marking")
	b.ReportMetric(float64(ours.wall.Nanoseconds())/float64(b.N**benchRows), "ns/member")
}

// insertSelect writes the members of a group into the tables of the floor.
func (w *world) insertSelect(b *testing.B, group storage.ID) (c cost) {
	b.Helper()
	ctx := context.Background()
	rows, err := w.pool.QueryContext(ctx, w.db.sql("SELECT usr FROM {{p}}memberships WHERE grp = '"+string(group)+"' ORDER BY usr"))
	require.NoError(b, err)
	defer func() { _ = rows.Close() }()
	bounds, last := []string{""}, ""
	for n := 1; rows.Next(); n++ {
		require.NoError(b, rows.Scan(&last))
		if n%storage.MaxBulk == 0 {
			bounds = append(bounds, last)
		}
	}
	require.NoError(b, rows.Err())
	if bounds[len(bounds)-1] != last {
		bounds = append(bounds, last)
	}
	pool := w.open(w.floor)
	defer func() { _ = pool.Close() }()
	statement, err := pool.PrepareContext(ctx, w.floor.sql(
		"INSERT INTO {{p}}memberships (grp, usr, domain, rev, admin) SELECT $1, id, domain, rev, false FROM {{p}}users WHERE domain = $2 AND id > $3 AND id <= $4 AND NOT deleting"))
	require.NoError(b, err)
	var written int64
	c.measure(func() {
		for i := range bounds[1:] {
			res, err := statement.ExecContext(ctx, string(group), string(w.scope.Domain()), bounds[i], bounds[i+1])
			require.NoError(b, err)
			n, err := res.RowsAffected()
			require.NoError(b, err)
			written += n
		}
	})
	require.GreaterOrEqual(b, written, int64(*benchRows))
	return c
}
