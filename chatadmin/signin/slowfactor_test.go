package signin_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/chatadmin/signin"
)

// slow is a second factor that takes its time to ask, such as over a mail
// server that does not answer.
type slow struct {
	codes
	w   *world
	err error
}

func (s *slow) Ask(ctx context.Context, set *chatadmin.Settings, u chatadmin.User, a signin.Attempt) (signin.Asked, error) {
	s.w.Clock.Advance(61 * time.Second)
	if s.err != nil {
		return signin.Asked{}, s.err
	}
	return s.codes.Ask(ctx, set, u, a)
}

// A password that was right is no guess, however long what follows takes:
// nobody is locked by a slow mail server.
func TestSlowSecondFactor(t *testing.T) {
	second := &slow{}
	w := newWorld(t, chatadmin.OfficeChat, func(o *signin.Options) { o.SecondFactor = second })
	second.w = w
	w.user("ann")
	attempt := signin.Attempt{Login: "ann@acme.example", Client: signin.Web}
	sign := func(trust string) (signin.Decision, error) {
		attempt.Trust = secret.Hide(trust)
		return w.gate.SignIn(ctx, w.Domain, attempt, w.verify("right"))
	}
	for range 20 {
		d, err := sign("")
		require.NoError(t, err)
		require.Equal(t, "challenge", d.String())
		d, err = sign("trusted")
		require.NoError(t, err)
		require.Equal(t, signin.Busy, d.Reason())
		second.err = errors.New("no answer")
		_, err = sign("")
		require.ErrorIs(t, err, second.err)
		second.err = nil
	}
	require.Empty(t, w.Events(signin.KindUserLock))
	for range 20 { // nor is a password that is right too late a failure
		d, err := w.gate.SignIn(ctx, w.Domain, attempt, func(context.Context, chatadmin.User) (bool, error) {
			w.Clock.Advance(61 * time.Second)
			return true, nil
		})
		require.NoError(t, err)
		require.Equal(t, signin.Busy, d.Reason())
	}
	require.Empty(t, w.Events(signin.KindUserLock))
	require.Zero(t, w.records())
}

// Whoever does not come in after all, since access was denied in the last
// moment, gets the token that took the place of theirs.
func TestDeniedWithToken(t *testing.T) {
	second := &denying{}
	w := newWorld(t, chatadmin.OfficeChat, func(o *signin.Options) { o.SecondFactor = second })
	u := w.user("ann")
	second.before = func() {
		_, err := w.Host.DenyAccess(ctx, u.ID)
		require.NoError(t, err)
	}
	d, err := w.gate.SignIn(ctx, w.Domain, signin.Attempt{Login: "ann@acme.example", Client: signin.Web, Trust: secret.Hide("trusted")}, w.verify("right"))
	require.NoError(t, err)
	require.Equal(t, signin.NoAccess, d.Reason())
	require.Equal(t, "rotated", d.Trust.Reveal())
}

type denying struct {
	codes
	before func()
}

func (s *denying) Ask(ctx context.Context, set *chatadmin.Settings, u chatadmin.User, a signin.Attempt) (signin.Asked, error) {
	s.before()
	return s.codes.Ask(ctx, set, u, a)
}

// A program that has two-factor authentication does not have a gate without.
func TestGateWithoutItsFactor(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	w.Admin.Extend(chatadmin.Extension{TwoFactor: on{}})
	_, err := signin.New(w.Admin, nil)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	_, err = signin.New(w.Admin, &signin.Options{SecondFactor: &codes{}})
	require.NoError(t, err)
}

type on struct{ chatadmin.TwoFactor }
