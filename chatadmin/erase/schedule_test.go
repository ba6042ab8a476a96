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
	require.NoError(t, w.d.SetPolicy(ctx, w.s, erase.Policy{GraceDays: 30}))
	ann = w.crowd()
	found, err := w.host.UserByLogin(ctx, "bob@acme.example")
	require.NoError(t, err)
	users, err := w.s.DeactivateUsers(ctx, found.ID)
	require.NoError(t, err)
	bob = users[0]
	p, err := w.d.Plan(ctx, w.s, []chatadmin.ID{ann.ID, bob.ID}, nil)
	require.NoError(t, err)
	require.Equal(t, 30*24*time.Hour, p.Grace)
	r, err = w.d.Apply(ctx, w.s, p, reason, nil)
	require.NoError(t, err)
	require.Equal(t, chatadmin.RunScheduled, r.State)
	require.Equal(t, w.clock.Now().Add(30*24*time.Hour), r.Due)
	return w, ann, bob, r
}

func (w *world) status(id chatadmin.ID) chatadmin.Status {
	w.t.Helper()
	us, err := w.store.Users(ctx, w.domain, []chatadmin.ID{id})
	require.NoError(w.t, err)
	require.Len(w.t, us, 1)
	return us[0].Status
}

func TestCancel(t *testing.T) {
	w, ann, bob, r := graceful(t)
	require.Equal(t, chatadmin.Deactivated, w.status(ann.ID))
	require.NotZero(t, w.everything()[erase.Chats])
	due, err := w.d.Scheduled(ctx, w.s, ann.ID, bob.ID, w.boss.ID)
	require.NoError(t, err)
	require.Equal(t, map[chatadmin.ID]time.Time{ann.ID: r.Due, bob.ID: r.Due}, due)
	_, err = w.d.Resume(ctx, w.s, r.ID, nil)
	require.ErrorIs(t, err, chatadmin.ErrTransition)
	require.ErrorContains(t, err, "scheduled for")
	w.blocked(w.s, nil, "scheduled", chatadmin.ErrExists, ann.ID)
	done, err := w.d.RunDue(ctx, w.domain)
	require.NoError(t, err)
	require.Empty(t, done)

	w.clock.Advance(29 * 24 * time.Hour)
	for range 2 { // twice is once
		c, err := w.d.Cancel(ctx, w.s, r.ID)
		require.NoError(t, err)
		require.Equal(t, chatadmin.RunCancelled, c.State)
	}
	require.Equal(t, chatadmin.Pending, w.status(ann.ID), "as before")
	require.Equal(t, chatadmin.Deactivated, w.status(bob.ID), "as before")
	due, err = w.d.Scheduled(ctx, w.s, ann.ID)
	require.NoError(t, err)
	require.Empty(t, due)
	w.clock.Advance(29 * 24 * time.Hour)
	done, err = w.d.RunDue(ctx, w.domain)
	require.NoError(t, err)
	require.Empty(t, done)
}

