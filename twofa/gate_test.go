package twofa_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/twofa"
)

// gated is a world with the gate in front, in a domain whose users need no
// address.
func gated(t *testing.T, p twofa.Policy) (*world, *signin.Gate) {
	t.Helper()
	w := newWorld(t, p)
	set := w.Settings()
	d, boss, err := w.Admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Radio", Preset: chatadmin.ESChat,
		Admin:    chatadmin.NewUser{Login: "boss", Email: "boss@radio.example", FirstName: "The", LastName: "Boss", NoInvitation: true},
		Settings: func(s *chatadmin.Settings) { s.Policies = set.Policies }})
	require.NoError(t, err)
	w.Domain, w.Boss, w.Host, w.S = d.ID, boss, w.Admin.AsHost(d.ID), w.Admin.As(d.ID, boss.ID)
	g, err := signin.New(w.Admin, &signin.Options{SecondFactor: w.twofa})
	require.NoError(t, err)
	return w, g
}

func radio(login, email string) chatadmin.NewUser {
	return chatadmin.NewUser{Login: login, Email: email, FirstName: "Ann", LastName: "Smith", NoInvitation: true}
}

func right(context.Context, chatadmin.User) (bool, error) { return true, nil }

// failures are the failed sign-ins that are counted for a user.
func failures(t *testing.T, g *signin.Gate, w *world, u chatadmin.User) int {
	t.Helper()
	l, err := g.Locks(ctx, w.Host, u.ID)
	require.NoError(t, err)
	return l[u.ID].Failures
}

// For what a user lacks the gate answers with a decision, and counts nothing:
// neither an address nor a pause is a failure of the service, or a wrong
// password.
func TestGateDecidesForWhatAUserLacks(t *testing.T) {
	w, g := gated(t, byMail)
	none, err := w.Host.CreateUser(ctx, radio("none", ""))
	require.NoError(t, err)
	some, err := w.Host.CreateUser(ctx, radio("some", "some@radio.example"))
	require.NoError(t, err)
	sign := func(u chatadmin.User) signin.Decision {
		d, err := g.SignIn(ctx, w.Domain, signin.Attempt{Login: u.Login, Client: signin.Web}, right)
		require.NoError(t, err)
		return d
	}
	refused := func(u chatadmin.User, reason signin.Reason) {
		t.Helper()
		d := sign(u)
		require.Equal(t, []any{signin.Denied, reason, u.ID}, []any{d.Outcome, d.Reason(), d.Subject()})
		require.NotEqual(t, signin.Decision{}.Message(), d.Message(), "the password was right: what to do may be said")
		require.Zero(t, failures(t, g, w, u))
	}
	for range 5 {
		refused(none, signin.NoAddress)
	}
	w.Mail.FailNext(chatadmin.ErrMailRefused)
	refused(some, signin.NoAddress)

	for range 5 {
		require.Equal(t, signin.Challenged, sign(some).Outcome)
	}
	refused(some, signin.TooManyCodes)
	w.Clock.Advance(time.Hour)
	require.Equal(t, signin.Challenged, sign(some).Outcome)

	// Whoever is being deleted meanwhile does not come in, and that is no fault
	// of the service either.
	d, err := g.SignIn(ctx, w.Domain, signin.Attempt{Login: some.Login, Client: signin.Web}, func(context.Context, chatadmin.User) (bool, error) {
		return true, w.transition(some.ID, chatadmin.BeginDeletion)
	})
	require.NoError(t, err)
	require.Equal(t, signin.Denied, d.Outcome)
}

// Too many wrong codes are a decision too.
func TestGateDecidesDuringAPause(t *testing.T) {
	w, g := gated(t, byApp)
	ann, err := w.Host.CreateUser(ctx, radio("ann", ""))
	require.NoError(t, err)
	for range 2 {
		c := w.challenged(ann)
		for range 5 {
			w.wrong(c.ID, another(w.code(c.Enrolment.Secret.Reveal())))
		}
	}
	d, err := g.SignIn(ctx, w.Domain, signin.Attempt{Login: ann.Login, Client: signin.Web}, right)
	require.NoError(t, err)
	require.Equal(t, signin.TooManyCodes, d.Reason())
}

// What cannot be a code locks nobody, however often it is typed; the challenge
// is over after ten.
func TestGateDoesNotCountNoCodes(t *testing.T) {
	w, g := gated(t, byApp)
	ann, err := w.Host.CreateUser(ctx, radio("ann", ""))
	require.NoError(t, err)
	secret := w.enrol(ann)
	d, err := g.SignIn(ctx, w.Domain, signin.Attempt{Login: ann.Login, Client: signin.Web}, right)
	require.NoError(t, err)
	for n := range 10 {
		odd, err := g.Complete(ctx, w.Domain, d.Challenge.ID, w.code(secret)+"0", false)
		require.NoError(t, err)
		require.Equal(t, []any{signin.Denied, signin.NotACode, n < 9}, []any{odd.Outcome, odd.Reason(), odd.Retry})
	}
	require.Zero(t, failures(t, g, w, ann))
	over, err := g.Complete(ctx, w.Domain, d.Challenge.ID, w.code(secret), false)
	require.NoError(t, err)
	require.Equal(t, signin.NoChallenge, over.Reason())
	d, err = g.SignIn(ctx, w.Domain, signin.Attempt{Login: ann.Login, Client: signin.Web, Challenge: d.Challenge.ID}, right)
	require.NoError(t, err)
	d, err = g.Complete(ctx, w.Domain, d.Challenge.ID, w.code(secret)[:3]+" "+w.code(secret)[3:]+"\n", false)
	require.NoError(t, err)
	require.True(t, d.Allowed())
}

// Loading the page of the first sign-in again, through the gate, shows the same
// secret.
func TestGateReloadsTheEnrolment(t *testing.T) {
	w, g := gated(t, byApp)
	ann, err := w.Host.CreateUser(ctx, radio("ann", ""))
	require.NoError(t, err)
	a := signin.Attempt{Login: ann.Login, Client: signin.Web}
	first, err := g.SignIn(ctx, w.Domain, a, right)
	require.NoError(t, err)
	a.Challenge = first.Challenge.ID
	second, err := g.SignIn(ctx, w.Domain, a, right)
	require.NoError(t, err)
	require.Equal(t, first.Challenge, second.Challenge)
	d, err := g.Complete(ctx, w.Domain, second.Challenge.ID, w.code(first.Challenge.Enrolment.Secret.Reveal()), false)
	require.NoError(t, err)
	require.True(t, d.Allowed())
}
