package erase_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/erase"
	"chatadmin.example/sdk/chatadmin/storage"
)

// interruptedOf is a deletion of a user that the host has begun and not brought to
// its end.
func (w *world) interruptedOf(u chatadmin.User) chatadmin.ID {
	w.t.Helper()
	p, err := w.d.Plan(ctx, w.host, []chatadmin.ID{u.ID}, nil)
	require.NoError(w.t, err)
	c, cancel := context.WithCancel(ctx)
	defer cancel()
	run, err := w.d.Apply(c, w.host, p, reason, func(chatadmin.Progress) { cancel() })
	require.ErrorIs(w.t, err, context.Canceled)
	return run.ID
}

// A deletion whose record was damaged and repaired is planned anew by a domain
// admin, also where the domain has a grace period, and nothing is left.
func TestOrphans(t *testing.T) {
	for _, grace := range []int{0, 30} {
		w := newWorld(t, memory())
		clerk, err := w.host.SetRole(ctx, chatadmin.Role{Name: "Clerk", Level: 10, Permissions: []chatadmin.Permission{chatadmin.PermUsersDelete}})
		require.NoError(t, err)
		cleo := w.user("cleo", func(n *chatadmin.NewUser) { n.Role = clerk.ID })
		ann := w.crowd()
		bob, err := w.host.UserByLogin(ctx, "bob@acme.example")
		require.NoError(t, err)
		id := w.interruptedOf(ann)
		require.NoError(t, w.d.SetPolicy(ctx, w.s, erase.Policy{GraceDays: grace}))
		w.blocked(w.s, nil, "deleting", chatadmin.ErrTransition, ann.ID)
		w.damage(id, func(e map[string]any) { clear(e) })
		w.blocked(w.s, nil, "deleting", chatadmin.ErrTransition, ann.ID)
		p, err := w.d.Plan(ctx, w.s, []chatadmin.ID{ann.ID}, nil)
		require.NoError(t, err)
		require.Contains(t, p.Blockers[0].Message, "repair")

		require.NoError(t, w.s.Repair(ctx, "run", string(id)))
		w.blocked(w.as(cleo), nil, "deleting", chatadmin.ErrTransition, ann.ID)
		w.blocked(w.s, nil, "deleting", chatadmin.ErrTransition, ann.ID, bob.ID)
		p, err = w.d.Plan(ctx, w.s, []chatadmin.ID{ann.ID}, nil)
		require.NoError(t, err)
		require.Empty(t, p.Blockers)
		require.Zero(t, p.Grace)
		require.EqualValues(t, 1, p.Counts[erase.Groups])
		before := w.everything()
		run, err := w.d.Apply(ctx, w.s, p, reason, nil)
		require.NoError(t, err)
		require.Equal(t, p.Counts, run.Data.Removed, "as planned")
		require.Equal(t, some(run.Data.Removed), w.gone(before), "as told")
		w.noTrace(ann.ID)
		require.Contains(t, w.events(chatadmin.EventQuery{Target: ann.ID, Kind: erase.KindDelete})[0].Note, "deletion")
	}
}

// Two plans for the same orphans begin one deletion.
func TestOrphansTwice(t *testing.T) {
	w := newWorld(t, memory())
	ann := w.user("ann")
	id := w.interruptedOf(ann)
	w.damage(id, func(e map[string]any) { clear(e) })
	require.NoError(t, w.s.Repair(ctx, "run", string(id)))
	p, err := w.d.Plan(ctx, w.s, []chatadmin.ID{ann.ID}, nil)
	require.NoError(t, err)
	c, cancel := context.WithCancel(ctx)
	_, err = w.d.Apply(c, w.s, p, reason, func(chatadmin.Progress) { cancel() })
	require.ErrorIs(t, err, context.Canceled)
	_, err = w.d.Apply(ctx, w.s, p, reason, nil)
	require.ErrorIs(t, err, chatadmin.ErrTransition)
}

