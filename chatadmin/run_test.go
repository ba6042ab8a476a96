package chatadmin_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// counted is a kind of run that counts to ten, a record a step.
type counted struct {
	N     int    `json:"n"`
	Label string `json:"label"`
}

const countTo = 10

type counting struct {
	*world
	runs  *chatadmin.Runs[counted]
	adopt bool
	fail  error // of the next steps
}

func tally(domain, run chatadmin.ID, n int) storage.Key {
	return storage.Key{Kind: "tally", Domain: domain, ID: fmt.Sprintf("%s/%03d", run, n)}
}

func newCounting(t *testing.T, store chatadmin.Store, adopt bool) *counting {
	t.Helper()
	c := &counting{world: newWorldOn(t, store, chatadmin.OfficeChat), adopt: adopt}
	c.runs = c.declare(c.Admin)
	return c
}

func (c *counting) declare(admin *chatadmin.Admin) *chatadmin.Runs[counted] {
	return chatadmin.NewRuns(admin, chatadmin.RunKind[counted]{
		Name:  "count",
		Need:  chatadmin.PermDomain,
		Adopt: c.adopt,
		Check: func(d *counted) error {
			if d.N < 0 || d.N > countTo {
				return errors.New("no such number")
			}
			return nil
		},
		Step: func(_ context.Context, s *chatadmin.Scope, _ *chatadmin.RunOf[counted], _ int) (chatadmin.RunStep[counted], error) {
			if c.fail != nil {
				return chatadmin.RunStep[counted]{}, c.fail
			}
			op := chatadmin.Op{Kind: "count.step", Need: chatadmin.PermDomain}
			return chatadmin.RunStep[counted]{Op: op, Do: func(ctx context.Context, w *chatadmin.Writer, run *chatadmin.RunOf[counted]) error {
				if run.State == chatadmin.RunScheduled {
					run.State = chatadmin.RunRunning
					return nil
				}
				run.Data.N++
				if run.Done = int64(run.Data.N); run.Data.N == countTo {
					run.State = chatadmin.RunDone
				}
				rec := storage.Record{Key: tally(s.Domain(), run.ID, run.Data.N), Data: []byte("{}")}
				return w.PutRecords(ctx, []storage.Write[storage.Record]{{Row: rec}})
			}}, nil
		},
		Cancel: func(_ context.Context, _ *chatadmin.Writer, run *chatadmin.RunOf[counted]) error {
			if run.State == chatadmin.RunRunning {
				return fmt.Errorf("it has begun: %w", chatadmin.ErrTransition)
			}
			return nil
		},
		Prune: func(ctx context.Context, w *chatadmin.Writer, run *chatadmin.RunOf[counted], _ int) (bool, error) {
			run.Data.N--
			rs, err := w.Records(ctx, []storage.Key{tally(w.Domain.ID, run.ID, run.Data.N+1)})
			if err != nil || len(rs) == 0 {
				return false, err
			}
			return run.Data.N > 0, w.PutRecords(ctx, []storage.Write[storage.Record]{{Row: rs[0], Was: rs[0].Rev, Delete: true}})
		},
		Old: chatadmin.OldRun[counted]{Job: "old count", Record: "old report", Read: func(run *chatadmin.RunOf[counted], job *chatadmin.OldJob, report []byte) error {
			if job == nil {
				run.By, run.State, run.Due = chatadmin.HostActor, chatadmin.RunScheduled, time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
				return json.Unmarshal(report, &run.Data)
			}
			return json.Unmarshal(job.Cursor, &run.Data)
		}},
	})
}

func (c *counting) begin(s *chatadmin.Scope, due time.Time) (*chatadmin.RunOf[counted], error) {
	return c.runs.Begin(ctx, s, chatadmin.Op{Kind: "count.begin", Need: chatadmin.PermDomain}, func(_ context.Context, _ *chatadmin.Writer, run *chatadmin.RunOf[counted]) error {
		run.Total, run.Data.Label = countTo, "ten"
		if !due.IsZero() {
			run.State, run.Due = chatadmin.RunScheduled, due
		}
		return nil
	})
}

