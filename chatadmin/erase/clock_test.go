package erase_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/erase"
	"chatadmin.example/sdk/chatadmin/storage"
)

const (
	hours = time.Hour
	days  = 24 * time.Hour
	ahead = 73 * 365 * days
)

// daily runs the worker once a day.
func (w *world) daily(n int) {
	w.T.Helper()
	for range n {
		w.Clock.Advance(days)
		_, err := w.d.RunDue(ctx, w.Domain)
		require.NoError(w.T, err)
	}
}

// A clock that has jumped begins nothing, whether the worker had run before or
// not, and whether it jumped to just behind the time or far beyond it. Put
// right, it begins everything in time.
func TestClockJumps(t *testing.T) {
	for name, c := range map[string]struct {
		ran  int // days on which the worker ran
		jump time.Duration
	}{"far, never ran": {0, ahead}, "a little too far, never ran": {0, 38 * days}, "far": {10, ahead}, "to the time": {10, 20 * days}, "a bit beyond it": {10, 25 * days}} {
		t.Run(name, func(t *testing.T) {
			w, ann, bob, r := graceful(t)
			if c.ran > 0 {
				_, err := w.d.RunDue(ctx, w.Domain)
				require.NoError(t, err)
				w.daily(c.ran)
			}
			w.Clock.Advance(c.jump)
			for range 3 { // as often as it is asked
				done, err := w.d.RunDue(ctx, w.Domain)
				var clock *chatadmin.ClockError
				require.ErrorAs(t, err, &clock)
				require.Equal(t, w.Clock.Now(), clock.Now)
				require.ErrorContains(t, err, "resume deletion "+string(r.ID))
				require.Empty(t, done)
			}
			require.Equal(t, chatadmin.Deactivated, w.Row(ann.ID).Status)
			w.Clock.Advance(-c.jump)
			if c.ran == 0 {
				_, err := w.d.RunDue(ctx, w.Domain)
				require.NoError(t, err)
			}
			w.daily(29 - c.ran)
			require.Equal(t, chatadmin.Deactivated, w.Row(ann.ID).Status)
			w.daily(1)
			w.noTrace(ann.ID, bob.ID)
		})
	}
}

// Where the worker really did not run for long, the actor begins the deletion,
// and the worker goes on with the others.
func TestWorkerWasAway(t *testing.T) {
	w, ann, _, r := graceful(t)
	cat := w.user("cat")
	p, err := w.d.Plan(ctx, w.S, []chatadmin.ID{cat.ID}, nil)
	require.NoError(t, err)
	_, err = w.d.Apply(ctx, w.S, p, reason, nil)
	require.NoError(t, err)
	second := w.user("second", admin)
	_, err = w.d.RunDue(ctx, w.Domain)
	require.NoError(t, err)
	w.Clock.Advance(40 * days)
	var clock *chatadmin.ClockError
	_, err = w.d.RunDue(ctx, w.Domain)
	require.ErrorAs(t, err, &clock)
	_, err = w.d.Resume(ctx, w.As(second), r.ID, nil)
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
	require.ErrorContains(t, err, "take it over")
	r, err = w.d.Resume(ctx, w.S, r.ID, nil)
	require.NoError(t, err)
	require.Equal(t, chatadmin.RunDone, r.State)
	done, err := w.d.RunDue(ctx, w.Domain)
	require.NoError(t, err)
	require.Len(t, done, 1)
	w.noTrace(ann.ID, cat.ID)
}

// A pause of the worker in which nothing was scheduled is none to ask about.
func TestWorkerWasAwayWithoutNeed(t *testing.T) {
	w := newWorld(t, memory())
	_, err := w.d.RunDue(ctx, w.Domain)
	require.NoError(t, err)
	w.Clock.Advance(100 * days)
	w.daily(1)
	require.NoError(t, w.d.SetPolicy(ctx, w.S, erase.Policy{GraceDays: 3}))
	ann := w.user("ann")
	p, err := w.d.Plan(ctx, w.S, []chatadmin.ID{ann.ID}, nil)
	require.NoError(t, err)
	_, err = w.d.Apply(ctx, w.S, p, reason, nil)
	require.NoError(t, err)
	w.daily(3)
	w.noTrace(ann.ID)
}

// What a clock that was ahead has scheduled or begun waits no longer for it.
func TestScheduledByClockAhead(t *testing.T) {
	w := newWorld(t, memory())
	_, err := w.d.RunDue(ctx, w.Domain)
	require.NoError(t, err)
	w.Clock.Advance(ahead)
	left := w.interrupted("left")
	require.NoError(t, w.d.SetPolicy(ctx, w.S, erase.Policy{GraceDays: 30}))
	ann := w.user("ann")
	p, err := w.d.Plan(ctx, w.S, []chatadmin.ID{ann.ID}, nil)
	require.NoError(t, err)
	r, err := w.d.Apply(ctx, w.S, p, reason, nil)
	require.NoError(t, err)
	_, err = w.d.RunDue(ctx, w.Domain)
	require.NoError(t, err)

	w.Clock.Advance(-ahead)
	done, err := w.d.RunDue(ctx, w.Domain)
	require.NoError(t, err)
	require.Len(t, done, 1)
	require.Equal(t, left, done[0].ID)
	r, err = w.d.Run(ctx, w.S, r.ID)
	require.NoError(t, err)
	require.Equal(t, []any{chatadmin.RunScheduled, w.Clock.Now().Add(30 * days)}, []any{r.State, r.Due}, "the grace period begins anew")
	w.daily(29)
	require.Equal(t, chatadmin.Deactivated, w.Row(ann.ID).Status)
	w.daily(1)
	w.noTrace(ann.ID)
}

