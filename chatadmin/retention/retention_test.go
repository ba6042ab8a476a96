package retention_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/retention"
	"chatadmin.example/sdk/chatadmin/storage"
)

var old = retention.Counts{Messages: 26, Files: 6} // of a crowd

func TestApply(t *testing.T) {
	w := newWorld(t, memory())
	w.crowd()
	w.days(90)
	before := w.all()
	p := w.plan(w.S)
	require.Equal(t, old, p.Counts)
	require.Equal(t, []any{90, w.Clock.Now().AddDate(0, 0, -90), retention.Counts{}}, []any{p.Days, p.Before, p.Held})
	require.Empty(t, p.Warnings)

	// The plan survives being kept, and a day.
	text, err := json.Marshal(p)
	require.NoError(t, err)
	kept := &retention.Plan{}
	require.NoError(t, json.Unmarshal(text, kept))
	require.Equal(t, p, kept)
	w.Clock.Advance(day)
	w.wrote(w.sales, w.ann, 90*day+time.Hour, 1, 0) // has become old enough since: for the next run

	var last chatadmin.Progress
	rep, err := w.r.Apply(ctx, w.S, kept, func(p chatadmin.Progress) { last = p })
	require.NoError(t, err)
	now := w.Clock.Now()
	require.Equal(t, []any{chatadmin.RunDone, w.S.Actor(), now, now}, []any{rep.State, rep.By, rep.Begun, rep.Ended})
	require.Equal(t, retention.Report{Days: 90, Before: p.Before, Planned: old, Removed: old}, rep.Data)
	require.Equal(t, []int64{32, 32}, []int64{last.Done, last.Total})
	require.Equal(t, minus(before, old), minus(w.all(), retention.Counts{Messages: 1}))
	require.Equal(t, map[place]retention.Counts{{w.sales, w.ann}: {Messages: 3, Files: 1}, {w.annBob, w.bob}: {Messages: 1}}, w.everything())
	chats, err := w.Store.CountContent(ctx, storage.ContentQuery{Domain: w.Domain, ChatsOf: []chatadmin.ID{w.bob}})
	require.NoError(t, err)
	require.EqualValues(t, 2, chats.Chats, "they stay, even the empty one")

	same, err := w.r.Run(ctx, w.S, rep.ID)
	require.NoError(t, err)
	require.Equal(t, rep, same)
	same, err = w.r.Resume(ctx, w.S, rep.ID, nil)
	require.NoError(t, err)
	require.Equal(t, rep, same, "one that has ended is as it is")
	again, err := w.r.Apply(ctx, w.S, kept, nil)
	require.NoError(t, err)
	require.Zero(t, again.Data.Removed, "once more is nothing more")
	require.Equal(t, []*retention.Run{rep, again}, w.reports())
	for _, id := range []chatadmin.ID{"no-such-run", ""} {
		_, err = w.r.Resume(ctx, w.S, id, nil)
		require.ErrorIs(t, err, chatadmin.ErrNotFound)
		_, err = w.r.Run(ctx, w.S, id)
		require.ErrorIs(t, err, chatadmin.ErrNotFound)
	}
}

// A moment more or less decides.
func TestBoundary(t *testing.T) {
	w := newWorld(t, memory())
	w.days(7)
	w.wrote(w.sales, w.ann, 7*day, 1, 0)
	w.wrote(w.sales, w.bob, 7*day+time.Millisecond, 1, 0)
	_, err := w.r.Apply(ctx, w.S, w.plan(w.S), nil)
	require.NoError(t, err)
	require.Equal(t, map[place]retention.Counts{{w.sales, w.ann}: {Messages: 1}}, w.everything())
}

// Contents of files are deleted after their rows, each at least once, and no
// other.
func TestBlobs(t *testing.T) {
	w := newWorld(t, memory())
	w.crowd()
	w.days(90)
	rep, err := w.r.Apply(ctx, w.S, w.plan(w.S), nil)
	require.NoError(t, err)
	require.Empty(t, w.Blobs.Deleted())
	n, err := w.Admin.ReleaseBlobs(ctx, w.Domain)
	require.NoError(t, err)
	require.EqualValues(t, rep.Data.Removed.Files, n)
	require.Len(t, w.Blobs.Deleted(), 6)
}

