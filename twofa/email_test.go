package twofa_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/chatadmin/texts"
	"chatadmin.example/sdk/twofa"
)

// waits fails the test if an error does not say in every language until when one
// waits.
func waits(t *testing.T, err error, key string) {
	t.Helper()
	m, ok := texts.Explanation(err)
	require.True(t, ok, "%v", err)
	require.Equal(t, key, m.Code)
	require.Regexp(t, `^\d{4}-\d\d-\d\d \d\d:\d\d UTC$`, m.Values[len(m.Values)-1])
}

// A code by mail works once, within ten minutes, for its own challenge.
func TestMailedCode(t *testing.T) {
	w := newWorld(t, byMail)
	ann := w.User("ann@acme.example")
	c := w.challenged(ann)
	require.Equal(t, "email", c.Kind)
	require.Nil(t, c.Enrolment)
	first := w.mailed(ann)
	require.NotContains(t, w.Mail.Mails()[0].Subject, first, "a phone shows subjects to everybody")
	second := w.challenged(ann)
	require.NotEqual(t, w.Mail.Mails()[0].ID, w.Mail.Mails()[1].ID)
	if first != w.mailed(ann) {
		w.wrong(second.ID, first) // of another challenge
	}
	w.right(c.ID, first)
	w.wrong(c.ID, first)
	w.right(second.ID, w.mailed(ann))

	late := w.challenged(ann)
	w.Clock.Advance(10*time.Minute - time.Millisecond)
	w.right(late.ID, w.mailed(ann))
	w.Clock.Advance(10 * time.Minute)
	late = w.challenged(ann)
	w.Clock.Advance(10 * time.Minute)
	w.wrong(late.ID, w.mailed(ann))
}

func TestMailedCodeRace(t *testing.T) {
	store := memstore.New(nil)
	w := newWorldOn(t, store, byMail, nil, nil)
	_, other := w.process(store.Handle(nil), ringOf(t, "k1"), nil)
	ann := w.User("ann@acme.example")
	c, code := w.challenged(ann), w.mailed(ann)
	var right atomic.Int64
	race(func(n int) {
		if a, err := answer([]signin.SecondFactor{w.twofa, other}[n%2], w.Domain, c.ID, code); err == nil && a.Right {
			right.Add(1)
		}
	})
	require.EqualValues(t, 1, right.Load())
}

// Sending anew kills the code before, and keeps neither the guesses nor the
// mails from being counted.
func TestResend(t *testing.T) {
	w := newWorld(t, byMail)
	ann := w.User("ann@acme.example")
	c, old := w.challenged(ann), w.mailed(ann)
	o, err := w.twofa.Open(ctx, w.Domain, c.ID)
	require.NoError(t, err)
	w.Clock.Advance(9 * time.Minute)
	again, err := w.twofa.Resend(ctx, w.Domain, c.ID)
	require.NoError(t, err)
	require.Equal(t, signin.Challenge{ID: c.ID, Kind: "email", Expires: w.Clock.Now().Add(10 * time.Minute)}, again)
	code := w.mailed(ann)
	require.NotEqual(t, w.Mail.Mails()[0].ID, w.Mail.Mails()[1].ID)
	a, err := w.twofa.Answer(ctx, o, code, false)
	require.NoError(t, err)
	require.Equal(t, signin.Answer{}, a, "opened before: not looked at")
	if old != code {
		w.wrong(c.ID, old)
	}
	for range 3 {
		w.wrong(c.ID, another(code))
	}
	_, err = w.twofa.Resend(ctx, w.Domain, c.ID)
	require.NoError(t, err)
	require.True(t, w.wrong(c.ID, another(w.mailed(ann))).Dead, "five wrong answers, however often it was sent")
	_, err = w.twofa.Resend(ctx, w.Domain, c.ID)
	require.ErrorIs(t, err, chatadmin.ErrNotFound)
}