func (c *counting) begun(s *chatadmin.Scope) chatadmin.ID {
	c.T.Helper()
	run, err := c.begin(s, time.Time{})
	require.NoError(c.T, err)
	return run.ID
}

// partly makes some steps of a run and then loses interest.
func (c *counting) partly(s *chatadmin.Scope, steps int) chatadmin.ID {
	c.T.Helper()
	id := c.begun(s)
	stop, cancel := context.WithCancel(ctx)
	defer cancel()
	if steps == 0 {
		cancel()
	}
	n := 0
	_, err := c.runs.Resume(stop, s, id, func(chatadmin.Progress) {
		if n++; n == steps {
			cancel()
		}
	})
	require.ErrorIs(c.T, err, context.Canceled)
	return id
}

// counts reports whether a run has counted each number once.
func (c *counting) counts(id chatadmin.ID) {
	c.T.Helper()
	run, report, err := c.Host.Run(ctx, id)
	require.NoError(c.T, err)
	require.Equal(c.T, chatadmin.RunDone, run.State)
	require.EqualValues(c.T, countTo, run.Done)
	require.JSONEq(c.T, `{"n":10,"label":"ten"}`, string(report))
	require.Equal(c.T, countTo, c.tallies(id))
}

// tallies is how many numbers of a run are there.
func (c *counting) tallies(id chatadmin.ID) (n int) {
	c.T.Helper()
	var keys []storage.Key
	for i := range countTo {
		keys = append(keys, tally(c.Domain, id, i+1))
	}
	rs, err := c.Store.Records(ctx, keys)
	require.NoError(c.T, err)
	return len(rs)
}

func (c *counting) list(s *chatadmin.Scope, q chatadmin.RunQuery) []chatadmin.Run {
	return collect(c.T, func() ([]chatadmin.Run, error) { return all(s.Runs(ctx, q)) })
}

func TestRunFromBeginToEnd(t *testing.T) {
	c := newCounting(t, memstore.New(nil), false)
	id := c.partly(c.S, 4)
	runs := c.list(c.S, chatadmin.RunQuery{})
	require.Len(t, runs, 1)
	run := runs[0]
	require.Equal(t, []any{id, "count", c.Boss.ID, chatadmin.RunRunning, int64(4), int64(10), int64(4)}, []any{run.ID, run.Kind, run.By, run.State, run.Done, run.Total, run.Steps})
	require.Equal(t, c.Domain, run.Domain)
	require.Empty(t, c.list(c.S, chatadmin.RunQuery{Kind: "import"}))
	require.Empty(t, c.list(c.S, chatadmin.RunQuery{States: []chatadmin.RunState{chatadmin.RunDone}}))

	var last chatadmin.Progress
	end, err := c.runs.Resume(ctx, c.S, id, func(p chatadmin.Progress) { last = p })
	require.NoError(t, err)
	require.Equal(t, chatadmin.RunDone, end.State)
	require.Equal(t, []int64{10, 10, 4}, []int64{last.Done, last.Total, last.Before})
	c.counts(id)
	again, err := c.runs.Resume(ctx, c.S, id, nil)
	require.NoError(t, err)
	require.Equal(t, end.Run, again.Run, "a run that has ended is returned as it is")
}

func TestRunOfSomebodyElse(t *testing.T) {
	c := newCounting(t, memstore.New(nil), false)
	other := c.As(c.User("other@acme.example", withRole(chatadmin.RoleAdmin)))
	member := c.As(c.User("member@acme.example"))
	id := c.partly(c.S, 2)
	for name, call := range map[string]func(*chatadmin.Scope) error{
		"get":       func(s *chatadmin.Scope) error { _, err := c.runs.Get(ctx, s, id); return err },
		"run":       func(s *chatadmin.Scope) error { _, _, err := s.Run(ctx, id); return err },
		"take over": func(s *chatadmin.Scope) error { _, err := s.TakeOverRun(ctx, id); return err },
		"cancel":    func(s *chatadmin.Scope) error { _, err := s.CancelRun(ctx, id); return err },
		"resume":    func(s *chatadmin.Scope) error { _, err := s.ResumeRun(ctx, id, nil); return err },
	} {
		require.ErrorIs(t, call(member), chatadmin.ErrForbidden, name)
	}
	require.Empty(t, c.list(member, chatadmin.RunQuery{}))
	_, err := other.ResumeRun(ctx, id, nil)
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
	require.ErrorContains(t, err, "take it over first")

	// The one who is taken over from stops at the next step.
	taken := false
	_, err = c.runs.Resume(ctx, c.S, id, func(chatadmin.Progress) {
		if !taken {
			taken = true
			run, err := other.TakeOverRun(ctx, id)
			if err != nil || run.By != other.Actor() {
				t.Errorf("taking over: %v, by %s", err, run.By)
			}
		}
	})
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
	require.ErrorContains(t, err, "taken over")
	events := c.Events(chatadmin.KindRunTakeOver)
	require.Len(t, events, 1)
	require.Equal(t, []any{other.Actor(), string(c.Boss.ID)}, []any{events[0].Actor, events[0].Note["from"]})
	_, err = other.ResumeRun(ctx, id, nil)
	require.NoError(t, err)
	c.counts(id)
}

