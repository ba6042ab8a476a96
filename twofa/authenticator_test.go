package twofa_test

import (
	"encoding/json"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/keyring"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/twofa"
)

// The first sign-in shows a QR code, which counts only once a code has
// confirmed it; the code that did is used up, and nothing is shown again.
func TestEnrolment(t *testing.T) {
	w := newWorld(t, byApp)
	ann := w.User("ann@acme.example")
	c := w.challenged(ann)
	require.Equal(t, "authenticator", c.Kind)
	require.Equal(t, w.Clock.Now().Add(10*time.Minute), c.Expires)
	e := c.Enrolment
	require.NotNil(t, e)
	require.Len(t, e.Secret.Reveal(), 32, "20 bytes in base32")
	require.Contains(t, e.URI.Reveal(), "otpauth://totp/Acme:ann@acme.example?secret="+e.Secret.Reveal())
	require.True(t, strings.HasPrefix(e.QR.Reveal(), "\x89PNG"))
	enrolled := func() bool {
		on, err := w.twofa.TwoFactorEnabled(ctx, w.Domain, []chatadmin.User{w.Boss, ann})
		require.NoError(t, err)
		require.False(t, on[0])
		return on[1]
	}
	require.False(t, enrolled())
	w.wrong(c.ID, another(w.code(e.Secret.Reveal())))
	require.False(t, enrolled())
	again := w.challenged(ann)
	require.NotNil(t, again.Enrolment, "not confirmed: a new one")
	require.NotEqual(t, e.Secret.Reveal(), again.Enrolment.Secret.Reveal())
	w.right(c.ID, w.code(e.Secret.Reveal()))
	require.True(t, enrolled())
	require.Len(t, w.Events(twofa.KindEnrol), 1)

	w.wrong(again.ID, w.code(again.Enrolment.Secret.Reveal())) // the other QR code is dead
	next := w.challenged(ann)
	require.Nil(t, next.Enrolment, "never shown again")
	a := w.wrong(next.ID, w.code(e.Secret.Reveal()))
	require.False(t, a.Dead, "the confirming code is used up")
	w.Clock.Advance(30 * time.Second)
	w.right(next.ID, w.code(e.Secret.Reveal()))
}

// Two sign-ins set up an authenticator at once: one of them counts.
func TestTwoEnrolmentsAtOnce(t *testing.T) {
	store := memstore.New(nil)
	w := newWorldOn(t, store, byApp, nil, nil)
	_, other := w.process(store.Handle(nil), ringOf(t, "k1"), nil)
	ann := w.User("ann@acme.example")
	cs, codes := make([]*signin.Challenge, 10), make([]string, 10)
	for i := range cs {
		cs[i] = w.challenged(ann)
		codes[i] = w.code(cs[i].Enrolment.Secret.Reveal())
	}
	var right atomic.Int64
	var winner atomic.Value
	race(func(n int) {
		f := []signin.SecondFactor{w.twofa, other}[n%2]
		c := cs[n%len(cs)]
		a, err := answer(f, w.Domain, c.ID, codes[n%len(cs)])
		if err == nil && a.Right {
			right.Add(1)
			winner.Store(c.Enrolment.Secret.Reveal())
		}
	})
	require.EqualValues(t, 1, right.Load())
	w.Clock.Advance(30 * time.Second)
	for _, c := range cs {
		next := w.challenged(ann)
		if secret := c.Enrolment.Secret.Reveal(); secret == winner.Load() {
			w.right(next.ID, w.code(secret))
		} else {
			w.wrong(next.ID, w.code(secret))
		}
	}
}

