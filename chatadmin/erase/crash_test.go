package erase_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/erase"
	"chatadmin.example/sdk/chatadmin/internal/erasetest"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// finish applies a plan and, as long as it is interrupted, resumes it: by the
// receipt's ID, or as a worker does that knows of nothing.
func (w *world) finish(s *chatadmin.Scope, p *erase.Plan, again func(n int)) *erase.Run {
	w.T.Helper()
	r, err := w.d.Apply(ctx, s, p, reason, nil)
	for n := 0; err != nil; n++ {
		require.ErrorIs(w.T, err, erasetest.ErrCrash)
		require.Less(w.T, n, 200)
		again(n)
		if r != nil {
			r, err = w.d.Resume(ctx, s, r.ID, nil)
			continue
		}
		err = nil // it is not known whether it has begun
		for e, listed := range w.d.Runs(ctx, s) {
			if err = listed; err == nil && e.State == chatadmin.RunRunning {
				r = e
			}
		}
		if err == nil && r == nil {
			r, err = w.d.Apply(ctx, s, p, reason, nil)
		} else if err == nil {
			err = erasetest.ErrCrash
		}
	}
	return r
}

// The process dies at every single call of the store, and a new one resumes:
// nothing is left, and the receipt counts what has gone.
func TestCrashAtEveryCall(t *testing.T) {
	want := map[string]int64(nil)
	for n := 1; ; n++ {
		require.Less(t, n, 200)
		c := &erasetest.Crashing{Store: memory()}
		w := newWorld(t, c)
		ann := w.crowd()
		p, err := w.d.Plan(ctx, w.S, []chatadmin.ID{ann.ID}, nil)
		require.NoError(t, err)
		before := w.everything()
		c.In(n)
		r := w.finish(w.S, p, func(int) { c.In(0) })
		crashed := c.Crashed()
		c.In(0)
		w.check(r, before, ann.ID)
		if want == nil {
			want = r.Data.Removed
		}
		confirmed(t, want, r.Data.Removed, fmt.Sprintf("crash at call %d", n))
		if !crashed { // it ended before
			require.Greater(t, n, 40)
			return
		}
	}
}

func (w *world) check(r *erase.Run, before map[string]int64, users ...chatadmin.ID) {
	w.T.Helper()
	require.Equal(w.T, chatadmin.RunDone, r.State)
	confirmed(w.T, w.gone(before), r.Data.Removed, "as told")
	w.noTrace(users...)
	n, err := w.Admin.ReleaseBlobs(ctx, w.Domain)
	require.NoError(w.T, err)
	require.EqualValues(w.T, r.Data.Removed[erase.Files], n)
}

// hasty is a clock that moves with each look at it, so that batches seem slow
// and become small.
func hasty(o *chatadmin.Options) {
	now := o.Now()
	o.Now = func() time.Time {
		now = now.Add(250 * time.Millisecond)
		return now
	}
}

// The process dies again and again, after ever different numbers of calls, amid
// many small batches, on a store that runs functions twice and does not tell
// what it has committed.
func TestCrashes(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			m := memstore.New(nil)
			c := &erasetest.Crashing{Store: m}
			w := newWorld(t, c, hasty)
			w.raw, c.Store = m, m.Handle(&memstore.Options{Chaos: &memstore.Chaos{Seed: seed, Rerun: 0.2, UnknownKept: 0.1, UnknownLost: 0.05, ShortPage: 0.2}})
			ann, bob := w.user("ann"), w.user("bob")
			w.chat(ann, bob, 800)
			for _, by := range []chatadmin.User{ann, bob} {
				g := w.group(w.As(by), "Of "+by.Login, ann, bob)
				for n := range 400 {
					w.insert(w.message(g.ID, []chatadmin.User{ann, bob}[n%2]), w.file(g.ID, []chatadmin.User{ann, bob}[n/2%2]))
				}
			}
			p, err := w.d.Plan(ctx, w.S, []chatadmin.ID{ann.ID}, nil)
			require.NoError(t, err)
			before := w.everything()
			crashes := 0
			c.In(12)
			r := w.finish(w.S, p, func(n int) {
				crashes = n + 1
				c.In(5 + (n*7+int(seed))%17)
			})
			c.In(0)
			c.Store = m
			require.Greater(t, crashes, 3)
			confirmed(t, p.Counts, r.Data.Removed, "as planned")
			w.check(r, before, ann.ID)
		})
	}
}

// What lies elsewhere fails too, and is asked again. What was deleted there but
// not written down is not told.
func TestOutsideFails(t *testing.T) {
	w := newWorld(t, memory())
	ann := w.user("ann")
	w.posts.add(ann, 2500)
	p, err := w.d.Plan(ctx, w.S, []chatadmin.ID{ann.ID}, nil)
	require.NoError(t, err)
	w.posts.err = erasetest.ErrCrash
	r, err := w.d.Apply(ctx, w.S, p, reason, nil)
	require.ErrorIs(t, err, erasetest.ErrCrash)
	require.ErrorContains(t, err, "scheduled_publications")
	// One batch is deleted, and the process dies before that was written down.
	gone, _, err := w.posts.Delete(ctx, storage.ContentQuery{Domain: w.Domain, Authors: []chatadmin.ID{ann.ID}}, storage.Page{Limit: 700})
	require.NoError(t, err)
	require.EqualValues(t, 700, gone)
	r, err = w.d.Resume(ctx, w.S, r.ID, nil)
	require.NoError(t, err)
	require.EqualValues(t, 1800, r.Data.Removed[publications])
	w.noTrace(ann.ID)
}