// The actor is demoted: the run stops at the next step. A worker continues it
// in the name of the host only where the kind wants that; else it says why not.
func TestRunOfTheDemoted(t *testing.T) {
	for _, adopt := range []bool{true, false} {
		t.Run(fmt.Sprintf("adopt %v", adopt), func(t *testing.T) {
			c := newCounting(t, memstore.New(nil), adopt)
			was := c.User("was@acme.example", withRole(chatadmin.RoleAdmin))
			id := c.partly(c.As(was), 3)
			_, err := c.Host.AssignRole(ctx, chatadmin.RoleMember, was.ID)
			require.NoError(t, err)
			_, err = c.runs.Resume(ctx, c.As(was), id, nil)
			require.ErrorIs(t, err, chatadmin.ErrForbidden)

			did, err := c.Admin.Work(ctx)
			require.NoError(t, err)
			require.Zero(t, did["runs"], "it was active a moment ago")
			c.Clock.Advance(11 * time.Minute)
			did, err = c.Admin.Work(ctx)
			if adopt {
				require.NoError(t, err)
				require.Equal(t, 1, did["runs"])
				run, _, err := c.Host.Run(ctx, id)
				require.NoError(t, err)
				require.Equal(t, chatadmin.HostActor, run.By)
				c.counts(id)
				return
			}
			require.ErrorIs(t, err, chatadmin.ErrForbidden)
			run, _, err := c.Host.Run(ctx, id)
			require.NoError(t, err)
			require.Equal(t, []any{was.ID, int64(3), chatadmin.RunRunning}, []any{run.By, run.Done, run.State})
			require.Contains(t, run.Problem, "not permitted")
			_, err = c.Admin.Work(ctx)
			require.NoError(t, err, "it is left alone for an hour")
			_, err = c.S.TakeOverRun(ctx, id)
			require.NoError(t, err)
			_, err = c.S.ResumeRun(ctx, id, nil)
			require.NoError(t, err)
			c.counts(id)
		})
	}
}

// A worker continues what was interrupted, in the name of its actor, and many
// workers at once make each step once.
func TestWorkersContinueRuns(t *testing.T) {
	store := memstore.New(nil)
	c := newCounting(t, store, false)
	id := c.partly(c.S, 3)
	c.Clock.Advance(11 * time.Minute)
	var admins []*chatadmin.Admin
	for range 2 {
		a := chatadmintest.Must(chatadmin.New(store.Handle(nil), &chatadmin.Options{Now: c.Clock.Now}))
		c.declare(a)
		admins = append(admins, a)
	}
	for _, err := range chatadmintest.AtOnce(100, func(n int) error {
		_, err := admins[n%2].Work(ctx)
		return err
	}) {
		require.NoError(t, err)
	}
	c.counts(id)
	run, _, err := c.Host.Run(ctx, id)
	require.NoError(t, err)
	require.Equal(t, []any{c.Boss.ID, int64(10)}, []any{run.By, run.Steps})
}

