package signin_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/signin"
)

// What the domain decides while a password is verified, which may take long,
// holds for that sign-in.
func TestChangedWhileVerifying(t *testing.T) {
	for name, c := range map[string]struct {
		change func(w *world, u chatadmin.User) error
		want   signin.Reason
	}{
		"nothing": {func(*world, chatadmin.User) error { return nil }, ""},
		"suspended": {func(w *world, _ chatadmin.User) error {
			_, err := w.Host.ChangeSettings(ctx, func(s *chatadmin.Settings) error { s.State = chatadmin.DomainSuspended; return nil })
			return err
		}, signin.NoDomain},
		"the login becomes somebody else's": {func(w *world, u chatadmin.User) error {
			renamed := "before@acme.example"
			_, err := w.Host.EditUser(ctx, u.ID, chatadmin.UserEdit{Login: &renamed})
			if err == nil {
				_, err = w.Host.CreateUser(ctx, chatadmin.NewUser{Login: u.Login, NoInvitation: true})
			}
			return err
		}, signin.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, chatadmin.OfficeChat)
			u := w.user("ann")
			w.try(u.Login, "right", "") // the first sign-in, which is authorised by itself
			d, err := w.gate.SignIn(ctx, w.Domain, signin.Attempt{Login: u.Login, Client: signin.Web}, func(context.Context, chatadmin.User) (bool, error) {
				w.Clock.Advance(2 * time.Second)
				return true, c.change(w, u)
			})
			require.NoError(t, err)
			require.Equal(t, c.want, d.Reason())
			require.Equal(t, c.want == "", d.Allowed())
			require.Zero(t, w.records(), "the place is given back, and nothing counts")
		})
	}
}

// An attempt whose place has expired by another clock has counted as a failure.
// If it was right it is not let in, but takes that back, and the lock with it.
func TestExpiredByAnotherClock(t *testing.T) {
	for name, back := range map[string]time.Duration{"of another process": 0, "set back": -61 * time.Second} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, chatadmin.OfficeChat)
			u := w.user("ann")
			a, err := w.gate.Begin(ctx, w.Domain, signin.Attempt{Login: u.Login})
			require.NoError(t, err)
			ahead := w.gate
			if back == 0 {
				ahead, err = signin.New(chatadmintest.Must(chatadmin.New(w.Store, &chatadmin.Options{Now: func() time.Time { return w.Clock.Now().Add(61 * time.Second) }})), nil)
				require.NoError(t, err)
			}
			w.Clock.Advance(-back)
			for range 2 {
				d, err := ahead.SignIn(ctx, w.Domain, signin.Attempt{Login: u.Login}, w.verify("wrong"))
				require.NoError(t, err)
				require.False(t, d.Allowed())
			}
			w.Clock.Advance(back)
			d, err := w.gate.Finish(ctx, a, true)
			require.NoError(t, err)
			require.Equal(t, signin.Busy, d.Reason())
			require.Equal(t, signin.Lock{Failures: 2}, w.lock(u.ID))
			w.try(u.Login, "right", "")
		})
	}
}
