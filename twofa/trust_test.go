package twofa_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/twofa"
)

var monthly = twofa.Policy{Mode: twofa.Authenticator, Validity: 30 * days}

// trusted is a world with a user whose browser is remembered.
func trusted(t *testing.T, store chatadmin.Store, o *twofa.Options) (w *world, ann chatadmin.User, secret, trust string) {
	w = newWorldOn(t, store, monthly, nil, o)
	ann = w.User("ann@acme.example")
	secret = w.enrol(ann)
	trust = w.right(w.challenged(ann).ID, w.code(secret), true)
	require.NotEmpty(t, trust)
	w.Clock.Advance(time.Hour)
	return w, ann, secret, trust
}

// passes reports whether a token lets its client in, and what takes its place.
func (w *world) passes(u chatadmin.User, trust string) (bool, string) {
	w.T.Helper()
	asked, err := w.ask(u, trust)
	require.NoError(w.T, err)
	return asked.Challenge == nil, asked.Trust.Reveal()
}

// A remembered browser is not asked until the period is over, counted from when
// it passed; its token is replaced at each use.
func TestRememberedUntil(t *testing.T) {
	w, ann, _, token := trusted(t, memstore.New(nil), nil)
	seen := map[string]bool{token: true}
	since := w.Clock.Now().Add(-time.Hour)
	for range 10 {
		ok, next := w.passes(ann, token)
		require.True(t, ok)
		require.False(t, seen[next])
		seen[next], token = true, next
		w.Clock.Advance(time.Hour)
	}
	cs, err := w.twofa.Trusted(ctx, w.Admin.As(w.Domain, ann.ID), ann.ID)
	require.NoError(t, err)
	require.Equal(t, []twofa.Client{{ID: strings.Split(token, ".")[0], Client: signin.Web, Since: since, Used: w.Clock.Now().Add(-time.Hour), Until: since.Add(30 * days)}}, cs)
	e, err := w.twofa.Explain(ctx, w.S, ann.ID, signin.Web, signin.Password)
	require.NoError(t, err)
	require.Equal(t, twofa.Explanation{Asks: true, Rule: twofa.RuleTrusted, Kind: twofa.Authenticator, Enrolled: true, TrustedUntil: since.Add(30 * days)}, e)
	e, err = w.twofa.Explain(ctx, w.S, ann.ID, signin.Desktop, signin.Password)
	require.NoError(t, err)
	require.Equal(t, twofa.RuleAsked, e.Rule)

	w.Clock.Advance(since.Add(30*days - time.Millisecond).Sub(w.Clock.Now()))
	ok, next := w.passes(ann, token)
	require.True(t, ok)
	w.Clock.Advance(time.Millisecond)
	ok, next = w.passes(ann, next)
	require.False(t, ok, "using it does not prolong it")
	require.Empty(t, next)
	cs, err = w.twofa.Trusted(ctx, w.S, ann.ID)
	require.NoError(t, err)
	require.Empty(t, cs)
}

// Only a browser or desktop client that is known to be one is remembered, where
// it asks for it and the domain allows it.
func TestWhoIsRemembered(t *testing.T) {
	for _, c := range []struct {
		client   signin.Client
		remember bool
		validity time.Duration
		want     bool
	}{{signin.Web, true, days, true}, {signin.Desktop, true, days, true}, {signin.Mac, true, days, true}, {signin.UnknownClient, true, days, false}, {"", true, days, false},
		{"toaster", true, days, false}, {signin.Web, false, days, false}, {signin.Web, true, 0, false}} {
		w := newWorld(t, twofa.Policy{Mode: twofa.Authenticator, Validity: c.validity})
		ann := w.User("ann@acme.example")
		secret := w.enrol(ann)
		asked, err := w.twofa.Ask(ctx, w.Settings(), ann, signin.Attempt{Client: c.client})
		require.NoError(t, err)
		token := w.right(asked.Challenge.ID, w.code(secret), c.remember)
		require.Equal(t, c.want, token != "", "%+v", c)
	}
}

