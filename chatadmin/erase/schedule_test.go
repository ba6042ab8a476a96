package erase_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/erase"
)

// graceful is a world with a grace period of 30 days, and a scheduled deletion
// of ann and of bob, who had been deactivated before.
func graceful(t *testing.T) (w *world, ann, bob chatadmin.User, r *erase.Run) {
	w = newWorld(t, memory())
	require.NoError(t, w.d.SetPolicy(ctx, w.S, erase.Policy{GraceDays: 30}))
	ann = w.crowd()
	found, err := w.Host.UserByLogin(ctx, "bob@acme.example")
	require.NoError(t, err)
	users, err := w.S.DeactivateUsers(ctx, found.ID)
	require.NoError(t, err)
	bob = users[0]
	p, err := w.d.Plan(ctx, w.S, []chatadmin.ID{ann.ID, bob.ID}, nil)
	require.NoError(t, err)
	require.Equal(t, 30*24*time.Hour, p.Grace)
	r, err = w.d.Apply(ctx, w.S, p, reason, nil)
	require.NoError(t, err)
	require.Equal(t, chatadmin.RunScheduled, r.State)
	require.Equal(t, w.Clock.Now().Add(30*24*time.Hour), r.Due)
	return w, ann, bob, r
}

func TestCancel(t *testing.T) {
	w, ann, bob, r := graceful(t)
	require.Equal(t, chatadmin.Deactivated, w.Row(ann.ID).Status)
	require.NotZero(t, w.everything()[erase.Chats])
	due, err := w.d.Scheduled(ctx, w.S, ann.ID, bob.ID, w.Boss.ID)
	require.NoError(t, err)
	require.Equal(t, map[chatadmin.ID]time.Time{ann.ID: r.Due, bob.ID: r.Due}, due)
	_, err = w.d.Resume(ctx, w.S, r.ID, nil)
	require.ErrorIs(t, err, chatadmin.ErrTransition)
	require.ErrorContains(t, err, "scheduled for")
	w.blocked(w.S, nil, "scheduled", chatadmin.ErrExists, ann.ID)
	done, err := w.d.RunDue(ctx, w.Domain)
	require.NoError(t, err)
	require.Empty(t, done)

	w.Clock.Advance(29 * 24 * time.Hour)
	for range 2 { // twice is once
		c, err := w.d.Cancel(ctx, w.S, r.ID)
		require.NoError(t, err)
		require.Equal(t, chatadmin.RunCancelled, c.State)
	}
	require.Equal(t, chatadmin.Pending, w.Row(ann.ID).Status, "as before")
	require.Equal(t, chatadmin.Deactivated, w.Row(bob.ID).Status, "as before")
	due, err = w.d.Scheduled(ctx, w.S, ann.ID)
	require.NoError(t, err)
	require.Empty(t, due)
	w.Clock.Advance(29 * 24 * time.Hour)
	done, err = w.d.RunDue(ctx, w.Domain)
	require.NoError(t, err)
	require.Empty(t, done)
}

func TestRunDue(t *testing.T) {
	w, ann, bob, r := graceful(t)
	w.Clock.Advance(30 * 24 * time.Hour)
	before := w.everything()
	done, err := w.d.RunDue(ctx, w.Domain)
	require.NoError(t, err)
	require.Len(t, done, 1)
	require.Equal(t, []chatadmin.ID{ann.ID, bob.ID}, done[0].Data.Users)
	require.Equal(t, []any{r.ID, r.By, r.Data.Reason, chatadmin.RunDone}, []any{done[0].ID, done[0].By, done[0].Data.Reason, done[0].State})
	require.Equal(t, some(done[0].Data.Removed), w.gone(before))
	w.noTrace(ann.ID, bob.ID)
	done, err = w.d.RunDue(ctx, w.Domain)
	require.NoError(t, err)
	require.Empty(t, done)
	all := 0
	for got, err := range w.d.Runs(ctx, w.S) {
		require.NoError(t, err)
		require.Equal(t, chatadmin.RunDone, got.State)
		all++
	}
	require.Equal(t, 1, all)
}

// Whoever was activated again is left out, and where nobody is left the
// deletion is off.
func TestActivatedMeanwhile(t *testing.T) {
	w, ann, bob, _ := graceful(t)
	_, err := w.S.ActivateUsers(ctx, bob.ID)
	require.NoError(t, err)
	w.Clock.Advance(31 * 24 * time.Hour)
	done, err := w.d.RunDue(ctx, w.Domain)
	require.NoError(t, err)
	require.Equal(t, []chatadmin.ID{ann.ID}, done[0].Data.Users)
	require.Equal(t, chatadmin.Pending, w.Row(bob.ID).Status)
	w.noTrace(ann.ID)

	w, ann, bob, r := graceful(t)
	_, err = w.S.ActivateUsers(ctx, ann.ID, bob.ID)
	require.NoError(t, err)
	w.Clock.Advance(31 * 24 * time.Hour)
	_, err = w.d.RunDue(ctx, w.Domain)
	require.NoError(t, err)
	r, err = w.d.Run(ctx, w.S, r.ID)
	require.NoError(t, err)
	require.Equal(t, chatadmin.RunCancelled, r.State)
	require.Equal(t, chatadmin.Pending, w.Row(ann.ID).Status)
}

