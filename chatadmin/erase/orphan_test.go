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

// interruptedOf is a deletion of a user that the host has begun and not brought
// to its end.
func (w *world) interruptedOf(u chatadmin.User) chatadmin.ID {
	w.T.Helper()
	p, err := w.d.Plan(ctx, w.Host, []chatadmin.ID{u.ID}, nil)
	require.NoError(w.T, err)
	c, cancel := context.WithCancel(ctx)
	defer cancel()
	run, err := w.d.Apply(c, w.Host, p, reason, func(chatadmin.Progress) { cancel() })
	require.ErrorIs(w.T, err, context.Canceled)
	return run.ID
}

// A deletion whose record was damaged and repaired is planned anew by a domain
// admin, also where the domain has a grace period, and nothing is left.
func TestOrphans(t *testing.T) {
	for _, grace := range []int{0, 30} {
		w := newWorld(t, memory())
		clerk, err := w.Host.CreateRole(ctx, chatadmin.Role{Name: "Clerk", Level: 10, Permissions: []chatadmin.Permission{chatadmin.PermUsersDelete}})
		require.NoError(t, err)
		cleo := w.user("cleo", func(n *chatadmin.NewUser) { n.Role = clerk.ID })
		ann := w.crowd()
		bob, err := w.Host.UserByLogin(ctx, "bob@acme.example")
		require.NoError(t, err)
		id := w.interruptedOf(ann)
		require.NoError(t, w.d.SetPolicy(ctx, w.S, erase.Policy{GraceDays: grace}))
		w.blocked(w.S, nil, "deleting", chatadmin.ErrTransition, ann.ID)
		w.damage(id, func(e map[string]any) { clear(e) })
		w.blocked(w.S, nil, "deleting", chatadmin.ErrTransition, ann.ID)
		p, err := w.d.Plan(ctx, w.S, []chatadmin.ID{ann.ID}, nil)
		require.NoError(t, err)
		require.Contains(t, p.Blockers[0].Message, "repair")

		require.NoError(t, w.S.Repair(ctx, "run", string(id)))
		w.blocked(w.As(cleo), nil, "deleting", chatadmin.ErrTransition, ann.ID)
		w.blocked(w.S, nil, "deleting", chatadmin.ErrTransition, ann.ID, bob.ID)
		p, err = w.d.Plan(ctx, w.S, []chatadmin.ID{ann.ID}, nil)
		require.NoError(t, err)
		require.Empty(t, p.Blockers)
		require.Zero(t, p.Grace)
		require.EqualValues(t, 1, p.Counts[erase.Groups])
		before := w.everything()
		run, err := w.d.Apply(ctx, w.S, p, reason, nil)
		require.NoError(t, err)
		require.Equal(t, p.Counts, run.Data.Removed, "as planned")
		require.Equal(t, some(run.Data.Removed), w.gone(before), "as told")
		w.noTrace(ann.ID)
		require.Contains(t, w.EventsOf(ann.ID, erase.KindDelete)[0].Note, "deletion")
	}
}

// Two plans for the same orphans begin one deletion.
func TestOrphansTwice(t *testing.T) {
	w := newWorld(t, memory())
	ann := w.user("ann")
	id := w.interruptedOf(ann)
	w.damage(id, func(e map[string]any) { clear(e) })
	require.NoError(t, w.S.Repair(ctx, "run", string(id)))
	p, err := w.d.Plan(ctx, w.S, []chatadmin.ID{ann.ID}, nil)
	require.NoError(t, err)
	c, cancel := context.WithCancel(ctx)
	_, err = w.d.Apply(c, w.S, p, reason, func(chatadmin.Progress) { cancel() })
	require.ErrorIs(t, err, context.Canceled)
	_, err = w.d.Apply(ctx, w.S, p, reason, nil)
	require.ErrorIs(t, err, chatadmin.ErrTransition)
}