// A token serves its user, domain and kind of client alone.
func TestCopiedToken(t *testing.T) {
	w, ann, _, token := trusted(t, memstore.New(nil), nil)
	bob := w.User("bob@acme.example")
	w.enrol(bob)
	d2, _, err := w.Admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "B", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "b@b.example", NoInvitation: true},
		Settings: func(s *chatadmin.Settings) { s.Policies = w.Settings().Policies }})
	require.NoError(t, err)
	twin, err := w.Admin.AsHost(d2.ID).CreateUser(ctx, chatadmin.NewUser{Login: "ann@acme.example", NoInvitation: true})
	require.NoError(t, err)
	for name, a := range chatadmintest.InOrder(map[string]struct {
		u      chatadmin.User
		client signin.Client
	}{"another user": {bob, signin.Web}, "another domain": {twin, signin.Web}, "a desktop client": {ann, signin.Desktop}, "a Mac": {ann, signin.Mac}, "no known client": {ann, signin.UnknownClient}}) {
		asked, err := w.twofa.Ask(ctx, w.Settings(), a.u, signin.Attempt{Client: a.client, Trust: secret.Hide(token)})
		require.NoError(t, err)
		require.NotNil(t, asked.Challenge, name)
		require.True(t, asked.Trust.IsZero())
	}
	for _, bad := range []string{"", ".", token + "x", token[:len(token)-1], " " + token, token + "\n", strings.Replace(token, ".", "", 1), strings.Repeat("a", 1<<20)} {
		ok, _ := w.passes(ann, bad)
		require.False(t, ok, "%.60q", bad)
	}
	// Even the row of the database does not make it bob's, or a later
	// generation's.
	rec := w.record(bob)
	rec.Data = w.record(ann).Data
	w.PutRecord(rec)
	ok, _ := w.passes(bob, token)
	require.False(t, ok)
	ok, _ = w.passes(ann, token)
	require.True(t, ok, "none of that has used it up")
}

// Whoever presents a token that was replaced holds a copy, or the browser does:
// both are asked, and the user is told.
func TestReplayRevokes(t *testing.T) {
	w, ann, _, old := trusted(t, memstore.New(nil), nil)
	ok, next := w.passes(ann, old)
	require.True(t, ok)
	ok, _ = w.passes(ann, old)
	require.False(t, ok)
	ok, _ = w.passes(ann, next)
	require.False(t, ok, "the family is revoked")
	require.Len(t, w.Events(twofa.KindReplay), 1)
	_, err := w.twofa.SendNotices(ctx, w.Domain)
	require.NoError(t, err)
	require.Contains(t, w.Mail.To(ann.Email)[len(w.Mail.To(ann.Email))-1].Subject, "forgotten")

	// Right selector, wrong verifier: the same.
	w, ann, _, token := trusted(t, memstore.New(nil), nil)
	ok, _ = w.passes(ann, strings.Split(token, ".")[0]+"."+strings.Split(old, ".")[1])
	require.False(t, ok)
	ok, _ = w.passes(ann, token)
	require.False(t, ok)
}

// A clock that is set back, or that of another process, is behind the rotation:
// that forgives nothing, whatever the grace.
func TestReplayAfterClockSetBack(t *testing.T) {
	for _, grace := range []time.Duration{0, time.Minute} {
		w, ann, _, old := trusted(t, memstore.New(nil), &twofa.Options{TrustGrace: grace})
		w.Clock.Advance(days)
		ok, _ := w.passes(ann, old)
		require.True(t, ok)
		w.Clock.Advance(-2 * time.Second)
		ok, _ = w.passes(ann, old)
		require.False(t, ok, "grace %s", grace)
		require.Len(t, w.Events(twofa.KindReplay), 1)
	}
}

// A replay is punished even while the user is asked too much to be asked again.
func TestReplayDuringPause(t *testing.T) {
	w := newWorld(t, twofa.Policy{Mode: twofa.Email, Validity: days})
	ann := w.User("ann@acme.example")
	old := w.right(w.challenged(ann).ID, w.mailed(ann), true)
	_, next := w.passes(ann, old)
	for range 4 {
		w.challenged(ann)
	}
	_, err := w.ask(ann, old)
	require.ErrorIs(t, err, twofa.ErrTooMany)
	_, err = w.ask(ann, next)
	require.ErrorIs(t, err, twofa.ErrTooMany, "the family is revoked although no challenge could be opened")
}

