package retention_test

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/internal/erasetest"
	"chatadmin.example/sdk/chatadmin/retention"
	"chatadmin.example/sdk/chatadmin/storage"
)

// finish applies a plan and, as long as it is interrupted, resumes it, as a new
// process does that looks for what is running.
func (w *world) finish(s *chatadmin.Scope, p *retention.Plan, again func(n int)) *retention.Run {
	w.T.Helper()
	before := map[chatadmin.ID]bool{}
	for _, run := range w.reports() {
		before[run.ID] = true
	}
	rep, err := w.r.Apply(ctx, s, p, nil)
	for n := 0; err != nil; n++ {
		require.ErrorIs(w.T, err, erasetest.ErrCrash)
		require.Less(w.T, n, 200)
		again(n)
		begun := slices.DeleteFunc(w.reports(), func(run *retention.Run) bool { return before[run.ID] })
		if len(begun) == 0 {
			rep, err = w.r.Apply(ctx, s, p, nil)
		} else {
			require.Len(w.T, begun, 1)
			rep, err = w.r.Resume(ctx, s, begun[0].ID, nil)
		}
	}
	return rep
}

// The process dies at every single call of the store, and a new one resumes:
// what is left is what a clean run leaves, and the report counts exactly what
// has gone.
func TestCrashAtEveryCall(t *testing.T) {
	for n := 1; ; n++ {
		require.Less(t, n, 200)
		c := &erasetest.Crashing{Store: memory()}
		w := newWorld(t, c, hasty)
		w.wrote(w.sales, w.ann, 100*day, 3000, 500)
		w.wrote(w.annBob, w.bob, 100*day, 20, 3)
		w.wrote(w.news, w.cat, day, 4, 1)
		w.days(90)
		w.hold(w.bob, "")
		p, before := w.plan(w.S), w.all()
		require.Equal(t, retention.Counts{Messages: 3000, Files: 500}, p.Counts)
		c.In(n)
		rep := w.finish(w.S, p, func(int) { c.In(0) })
		crashed := c.Crashed()
		c.In(0)
		require.Equal(t, []any{chatadmin.RunDone, p.Counts, p.Counts}, []any{rep.State, rep.Data.Planned, rep.Data.Removed}, "crash at call %d", n)
		require.Equal(t, p.Counts, minus(before, w.all()))
		require.Len(t, w.EventsOf(rep.ID, ""), 2)
		released, err := w.Admin.ReleaseBlobs(ctx, w.Domain)
		require.NoError(t, err)
		require.Equal(t, 500, released)
		if !crashed { // it ended before
			require.Greater(t, n, 15)
			return
		}
	}
}

// The worker dies at every single call, and a new one finds what was left, in
// the name of whomever.
func TestWorkerCrashes(t *testing.T) {
	for n := 1; ; n++ {
		require.Less(t, n, 200)
		c := &erasetest.Crashing{Store: memory()}
		w := newWorld(t, c)
		w.crowd()
		w.days(90)
		left := w.interrupted(w.S, 0)
		w.Clock.Advance(day)
		before := w.all()
		c.In(n)
		_, err := w.r.RunDue(ctx, w.Domain)
		crashed := c.Crashed()
		c.In(0)
		if !crashed {
			require.NoError(t, err)
			require.Greater(t, n, 12)
			return
		}
		w.Clock.Advance(day)
		w.runDue()
		require.Equal(t, old, minus(before, w.all()))
		rep, err := w.r.Run(ctx, w.Host, left.ID)
		require.NoError(t, err)
		require.Equal(t, []any{chatadmin.RunDone, w.S.Actor()}, []any{rep.State, rep.By})
		sum := retention.Counts{}
		for _, rep := range w.reports() {
			require.Equal(t, chatadmin.RunDone, rep.State)
			sum = retention.Counts{Messages: sum.Messages + rep.Data.Removed.Messages, Files: sum.Files + rep.Data.Removed.Files}
		}
		require.Equal(t, old, sum)
	}
}

// fenced is a store that looks behind which fence content is deleted.
type fenced struct {
	chatadmin.Store
	t       *testing.T
	batches int
}

func (f *fenced) Update(ctx context.Context, fence storage.Fence, do func(context.Context, storage.Tx) error) error {
	return f.Store.Update(ctx, fence, func(ctx context.Context, tx storage.Tx) error { return do(ctx, fencedTx{tx, f, fence}) })
}

type fencedTx struct {
	storage.Tx
	f     *fenced
	fence storage.Fence
}

func (x fencedTx) DeleteContent(ctx context.Context, q storage.ContentQuery, p chatadmin.Page) (storage.ContentCount, []string, chatadmin.Cursor, error) {
	x.f.batches++
	require.Equal(x.f.t, storage.Fence{Domain: q.Domain, Mode: storage.Shared}, x.fence, "a hold must not come while a batch deletes")
	require.LessOrEqual(x.f.t, p.Limit, storage.MaxBulk)
	return x.Tx.DeleteContent(ctx, q, p)
}

// Each batch is behind the fence that keeps holds away. The store in memory
// runs one transaction after the other anyway, so that no race would show it
// there.
func TestFence(t *testing.T) {
	f := &fenced{Store: memory(), t: t}
	w := newWorld(t, f, hasty)
	w.wrote(w.sales, w.ann, 100*day, 6000, 0)
	w.days(90)
	_, err := w.r.Apply(ctx, w.S, w.plan(w.S), nil)
	require.NoError(t, err)
	require.Greater(t, f.batches, 2)
}
