package closing_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/closing"
	"chatadmin.example/sdk/chatadmin/storage"
)

const day = 24 * time.Hour

// damage overwrites a record.
func (w *world) damage(kind string, id chatadmin.ID, data string) {
	w.T.Helper()
	key := storage.Key{Kind: kind, Domain: w.Domain, ID: string(id)}
	rs, err := w.Store.Records(ctx, []storage.Key{key})
	require.NoError(w.T, err)
	require.Len(w.T, rs, 1)
	rs[0].Data = []byte(data)
	w.PutRecord(rs[0])
}

func (w *world) state() chatadmin.DomainState {
	w.T.Helper()
	_, set, err := w.Host.View(ctx, "")
	require.NoError(w.T, err)
	return set.State
}

// pass does what is due, hour by hour.
func (w *world) pass(d time.Duration) error {
	for end := w.Clock.Now().Add(d); w.Clock.Now().Before(end); {
		w.Clock.Advance(time.Hour)
		if _, err := w.Admin.Work(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Within the grace period the domain is suspended and whole; then the worker
// closes it.
func TestGrace(t *testing.T) {
	w := newWorld(t, memory())
	w.fill(w.Domain, "ann", 5)
	others := w.everything(w.other)
	p := w.plan(0)
	require.Equal(t, closing.DefaultGrace, p.Grace)
	r, err := w.c.Apply(ctx, w.Host, p, reason, nil)
	require.NoError(t, err)
	require.Equal(t, chatadmin.RunScheduled, r.State)
	require.Equal(t, chatadmin.DomainSuspended, w.state())
	_, err = w.S.User(ctx, w.Boss.ID)
	require.ErrorIs(t, err, chatadmin.ErrSuspended)
	_, err = w.c.Resume(ctx, w.Host, r.ID, nil)
	require.ErrorIs(t, err, chatadmin.ErrTransition, "it is not due")
	require.Equal(t, p.Counts[closing.Messages], w.everything(w.Domain)[closing.Messages])

	again := w.plan(0)
	require.Equal(t, "scheduled", again.Blockers[0].Code)
	_, err = w.c.Apply(ctx, w.Host, again, reason, nil)
	require.ErrorIs(t, err, chatadmin.ErrExists)

	require.NoError(t, w.pass(30*day-time.Hour))
	require.Equal(t, chatadmin.DomainSuspended, w.state())
	require.NoError(t, w.pass(2*time.Hour))
	r, err = w.c.Run(ctx, w.Host, r.ID)
	require.NoError(t, err)
	w.gone(r, others)
}

// Cancelling gives the domain back the state that it had.
func TestCancel(t *testing.T) {
	for _, was := range []chatadmin.DomainState{chatadmin.DomainActive, chatadmin.DomainSuspended} {
		w := newWorld(t, memory())
		w.fill(w.Domain, "ann", 3)
		if was == chatadmin.DomainSuspended {
			require.NoError(t, w.Admin.SuspendDomain(ctx, w.Domain))
		}
		r, err := w.c.Apply(ctx, w.Host, w.plan(day), reason, nil)
		require.NoError(t, err)
		for range 2 {
			r, err = w.c.Cancel(ctx, w.Host, r.ID)
			require.NoError(t, err)
			require.Equal(t, chatadmin.RunCancelled, r.State)
			require.Equal(t, was, w.state())
		}
		require.NoError(t, w.pass(3*day))
		require.Equal(t, was, w.state())
		r, err = w.c.Resume(ctx, w.Host, r.ID, nil)
		require.NoError(t, err)
		require.Equal(t, chatadmin.RunCancelled, r.State, "what has ended is returned")
	}
}

// A domain that the host has resumed meanwhile is not closed.
func TestResumedDomain(t *testing.T) {
	w := newWorld(t, memory())
	r, err := w.c.Apply(ctx, w.Host, w.plan(2*day), reason, nil)
	require.NoError(t, err)
	require.NoError(t, w.Admin.ResumeDomain(ctx, w.Domain))
	require.NoError(t, w.pass(3*day))
	require.Equal(t, chatadmin.DomainActive, w.state())
	r, err = w.c.Run(ctx, w.Host, r.ID)
	require.NoError(t, err)
	require.Equal(t, chatadmin.RunCancelled, r.State)
}

// A closing that has begun is not cancelled, and nothing but it changes the
// domain: no administrator, no host, no other run.
func TestNothingElseChanges(t *testing.T) {
	w := newWorld(t, memory())
	w.fill(w.Domain, "ann", 5)
	others := w.everything(w.other)
	stopped, cancel := context.WithCancel(ctx)
	r, err := w.c.Apply(stopped, w.Host, w.plan(closing.AtOnce), reason, func(chatadmin.Progress) { cancel() })
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, chatadmin.DomainClosing, w.state())
	_, err = w.c.Cancel(ctx, w.Host, r.ID)
	require.ErrorIs(t, err, chatadmin.ErrTransition)
	for name, do := range map[string]func() error{
		"create": func() error {
			_, err := w.Host.CreateUser(ctx, chatadmin.NewUser{Login: "late@acme.example"})
			return err
		},
		"rename":  func() error { _, err := w.Host.RenameDomain(ctx, "Late"); return err },
		"suspend": func() error { return w.Admin.SuspendDomain(ctx, w.Domain) },
		"resume":  func() error { return w.Admin.ResumeDomain(ctx, w.Domain) },
		"settings": func() error {
			_, err := w.Host.ChangeSettings(ctx, func(s *chatadmin.Settings) error { s.State = chatadmin.DomainActive; return nil })
			return err
		},
	} {
		require.ErrorIs(t, do(), chatadmin.ErrClosing, name)
	}
	p := w.plan(0)
	require.Equal(t, "closing", p.Blockers[0].Code)
	_, err = w.c.Apply(ctx, w.Host, p, reason, nil)
	require.ErrorIs(t, err, chatadmin.ErrClosing)
	_, err = w.Admin.Work(ctx)
	require.NoError(t, err, "what other workers had to do goes with the domain")
	w.Clock.Advance(11 * time.Minute)
	_, err = w.Admin.Work(ctx)
	require.NoError(t, err)
	r, err = w.c.Run(ctx, w.Host, r.ID)
	require.NoError(t, err)
	w.gone(r, others)
}

// Nobody but the host plans, applies, cancels or sees a closing.
func TestHostAlone(t *testing.T) {
	w := newWorld(t, memory())
	p := w.plan(day)
	for name, do := range map[string]func() error{
		"plan":   func() error { _, err := w.c.Plan(ctx, w.S, 0); return err },
		"apply":  func() error { _, err := w.c.Apply(ctx, w.S, p, reason, nil); return err },
		"cancel": func() error { _, err := w.c.Cancel(ctx, w.S, "x"); return err },
		"resume": func() error { _, err := w.c.Resume(ctx, w.S, "x", nil); return err },
		"run":    func() error { _, err := w.c.Run(ctx, w.S, "x"); return err },
		"runs": func() (err error) {
			for _, err = range w.c.Runs(ctx, w.S) {
			}
			return err
		},
	} {
		require.ErrorIs(t, do(), chatadmin.ErrForbidden, name)
	}
	other := w.Admin.AsHost(w.other)
	_, err := w.c.Apply(ctx, other, p, reason, nil)
	require.ErrorIs(t, err, chatadmin.ErrNotFound, "a plan of another domain")
	r, err := w.c.Apply(ctx, w.Host, p, reason, nil)
	require.NoError(t, err)
	_, err = w.c.Cancel(ctx, other, r.ID)
	require.ErrorIs(t, err, chatadmin.ErrNotFound)
	_, err = w.Host.ChangeSettings(ctx, func(s *chatadmin.Settings) error { s.State = chatadmin.DomainClosing; return nil })
	require.ErrorIs(t, err, chatadmin.ErrTransition, "settings close no domain")
}

// A plan is input: what cannot be is refused, and so is what is out of date.
func TestPlanIsChecked(t *testing.T) {
	w := newWorld(t, memory())
	for name, spoil := range chatadmintest.InOrder(map[string]func(*closing.Plan){
		"kind":   func(p *closing.Plan) { p.Kind = "user.delete" },
		"count":  func(p *closing.Plan) { p.Counts[closing.Users] = -1 },
		"counts": func(p *closing.Plan) { delete(p.Counts, closing.Users) },
		"more":   func(p *closing.Plan) { p.Counts["jokes"] = 1 },
		"grace":  func(p *closing.Plan) { p.Grace = -time.Hour },
		"years":  func(p *closing.Plan) { p.Grace = 400 * day },
	}) {
		p := w.plan(0)
		spoil(p)
		_, err := w.c.Apply(ctx, w.Host, p, reason, nil)
		require.ErrorIs(t, err, chatadmin.ErrInvalid, name)
	}
	_, err := w.c.Apply(ctx, w.Host, nil, reason, nil)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	_, err = w.c.Apply(ctx, w.Host, w.plan(0), "", nil)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	_, err = w.c.Plan(ctx, w.Host, 400*day)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	p := w.plan(0)
	_, err = w.Host.RenameDomain(ctx, "Acme Ltd")
	require.NoError(t, err)
	_, err = w.c.Apply(ctx, w.Host, p, reason, nil)
	require.ErrorIs(t, err, chatadmin.ErrPlanStale)
	require.Equal(t, chatadmin.DomainActive, w.state())
}

// A legal hold forbids a closing: before it is applied, while it is scheduled,
// and while it is under way.
func TestHolds(t *testing.T) {
	w := newWorld(t, memory(), hasty)
	w.fill(w.Domain, "ann", 300)
	others := w.everything(w.other)
	hold := func() chatadmin.Hold {
		h, err := w.Host.AddHold(ctx, chatadmin.Hold{User: w.Boss.ID, Reason: "a lawsuit"})
		require.NoError(t, err)
		return h
	}
	h := hold()
	p := w.plan(closing.AtOnce)
	require.Equal(t, "hold", p.Blockers[0].Code)
	_, err := w.c.Apply(ctx, w.Host, p, reason, nil)
	require.ErrorIs(t, err, chatadmin.ErrHeld)
	_, err = w.Host.ReleaseHold(ctx, h.ID)
	require.NoError(t, err)

	var during chatadmin.Hold
	steps := 0
	r, err := w.c.Apply(ctx, w.Host, w.plan(closing.AtOnce), reason, func(chatadmin.Progress) {
		if steps++; steps == 2 {
			during = hold()
		}
	})
	require.ErrorIs(t, err, chatadmin.ErrHeld)
	left := w.everything(w.Domain)
	_, err = w.c.Resume(ctx, w.Host, r.ID, nil)
	require.ErrorIs(t, err, chatadmin.ErrHeld)
	require.Equal(t, left, w.everything(w.Domain), "nothing goes while the hold lasts")
	require.Positive(t, left[closing.Users])

	w.damage("hold", during.ID, "{")
	_, err = w.c.Resume(ctx, w.Host, r.ID, nil)
	require.ErrorIs(t, err, chatadmin.ErrHeld, "one that cannot be read protects, too")
	require.NoError(t, w.Host.Repair(ctx, "hold", string(during.ID)))
	r, err = w.c.Resume(ctx, w.Host, r.ID, nil)
	require.NoError(t, err)
	w.gone(r, others)
}

// A hold that is placed while a closing is scheduled keeps it waiting; the
// worker says why.
func TestHoldWhileScheduled(t *testing.T) {
	w := newWorld(t, memory())
	others := w.everything(w.other)
	r, err := w.c.Apply(ctx, w.Host, w.plan(2*day), reason, nil)
	require.NoError(t, err)
	h, err := w.Host.AddHold(ctx, chatadmin.Hold{User: w.Boss.ID, Reason: "a lawsuit"})
	require.NoError(t, err)
	require.ErrorIs(t, w.pass(3*day), chatadmin.ErrHeld)
	r, err = w.c.Run(ctx, w.Host, r.ID)
	require.NoError(t, err)
	require.Equal(t, chatadmin.RunScheduled, r.State)
	require.Contains(t, r.Problem, "legal hold")
	_, err = w.Host.ReleaseHold(ctx, h.ID)
	require.NoError(t, err)
	require.NoError(t, w.pass(3*time.Hour))
	r, err = w.c.Run(ctx, w.Host, r.ID)
	require.NoError(t, err)
	w.gone(r, others)
}

// A clock that has jumped ahead begins no closing until a person says so; one
// that was ahead when the closing was scheduled begins the grace period anew.
func TestClock(t *testing.T) {
	w := newWorld(t, memory())
	others := w.everything(w.other)
	r, err := w.c.Apply(ctx, w.Host, w.plan(30*day), reason, nil)
	require.NoError(t, err)
	require.NoError(t, w.pass(day))
	w.Clock.Advance(40 * day)
	var jumped *chatadmin.ClockError
	for range 3 {
		_, err = w.Admin.Work(ctx)
		require.ErrorAs(t, err, &jumped)
		w.Clock.Advance(2 * time.Hour)
	}
	require.Equal(t, chatadmin.DomainSuspended, w.state())
	r, err = w.c.Resume(ctx, w.Host, r.ID, nil)
	require.NoError(t, err)
	w.gone(r, others)

	w = newWorld(t, memory())
	w.Clock.Advance(300 * day)
	r, err = w.c.Apply(ctx, w.Host, w.plan(3*day), reason, nil)
	require.NoError(t, err)
	w.Clock.Advance(-300 * day)
	require.NoError(t, w.pass(2*time.Hour))
	r, err = w.c.Run(ctx, w.Host, r.ID)
	require.NoError(t, err)
	require.WithinDuration(t, w.Clock.Now().Add(3*day), r.Due, 3*time.Hour)
}
