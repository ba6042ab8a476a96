package signin_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// The third failure in a row locks, whatever the spelling, until time or an
// admin unlocks; a success in between starts anew.
func TestLockOut(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	u, other := w.user("jos\u00e9"), w.user("bob")
	spellings := []string{"jos\u00e9@acme.example", " JOS\u00c9@ACME.example ", "jose\u0301@acme.example"}
	w.try(spellings[0], "wrong", signin.Wrong)
	w.try(spellings[1], "wrong", signin.Wrong)
	w.try(spellings[2], "right", "")
	require.Zero(t, w.lock(u.ID))
	for _, s := range spellings {
		w.try(s, "wrong", signin.Wrong)
	}
	require.Equal(t, signin.Lock{Failures: 3, Locked: true, Until: w.Clock.Now().Add(15 * time.Minute)}, w.lock(u.ID))
	looked := w.looked(u.ID)
	for range 10 {
		w.try(spellings[0], "right", signin.Locked)
	}
	require.Equal(t, looked, w.looked(u.ID), "the password of somebody who is locked is not looked at")
	w.try("bob@acme.example", "right", "")
	require.Zero(t, w.lock(other.ID))
	events := w.Events(signin.KindUserLock)
	require.Len(t, events, 1)
	require.Equal(t, []chatadmin.ID{u.ID}, events[0].Targets)
	require.Equal(t, "2026-03-01T09:15:00Z", events[0].Changes[u.ID][0].After)

	w.Clock.Advance(15*time.Minute - time.Millisecond)
	w.try(spellings[0], "right", signin.Locked)
	w.Clock.Advance(time.Millisecond)
	require.Zero(t, w.lock(u.ID))
	w.try(spellings[0], "wrong", signin.Wrong)
	require.Equal(t, 1, w.lock(u.ID).Failures, "counted anew")
	w.try(spellings[0], "right", "")
}

func TestPolicies(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat, func(o *signin.Options) { o.Policy.Limit = 5 })
	s := w.Admin.As(w.Domain, w.Boss.ID)
	p, err := w.gate.Policy(ctx, s)
	require.NoError(t, err)
	require.Equal(t, signin.Policy{Limit: 5, UnlockAfter: 15 * time.Minute}, p)
	for _, p := range []signin.Policy{{Limit: 2, UnlockAfter: signin.UntilUnlocked}, {Limit: 1}, {UnlockAfter: time.Hour}, {Limit: 100, UnlockAfter: 24 * time.Hour}} {
		_, err := w.Host.ChangeSettings(ctx, func(set *chatadmin.Settings) error { set.DefaultCountry = "NL"; return nil })
		require.NoError(t, err)
		require.NoError(t, w.gate.SetPolicy(ctx, s, p))
		if p.Limit == 0 {
			p.Limit = 5
		}
		if p.UnlockAfter == 0 {
			p.UnlockAfter = 15 * time.Minute
		}
		got, err := w.gate.Policy(ctx, s)
		require.NoError(t, err)
		require.Equal(t, p, got)
	}
	require.ErrorIs(t, w.gate.SetPolicy(ctx, s, signin.Policy{Limit: 200}), chatadmin.ErrInvalid)

	require.NoError(t, w.gate.SetPolicy(ctx, s, signin.Policy{Limit: 2, UnlockAfter: signin.UntilUnlocked}))
	u := w.user("ann")
	w.try("ann@acme.example", "wrong", signin.Wrong)
	w.try("ann@acme.example", "wrong", signin.Wrong)
	w.Clock.Advance(1000 * time.Hour)
	w.try("ann@acme.example", "right", signin.Locked)
	require.Equal(t, signin.Lock{Failures: 2, Locked: true}, w.lock(u.ID))

	// The last admin is never shut out for good, not even one who was made an
	// admin while locked.
	for range 2 {
		w.try("boss@acme.example", "wrong", signin.Wrong)
	}
	w.try("boss@acme.example", "right", signin.Locked)
	require.Equal(t, w.Clock.Now().Add(15*time.Minute), w.lock(w.Boss.ID).Until)
	w.Clock.Advance(15 * time.Minute)
	w.try("boss@acme.example", "right", "")
	_, err = w.Host.AssignRole(ctx, chatadmin.RoleAdmin, u.ID)
	require.NoError(t, err)
	w.try("ann@acme.example", "right", "")

	// A limit that is lowered below the failures counted so far locks with the
	// next attempt, and does not make it wait for ever.
	require.NoError(t, w.gate.SetPolicy(ctx, s, signin.Policy{Limit: 10}))
	for range 5 {
		w.try("ann@acme.example", "wrong", signin.Wrong)
	}
	require.NoError(t, w.gate.SetPolicy(ctx, s, signin.Policy{Limit: 3}))
	w.try("ann@acme.example", "right", signin.Locked)
	require.Len(t, w.Events(signin.KindUserLock), 3)

	for _, bad := range []string{`{"limit":-4}`, `{"limit":"three"}`, `{"unlock_after":-7}`} {
		chatadmintest.PutSettings(t, w.Store, w.Domain, func(set *chatadmin.Settings) { set.Policies["signin"] = []byte(bad) })
		_, err = w.gate.SignIn(ctx, w.Domain, signin.Attempt{Login: "ann@acme.example"}, w.verify("right"))
		require.Error(t, err, "a policy that cannot be read lets nobody in")
	}
}

