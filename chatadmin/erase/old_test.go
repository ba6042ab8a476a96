package erase_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/erase"
	"chatadmin.example/sdk/chatadmin/storage"
)

// old puts a record as earlier versions of the library wrote it.
func (w *world) old(kind string, id chatadmin.ID, due time.Time, data string, args ...any) {
	w.T.Helper()
	w.PutRecord(storage.Record{Key: storage.Key{Kind: kind, Domain: w.Domain, ID: string(id)}, Due: due, Data: fmt.Appendf(nil, data, args...)})
}

// oldLeft checks how many records of earlier versions are left.
func (w *world) oldLeft(want int) {
	w.T.Helper()
	n := 0
	for _, kind := range []string{"job", "erasure"} {
		rs, _, err := w.Store.ListRecords(ctx, storage.RecordQuery{Kind: kind, Domain: w.Domain}, chatadmin.Page{Limit: 10})
		require.NoError(w.T, err)
		n += len(rs)
	}
	require.Equal(w.T, want, n)
}

// oldScheduled is a deletion of somebody that an earlier version has scheduled.
func (w *world) oldScheduled(id chatadmin.ID, u chatadmin.User) time.Time {
	w.T.Helper()
	_, err := w.S.DeactivateUsers(ctx, u.ID)
	require.NoError(w.T, err)
	due := w.Clock.Now().Add(30 * days)
	w.old("erasure", id, due, `{"v":1,"id":%q,"state":"scheduled","users":[%q],"by":%q,"reason":"left","asked":%q,"due":%q,"deactivated":[%q],"total":7}`,
		id, u.ID, w.Boss.ID, w.Clock.Now().Format(time.RFC3339Nano), due.Format(time.RFC3339Nano), u.ID)
	return due
}

// A deletion that an earlier version has ended or cancelled is listed with its
// receipt.
func TestOldReceipts(t *testing.T) {
	w := newWorld(t, memory())
	w.old("erasure", "d1", time.Time{}, `{"v":1,"id":"d1","state":"done","users":["u1","u2"],"by":"host","reason":"left","choice":{"delete_default":true},
		"asked":"2026-01-01T10:00:00Z","begun":"2026-01-01T10:00:00Z","ended":"2026-01-01T10:05:00Z","removed":{"messages":12,"files":2,"users":2,"reports":1},"total":15}`)
	w.old("job", "d1", time.Time{}, `{"v":1,"id":"d1","kind":"delete users","actor":"host","state":"done","done":14,"total":15,"started":"2026-01-01T10:00:00Z","ended":"2026-01-01T10:05:00Z",
		"params":{"users":["u1","u2"],"choice":{"delete_default":true},"reason":"left"},"cursor":{"stage":10},"result":{"messages":12,"files":2,"users":2,"reports":1}}`)
	w.old("erasure", "d2", time.Time{}, `{"v":1,"id":"d2","state":"cancelled","users":["u3"],"by":"host","reason":"left","asked":"2026-01-01T10:00:00Z","due":"2026-01-31T10:00:00Z","ended":"2026-01-02T10:00:00Z","total":3}`)
	var all []*erase.Run
	for run, err := range w.d.Runs(ctx, w.S) {
		require.NoError(t, err)
		all = append(all, run)
	}
	require.Len(t, all, 2)
	at := time.Date(2026, 1, 1, 10, 0, 0, 0, time.UTC)
	done := all[0]
	require.Equal(t, []any{chatadmin.ID("d1"), chatadmin.RunDone, chatadmin.HostActor, int64(14), int64(15)}, []any{done.ID, done.State, done.By, done.Done, done.Total})
	require.Equal(t, []time.Time{at, at, at.Add(5 * time.Minute)}, []time.Time{done.Asked, done.Begun, done.Ended})
	require.Equal(t, erase.Receipt{Users: []chatadmin.ID{"u1", "u2"}, Reason: "left", Choice: erase.Choice{DeleteDefault: true},
		Removed: map[string]int64{"messages": 12, "files": 2, "users": 2, "reports": 1}}, done.Data)
	require.Equal(t, []any{chatadmin.ID("d2"), chatadmin.RunCancelled, at.AddDate(0, 0, 1)}, []any{all[1].ID, all[1].State, all[1].Ended})
	require.Empty(t, some(all[1].Data.Removed))
	w.oldLeft(0)
	again, err := w.d.Run(ctx, w.S, "d1")
	require.NoError(t, err)
	require.Equal(t, done, again)
}

