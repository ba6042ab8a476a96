package closing_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/closing"
	"chatadmin.example/sdk/chatadmin/internal/erasetest"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// finish applies a plan and, as long as it is interrupted, goes on as a new
// process does: by the run's ID, or by what is listed.
func (w *world) finish(p *closing.Plan, again func(n int)) *closing.Run {
	w.T.Helper()
	r, err := w.c.Apply(ctx, w.Host, p, reason, nil)
	for n := 0; err != nil; n++ {
		require.ErrorIs(w.T, err, erasetest.ErrCrash)
		require.Less(w.T, n, 300)
		again(n)
		if r == nil { // it is not known whether it has begun
			if r, err = w.open1(); err == nil && r == nil {
				r, err = w.c.Apply(ctx, w.Host, p, reason, nil)
				continue
			}
		}
		if r != nil {
			id := r.ID
			if r, err = w.c.Resume(ctx, w.Host, id, nil); r == nil {
				r = &closing.Run{Run: chatadmin.Run{ID: id}}
			}
		}
	}
	return r
}

// open1 finds the one open run.
func (w *world) open1() (found *closing.Run, err error) {
	for r, err := range w.c.Runs(ctx, w.Host) {
		if err != nil {
			return nil, err
		}
		if r.Open() {
			found = r
		}
	}
	return found, nil
}

// The process dies at every single call of the store, and a new one resumes:
// nothing is left, and the receipt counts the same in each case.
func TestCrashAtEveryCall(t *testing.T) {
	var want map[string]int64
	for n := 1; ; n++ {
		require.Less(t, n, 300)
		c := &erasetest.Crashing{Store: memory()}
		w := newWorld(t, c)
		w.fill(w.Domain, "ann", 4)
		others := w.everything(w.other)
		p := w.plan(closing.AtOnce)
		c.In(n)
		r := w.finish(p, func(int) { c.In(0) })
		crashed := c.Crashed()
		c.In(0)
		w.gone(r, others)
		if want == nil {
			want = r.Data.Removed
		}
		require.Equal(t, want, r.Data.Removed, "crash at call %d", n)
		if !crashed { // it ended before
			require.Greater(t, n, 20)
			return
		}
	}
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

// The process dies again and again amid many small batches, on a store that
// runs functions twice and does not tell what it has committed.
func TestCrashes(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			m := memstore.New(nil)
			c := &erasetest.Crashing{Store: m}
			w := newWorld(t, c, hasty)
			w.fill(w.Domain, "ann", 600)
			others := w.everything(w.other)
			p := w.plan(closing.AtOnce)
			c.Store = m.Handle(&memstore.Options{Chaos: &memstore.Chaos{Seed: seed, Rerun: 0.2, UnknownKept: 0.1, UnknownLost: 0.05, ShortPage: 0.2}})
			crashes := 0
			c.In(12)
			r := w.finish(p, func(n int) {
				crashes = n + 1
				c.In(8 + (n*7+int(seed))%17)
			})
			c.In(0)
			c.Store = m
			require.Greater(t, crashes, 3)
			w.gone(r, others)
			want := p.Counts
			want[closing.Events]++
			require.Equal(t, want, r.Data.Removed)
		})
	}
}

// A run whose record was damaged and repaired leaves a domain that is closing
// and that nothing closes: it is planned and applied anew.
func TestOrphanedClosing(t *testing.T) {
	w := newWorld(t, memory())
	w.fill(w.Domain, "ann", 5)
	others := w.everything(w.other)
	stopped, cancel := context.WithCancel(ctx)
	r, err := w.c.Apply(stopped, w.Host, w.plan(closing.AtOnce), reason, func(chatadmin.Progress) { cancel() })
	require.ErrorIs(t, err, context.Canceled)
	w.damage("run", r.ID, "{")
	_, err = w.c.Resume(ctx, w.Host, r.ID, nil)
	require.ErrorIs(t, err, chatadmin.ErrDamaged)
	require.NoError(t, w.Host.Repair(ctx, "run", string(r.ID)))
	p := w.plan(0)
	require.Zero(t, p.Grace)
	r, err = w.c.Apply(ctx, w.Host, p, reason, nil)
	require.NoError(t, err)
	w.gone(r, others)
}