// A detached scope begins a run and leaves the rest to the next round of the
// worker. So it does with a run that was interrupted.
func TestDetachedRun(t *testing.T) {
	c := newCounting(t, memstore.New(nil), false)
	op := chatadmin.Op{Kind: "count.begin", Need: chatadmin.PermDomain}
	run, err := c.runs.Apply(ctx, c.S.Detached(), op, nil, func(_ context.Context, _ *chatadmin.Writer, run *chatadmin.RunOf[counted]) error {
		run.Total, run.Data.Label = countTo, "ten"
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, []any{chatadmin.RunRunning, int64(0), c.Boss.ID}, []any{run.State, run.Done, run.By})
	_, err = c.Admin.Work(ctx)
	require.NoError(t, err)
	c.counts(run.ID)

	id := c.partly(c.S, 3)
	_, err = c.Admin.Work(ctx)
	require.NoError(t, err)
	now, err := c.runs.Get(ctx, c.S, id)
	require.NoError(t, err)
	require.Equal(t, int64(3), now.Done, "a run that somebody drives is left alone")
	ann := c.User("ann@acme.example")
	_, err = c.S.AssignRole(ctx, chatadmin.RoleAdmin, ann.ID)
	require.NoError(t, err)
	_, err = c.runs.Resume(ctx, c.As(ann).Detached(), id, nil)
	require.ErrorIs(t, err, chatadmin.ErrForbidden, "it belongs to somebody else")
	now, err = c.runs.Resume(ctx, c.S.Detached(), id, nil)
	require.NoError(t, err)
	require.Equal(t, int64(3), now.Done)
	_, err = c.Admin.Work(ctx)
	require.NoError(t, err)
	c.counts(id)
	now, err = c.runs.Resume(ctx, c.S.Detached(), id, nil)
	require.NoError(t, err)
	require.Equal(t, chatadmin.RunDone, now.State)
}

func TestHundredResumesOfOneRun(t *testing.T) {
	store := memstore.New(nil)
	c := newCounting(t, store, false)
	id := c.begun(c.S)
	other := c.declare(chatadmintest.Must(chatadmin.New(store.Handle(nil), &chatadmin.Options{Now: c.Clock.Now})))
	second := chatadmintest.Must(chatadmin.New(store.Handle(nil), &chatadmin.Options{Now: c.Clock.Now})).As(c.Domain, c.Boss.ID)
	_ = other
	runs := []*chatadmin.Runs[counted]{c.runs, c.declare(second.Admin())}
	scopes := []*chatadmin.Scope{c.S, second}
	for _, err := range chatadmintest.AtOnce(100, func(n int) error {
		_, err := runs[n%2].Resume(ctx, scopes[n%2], id, nil)
		return err
	}) {
		require.NoError(t, err)
	}
	c.counts(id)
}

func TestScheduledRun(t *testing.T) {
	c := newCounting(t, memstore.New(nil), false)
	due := c.Clock.Now().Add(48 * time.Hour)
	run, err := c.begin(c.S, due)
	require.NoError(t, err)
	_, err = c.runs.Resume(ctx, c.S, run.ID, nil)
	require.ErrorIs(t, err, chatadmin.ErrTransition)
	c.Clock.Advance(47 * time.Hour)
	did, err := c.Admin.Work(ctx)
	require.NoError(t, err)
	require.Zero(t, did["runs"])
	cancelled, err := c.begin(c.S, due)
	require.NoError(t, err)
	_, err = c.S.CancelRun(ctx, cancelled.ID)
	require.NoError(t, err)
	_, err = c.S.CancelRun(ctx, cancelled.ID)
	require.NoError(t, err, "twice is once")
	require.Len(t, c.Events(chatadmin.KindRunCancel), 1)
	c.Clock.Advance(time.Hour)
	did, err = c.Admin.Work(ctx)
	require.NoError(t, err)
	require.Equal(t, 1, did["runs"])
	c.counts(run.ID)
	_, err = c.S.CancelRun(ctx, run.ID)
	require.ErrorIs(t, err, chatadmin.ErrTransition)
	end, err := c.runs.Resume(ctx, c.S, cancelled.ID, nil)
	require.NoError(t, err)
	require.Equal(t, chatadmin.RunCancelled, end.State)
}

// A run that a clock has written which was ahead is continued when the clock is
// right again.
func TestRunOfAClockAhead(t *testing.T) {
	c := newCounting(t, memstore.New(nil), false)
	const ahead = 73 * 365 * 24 * time.Hour
	c.Clock.Advance(ahead)
	id := c.partly(c.S, 2)
	c.Clock.Advance(-ahead)
	did, err := c.Admin.Work(ctx)
	require.NoError(t, err)
	require.Equal(t, 1, did["runs"])
	c.counts(id)
}

// A failing run keeps no other from being continued.
func TestOneFailingRunOfMany(t *testing.T) {
	c := newCounting(t, memstore.New(nil), false)
	was := c.User("was@acme.example", withRole(chatadmin.RoleAdmin))
	bad, good := c.partly(c.As(was), 1), c.partly(c.S, 1)
	_, err := c.Host.DenyAccess(ctx, was.ID)
	require.NoError(t, err)
	c.Clock.Advance(11 * time.Minute)
	did, err := c.Admin.Work(ctx)
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
	require.ErrorContains(t, err, string(bad))
	require.Equal(t, 1, did["runs"])
	run, _, err := c.Host.Run(ctx, good)
	require.NoError(t, err)
	require.Equal(t, chatadmin.RunDone, run.State)
}

// The database comes back from a standby that lagged behind: the run says so,
// and is resumed from what is there.
func TestRunBehind(t *testing.T) {
	c := newCounting(t, memstore.New(nil), false)
	id := c.partly(c.S, 2)
	key := storage.Key{Kind: "run", Domain: c.Domain, ID: string(id)}
	old, err := c.Store.Records(ctx, []storage.Key{key})
	require.NoError(t, err)
	lost := false
	_, err = c.runs.Resume(ctx, c.S, id, func(p chatadmin.Progress) {
		if p.Done < 6 || lost {
			return
		}
		lost = true
		for n := 3; n <= int(p.Done); n++ {
			if err := c.forget(tally(c.Domain, id, n)); err != nil {
				t.Error(err)
			}
		}
		c.PutRecord(old[0])
	})
	var behind *chatadmin.BehindError
	require.ErrorAs(t, err, &behind)
	require.Equal(t, chatadmin.BehindError{Run: id, Confirmed: 6, Found: 2}, *behind)
	_, err = c.runs.Resume(ctx, c.S, id, nil)
	require.NoError(t, err)
	c.counts(id)
}

// forget deletes a record past the library.
func (w *world) forget(key storage.Key) error {
	return w.Store.Update(ctx, storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
		was, err := tx.Records(ctx, []storage.Key{key})
		if err != nil || len(was) == 0 {
			return err
		}
		_, err = tx.ChangeRecords(ctx, []storage.Write[storage.Record]{{Row: was[0], Was: was[0].Rev, Delete: true}})
		return err
	})
}

