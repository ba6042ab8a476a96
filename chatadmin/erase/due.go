package erase

import (
	"context"
	"errors"
	"slices"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/internal/clockmark"
	"chatadmin.example/sdk/chatadmin/storage"
)

const clockTask = "erase"

var scheduling = clockmark.Scheduling{Task: clockTask, What: "deletion", Doing: "deletions that are due"}

// RunDue carries out the scheduled deletions of a domain that are due, each in
// the name of its actor, and continues those that have been interrupted, after
// ten minutes. chatadmin.Admin.Work does the same for all domains; several
// processes at once do no harm. RunDue returns the deletions that have ended.
// What cannot continue, since its actor may not any more or a hold forbids it,
// does not keep the others; its error is in the one returned. Users who were
// activated again meanwhile are left out.
//
// A clock that is ahead begins no deletion. If no worker has run for more than
// seven days, or the first one runs when a deletion is overdue by as much, the
// deletions that are due are not begun, and each is a *chatadmin.ClockError.
// Resume by the actor begins one of them, and tells the workers that the clock
// is right. A deletion that was scheduled by a clock that has been put right
// since begins its grace period anew.
func (d *Deletions) RunDue(ctx context.Context, domain chatadmin.ID) ([]*Run, error) {
	ended, err := d.runs.Continue(ctx, domain)
	if ctx.Err() != nil {
		return ended, err
	}
	return ended, errors.Join(err, d.believe(ctx, domain))
}

// work is RunDue for Admin.Work. It looks at a domain for as long as a deletion
// is scheduled there.
func (d *Deletions) work(ctx context.Context, domain chatadmin.ID) (int, error) {
	ended, err := d.RunDue(ctx, domain)
	if ctx.Err() == nil {
		err = errors.Join(err, d.later(ctx, domain))
	}
	return len(ended), err
}

// due reports whether a worker begins a scheduled deletion.
func (d *Deletions) due(ctx context.Context, s *chatadmin.Scope, run *Run) (bool, error) {
	return scheduling.Begins(ctx, s, &run.Run, func() error { return d.again(ctx, s.Domain(), run.ID) })
}

// believe writes down that the clock is right, unless it has jumped over
// something.
func (d *Deletions) believe(ctx context.Context, domain chatadmin.ID) error {
	mark, err := clockmark.Read(ctx, d.admin.Store(), domain, clockTask)
	now := d.admin.Now()
	if err != nil || !mark.Stale(now) {
		return err
	}
	for run, err := range d.runs.Open(ctx, d.admin.Store(), domain) {
		switch {
		case errors.Is(err, chatadmin.ErrDamaged):
		case err != nil:
			return err
		case run.State != chatadmin.RunScheduled:
		case mark.Jumped(now, clockmark.LongestPause), scheduling.Timely(&run.Run) == nil && mark.Doubted(now, &run.Run):
			return nil
		}
	}
	return d.keep(ctx, domain, func(ctx context.Context, w *chatadmin.Writer) error { return move(ctx, w, domain, now) })
}

// later has the worker look at the domain again after a while, or no more if
// nothing is scheduled.
func (d *Deletions) later(ctx context.Context, domain chatadmin.ID) error {
	mark, err := clockmark.Read(ctx, d.admin.Store(), domain, clockTask)
	if err != nil {
		return err
	}
	for run, err := range d.runs.Open(ctx, d.admin.Store(), domain) {
		if err != nil && !errors.Is(err, chatadmin.ErrDamaged) {
			return err
		}
		if err == nil && run.State == chatadmin.RunScheduled {
			return d.keep(ctx, domain, func(ctx context.Context, w *chatadmin.Writer) error {
				m, err := clockmark.Read(ctx, w, domain, clockTask)
				if err != nil {
					return err
				}
				return m.Postpone(ctx, w, domain, clockTask, w.Now().Add(clockmark.Coarse))
			})
		}
	}
	return d.keep(ctx, domain, func(ctx context.Context, w *chatadmin.Writer) error {
		return mark.Forget(ctx, w, domain, clockTask)
	})
}