// Admin.Work carries out what is due, in the same way as RunDue: a clock that has
// jumped begins nothing.
func TestWork(t *testing.T) {
	for _, jumps := range []bool{false, true} {
		w, ann, bob, r := graceful(t)
		work := func() error { _, err := w.admin.Work(ctx); return err }
		for range 20 {
			w.clock.Advance(days)
			require.NoError(t, work())
		}
		if jumps {
			w.clock.Advance(ahead)
			var clock *chatadmin.ClockError
			require.ErrorAs(t, work(), &clock)
			_ = work()
			require.Equal(t, chatadmin.Deactivated, w.status(ann.ID))
			got, err := w.d.Run(ctx, w.s, r.ID)
			require.NoError(t, err)
			require.Contains(t, got.Problem, "resume deletion "+string(r.ID))
			w.clock.Advance(-ahead)
			require.NoError(t, work())
		}
		for range 9 {
			w.clock.Advance(days)
			require.NoError(t, work())
			require.Equal(t, chatadmin.Deactivated, w.status(ann.ID))
		}
		w.clock.Advance(days)
		require.NoError(t, work())
		w.noTrace(ann.ID, bob.ID)
		w.clock.Advance(2 * time.Hour)
		require.NoError(t, work())
		left, _, err := w.store.ListRecords(ctx, storage.RecordQuery{Kind: "clock", Domain: w.domain}, chatadmin.Page{Limit: 10})
		require.NoError(t, err)
		require.Empty(t, left, "nothing is scheduled: the worker looks no more")
		left, _, err = w.store.ListRecords(ctx, storage.RecordQuery{Kind: "run.ended", Domain: w.domain}, chatadmin.Page{Limit: 10})
		require.NoError(t, err)
		require.Len(t, left, 1)
		require.Zero(t, left[0].Due, "the receipt is kept for ever")
	}
}

// A deletion whose begin fails is tried again after an hour, and says why.
func TestWorkRetries(t *testing.T) {
	w, ann, _, r := graceful(t)
	h, err := w.s.AddHold(ctx, chatadmin.Hold{User: ann.ID, Reason: "lawsuit"})
	require.NoError(t, err)
	for range 29 {
		w.clock.Advance(days)
		_, err := w.admin.Work(ctx)
		require.NoError(t, err)
	}
	w.clock.Advance(days)
	_, err = w.admin.Work(ctx)
	require.ErrorIs(t, err, chatadmin.ErrHeld)
	_, err = w.admin.Work(ctx)
	require.NoError(t, err, "not at once")
	got, err := w.d.Run(ctx, w.s, r.ID)
	require.NoError(t, err)
	require.Contains(t, got.Problem, "hold")
	_, err = w.s.ReleaseHold(ctx, h.ID)
	require.NoError(t, err)
	w.clock.Advance(time.Hour)
	_, err = w.admin.Work(ctx)
	require.NoError(t, err)
	w.noTrace(ann.ID)
}

// Runs of all kinds can be taken over and cancelled by their ID: the same is asked
// for, and the users' events tell of it.
func TestAnyRun(t *testing.T) {
	w, ann, bob, r := graceful(t)
	second := w.user("second", admin)
	clerk, err := w.host.SetRole(ctx, chatadmin.Role{Name: "Clerk", Level: 0, Permissions: []chatadmin.Permission{chatadmin.PermUsersDelete}})
	require.NoError(t, err)
	cleo := w.user("cleo", func(n *chatadmin.NewUser) { n.Role = clerk.ID })
	_, err = w.s.TakeOverRun(ctx, r.ID)
	require.NoError(t, err, "it is theirs already")
	_, err = w.as(second).TakeOverRun(ctx, r.ID)
	require.NoError(t, err)
	e := w.events(chatadmin.EventQuery{Target: ann.ID, Kind: erase.KindTakeOver})
	require.Len(t, e, 1)
	require.Equal(t, string(r.ID), e[0].Note["deletion"])
	require.Len(t, w.events(chatadmin.EventQuery{Target: r.ID, Kind: chatadmin.KindRunTakeOver}), 1)
	_, err = w.as(cleo).CancelRun(ctx, r.ID)
	require.NoError(t, err)
	require.Equal(t, chatadmin.Deactivated, w.status(bob.ID), "as before")
	require.Equal(t, chatadmin.Pending, w.status(ann.ID))
	require.Len(t, w.events(chatadmin.EventQuery{Target: ann.ID, Kind: erase.KindCancel}), 1)
	require.Len(t, w.events(chatadmin.EventQuery{Target: r.ID, Kind: chatadmin.KindRunCancel}), 1)
	got, err := w.d.Run(ctx, w.s, r.ID)
	require.NoError(t, err)
	require.Equal(t, []any{chatadmin.RunCancelled, []chatadmin.ID{ann.ID, bob.ID}}, []any{got.State, got.Data.Users})
}