// A hundred uses at once, over two handles: one rotates. With a grace period
// everybody passes and the new token works; without one nobody passes who came
// after the rotation.
func TestRotationRace(t *testing.T) {
	for _, grace := range []time.Duration{0, 10 * time.Second} {
		store := memstore.New(nil)
		o := &twofa.Options{TrustGrace: grace}
		w, ann, _, token := trusted(t, store, o)
		_, other := w.process(store.Handle(nil), ringOf(t, "k1"), o)
		set := w.Settings()
		var rotated, passed atomic.Int64
		var mu sync.Mutex
		var next string
		race(func(n int) {
			asked, err := []*twofa.Service{w.twofa, other}[n%2].Ask(ctx, set, ann, signin.Attempt{Client: signin.Web, Trust: secret.Hide(token)})
			if err != nil {
				return
			}
			if asked.Challenge == nil {
				passed.Add(1)
			}
			if !asked.Trust.IsZero() {
				rotated.Add(1)
				mu.Lock()
				next = asked.Trust.Reveal()
				mu.Unlock()
			}
		})
		require.EqualValues(t, 1, rotated.Load())
		require.Positive(t, passed.Load())
		if grace == 0 {
			continue
		}
		require.EqualValues(t, 100, passed.Load())
		ok, _ := w.passes(ann, next)
		require.True(t, ok)
		w.Clock.Advance(grace)
		ok, _ = w.passes(ann, token)
		require.False(t, ok, "the grace is over")
	}
}

// Two tabs whose sign-ins overlap are no replay: both saw the token as the
// present one.
func TestOverlappingTabs(t *testing.T) {
	store := memstore.New(nil)
	w, ann, _, token := trusted(t, store, nil)
	set := w.Settings()
	var slow *twofa.Service
	var fast signin.Asked
	_, slow = w.process(&between{Store: store, do: func() {
		var err error
		fast, err = w.twofa.Ask(ctx, set, ann, signin.Attempt{Client: signin.Web, Trust: secret.Hide(token)})
		require.NoError(t, err)
	}}, ringOf(t, "k1"), nil)
	asked, err := slow.Ask(ctx, set, ann, signin.Attempt{Client: signin.Web, Trust: secret.Hide(token)})
	require.NoError(t, err)
	require.Equal(t, signin.Asked{}, asked, "passes, and leaves the new token to the other tab")
	require.False(t, fast.Trust.IsZero())
	ok, _ := w.passes(ann, fast.Trust.Reveal())
	require.True(t, ok)
}

// What is in force now decides: a shorter period forgets at once, and nothing
// brings back what was forgotten.
func TestPeriodChanges(t *testing.T) {
	for _, c := range []struct {
		name  string
		steps []twofa.Policy // a day passes before each
		want  bool
	}{
		{"shortened to what is left", []twofa.Policy{{Mode: twofa.Authenticator, Validity: 2 * days}}, true},
		{"shortened below its age", []twofa.Policy{{Mode: twofa.Authenticator, Validity: days / 2}}, false},
		{"and lengthened again", []twofa.Policy{{Mode: twofa.Authenticator, Validity: days / 2}, monthly}, false},
		{"to nothing", []twofa.Policy{byApp}, false},
		{"to nothing and back", []twofa.Policy{byApp, monthly}, false},
		{"another mode", []twofa.Policy{{Mode: twofa.Email, Validity: 30 * days}}, false},
		{"another mode and back", []twofa.Policy{{Mode: twofa.Email, Validity: 30 * days}, monthly}, false},
		{"off and on", []twofa.Policy{{Mode: twofa.Off}, monthly}, false},
		{"lengthened", []twofa.Policy{{Mode: twofa.Authenticator, Validity: 90 * days}}, true},
		{"recovery allowed", []twofa.Policy{{Mode: twofa.Authenticator, Validity: 30 * days, Recovery: true}}, true},
	} {
		w, ann, _, token := trusted(t, memstore.New(nil), nil)
		for _, p := range c.steps {
			w.Clock.Advance(days)
			w.mode(p)
		}
		ok, _ := w.passes(ann, token)
		require.Equal(t, c.want, ok, c.name)
	}
	// A longer period does not prolong what was promised.
	w, ann, _, token := trusted(t, memstore.New(nil), nil)
	w.mode(twofa.Policy{Mode: twofa.Authenticator, Validity: 90 * days})
	cs, err := w.twofa.Trusted(ctx, w.S, ann.ID)
	require.NoError(t, err)
	require.Equal(t, cs[0].Since.Add(30*days), cs[0].Until)
	w.Clock.Advance(30 * days)
	ok, _ := w.passes(ann, token)
	require.False(t, ok)
}

// In the same moment as the change of the mode: what comes after it counts.
func TestRememberedInTheMomentOfTheChange(t *testing.T) {
	w := newWorld(t, byApp)
	ann := w.User("ann@acme.example")
	secret := w.enrol(ann)
	w.mode(monthly)
	token := w.right(w.challenged(ann).ID, w.code(secret), true)
	ok, _ := w.passes(ann, token)
	require.True(t, ok)
}