// What an earlier version has begun and not finished continues where it was,
// and counts what it had counted.
func TestOldRunning(t *testing.T) {
	w := newWorld(t, memory())
	ann := w.crowd()
	id := w.interruptedOf(ann)
	run, err := w.d.Run(ctx, w.Host, id)
	require.NoError(t, err)
	rs, err := w.Store.Records(ctx, []storage.Key{{Kind: "run", Domain: w.Domain, ID: string(id)}})
	require.NoError(t, err)
	w.update(func(tx storage.Tx) ([]storage.Conflict, error) {
		return tx.ChangeRecords(ctx, []storage.Write[storage.Record]{{Row: rs[0], Was: rs[0].Rev, Delete: true}})
	})
	at := w.Clock.Now().Format(time.RFC3339Nano)
	w.old("erasure", id, w.Clock.Now().Add(10*time.Minute), `{"v":1,"id":%q,"state":"running","users":[%q],"by":"host","reason":"left","asked":%q,"begun":%q,"total":30}`, id, ann.ID, at, at)
	w.old("job", id, time.Time{}, `{"v":1,"id":%q,"kind":"delete users","actor":"host","state":"running","done":5,"total":30,"started":%q,"params":{"users":[%q],"reason":"left"},"cursor":{"stage":%d},"result":{"messages":5,"records":%d}}`,
		id, at, ann.ID, run.Data.At.Stage, run.Data.Removed[erase.Records])
	w.Restart()
	w.blocked(w.S, nil, "deleting", chatadmin.ErrTransition, ann.ID)
	got, err := w.d.Run(ctx, w.S, id)
	require.NoError(t, err)
	require.Equal(t, []any{chatadmin.RunRunning, int64(5), int64(30), int64(5)}, []any{got.State, got.Data.Removed[erase.Messages], got.Total, got.Done - got.Data.Removed[erase.Records]})
	w.Clock.Advance(time.Hour)
	ended, err := w.d.RunDue(ctx, w.Domain)
	require.NoError(t, err)
	require.Len(t, ended, 1)
	require.EqualValues(t, 14+5, ended[0].Data.Removed[erase.Messages])
	w.noTrace(ann.ID)
	w.oldLeft(0)
}

// A deletion that an earlier version has scheduled begins when it is due,
// whoever looks at it first.
func TestOldScheduled(t *testing.T) {
	for name, work := range map[string]func(w *world) error{
		"RunDue": func(w *world) error { _, err := w.d.RunDue(ctx, w.Domain); return err },
		"Work":   func(w *world) error { _, err := w.Admin.Work(ctx); return err },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, memory())
			ann := w.crowd()
			due := w.oldScheduled("d1", ann)
			require.NoError(t, work(w))
			require.Equal(t, chatadmin.Deactivated, w.Row(ann.ID).Status)
			w.oldLeft(0)
			run, err := w.d.Run(ctx, w.S, "d1")
			require.NoError(t, err)
			require.Equal(t, []any{chatadmin.RunScheduled, due, []chatadmin.ID{ann.ID}, w.Boss.ID}, []any{run.State, run.Due, run.Data.Deactivated, run.By})
			for range 31 {
				w.Clock.Advance(days)
				require.NoError(t, work(w))
			}
			w.noTrace(ann.ID)
		})
	}
}

// One that an earlier version has scheduled is cancelled, and whoever is
// activated again is taken out of it, before anybody has listed it.
func TestOldScheduledIsOff(t *testing.T) {
	for name, off := range map[string]func(w *world, u chatadmin.User) error{
		"cancelled": func(w *world, _ chatadmin.User) error { _, err := w.d.Cancel(ctx, w.S, "d1"); return err },
		"activated": func(w *world, u chatadmin.User) error { _, err := w.S.ActivateUsers(ctx, u.ID); return err },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, memory())
			ann := w.user("ann")
			w.oldScheduled("d1", ann)
			require.NoError(t, off(w, ann))
			require.Equal(t, chatadmin.Pending, w.Row(ann.ID).Status)
			run, err := w.d.Run(ctx, w.S, "d1")
			require.NoError(t, err)
			require.Equal(t, chatadmin.RunCancelled, run.State)
		})
	}
}

// What cannot be read of an earlier version stays as it is, and keeps no
// others.
func TestOldDamaged(t *testing.T) {
	for _, data := range []string{`{}`, `null`, `7`, `{"v":2,"id":"d1","state":"done","users":["u"],"by":"host"}`, `{"v":1,"id":"d1","state":"undone","users":["u"],"by":"host"}`,
		`{"v":1,"id":"d1","state":"done","users":[],"by":"host"}`, `{"v":1,"id":"other","state":"done","users":["u"],"by":"host"}`, `{"v":1,"id":"d1","sta`} {
		w := newWorld(t, memory())
		ann := w.user("ann")
		w.old("erasure", "d1", w.Clock.Now(), "%s", data)
		for run, err := range w.d.Runs(ctx, w.S) {
			require.Failf(t, "listed", "%s: %v %v", data, run, err)
		}
		w.oldLeft(1)
		p, err := w.d.Plan(ctx, w.S, []chatadmin.ID{ann.ID}, nil)
		require.NoError(t, err)
		_, err = w.d.Apply(ctx, w.S, p, reason, nil)
		require.NoError(t, err)
	}
}
