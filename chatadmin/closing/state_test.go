package closing_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/closing"
	"chatadmin.example/sdk/chatadmin/storage"
)

const day = 24 * time.Hour

// damage overwrites a record.
func (w *world) damage(kind string, id chatadmin.ID, data string) {
	w.t.Helper()
	key := storage.Key{Kind: kind, Domain: w.domain, ID: string(id)}
	rs, err := w.store.Records(ctx, []storage.Key{key})
	require.NoError(w.t, err)
	require.Len(w.t, rs, 1)
	w.update(w.domain, func(tx storage.Tx) ([]storage.Conflict, error) {
		row := rs[0]
		row.Rev, row.Data = row.Rev+1, []byte(data)
		return tx.ChangeRecords(ctx, []storage.Write[storage.Record]{{Row: row, Was: rs[0].Rev}})
	})
}

func (w *world) state() chatadmin.DomainState {
	w.t.Helper()
	_, set, err := w.host.View(ctx, "")
	require.NoError(w.t, err)
	return set.State
}

// work does what is due, hour by hour.
func (w *world) work(d time.Duration) error {
	for end := w.clock.Now().Add(d); w.clock.Now().Before(end); {
		w.clock.Advance(time.Hour)
		if _, err := w.admin.Work(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Within the grace period the domain is suspended and whole; then the worker
// closes it.
func TestGrace(t *testing.T) {
	w := newWorld(t, memory())
	w.fill(w.domain, "ann", 5)
	others := w.everything(w.other)
	p := w.plan(0)
	require.Equal(t, closing.DefaultGrace, p.Grace)
	r, err := w.c.Apply(ctx, w.host, p, reason, nil)
	require.NoError(t, err)
	require.Equal(t, chatadmin.RunScheduled, r.State)
	require.Equal(t, chatadmin.DomainSuspended, w.state())
	_, err = w.admin.As(w.domain, w.boss.ID).User(ctx, w.boss.ID)
	require.ErrorIs(t, err, chatadmin.ErrSuspended)
	_, err = w.c.Resume(ctx, w.host, r.ID, nil)
	require.ErrorIs(t, err, chatadmin.ErrTransition, "it is not due")
	require.Equal(t, p.Counts[closing.Messages], w.everything(w.domain)[closing.Messages])

	again := w.plan(0)
	require.Equal(t, "scheduled", again.Blockers[0].Code)
	_, err = w.c.Apply(ctx, w.host, again, reason, nil)
	require.ErrorIs(t, err, chatadmin.ErrExists)

	require.NoError(t, w.work(30*day-time.Hour))
	require.Equal(t, chatadmin.DomainSuspended, w.state())
	require.NoError(t, w.work(2*time.Hour))
	r, err = w.c.Run(ctx, w.host, r.ID)
	require.NoError(t, err)
	w.gone(r, others)
}

// Cancelling gives the domain back the state that it had.
func TestCancel(t *testing.T) {
	for _, was := range []chatadmin.DomainState{chatadmin.DomainActive, chatadmin.DomainSuspended} {
		w := newWorld(t, memory())
		w.fill(w.domain, "ann", 3)
		if was == chatadmin.DomainSuspended {
			require.NoError(t, w.admin.SuspendDomain(ctx, w.domain))
		}
		r, err := w.c.Apply(ctx, w.host, w.plan(day), reason, nil)
		require.NoError(t, err)
		for range 2 {
			r, err = w.c.Cancel(ctx, w.host, r.ID)
			require.NoError(t, err)
			require.Equal(t, chatadmin.RunCancelled, r.State)
			require.Equal(t, was, w.state())
		}
		require.NoError(t, w.work(3*day))
		require.Equal(t, was, w.state())
		r, err = w.c.Resume(ctx, w.host, r.ID, nil)
		require.NoError(t, err)
		require.Equal(t, chatadmin.RunCancelled, r.State, "what has ended is returned")
	}
}

// A domain that the host has resumed meanwhile is not closed.
func TestResumedDomain(t *testing.T) {
	w := newWorld(t, memory())
	r, err := w.c.Apply(ctx, w.host, w.plan(2*day), reason, nil)
	require.NoError(t, err)
	require.NoError(t, w.admin.ResumeDomain(ctx, w.domain))
	require.NoError(t, w.work(3*day))
	require.Equal(t, chatadmin.DomainActive, w.state())
	r, err = w.c.Run(ctx, w.host, r.ID)
	require.NoError(t, err)
	require.Equal(t, chatadmin.RunCancelled, r.State)
}

// A closing that has begun is not cancelled, and nothing but it changes the
// domain: no administrator, no host, no other run.
func TestNothingElseChanges(t *testing.T) {
	w := newWorld(t, memory())
	w.fill(w.domain, "ann", 5)
	others := w.everything(w.other)
	stopped, cancel := context.WithCancel(ctx)
	r, err := w.c.Apply(stopped, w.host, w.plan(closing.AtOnce), reason, func(chatadmin.Progress) { cancel() })
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, chatadmin.DomainClosing, w.state())
	_, err = w.c.Cancel(ctx, w.host, r.ID)
	require.ErrorIs(t, err, chatadmin.ErrTransition)
	for name, do := range map[string]func() error{
		"create": func() error {
			_, err := w.host.CreateUser(ctx, chatadmin.NewUser{Login: "late@acme.example"})
			return err
		},
		"rename":  func() error { _, err := w.host.RenameDomain(ctx, "Late"); return err },
		"suspend": func() error { return w.admin.SuspendDomain(ctx, w.domain) },
		"resume":  func() error { return w.admin.ResumeDomain(ctx, w.domain) },
		"settings": func() error {
			_, err := w.host.ChangeSettings(ctx, func(s *chatadmin.Settings) error { s.State = chatadmin.DomainActive; return nil })
			return err
		},
	} {
		require.ErrorIs(t, do(), chatadmin.ErrClosing, name)
	}
	p := w.plan(0)
	require.Equal(t, "closing", p.Blockers[0].Code)
	_, err = w.c.Apply(ctx, w.host, p, reason, nil)
	require.ErrorIs(t, err, chatadmin.ErrClosing)
	_, err = w.admin.Work(ctx)
	require.NoError(t, err, "what other workers had to do goes with the domain")
	w.clock.Advance(11 * time.Minute)
	_, err = w.admin.Work(ctx)
	require.NoError(t, err)
	r, err = w.c.Run(ctx, w.host, r.ID)
	require.NoError(t, err)
	w.gone(r, others)
}

// Nobody but the host plans, applies, cancels or sees a closing.
func TestHostAlone(t *testing.T) {
	w := newWorld(t, memory())
	boss := w.admin.As(w.domain, w.boss.ID)
	p := w.plan(day)
	for name, do := range map[string]func() error{
		"plan":   func() error { _, err := w.c.Plan(ctx, boss, 0); return err },
		"apply":  func() error { _, err := w.c.Apply(ctx, boss, p, reason, nil); return err },
		"cancel": func() error { _, err := w.c.Cancel(ctx, boss, "x"); return err },
		"resume": func() error { _, err := w.c.Resume(ctx, boss, "x", nil); return err },
		"run":    func() error { _, err := w.c.Run(ctx, boss, "x"); return err },
		"runs": func() (err error) {
			for _, err = range w.c.Runs(ctx, boss) {
			}
			return err
		},
	} {
		require.ErrorIs(t, do(), chatadmin.ErrForbidden, name)
	}
	other := w.admin.AsHost(w.other)
	_, err := w.c.Apply(ctx, other, p, reason, nil)
	require.ErrorIs(t, err, chatadmin.ErrNotFound, "a plan of another domain")
	r, err := w.c.Apply(ctx, w.host, p, reason, nil)
	require.NoError(t, err)
	_, err = w.c.Cancel(ctx, other, r.ID)
	require.ErrorIs(t, err, chatadmin.ErrNotFound)
	_, err = w.host.ChangeSettings(ctx, func(s *chatadmin.Settings) error { s.State = chatadmin.DomainClosing; return nil })
	require.ErrorIs(t, err, chatadmin.ErrTransition, "settings close no domain")
}

// A plan is input: what cannot be is refused, and so is what is out of date.
func TestPlanIsChecked(t *testing.T) {
	w := newWorld(t, memory())
	for name, spoil := range map[string]func(*closing.Plan){
		"kind":   func(p *closing.Plan) { p.Kind = "user.delete" },
		"count":  func(p *closing.Plan) { p.Counts[closing.Users] = -1 },
		"counts": func(p *closing.Plan) { delete(p.Counts, closing.Users) },
		"more":   func(p *closing.Plan) { p.Counts["jokes"] = 1 },
		"grace":  func(p *closing.Plan) { p.Grace = -time.Hour },
		"years":  func(p *closing.Plan) { p.Grace = 400 * day },
	} {
		p := w.plan(0)
		spoil(p)
		_, err := w.c.Apply(ctx, w.host, p, reason, nil)
		require.ErrorIs(t, err, chatadmin.ErrInvalid, name)
	}
	_, err := w.c.Apply(ctx, w.host, nil, reason, nil)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	_, err = w.c.Apply(ctx, w.host, w.plan(0), "", nil)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	_, err = w.c.Plan(ctx, w.host, 400*day)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	p := w.plan(0)
	_, err = w.host.RenameDomain(ctx, "Acme Ltd")
	require.NoError(t, err)
	_, err = w.c.Apply(ctx, w.host, p, reason, nil)
	require.ErrorIs(t, err, chatadmin.ErrPlanStale)
	require.Equal(t, chatadmin.DomainActive, w.state())
}

// A legal hold forbids a closing: before it is applied, while it is scheduled,
// and while it is under way.
func TestHolds(t *testing.T) {
	w := newWorld(t, memory(), hasty)
	w.fill(w.domain, "ann", 300)
	others := w.everything(w.other)
	hold := func() chatadmin.Hold {
		h, err := w.host.AddHold(ctx, chatadmin.Hold{User: w.boss.ID, Reason: "a lawsuit"})
		require.NoError(t, err)
		return h
	}
	h := hold()
	p := w.plan(closing.AtOnce)
	require.Equal(t, "hold", p.Blockers[0].Code)
	_, err := w.c.Apply(ctx, w.host, p, reason, nil)
	require.ErrorIs(t, err, chatadmin.ErrHeld)
	_, err = w.host.ReleaseHold(ctx, h.ID)
	require.NoError(t, err)

	var during chatadmin.Hold
	steps := 0
	r, err := w.c.Apply(ctx, w.host, w.plan(closing.AtOnce), reason, func(chatadmin.Progress) {
		if steps++; steps == 2 {
			during = hold()
		}
	})
	require.ErrorIs(t, err, chatadmin.ErrHeld)
	left := w.everything(w.domain)
	_, err = w.c.Resume(ctx, w.host, r.ID, nil)
	require.ErrorIs(t, err, chatadmin.ErrHeld)
	require.Equal(t, left, w.everything(w.domain), "nothing goes while the hold lasts")
	require.Positive(t, left[closing.Users])

	w.damage("hold", during.ID, "{")
	_, err = w.c.Resume(ctx, w.host, r.ID, nil)
	require.ErrorIs(t, err, chatadmin.ErrHeld, "one that cannot be read protects, too")
	require.NoError(t, w.host.Repair(ctx, "hold", string(during.ID)))
	r, err = w.c.Resume(ctx, w.host, r.ID, nil)
	require.NoError(t, err)
	w.gone(r, others)
}

// A hold that is placed while a closing is scheduled keeps it waiting; the
// worker says why.
func TestHoldWhileScheduled(t *testing.T) {
	w := newWorld(t, memory())
	others := w.everything(w.other)
	r, err := w.c.Apply(ctx, w.host, w.plan(2*day), reason, nil)
	require.NoError(t, err)
	h, err := w.host.AddHold(ctx, chatadmin.Hold{User: w.boss.ID, Reason: "a lawsuit"})
	require.NoError(t, err)
	require.ErrorIs(t, w.work(3*day), chatadmin.ErrHeld)
	r, err = w.c.Run(ctx, w.host, r.ID)
	require.NoError(t, err)
	require.Equal(t, chatadmin.RunScheduled, r.State)
	require.Contains(t, r.Problem, "legal hold")
	_, err = w.host.ReleaseHold(ctx, h.ID)
	require.NoError(t, err)
	require.NoError(t, w.work(3*time.Hour))
	r, err = w.c.Run(ctx, w.host, r.ID)
	require.NoError(t, err)
	w.gone(r, others)
}

// A clock that has jumped ahead begins no closing until a person says so; one
// that was ahead when the closing was scheduled begins the grace period anew.
func TestClock(t *testing.T) {
	w := newWorld(t, memory())
	others := w.everything(w.other)
	r, err := w.c.Apply(ctx, w.host, w.plan(30*day), reason, nil)
	require.NoError(t, err)
	require.NoError(t, w.work(day))
	w.clock.Advance(40 * day)
	var jumped *chatadmin.ClockError
	for range 3 {
		_, err = w.admin.Work(ctx)
		require.ErrorAs(t, err, &jumped)
		w.clock.Advance(2 * time.Hour)
	}
	require.Equal(t, chatadmin.DomainSuspended, w.state())
	r, err = w.c.Resume(ctx, w.host, r.ID, nil)
	require.NoError(t, err)
	w.gone(r, others)

	w = newWorld(t, memory())
	w.clock.Advance(300 * day)
	r, err = w.c.Apply(ctx, w.host, w.plan(3*day), reason, nil)
	require.NoError(t, err)
	w.clock.Advance(-300 * day)
	require.NoError(t, w.work(2*time.Hour))
	r, err = w.c.Run(ctx, w.host, r.ID)
	require.NoError(t, err)
	require.WithinDuration(t, w.clock.Now().Add(3*day), r.Due, 3*time.Hour)
}
