package twofa_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/csvimport"
	"chatadmin.example/sdk/twofa"
)

// What ends the access of a user ends what they have open and what is
// remembered; the authenticator is there when they come back.
func TestAccessEnds(t *testing.T) {
	for name, c := range map[string]struct {
		end, back func(w *world, u chatadmin.User) error
	}{
		"deactivated": {
			func(w *world, u chatadmin.User) error { _, err := w.S.DeactivateUsers(ctx, u.ID); return err },
			func(w *world, u chatadmin.User) error { _, err := w.S.ActivateUsers(ctx, u.ID); return err }},
		"denied": {
			func(w *world, u chatadmin.User) error { _, err := w.S.DenyAccess(ctx, u.ID); return err },
			func(w *world, u chatadmin.User) error { _, err := w.S.GrantAccess(ctx, u.ID); return err }},
		"being deleted": {
			func(w *world, u chatadmin.User) error { return w.transition(u.ID, chatadmin.BeginDeletion) },
			func(w *world, u chatadmin.User) error { return w.transition(u.ID, chatadmin.CancelDeletion) }},
	} {
		t.Run(name, func(t *testing.T) {
			w, ann, secret, token := trusted(t, memstore.New(nil), nil)
			c0 := w.challenged(ann)
			require.NoError(t, c.end(w, ann))
			w.wrong(c0.ID, w.code(secret))
			cs, err := w.twofa.Trusted(ctx, w.S, ann.ID)
			require.NoError(t, err)
			require.Empty(t, cs)
			require.NoError(t, c.back(w, ann))
			ok, _ := w.passes(ann, token)
			require.False(t, ok)
			w.wrong(c0.ID, w.code(secret))
			next := w.challenged(ann)
			require.Nil(t, next.Enrolment, "no need to set it up again")
			w.right(next.ID, w.code(secret))
		})
	}
}

// An import is no way around it.
func TestImportEndsTrust(t *testing.T) {
	w, ann, secret, token := trusted(t, memstore.New(nil), nil)
	c := w.challenged(ann)
	for _, enabled := range []string{"FALSE", "TRUE"} {
		_, err := chatadmintest.Must(csvimport.New(w.Admin, nil)).Import(ctx, w.S, strings.NewReader("login,enabled\nann@acme.example,"+enabled+"\n"), csvimport.UpdateExisting, nil)
		require.NoError(t, err)
		w.wrong(c.ID, w.code(secret))
	}
	ok, _ := w.passes(ann, token)
	require.False(t, ok)
	w.right(w.challenged(ann).ID, w.code(secret))
}

// transition brings a user into a state by the one function that serves every
// path.
func (w *world) transition(id chatadmin.ID, e chatadmin.StatusEvent) error {
	return w.Host.Change(ctx, chatadmin.Op{Kind: chatadmin.KindUserEdit, Fence: storage.Exclusive}, func(ctx context.Context, wk *chatadmin.Writer) error {
		us, err := wk.Users(ctx, w.Domain, []chatadmin.ID{id})
		if err != nil {
			return err
		}
		now, err := chatadmin.Transition(us[0], e)
		if err != nil {
			return err
		}
		p, wrong := wk.Settings.Prepare(now)
		if len(wrong) > 0 {
			return wrong[0]
		}
		return wk.WriteUsers(ctx, chatadmin.KindUserEdit, []chatadmin.UserWrite{{Was: us[0], Now: p}})
	})
}

