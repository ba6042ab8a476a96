package twofa_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/twofa"
)

// damages are the ways in which a state cannot be read.
var damages = map[string]func(good string) string{
	"empty":          func(string) string { return "" },
	"truncated":      func(good string) string { return good[:len(good)/2] },
	"{}":             func(string) string { return `{}` },
	"null":           func(string) string { return `null` },
	"a list":         func(string) string { return `[]` },
	"newer":          func(good string) string { return strings.Replace(good, `"v":1`, `"v":2`, 1) },
	"wrong types":    func(string) string { return `{"v":1,"gen":"one","seed":7}` },
	"wrong version":  func(good string) string { return strings.Replace(good, `"v":1`, `"v":"1"`, 1) },
	"negative":       func(string) string { return `{"v":1,"gen":-1}` },
	"wrong lists":    func(string) string { return `{"v":1,"gen":0,"challenges":{"hash":7}}` },
	"an odd sign-in": func(string) string { return `{"v":1,"gen":0,"challenges":[{"kind":"none","hash":"AAAA"}]}` },
	"lost":           func(string) string { return `{"v":1,"gen":0,"lost":true}` },
}

// broken is a world in which the state of ann cannot be read, and that of bob
// can.
type broken struct {
	*world
	ann, bob             chatadmin.User
	annSecret, bobSecret string
	token                string
	challenge            signin.Challenge
	asked                signin.Open // before the damage
}

func newBroken(t *testing.T, damage func(string) string) *broken {
	w := newWorld(t, twofa.Policy{Mode: twofa.Authenticator, Validity: 30 * days, Recovery: true})
	b := &broken{world: w, ann: w.User("ann@acme.example"), bob: w.User("bob@acme.example")}
	b.annSecret, b.bobSecret = w.enrol(b.ann), w.enrol(b.bob)
	b.token = w.right(w.challenged(b.ann).ID, w.code(b.annSecret), true)
	w.right(w.challenged(b.bob).ID, w.code(b.bobSecret), true)
	w.Clock.Advance(time.Minute)
	b.challenge = *w.challenged(b.ann)
	var err error
	b.asked, err = w.twofa.Open(ctx, w.Domain, b.challenge.ID)
	require.NoError(t, err)
	bad := w.record(b.ann)
	bad.Data = []byte(damage(string(bad.Data)))
	w.PutRecord(bad)
	return b
}

// shut proves that ann does not come in, by any way.
func (b *broken) shut(t *testing.T) {
	t.Helper()
	for _, token := range []string{"", b.token} {
		asked, err := b.ask(b.ann, token)
		require.Error(t, err)
		require.Equal(t, signin.Asked{}, asked)
	}
	a, err := b.twofa.Answer(ctx, b.asked, b.code(b.annSecret), true)
	require.Error(t, err)
	require.Equal(t, signin.Answer{}, a)
}

// Every call × every damage: a state that cannot be read lets its user in by no
// way, and keeps nobody else from anything.
func TestDamagedState(t *testing.T) {
	type call struct {
		do   func(b *broken, s *chatadmin.Scope, u chatadmin.User) error
		goes bool // also for the user whose state it is
	}
	calls := map[string]call{
		"Explain": {do: func(b *broken, s *chatadmin.Scope, u chatadmin.User) error {
			_, err := b.twofa.Explain(ctx, s, u.ID, signin.Web, signin.Password)
			return err
		}},
		"Trusted": {do: func(b *broken, s *chatadmin.Scope, u chatadmin.User) error {
			_, err := b.twofa.Trusted(ctx, s, u.ID)
			return err
		}},
		"RevokeTrusted": {do: func(b *broken, s *chatadmin.Scope, u chatadmin.User) error {
			return b.twofa.RevokeTrusted(ctx, s, u.ID)
		}},
		"RecoveryCodes": {do: func(b *broken, s *chatadmin.Scope, u chatadmin.User) error {
			_, err := b.twofa.RecoveryCodes(ctx, s, u.ID)
			return err
		}},
		"Ask": {do: func(b *broken, _ *chatadmin.Scope, u chatadmin.User) error {
			_, err := b.ask(u, "")
			return err
		}},
		"RevokeAllTrusted": {goes: true, do: func(b *broken, s *chatadmin.Scope, u chatadmin.User) error {
			return b.twofa.RevokeAllTrusted(ctx, s, u.ID)
		}},
		"DeactivateUsers": {goes: true, do: func(b *broken, s *chatadmin.Scope, u chatadmin.User) error {
			_, err := s.DeactivateUsers(ctx, u.ID)
			return err
		}},
		"DenyAccess": {goes: true, do: func(b *broken, s *chatadmin.Scope, u chatadmin.User) error {
			_, err := s.DenyAccess(ctx, u.ID)
			return err
		}},
		"EditUser": {goes: true, do: func(b *broken, s *chatadmin.Scope, u chatadmin.User) error {
			email := "x" + u.Email
			_, err := s.EditUser(ctx, u.ID, chatadmin.UserEdit{Email: &email})
			return err
		}},
		"deletion": {goes: true, do: func(b *broken, _ *chatadmin.Scope, u chatadmin.User) error {
			return b.transition(u.ID, chatadmin.BeginDeletion)
		}},
	}
	for name, damage := range damages {
		for _, what := range slices.Sorted(maps.Keys(calls)) {
			t.Run(name+"/"+what, func(t *testing.T) {
				c := calls[what]
				b := newBroken(t, damage)
				err := c.do(b, b.S, b.ann)
				if c.goes {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, chatadmin.ErrDamaged)
				}
				b.shut(t)
				require.NoError(t, c.do(b, b.S, b.bob))
				b.shut(t)
			})
		}
	}
}

