package signin_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// assert signs in by an assertion, which the host has verified.
func (w *world) assert(gate *signin.Gate, a signin.Attempt) signin.Decision {
	d, err := gate.SignIn(ctx, w.Domain, a, w.verify("right"))
	require.NoError(w.T, err)
	return d
}

// An assertion is about the user whose address is the same but for ASCII case.
// Addresses that a password's login would take for the same are somebody
// else's.
func TestAssertedAddress(t *testing.T) {
	for _, c := range []struct {
		user, asserted string
		same           bool
	}{
		{"ann@acme.example", "ann@acme.example", true},
		{"ann@acme.example", "ANN@Acme.Example", true},
		{"Ann@acme.example", "ann@acme.example", true},
		{"josé@acme.example", "JOSé@acme.example", true},
		{"ann@strasse.example", "ann@straße.example", false},
		{"ann@straße.example", "ann@strasse.example", false},
		{"ann@straße.example", "ann@straße.example", true},
		{"ann@straße.example", "ann@STRAẞE.example", false},
		{"iris@acme.example", "ırıs@acme.example", false},       // dotless i
		{"iris@acme.example", "İrİs@acme.example", false},       // dotted capital I
		{"kim@acme.example", "\u212aim@acme.example", false},    // Kelvin sign
		{"sam@acme.example", "\u017fam@acme.example", false},    // long s
		{"ann@acme.example", "ａｎｎ@acme.example", false},         // full width
		{"josé@acme.example", "JOSÉ@acme.example", false},       // another letter case, not of ASCII
		{"josé@acme.example", "jose\u0301@acme.example", false}, // another form
		{"ann@acme.example", " ann@acme.example", false},
		{"ann@acme.example", "ann@acme.example\n", false},
	} {
		for _, method := range []signin.Method{signin.Google, signin.SAML} {
			t.Run(c.user+" "+c.asserted+" "+string(method), func(t *testing.T) {
				w := newWorld(t, chatadmin.OfficeChat)
				u, err := w.Host.CreateUser(ctx, chatadmin.NewUser{Login: c.user, NoInvitation: true})
				require.NoError(t, err)
				for _, subject := range []string{"", "7"} {
					a := signin.Attempt{Login: c.asserted, Method: method, Subject: subject, Issuer: "https://idp.example"}
					d := w.assert(w.gate, a)
					require.Equal(t, c.same, d.Allowed(), "%s", d.Reason())
					if !c.same {
						require.Equal(t, signin.Unknown, d.Reason())
						require.NotEqual(t, u.ID, d.Subject())
					}
				}
			})
		}
	}
}

// Once linked, the provider's own ID finds the user, whatever becomes of the
// address, and the address finds nobody else.
func TestLinkedAccount(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	ann, bob := w.user("ann"), w.user("bob")
	by := func(address, subject string) signin.Decision {
		return w.assert(w.gate, signin.Attempt{Login: address, Method: signin.Google, Subject: subject})
	}
	require.True(t, by("ann@acme.example", "1").Allowed())
	require.Len(t, w.Events(signin.KindUserLink), 1)
	require.True(t, by("ann@acme.example", "1").Allowed())
	require.Len(t, w.Events(signin.KindUserLink), 1, "once")

	d := by("somebody@else.example", "1")
	require.True(t, d.Allowed())
	require.Equal(t, ann.ID, d.User.ID, "the address has changed at the provider")
	require.Equal(t, ann.ID, by("bob@acme.example", "1").User.ID, "even to one that is another user's here")
	require.Equal(t, signin.OtherAccount, by("ann@acme.example", "2").Reason(), "the address was given to somebody else")
	require.True(t, w.assert(w.gate, signin.Attempt{Login: "ann@acme.example", Method: signin.SAML, Issuer: "a", Subject: "2"}).Allowed(), "another provider")
	require.Equal(t, signin.OtherAccount, w.assert(w.gate, signin.Attempt{Login: "ann@acme.example", Method: signin.SAML, Issuer: "a", Subject: "3"}).Reason())
	require.True(t, w.assert(w.gate, signin.Attempt{Login: "bob@acme.example", Method: signin.SAML, Issuer: "b", Subject: "2"}).Allowed(), "an ID is the provider's own")

	renamed := "before@acme.example"
	_, err := w.Host.EditUser(ctx, ann.ID, chatadmin.UserEdit{Login: &renamed})
	require.NoError(t, err)
	require.Equal(t, ann.ID, by("ann@acme.example", "1").User.ID, "the address has changed here")
	_, err = w.Host.DeactivateUsers(ctx, ann.ID)
	require.NoError(t, err)
	require.Equal(t, signin.Deactivated, by("ann@acme.example", "1").Reason())
	_, err = w.Host.ActivateUsers(ctx, ann.ID)
	require.NoError(t, err)

	require.NoError(t, w.gate.Unlink(ctx, w.Host, ann.ID, bob.ID))
	require.Equal(t, []chatadmin.ID{ann.ID, bob.ID}, w.Events(signin.KindUserUnlink)[0].Targets)
	require.Equal(t, signin.Unknown, by("ann@acme.example", "1").Reason())
	require.True(t, by(renamed, "2").Allowed())
	require.Zero(t, w.lock(ann.ID))

	rs, _, err := w.Store.ListRecords(ctx, storage.RecordQuery{Kind: "federated", Domain: w.Domain}, chatadmin.Page{Limit: 10})
	require.NoError(t, err)
	for _, r := range rs {
		require.Equal(t, ann.ID, r.Owner, "goes with the user")
	}
}