// A code works once: of a hundred at once over two handles, a restart, and a
// clock that is set back included.
func TestCodeWorksOnce(t *testing.T) {
	store := memstore.New(nil)
	w := newWorldOn(t, store, byApp, nil, nil)
	_, other := w.process(store.Handle(nil), ringOf(t, "k1"), nil)
	ann := w.User("ann@acme.example")
	secret := w.enrol(ann)
	for range 3 {
		code := w.code(secret)
		cs := make([]*signin.Challenge, 10) // a challenge each would still be ten chances
		for i := range cs {
			cs[i] = w.challenged(ann)
		}
		var right atomic.Int64
		race(func(n int) {
			a, err := answer([]signin.SecondFactor{w.twofa, other}[n%2], w.Domain, cs[n%len(cs)].ID, code)
			if err == nil && a.Right {
				right.Add(1)
			}
		})
		require.EqualValues(t, 1, right.Load())
		// the ninety-nine were wrong codes, after which there is a pause
		w.Clock.Advance(days)
		w.right(w.challenged(ann).ID, w.code(secret))
		w.Clock.Advance(30 * time.Second)
	}
	c, code := w.challenged(ann), w.code(secret)
	w.right(w.challenged(ann).ID, code)
	_, restarted := w.process(store, ringOf(t, "k1"), nil)
	a, err := answer(restarted, w.Domain, c.ID, code)
	require.NoError(t, err)
	require.False(t, a.Right, "after a restart")
	w.Clock.Advance(30 * time.Second)
	used := w.Clock.Now()
	w.right(w.challenged(ann).ID, w.code(secret))
	for _, back := range []time.Duration{time.Second, 30 * time.Second, time.Minute, time.Hour, 400 * days} {
		w.Clock.Advance(used.Add(-back).Sub(w.Clock.Now()))
		w.wrong(w.challenged(ann).ID, w.code(secret))
		w.wrong(w.challenged(ann).ID, codeAt(t, secret, used))
	}
	w.Clock.Advance(used.Add(30 * time.Second).Sub(w.Clock.Now()))
	w.right(w.challenged(ann).ID, w.code(secret))
}

// A, B, A within the skew: the third is refused, although the last code used
// was another one.
func TestOlderCodeAfterNewer(t *testing.T) {
	w := newWorld(t, byApp)
	ann := w.User("ann@acme.example")
	secret := w.enrol(ann)
	w.Clock.Advance(time.Minute)
	now := w.Clock.Now()
	before, current, next := codeAt(t, secret, now.Add(-30*time.Second)), codeAt(t, secret, now), codeAt(t, secret, now.Add(30*time.Second))
	w.right(w.challenged(ann).ID, before)
	w.right(w.challenged(ann).ID, current)
	w.wrong(w.challenged(ann).ID, before)
	w.right(w.challenged(ann).ID, next)
	w.wrong(w.challenged(ann).ID, current)
	w.wrong(w.challenged(ann).ID, next)
	w.Clock.Advance(30 * time.Second)
	// its step is now, and used: "now" was not stored in its place
	w.wrong(w.challenged(ann).ID, next)
	w.Clock.Advance(30 * time.Second)
	w.right(w.challenged(ann).ID, w.code(secret))
}

// Guesses are limited for each challenge, and for the user over all challenges;
// each pause is longer than the one before, and a right code ends it.
func TestGuessesAreLimited(t *testing.T) {
	w := newWorld(t, byApp)
	ann := w.User("ann@acme.example")
	secret := w.enrol(ann)
	guess := func() (tried int) {
		for range 40 {
			asked, err := w.ask(ann, "")
			if err != nil {
				require.ErrorIs(t, err, twofa.ErrTooMany)
				return tried
			}
			tried++
			w.wrong(asked.Challenge.ID, another(w.code(secret)))
		}
		return tried
	}
	c := w.challenged(ann)
	for n := range 5 {
		a := w.wrong(c.ID, another(w.code(secret)))
		require.Equal(t, n == 4, a.Dead)
	}
	_, err := w.answer(c.ID, w.code(secret))
	require.ErrorIs(t, err, chatadmin.ErrNotFound, "five wrong answers end a challenge")
	open := w.challenged(ann)
	require.Equal(t, 5, guess(), "ten in a row, whichever challenges they are for")
	_, err = w.twofa.Answer(ctx, signin.Open{Challenge: open.ID, Domain: w.Domain, User: ann.ID, Rev: 1}, w.code(secret), false)
	require.ErrorIs(t, err, chatadmin.ErrNotFound, "during the pause no code is looked at")
	e, err := w.twofa.Explain(ctx, w.S, ann.ID, signin.Web, signin.Password)
	require.NoError(t, err)
	require.ErrorIs(t, e.CannotPass, twofa.ErrTooMany)
	w.Clock.Advance(15*time.Minute - time.Second)
	require.Zero(t, guess())
	w.Clock.Advance(time.Second)
	require.Equal(t, 10, guess())
	w.Clock.Advance(30*time.Minute - time.Second)
	require.Zero(t, guess(), "the second pause is twice as long")
	w.Clock.Advance(time.Second)
	w.right(w.challenged(ann).ID, w.code(secret))
	w.Clock.Advance(30 * time.Second)
	require.Equal(t, 10, guess(), "a right code starts over")

	// At once: a hundred answers to ten challenges are at most ten guesses.
	w.Clock.Advance(days)
	cs := make([]*signin.Challenge, 10)
	for i := range cs {
		cs[i] = w.challenged(ann)
	}
	good := w.code(secret)
	race(func(n int) { _, _ = w.answer(cs[n%10].ID, another(good)) })
	_, err = w.ask(ann, "")
	require.ErrorIs(t, err, twofa.ErrTooMany)
	waits(t, err, "why.codes_wrong")
}

