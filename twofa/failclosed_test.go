package twofa_test

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/keyring"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/twofa"
)

// drying is randomness that ends.
type drying struct{ left int }

func (d *drying) Read(p []byte) (int, error) {
	if d.left -= len(p); d.left < 0 {
		return 0, errors.New("no randomness left")
	}
	return io.ReadFull(rand.Reader, p)
}

// Randomness that ends at any point gives an error, never a weaker secret, and
// keeps nothing.
func TestRandomnessEnds(t *testing.T) {
	for _, mode := range []twofa.Mode{twofa.Email, twofa.Authenticator} {
		w := newWorld(t, twofa.Policy{Mode: mode, Validity: days})
		ann := w.User("ann@acme.example")
		failures := 0
		for left := 0; ; left++ {
			d := &drying{left}
			ring, err := keyring.New(d, key("k1"))
			require.NoError(t, err)
			_, f := w.process(w.Store, ring, nil, func(o *chatadmin.Options) { o.Rand = d })
			asked, err := f.Ask(ctx, w.Settings(), ann, signin.Attempt{Client: signin.Web})
			if err == nil {
				require.NotNil(t, asked.Challenge)
				break
			}
			failures++
			require.ErrorContains(t, err, "randomness")
			require.Equal(t, signin.Asked{}, asked)
			rs, err := w.Store.Records(ctx, []storage.Key{{Kind: "twofa", Domain: w.Domain, ID: string(ann.ID)}})
			require.NoError(t, err)
			if mode == twofa.Email && len(rs) > 0 { // the state is put there first, without anything in it
				require.JSONEq(t, `{"v":1,"gen":0}`, string(rs[0].Data))
				rs = nil
			}
			require.Empty(t, rs)
			require.Empty(t, w.Mail.Mails())
		}
		require.Greater(t, failures, 40)
	}
}

// The code is right, but remembering fails for want of randomness: an error,
// and the code is not used up.
func TestRandomnessEndsWhileAnswering(t *testing.T) {
	w := newWorld(t, monthly)
	ann := w.User("ann@acme.example")
	secret := w.enrol(ann)
	c := w.challenged(ann)
	o, err := w.twofa.Open(ctx, w.Domain, c.ID)
	require.NoError(t, err)
	for left := range 10 + 24 + 2 { // selector, verifier, revision
		_, f := w.process(w.Store, ringOf(t, "k1"), nil, func(o *chatadmin.Options) { o.Rand = &drying{left} })
		a, err := f.Answer(ctx, o, w.code(secret), true)
		require.Error(t, err, "%d bytes", left)
		require.Equal(t, signin.Answer{}, a)
	}
	require.NotEmpty(t, w.right(c.ID, w.code(secret), true))
}

// A row that cannot be understood, because of a fault or a newer version, lets
// nobody in by any way.
func TestBrokenStateDenies(t *testing.T) {
	w := newWorld(t, monthly)
	ann := w.User("ann@acme.example")
	secret := w.enrol(ann)
	token := w.right(w.challenged(ann).ID, w.code(secret), true)
	c := w.challenged(ann)
	good := w.record(ann)
	for _, data := range []string{"", "{", `[]`, strings.Replace(string(good.Data), `"v":1`, `"v":2`, 1), `{"v":1,"seed":"not base64!"}`} {
		bad := good
		bad.Data = []byte(data)
		w.PutRecord(bad)
		asked, err := w.ask(ann, token)
		require.Error(t, err, data)
		require.Equal(t, signin.Asked{}, asked)
		_, err = w.twofa.Open(ctx, w.Domain, c.ID)
		require.Error(t, err, data)
		a, err := w.twofa.Answer(ctx, signin.Open{Challenge: c.ID, Domain: w.Domain, User: ann.ID, Rev: 1}, w.code(secret), true)
		require.Error(t, err, data)
		require.Equal(t, signin.Answer{}, a)
		on, err := w.twofa.TwoFactorEnabled(ctx, w.Domain, []chatadmin.User{ann})
		require.NoError(t, err, data)
		require.Equal(t, []bool{false}, on, "it is told as not set up")
	}
	w.PutRecord(good)
	ok, _ := w.passes(ann, token)
	require.True(t, ok)
}

