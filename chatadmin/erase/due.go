package erase

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/internal/clockmark"
)

const (
	clockTask = "erase"

	// longestPause is how long a worker may not have run and still believes its clock.
	longestPause = 7 * 24 * time.Hour
	// skew is by how much the clocks of a host's machines may differ.
	skew = time.Hour
	// longestGrace is that of any policy, and an hour for the end of daylight saving time.
	longestGrace = 365*24*time.Hour + time.Hour
)

// RunDue carries out the scheduled deletions of a domain that are due, each in the
// name of the actor who asked for it, and takes up those that have been running for
// ten minutes or were interrupted. Call it from a worker of the host, once a day or
// more often. It returns the receipts of what it finished. A deletion that cannot
// go on, since the actor may not any more or a hold forbids it, does not keep the
// others; its error is in the one returned. Users who were activated again
// meanwhile are left out.
//
// A clock that is ahead begins no deletion. If RunDue did not run for more than
// seven days, or first runs when a deletion is overdue by as much, the deletions
// that are due are not begun, and each is a *chatadmin.ClockError; Resume by the
// actor who asked for one of them begins it, and tells RunDue that the clock is
// right. A deletion that was scheduled by a clock that has been put right since
// begins its grace period anew.
func (d *Deletions) RunDue(ctx context.Context, domain chatadmin.ID) ([]Receipt, error) {
	mark, err := clockmark.Read(ctx, d.admin.Store(), domain, clockTask)
	if err != nil {
		return nil, err
	}
	run := dueRun{d: d, domain: domain, now: d.admin.Now(), mark: mark}
	for p := (chatadmin.Page{Limit: chatadmin.MaxBatch}); ; {
		page, next, err := d.admin.Store().ListRecords(ctx, chatadmin.RecordQuery{Kind: entryKind, Domain: domain, DueBy: forever}, p)
		if err != nil {
			return run.done, errors.Join(append(run.errs, err)...)
		}
		for _, rec := range page {
			if err := run.one(ctx, rec); err != nil {
				run.errs = append(run.errs, fmt.Errorf("deletion %s: %w", rec.ID, err))
			}
			if ctx.Err() != nil {
				return run.done, errors.Join(run.errs...)
			}
		}
		if p.After = next; next == "" {
			break
		}
	}
	return run.done, errors.Join(append(run.errs, run.believe(ctx))...)
}

// dueRun is one call of RunDue.
type dueRun struct {
	d         *Deletions
	domain    chatadmin.ID
	now       time.Time
	mark      clockmark.Mark
	scheduled bool // some still are
	doubted   bool // some were not begun, since the clock is not believed
	done      []Receipt
	errs      []error
}

// one does what is due of one deletion.
func (r *dueRun) one(ctx context.Context, rec chatadmin.Record) error {
	e, err := decode(rec)
	if err != nil {
		return err
	}
	s := r.d.admin.As(r.domain, e.By)
	if e.By == chatadmin.HostActor {
		s = r.d.admin.AsHost(r.domain)
	}
	switch e.State {
	case Scheduled:
		if due, err := r.due(ctx, &e); err != nil || !due {
			r.scheduled = true
			return err
		}
		if err := r.d.start(ctx, s, e.ID, e.Users, false); err != nil {
			r.scheduled = true
			return err
		}
	case Running: // a time further ahead is that of a clock that was wrong
		if rec.Due.After(r.now) && !rec.Due.After(r.now.Add(takeUp+skew)) {
			return nil
		}
	}
	receipt, err := r.d.Resume(ctx, s, e.ID, nil)
	if err == nil {
		r.done = append(r.done, receipt)
	}
	return err
}

// due reports whether a scheduled deletion is to begin.
func (r *dueRun) due(ctx context.Context, e *entry) (bool, error) {
	switch grace := e.Due.Sub(e.Asked); {
	case grace < 0 || grace > longestGrace:
		return false, fmt.Errorf("it is due %s, but was asked for %s, and no grace period is as long: cancel it and schedule it anew: %w",
			e.Due.Format(time.RFC3339), e.Asked.Format(time.RFC3339), chatadmin.ErrInvalid)
	case e.Asked.After(r.now.Add(skew)):
		return false, r.d.again(ctx, r.domain, e.ID, grace)
	case e.Due.After(r.now):
		return false, nil
	}
	if r.mark.Jumped(r.now, longestPause) || !r.mark.Known() && r.now.Sub(e.Due) > longestPause {
		r.doubted = true
		return false, &chatadmin.ClockError{Task: "deletions that are due", Last: r.mark.At, Now: r.now, Do: "resume deletion " + string(e.ID) + " yourself"}
	}
	return true, nil
}