// What comes with a sign-in is kept with its challenge as it was given, or
// refused: it neither grows the record nor comes back as something else.
func TestOddDevices(t *testing.T) {
	for _, p := range []twofa.Policy{byApp, byMail} {
		w := newWorld(t, p)
		ann := w.User("ann@acme.example")
		ask := func(a signin.Attempt) error {
			asked, err := w.twofa.Ask(ctx, w.Settings(), ann, a)
			if err != nil {
				return err
			}
			o, err := w.twofa.Open(ctx, w.Domain, asked.Challenge.ID)
			require.NoError(t, err)
			require.Equal(t, []string{a.Device, string(a.Client), string(a.Method)}, []string{o.Device, string(o.Client), string(o.Method)})
			return nil
		}
		for _, bad := range []string{strings.Repeat("x", 201), strings.Repeat("ä", 101), strings.Repeat("x", 1<<20), "dev\xff", "a\x00b"} {
			require.ErrorIs(t, ask(signin.Attempt{Client: signin.Desktop, Device: bad}), chatadmin.ErrInvalid)
			require.ErrorIs(t, ask(signin.Attempt{Client: signin.Client(bad)}), chatadmin.ErrInvalid)
			require.ErrorIs(t, ask(signin.Attempt{Method: signin.Method(bad)}), chatadmin.ErrInvalid)
		}
		for _, good := range []string{"", strings.Repeat("ä", 100), "\ufffd", "a\nb <&>"} {
			require.NoError(t, ask(signin.Attempt{Client: signin.Desktop, Device: good}))
		}
	}
}

// Challenges do not pile up: the oldest goes. They end by time, and belong to
// their user and domain.
func TestChallenges(t *testing.T) {
	w := newWorld(t, byApp)
	ann, bob := w.User("ann@acme.example"), w.User("bob@acme.example")
	secret := w.enrol(ann)
	w.enrol(bob)
	first := w.challenged(ann)
	for range 10 {
		w.challenged(ann)
	}
	w.wrong(first.ID, w.code(secret))
	c := w.challenged(ann)
	o, err := w.twofa.Open(ctx, w.Domain, c.ID)
	require.NoError(t, err)
	require.Equal(t, signin.Open{Challenge: c.ID, Domain: w.Domain, User: ann.ID, Client: signin.Web, Method: signin.Password, Rev: o.Rev, Settings: w.Settings()}, o)
	other, err := w.Admin.AsHost(w.Domain).Admin().NewToken("x", "y")
	require.NoError(t, err)
	d2, _, err := w.Admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "B", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "b@b.example", NoInvitation: true}})
	require.NoError(t, err)
	forBob := o
	forBob.User = bob.ID
	forBob.Challenge = string(bob.ID) + strings.TrimPrefix(c.ID, string(ann.ID))
	elsewhere := o
	elsewhere.Domain = d2.ID
	stale := o
	stale.Rev++
	for name, o := range chatadmintest.InOrder(map[string]signin.Open{"another user": forBob, "another domain": elsewhere, "another state": stale, "a user beside the challenge": {Challenge: c.ID, Domain: w.Domain, User: bob.ID, Rev: o.Rev}}) {
		a, err := w.twofa.Answer(ctx, o, w.code(secret), true)
		require.False(t, a.Right, name)
		if err != nil {
			require.ErrorIs(t, err, chatadmin.ErrNotFound, name)
		}
	}
	for _, id := range []string{"", ".", c.ID + "x", c.ID[1:], other.Plain(), string(ann.ID), strings.Repeat("a", 1<<20), c.ID + "\n"} {
		_, err := w.twofa.Open(ctx, w.Domain, id)
		require.ErrorIs(t, err, chatadmin.ErrNotFound, "%.40q", id)
	}
	_, err = w.twofa.Open(ctx, "nowhere", c.ID)
	require.ErrorIs(t, err, chatadmin.ErrNotFound)
	w.Clock.Advance(10 * time.Minute)
	_, err = w.twofa.Open(ctx, w.Domain, c.ID)
	require.ErrorIs(t, err, chatadmin.ErrNotFound)
	_, err = w.twofa.Answer(ctx, o, w.code(secret), true)
	require.ErrorIs(t, err, chatadmin.ErrNotFound, "over since Open: not looked at, and no failure")
}

