package closing

import (
	"context"
	"errors"
	"fmt"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/internal/clockmark"
	"chatadmin.example/sdk/chatadmin/storage"
)

const clockTask = "closing"

var scheduling = clockmark.Scheduling{Task: clockTask, What: "closing", Doing: "the closing of a domain"}

// RunDue begins the scheduled closing of a domain if it is due, and continues
// one that was interrupted ten minutes ago. chatadmin.Admin.Work does the same
// for all domains; several processes at once do no harm. It returns the runs
// that have ended. A scheduled closing of a domain that the host has resumed
// meanwhile is cancelled. One that a legal hold forbids waits.
//
// A clock that is ahead begins no closing. If no worker has run for more than
// seven days, or the first one runs when the closing is overdue by as much, it
// is not begun, and the error is a *chatadmin.ClockError: Resume begins it. A
// closing that was scheduled by a clock that was put right since begins its
// grace period anew.
func (c *Closings) RunDue(ctx context.Context, domain chatadmin.ID) ([]*Run, error) {
	ended, err := c.runs.Continue(ctx, domain)
	if ctx.Err() != nil {
		return ended, err
	}
	return ended, errors.Join(err, c.tick(ctx, domain))
}

// work is RunDue for Admin.Work.
func (c *Closings) work(ctx context.Context, domain chatadmin.ID) (int, error) {
	ended, err := c.RunDue(ctx, domain)
	return len(ended), err
}

// tick writes down that the clock is right, as long as a closing is scheduled
// and unless the clock has jumped.
func (c *Closings) tick(ctx context.Context, domain chatadmin.ID) error {
	mark, err := clockmark.Read(ctx, c.admin.Store(), domain, clockTask)
	if err != nil {
		return err
	}
	now, scheduled, doubt := c.admin.Now(), false, false
	for run, err := range c.runs.Open(ctx, c.admin.Store(), domain) {
		switch {
		case errors.Is(err, chatadmin.ErrDamaged):
		case err != nil:
			return err
		case run.State == chatadmin.RunScheduled:
			scheduled, doubt = true, mark.Doubted(now, &run.Run)
		}
	}
	err = c.admin.Bookkeep(ctx, domain, func(ctx context.Context, w *chatadmin.Writer) error {
		if !scheduled {
			return mark.Forget(ctx, w, domain, clockTask)
		}
		m, err := clockmark.Read(ctx, w, domain, clockTask)
		switch {
		case err != nil:
			return err
		case doubt:
			return m.Postpone(ctx, w, domain, clockTask, now.Add(clockmark.Coarse))
		}
		return m.Move(ctx, w, domain, clockTask, now, time.Time{})
	})
	if errors.Is(err, chatadmin.ErrCommitUnknown) {
		return nil // the next round writes it
	}
	return err
}

// due reports whether a worker begins a scheduled closing.
func (c *Closings) due(ctx context.Context, s *chatadmin.Scope, run *Run) (bool, error) {
	return scheduling.Begins(ctx, s, &run.Run, func() error { return c.again(ctx, s, run.ID) })
}

// again begins the grace period anew of a closing that was scheduled by a clock
// that was ahead.
func (c *Closings) again(ctx context.Context, s *chatadmin.Scope, id chatadmin.ID) error {
	op := chatadmin.Op{Kind: KindSchedule, Fence: storage.Shared, Targets: []chatadmin.ID{s.Domain()}}
	return s.Change(ctx, op, func(ctx context.Context, w *chatadmin.Writer) error {
		_, err := c.runs.Amend(ctx, w, id, func(run *Run) error {
			if !clockmark.Restart(&run.Run, w.Now()) {
				return nil
			}
			w.Audit(KindSchedule, []chatadmin.ID{s.Domain()}, nil, map[string]string{"closing": string(id),
				"due": run.Due.Format(time.RFC3339), "reason": "the clock was ahead when it was scheduled"})
			return nil
		})
		return err
	})
}

// start prepares the transaction that begins a scheduled closing.
func (c *Closings) start(s *chatadmin.Scope) step {
	op := chatadmin.Op{Kind: KindClose, Fence: storage.Exclusive, Targets: []chatadmin.ID{s.Domain()}}
	return step{Op: op, Do: func(ctx context.Context, w *chatadmin.Writer, run *Run) error {
		if run.State != chatadmin.RunScheduled {
			return chatadmin.ErrStepAgain
		}
		if err := scheduling.Timely(&run.Run); err != nil {
			return err
		}
		mark, err := clockmark.Read(ctx, w, s.Domain(), clockTask)
		if err != nil {
			return err
		}
		if mark.Doubted(w.Now(), &run.Run) { // a person begins it, and vouches for the clock
			if err := mark.Move(ctx, w, s.Domain(), clockTask, w.Now(), time.Time{}); err != nil {
				return err
			}
		}
		if w.Settings.State == chatadmin.DomainActive {
			w.Audit(KindCancel, []chatadmin.ID{s.Domain()}, nil, map[string]string{"closing": string(run.ID),
				"reason": "the domain was resumed"})
			run.State = chatadmin.RunCancelled
			return nil
		}
		if err := unheld(ctx, w, s.Domain()); err != nil {
			return fmt.Errorf("closing %s waits: %w", run.ID, err)
		}
		return begin(ctx, w, run)
	}}
}