// Who was activated and is deactivated later, for another reason, stays out: of
// the deletion, and of its cancellation.
func TestDeactivatedAgain(t *testing.T) {
	for _, cancel := range []bool{false, true} {
		w, ann, bob, r := graceful(t)
		for _, id := range []chatadmin.ID{ann.ID, bob.ID} {
			_, err := w.S.ActivateUsers(ctx, id)
			require.NoError(t, err)
			w.Clock.Advance(24 * time.Hour)
			_, err = w.S.DeactivateUsers(ctx, id)
			require.NoError(t, err)
			r, err = w.d.Run(ctx, w.S, r.ID)
			require.NoError(t, err)
			if id == bob.ID {
				require.Equal(t, chatadmin.RunCancelled, r.State)
			} else if require.Equal(t, []chatadmin.ID{bob.ID}, r.Data.Users); cancel {
				_, err = w.d.Cancel(ctx, w.S, r.ID)
				require.NoError(t, err)
			}
		}
		w.Clock.Advance(31 * 24 * time.Hour)
		_, err := w.d.RunDue(ctx, w.Domain)
		require.NoError(t, err)
		require.Equal(t, chatadmin.Deactivated, w.Row(ann.ID).Status)
		require.Equal(t, chatadmin.Deactivated, w.Row(bob.ID).Status)
	}
}

// A deletion that cannot begin when it is due has a way out; and it does not
// wait for an administrator whom it does not need.
func TestTransferTargetGone(t *testing.T) {
	for _, needed := range []bool{false, true} {
		w := newWorld(t, memory())
		require.NoError(t, w.d.SetPolicy(ctx, w.S, erase.Policy{GraceDays: 30}))
		ann, cat := w.user("ann", admin), w.user("cat", admin)
		if needed {
			w.mark(w.group(w.As(ann), "default"))
		}
		p, err := w.d.Plan(ctx, w.S, []chatadmin.ID{ann.ID}, &erase.Choice{TransferTo: cat.ID})
		require.NoError(t, err)
		r, err := w.d.Apply(ctx, w.S, p, reason, nil)
		require.NoError(t, err)
		_, err = w.S.AssignRole(ctx, chatadmin.RoleMember, cat.ID)
		require.NoError(t, err)
		w.Clock.Advance(31 * 24 * time.Hour)
		done, err := w.d.RunDue(ctx, w.Domain)
		if !needed {
			require.NoError(t, err)
			require.Len(t, done, 1)
			continue
		}
		require.ErrorIs(t, err, chatadmin.ErrInvalid)
		r, err = w.d.Cancel(ctx, w.S, r.ID)
		require.NoError(t, err)
		require.Equal(t, chatadmin.RunCancelled, r.State)
		require.Equal(t, chatadmin.Pending, w.Row(ann.ID).Status)
	}
}

// What is due waits for a hold, and for somebody who may when who asked for it
// may not any more.
func TestDueButNotPossible(t *testing.T) {
	w, ann, bob, r := graceful(t)
	second := w.user("second", admin)
	h, err := w.S.AddHold(ctx, chatadmin.Hold{User: ann.ID, Reason: "lawsuit"})
	require.NoError(t, err)
	w.Clock.Advance(31 * 24 * time.Hour)
	_, err = w.d.RunDue(ctx, w.Domain)
	require.ErrorIs(t, err, chatadmin.ErrHeld)
	_, err = w.S.ReleaseHold(ctx, h.ID)
	require.NoError(t, err)
	_, err = w.Host.AssignRole(ctx, chatadmin.RoleMember, w.Boss.ID)
	require.NoError(t, err)
	_, err = w.d.RunDue(ctx, w.Domain)
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
	require.Equal(t, chatadmin.Deactivated, w.Row(ann.ID).Status)
	r, err = w.d.TakeOver(ctx, w.As(second), r.ID)
	require.NoError(t, err)
	require.Equal(t, second.ID, r.By)
	done, err := w.d.RunDue(ctx, w.Domain)
	require.NoError(t, err)
	require.Equal(t, second.ID, done[0].By)
	w.noTrace(ann.ID, bob.ID)
}
