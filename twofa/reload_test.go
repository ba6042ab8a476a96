package twofa_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/keyring"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/twofa"
)

// reload is the sign-in of a client that holds a challenge.
func (w *world) reload(u chatadmin.User, challenge string, change ...func(*signin.Attempt)) *signin.Challenge {
	w.T.Helper()
	a := signin.Attempt{Login: u.Login, Client: signin.Web, Method: signin.Password, Challenge: challenge}
	for _, f := range change {
		f(&a)
	}
	asked, err := w.twofa.Ask(ctx, w.Settings(), u, a)
	require.NoError(w.T, err)
	require.NotNil(w.T, asked.Challenge)
	return asked.Challenge
}

// Reloading the enrolment page shows the same QR code until the challenge is
// over, whichever way the host loads it.
func TestReloadedEnrolment(t *testing.T) {
	w := newWorld(t, byApp)
	ann := w.User("ann@acme.example")
	c := w.challenged(ann)
	rev := w.record(ann).Rev
	for range 3 {
		w.Clock.Advance(time.Minute)
		require.Equal(t, c, w.reload(ann, c.ID))
		shown, err := w.twofa.Challenge(ctx, w.Domain, c.ID)
		require.NoError(t, err)
		require.Equal(t, *c, shown)
	}
	require.Equal(t, rev, w.record(ann).Rev, "nothing is written")
	w.wrong(c.ID, another(w.code(c.Enrolment.Secret.Reveal())))
	require.Equal(t, c, w.reload(ann, c.ID), "a wrong code leaves it as it is")
	w.right(c.ID, w.code(c.Enrolment.Secret.Reveal()))

	_, err := w.twofa.Challenge(ctx, w.Domain, c.ID)
	require.ErrorIs(t, err, chatadmin.ErrNotFound, "the QR code is never shown again")
	next := w.reload(ann, c.ID)
	require.NotEqual(t, c.ID, next.ID)
	require.Nil(t, next.Enrolment)
}

// The same secret is shown to the client that holds the challenge, and to
// nobody else who knows the password: they could read the user's codes for
// ever.
func TestReloadIsBoundToItsClient(t *testing.T) {
	w := newWorld(t, byApp)
	ann, bob := w.User("ann@acme.example"), w.User("bob@acme.example")
	c := w.challenged(ann)
	for name, other := range chatadmintest.InOrder(map[string]*signin.Challenge{
		"no challenge":   w.challenged(ann),
		"another's":      w.reload(bob, c.ID),
		"no such one":    w.reload(ann, c.ID[:len(c.ID)-4]+"AAAA"),
		"odd":            w.reload(ann, "x"),
		"another client": w.reload(ann, c.ID, func(a *signin.Attempt) { a.Client = signin.Desktop }),
		"another device": w.reload(ann, c.ID, func(a *signin.Attempt) { a.Device = "phone" }),
	}) {
		require.NotEqual(t, c.ID, other.ID, name)
		require.NotEqual(t, c.Enrolment.Secret.Reveal(), other.Enrolment.Secret.Reveal(), name)
	}
	for _, id := range []string{"", "x", c.ID[:len(c.ID)-4] + "AAAA", string(bob.ID) + c.ID[len(ann.ID):]} {
		_, err := w.twofa.Challenge(ctx, w.Domain, id)
		require.ErrorIs(t, err, chatadmin.ErrNotFound)
	}
	require.Equal(t, c, w.reload(ann, c.ID))

	// What ends the challenge ends its secret: time, a reset, another mode.
	w.Clock.Advance(10 * time.Minute)
	after := w.reload(ann, c.ID)
	require.NotEqual(t, c.Enrolment.Secret.Reveal(), after.Enrolment.Secret.Reveal())
	require.NoError(t, w.twofa.Reset(ctx, w.S, ann.ID))
	again := w.reload(ann, after.ID)
	require.NotEqual(t, after.Enrolment.Secret.Reveal(), again.Enrolment.Secret.Reveal())
	w.mode(byMail)
	require.Nil(t, w.reload(ann, again.ID).Enrolment)
}

// Reloading the page of a mailed code sends no further one: the first works.
func TestReloadedMail(t *testing.T) {
	w := newWorld(t, byMail)
	ann := w.User("ann@acme.example")
	c, code := w.challenged(ann), w.mailed(ann)
	for range 20 {
		require.Equal(t, c, w.reload(ann, c.ID))
	}
	shown, err := w.twofa.Challenge(ctx, w.Domain, c.ID)
	require.NoError(t, err)
	require.Equal(t, *c, shown)
	require.Len(t, w.Mail.To(ann.Email), 1)
	w.right(c.ID, code)
	require.NotEqual(t, c.ID, w.reload(ann, c.ID).ID)
}

// A copied token is found out on the way, and its challenge stays the same.
func TestReloadWithAnOutdatedToken(t *testing.T) {
	w := newWorld(t, monthly)
	ann := w.User("ann@acme.example")
	seed := w.enrol(ann)
	old := w.right(w.challenged(ann).ID, w.code(seed), true)
	ok, _ := w.passes(ann, old)
	require.True(t, ok)
	c := w.challenged(ann)
	require.Equal(t, c, w.reload(ann, c.ID, func(a *signin.Attempt) { a.Trust = secret.Hide(old) }))
	cs, err := w.twofa.Trusted(ctx, w.S, ann.ID)
	require.NoError(t, err)
	require.Empty(t, cs)
}

// A secret that does not open is no reason to show another one.
func TestReloadWithoutTheKey(t *testing.T) {
	w := newWorld(t, byApp)
	ann := w.User("ann@acme.example")
	c := w.challenged(ann)
	_, f := w.process(w.Store, ringOf(t, "k2"), nil)
	_, err := f.Challenge(ctx, w.Domain, c.ID)
	require.ErrorIs(t, err, keyring.ErrUnknownKey)
	_, err = f.Ask(ctx, w.Settings(), ann, signin.Attempt{Client: signin.Web, Method: signin.Password, Challenge: c.ID})
	require.ErrorIs(t, err, keyring.ErrUnknownKey)
	_, none := w.process(w.Store, nil, nil)
	_, err = none.Challenge(ctx, w.Domain, c.ID)
	require.ErrorIs(t, err, twofa.ErrNoKeys)
}