// However many challenges are opened, a mailbox gets five codes in a quarter of
// an hour.
func TestMailboxIsNotFlooded(t *testing.T) {
	w := newWorld(t, byMail)
	ann, bob := w.User("ann@acme.example"), w.User("bob@acme.example")
	set := w.Settings()
	race(func(int) { _, _ = w.twofa.Ask(ctx, set, ann, passwordRight(ann, "")) })
	require.Len(t, w.Mail.To(ann.Email), 5)
	_, err := w.ask(ann, "")
	require.ErrorIs(t, err, twofa.ErrTooMany)
	waits(t, err, "why.codes_sent")
	w.challenged(bob)
	require.Len(t, w.Mail.To(bob.Email), 1, "others are not concerned")
	e, err := w.twofa.Explain(ctx, w.S, ann.ID, signin.Web, signin.Password)
	require.NoError(t, err)
	require.ErrorIs(t, e.CannotPass, twofa.ErrTooMany)
	w.Clock.Advance(15*time.Minute - time.Millisecond)
	_, err = w.ask(ann, "")
	require.ErrorIs(t, err, twofa.ErrTooMany)
	w.Clock.Advance(time.Millisecond)
	c := w.challenged(ann)
	for range 3 {
		_, err = w.twofa.Resend(ctx, w.Domain, c.ID)
		require.NoError(t, err)
	}
	w.right(c.ID, w.mailed(ann))
	w.challenged(ann)
	_, err = w.ask(ann, "")
	require.ErrorIs(t, err, twofa.ErrTooMany, "a right code does not open the gates")
	require.NoError(t, w.twofa.Reset(ctx, w.S, ann.ID))
	_, err = w.ask(ann, "")
	require.ErrorIs(t, err, twofa.ErrTooMany, "nor does a reset")
}

// Sending anew prolongs a challenge, but not for ever.
func TestResendDoesNotKeepAChallenge(t *testing.T) {
	w := newWorld(t, byMail)
	ann := w.User("ann@acme.example")
	c := w.challenged(ann)
	end := w.Clock.Now().Add(30 * time.Minute)
	for range 3 {
		w.Clock.Advance(9 * time.Minute)
		again, err := w.twofa.Resend(ctx, w.Domain, c.ID)
		require.NoError(t, err)
		require.False(t, again.Expires.After(end))
	}
	w.Clock.Advance(3*time.Minute - time.Millisecond)
	_, err := w.twofa.Open(ctx, w.Domain, c.ID)
	require.NoError(t, err)
	w.Clock.Advance(time.Millisecond)
	w.wrong(c.ID, w.mailed(ann))
	_, err = w.twofa.Resend(ctx, w.Domain, c.ID)
	require.ErrorIs(t, err, chatadmin.ErrNotFound)
}

// Codes that were sent by a clock that was far ahead do not count for as long
// as it was; those by a clock that is a little ahead do.
func TestMailsOfAWrongClock(t *testing.T) {
	w := newWorld(t, byMail)
	ann := w.User("ann@acme.example")
	w.Clock.Advance(365 * days)
	for range 5 {
		w.challenged(ann)
	}
	w.Clock.Advance(-time.Minute)
	_, err := w.ask(ann, "")
	require.ErrorIs(t, err, twofa.ErrTooMany)
	w.Clock.Advance(-364 * days)
	w.challenged(ann)
}

// Mails that surely were not accepted are none that were sent. Where that is
// not known they count.
func TestFailedMailsDoNotCount(t *testing.T) {
	w := newWorld(t, byMail)
	ann := w.User("ann@acme.example")
	away := errors.New("away")
	for range 6 {
		w.Mail.FailNext(away)
		_, err := w.ask(ann, "")
		require.ErrorIs(t, err, away)
	}
	c := w.challenged(ann)
	for range 6 {
		w.Mail.FailNext(away)
		_, err := w.twofa.Resend(ctx, w.Domain, c.ID)
		require.ErrorIs(t, err, away)
	}
	for range 4 {
		w.Mail.FailNext(chatadmin.ErrMailUnknown)
		_, err := w.twofa.Resend(ctx, w.Domain, c.ID)
		require.NoError(t, err)
	}
	_, err := w.ask(ann, "")
	require.ErrorIs(t, err, twofa.ErrTooMany)

	// A caller who has gone away meanwhile changes nothing about that.
	w.Clock.Advance(time.Hour)
	for range 6 {
		gone, cancel := context.WithCancel(ctx)
		_, f := w.process(w.Store, ringOf(t, "k1"), nil, func(o *chatadmin.Options) {
			o.Mailer = mailer(func(context.Context, chatadmin.Mail) error { cancel(); return away })
		})
		_, err := f.Ask(gone, w.Settings(), ann, attempt(""))
		require.ErrorIs(t, err, away)
	}
}