// Calls about the whole domain go on behind a state that cannot be read.
func TestDamagedStateInTheDomain(t *testing.T) {
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			b := newBroken(t, damage)
			require.Equal(t, []string{"twofa " + string(b.ann.ID)}, b.Damaged())
			for _, call := range []func() error{
				func() error { _, err := b.twofa.Open(ctx, b.Domain, b.challenge.ID); return err },
				func() error { _, err := b.twofa.Challenge(ctx, b.Domain, b.challenge.ID); return err },
				func() error { _, err := b.twofa.Resend(ctx, b.Domain, b.challenge.ID); return err },
			} {
				require.ErrorIs(t, call(), chatadmin.ErrDamaged)
			}
			on, err := b.twofa.TwoFactorEnabled(ctx, b.Domain, []chatadmin.User{b.ann, b.bob})
			require.NoError(t, err)
			require.Equal(t, []bool{false, true}, on)
			require.EqualValues(t, 1, b.plan(b.Host, byMail).Counts["cannot_pass"])
			run, err := b.twofa.Reseal(ctx, b.Host, nil)
			require.NoError(t, err)
			require.Equal(t, []chatadmin.ID{b.ann.ID}, run.Data.Reset)
			did, err := b.Admin.Work(ctx)
			require.NoError(t, err)
			require.Equal(t, 2, did["two-factor notices"], "those of bob")
			b.mode(byMail)
			b.mode(byApp)
			b.shut(t)
			_, err = b.Host.DeactivateUsers(ctx, b.ann.ID, b.bob.ID)
			require.NoError(t, err)
			_, err = b.Host.ActivateUsers(ctx, b.ann.ID, b.bob.ID)
			require.NoError(t, err)
			b.shut(t)
		})
	}
}

// A reset and a repair both end it: the user sets it up anew, and what was
// there before is dead.
func TestDamagedStateIsRepaired(t *testing.T) {
	for how, mend := range map[string]func(b *broken, s *chatadmin.Scope) error{
		"Reset":  func(b *broken, s *chatadmin.Scope) error { return b.twofa.Reset(ctx, s, b.ann.ID, b.bob.ID) },
		"Repair": func(b *broken, s *chatadmin.Scope) error { return s.Repair(ctx, "twofa", string(b.ann.ID)) },
	} {
		for name, damage := range damages {
			t.Run(how+"/"+name, func(t *testing.T) {
				b := newBroken(t, damage)
				require.NoError(t, mend(b, b.S))
				require.Empty(t, b.Damaged())
				require.Contains(t, b.Events(twofa.KindReset)[0].Targets, b.ann.ID)
				asked, err := b.ask(b.ann, b.token)
				require.NoError(t, err)
				require.NotNil(t, asked.Challenge, "the remembered client is asked")
				require.NotNil(t, asked.Challenge.Enrolment, "the authenticator of before is dead")
				b.enrol(b.ann)
				require.NoError(t, mend(b, b.S), "again")
			})
		}
	}
}