// believe writes down that the clock is right, unless it has jumped over something.
func (r *dueRun) believe(ctx context.Context) error {
	if r.doubted || r.scheduled && r.mark.Jumped(r.now, longestPause) || !r.mark.Stale(r.now) {
		return nil
	}
	err := r.d.admin.Keep(ctx, r.domain, func(ctx context.Context, w *chatadmin.Work) error { return move(ctx, w, r.domain, r.now) })
	if errors.Is(err, chatadmin.ErrCommitUnknown) {
		return nil // the next run writes it
	}
	return err
}

// move writes that the clock was believed at a time.
func move(ctx context.Context, w *chatadmin.Work, domain chatadmin.ID, at time.Time) error {
	m, err := clockmark.Read(ctx, w, domain, clockTask)
	if err != nil {
		return err
	}
	return m.Move(ctx, w, domain, clockTask, at, time.Time{})
}

// again begins the grace period of a deletion anew that was scheduled by a clock
// that was ahead.
func (d *Deletions) again(ctx context.Context, domain, id chatadmin.ID, grace time.Duration) error {
	op := chatadmin.Op{Kind: KindSchedule, Fence: chatadmin.Shared, Targets: []chatadmin.ID{id}}
	return d.admin.AsHost(domain).Change(ctx, op, func(ctx context.Context, w *chatadmin.Work) error {
		e, err := readEntry(ctx, w, domain, id)
		if err != nil || e.State != Scheduled || !e.Asked.After(w.Now().Add(skew)) {
			return err
		}
		e.Asked, e.Due = w.Now(), w.Now().Add(grace)
		w.Record(KindSchedule, e.Users, nil, map[string]string{"deletion": string(id), "due": e.Due.Format(time.RFC3339), "reason": clockAhead})
		return e.put(ctx, w)
	})
}

const clockAhead = "the clock was ahead when it was scheduled"

// start begins a scheduled deletion. A person who begins it vouches for the clock.
func (d *Deletions) start(ctx context.Context, s *chatadmin.Scope, id chatadmin.ID, ids []chatadmin.ID, person bool) error {
	op := chatadmin.Op{Kind: KindDelete, Need: chatadmin.PermUsersDelete, Fence: chatadmin.Exclusive, Targets: ids}
	return s.Change(ctx, op, func(ctx context.Context, w *chatadmin.Work) error {
		e, err := readEntry(ctx, w, s.Domain(), id)
		if err != nil || e.State != Scheduled { // another worker was faster
			return err
		}
		if e.Due.After(w.Now()) {
			return notYet(&e)
		}
		if person {
			if err := move(ctx, w, s.Domain(), w.Now()); err != nil {
				return err
			}
		}
		e.State = Cancelled // unless somebody is left
		if err := e.put(ctx, w); err != nil {
			return err
		}
		found, err := w.Users(ctx, s.Domain(), e.Users)
		if err != nil {
			return err
		}
		e.Users = nil
		for _, u := range found {
			if u.Status == chatadmin.Deactivated && !u.Deleting {
				e.Users = append(e.Users, u.ID)
			}
		}
		if len(e.Users) == 0 {
			w.Record(KindCancel, ids, nil, map[string]string{"deletion": string(id), "reason": again})
			e.Ended, e.Users = w.Now(), ids
			return e.put(ctx, w)
		}
		slices.Sort(e.Users)
		v := survey{r: w, actor: s.Actor(), domain: w.Domain, settings: w.Settings, role: w.Role, choice: e.Choice, due: true}
		if _, err := d.admit(ctx, w, &v, e.Users); err != nil {
			return err
		}
		return d.begin(ctx, w, &v, &e)
	})
}