// damages are what a record can look like that cannot be read.
func damages(data []byte) map[string][]byte {
	return map[string][]byte{
		"truncated":   data[:len(data)/2],
		"no fields":   []byte(`{}`),
		"null":        []byte(`null`),
		"newer":       append([]byte(`{"v":99,`), data[len(`{"v":1,`):]...),
		"wrong types": []byte(`{"v":1,"id":5,"kind":[],"by":{},"state":7,"data":"x"}`),
		"no state":    []byte(`{"v":1,"id":"x","kind":"count","by":"host","state":"asleep","data":{}}`),
		"no number":   []byte(`{"v":1,"id":"x","kind":"count","by":"host","state":"running","data":{"n":11}}`),
	}
}

func TestDamagedRun(t *testing.T) {
	c := newCounting(t, memstore.New(nil), false)
	good := c.partly(c.S, 1)
	bad := c.partly(c.S, 1)
	key := storage.Key{Kind: "run", Domain: c.Domain, ID: string(bad)}
	whole, err := c.Store.Records(ctx, []storage.Key{key})
	require.NoError(t, err)
	for name, data := range damages(whole[0].Data) {
		t.Run(name, func(t *testing.T) {
			rec := whole[0]
			rec.Data = data
			c.PutRecord(rec)
			for call, err := range map[string]error{
				"get":    errOf(c.runs.Get(ctx, c.S, bad)),
				"resume": errOf(c.S.ResumeRun(ctx, bad, nil)),
				"cancel": errOf(c.S.CancelRun(ctx, bad)),
				"take":   errOf(c.Host.TakeOverRun(ctx, bad)),
			} {
				require.ErrorIs(t, err, chatadmin.ErrDamaged, call)
				require.NotContains(t, err.Error(), "asleep", "the data is not repeated")
			}
			seen, damaged := 0, 0
			for run, err := range c.runs.All(ctx, c.S) {
				if err != nil {
					require.ErrorIs(t, err, chatadmin.ErrDamaged)
					damaged++
				} else if run.ID == good {
					seen++
				}
			}
			require.Equal(t, []int{1, 1}, []int{seen, damaged})
			bads, err := all(c.S.Damaged(ctx))
			require.NoError(t, err)
			require.Len(t, bads, 1)
			require.Equal(t, []any{"run", c.Domain, string(bad)}, []any{bads[0].Kind, bads[0].Domain, bads[0].ID})
		})
	}
	c.Clock.Advance(11 * time.Minute)
	did, err := c.Admin.Work(ctx)
	require.NoError(t, err)
	require.Equal(t, 1, did["runs"], "the others go on")
	require.NoError(t, c.S.Repair(ctx, "run", string(good)), "nothing is wrong with it")
	require.Empty(t, c.Events(chatadmin.KindRepair))
	require.NoError(t, c.S.Repair(ctx, "run", string(bad)))
	require.Len(t, c.Events(chatadmin.KindRepair), 1)
	require.ErrorIs(t, c.S.Repair(ctx, "run", string(bad)), chatadmin.ErrNotFound)
	require.ErrorIs(t, c.S.Repair(ctx, "no such kind", "x"), chatadmin.ErrNotFound)
	require.Empty(t, collect(t, func() ([]*chatadmin.DamagedError, error) { return all(c.S.Damaged(ctx)) }))
}

