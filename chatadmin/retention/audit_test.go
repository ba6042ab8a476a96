package retention_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/retention"
)

// The domain decides to keep things for longer while a run is under way: it
// ends, and what is left stays.
func TestStopped(t *testing.T) {
	for name, c := range map[string]struct {
		days    int
		stopped bool
	}{"longer": {91, true}, "for ever": {0, true}, "shorter": {30, false}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, memory(), hasty)
			w.wrote(w.sales, w.ann, 100*day, 6000, 0)
			w.days(90)
			changed := false
			rep, err := w.r.Apply(ctx, w.S, w.plan(w.S), func(chatadmin.Progress) {
				if !changed {
					w.days(c.days)
					changed = true
				}
			})
			require.Equal(t, rep.Data.Removed.Messages, 6000-w.all().Messages)
			if !c.stopped {
				require.NoError(t, err)
				require.Equal(t, []any{chatadmin.RunDone, int64(6000)}, []any{rep.State, rep.Data.Removed.Messages})
				return
			}
			require.ErrorIs(t, err, chatadmin.ErrPlanStale)
			require.ErrorContains(t, err, "for longer than 90 days now")
			require.Equal(t, chatadmin.RunStopped, rep.State)
			require.NotZero(t, rep.Ended)
			require.Positive(t, rep.Data.Removed.Messages)
			require.Positive(t, w.all().Messages)
			e := w.Events("retention.")[0]
			require.Equal(t, retention.KindStop, e.Kind)
			require.Equal(t, []chatadmin.ID{rep.ID}, e.Targets)
			same, err := w.r.Resume(ctx, w.S, rep.ID, nil)
			require.NoError(t, err)
			require.Equal(t, rep, same)
		})
	}
}

func TestAudit(t *testing.T) {
	w := newWorld(t, memory(), func(o *chatadmin.Options) { o.Outbox = true })
	w.crowd()
	w.days(90)
	hold := w.hold(w.ann, "")
	p := w.plan(w.S)
	rep, err := w.r.Apply(ctx, w.S, p, nil)
	require.NoError(t, err)
	w.release(hold)
	events := w.Events("retention.")
	require.Len(t, events, 3)
	note := map[string]string{"days": "90", "before": "2025-12-01T09:00:00Z", "messages": "14", "files": "3"}
	for i, kind := range []string{retention.KindDone, retention.KindBegin} {
		require.Equal(t, kind, events[i].Kind)
		require.Equal(t, w.S.Actor(), events[i].Actor)
		require.Equal(t, []chatadmin.ID{rep.ID}, events[i].Targets)
		require.Equal(t, note, events[i].Note)
	}
	var kinds []string
	require.NoError(t, w.Admin.DeliverEvents(ctx, func(_ context.Context, e chatadmin.OutboxEvent) error {
		kinds = append(kinds, e.Kind)
		return nil
	}))
	require.Equal(t, []string{retention.KindSet, chatadmin.KindHoldAdd, retention.KindBegin, retention.KindDone, chatadmin.KindHoldRelease}, kinds[len(kinds)-5:])
}

// The host may refuse before anything happens, and at every batch.
func TestVeto(t *testing.T) {
	w := newWorld(t, memory())
	w.crowd()
	w.days(90)
	no := errors.New("not while the backup runs")
	for batches := range 2 {
		p, before := w.plan(w.S), w.all()
		w.before = func(i chatadmin.Intent) error {
			if i.Kind == retention.KindBegin {
				if batches--; batches < 0 {
					return no
				}
			}
			return nil
		}
		rep, err := w.r.Apply(ctx, w.S, p, nil)
		require.ErrorIs(t, err, chatadmin.ErrVetoed)
		require.ErrorIs(t, err, no)
		require.Equal(t, before, w.all())
		w.before = nil
		if rep == nil {
			require.Empty(t, w.reports())
			continue
		}
		rep, err = w.r.Resume(ctx, w.S, rep.ID, nil)
		require.NoError(t, err)
		require.Equal(t, old, rep.Data.Removed)
	}
}
