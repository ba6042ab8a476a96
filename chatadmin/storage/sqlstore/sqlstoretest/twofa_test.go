package sqlstoretest

import (
	"bytes"
	"context"
	"crypto/rand"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/keyring"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/twofa"
)

// house is a domain with an authenticator user, and two processes over one
// database.
type house struct {
	t      *testing.T
	clock  *chatadmintest.Clock
	mail   *chatadmintest.Mailbox
	admins [2]*chatadmin.Admin
	both   [2]*twofa.Service
	domain storage.ID
	ann    storage.User
	set    *chatadmin.Settings
}

func newHouse(t *testing.T, db database, p twofa.Policy) *house {
	h := &house{t: t, clock: chatadmintest.NewClock(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)), mail: &chatadmintest.Mailbox{}}
	for i := range h.both {
		h.admins[i], h.both[i] = h.process(db, &twofa.Options{TrustGrace: time.Minute})
	}
	d, _, err := h.admins[0].CreateDomain(t.Context(), chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example", NoInvitation: true}})
	require.NoError(t, err)
	h.domain = d.ID
	host := h.admins[0].AsHost(d.ID)
	h.ann, err = host.CreateUser(t.Context(), chatadmin.NewUser{Login: "ann@acme.example", NoInvitation: true})
	require.NoError(t, err)
	plan, err := h.both[0].Plan(t.Context(), host, p)
	require.NoError(t, err)
	require.NoError(t, h.both[0].Apply(t.Context(), host, plan))
	_, set, err := host.View(t.Context(), "")
	require.NoError(t, err)
	h.set = &set
	return h
}

// process opens the database anew, as a program that starts does.
func (h *house) process(db database, o *twofa.Options) (*chatadmin.Admin, *twofa.Service) {
	h.t.Helper()
	ring, err := keyring.New(rand.Reader, keyring.Key{ID: "k", Secret: secret.HideBytes(bytes.Repeat([]byte{1}, keyring.KeySize))})
	require.NoError(h.t, err)
	var with twofa.Options
	if o != nil {
		with = *o
	}
	with.Keys = ring
	admin := chatadmintest.Must(chatadmin.New(db.open(h.t), &chatadmin.Options{Now: h.clock.Now, Mailer: h.mail}))
	return admin, chatadmintest.Must(twofa.New(admin, &with))
}

func (h *house) ask(f *twofa.Service, trust string) signin.Asked {
	h.t.Helper()
	asked, err := f.Ask(h.t.Context(), h.set, h.ann, signin.Attempt{Client: signin.Web, Trust: secret.Hide(trust)})
	require.NoError(h.t, err)
	return asked
}

func (h *house) answer(f *twofa.Service, challenge, code string) (signin.Answer, error) {
	o, err := f.Open(h.t.Context(), h.domain, challenge)
	if err != nil {
		return signin.Answer{}, err
	}
	return f.Answer(h.t.Context(), o, code, true)
}

func (h *house) code(secret string) string {
	h.t.Helper()
	code, err := totp.GenerateCode(secret, h.clock.Now())
	require.NoError(h.t, err)
	return code
}

// race runs f a hundred times at once, by turns in each of the two processes.
func (h *house) race(f func(n int, s *twofa.Service)) {
	chatadmintest.AtOnce(100, func(n int) error {
		f(n, h.both[n%2])
		return nil
	})
}

// Enrolments, codes, mailed codes and remembered clients, a hundred times at
// once from two processes: each counts once.
func TestTwoFactorRaces(t *testing.T) {
	databases(t, func(t *testing.T, db database) {
		h := newHouse(t, db, twofa.Policy{Mode: twofa.Authenticator, Validity: 24 * time.Hour})
		var cs [10]*signin.Challenge
		var codes [10]string
		for i := range cs {
			cs[i] = h.ask(h.both[i%2], "").Challenge
			codes[i] = h.code(cs[i].Enrolment.Secret.Reveal())
		}
		var right atomic.Int64
		var winner atomic.Value
		h.race(func(n int, f *twofa.Service) {
			c := cs[n%10]
			if a, err := h.answer(f, c.ID, codes[n%10]); err == nil && a.Right {
				right.Add(1)
				winner.Store(c.Enrolment.Secret.Reveal())
			}
		})
		require.EqualValues(t, 1, right.Load(), "one authenticator")
		seed := winner.Load().(string)

		h.clock.Advance(time.Minute)
		for i := range cs {
			c := h.ask(h.both[i%2], "").Challenge
			require.Nil(t, c.Enrolment)
			cs[i] = c
		}
		right.Store(0)
		code := h.code(seed)
		var token atomic.Value
		h.race(func(n int, f *twofa.Service) {
			if a, err := h.answer(f, cs[n%10].ID, code); err == nil && a.Right {
				right.Add(1)
				token.Store(a.Trust.Reveal())
			}
		})
		require.EqualValues(t, 1, right.Load(), "one code")

		var rotated, passed atomic.Int64
		var next atomic.Value
		old := token.Load().(string)
		h.race(func(_ int, f *twofa.Service) {
			asked, err := f.Ask(t.Context(), h.set, h.ann, signin.Attempt{Client: signin.Web, Trust: secret.Hide(old)})
			if err != nil {
				t.Error(err)
				return
			}
			if asked.Challenge == nil {
				passed.Add(1)
			}
			if !asked.Trust.IsZero() {
				rotated.Add(1)
				next.Store(asked.Trust.Reveal())
			}
		})
		require.EqualValues(t, 1, rotated.Load())
		require.EqualValues(t, 100, passed.Load())

		// A restart, over the same database: what was used stays used, what is
		// remembered stays so.
		_, restarted := h.process(db, nil)
		h.clock.Advance(2 * time.Hour)
		require.NotEmpty(t, h.ask(restarted, next.Load().(string)).Trust.Reveal())
		code = h.code(seed)
		a, err := h.answer(h.both[0], h.ask(h.both[1], "").Challenge.ID, code)
		require.NoError(t, err)
		require.True(t, a.Right)
		for _, back := range []time.Duration{0, 30 * time.Second, time.Hour} {
			// a clock that is set back reopens nothing
			h.clock.Advance(-back)
			for _, used := range []string{code, h.code(seed)} {
				a, err = h.answer(restarted, h.ask(restarted, "").Challenge.ID, used)
				require.NoError(t, err)
				require.False(t, a.Right)
			}
		}
	})
}