// Admin.Work carries out what is due, in the same way as RunDue: a clock that
// has jumped begins nothing.
func TestWork(t *testing.T) {
	for _, jumps := range []bool{false, true} {
		w, ann, bob, r := graceful(t)
		work := func() error { _, err := w.Admin.Work(ctx); return err }
		for range 20 {
			w.Clock.Advance(days)
			require.NoError(t, work())
		}
		if jumps {
			w.Clock.Advance(ahead)
			var clock *chatadmin.ClockError
			require.ErrorAs(t, work(), &clock)
			_ = work()
			require.Equal(t, chatadmin.Deactivated, w.Row(ann.ID).Status)
			got, err := w.d.Run(ctx, w.S, r.ID)
			require.NoError(t, err)
			require.Contains(t, got.Problem, "resume deletion "+string(r.ID))
			w.Clock.Advance(-ahead)
			require.NoError(t, work())
		}
		for range 9 {
			w.Clock.Advance(days)
			require.NoError(t, work())
			require.Equal(t, chatadmin.Deactivated, w.Row(ann.ID).Status)
		}
		w.Clock.Advance(days)
		require.NoError(t, work())
		w.noTrace(ann.ID, bob.ID)
		w.Clock.Advance(2 * time.Hour)
		require.NoError(t, work())
		left, _, err := w.Store.ListRecords(ctx, storage.RecordQuery{Kind: "clock", Domain: w.Domain}, chatadmin.Page{Limit: 10})
		require.NoError(t, err)
		require.Empty(t, left, "nothing is scheduled: the worker looks no more")
		left, _, err = w.Store.ListRecords(ctx, storage.RecordQuery{Kind: "run.ended", Domain: w.Domain}, chatadmin.Page{Limit: 10})
		require.NoError(t, err)
		require.Len(t, left, 1)
		require.Zero(t, left[0].Due, "the receipt is kept for ever")
	}
}

// A deletion whose begin fails is tried again after an hour, and says why.
func TestWorkRetries(t *testing.T) {
	w, ann, _, r := graceful(t)
	h, err := w.S.AddHold(ctx, chatadmin.Hold{User: ann.ID, Reason: "lawsuit"})
	require.NoError(t, err)
	for range 29 {
		w.Clock.Advance(days)
		_, err := w.Admin.Work(ctx)
		require.NoError(t, err)
	}
	w.Clock.Advance(days)
	_, err = w.Admin.Work(ctx)
	require.ErrorIs(t, err, chatadmin.ErrHeld)
	_, err = w.Admin.Work(ctx)
	require.NoError(t, err, "not at once")
	got, err := w.d.Run(ctx, w.S, r.ID)
	require.NoError(t, err)
	require.Contains(t, got.Problem, "hold")
	_, err = w.S.ReleaseHold(ctx, h.ID)
	require.NoError(t, err)
	w.Clock.Advance(time.Hour)
	_, err = w.Admin.Work(ctx)
	require.NoError(t, err)
	w.noTrace(ann.ID)
}

// Runs of all kinds can be taken over and cancelled by their ID: the same is
// asked for, and the users' events tell of it.
func TestAnyRun(t *testing.T) {
	w, ann, bob, r := graceful(t)
	second := w.user("second", admin)
	clerk, err := w.Host.CreateRole(ctx, chatadmin.Role{Name: "Clerk", Level: 0, Permissions: []chatadmin.Permission{chatadmin.PermUsersDelete}})
	require.NoError(t, err)
	cleo := w.user("cleo", func(n *chatadmin.NewUser) { n.Role = clerk.ID })
	_, err = w.S.TakeOverRun(ctx, r.ID)
	require.NoError(t, err, "it is theirs already")
	_, err = w.As(second).TakeOverRun(ctx, r.ID)
	require.NoError(t, err)
	e := w.EventsOf(ann.ID, erase.KindTakeOver)
	require.Len(t, e, 1)
	require.Equal(t, string(r.ID), e[0].Note["deletion"])
	require.Len(t, w.EventsOf(r.ID, chatadmin.KindRunTakeOver), 1)
	_, err = w.As(cleo).CancelRun(ctx, r.ID)
	require.NoError(t, err)
	require.Equal(t, chatadmin.Deactivated, w.Row(bob.ID).Status, "as before")
	require.Equal(t, chatadmin.Pending, w.Row(ann.ID).Status)
	require.Len(t, w.EventsOf(ann.ID, erase.KindCancel), 1)
	require.Len(t, w.EventsOf(r.ID, chatadmin.KindRunCancel), 1)
	got, err := w.d.Run(ctx, w.S, r.ID)
	require.NoError(t, err)
	require.Equal(t, []any{chatadmin.RunCancelled, []chatadmin.ID{ann.ID, bob.ID}}, []any{got.State, got.Data.Users})
}
