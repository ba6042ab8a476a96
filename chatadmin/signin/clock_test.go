package signin_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// aheads are by how much a clock was wrong before it is put right.
var aheads = map[string]time.Duration{"an hour": time.Hour, "a month": 31 * 24 * time.Hour, "seventy years": 70 * 365 * 24 * time.Hour}

// A clock ahead, then put right: what was written by it keeps nobody out,
// without anybody doing anything, and Unlock clears it.
func TestClockPutRight(t *testing.T) {
	begin := func(w *world) {
		for range 3 {
			_, err := w.gate.Begin(ctx, w.Domain, signin.Attempt{Login: "boss@acme.example"})
			require.NoError(w.T, err)
		}
	}
	wrong := func(w *world) {
		for range 3 {
			w.try("boss@acme.example", "wrong", signin.Wrong)
		}
	}
	for name, ahead := range aheads {
		for state, write := range map[string]func(*world){"abandoned places": begin, "locked": wrong, "locked, never lifts": func(w *world) {
			require.NoError(w.T, w.gate.SetPolicy(ctx, w.Host, signin.Policy{UnlockAfter: signin.UntilUnlocked}))
			wrong(w)
		}, "locked for a year": func(w *world) {
			require.NoError(w.T, w.gate.SetPolicy(ctx, w.Host, signin.Policy{UnlockAfter: 365 * 24 * time.Hour}))
			wrong(w)
		}} {
			t.Run(state+", "+name, func(t *testing.T) {
				w := newWorld(t, chatadmin.OfficeChat, func(o *signin.Options) { o.Wait = time.Nanosecond })
				w.Clock.Advance(ahead)
				write(w)
				w.Clock.Advance(-ahead)
				require.False(t, w.lock(w.Boss.ID).Locked)
				w.try("boss@acme.example", "right", "")

				w.Clock.Advance(ahead)
				write(w)
				w.Clock.Advance(-ahead)
				require.NoError(t, w.gate.Unlock(ctx, w.Host, w.Boss.ID))
				require.Zero(t, w.lock(w.Boss.ID))
				require.Zero(t, w.records())
			})
		}
	}
}

// Guessing goes on counting: a lock that is not believed leaves one guess
// before the next one, and an attempt of the wrong clock counts when it ends.
func TestClockPutRightStillCounts(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	w.Clock.Advance(time.Hour)
	for range 3 {
		w.try("boss@acme.example", "wrong", signin.Wrong)
	}
	w.Clock.Advance(-time.Hour)
	w.try("boss@acme.example", "wrong", signin.Wrong)
	w.try("boss@acme.example", "right", signin.Locked)
	require.Equal(t, w.Clock.Now().Add(15*time.Minute), w.lock(w.Boss.ID).Until)

	w.user("ann")
	w.Clock.Advance(time.Hour)
	try, err := w.gate.Begin(ctx, w.Domain, signin.Attempt{Login: "ann@acme.example"})
	require.NoError(t, err)
	w.Clock.Advance(-time.Hour)
	ann := try.User.ID
	w.try("ann@acme.example", "wrong", signin.Wrong)
	_, err = w.gate.Finish(ctx, try, false)
	require.NoError(t, err)
	require.Equal(t, 2, w.lock(ann).Failures)
	w.Clock.Advance(time.Minute)
	require.Equal(t, 2, w.lock(ann).Failures)
}

// Sessions that were ended by a clock ahead end now, not when it is that late.
func TestSessionsOfAClockAhead(t *testing.T) {
	for name, ahead := range aheads {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, chatadmin.OfficeChat)
			u := w.user("ann")
			w.Clock.Advance(ahead)
			_, err := w.Host.DenyAccess(ctx, u.ID)
			require.NoError(t, err)
			w.Clock.Advance(-ahead)
			n, err := w.gate.EndSessions(ctx)
			require.NoError(t, err)
			require.Equal(t, 1, n)
			w.Clock.Advance(time.Minute)
			n, err = w.gate.EndSessions(ctx)
			require.NoError(t, err)
			require.Equal(t, 1, n, "once more")
			w.Clock.Advance(ahead)
			n, err = w.gate.EndSessions(ctx)
			require.NoError(t, err)
			require.Zero(t, n)
		})
	}
}

// Who was signing in with the old password while it changed is not let in,
// however the two meet.
func TestPasswordChangedWhileVerifying(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	u := w.user("ann")
	w.try(u.Login, "right", "")
	d, err := w.gate.SignIn(ctx, w.Domain, signin.Attempt{Login: u.Login}, func(context.Context, chatadmin.User) (bool, error) {
		return true, w.Admin.PasswordChanged(ctx, w.Domain, u.ID)
	})
	require.NoError(t, err)
	require.Equal(t, signin.Changed, d.Reason())
	require.Zero(t, w.lock(u.ID), "which is no failure")
	w.Clock.Advance(time.Second)
	d = w.try(u.Login, "right", "")
	require.Zero(t, w.records())
	require.Equal(t, w.Clock.Now(), d.Began)

	// One that begins in the middle of the change loses its race, or comes
	// after.
	begun := 0
	op := chatadmin.Op{Kind: "test", Fence: storage.Shared}
	require.NoError(t, w.Host.Change(ctx, op, func(ctx context.Context, work *chatadmin.Writer) error {
		if begun++; begun == 1 {
			if err := work.End(ctx, chatadmin.CausePassword, time.Time{}, u.ID); err != nil {
				return err
			}
			work.Audit("test", []chatadmin.ID{u.ID}, nil, nil)
			return storage.ErrRetry
		}
		return work.End(ctx, chatadmin.CausePassword, time.Time{}, u.ID)
	}))
	_, err = w.gate.EndSessions(ctx)
	require.NoError(t, err)
	last := w.sessions.told[len(w.sessions.told)-1]
	require.Equal(t, told{[]chatadmin.ID{u.ID}, w.Clock.Now().Add(time.Millisecond)}, last)
}

// Whatever is missing is refused, and never a panic.
func TestNil(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	u := w.user("ann")
	_, err := signin.New(nil, nil)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	_, err = signin.New(w.Admin, &signin.Options{Sessions: (*sessions)(nil)})
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	_, err = signin.New(w.Admin, &signin.Options{SecondFactor: (*codes)(nil)})
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	for _, login := range []string{u.Login, "nobody"} {
		_, err = w.gate.SignIn(ctx, w.Domain, signin.Attempt{Login: login}, nil)
		require.ErrorIs(t, err, chatadmin.ErrInvalid)
	}
	require.Zero(t, w.records(), "no place was taken")
	for _, try := range []*signin.Try{nil, {}} {
		_, err = w.gate.Finish(ctx, try, true)
		require.ErrorIs(t, err, chatadmin.ErrInvalid)
		require.ErrorIs(t, w.gate.Cancel(ctx, try), chatadmin.ErrInvalid)
	}
	for _, s := range []*chatadmin.Scope{nil, {}} {
		require.ErrorIs(t, w.gate.Unlock(ctx, s, u.ID), chatadmin.ErrForbidden)
		require.ErrorIs(t, w.gate.Unlink(ctx, s, u.ID), chatadmin.ErrForbidden)
		require.ErrorIs(t, w.gate.SetPolicy(ctx, s, signin.Policy{}), chatadmin.ErrForbidden)
		_, err = w.gate.Policy(ctx, s)
		require.ErrorIs(t, err, chatadmin.ErrForbidden)
		_, err = w.gate.Locks(ctx, s, u.ID)
		require.ErrorIs(t, err, chatadmin.ErrForbidden)
	}
}