func (d *Deletions) keep(ctx context.Context, domain chatadmin.ID,
	f func(context.Context, *chatadmin.Writer) error) error {
	err := d.admin.Bookkeep(ctx, domain, f)
	if errors.Is(err, chatadmin.ErrCommitUnknown) {
		return nil // the next round writes it
	}
	return err
}

// move writes that the clock was believed at a time.
func move(ctx context.Context, w *chatadmin.Writer, domain chatadmin.ID, at time.Time) error {
	m, err := clockmark.Read(ctx, w, domain, clockTask)
	if err != nil {
		return err
	}
	return m.Move(ctx, w, domain, clockTask, at, time.Time{})
}

// again begins the grace period of a deletion anew that was scheduled by a
// clock that was ahead.
func (d *Deletions) again(ctx context.Context, domain, id chatadmin.ID) error {
	op := chatadmin.Op{Kind: KindSchedule, Fence: storage.Shared, Targets: []chatadmin.ID{id}}
	return d.admin.AsHost(domain).Change(ctx, op, func(ctx context.Context, w *chatadmin.Writer) error {
		_, err := d.runs.Amend(ctx, w, id, func(run *Run) error {
			if !clockmark.Restart(&run.Run, w.Now()) {
				return nil
			}
			note := map[string]string{"deletion": string(id), "due": run.Due.Format(time.RFC3339), "reason": clockAhead}
			w.Audit(KindSchedule, run.Data.Users, nil, note)
			return nil
		})
		return err
	})
}

const clockAhead = "the clock was ahead when it was scheduled"

// start prepares the transaction that begins a scheduled deletion.
func (d *Deletions) start(s *chatadmin.Scope, run *Run) step {
	op := chatadmin.Op{Kind: KindDelete, Need: chatadmin.PermUsersDelete, Fence: storage.Exclusive,
		Targets: run.Data.Users}
	return step{Op: op, Do: func(ctx context.Context, w *chatadmin.Writer, run *Run) error {
		if run.State != chatadmin.RunScheduled {
			return chatadmin.ErrStepAgain
		}
		if err := scheduling.Timely(&run.Run); err != nil {
			return err
		}
		if err := vouch(ctx, w, run); err != nil {
			return err
		}
		left, err := still(ctx, w, run)
		if err != nil {
			return err
		}
		if len(left) == 0 {
			w.Audit(KindCancel, run.Data.Users, nil, map[string]string{"deletion": string(run.ID), "reason": activatedAgain})
			run.State, run.Data.Deactivated = chatadmin.RunCancelled, nil
			return nil
		}
		run.Data.Users = left
		v := survey{r: w, d: d, self: run.ID, actor: s.Actor(), domain: w.Domain, settings: w.Settings, role: w.Role,
			choice: run.Data.Choice, due: true}
		if _, err := d.admit(ctx, w, &v, left); err != nil {
			return err
		}
		return d.begin(ctx, w, &v, run)
	}}
}

// vouch moves the mark of the clock where a worker would doubt it: then it is a
// person who begins the deletion.
func vouch(ctx context.Context, w *chatadmin.Writer, run *Run) error {
	mark, err := clockmark.Read(ctx, w, w.Domain.ID, clockTask)
	if err != nil || !mark.Doubted(w.Now(), &run.Run) {
		return err
	}
	return move(ctx, w, w.Domain.ID, w.Now())
}

// still are those of the users who are deactivated.
func still(ctx context.Context, w *chatadmin.Writer, run *Run) (left []chatadmin.ID, err error) {
	found, err := w.Users(ctx, w.Domain.ID, run.Data.Users)
	for _, u := range found {
		if u.Status == chatadmin.Deactivated && !u.Deleting {
			left = append(left, u.ID)
		}
	}
	slices.Sort(left)
	return left, err
}