// The policy was changed by a clock that was far ahead. Who is remembered
// afterwards is remembered, until a later change ends it as ever; who was
// before stays forgotten.
func TestPolicyOfAWrongClock(t *testing.T) {
	w := newWorld(t, twofa.Policy{Mode: twofa.Authenticator, Validity: 4 * days})
	ann := w.User("ann@acme.example")
	secret := w.enrol(ann)
	before := w.right(w.challenged(ann).ID, w.code(secret), true)
	w.Clock.Advance(365 * days)
	w.mode(twofa.Policy{Mode: twofa.Authenticator, Validity: 3 * days})
	w.Clock.Advance(-364 * days)
	token := w.right(w.challenged(ann).ID, w.code(secret), true)
	w.Clock.Advance(time.Hour)
	ok, token := w.passes(ann, token)
	require.True(t, ok, "it was given out, so it is worth something")
	ok, _ = w.passes(ann, before)
	require.False(t, ok)

	w.Clock.Advance(2 * days)
	w.mode(twofa.Policy{Mode: twofa.Authenticator, Validity: days})
	w.mode(twofa.Policy{Mode: twofa.Authenticator, Validity: 90 * days})
	ok, _ = w.passes(ann, token)
	require.False(t, ok, "too old for a period that was in force")
	token = w.right(w.challenged(ann).ID, w.code(secret), true)
	w.Clock.Advance(time.Hour)
	ok, _ = w.passes(ann, token)
	require.True(t, ok)
}

func TestRevoke(t *testing.T) {
	w, ann, secret, token := trusted(t, memstore.New(nil), nil)
	second := w.right(w.challenged(ann).ID, w.code(secret), true)
	self := w.Admin.As(w.Domain, ann.ID)
	id := func(token string) string { return strings.Split(token, ".")[0] }
	require.ErrorIs(t, w.twofa.RevokeTrusted(ctx, self, ann.ID, id(token), "nobody"), chatadmin.ErrNotFound)
	ok, token := w.passes(ann, token)
	require.True(t, ok, "all or nothing")
	require.NoError(t, w.twofa.RevokeTrusted(ctx, self, ann.ID, id(token)))
	ok, _ = w.passes(ann, token)
	require.False(t, ok)
	ok, second = w.passes(ann, second)
	require.True(t, ok)
	var none []string
	require.NoError(t, w.twofa.RevokeTrusted(ctx, self, ann.ID, none...))
	ok, second = w.passes(ann, second)
	require.True(t, ok, "a selection with nothing in it is not everything")
	begun := w.challenged(ann)
	require.NoError(t, w.twofa.RevokeTrusted(ctx, self, ann.ID, id(second)))
	_, err := w.twofa.Open(ctx, w.Domain, begun.ID)
	require.NoError(t, err)
	w.Clock.Advance(30 * time.Second)
	second = w.right(w.challenged(ann).ID, w.code(secret), true)
	require.NoError(t, w.twofa.RevokeAllTrusted(ctx, w.S, ann.ID), "as when the password has changed")
	ok, _ = w.passes(ann, second)
	require.False(t, ok)
	_, err = w.twofa.Open(ctx, w.Domain, begun.ID)
	require.ErrorIs(t, err, chatadmin.ErrNotFound, "begun with the password of before")
	require.Len(t, w.Events(twofa.KindForget), 3)
	begun = w.challenged(ann)
	require.NoError(t, w.twofa.RevokeAllTrusted(ctx, w.S, ann.ID))
	_, err = w.twofa.Open(ctx, w.Domain, begun.ID)
	require.ErrorIs(t, err, chatadmin.ErrNotFound, "also where nothing is remembered")
	require.NoError(t, w.twofa.RevokeAllTrusted(ctx, w.S, ann.ID), "nothing left is no error")
	require.NoError(t, w.twofa.RevokeAllTrusted(ctx, w.S, w.Boss.ID))
	require.Len(t, w.Events(twofa.KindForget), 3)
	require.NotContains(t, w.Events(twofa.KindForget)[0].Note, second)
}

// Twenty clients are remembered; a further one takes the place of the oldest.
func TestManyClients(t *testing.T) {
	w, ann, secret, first := trusted(t, memstore.New(nil), nil)
	var last string
	for range 20 {
		last = w.right(w.challenged(ann).ID, w.code(secret), true)
		w.Clock.Advance(30 * time.Second)
	}
	ok, _ := w.passes(ann, first)
	require.False(t, ok)
	ok, _ = w.passes(ann, last)
	require.True(t, ok)
	cs, err := w.twofa.Trusted(ctx, w.S, ann.ID)
	require.NoError(t, err)
	require.Len(t, cs, 20)
}