func TestRunDue(t *testing.T) {
	w, ann, bob, r := graceful(t)
	w.clock.Advance(30 * 24 * time.Hour)
	before := w.everything()
	done, err := w.d.RunDue(ctx, w.domain)
	require.NoError(t, err)
	require.Len(t, done, 1)
	require.Equal(t, []chatadmin.ID{ann.ID, bob.ID}, done[0].Data.Users)
	require.Equal(t, []any{r.ID, r.By, r.Data.Reason, chatadmin.RunDone}, []any{done[0].ID, done[0].By, done[0].Data.Reason, done[0].State})
	require.Equal(t, some(done[0].Data.Removed), w.gone(before))
	w.noTrace(ann.ID, bob.ID)
	done, err = w.d.RunDue(ctx, w.domain)
	require.NoError(t, err)
	require.Empty(t, done)
	all := 0
	for got, err := range w.d.Runs(ctx, w.s) {
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
	_, err := w.s.ActivateUsers(ctx, bob.ID)
	require.NoError(t, err)
	w.clock.Advance(31 * 24 * time.Hour)
	done, err := w.d.RunDue(ctx, w.domain)
	require.NoError(t, err)
	require.Equal(t, []chatadmin.ID{ann.ID}, done[0].Data.Users)
	require.Equal(t, chatadmin.Pending, w.status(bob.ID))
	w.noTrace(ann.ID)

	w, ann, bob, r := graceful(t)
	_, err = w.s.ActivateUsers(ctx, ann.ID, bob.ID)
	require.NoError(t, err)
	w.clock.Advance(31 * 24 * time.Hour)
	_, err = w.d.RunDue(ctx, w.domain)
	require.NoError(t, err)
	r, err = w.d.Run(ctx, w.s, r.ID)
	require.NoError(t, err)
	require.Equal(t, chatadmin.RunCancelled, r.State)
	require.Equal(t, chatadmin.Pending, w.status(ann.ID))
}

// Who was activated and is deactivated later, for another reason, stays out: of
// the deletion, and of its cancellation.
func TestDeactivatedAgain(t *testing.T) {
	for _, cancel := range []bool{false, true} {
		w, ann, bob, r := graceful(t)
		for _, id := range []chatadmin.ID{ann.ID, bob.ID} {
			_, err := w.s.ActivateUsers(ctx, id)
			require.NoError(t, err)
			w.clock.Advance(24 * time.Hour)
			_, err = w.s.DeactivateUsers(ctx, id)
			require.NoError(t, err)
			r, err = w.d.Run(ctx, w.s, r.ID)
			require.NoError(t, err)
			if id == bob.ID {
				require.Equal(t, chatadmin.RunCancelled, r.State)
			} else if require.Equal(t, []chatadmin.ID{bob.ID}, r.Data.Users); cancel {
				_, err = w.d.Cancel(ctx, w.s, r.ID)
				require.NoError(t, err)
			}
		}
		w.clock.Advance(31 * 24 * time.Hour)
		_, err := w.d.RunDue(ctx, w.domain)
		require.NoError(t, err)
		require.Equal(t, chatadmin.Deactivated, w.status(ann.ID))
		require.Equal(t, chatadmin.Deactivated, w.status(bob.ID))
	}
}

// A deletion that cannot begin when it is due has a way out; and it does not
// wait for an administrator whom it does not need.
func TestTransferTargetGone(t *testing.T) {
	for _, needed := range []bool{false, true} {
		w := newWorld(t, memory())
		require.NoError(t, w.d.SetPolicy(ctx, w.s, erase.Policy{GraceDays: 30}))
		ann, cat := w.user("ann", admin), w.user("cat", admin)
		if needed {
			w.mark(w.group(w.as(ann), "default"))
		}
		p, err := w.d.Plan(ctx, w.s, []chatadmin.ID{ann.ID}, &erase.Choice{TransferTo: cat.ID})
		require.NoError(t, err)
		r, err := w.d.Apply(ctx, w.s, p, reason, nil)
		require.NoError(t, err)
		_, err = w.s.AssignRole(ctx, chatadmin.RoleMember, cat.ID)
		require.NoError(t, err)
		w.clock.Advance(31 * 24 * time.Hour)
		done, err := w.d.RunDue(ctx, w.domain)
		if !needed {
			require.NoError(t, err)
			require.Len(t, done, 1)
			continue
		}
		require.ErrorIs(t, err, chatadmin.ErrInvalid)
		r, err = w.d.Cancel(ctx, w.s, r.ID)
		require.NoError(t, err)
		require.Equal(t, chatadmin.RunCancelled, r.State)
		require.Equal(t, chatadmin.Pending, w.status(ann.ID))
	}
}

// What is due waits for a hold, and for somebody who may when who asked for it
// may not any more.
func TestDueButNotPossible(t *testing.T) {
	w, ann, bob, r := graceful(t)
	second := w.user("second", admin)
	h, err := w.s.AddHold(ctx, chatadmin.Hold{User: ann.ID, Reason: "lawsuit"})
	require.NoError(t, err)
	w.clock.Advance(31 * 24 * time.Hour)
	_, err = w.d.RunDue(ctx, w.domain)
	require.ErrorIs(t, err, chatadmin.ErrHeld)
	_, err = w.s.ReleaseHold(ctx, h.ID)
	require.NoError(t, err)
	_, err = w.host.AssignRole(ctx, chatadmin.RoleMember, w.boss.ID)
	require.NoError(t, err)
	_, err = w.d.RunDue(ctx, w.domain)
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
	require.Equal(t, chatadmin.Deactivated, w.status(ann.ID))
	r, err = w.d.TakeOver(ctx, w.as(second), r.ID)
	require.NoError(t, err)
	require.Equal(t, second.ID, r.By)
	done, err := w.d.RunDue(ctx, w.domain)
	require.NoError(t, err)
	require.Equal(t, second.ID, done[0].By)
	w.noTrace(ann.ID, bob.ID)
}
