package sqlstoretest

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
	"chatadmin.example/sdk/chatadmin/storage"
)

// told remembers before when sessions were to end.
type told struct{ before time.Time }

// EndSessions implements signin.Sessions.
func (s *told) EndSessions(_ context.Context, _ storage.ID, _ []storage.ID, before time.Time) error {
	s.before = before
	return nil
}

// A password changes while a hundred attempts with the old one are made over
// two handles. Each is refused, or its session is among those that end.
func TestPasswordChangeRace(t *testing.T) {
	databases(t, func(t *testing.T, db database) {
		ctx := t.Context()
		clock := chatadmintest.NewClock(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC))
		ticking := func() time.Time { clock.Advance(time.Millisecond); return clock.Now() }
		sessions := &told{}
		var admins [2]*chatadmin.Admin
		var gates [2]*signin.Gate
		for n := range gates {
			var err error
			admins[n] = chatadmintest.Must(chatadmin.New(db.open(t), &chatadmin.Options{Now: ticking}))
			gates[n], err = signin.New(admins[n], &signin.Options{Sessions: sessions, Wait: time.Minute})
			require.NoError(t, err)
		}
		d, ann, err := admins[0].CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "ann@acme.example", NoInvitation: true}})
		require.NoError(t, err)
		passwords, err := password.New(admins[0], &password.Options{Params: password.Params{Memory: 8, Time: 1, Threads: 1}, Queue: 200})
		require.NoError(t, err)
		require.NoError(t, passwords.Set(ctx, ann, "old horse battery"))
		attempt := signin.Attempt{Login: ann.Login}
		first, err := gates[0].SignIn(ctx, d.ID, attempt, passwords.Verifier("old horse battery"))
		require.NoError(t, err)
		require.True(t, first.Allowed())
		var mu sync.Mutex
		began := []time.Time{first.Began}
		for _, err := range chatadmintest.AtOnce(100, func(n int) error {
			if n == 50 {
				return passwords.Set(ctx, ann, "new horse battery")
			}
			got, err := gates[n%2].SignIn(ctx, d.ID, attempt, passwords.Verifier("old horse battery"))
			if got.Allowed() {
				mu.Lock()
				defer mu.Unlock()
				began = append(began, got.Began)
			}
			return err
		}) {
			require.NoError(t, err)
		}
		_, err = gates[0].EndSessions(ctx)
		require.NoError(t, err)
		for _, at := range began {
			require.True(t, at.Before(sessions.before), "%s is not before %s", at, sessions.before)
		}
		require.NoError(t, gates[1].Unlock(ctx, admins[1].AsHost(d.ID), ann.ID))
		got, err := gates[1].SignIn(ctx, d.ID, attempt, passwords.Verifier("new horse battery"))
		require.NoError(t, err)
		require.True(t, got.Allowed())
		require.False(t, got.Began.Before(sessions.before))
	})
}