// Reset kills everything at once, for several users, and tells them.
func TestReset(t *testing.T) {
	w := newWorld(t, twofa.Policy{Mode: twofa.Authenticator, Validity: 30 * days, Recovery: true})
	ann, bob, eve := w.User("ann@acme.example"), w.User("bob@acme.example"), w.User("eve@acme.example")
	secret := w.enrol(ann)
	w.enrol(bob)
	token := w.right(w.challenged(ann).ID, w.code(secret), true)
	w.Clock.Advance(30 * time.Second)
	recovery, err := w.twofa.RecoveryCodes(ctx, w.S, ann.ID)
	require.NoError(t, err)
	open := w.challenged(ann)
	require.ErrorIs(t, w.twofa.Reset(ctx, w.S, ann.ID, "nobody"), chatadmin.ErrNotFound)
	w.right(open.ID, w.code(secret))
	w.Clock.Advance(30 * time.Second)
	open = w.challenged(ann)

	require.NoError(t, w.twofa.Reset(ctx, w.S, ann.ID, bob.ID, eve.ID, ann.ID))
	require.ElementsMatch(t, []chatadmin.ID{ann.ID, bob.ID}, w.Events(twofa.KindReset)[0].Targets, "there was nothing to reset of the third")
	w.wrong(open.ID, w.code(secret))
	ok, _ := w.passes(ann, token)
	require.False(t, ok)
	c := w.challenged(ann)
	require.NotNil(t, c.Enrolment)
	require.NotEqual(t, secret, c.Enrolment.Secret.Reveal())
	w.wrong(c.ID, w.code(secret))
	w.wrong(c.ID, recovery[0])
	on, err := w.twofa.TwoFactorEnabled(ctx, w.Domain, []chatadmin.User{ann})
	require.NoError(t, err)
	require.Equal(t, []bool{false}, on)
	w.right(c.ID, w.code(c.Enrolment.Secret.Reveal())) // at once: the new secret has no step used
	next := w.challenged(ann)
	w.Clock.Advance(30 * time.Second)
	w.wrong(next.ID, recovery[0])
	w.wrong(next.ID, w.code(secret))
	w.right(next.ID, w.code(c.Enrolment.Secret.Reveal()))

	_, err = w.twofa.SendNotices(ctx, w.Domain)
	require.NoError(t, err)
	subjects := func(u chatadmin.User) (all []string) {
		for _, m := range w.Mail.To(u.Email) {
			all = append(all, m.Subject)
		}
		return all
	}
	require.Contains(t, subjects(ann), "Your two-factor authentication was reset: Acme")
	require.Contains(t, subjects(bob), "Your two-factor authentication was reset: Acme")
	require.Empty(t, subjects(eve))

	require.NoError(t, w.twofa.Reset(ctx, w.S, eve.ID))
	require.Len(t, w.Events(twofa.KindReset), 1)
	require.ErrorIs(t, w.twofa.Reset(ctx, w.S), chatadmin.ErrInvalid)
	require.ErrorIs(t, w.twofa.Reset(ctx, w.S, make([]chatadmin.ID, 1001)...), chatadmin.ErrInvalid)
}

// A reset ends the row of wrong codes also when its pause is over and nothing
// is open: the next pause is the short one again.
func TestResetEndsWrongCodes(t *testing.T) {
	w := newWorld(t, byMail)
	ann := w.User("ann@acme.example")
	burn := func() {
		for range 2 {
			c := w.challenged(ann)
			code := w.mailed(ann)
			for range 5 {
				w.wrong(c.ID, another(code))
			}
		}
		w.Clock.Advance(16 * time.Minute)
	}
	burn()
	require.NoError(t, w.twofa.Reset(ctx, w.Host, ann.ID))
	burn()
	w.challenged(ann)
}

// A reset while codes are being answered: whoever came in came in before it,
// and afterwards nothing of before works.
func TestResetRace(t *testing.T) {
	store := memstore.New(nil)
	w := newWorldOn(t, store, monthly, nil, nil)
	_, other := w.process(store.Handle(nil), ringOf(t, "k1"), nil)
	ann := w.User("ann@acme.example")
	for range 5 {
		secret := w.enrol(ann)
		c := w.challenged(ann)
		code, tokens := w.code(secret), make(chan string, 100)
		race(func(n int) {
			if n == 50 {
				if err := w.twofa.Reset(ctx, w.S, ann.ID); err != nil {
					t.Error(err)
				}
				return
			}
			if a, err := answer(other, w.Domain, c.ID, code, true); err == nil && a.Right {
				tokens <- a.Trust.Reveal()
			}
		})
		close(tokens)
		for token := range tokens {
			ok, _ := w.passes(ann, token)
			require.False(t, ok)
		}
		require.NotNil(t, w.challenged(ann).Enrolment)
	}
}

// Nobody resets, or looks after, somebody above them.
func TestNobodyAboveOneself(t *testing.T) {
	w := newWorld(t, twofa.Policy{Mode: twofa.Authenticator, Recovery: true})
	w.enrol(w.Boss)
	r, err := w.Host.CreateRole(ctx, chatadmin.Role{Name: "Clerk", Level: 10, Permissions: []chatadmin.Permission{chatadmin.PermTwoFactor}})
	require.NoError(t, err)
	clerk := w.User("clerk@acme.example", func(n *chatadmin.NewUser) { n.Role = r.ID })
	s := w.Admin.As(w.Domain, clerk.ID)
	require.ErrorIs(t, w.twofa.Reset(ctx, s, w.Boss.ID), chatadmin.ErrForbidden)
	require.ErrorIs(t, w.twofa.RevokeTrusted(ctx, s, w.Boss.ID), chatadmin.ErrForbidden)
	require.ErrorIs(t, w.twofa.RevokeAllTrusted(ctx, s, w.Boss.ID), chatadmin.ErrForbidden)
	_, err = w.twofa.RecoveryCodes(ctx, s, w.Boss.ID)
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
	ann := w.User("ann@acme.example")
	require.NoError(t, w.twofa.Reset(ctx, s, ann.ID))
}

