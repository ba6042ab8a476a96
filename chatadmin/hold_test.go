package chatadmin_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
)

func TestHolds(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	ann, g := w.User("ann@acme.example"), w.Group("G")
	for name, h := range chatadmintest.InOrder(map[string]chatadmin.Hold{"nothing": {Reason: "x"}, "both": {User: ann.ID, Group: g.ID, Reason: "x"}, "no reason": {User: ann.ID}, "long": {User: ann.ID, Reason: strings.Repeat("x", 1001)},
		"control characters": {User: ann.ID, Reason: "a\x00b"}}) {
		_, err := w.S.AddHold(ctx, h)
		require.ErrorIs(t, err, chatadmin.ErrInvalid, name)
	}
	onGroup, err := w.S.AddHold(ctx, chatadmin.Hold{Group: g.ID, Reason: "lawsuit 7"})
	require.NoError(t, err)
	require.Equal(t, w.Boss.ID, onGroup.By)
	onUser, err := w.S.AddHold(ctx, chatadmin.Hold{User: ann.ID, Reason: "lawsuit 8"})
	require.NoError(t, err)
	again, err := w.S.AddHold(ctx, chatadmin.Hold{User: ann.ID, Reason: "lawsuit 9"})
	require.NoError(t, err)
	require.Equal(t, []chatadmin.Hold{onGroup, onUser, again}, collect(t, func() ([]chatadmin.Hold, error) { return all(w.S.Holds(ctx)) }))
	first, next, err := w.S.HoldsPage(ctx, chatadmin.Page{Limit: 2})
	require.NoError(t, err)
	rest, last, err := w.S.HoldsPage(ctx, chatadmin.Page{After: next, Limit: 2})
	require.NoError(t, err)
	require.Equal(t, []chatadmin.Hold{onGroup, onUser, again}, append(first, rest...))
	require.Empty(t, last)
	require.Equal(t, map[string]string{"hold": string(again.ID), "reason": "lawsuit 9"}, w.Events(chatadmin.KindHoldAdd)[0].Note)

	_, err = w.S.PlanDeleteGroup(ctx, g.ID)
	require.ErrorIs(t, err, chatadmin.ErrHeld)
	_, err = w.S.ReleaseHold(ctx, onGroup.ID)
	require.NoError(t, err)
	_, err = w.S.ReleaseHold(ctx, onGroup.ID)
	require.ErrorIs(t, err, chatadmin.ErrNotFound)
	_, err = w.S.PlanDeleteGroup(ctx, g.ID)
	require.NoError(t, err)

	// What somebody under a hold has written keeps the group.
	w.content(g.ID, ann.ID, 2)
	_, err = w.S.PlanDeleteGroup(ctx, g.ID)
	require.ErrorIs(t, err, chatadmin.ErrHeld)
	for _, h := range []chatadmin.Hold{onUser, again} { // both must be released
		require.ErrorIs(t, err, chatadmin.ErrHeld)
		_, err = w.S.ReleaseHold(ctx, h.ID)
		require.NoError(t, err)
		_, err = w.S.PlanDeleteGroup(ctx, g.ID)
	}
	require.NoError(t, err)
}

// A hold placed at the same time as a group is deleted: either the group is
// kept, or the hold came too late and is refused.
func TestHoldRace(t *testing.T) {
	for range 20 {
		w := newWorld(t, chatadmin.OfficeChat)
		g := w.Group("G")
		p, err := w.S.PlanDeleteGroup(ctx, g.ID)
		require.NoError(t, err)
		held, deleted := 0, 0
		for n, err := range chatadmintest.AtOnce(100, func(n int) error {
			if n%2 == 0 {
				_, err := w.S.AddHold(ctx, chatadmin.Hold{Group: g.ID, Reason: "lawsuit"})
				return err
			}
			_, err := w.S.ApplyDeleteGroup(ctx, p, nil)
			return err
		}) {
			switch {
			case err == nil && n%2 == 0:
				held++
			case err == nil:
				deleted++
			case n%2 == 0:
				require.ErrorIs(t, err, chatadmin.ErrNotFound)
			default:
				require.True(t, errors.Is(err, chatadmin.ErrHeld) || errors.Is(err, chatadmin.ErrNotFound), "%v", err)
			}
		}
		require.True(t, held == 0 && deleted == 1 || held == 50 && deleted == 0, "%d held, %d deleted", held, deleted)
	}
}

// damagedHolds are records of holds that cannot be read.
var damagedHolds = map[string]string{"truncated": `{"v":1,"id":"h","us`, "empty": `{}`, "null": `null`, "newer": `{"v":2,"id":"h","user":"u","reason":"x"}`, "types": `{"v":1,"id":"h","user":7}`,
	"nobody": `{"v":1,"id":"h","reason":"x"}`, "both": `{"v":1,"id":"h","user":"u","group":"g"}`, "another": `{"v":1,"id":"i","user":"u"}`, "list": `[]`, "nothing": ``}

// A hold that cannot be read may cover anything: nothing is deleted, everything
// else goes on, and releasing it repairs that.
func TestDamagedHold(t *testing.T) {
	for name, data := range damagedHolds {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, chatadmin.OfficeChat)
			g := w.Group("G")
			w.content(g.ID, w.Boss.ID, 4)
			p, err := w.S.PlanDeleteGroup(ctx, g.ID)
			require.NoError(t, err)
			good, err := w.S.AddHold(ctx, chatadmin.Hold{User: w.User("ann@acme.example").ID, Reason: "lawsuit"})
			require.NoError(t, err)
			w.put("hold", w.Domain, "h", data, time.Time{})

			_, err = w.S.PlanDeleteGroup(ctx, g.ID)
			require.ErrorIs(t, err, chatadmin.ErrHeld)
			require.ErrorContains(t, err, "the legal hold h cannot be read")
			_, err = w.S.ApplyDeleteGroup(ctx, p, nil)
			require.ErrorIs(t, err, chatadmin.ErrHeld)
			_, _, err = chatadmin.Held(ctx, w.Store, w.Domain)
			require.ErrorIs(t, err, chatadmin.ErrHeld)
			_, err = w.S.DeactivateUsers(ctx, good.User)
			require.NoError(t, err)
			more, err := w.S.AddHold(ctx, chatadmin.Hold{Group: g.ID, Reason: "lawsuit"})
			require.NoError(t, err)
			_, err = w.S.ReleaseHold(ctx, more.ID)
			require.NoError(t, err)

			var listed, bad []chatadmin.ID
			for h, err := range w.S.Holds(ctx) {
				if listed = append(listed, h.ID); err != nil {
					require.ErrorIs(t, err, chatadmin.ErrHeld)
					bad = append(bad, h.ID)
				}
			}
			require.ElementsMatch(t, []chatadmin.ID{good.ID, "h"}, listed)
			require.Equal(t, []chatadmin.ID{"h"}, bad)
			h, err := w.S.ReleaseHold(ctx, "h")
			require.NoError(t, err)
			require.Equal(t, chatadmin.Hold{ID: "h"}, h)
			require.Equal(t, map[string]string{"hold": "h"}, w.Events(chatadmin.KindHoldRelease)[0].Note)
			_, err = w.S.ApplyDeleteGroup(ctx, p, nil)
			require.NoError(t, err)
		})
	}
}
