package signin_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/password"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// A hundred sign-ins with the old password over two handles, while it changes:
// each is refused, or its session is among those that the host is told to end.
// A session made with the new password stays.
func TestPasswordChangesUnderAttempts(t *testing.T) {
	for seed := range uint64(20) {
		store := memstore.New(nil)
		w := newWorldOn(t, store, chatadmin.OfficeChat)
		u := w.user("ann")
		var err error
		// Every look at the clock is later than the one before.
		ticking := func() time.Time { w.Clock.Advance(time.Millisecond); return w.Clock.Now() }
		w.Admin = chatadmintest.Must(chatadmin.New(store, &chatadmin.Options{Now: ticking}))
		w.gate, err = signin.New(w.Admin, &signin.Options{Sessions: w.sessions})
		require.NoError(t, err)
		passwords, err := password.New(w.Admin, &password.Options{Params: password.Params{Memory: 8, Time: 1, Threads: 1}})
		require.NoError(t, err)
		require.NoError(t, passwords.Set(ctx, u, "old horse battery"))
		w.try(u.Login, "right", "")
		second, err := signin.New(chatadmintest.Must(chatadmin.New(store.Handle(&memstore.Options{Chaos: &memstore.Chaos{Seed: seed, Rerun: 0.3}}), &chatadmin.Options{Now: ticking})), nil)
		require.NoError(t, err)
		gates := [2]*signin.Gate{w.gate, second}
		var mu sync.Mutex
		var began []time.Time
		changed := make(chan struct{})
		tally(func(n int) signin.Reason {
			if n == 50 {
				defer close(changed)
				if err := passwords.Set(ctx, u, "new horse battery"); err != nil {
					t.Error(err)
				}
				return ""
			}
			verify := func(ctx context.Context, u chatadmin.User) (bool, error) {
				ok, err := passwords.Verify(ctx, u, "old horse battery")
				if n%10 == 0 {
					<-changed // the old password was right when it was looked at
				}
				return ok, err
			}
			d, err := gates[n%2].SignIn(ctx, w.Domain, signin.Attempt{Login: u.Login}, verify)
			if err != nil {
				t.Error(err)
			}
			if d.Allowed() {
				mu.Lock()
				defer mu.Unlock()
				began = append(began, d.Began)
			}
			return d.Reason()
		})
		_, err = w.gate.EndSessions(ctx)
		require.NoError(t, err)
		last := w.sessions.told[len(w.sessions.told)-1]
		require.Equal(t, []chatadmin.ID{u.ID}, last.users)
		for _, at := range began {
			require.True(t, at.Before(last.before))
		}
		w.Clock.Advance(time.Second)
		require.NoError(t, w.gate.Unlock(ctx, w.Host, u.ID))
		d, err := w.gate.SignIn(ctx, w.Domain, signin.Attempt{Login: u.Login}, passwords.Verifier("new horse battery"))
		require.NoError(t, err)
		require.True(t, d.Allowed())
		require.False(t, d.Began.Before(last.before))
		require.Zero(t, w.records())
	}
}

// A lock is told by mail, and once a day at most: nobody floods a mailbox by
// guessing.
func TestLockIsTold(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	u := w.user("ann")
	lock := func() {
		t.Helper()
		for range 3 {
			w.try(u.Login, "wrong", signin.Wrong)
		}
		require.True(t, w.lock(u.ID).Locked)
		_, err := w.Admin.SendNotices(ctx, w.Domain)
		require.NoError(t, err)
	}
	lock()
	require.Len(t, w.Mail.To(u.Email), 1)
	require.Equal(t, "Your account is locked for now: Acme", w.Mail.To(u.Email)[0].Subject)
	for range 5 {
		w.Clock.Advance(time.Hour)
		lock()
	}
	require.Len(t, w.Mail.To(u.Email), 1)
	w.Clock.Advance(24 * time.Hour)
	_, err := w.Admin.SendNotices(ctx, w.Domain)
	require.NoError(t, err)
	lock()
	require.Len(t, w.Mail.To(u.Email), 2)
	for range 3 {
		w.try("nobody@acme.example", "wrong", signin.Unknown)
	}
	require.Len(t, w.Mail.Mails(), 2)
}