func TestPrunedRuns(t *testing.T) {
	c := newCounting(t, memstore.New(nil), false)
	id := c.begun(c.S)
	_, err := c.S.ResumeRun(ctx, id, nil)
	require.NoError(t, err)
	open := c.partly(c.As(c.User("was@acme.example", withRole(chatadmin.RoleAdmin))), 0)
	_, err = c.Host.DenyAccess(ctx, c.list(c.S, chatadmin.RunQuery{States: []chatadmin.RunState{chatadmin.RunRunning}})[0].By)
	require.NoError(t, err)
	c.Clock.Advance(399 * 24 * time.Hour)
	_, err = c.Admin.Work(ctx)
	require.ErrorIs(t, err, chatadmin.ErrForbidden, "of the open one")
	c.counts(id)
	_, err = c.Host.ChangeSettings(ctx, func(s *chatadmin.Settings) error { s.Pruning.RunDays = 500; return nil })
	require.NoError(t, err)
	c.Clock.Advance(2 * 24 * time.Hour)
	_, err = c.Admin.Work(ctx)
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
	_, _, err = c.Host.Run(ctx, id)
	require.NoError(t, err, "the domain keeps runs for longer meanwhile")
	c.Clock.Advance(101 * 24 * time.Hour)
	did, err := c.Admin.Work(ctx)
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
	require.Equal(t, 1, did["runs"])
	_, _, err = c.Host.Run(ctx, id)
	require.ErrorIs(t, err, chatadmin.ErrNotFound)
	require.Zero(t, c.tallies(id))
	run, _, err := c.Host.Run(ctx, open)
	require.NoError(t, err)
	require.Equal(t, chatadmin.RunRunning, run.State, "a run that has not ended is never pruned")
}