// A hundred wrong passwords at once over two handles: three are verified. A
// hundred right ones: all come in. Right and wrong mixed: never more wrong ones
// in a row than the limit.
func TestGuessingAtOnce(t *testing.T) {
	store := memstore.New(nil)
	w := newWorldOn(t, store, chatadmin.OfficeChat)
	u := w.user("ann")
	w.try("ann@acme.example", "right", "")
	gates := [2]*signin.Gate{w.gate, w.second(store.Handle(nil))}
	spell := []string{"ann@acme.example", "ANN@acme.example", " Ann@Acme.Example"}
	attempt := func(n int, password string) signin.Reason {
		d, err := gates[n%2].SignIn(ctx, w.Domain, signin.Attempt{Login: spell[n%3]}, w.verify(password))
		require.NoError(t, err)
		return d.Reason()
	}
	looked := w.looked(u.ID)
	reasons := tally(func(n int) signin.Reason { return attempt(n, "right") })
	require.Equal(t, map[signin.Reason]int{"": 100}, reasons)
	require.Equal(t, 100, w.looked(u.ID)-looked)
	require.Zero(t, w.records())

	looked, nobody := w.looked(u.ID), w.looked("")
	reasons = tally(func(n int) signin.Reason { return attempt(n, "wrong") })
	require.Equal(t, map[signin.Reason]int{signin.Wrong: 3, signin.Locked: 97}, reasons)
	require.Equal(t, 3, w.looked(u.ID)-looked)
	require.Equal(t, 97, w.looked("")-nobody, "the others make the same work")
	require.Len(t, w.Events(signin.KindUserLock), 1)

	require.NoError(t, w.gate.Unlock(ctx, w.Host, u.ID))
	reasons = tally(func(n int) signin.Reason { return attempt(n, []string{"right", "wrong"}[n/2%2]) })
	require.Zero(t, reasons[signin.Busy])
	require.LessOrEqual(t, reasons[signin.Wrong], 50)
}

func (w *world) second(store chatadmin.Store) *signin.Gate {
	g, err := signin.New(chatadmintest.Must(chatadmin.New(store, &chatadmin.Options{Now: w.Clock.Now})), nil)
	require.NoError(w.T, err)
	return g
}

func tally(f func(n int) signin.Reason) map[signin.Reason]int {
	var mu sync.Mutex
	found := map[signin.Reason]int{}
	chatadmintest.AtOnce(100, func(n int) error {
		r := f(n)
		mu.Lock()
		defer mu.Unlock()
		found[r]++
		return nil
	})
	return found
}

// The same over a store that re-runs functions and commits without saying so.
func TestGuessingUnreliable(t *testing.T) {
	for seed := range uint64(3) {
		store := memstore.New(nil)
		w := newWorldOn(t, store, chatadmin.OfficeChat)
		u := w.user("ann")
		handle := func(n uint64) *signin.Gate {
			// of thousands none is unlucky eight times
			return w.second(store.Handle(&memstore.Options{Chaos: &memstore.Chaos{Seed: 2*seed + n, Rerun: 0.3, UnknownKept: 0.08, UnknownLost: 0.03}}))
		}
		gates := [2]*signin.Gate{handle(0), handle(1)}
		attempt := func(n int, password string) signin.Reason {
			d, err := gates[n%2].SignIn(ctx, w.Domain, signin.Attempt{Login: "ann@acme.example"}, w.verify(password))
			require.NoError(t, err)
			return d.Reason()
		}
		require.Equal(t, map[signin.Reason]int{"": 100}, tally(func(n int) signin.Reason { return attempt(n, "right") }))
		require.Len(t, w.Events(signin.KindUserSignIn), 1)
		looked := w.looked(u.ID)
		require.Equal(t, map[signin.Reason]int{signin.Wrong: 3, signin.Locked: 97}, tally(func(n int) signin.Reason { return attempt(n, "wrong") }))
		require.Equal(t, 3, w.looked(u.ID)-looked)
		require.Len(t, w.Events(signin.KindUserLock), 1)
	}
}

