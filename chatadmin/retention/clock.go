package retention

import (
	"context"
	"errors"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/internal/clockmark"
)

const clockTask = "retention"

// longestPause is how long a worker may not have run and still believes its
// clock, by the days of the policy: half of them, but at least two days and at
// most seven.
func longestPause(days int) time.Duration {
	return time.Duration(min(max(days/2, 2), 7)) * 24 * time.Hour
}

// lastRun reads when the clock was believed last. Where no worker has written
// it yet, it is the beginning of the newest run.
func (r *Retention) lastRun(ctx context.Context, s *chatadmin.Scope) (clockmark.Mark, error) {
	m, err := clockmark.Read(ctx, s.Admin().Store(), s.Domain(), clockTask)
	if err != nil || m.Known() {
		return m, err
	}
	for run, err := range r.runs.All(ctx, s) {
		if errors.Is(err, chatadmin.ErrDamaged) {
			continue
		}
		if err != nil {
			return m, err
		}
		if run.Begun.After(m.At) {
			m.At, m.Before = run.Begun, run.Data.Before
		}
	}
	return m, nil
}

// jumped reports whether a worker asks before it deletes.
func jumped(m clockmark.Mark, now time.Time, days int) bool {
	return now.Sub(m.At) > longestPause(days)
}

// believe writes down that a worker has run and that nothing was due.
func (r *Retention) believe(ctx context.Context, domain chatadmin.ID, at, before time.Time) error {
	return r.note(ctx, domain, func(ctx context.Context, w *chatadmin.Writer) error {
		return move(ctx, w, domain, at, before)
	})
}

// later has the worker look at the domain again after a while, whatever came of
// this time.
func (r *Retention) later(ctx context.Context, domain chatadmin.ID) error {
	return r.note(ctx, domain, func(ctx context.Context, w *chatadmin.Writer) error {
		m, err := clockmark.Read(ctx, w, domain, clockTask)
		if err != nil || !m.Known() {
			return err
		}
		return m.Postpone(ctx, w, domain, clockTask, w.Now().Add(period))
	})
}

func (r *Retention) note(ctx context.Context, domain chatadmin.ID,
	f func(context.Context, *chatadmin.Writer) error) error {
	err := r.admin.Bookkeep(ctx, domain, f)
	if errors.Is(err, chatadmin.ErrCommitUnknown) {
		return nil // the next round writes it
	}
	return err
}

func move(ctx context.Context, w *chatadmin.Writer, domain chatadmin.ID, at, before time.Time) error {
	m, err := clockmark.Read(ctx, w, domain, clockTask)
	if err != nil {
		return err
	}
	return m.Move(ctx, w, domain, clockTask, at, before)
}