// Members do for themselves what concerns them alone.
func TestForOneself(t *testing.T) {
	w := newWorld(t, twofa.Policy{Mode: twofa.Authenticator, Recovery: true})
	ann, bob := w.User("ann@acme.example"), w.User("bob@acme.example")
	w.enrol(ann)
	w.enrol(bob)
	s := w.Admin.As(w.Domain, ann.ID)
	_, err := w.twofa.RecoveryCodes(ctx, s, ann.ID)
	require.NoError(t, err)
	_, err = w.twofa.Trusted(ctx, s, ann.ID)
	require.NoError(t, err)
	_, err = w.twofa.Explain(ctx, s, ann.ID, "", "")
	require.NoError(t, err)
	require.NoError(t, w.twofa.RevokeAllTrusted(ctx, s, ann.ID))
	require.ErrorIs(t, w.twofa.Reset(ctx, s, ann.ID), chatadmin.ErrForbidden, "else a stolen session would put its own authenticator in place")
	_, err = w.S.DeactivateUsers(ctx, ann.ID)
	require.NoError(t, err)
	_, err = w.twofa.RecoveryCodes(ctx, s, ann.ID)
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
}

func TestRecoveryCodes(t *testing.T) {
	w := newWorld(t, byApp)
	ann, bob := w.User("ann@acme.example"), w.User("bob@acme.example")
	secret := w.enrol(ann)
	w.enrol(bob)
	_, err := w.twofa.RecoveryCodes(ctx, w.S, ann.ID)
	require.ErrorIs(t, err, chatadmin.ErrInvalid, "the domain does not have them unless it says so")
	w.mode(twofa.Policy{Mode: twofa.Authenticator, Recovery: true, Validity: days})
	_, err = w.twofa.RecoveryCodes(ctx, w.S, w.Boss.ID)
	require.ErrorIs(t, err, twofa.ErrNotEnrolled)
	old, err := w.twofa.RecoveryCodes(ctx, w.S, ann.ID)
	require.NoError(t, err)
	codes, err := w.twofa.RecoveryCodes(ctx, w.S, ann.ID)
	require.NoError(t, err)
	require.Len(t, codes, 10)
	_, err = w.twofa.RecoveryCodes(ctx, w.S, bob.ID)
	require.NoError(t, err)
	w.wrong(w.challenged(ann).ID, old[0])
	w.wrong(w.challenged(bob).ID, codes[0])
	token := w.right(w.challenged(ann).ID, codes[0], true)
	require.NotEmpty(t, token)
	w.wrong(w.challenged(ann).ID, codes[0])
	right := 0
	cs := make([]string, 10)
	for i := range cs {
		cs[i] = w.challenged(ann).ID
	}
	done := make(chan bool, 100)
	race(func(n int) {
		a, err := w.answer(cs[n%10], codes[1])
		done <- err == nil && a.Right
	})
	close(done)
	for ok := range done {
		if ok {
			right++
		}
	}
	require.Equal(t, 1, right)
	w.Clock.Advance(days)
	e, err := w.twofa.Explain(ctx, w.S, ann.ID, "web", "password")
	require.NoError(t, err)
	require.Equal(t, 8, e.Recovery)
	require.Len(t, w.Events(twofa.KindRecoveryUse), 2)
	require.Equal(t, map[string]string{"left": "8"}, w.Events(twofa.KindRecoveryUse)[0].Note)
	w.right(w.challenged(ann).ID, w.code(secret), false)

	// Taken back: those that exist do not work, also when the domain allows new
	// ones.
	w.mode(byApp)
	w.wrong(w.challenged(ann).ID, codes[2])
	left := func() int {
		e, err := w.twofa.Explain(ctx, w.S, ann.ID, "web", "password")
		require.NoError(t, err)
		return e.Recovery
	}
	require.Zero(t, left())
	w.mode(twofa.Policy{Mode: twofa.Authenticator, Recovery: true})
	require.Zero(t, left())
	w.wrong(w.challenged(ann).ID, codes[2])
	again, err := w.twofa.RecoveryCodes(ctx, w.S, ann.ID)
	require.NoError(t, err)
	w.right(w.challenged(ann).ID, again[0])
	require.Equal(t, 9, left())
	w.mode(twofa.Policy{Mode: twofa.Authenticator, Recovery: true, Validity: days})
	require.Equal(t, 9, left(), "they were not taken back")
	c := w.challenged(w.Boss)
	// an enrolment is confirmed by a code of the authenticator alone
	w.wrong(c.ID, codes[3])
	_, err = w.twofa.SendNotices(ctx, w.Domain)
	require.NoError(t, err)
	text := ""
	for _, m := range w.Mail.Mails() {
		text += m.Subject + m.Text
	}
	require.Contains(t, text, "A recovery code was used")
	for _, c := range slices.Concat(codes, old, again) {
		require.NotContains(t, text, c)
	}
}