// Who cannot get a code is told so, and nobody gets in for want of an address
// or a mail server.
func TestNoUsableAddress(t *testing.T) {
	w := newWorld(t, byMail)
	admin, f := w.process(w.Store, ringOf(t, "k1"), nil)
	d, _, err := admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Radio", Preset: chatadmin.ESChat, Admin: chatadmin.NewUser{Login: "boss", FirstName: "The", LastName: "Boss", NoInvitation: true},
		Settings: func(s *chatadmin.Settings) { s.Policies = w.Settings().Policies }})
	require.NoError(t, err)
	u, err := admin.AsHost(d.ID).CreateUser(ctx, chatadmin.NewUser{Login: "radio7", FirstName: "Ann", LastName: "Smith"})
	require.NoError(t, err)
	asked, err := f.Ask(ctx, w.Settings(), u, signin.Attempt{Client: signin.Web})
	require.ErrorIs(t, err, twofa.ErrNoAddress)
	require.Equal(t, signin.Asked{}, asked)
	e, err := f.Explain(ctx, admin.AsHost(d.ID), u.ID, signin.Web, signin.Password)
	require.NoError(t, err)
	require.ErrorIs(t, e.CannotPass, twofa.ErrNoAddress)

	ann := w.User("ann@acme.example")
	w.Mail.FailNext(errors.New("the mail server is away"))
	asked, err = w.ask(ann, "")
	require.ErrorContains(t, err, "could not be sent")
	require.Equal(t, signin.Asked{}, asked)
	w.Mail.FailNext(chatadmin.ErrMailUnknown)
	asked, err = w.ask(ann, "")
	require.NoError(t, err, "it may arrive")
	require.NotNil(t, asked.Challenge)
}

// The code goes to the address of now, not of when the sign-in began; and a
// change of the address kills what is under way.
func TestAddressChanges(t *testing.T) {
	w := newWorld(t, twofa.Policy{Mode: twofa.Email, Validity: days})
	ann := w.User("ann@acme.example")
	trust := w.right(w.challenged(ann).ID, w.mailed(ann), true)
	c, code := w.challenged(ann), w.mailed(ann)
	email := "ann.new@acme.example"
	now, err := w.S.EditUser(ctx, ann.ID, chatadmin.UserEdit{Email: &email})
	require.NoError(t, err)
	w.wrong(c.ID, code)
	asked, err := w.ask(ann, trust) // as read before the change
	require.NoError(t, err)
	require.NotNil(t, asked.Challenge, "the mailbox was the second factor: the browser is asked again")
	require.Len(t, w.Mail.To(email), 1)
	w.right(asked.Challenge.ID, w.mailed(now))

	title := "Head"
	c = w.challenged(now)
	_, err = w.S.EditUser(ctx, ann.ID, chatadmin.UserEdit{Title: &title})
	require.NoError(t, err)
	w.right(c.ID, w.mailed(now))
}

// With an authenticator the address does not matter for the code, but a sign-in
// under way begins anew.
func TestAddressOfAuthenticatorUserChanges(t *testing.T) {
	w := newWorld(t, byApp)
	ann := w.User("ann@acme.example")
	secret := w.enrol(ann)
	c := w.challenged(ann)
	email := "ann.new@acme.example"
	_, err := w.S.EditUser(ctx, ann.ID, chatadmin.UserEdit{Email: &email})
	require.NoError(t, err)
	_, err = w.twofa.Open(ctx, w.Domain, c.ID)
	require.ErrorIs(t, err, chatadmin.ErrNotFound)
	w.right(w.challenged(ann).ID, w.code(secret))
}

// Names that try to add a header or a recipient reach the mail as one line.
func TestMailsAreOneMail(t *testing.T) {
	w := newWorld(t, byMail)
	ann := w.User("ann@acme.example", func(n *chatadmin.NewUser) { n.DisplayName = "Bcc: eve@evil.example" })
	w.challenged(ann)
	for _, m := range w.Mail.Mails() {
		require.NoError(t, m.Check())
		require.Equal(t, ann.Email, m.To)
		require.False(t, strings.ContainsAny(m.Subject+m.ID, "\r\n"))
	}
}