// A row that cannot be understood keeps nobody else from anything, and its user
// from nothing but signing in: they can be deactivated, counted and reset. Only
// a reset lets them set it up anew.
func TestBrokenStateStopsNobodyElse(t *testing.T) {
	for _, data := range []string{`{"v":2,"gen":0}`, `{"v":`} {
		w := newWorld(t, monthly)
		ann, bob := w.User("ann@acme.example"), w.User("bob@acme.example")
		w.enrol(ann)
		require.NoError(t, w.twofa.Reset(ctx, w.Host, ann.ID)) // what was sealed is of the second generation
		secret := w.enrol(ann)
		token := w.right(w.challenged(ann).ID, w.code(secret), true)
		w.enrol(bob)
		good := w.record(ann)
		bad := good
		bad.Data = []byte(data)
		w.PutRecord(bad)

		require.Equal(t, 1, w.notices())
		require.Len(t, w.Mail.To(bob.Email), 1)
		require.Equal(t, data, string(w.record(ann).Data), "a newer version may understand it")
		require.True(t, w.record(ann).Due.After(w.Clock.Now()), "it is not met again at once")
		p := w.plan(w.Host, twofa.Policy{Mode: twofa.Authenticator})
		require.EqualValues(t, 2, p.Counts["to_enrol"], "the boss and ann")
		w.plan(w.Host, twofa.Policy{Mode: twofa.Off})
		on, err := w.twofa.TwoFactorEnabled(ctx, w.Domain, []chatadmin.User{ann, bob})
		require.NoError(t, err)
		require.Equal(t, []bool{false, true}, on)
		j, err := w.twofa.Reseal(ctx, w.Host, nil)
		require.NoError(t, err)
		require.Equal(t, chatadmin.RunDone, j.State)
		require.EqualValues(t, 1, j.Data.Unopened)

		_, err = w.Host.DeactivateUsers(ctx, ann.ID, bob.ID)
		require.NoError(t, err)
		_, err = w.Host.ActivateUsers(ctx, ann.ID, bob.ID)
		require.NoError(t, err)
		for range 2 {
			_, err = w.ask(ann, token)
			require.ErrorContains(t, err, "reset", "nobody sets up an authenticator because a row was spoilt")
			_, err = w.Host.DenyAccess(ctx, ann.ID)
			require.NoError(t, err)
			_, err = w.Host.GrantAccess(ctx, ann.ID)
			require.NoError(t, err)
		}
		w.PutRecord(bad)
		require.NoError(t, w.twofa.Reset(ctx, w.Host, ann.ID, bob.ID))
		ok, _ := w.passes(ann, token)
		require.False(t, ok)
		w.enrol(ann)
		require.Equal(t, 3, w.notices(), "both resets, and ann has it again")

		// What was sealed before the loss is of another generation.
		var now, old map[string]any
		require.NoError(t, json.Unmarshal(w.record(ann).Data, &now))
		require.NoError(t, json.Unmarshal(good.Data, &old))
		now["seed"] = old["seed"]
		mixed := w.record(ann)
		mixed.Data, err = json.Marshal(now)
		require.NoError(t, err)
		w.PutRecord(mixed)
		_, err = w.answer(w.challenged(ann).ID, "123456")
		require.ErrorIs(t, err, keyring.ErrOpen)
	}
}

// The gate read the settings a moment ago: what counts is what is in force when
// the challenge is written.
func TestModeChangesWhileAsking(t *testing.T) {
	w := newWorld(t, byMail)
	ann := w.User("ann@acme.example")
	before := w.Settings()
	w.mode(byApp)
	asked, err := w.twofa.Ask(ctx, before, ann, signin.Attempt{Client: signin.Web})
	require.NoError(t, err)
	require.Equal(t, "authenticator", asked.Challenge.Kind)
	require.Empty(t, w.Mail.Mails())
	w.mode(twofa.Policy{Mode: twofa.Off})
	asked, err = w.twofa.Ask(ctx, before, ann, signin.Attempt{Client: signin.Web})
	require.NoError(t, err)
	require.Nil(t, asked.Challenge, "switched off meanwhile")

	// And so with the user: whoever is being deleted, or gone, gets no
	// challenge.
	w.mode(byMail)
	require.NoError(t, w.transition(ann.ID, chatadmin.BeginDeletion))
	_, err = w.ask(ann, "")
	require.ErrorIs(t, err, chatadmin.ErrNotFound)
	w.mode(byApp)
	bob := w.User("bob@acme.example")
	require.NoError(t, w.transition(bob.ID, chatadmin.BeginDeletion))
	_, err = w.ask(bob, "")
	require.ErrorIs(t, err, chatadmin.ErrNotFound, "no row for somebody who is being deleted")
	for _, id := range []chatadmin.ID{"", "nobody", chatadmin.ID(strings.Repeat("x", 65))} {
		_, err = w.ask(chatadmin.User{ID: id, Domain: w.Domain}, "")
		require.ErrorIs(t, err, chatadmin.ErrNotFound)
	}
	require.Empty(t, w.Mail.Mails())
}

// A notice for somebody whose address went is dropped, and does not come back
// as an address does.
func TestNoticeWithoutAddress(t *testing.T) {
	w := newWorld(t, byApp)
	admin, f := w.process(w.Store, ringOf(t, "k1"), nil)
	d, _, err := admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Radio", Preset: chatadmin.ESChat, Admin: chatadmin.NewUser{Login: "boss", FirstName: "The", LastName: "Boss", NoInvitation: true},
		Settings: func(s *chatadmin.Settings) { s.Policies = w.Settings().Policies }})
	require.NoError(t, err)
	host := admin.AsHost(d.ID)
	u, err := host.CreateUser(ctx, chatadmin.NewUser{Login: "radio7", FirstName: "Ann", LastName: "Smith", NoInvitation: true})
	require.NoError(t, err)
	asked, err := f.Ask(ctx, w.Settings(), u, signin.Attempt{Client: signin.Web})
	require.NoError(t, err)
	a, err := answer(f, d.ID, asked.Challenge.ID, w.code(asked.Challenge.Enrolment.Secret.Reveal()))
	require.NoError(t, err)
	require.True(t, a.Right)
	for range 2 {
		n, err := f.SendNotices(ctx, d.ID)
		require.NoError(t, err)
		require.Zero(t, n)
		email := "radio7@acme.example"
		_, err = host.EditUser(ctx, u.ID, chatadmin.UserEdit{Email: &email})
		require.NoError(t, err)
	}
	require.Empty(t, w.Mail.Mails())
}