// What earlier versions of the library have kept is read once.
func TestRunsOfEarlierVersions(t *testing.T) {
	for name, first := range map[string]func(*counting) error{
		"listed": func(c *counting) error { _, err := all(c.S.Runs(ctx, chatadmin.RunQuery{})); return err },
		"worker": func(c *counting) error { _, err := c.Admin.Work(ctx); return err },
		"resume": func(c *counting) error { _, err := c.runs.Resume(ctx, c.S, "job-1", nil); return err },
	} {
		t.Run(name, func(t *testing.T) {
			c := newCounting(t, memstore.New(nil), false)
			job := fmt.Sprintf(`{"id":"job-1","kind":"old count","actor":%q,"state":"running","done":3,"total":10,"started":"2026-03-01T08:00:00Z","cursor":{"n":3,"label":"ten"}}`, c.Boss.ID)
			for _, r := range []storage.Record{
				{Key: storage.Key{Kind: "job", Domain: c.Domain, ID: "job-1"}, Data: []byte(job)},
				{Key: storage.Key{Kind: "job", Domain: c.Domain, ID: "job-2"}, Data: []byte(`{"id":"job-2","kind":"unknown"}`)},
				{Key: storage.Key{Kind: "job", Domain: c.Domain, ID: "job-3"}, Data: []byte(`{"id":`)},
				{Key: storage.Key{Kind: "old report", Domain: c.Domain, ID: "report-1"}, Data: []byte(`{"n":0,"label":"ten"}`)},
			} {
				c.PutRecord(r)
			}
			require.NoError(t, first(c))
			run, err := c.runs.Get(ctx, c.S, "job-1")
			require.NoError(t, err)
			require.Equal(t, []any{"count", c.Boss.ID, int64(10), "ten"}, []any{run.Kind, run.By, run.Total, run.Data.Label})
			planned, err := c.runs.Get(ctx, c.Host, "report-1")
			require.NoError(t, err)
			require.Equal(t, chatadmin.RunScheduled, planned.State)
			left, _, err := c.Store.ListRecords(ctx, storage.RecordQuery{Kind: "job", Domain: c.Domain}, chatadmin.Page{Limit: 10})
			require.NoError(t, err)
			require.Len(t, left, 2, "what nobody here can read stays")
			_, err = c.runs.Resume(ctx, c.S, "job-1", nil)
			require.NoError(t, err)
			end, err := c.runs.Get(ctx, c.S, "job-1")
			require.NoError(t, err)
			require.Equal(t, chatadmin.RunDone, end.State)
		})
	}
}

// A store that re-runs transactions and does not confirm commits: each number
// is counted once.
func TestRunOnUnreliableStore(t *testing.T) {
	for seed := range uint64(20) {
		chaos := &memstore.Chaos{Seed: seed, Rerun: 0.3, UnknownKept: 0.2, UnknownLost: 0.05, ShortPage: 0.3}
		c := newCounting(t, memstore.New(&memstore.Options{Chaos: chaos}), false)
		run, err := c.begin(c.S, time.Time{})
		require.NoError(t, err)
		_, err = c.runs.Resume(ctx, c.S, run.ID, nil)
		require.NoError(t, err)
		c.counts(run.ID)
	}
}

// Due decides when a worker begins a scheduled run: it is asked when the time
// has come, and before if a wrong clock seems to have set it. An error is
// noted, and the worker asks again after an hour.
func TestRunDueHook(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	asked, answer, fail := 0, false, error(nil)
	runs := chatadmin.NewRuns(w.Admin, chatadmin.RunKind[counted]{Name: "hooked", Need: chatadmin.PermDomain, Forever: true,
		Due: func(context.Context, *chatadmin.Scope, *chatadmin.RunOf[counted]) (bool, error) {
			asked++
			return answer, fail
		},
		Step: func(context.Context, *chatadmin.Scope, *chatadmin.RunOf[counted], int) (chatadmin.RunStep[counted], error) {
			return chatadmin.RunStep[counted]{Op: chatadmin.Op{Kind: "hooked.step"}, Do: func(_ context.Context, _ *chatadmin.Writer, run *chatadmin.RunOf[counted]) error {
				run.State = chatadmin.RunDone
				return nil
			}}, nil
		},
	})
	schedule := func(after time.Duration) chatadmin.ID {
		run, err := runs.Begin(ctx, w.S, chatadmin.Op{Kind: "hooked.begin"}, func(_ context.Context, work *chatadmin.Writer, run *chatadmin.RunOf[counted]) error {
			run.State, run.Due = chatadmin.RunScheduled, work.Now().Add(after)
			return nil
		})
		require.NoError(t, err)
		return run.ID
	}
	work := func(want int) error {
		t.Helper()
		asked = 0
		_, err := w.Admin.Work(ctx)
		require.Equal(t, want, asked)
		return err
	}
	id := schedule(time.Hour)
	require.NoError(t, work(0), "it is not due")
	w.Clock.Advance(-2 * time.Hour)
	require.NoError(t, work(1), "asked for in the future")
	w.Clock.Advance(3 * time.Hour)
	fail = errors.New("the moon is wrong")
	require.ErrorIs(t, work(1), fail)
	run, err := runs.Get(ctx, w.S, id)
	require.NoError(t, err)
	require.Equal(t, []any{chatadmin.RunScheduled, `"the moon is wrong"`}, []any{run.State, run.Problem})
	require.NoError(t, work(0), "not at once")
	w.Clock.Advance(time.Hour)
	fail, answer = nil, true
	require.NoError(t, work(1))
	run, err = runs.Get(ctx, w.S, id)
	require.NoError(t, err)
	require.Equal(t, []any{chatadmin.RunDone, ""}, []any{run.State, run.Problem})

	answer = false
	far := schedule(370 * 24 * time.Hour)
	require.NoError(t, work(1), "further ahead than a year")
	open := 0
	for run, err := range runs.Open(ctx, w.Store, w.Domain) {
		require.NoError(t, err)
		require.Equal(t, far, run.ID)
		open++
	}
	require.Equal(t, 1, open)
}