// What a hold covers stays, whoever wrote it, and goes when the hold is
// released.
func TestHolds(t *testing.T) {
	for name, c := range map[string]struct {
		user, group func(*world) chatadmin.ID
		held        retention.Counts
		stay        func(*world) []place // of what is old
	}{
		"a user": {user: func(w *world) chatadmin.ID { return w.ann }, held: retention.Counts{Messages: 3 + 1 + 2 + 6, Files: 1 + 1 + 1},
			stay: func(w *world) []place {
				return []place{{w.sales, w.ann}, {w.news, w.ann}, {w.annBob, w.ann}, {w.annBob, w.bob}}
			}},
		"the other side": {user: func(w *world) chatadmin.ID { return w.bob }, held: retention.Counts{Messages: 4 + 2 + 6 + 5, Files: 1 + 1},
			stay: func(w *world) []place {
				return []place{{w.sales, w.bob}, {w.annBob, w.ann}, {w.annBob, w.bob}, {w.bobCat, w.cat}}
			}},
		"a group": {group: func(w *world) chatadmin.ID { return w.news }, held: retention.Counts{Messages: 5 + 1, Files: 2 + 1},
			stay: func(w *world) []place { return []place{{w.news, w.ann}, {w.news, w.cat}} }},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, memory())
			w.crowd()
			w.days(90)
			var id chatadmin.ID
			if c.user != nil {
				id = w.hold(c.user(w), "")
			} else {
				id = w.hold("", c.group(w))
			}
			before := w.everything()
			p := w.plan(w.S)
			require.Equal(t, c.held, p.Held)
			require.Equal(t, minus(old, c.held), p.Counts)
			rep, err := w.r.Apply(ctx, w.S, p, nil)
			require.NoError(t, err)
			require.Equal(t, p.Counts, rep.Data.Removed)
			after := w.everything()
			for _, at := range c.stay(w) {
				require.Equal(t, before[at], after[at])
			}
			require.Equal(t, c.held, w.count(storage.ContentQuery{Before: p.Before}), "and nothing else")

			w.release(id)
			rep, err = w.r.Apply(ctx, w.S, w.plan(w.S), nil)
			require.NoError(t, err)
			require.Equal(t, c.held, rep.Data.Removed)
		})
	}
}

func TestStalePlan(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*world)
		says   string
	}{
		"nothing":       {func(*world) {}, ""},
		"a month":       {func(w *world) { w.Clock.Advance(30 * day) }, ""},
		"a message":     {func(w *world) { w.wrote(w.sales, w.ann, 0, 1, 0) }, ""},
		"a second hold": {func(w *world) { w.hold(w.cat, "") }, ""}, // on somebody who is held already
		"a setting": {func(w *world) {
			_, err := w.S.ChangeSettings(ctx, func(set *chatadmin.Settings) error { set.DefaultCountry = "NL"; return nil })
			require.NoError(w.T, err)
		}, ""},
		"longer":          {func(w *world) { w.days(91) }, "keeps things for 91 days now"},
		"shorter":         {func(w *world) { w.days(89) }, "keeps things for 89 days now"},
		"for ever":        {func(w *world) { w.days(0) }, "keeps everything now"},
		"the host":        {func(w *world) { require.NoError(w.T, w.r.SetLimit(ctx, w.Domain, 7)) }, "7 days"},
		"hold on a user":  {func(w *world) { w.hold(w.ann, "") }, "the legal holds changed"},
		"hold on a group": {func(w *world) { w.hold("", w.sales) }, "the legal holds changed"},
		"released": {func(w *world) {
			for h, err := range w.S.Holds(ctx) {
				require.NoError(w.T, err)
				w.release(h.ID)
			}
		}, "the legal holds changed"},
		"there and back": {func(w *world) { w.days(0); w.days(90); w.release(w.hold("", w.sales)) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, memory())
			w.crowd()
			w.days(90)
			w.hold(w.cat, "")
			p := w.plan(w.S)
			c.change(w)
			before, events := w.everything(), len(w.Events("retention."))
			rep, err := w.r.Apply(ctx, w.S, p, nil)
			if c.says == "" {
				require.NoError(t, err)
				require.Equal(t, p.Counts, rep.Data.Removed)
				return
			}
			require.ErrorIs(t, err, chatadmin.ErrPlanStale)
			require.ErrorContains(t, err, c.says)
			require.Zero(t, rep)
			require.Equal(t, before, w.everything())
			require.Empty(t, w.reports())
			require.Len(t, w.Events("retention."), events)
		})
	}
}

