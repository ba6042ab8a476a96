package twofa_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"regexp"
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
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/twofa"
)

var ctx = context.Background()

// world is a domain with two-factor authentication, and everything that is
// faked around it.
type world struct {
	*chatadmintest.World
	twofa *twofa.Service
}

func newWorld(t testing.TB, p twofa.Policy) *world {
	return newWorldOn(t, memstore.New(nil), p, nil, nil)
}

func newWorldOn(t testing.TB, store chatadmin.Store, p twofa.Policy, ring *keyring.Ring, o *twofa.Options, more ...func(*chatadmin.Options)) *world {
	t.Helper()
	if ring == nil {
		ring = ringOf(t, "k1")
	}
	var with twofa.Options
	if o != nil {
		with = *o
	}
	with.Keys = ring
	w := &world{}
	w.World = chatadmintest.NewWorld(t, &chatadmintest.WorldOptions{
		Store: store,
		Admin: func(o *chatadmin.Options) {
			for _, f := range more {
				f(o)
			}
		},
		Extend: func(a *chatadmin.Admin) { w.twofa = chatadmintest.Must(twofa.New(a, &with)) },
	})
	if p != (twofa.Policy{}) {
		w.mode(p)
	}
	return w
}

// process is what a program sets up that works on the store: another one, or
// the same after a restart.
func (w *world) process(store chatadmin.Store, ring *keyring.Ring, o *twofa.Options, more ...func(*chatadmin.Options)) (*chatadmin.Admin, *twofa.Service) {
	options := &chatadmin.Options{Now: w.Clock.Now, Mailer: w.Mail}
	for _, f := range more {
		f(options)
	}
	var with twofa.Options
	if o != nil {
		with = *o
	}
	with.Keys = ring
	admin := chatadmintest.Must(chatadmin.New(store, options))
	return admin, chatadmintest.Must(twofa.New(admin, &with))
}

func key(id string) keyring.Key {
	return keyring.Key{ID: id, Secret: secret.HideBytes(bytes.Repeat([]byte(id[len(id)-1:]), keyring.KeySize))}
}

func ringOf(t testing.TB, current string, old ...string) *keyring.Ring {
	t.Helper()
	var keys []keyring.Key
	for _, id := range old {
		keys = append(keys, key(id))
	}
	r, err := keyring.New(rand.Reader, key(current), keys...)
	require.NoError(t, err)
	return r
}

// mode puts a policy in force.
func (w *world) mode(p twofa.Policy) {
	w.T.Helper()
	plan, err := w.twofa.Plan(ctx, w.Host, p)
	require.NoError(w.T, err)
	require.NoError(w.T, w.twofa.Apply(ctx, w.Host, plan))
}

// ask is a sign-in whose password was right.
func (w *world) ask(u chatadmin.User, trust string) (signin.Asked, error) {
	w.T.Helper()
	return w.twofa.Ask(ctx, w.Settings(), u, passwordRight(u, trust))
}

// passwordRight is the attempt of a user whose password was right.
func passwordRight(u chatadmin.User, trust string) signin.Attempt {
	return signin.Attempt{Login: u.Login, Client: signin.Web, Method: signin.Password, Trust: secret.Hide(trust)}
}

// challenged is a sign-in that is asked for a code.
func (w *world) challenged(u chatadmin.User) *signin.Challenge {
	w.T.Helper()
	asked, err := w.ask(u, "")
	require.NoError(w.T, err)
	require.NotNil(w.T, asked.Challenge)
	return asked.Challenge
}

// answer answers a challenge as the gate does.
func (w *world) answer(challenge, code string, remember ...bool) (signin.Answer, error) {
	return answer(w.twofa, w.Domain, challenge, code, remember...)
}

func answer(f signin.SecondFactor, domain chatadmin.ID, challenge, code string, remember ...bool) (signin.Answer, error) {
	o, err := f.Open(ctx, domain, challenge)
	if err != nil {
		return signin.Answer{}, err
	}
	return f.Answer(ctx, o, code, len(remember) > 0 && remember[0])
}

// right answers a challenge, which must let the user in, and returns the trust
// token.
func (w *world) right(challenge, code string, remember ...bool) string {
	w.T.Helper()
	a, err := w.answer(challenge, code, remember...)
	require.NoError(w.T, err)
	require.True(w.T, a.Right)
	return a.Trust.Reveal()
}

// wrong answers a challenge, which must not let the user in.
func (w *world) wrong(challenge, code string) signin.Answer {
	w.T.Helper()
	a, err := w.answer(challenge, code)
	if err != nil {
		require.ErrorIs(w.T, err, chatadmin.ErrNotFound)
	}
	require.False(w.T, a.Right)
	require.True(w.T, a.Trust.IsZero())
	return a
}

// enrol sets up an authenticator for a user and returns its secret. The clock
// moves on, so that the next code is another one.
func (w *world) enrol(u chatadmin.User) string {
	w.T.Helper()
	c := w.challenged(u)
	require.NotNil(w.T, c.Enrolment)
	w.right(c.ID, w.code(c.Enrolment.Secret.Reveal()))
	w.Clock.Advance(30 * time.Second)
	return c.Enrolment.Secret.Reveal()
}

// code is what an authenticator shows now.
func (w *world) code(secret string) string { return codeAt(w.T, secret, w.Clock.Now()) }

func codeAt(t testing.TB, secret string, at time.Time) string {
	t.Helper()
	code, err := totp.GenerateCode(secret, at)
	require.NoError(t, err)
	return code
}

// another is a code that is not the given one.
func another(code string) string { return fmt.Sprintf("%06d", (atoi(code)+1)%1_000_000) }

func atoi(s string) (n int) {
	_, _ = fmt.Sscanf(s, "%d", &n)
	return n
}

var sixDigits = regexp.MustCompile(`(?m)^(\d{6})$`)

// mailed is the code in the newest mail to a user.
func (w *world) mailed(u chatadmin.User) string {
	w.T.Helper()
	mails := w.Mail.To(u.Email)
	require.NotEmpty(w.T, mails)
	m := sixDigits.FindStringSubmatch(mails[len(mails)-1].Text)
	require.NotNil(w.T, m, mails[len(mails)-1].Text)
	return m[1]
}

// record is the state of a user as stored.
func (w *world) record(u chatadmin.User) storage.Record {
	w.T.Helper()
	rs, err := w.Store.Records(ctx, []storage.Key{{Kind: "twofa", Domain: u.Domain, ID: string(u.ID)}})
	require.NoError(w.T, err)
	require.Len(w.T, rs, 1)
	return rs[0]
}

// race runs f a hundred times at once, each with its number.
func race(f func(n int)) {
	chatadmintest.AtOnce(100, func(n int) error {
		f(n)
		return nil
	})
}

func guest(n *chatadmin.NewUser) { n.Kind = chatadmin.Guest }

const days = 24 * time.Hour

var (
	byMail = twofa.Policy{Mode: twofa.Email}
	byApp  = twofa.Policy{Mode: twofa.Authenticator}
)
