package retention_test

import (
	"context"
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/retention"
	"chatadmin.example/sdk/chatadmin/storage"
)

const ahead = 73 * 365 * day

// asks expects that the worker deletes nothing and says why.
func (w *world) asks() {
	w.T.Helper()
	before := w.all()
	reps, err := w.r.RunDue(ctx, w.Domain)
	var clock *chatadmin.ClockError
	require.ErrorAs(w.T, err, &clock)
	require.Equal(w.T, w.Clock.Now(), clock.Now)
	require.NotContains(w.T, err.Error(), "0001")
	require.Empty(w.T, reps)
	require.Equal(w.T, before, w.all())
}

// A clock that has jumped ahead deletes nothing, however often the worker is
// asked, and whether it has run before or not. Put right, it goes on as if
// nothing had been.
func TestClockJumps(t *testing.T) {
	for name, c := range map[string]struct {
		days, ran int // of the policy; on which the worker has run
		jump      time.Duration
	}{
		"far, never ran": {90, 0, ahead}, "far": {90, 10, ahead}, "a month": {90, 10, 31 * day}, "just too far": {90, 10, 7*day + time.Second},
		"a week of a week": {7, 3, 7 * day}, "four days of a week": {7, 3, 4 * day}, "three days of one": {1, 5, 3 * day},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, memory())
			w.days(c.days)
			// comes to its age in an hour, when the worker has run so often
			w.wrote(w.sales, w.ann, time.Duration(c.days-c.ran)*day-time.Hour, 2, 1)
			for range c.ran {
				require.Empty(t, w.runDue())
				w.Clock.Advance(day)
			}
			require.Empty(t, w.runDue())
			w.Clock.Advance(c.jump)
			for range 3 {
				w.asks()
			}
			w.Clock.Advance(2*time.Hour - c.jump)
			all := w.runDue()
			require.Len(t, all, 1)
			require.Equal(t, retention.Counts{Messages: 2, Files: 1}, all[0].Data.Removed)
		})
	}
}

// A pause that a worker makes is none to ask about.
func TestPlausiblePause(t *testing.T) {
	for days, pause := range map[int]time.Duration{90: 7 * day, 7: 3 * day, 1: 2 * day} {
		w := newWorld(t, memory())
		w.days(days)
		for range 5 {
			w.wrote(w.sales, w.ann, time.Duration(days)*day-time.Hour, 1, 0)
			w.Clock.Advance(pause)
			require.Len(t, w.runDue(), 1)
		}
	}
}

// Where the clock is right, a person plans and applies, and the worker goes on.
func TestPersonGoesOn(t *testing.T) {
	w := newWorld(t, memory())
	w.days(90)
	require.Empty(t, w.runDue())
	w.wrote(w.sales, w.ann, 80*day, 3, 0)
	w.wrote(w.sales, w.ann, 10*day, 1, 0)
	w.Clock.Advance(79 * day)
	w.asks()
	p := w.plan(w.S)
	require.Len(t, p.Warnings, 1)
	require.Contains(t, p.Warnings[0].Text, "make sure that the clock is right")
	rep, err := w.r.Apply(ctx, w.S, p, nil)
	require.NoError(t, err)
	require.EqualValues(t, 3, rep.Data.Removed.Messages)
	require.Empty(t, w.plan(w.S).Warnings)
	w.Clock.Advance(2 * day)
	require.Len(t, w.runDue(), 1)
	require.Zero(t, w.all())
}

// What waits for a clock that was ahead is taken up at once when it is right
// again, and a run that began by such a clock deletes nothing before its time.
func TestRunOfClockAhead(t *testing.T) {
	w := newWorld(t, memory())
	w.days(90)
	w.wrote(w.sales, w.ann, 100*day, 3, 0)
	w.wrote(w.sales, w.ann, 10*day, 5, 0)
	w.Clock.Advance(ahead)
	rep := w.interrupted(w.S, 0)
	w.Clock.Advance(-ahead)
	all := w.runDue()
	require.Len(t, all, 1)
	require.Equal(t, []any{rep.ID, retention.Counts{Messages: 3}}, []any{all[0].ID, all[0].Data.Removed})
	require.EqualValues(t, 5, w.all().Messages)
	w.Clock.Advance(day)
	require.Empty(t, w.runDue(), "a mark of the future is none")
}