// A user who is deleted takes the link along, and what is said of the provider
// must make sense.
func TestAssertionsRefused(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	w.user("ann")
	long := make([]byte, 1025)
	for name, a := range chatadmintest.InOrder(map[string]signin.Attempt{
		"subject of a password": {Login: "ann@acme.example", Subject: "1"},
		"issuer of a password":  {Login: "ann@acme.example", Issuer: "a"},
		"SAML without issuer":   {Login: "ann@acme.example", Method: signin.SAML, Subject: "1"},
		"long subject":          {Login: "ann@acme.example", Method: signin.Google, Subject: string(long)},
		"long issuer":           {Login: "ann@acme.example", Method: signin.Google, Issuer: string(long)},
	}) {
		_, err := w.gate.SignIn(ctx, w.Domain, a, w.verify("right"))
		require.ErrorIs(t, err, chatadmin.ErrInvalid, name)
	}
}

// between is a store in which something happens right after the link of an
// account was looked for, once.
type between struct {
	chatadmin.Store
	happens func()
}

func (s *between) Records(ctx context.Context, keys []storage.Key) ([]storage.Record, error) {
	rs, err := s.Store.Records(ctx, keys)
	if happens := s.happens; happens != nil && strings.HasPrefix(keys[0].ID, "account.") {
		s.happens = nil
		happens()
	}
	return rs, err
}

// An account that another attempt links between two reads of this one is no
// other account, and what another account was faster with is.
func TestLinkedMeanwhile(t *testing.T) {
	for subject, want := range chatadmintest.InOrder(map[string]signin.Reason{"1": "", "2": signin.OtherAccount}) {
		store := &between{Store: memstore.New(nil)}
		w := newWorldOn(t, store, chatadmin.OfficeChat)
		w.user("ann")
		try := func(subject string) signin.Reason {
			d, err := w.gate.SignIn(ctx, w.Domain, signin.Attempt{Login: "ann@acme.example", Method: signin.Google, Subject: subject}, w.verify("right"))
			require.NoError(t, err)
			return d.Reason()
		}
		store.happens = func() { require.Empty(t, try("1")) }
		require.Equal(t, want, try(subject))
		require.Nil(t, store.happens)
		require.Empty(t, try("1"))
		require.Equal(t, signin.OtherAccount, try("2"))
		require.Len(t, w.Events(signin.KindUserLink), 1)
	}
}

// A hundred assertions about one address at once, over two handles of a store
// that is unreliable, by two accounts: one of them is linked, and the other
// lets nobody in.
func TestLinkingRace(t *testing.T) {
	store := memstore.New(nil)
	w := newWorldOn(t, store, chatadmin.OfficeChat)
	u := w.user("ann")
	gates := [2]*signin.Gate{}
	for n := range gates {
		gates[n] = w.second(store.Handle(&memstore.Options{Chaos: &memstore.Chaos{Seed: uint64(n), Rerun: 0.3, UnknownKept: 0.08, UnknownLost: 0.03}}))
	}
	reasons := tally(func(n int) signin.Reason {
		d, err := gates[n%2].SignIn(ctx, w.Domain, signin.Attempt{Login: "ann@acme.example", Method: signin.Google, Subject: []string{"1", "2"}[n/2%2]}, w.verify("right"))
		if err != nil {
			t.Error(err)
		}
		return d.Reason()
	})
	require.Equal(t, map[signin.Reason]int{"": 50, signin.OtherAccount: 50}, reasons)
	require.Len(t, w.Events(signin.KindUserLink), 1)
	require.Zero(t, w.lock(u.ID))
}
