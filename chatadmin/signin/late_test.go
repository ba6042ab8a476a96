package signin_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/password"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// The context of verify ends before the place does. Giving up then is busy,
// whether there is such a user or not, and counts as nothing.
func TestVerifyGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, chatadmin.OfficeChat)
		u := w.user("ann")
		until := func(ctx context.Context, _ chatadmin.User) (bool, error) {
			<-ctx.Done()
			return false, fmt.Errorf("waiting for a slot: %w", ctx.Err())
		}
		for range 5 {
			for _, login := range []string{"ann@acme.example", "nobody@acme.example"} {
				begin := time.Now()
				d, err := w.gate.SignIn(ctx, w.Domain, signin.Attempt{Login: login}, until)
				require.NoError(t, err)
				require.Equal(t, signin.Busy, d.Reason())
				require.Equal(t, 54*time.Second, time.Since(begin))
			}
		}
		require.Zero(t, w.lock(u.ID))
		require.Zero(t, w.records())

		// Whoever asks has hung up: no decision, and no failure either.
		short, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		_, err := w.gate.SignIn(short, w.Domain, signin.Attempt{Login: "ann@acme.example"}, until)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Zero(t, w.records())
	})
}

// What verify says is busy is a refusal that counts as nothing; what it says
// went wrong is an error that counts as nothing, also when it comes too late.
func TestVerifyFails(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	u := w.user("ann")
	for _, login := range []string{"ann@acme.example", "nobody@acme.example"} {
		for range 5 {
			d, err := w.gate.SignIn(ctx, w.Domain, signin.Attempt{Login: login}, func(context.Context, chatadmin.User) (bool, error) {
				return true, fmt.Errorf("hashing: %w", chatadmin.ErrBusy)
			})
			require.NoError(t, err)
			require.Equal(t, signin.Busy, d.Reason())
			_, err = w.gate.SignIn(ctx, w.Domain, signin.Attempt{Login: login}, func(context.Context, chatadmin.User) (bool, error) {
				w.Clock.Advance(2 * time.Minute)
				return false, errDown
			})
			require.ErrorIs(t, err, errDown)
		}
	}
	require.Zero(t, w.lock(u.ID))
	require.Empty(t, w.Events(signin.KindUserLock))
	for range 2 { // but a wrong one is a failure, however late
		d, err := w.gate.SignIn(ctx, w.Domain, signin.Attempt{Login: u.Login}, func(context.Context, chatadmin.User) (bool, error) {
			w.Clock.Advance(2 * time.Minute)
			return false, nil
		})
		require.NoError(t, err)
		require.Equal(t, signin.Wrong, d.Reason())
	}
	require.Equal(t, 2, w.lock(u.ID).Failures)
}

// A flood of guesses at unknown and locked logins fills the queue of passwords
// that are hashed. The right password of somebody else may have to be tried
// again, but is never a failure.
func TestOverload(t *testing.T) {
	store := memstore.New(nil)
	w := newWorldOn(t, store, chatadmin.OfficeChat)
	ann, bob := w.user("ann"), w.user("bob")
	passwords, err := password.New(w.Admin, &password.Options{Params: password.Params{Memory: 1 << 10, Time: 1, Threads: 1}, Concurrent: 1, Queue: 2})
	require.NoError(t, err)
	require.NoError(t, passwords.Set(ctx, ann, "correct horse"))
	for range 3 {
		w.try(bob.Login, "wrong", signin.Wrong)
	}
	gates := [2]*signin.Gate{w.gate, w.second(store.Handle(nil))}
	sign := func(n int, login, typed string) signin.Reason {
		d, err := gates[n%2].SignIn(ctx, w.Domain, signin.Attempt{Login: login}, passwords.Verifier(typed))
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		return d.Reason()
	}
	found := tally(func(n int) signin.Reason {
		switch {
		case n%5 == 0:
			return sign(n, ann.Login, "correct horse")
		case n%5 == 1:
			return sign(n, bob.Login, "guess")
		}
		return sign(n, fmt.Sprintf("nobody%d@acme.example", n), "guess")
	})
	require.NotZero(t, found[signin.Busy])
	require.Zero(t, found[signin.Wrong], "%v", found)
	require.LessOrEqual(t, found[signin.Locked], 20, "bob alone: %v", found)
	require.Zero(t, w.lock(ann.ID))
	require.Equal(t, signin.Reason(""), sign(0, ann.Login, "correct horse"))
}