// Whoever can write to the database cannot make one user's secret another's, or
// bring an old one back.
func TestSwappedSecretsDoNotOpen(t *testing.T) {
	w := newWorld(t, byApp)
	ann, eve := w.User("ann@acme.example"), w.User("eve@acme.example")
	w.enrol(ann)
	secret := w.enrol(eve)
	before := w.record(ann)
	swap := before
	swap.Data = w.record(eve).Data // eve's authenticator for ann's account
	w.PutRecord(swap)
	c := w.challenged(ann)
	a, err := w.answer(c.ID, w.code(secret))
	require.ErrorIs(t, err, keyring.ErrOpen)
	require.NotContains(t, err.Error(), secret)
	require.Equal(t, signin.Answer{}, a)

	// The same of another domain.
	d2, _, err := w.Admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "B", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "b@b.example", NoInvitation: true},
		Settings: func(s *chatadmin.Settings) { s.Policies = w.Settings().Policies }})
	require.NoError(t, err)
	host := w.Admin.AsHost(d2.ID)
	twin, err := host.CreateUser(ctx, chatadmin.NewUser{Login: "eve@acme.example", NoInvitation: true})
	require.NoError(t, err)
	rec := w.record(eve)
	rec.Domain, rec.ID, rec.Owner = d2.ID, string(twin.ID), twin.ID
	w.PutRecord(rec)
	asked, err := w.twofa.Ask(ctx, w.Settings(), twin, signin.Attempt{Client: signin.Web})
	require.NoError(t, err)
	require.Nil(t, asked.Challenge.Enrolment)
	_, err = answer(w.twofa, d2.ID, asked.Challenge.ID, w.code(secret))
	require.ErrorIs(t, err, keyring.ErrOpen)

	// And one of before a reset, put back into the row of after it.
	seed := func(r storage.Record) (all map[string]any) {
		require.NoError(t, json.Unmarshal(r.Data, &all))
		return all
	}
	old := seed(w.record(eve))["seed"]
	require.NoError(t, w.twofa.Reset(ctx, w.S, eve.ID))
	now := w.record(eve)
	all := seed(now)
	all["seed"] = old
	now.Data, err = json.Marshal(all)
	require.NoError(t, err)
	w.PutRecord(now)
	c = w.challenged(eve)
	require.Nil(t, c.Enrolment)
	_, err = w.answer(c.ID, w.code(secret))
	require.ErrorIs(t, err, keyring.ErrOpen)
}