// Nobody repairs the state of a user on whom they may not act, and a state that
// can be read is left alone.
func TestRepairOfAStateNeedsPower(t *testing.T) {
	b := newBroken(t, damages["null"])
	role, err := b.Host.CreateRole(ctx, chatadmin.Role{Name: "clerk", Level: 50, Permissions: []chatadmin.Permission{chatadmin.PermDomain, chatadmin.PermTwoFactor}})
	require.NoError(t, err)
	lesser, err := b.Host.CreateRole(ctx, chatadmin.Role{Name: "no factor", Level: 50, Permissions: []chatadmin.Permission{chatadmin.PermDomain}})
	require.NoError(t, err)
	clerk, other := b.User("clerk@acme.example"), b.User("other@acme.example")
	for id, r := range chatadmintest.InOrder(map[chatadmin.ID]string{clerk.ID: role.ID, other.ID: lesser.ID, b.ann.ID: chatadmin.RoleAdmin}) {
		_, err := b.Host.AssignRole(ctx, r, id)
		require.NoError(t, err)
	}
	require.ErrorIs(t, b.Admin.As(b.Domain, clerk.ID).Repair(ctx, "twofa", string(b.ann.ID)), chatadmin.ErrForbidden, "she stands above")
	require.ErrorIs(t, b.Admin.As(b.Domain, other.ID).Repair(ctx, "twofa", string(b.ann.ID)), chatadmin.ErrForbidden, "without the permission")
	require.ErrorIs(t, b.Host.Repair(ctx, "twofa", "none"), chatadmin.ErrNotFound)
	was := b.record(b.bob)
	require.NoError(t, b.Host.Repair(ctx, "twofa", string(b.bob.ID)))
	require.Equal(t, was, b.record(b.bob))
	b.shut(t)
}

// An idle round of the worker reads a list or two, whatever the number of
// domains; with something to send only the domains that have it are visited.
func TestNoticesByWork(t *testing.T) {
	store := &reads{}
	w := newWorld(t, byApp)
	store.Store = w.Store
	admin, _ := w.process(store, ringOf(t, "k1"), nil)
	for n := range 30 {
		_, _, err := admin.CreateDomain(ctx, chatadmin.NewDomain{Name: fmt.Sprint("Domain ", n), Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example", NoInvitation: true}})
		require.NoError(t, err)
	}
	w.enrol(w.User("ann@acme.example"))
	did, err := admin.Work(ctx)
	require.NoError(t, err)
	require.Equal(t, 1, did["two-factor notices"])
	w.Clock.Advance(time.Minute)
	store.lists = map[string]int{}
	did, err = admin.Work(ctx)
	require.NoError(t, err)
	require.Zero(t, did["two-factor notices"])
	require.Equal(t, 1, store.lists["twofa"])
}

// reads counts the lists of records by their kind.
type reads struct {
	chatadmin.Store
	lists map[string]int
}

func (r *reads) ListRecords(ctx context.Context, q storage.RecordQuery, p chatadmin.Page) ([]storage.Record, chatadmin.Cursor, error) {
	if r.lists != nil {
		r.lists[q.Kind]++
	}
	return r.Store.ListRecords(ctx, q, p)
}

// A notice that a wrong clock has put off for longer than anything is put off
// is sent by Work too, although nothing else is due in its domain.
func TestNoticeOfAWrongClock(t *testing.T) {
	w := newWorld(t, byApp)
	w.enrol(w.User("ann@acme.example"))
	w.Mail.FailNext(fmt.Errorf("not now"))
	w.Clock.Advance(10 * 365 * days)
	_, err := w.Admin.Work(ctx)
	require.NoError(t, err)
	w.Clock.Advance(-10 * 365 * days)
	did, err := w.Admin.Work(ctx)
	require.NoError(t, err)
	require.Equal(t, 1, did["two-factor notices"])
}

// What earlier versions have written of a user, letter by letter, is read.
func TestOldState(t *testing.T) {
	w := newWorld(t, byApp)
	ann := w.User("ann@acme.example")
	sealed, err := ringOf(t, "k1").Seal([]byte(secretOf(1)), "twofa/seed", string(w.Domain), string(ann.ID), "3")
	require.NoError(t, err)
	w.PutRecord(storage.Record{Key: storage.Key{Kind: "twofa", Domain: w.Domain, ID: string(ann.ID)}, Owner: ann.ID, Due: w.Clock.Now(), Data: fmt.Appendf(nil,
		`{"v":1,"gen":3,"seed":%q,"step":55,"enrolled":"2026-01-02T03:04:05Z","recovery":["AAAA"],"recovery_epoch":1,"wrong":2,"mails":["2026-01-02T03:04:05Z"],`+
			`"challenges":[{"hash":"AAAA","kind":"authenticator","epoch":1,"client":"web","method":"password","expires":"2026-01-02T03:14:05Z","n":1,"tries":1}],`+
			`"remembered":[{"id":"x","hash":"AAAA","client":"web","epoch":1,"since":"2026-01-02T03:04:05Z","used":"2026-01-02T03:04:05Z","expires":"2026-02-02T03:04:05Z"}],`+
			`"notices":[{"id":"twofa-enrolled-1","what":"enrolled","at":"2026-01-02T03:04:05Z","due":"2026-01-02T03:04:05Z"}]}`, base64.StdEncoding.EncodeToString(sealed))})
	require.Empty(t, w.Damaged())
	did, err := w.Admin.Work(ctx)
	require.NoError(t, err)
	require.Equal(t, 1, did["two-factor notices"])
	w.right(w.challenged(ann).ID, w.code(secretOf(1)))
}
