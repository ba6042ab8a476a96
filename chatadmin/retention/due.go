package retention

import (
	"context"
	"errors"
	"time"

	"chatadmin.example/sdk/chatadmin"
)

// RunDue deletes for one domain, in the name of the host, whatever has come to
// its age by the domain's policy, and continues runs that were interrupted,
// whoever began them. chatadmin.Admin.Work calls it for all domains; several
// processes at once do no harm. It returns the runs that have ended, also one
// that has stopped because the domain keeps things for longer. What cannot
// continue does not keep the others; its error is in the one returned. In a
// suspended domain nothing is due.
//
// A clock that is ahead deletes nothing. If something is due, but the last run,
// or the decision to delete at all, was longer ago than a worker pauses (half
// the days of the policy, at least two and at most seven days), RunDue begins
// no run and returns a *chatadmin.ClockError. Plan and Apply go on, and tell
// RunDue that the clock is right.
func (r *Retention) RunDue(ctx context.Context, domain chatadmin.ID) ([]*Run, error) {
	s := r.admin.AsHost(domain)
	_, set, err := s.View(ctx, "")
	if err != nil || set.State == chatadmin.DomainSuspended { // whose data is kept
		return nil, err
	}
	ended, err := r.runs.Continue(ctx, domain)
	if ctx.Err() != nil {
		return ended, err
	}
	run, policyErr := r.byPolicy(ctx, s)
	if run != nil && !run.Open() {
		ended = append(ended, run)
		if run.State == chatadmin.RunStopped {
			policyErr = nil
		}
	}
	return ended, errors.Join(err, policyErr)
}

// period is how often a domain's policy is carried out.
const period = time.Hour

// work is RunDue for Admin.Work.
func (r *Retention) work(ctx context.Context, domain chatadmin.ID) (int, error) {
	ended, err := r.RunDue(ctx, domain)
	n := 0
	for _, run := range ended {
		n += int(run.Data.Removed.sum())
	}
	if ctx.Err() == nil {
		err = errors.Join(err, r.later(ctx, domain))
	}
	return n, err
}

// attempts is how often a plan that nobody looks at is made anew when a hold or
// the policy has changed under it.
const attempts = 5

// byPolicy plans and applies, if anything is old enough.
func (r *Retention) byPolicy(ctx context.Context, s *chatadmin.Scope) (*Run, error) {
	for n := 1; ; n++ {
		is, err := r.Policy(ctx, s)
		if err != nil || is.Days == 0 {
			return nil, err
		}
		p, err := r.Plan(ctx, s, is.Days)
		if err != nil {
			return nil, err
		}
		last, err := r.lastRun(ctx, s)
		if err != nil {
			return nil, err
		}
		switch jump, due := jumped(last, p.Made, p.Days), p.Counts.sum() > 0; {
		case jump && due:
			return nil, &chatadmin.ClockError{Task: "retention", Last: last.At, Now: p.Made, Do: "make a plan and apply it"}
		case jump:
			return nil, nil
		case !due && last.Stale(p.Made):
			return nil, r.believe(ctx, s.Domain(), p.Made, p.Before)
		case !due:
			return nil, nil
		}
		run, err := r.apply(ctx, s, p, nil, true)
		if run != nil || n == attempts || !errors.Is(err, chatadmin.ErrPlanStale) {
			return run, err
		}
	}
}