func TestMailedCodeRaces(t *testing.T) {
	databases(t, func(t *testing.T, db database) {
		h := newHouse(t, db, twofa.Policy{Mode: twofa.Email})
		c := h.ask(h.both[0], "").Challenge
		mails := h.mail.To(h.ann.Email)
		require.Len(t, mails, 1)
		code := digits(mails[0].Text)
		var right atomic.Int64
		h.race(func(_ int, f *twofa.Service) {
			if a, err := h.answer(f, c.ID, code); err == nil && a.Right {
				right.Add(1)
			}
		})
		require.EqualValues(t, 1, right.Load())
		h.race(func(_ int, f *twofa.Service) {
			_, _ = f.Ask(t.Context(), h.set, h.ann, signin.Attempt{Client: signin.Web})
		})
		require.Len(t, h.mail.To(h.ann.Email), 5, "a mailbox is not flooded")

		// Wrong answers are limited over all challenges, however many come at
		// once.
		h.clock.Advance(time.Hour)
		c = h.ask(h.both[0], "").Challenge
		mails = h.mail.To(h.ann.Email)
		code = digits(mails[len(mails)-1].Text)
		wrong := "000000"
		if code == wrong {
			wrong = "111111"
		}
		h.race(func(_ int, f *twofa.Service) {
			for range 3 {
				_, _ = h.answer(f, c.ID, wrong)
			}
		})
		_, err := h.answer(h.both[1], c.ID, code)
		require.ErrorIs(t, err, chatadmin.ErrNotFound)
	})
}

// beforeWrite is a store that does something once, before the first records are
// written behind users that were read.
type beforeWrite struct {
	storage.Store
	do func()
}

func (s *beforeWrite) Update(ctx context.Context, f storage.Fence, do func(context.Context, storage.Tx) error) error {
	return s.Store.Update(ctx, f, func(ctx context.Context, tx storage.Tx) error { return do(ctx, &beforeWriteTx{Tx: tx, s: s}) })
}

type beforeWriteTx struct {
	storage.Tx
	s     *beforeWrite
	users bool
}

func (x *beforeWriteTx) Users(ctx context.Context, domain storage.ID, ids []storage.ID) ([]storage.User, error) {
	x.users = true
	return x.Tx.Users(ctx, domain, ids)
}

func (x *beforeWriteTx) ChangeRecords(ctx context.Context, c []storage.Write[storage.Record]) ([]storage.Conflict, error) {
	if do := x.s.do; do != nil && x.users {
		x.s.do = nil
		do()
	}
	return x.Tx.ChangeRecords(ctx, c)
}

// The address changes between what a sign-in reads and what it writes: a code
// that went to the old address lets nobody in, neither at the user's first
// sign-in nor when nothing was left to be ended.
func TestAddressChangesWhileAsking(t *testing.T) {
	for name, first := range map[string]bool{"first": true, "later": false} {
		t.Run(name, func(t *testing.T) {
			db := postgresPrefix(t) // SQLite has one writer at a time
			h := newHouse(t, db, twofa.Policy{Mode: twofa.Email})
			if !first {
				a, err := h.answer(h.both[0], h.ask(h.both[0], "").Challenge.ID, digits(h.mail.To(h.ann.Email)[0].Text))
				require.NoError(t, err)
				require.True(t, a.Right)
			}
			ring, err := keyring.New(rand.Reader, keyring.Key{ID: "k", Secret: secret.HideBytes(bytes.Repeat([]byte{1}, keyring.KeySize))})
			require.NoError(t, err)
			before, to := len(h.mail.Mails()), "new@acme.example"
			s := &beforeWrite{Store: db.open(t), do: func() {
				_, err := h.admins[1].AsHost(h.domain).EditUser(t.Context(), h.ann.ID, chatadmin.UserEdit{Email: &to})
				require.NoError(t, err)
			}}
			slow := chatadmintest.Must(twofa.New(chatadmintest.Must(chatadmin.New(s, &chatadmin.Options{Now: h.clock.Now, Mailer: h.mail})), &twofa.Options{Keys: ring}))
			asked, err := slow.Ask(t.Context(), h.set, h.ann, signin.Attempt{Client: signin.Web})
			require.NoError(t, err)
			require.Nil(t, s.do, "the address has changed meanwhile")
			require.Len(t, h.mail.Mails(), before+1)
			require.Len(t, h.mail.To(to), 1, "the code went to the address of now")
			a, err := h.answer(h.both[0], asked.Challenge.ID, digits(h.mail.To(to)[0].Text))
			require.NoError(t, err)
			require.True(t, a.Right)
		})
	}
}

// digits is the code in a mail: a line of its own.
func digits(text string) string {
	for line := range bytes.Lines([]byte(text)) {
		line = bytes.TrimSpace(line)
		if len(line) == 6 && bytes.Trim(line, "0123456789") == nil {
			return string(line)
		}
	}
	return ""
}