// A right password does not take back wrong codes: whoever knows the one is
// locked by guessing the other, one after the other or all at once.
func TestWrongCodesLock(t *testing.T) {
	second := &codes{}
	w := newWorld(t, chatadmin.OfficeChat, func(o *signin.Options) { o.SecondFactor = second })
	u := w.user("ann")
	ask := func() (signin.Decision, error) {
		return w.gate.SignIn(ctx, w.Domain, signin.Attempt{Login: "ann@acme.example"}, w.verify("right"))
	}
	for n := range 3 {
		d, err := ask()
		require.NoError(t, err)
		require.Equal(t, signin.Challenged, d.Outcome, "attempt %d", n)
		d, err = w.gate.Complete(ctx, w.Domain, d.Challenge.ID, "000000", false)
		require.NoError(t, err)
		require.Equal(t, signin.WrongCode, d.Reason())
		require.Equal(t, n+1, w.lock(u.ID).Failures)
	}
	d, err := ask()
	require.NoError(t, err)
	require.Equal(t, signin.Locked, d.Reason())
	require.NoError(t, w.gate.Unlock(ctx, w.Host, u.ID))

	d, err = ask()
	require.NoError(t, err)
	id, before := d.Challenge.ID, second.answers
	reasons := tally(func(int) signin.Reason {
		d, err := w.gate.Complete(ctx, w.Domain, id, "000000", false)
		require.NoError(t, err)
		return d.Reason()
	})
	require.Equal(t, map[signin.Reason]int{signin.WrongCode: 3, signin.Locked: 97}, reasons)
	require.Equal(t, 3, second.answers-before)
	d, err = w.gate.Complete(ctx, w.Domain, id, "123456", false)
	require.NoError(t, err)
	require.Equal(t, signin.Locked, d.Reason(), "locked after the challenge was opened")
	w.Clock.Advance(15 * time.Minute)
	d, err = w.gate.Complete(ctx, w.Domain, id, "123456", false)
	require.NoError(t, err)
	require.True(t, d.Allowed())
	require.Zero(t, w.lock(u.ID))
}

// An attempt that is begun and never finished is a failure once its time is
// over. Finishing it later lets nobody in, and takes the failure back if the
// first factor has held.
func TestAbandonedAttempts(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	u := w.user("ann")
	attempt := signin.Attempt{Login: "ann@acme.example"}
	begin := func() *signin.Try {
		try, err := w.gate.Begin(ctx, w.Domain, attempt)
		require.NoError(t, err)
		return try
	}
	finish := func(try *signin.Try, held bool, want signin.Reason) {
		t.Helper()
		d, err := w.gate.Finish(ctx, try, held)
		require.NoError(t, err)
		require.Equal(t, want, d.Reason())
	}
	first, second := begin(), begin()
	require.Zero(t, w.lock(u.ID), "under way")
	w.Clock.Advance(time.Minute)
	require.Equal(t, 2, w.lock(u.ID).Failures)
	third := begin() // writes down that the others have lapsed
	finish(first, true, signin.Busy)
	require.Equal(t, 1, w.lock(u.ID).Failures, "it was none")
	finish(second, false, signin.Wrong)
	require.Equal(t, 1, w.lock(u.ID).Failures, "not counted twice")
	fourth := begin()
	w.Clock.Advance(time.Minute)
	w.try("ann@acme.example", "right", signin.Locked)
	require.Len(t, w.Events(signin.KindUserLock), 1, "locked by abandoned attempts, and written down once")
	require.NoError(t, w.gate.Cancel(ctx, third))
	require.False(t, w.lock(u.ID).Locked, "what could not be verified was no failure")
	require.Len(t, w.Events(signin.KindUserUnlock), 1)
	finish(fourth, true, signin.Busy)
	require.Equal(t, 1, w.lock(u.ID).Failures)
	w.try("ann@acme.example", "right", "")
	require.Zero(t, w.records())
}