// Where an earlier version of the library has kept no time of the last run, it
// is that of the newest report; without any, or where the record of it is
// damaged, a person is asked.
func TestNoLastRun(t *testing.T) {
	key := func(w *world) storage.Key {
		return storage.Key{Kind: "clock", Domain: w.Domain, ID: "retention"}
	}
	change := func(w *world, data string) {
		require.NoError(t, w.Store.Update(ctx, storage.Fence{}, func(c2 context.Context, tx storage.Tx) error {
			rs, err := tx.Records(c2, []storage.Key{key(w)})
			if err != nil {
				return err
			}
			c := storage.Write[storage.Record]{Row: rs[0], Was: rs[0].Rev, Delete: data == ""}
			c.Row.Rev, c.Row.Data = rs[0].Rev+1, []byte(data)
			_, err = tx.ChangeRecords(c2, []storage.Write[storage.Record]{c})
			return err
		}))
	}
	w := newWorld(t, memory())
	w.days(90)
	w.wrote(w.sales, w.ann, 100*day, 1, 0)
	change(w, "")
	w.asks()
	_, err := w.r.Apply(ctx, w.S, w.plan(w.S), nil)
	require.NoError(t, err)
	w.wrote(w.sales, w.ann, 100*day, 1, 0)
	change(w, "")
	w.Clock.Advance(day)
	require.Len(t, w.runDue(), 1, "the report says when it ran")
	w.Clock.Advance(ahead)
	w.wrote(w.sales, w.ann, 100*day, 1, 0)
	w.asks()
	w.Clock.Advance(-ahead)
	for _, data := range []string{`{}`, `null`, `{"v":1`, `{"v":2,"at":"2026-03-02T09:00:00Z"}`, `{"v":1,"at":7}`} {
		change(w, data)
		w.wrote(w.sales, w.ann, 100*day, 1, 0)
		w.asks()
		_, err := w.r.Apply(ctx, w.S, w.plan(w.S), nil)
		require.NoError(t, err)
		require.Empty(t, w.runDue())
	}
}

// A plan comes from outside: what it says is checked before anything happens.
func TestPlanFromOutside(t *testing.T) {
	w := newWorld(t, memory())
	w.crowd()
	w.days(90)
	before := w.all()
	for name, change := range chatadmintest.InOrder(map[string]func(p *retention.Plan){
		"another kind":  func(p *retention.Plan) { p.Kind = retention.KindSet },
		"no kind":       func(p *retention.Plan) { p.Kind = "" },
		"domain":        func(p *retention.Plan) { p.Domain = "elsewhere" },
		"actor":         func(p *retention.Plan) { p.Actor = chatadmin.HostActor },
		"fewer days":    func(p *retention.Plan) { p.Days = 1 },
		"negative days": func(p *retention.Plan) { p.Days, p.Before = -90, p.Made.AddDate(0, 0, 90) },
		"absurd days":   func(p *retention.Plan) { p.Days, p.Before = math.MaxInt, time.Time{} },
		"other days":    func(p *retention.Plan) { p.Days, p.Before = 1, p.Made.AddDate(0, 0, -1) },
		"later":         func(p *retention.Plan) { p.Before = p.Before.Add(time.Hour) },
		"negative":      func(p *retention.Plan) { p.Counts.Messages = -1 },
		"absurd":        func(p *retention.Plan) { p.Counts.Files = math.MaxInt64 },
		"negative held": func(p *retention.Plan) { p.Held.Files = -1 },
		"holds":         func(p *retention.Plan) { p.Basis = "" },
		"everything":    func(p *retention.Plan) { *p = retention.Plan{} },
	}) {
		data, err := json.Marshal(w.plan(w.S))
		require.NoError(t, err)
		var p retention.Plan
		require.NoError(t, json.Unmarshal(data, &p))
		change(&p)
		_, err = w.r.Apply(ctx, w.S, &p, nil)
		require.Error(t, err, name)
	}
	_, err := w.r.Apply(ctx, w.S, nil, nil)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	require.Equal(t, before, w.all())
	require.Empty(t, w.reports())

	// One that says that it was made in a time to come deletes nothing before
	// its time.
	w.wrote(w.news, w.cat, 80*day, 1, 0)
	p := w.plan(w.S)
	p.Made, p.Before = p.Made.Add(ahead), p.Made.Add(ahead).AddDate(0, 0, -90)
	rep, err := w.r.Apply(ctx, w.S, p, nil)
	require.NoError(t, err)
	require.Equal(t, old, rep.Data.Removed)
}