// Runs of a kind that is kept for ever are kept, unless somebody has decided
// how long runs are kept.
func TestRunForever(t *testing.T) {
	for _, days := range []int{0, 30} {
		w := newWorld(t, chatadmin.OfficeChat)
		_, err := w.Host.ChangeSettings(ctx, func(set *chatadmin.Settings) error { set.Pruning.RunDays = days; return nil })
		require.NoError(t, err)
		runs := chatadmin.NewRuns(w.Admin, chatadmin.RunKind[counted]{Name: "kept", Need: chatadmin.PermDomain, Forever: true})
		run, err := runs.Begin(ctx, w.S, chatadmin.Op{Kind: "kept.begin"}, func(_ context.Context, work *chatadmin.Writer, run *chatadmin.RunOf[counted]) error {
			run.State, run.Ended = chatadmin.RunDone, work.Now()
			return nil
		})
		require.NoError(t, err)
		w.Clock.Advance(5000 * 24 * time.Hour)
		_, err = w.Admin.Work(ctx)
		require.NoError(t, err)
		_, err = runs.Get(ctx, w.S, run.ID)
		if days == 0 {
			require.NoError(t, err)
		} else {
			require.ErrorIs(t, err, chatadmin.ErrNotFound)
		}
	}
}

// Whoever may continue a run may still be refused to take it over.
func TestRunTakeOverHook(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	no := errors.New("not you")
	runs := chatadmin.NewRuns(w.Admin, chatadmin.RunKind[counted]{Name: "guarded", Need: chatadmin.PermDomain,
		TakeOver: func(_ context.Context, work *chatadmin.Writer, _ *chatadmin.RunOf[counted]) error {
			if work.Actor.ID != "" {
				return no
			}
			return nil
		}})
	run, err := runs.Begin(ctx, w.Host, chatadmin.Op{Kind: "guarded.begin"}, func(context.Context, *chatadmin.Writer, *chatadmin.RunOf[counted]) error { return nil })
	require.NoError(t, err)
	_, err = runs.TakeOver(ctx, w.S, run.ID)
	require.ErrorIs(t, err, no)
	got, err := runs.Get(ctx, w.S, run.ID)
	require.NoError(t, err)
	require.Equal(t, chatadmin.HostActor, got.By)
}

// A record under another ID than the run's own is damaged.
func TestRunOfAnotherID(t *testing.T) {
	c := newCounting(t, memstore.New(nil), false)
	id := c.begun(c.S)
	rs, err := c.Store.Records(ctx, []storage.Key{{Kind: "run", Domain: c.Domain, ID: string(id)}})
	require.NoError(t, err)
	c.put("run", c.Domain, "another", string(rs[0].Data), c.Clock.Now())
	_, err = c.runs.Get(ctx, c.S, "another")
	require.ErrorIs(t, err, chatadmin.ErrDamaged)
	require.NoError(t, c.S.Repair(ctx, "run", "another"))
	_, err = c.runs.Get(ctx, c.S, id)
	require.NoError(t, err)
}
