package retention_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/retention"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

func (w *world) runDue() []*retention.Run {
	w.T.Helper()
	all, err := w.r.RunDue(ctx, w.Domain)
	require.NoError(w.T, err)
	return all
}

func TestRunDue(t *testing.T) {
	w := newWorld(t, memory())
	w.crowd()
	require.Empty(t, w.runDue(), "without a policy nothing goes")
	w.days(101)
	require.Empty(t, w.runDue(), "nothing is old enough")
	require.Empty(t, w.reports(), "and of nothing there is no report")
	w.Clock.Advance(day + 1)
	require.Empty(t, w.runDue())
	w.Clock.Advance(day)
	all := w.runDue()
	require.Len(t, all, 1)
	require.Equal(t, []any{chatadmin.RunDone, chatadmin.HostActor, old}, []any{all[0].State, all[0].By, all[0].Data.Removed})
	require.Empty(t, w.runDue(), "twice is once")
	require.Equal(t, all, w.reports())
	_, err := w.r.RunDue(ctx, "no-such-domain")
	require.ErrorIs(t, err, chatadmin.ErrNotFound)

	// A suspended domain's data is kept until it is active again.
	w.wrote(w.sales, w.ann, 200*day, 1, 0)
	_, err = w.Host.ChangeSettings(ctx, func(set *chatadmin.Settings) error { set.State = chatadmin.DomainSuspended; return nil })
	require.NoError(t, err)
	require.Empty(t, w.runDue())
	_, err = w.Host.ChangeSettings(ctx, func(set *chatadmin.Settings) error { set.State = chatadmin.DomainActive; return nil })
	require.NoError(t, err)
	require.Len(t, w.runDue(), 1)
}

// cancelling cancels a context when a run has ended.
type cancelling struct {
	chatadmin.Store
	domain chatadmin.ID
	cancel func()
}

func (s *cancelling) Update(ctx context.Context, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
	err := s.Store.Update(ctx, fence, f)
	if rs, _, listErr := s.ListRecords(context.Background(), storage.RecordQuery{Kind: "run.ended", Domain: s.domain}, chatadmin.Page{Limit: 10}); s.cancel != nil && listErr == nil {
		for _, r := range rs {
			if bytes.Contains(r.Data, []byte(`"state":"done"`)) {
				s.cancel()
			}
		}
	}
	return err
}

// Cancelled between two runs, the second of which was not even looked at, it
// says so.
func TestRunDueCancelled(t *testing.T) {
	store := &cancelling{Store: memory()}
	w := newWorld(t, store)
	store.domain = w.Domain
	w.crowd()
	w.days(90)
	no := errors.New("not now")
	for range 2 { // runs that are interrupted
		n := 0
		w.before = func(chatadmin.Intent) error {
			if n++; n == 2 {
				return no
			}
			return nil
		}
		_, err := w.r.Apply(ctx, w.S, w.plan(w.S), nil)
		require.ErrorIs(t, err, no)
	}
	w.before = nil
	w.Clock.Advance(day)
	c, cancel := context.WithCancel(ctx)
	store.cancel = cancel
	ended, err := w.r.RunDue(c, w.Domain)
	require.Len(t, ended, 1)
	require.ErrorIs(t, err, context.Canceled)
}

// A run whose administrator was demoted goes on in the name of the host, when
// nothing has been heard of it for ten minutes.
func TestTakenUp(t *testing.T) {
	w := newWorld(t, memory(), hasty)
	w.wrote(w.sales, w.ann, 100*day, 6000, 0)
	w.days(90)
	rep := w.interrupted(w.second, 1)
	require.Positive(t, rep.Data.Removed.Messages)
	_, err := w.S.AssignRole(ctx, chatadmin.RoleMember, w.second.Actor())
	require.NoError(t, err)
	w.wrote(w.news, w.ann, 10*day, 7, 0)
	w.days(200) // so that the worker begins none by itself
	w.days(90)
	_, err = w.r.Resume(ctx, w.second, rep.ID, nil)
	require.ErrorIs(t, err, chatadmin.ErrForbidden)

	w.Clock.Advance(day)
	all := w.runDue()
	require.Len(t, all, 1)
	require.Equal(t, []any{rep.ID, chatadmin.RunDone, chatadmin.HostActor, retention.Counts{Messages: 6000}}, []any{all[0].ID, all[0].State, all[0].By, all[0].Data.Removed})
	require.Empty(t, w.runDue())
	var kinds []string
	for _, e := range w.EventsOf(rep.ID, "") {
		kinds = append(kinds, e.Kind)
		if e.Kind == chatadmin.KindRunTakeOver {
			require.Equal(t, chatadmin.HostActor, e.Actor)
			require.Equal(t, map[string]string{"from": string(w.second.Actor()), "kind": "retention"}, e.Note)
		}
	}
	require.Equal(t, []string{retention.KindDone, chatadmin.KindRunTakeOver, retention.KindBegin}, kinds)
}