// A plan for other days is there to be looked at.
func TestPlanAhead(t *testing.T) {
	w := newWorld(t, memory())
	w.crowd()
	_, err := w.r.Plan(ctx, w.S, 0)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	require.ErrorContains(t, err, "for ever")
	p, err := w.r.Plan(ctx, w.S, 30)
	require.NoError(t, err)
	require.Equal(t, old, p.Counts)
	require.Len(t, p.Warnings, 1)
	_, err = w.r.Apply(ctx, w.S, p, nil)
	require.ErrorIs(t, err, chatadmin.ErrPlanStale)
	w.days(30)
	rep, err := w.r.Apply(ctx, w.S, p, nil)
	require.NoError(t, err)
	require.Equal(t, old, rep.Data.Removed)
	for _, days := range []int{-1, retention.MaxDays + 1} {
		_, err := w.r.Plan(ctx, w.S, days)
		require.ErrorIs(t, err, chatadmin.ErrInvalid)
	}
}

func TestPlanOfOthers(t *testing.T) {
	w := newWorld(t, memory())
	w.crowd()
	w.days(90)
	p := w.plan(w.S)
	_, boss := w.Open("Other", chatadmin.OfficeChat)
	_, err := w.r.Apply(ctx, w.second, p, nil)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	_, err = w.r.Apply(ctx, w.As(boss), p, nil)
	require.ErrorIs(t, err, chatadmin.ErrNotFound)
	_, err = w.r.Apply(ctx, w.S, nil, nil)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	for _, change := range []func(*retention.Plan){func(p *retention.Plan) { p.Kind = "other" }, func(p *retention.Plan) { p.Before = w.Clock.Now() }, func(p *retention.Plan) { p.Days = 0 },
		func(p *retention.Plan) { p.Days = -90 }} {
		forged := *p
		change(&forged)
		_, err = w.r.Apply(ctx, w.S, &forged, nil)
		require.ErrorIs(t, err, chatadmin.ErrInvalid)
	}
	// One from the future deletes nothing before its time.
	forged := *p
	forged.Made = w.Clock.Now().Add(90 * day)
	forged.Before = forged.Made.AddDate(0, 0, -90)
	rep, err := w.r.Apply(ctx, w.S, &forged, nil)
	require.NoError(t, err)
	require.Equal(t, p.Before, rep.Data.Before)
	require.Equal(t, old, rep.Data.Removed)
	require.Equal(t, retention.Counts{Messages: 3, Files: 1}, w.all())
}

// A hold that cannot be read may cover anything: nothing goes.
func TestDamagedHold(t *testing.T) {
	for _, data := range []string{`{}`, `null`, `{"v":2,"user":"u"}`, `{"v":1,"us`, `{"v":1,"id":"h","user":[]}`} {
		w := newWorld(t, memory())
		w.crowd()
		w.days(90)
		p := w.plan(w.S)
		before := w.all()
		w.PutRecord(storage.Record{Key: storage.Key{Kind: "hold", Domain: w.Domain, ID: "h"}, Data: []byte(data)})
		_, err := w.r.Plan(ctx, w.S, 0)
		require.ErrorIs(t, err, chatadmin.ErrHeld)
		_, err = w.r.Apply(ctx, w.S, p, nil)
		require.ErrorIs(t, err, chatadmin.ErrHeld)
		_, err = w.r.RunDue(ctx, w.Domain)
		require.ErrorIs(t, err, chatadmin.ErrHeld)
		require.Equal(t, before, w.all())
		_, err = w.S.ReleaseHold(ctx, "h")
		require.NoError(t, err)
		require.Len(t, w.runDue(), 1)
	}
}
