package retention

import (
	"context"
	"errors"
	"fmt"
	"time"

	"chatadmin.example/sdk/chatadmin"
)

// RunDue does for one domain what is due, in the name of the host: it takes up runs
// of which nothing has been heard for ten minutes, whoever has begun them, and
// deletes by the domain's policy whatever has come to its age since. Call it from a
// worker of the host, once a day or more often; several workers at once do no harm.
// It returns the reports of the runs that have ended, also of one that has stopped
// since the domain keeps things for longer. What cannot go on does not keep the
// others, and its error is in the one returned. In a suspended domain nothing is due.
//
// A clock that is ahead deletes nothing. If something is due, but the last run, or
// the decision to delete at all, was longer ago than a worker pauses (half the days
// of the policy, at least two and at most seven days), RunDue begins no run and
// returns a *chatadmin.ClockError. Plan and Apply go on, and tell RunDue that the
// clock is right.
func (r *Retention) RunDue(ctx context.Context, domain chatadmin.ID) ([]Report, error) {
	var ended []Report
	var errs []error
	took := func(rep Report, err error) {
		switch {
		case rep.State == Done || rep.State == Stopped:
			ended = append(ended, rep)
		case err != nil && rep.ID != "":
			errs = append(errs, fmt.Errorf("run %s: %w", rep.ID, err))
		case err != nil:
			errs = append(errs, err)
		}
	}
	s := r.admin.AsHost(domain)
	_, set, err := s.View(ctx, "")
	if err != nil || set.State == chatadmin.DomainSuspended { // whose data is kept
		return nil, err
	}
	for p := (chatadmin.Page{Limit: chatadmin.MaxBatch}); ; {
		page, next, err := r.admin.Store().ListRecords(ctx, chatadmin.RecordQuery{Kind: entryKind, Domain: domain, DueBy: forever}, p)
		if err != nil {
			return ended, errors.Join(append(errs, err)...)
		}
		for _, rec := range page {
			now := r.admin.Now() // a time further ahead is that of a clock that was wrong
			if rec.Due.After(now) && !rec.Due.After(now.Add(takeUp+skew)) {
				continue
			}
			took(r.takeUp(ctx, s, chatadmin.ID(rec.ID)))
			if err := ctx.Err(); err != nil {
				return ended, errors.Join(append(errs, err)...)
			}
		}
		if p.After = next; next == "" {
			break
		}
	}
	took(r.byPolicy(ctx, s))
	return ended, errors.Join(errs...)
}

// forever is later than everything.
var forever = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// takeUp continues a run in the name of the host.
func (r *Retention) takeUp(ctx context.Context, s *chatadmin.Scope, id chatadmin.ID) (Report, error) {
	op := chatadmin.Op{Kind: KindAdopt, Need: chatadmin.PermHolds, Targets: []chatadmin.ID{id}}
	err := s.Change(ctx, op, func(ctx context.Context, w *chatadmin.Work) error {
		e, err := readEntry(ctx, w, s.Domain(), id)
		if err != nil || e.State != Running || e.By == s.Actor() {
			return err
		}
		job, err := w.Job(ctx, id)
		if err != nil {
			return err
		}
		was := e.By
		job.Actor, e.By = s.Actor(), s.Actor()
		if err := w.PutJob(ctx, &job); err != nil {
			return err
		}
		if err := e.put(ctx, w); err != nil {
			return err
		}
		w.Record(KindAdopt, []chatadmin.ID{id}, nil, map[string]string{"from": string(was)})
		return nil
	})
	if err != nil {
		return Report{ID: id}, err
	}
	return r.Resume(ctx, s, id, nil)
}

// attempts is how often a plan that nobody looks at is made anew when a hold or the policy has changed under it.
const attempts = 5

// byPolicy plans and applies, if anything is old enough.
func (r *Retention) byPolicy(ctx context.Context, s *chatadmin.Scope) (Report, error) {
	for n := 1; ; n++ {
		is, err := r.Policy(ctx, s)
		if err != nil || is.Days == 0 {
			return Report{}, err
		}
		p, err := r.Plan(ctx, s, is.Days)
		if err != nil {
			return Report{}, err
		}
		last, err := r.lastRun(ctx, s.Domain())
		if err != nil {
			return Report{}, err
		}
		switch jump, due := jumped(last, p.Made, p.Days), p.Counts.sum() > 0; {
		case jump && due:
			return Report{}, &chatadmin.ClockError{Task: "retention", Last: last.At, Now: p.Made, Do: "make a plan and apply it"}
		case jump:
			return Report{}, nil
		case !due && last.Stale(p.Made):
			return Report{}, r.believe(ctx, s.Domain(), p.Made, p.Before)
		case !due:
			return Report{}, nil
		}
		rep, err := r.apply(ctx, s, p, nil, true)
		if rep.ID != "" || n == attempts || !errors.Is(err, chatadmin.ErrPlanStale) {
			return rep, err
		}
	}
}