// A run that goes on is left to whoever has begun it, however long it takes.
func TestNotTakenUp(t *testing.T) {
	w := newWorld(t, memory(), hasty)
	w.wrote(w.sales, w.ann, 100*day, 6000, 0)
	w.days(90)
	batches := 0
	rep, err := w.r.Apply(ctx, w.S, w.plan(w.S), func(chatadmin.Progress) {
		batches++
		w.Clock.Advance(9 * 60e9)
		if batches > 2 { // for longer than ten minutes
			c, cancel := context.WithCancel(ctx)
			w.before = func(i chatadmin.Intent) error {
				require.NotEqual(t, chatadmin.KindRunTakeOver, i.Kind)
				cancel() // nor do we let it begin another
				return nil
			}
			_, err := w.r.RunDue(c, w.Domain)
			w.before = nil
			cancel()
			require.True(t, err == nil || errors.Is(err, context.Canceled), "%v", err)
		}
	})
	require.NoError(t, err)
	require.Greater(t, batches, 4)
	require.Equal(t, []any{w.S.Actor(), retention.Counts{Messages: 6000}}, []any{rep.By, rep.Data.Removed})
}

// What cannot go on does not keep the others; a run that is to stop is no
// error.
func TestRunDueOfMany(t *testing.T) {
	w := newWorld(t, memory(), hasty)
	w.wrote(w.sales, w.ann, 100*day, 3000, 0)
	w.days(90)
	first, second := w.interrupted(w.S, 0), w.interrupted(w.S, 0)
	w.Clock.Advance(day)
	no := errors.New("not this one")
	w.before = func(i chatadmin.Intent) error {
		if i.Targets[0] == first.ID {
			return no
		}
		return nil
	}
	all, err := w.r.RunDue(ctx, w.Domain)
	require.ErrorIs(t, err, no)
	require.ErrorContains(t, err, string(first.ID))
	require.Len(t, all, 1)
	require.Equal(t, []any{second.ID, int64(3000)}, []any{all[0].ID, all[0].Data.Removed.Messages})
	w.before = nil
	w.days(0)
	require.Empty(t, w.runDue(), "tried again after an hour")
	w.Clock.Advance(time.Hour)
	all = w.runDue()
	require.Len(t, all, 1)
	require.Equal(t, []any{first.ID, chatadmin.RunStopped, int64(0)}, []any{all[0].ID, all[0].State, all[0].Data.Removed.Messages})
	require.Empty(t, w.runDue())
}

// Cancelling ends the work at once, and what comes later goes on exactly there.
func TestCancel(t *testing.T) {
	w := newWorld(t, memory(), hasty)
	w.wrote(w.sales, w.ann, 100*day, 6000, 0)
	w.days(90)
	gone, cancel := context.WithCancel(ctx)
	cancel()
	_, err := w.r.RunDue(gone, w.Domain)
	require.ErrorIs(t, err, context.Canceled)
	_, err = w.r.Apply(gone, w.S, w.plan(w.S), nil)
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, w.reports())

	one, another := w.interrupted(w.S, 0), w.interrupted(w.S, 2)
	require.Zero(t, one.Data.Removed)
	require.Equal(t, another.Data.Removed.Messages, 6000-w.all().Messages)
	w.Clock.Advance(day)
	_, err = w.r.RunDue(gone, w.Domain)
	require.ErrorIs(t, err, context.Canceled)
	c, cancel := context.WithCancel(ctx)
	w.before = func(chatadmin.Intent) error { cancel(); return nil } // with the first of the two
	all, err := w.r.RunDue(c, w.Domain)
	w.before = nil
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, all)
	w.Clock.Advance(11 * time.Minute)
	all = w.runDue()
	require.Len(t, all, 2)
	require.EqualValues(t, 6000, all[0].Data.Removed.Messages+all[1].Data.Removed.Messages)
	require.Zero(t, w.all())
}

// The worker makes its plan anew when a hold comes between planning and
// applying.
func TestRunDueAndHolds(t *testing.T) {
	for holds, err := range map[int]error{1: nil, 4: nil, 5: chatadmin.ErrPlanStale} {
		t.Run(fmt.Sprint(holds), func(t *testing.T) {
			w := newWorld(t, memory())
			w.crowd()
			var users []chatadmin.ID
			for n := range holds {
				users = append(users, w.user(fmt.Sprintf("held%d", n), ""))
			}
			w.days(90)
			w.before = func(i chatadmin.Intent) error {
				if i.Kind == retention.KindBegin && len(users) > 0 {
					id := users[0]
					users = users[1:]
					w.hold(id, "")
				}
				return nil
			}
			all, got := w.r.RunDue(ctx, w.Domain)
			require.ErrorIs(t, got, err)
			require.Empty(t, users)
			if err == nil {
				require.Len(t, all, 1)
				require.Equal(t, old, all[0].Data.Removed)
			} else {
				require.Equal(t, old, minus(w.all(), retention.Counts{Messages: 3, Files: 1}))
			}
		})
	}
}

// On a store that runs functions twice and does not tell what it has committed,
// everything happens once.
func TestUnreliableStore(t *testing.T) {
	for seed := range uint64(8) {
		m := memstore.New(nil)
		w := newWorld(t, m)
		w.crowd()
		w.days(90)
		w.Store = m.Handle(&memstore.Options{Chaos: &memstore.Chaos{Seed: seed, Rerun: 0.3, UnknownKept: 0.2, UnknownLost: 0.1}})
		w.Restart()
		all := w.runDue()
		require.Len(t, all, 1)
		require.Equal(t, old, all[0].Data.Removed)
		require.Len(t, w.EventsOf(all[0].ID, ""), 2)
		for err := error(chatadmin.ErrCommitUnknown); err != nil; { // the worker calls it again
			require.ErrorIs(t, err, chatadmin.ErrCommitUnknown)
			_, err = w.Admin.ReleaseBlobs(ctx, w.Domain)
		}
		require.Len(t, slices.Compact(slices.Sorted(slices.Values(w.Blobs.Deleted()))), 6)
	}
}