// A record whose time cannot be deletes nobody, and keeps no others.
func TestImpossibleTime(t *testing.T) {
	for name, change := range map[string]func(e map[string]any){
		"before it was asked for": func(e map[string]any) { e["due"] = "1990-01-01T00:00:00Z" },
		"longer than any grace":   func(e map[string]any) { e["due"] = "2030-01-01T00:00:00Z" },
		"no time":                 func(e map[string]any) { e["asked"] = "0001-01-01T00:00:00Z" },
		"newer":                   func(e map[string]any) { e["v"] = 2 },
		"nobody":                  func(e map[string]any) { e["data"].(map[string]any)["users"] = nil },
		"no state":                func(e map[string]any) { e["state"] = "undone" },
		"another":                 func(e map[string]any) { e["id"] = "another" },
		"all":                     func(e map[string]any) { clear(e) },
	} {
		t.Run(name, func(t *testing.T) {
			w, ann, bob, r := graceful(t)
			cat, dan := w.user("cat"), w.user("dan")
			p, err := w.d.Plan(ctx, w.S, []chatadmin.ID{cat.ID}, nil)
			require.NoError(t, err)
			_, err = w.d.Apply(ctx, w.S, p, reason, nil)
			require.NoError(t, err)
			w.damage(r.ID, change)
			w.Clock.Advance(30 * days)
			done, err := w.d.RunDue(ctx, w.Domain)
			if damaged := w.damaged(); name == "before it was asked for" || name == "longer than any grace" || name == "no time" {
				require.ErrorContains(t, err, string(r.ID))
				require.Empty(t, damaged)
			} else {
				require.NoError(t, err)
				require.Equal(t, []string{string(r.ID)}, damaged)
			}
			require.Len(t, done, 1)
			w.noTrace(cat.ID)
			require.Equal(t, chatadmin.Deactivated, w.Row(ann.ID).Status)
			_, err = w.S.ActivateUsers(ctx, bob.ID)
			require.NoError(t, err, "nobody else is kept by it")
			_, err = w.d.Plan(ctx, w.S, []chatadmin.ID{dan.ID}, nil)
			require.NoError(t, err)
		})
	}
}

// damaged are the IDs of what cannot be read.
func (w *world) damaged() (ids []string) {
	w.T.Helper()
	for bad, err := range w.S.Damaged(ctx) {
		require.NoError(w.T, err)
		ids = append(ids, bad.ID)
	}
	return ids
}

// damage changes the record of a deletion past the library.
func (w *world) damage(id chatadmin.ID, change func(e map[string]any)) {
	w.T.Helper()
	key := storage.Key{Kind: "run", Domain: w.Domain, ID: string(id)}
	rs, err := w.Store.Records(ctx, []storage.Key{key})
	require.NoError(w.T, err)
	require.Len(w.T, rs, 1)
	var e map[string]any
	require.NoError(w.T, json.Unmarshal(rs[0].Data, &e))
	change(e)
	rs[0].Data, err = json.Marshal(e)
	require.NoError(w.T, err)
	w.PutRecord(rs[0])
}

// A deletion whose time cannot be is cancelled, and one that cannot be read is
// listed.
func TestImpossibleTimeRepaired(t *testing.T) {
	w, ann, _, r := graceful(t)
	w.damage(r.ID, func(e map[string]any) { e["due"] = "9000-01-01T00:00:00Z" })
	_, err := w.d.RunDue(ctx, w.Domain)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	require.ErrorContains(t, err, "cancel it")
	_, err = w.d.Cancel(ctx, w.S, r.ID)
	require.NoError(t, err)
	require.Equal(t, chatadmin.Pending, w.Row(ann.ID).Status)
	_, err = w.d.RunDue(ctx, w.Domain)
	require.NoError(t, err)

	w, _, _, r = graceful(t)
	require.NoError(t, w.d.SetPolicy(ctx, w.S, erase.Policy{}))
	whole := w.interrupted("left")
	w.damage(r.ID, func(e map[string]any) { clear(e) })
	var good []chatadmin.ID
	var bad []string
	for got, err := range w.d.Runs(ctx, w.S) {
		var damaged *chatadmin.DamagedError
		if errors.As(err, &damaged) {
			bad = append(bad, damaged.ID)
		} else {
			require.NoError(t, err)
			good = append(good, got.ID)
		}
	}
	require.Equal(t, []string{string(r.ID)}, bad)
	require.Equal(t, []chatadmin.ID{whole}, good)
}