// Unknown logins are counted and locked like users, in few records, and lock
// nobody else.
func TestUnknownLogins(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	u := w.user("ann")
	w.try("ann@acme.example", "wrong", signin.Wrong)
	for n := range 2000 {
		w.try(fmt.Sprintf("nobody%d@acme.example", n), "wrong", signin.Unknown)
	}
	require.LessOrEqual(t, w.records(), 65)
	require.Equal(t, 1, w.lock(u.ID).Failures, "flooding the gate forgets nobody")
	w.try("ann@acme.example", "right", "")
	require.Empty(t, w.Events(signin.KindUserLock))
	require.Equal(t, map[signin.Reason]int{signin.Unknown: 100}, tally(func(int) signin.Reason {
		d, err := w.gate.SignIn(ctx, w.Domain, signin.Attempt{Login: "nobody@acme.example"}, w.verify("right"))
		require.NoError(t, err)
		return d.Reason()
	}))
}

// Attempts wait for a place as long as they are told to, no longer than their
// context, and not all of them; whoever frees one wakes the next.
func TestWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, chatadmin.OfficeChat, func(o *signin.Options) { o.Queue = 5 })
		u := w.user("ann")
		attempt := signin.Attempt{Login: "ann@acme.example"}
		var tries []*signin.Try
		for range 3 {
			try, err := w.gate.Begin(ctx, w.Domain, attempt)
			require.NoError(t, err)
			tries = append(tries, try)
		}
		begin := time.Now()
		w.try("ann@acme.example", "right", signin.Busy)
		require.Equal(t, 10*time.Second, time.Since(begin))
		require.Zero(t, w.looked(u.ID))

		begin = time.Now()
		short, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		_, err := w.gate.SignIn(short, w.Domain, attempt, w.verify("right"))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(begin))

		begin = time.Now()
		var mu sync.Mutex
		found := map[signin.Reason]int{}
		for range 8 {
			go func() {
				d, err := w.gate.SignIn(ctx, w.Domain, attempt, w.verify("right"))
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				found[d.Reason()]++
			}()
		}
		synctest.Wait()
		require.Equal(t, map[signin.Reason]int{signin.Busy: 3}, found, "the line is full")
		d, err := w.gate.Finish(ctx, tries[0], true)
		require.NoError(t, err)
		require.True(t, d.Allowed())
		synctest.Wait()
		require.Equal(t, map[signin.Reason]int{signin.Busy: 3, "": 5}, found)
		require.Zero(t, time.Since(begin), "nobody had to look again: they were woken")

		// A place that another process frees is found by looking from time to
		// time.
		_, err = w.gate.Begin(ctx, w.Domain, attempt)
		require.NoError(t, err)
		second := w.second(w.Store)
		go func() {
			time.Sleep(3 * time.Second)
			_, _ = second.Finish(ctx, tries[1], true)
		}()
		begin = time.Now()
		w.try("ann@acme.example", "right", "")
		require.InDelta(t, 3.2, time.Since(begin).Seconds(), 0.2)
	})
}

// If verifying, or the second factor, panics, the place is given back at once
// and nothing counts.
func TestPanics(t *testing.T) {
	second := &panicking{}
	w := newWorld(t, chatadmin.OfficeChat, func(o *signin.Options) { o.SecondFactor = second })
	w.user("ann")
	attempt := signin.Attempt{Login: "ann@acme.example", Client: signin.Web}
	for range 5 {
		require.PanicsWithValue(t, "verify", func() {
			_, _ = w.gate.SignIn(ctx, w.Domain, attempt, func(context.Context, chatadmin.User) (bool, error) { panic("verify") })
		})
		require.Zero(t, w.records())
		second.in = "ask"
		require.PanicsWithValue(t, "ask", func() { _, _ = w.gate.SignIn(ctx, w.Domain, attempt, w.verify("right")) })
		require.Zero(t, w.records())
		second.in = ""
		d, err := w.gate.SignIn(ctx, w.Domain, attempt, w.verify("right"))
		require.NoError(t, err)
		second.in = "answer"
		require.PanicsWithValue(t, "answer", func() { _, _ = w.gate.Complete(ctx, w.Domain, d.Challenge.ID, "123456", false) })
		require.Zero(t, w.records())
		second.in = ""
	}
}

// panicking is a second factor with a fault.
type panicking struct {
	codes
	in string
}

func (p *panicking) Ask(ctx context.Context, set *chatadmin.Settings, u chatadmin.User, a signin.Attempt) (signin.Asked, error) {
	if p.in == "ask" {
		panic(p.in)
	}
	return p.codes.Ask(ctx, set, u, a)
}

func (p *panicking) Answer(ctx context.Context, o signin.Open, code string, remember bool) (signin.Answer, error) {
	if p.in == "answer" {
		panic(p.in)
	}
	return p.codes.Answer(ctx, o, code, remember)
}