// A user of the authenticator mode gets no code by mail, whatever they ask.
func TestNoDowngrade(t *testing.T) {
	w := newWorld(t, byApp)
	ann := w.User("ann@acme.example")
	secret := w.enrol(ann)
	c := w.challenged(ann)
	_, err := w.twofa.Resend(ctx, w.Domain, c.ID)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	require.Empty(t, w.Mail.To(ann.Email))

	// A challenge that was opened under the mode by mail is dead under the
	// other one, and the other way round.
	w.mode(byMail)
	mailed := w.challenged(ann)
	code := w.mailed(ann)
	w.mode(byApp)
	w.wrong(mailed.ID, code)
	_, err = w.twofa.Resend(ctx, w.Domain, mailed.ID)
	require.ErrorIs(t, err, chatadmin.ErrNotFound)
	w.wrong(c.ID, w.code(secret))
	w.mode(byMail)
	w.wrong(mailed.ID, code)
	w.mode(byApp)
	next := w.challenged(ann)
	require.Nil(t, next.Enrolment, "the authenticator has stayed")
	w.right(next.ID, w.code(secret))

	// Settings are no second way to switch it off.
	_, err = w.S.ChangeSettings(ctx, func(s *chatadmin.Settings) error { delete(s.Policies, "twofa"); return nil })
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	_, err = w.Host.ChangeSettings(ctx, func(s *chatadmin.Settings) error { s.Policies["twofa"] = []byte(`{"v":1,"mode":"off"}`); return nil })
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
}

// A name with a colon keeps nobody out.
func TestAwkwardNames(t *testing.T) {
	w := newWorld(t, byApp)
	admin, f := w.process(w.Store, ringOf(t, "k1"), nil)
	d, boss, err := admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme: R&D = 50% + ü", Preset: chatadmin.Engage,
		Admin:    chatadmin.NewUser{Login: "boss:one", Email: "b@acme.example", FirstName: "B", LastName: "Oss", NoInvitation: true},
		Settings: func(s *chatadmin.Settings) { s.Policies = w.Settings().Policies }})
	require.NoError(t, err)
	asked, err := f.Ask(ctx, w.Settings(), boss, signin.Attempt{Client: signin.Web})
	require.NoError(t, err)
	require.Contains(t, asked.Challenge.Enrolment.URI.Reveal(), "otpauth://totp/Acme%20R%26D%20%3D%2050%25%20%2B%20%C3%BC:boss%20one?")
	a, err := answer(f, d.ID, asked.Challenge.ID, w.code(asked.Challenge.Enrolment.Secret.Reveal()))
	require.NoError(t, err)
	require.True(t, a.Right)
}

// The whole way with programs that are not ours: zbarimg reads the QR code,
// oathtool makes the codes.
func TestWithRealPrograms(t *testing.T) {
	oathtool := tool(t, "oathtool", "oathtool")
	w := newWorld(t, byApp)
	ann := w.User("ann@acme.example")
	c := w.challenged(ann)
	show := func() string {
		out, err := exec.Command(oathtool, "--totp", "-b", "-N", w.Clock.Now().Format("2006-01-02 15:04:05 UTC"), scan(t, c.Enrolment.QR.Bytes())).Output()
		require.NoError(t, err)
		return strings.TrimSpace(string(out))
	}
	w.right(c.ID, show())
	w.Clock.Advance(30 * time.Second)
	w.right(w.challenged(ann).ID, show())
	w.wrong(w.challenged(ann).ID, show())
}

// Without a key ring nobody gets in, and what needs none works.
func TestWithoutKeys(t *testing.T) {
	w := newWorld(t, byApp)
	ann := w.User("ann@acme.example")
	c := w.challenged(ann)
	admin, f := w.process(w.Store, nil, nil)
	_, err := f.Ask(ctx, w.Settings(), ann, signin.Attempt{})
	require.ErrorIs(t, err, twofa.ErrNoKeys)
	_, err = f.Answer(ctx, signin.Open{Challenge: c.ID, Domain: w.Domain, User: ann.ID, Rev: 1}, "123456", false)
	require.ErrorIs(t, err, twofa.ErrNoKeys)
	_, err = f.Resend(ctx, w.Domain, c.ID)
	require.ErrorIs(t, err, twofa.ErrNoKeys)
	_, err = f.Reseal(ctx, admin.AsHost(w.Domain), nil)
	require.ErrorIs(t, err, twofa.ErrNoKeys)
	_, err = admin.AsHost(w.Domain).DeactivateUsers(ctx, ann.ID)
	require.NoError(t, err)
	w.wrong(c.ID, w.code(c.Enrolment.Secret.Reveal()))
}
