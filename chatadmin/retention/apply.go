package retention

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"chatadmin.example/sdk/chatadmin"
)

const jobKind = "retention"

// Apply deletes what a plan says, and returns the report of it. Interrupted by an error, it is continued by Resume with the report's ID. Contents of files go to
// chatadmin.Admin.ReleaseBlobs.
//
// It needs chatadmin.PermHolds. A plan that is out of date is chatadmin.ErrPlanStale, and so is a run that has stopped since the domain keeps things for longer meanwhile: that one has a
// report, whose State is Stopped. progress may be nil.
func (r *Retention) Apply(ctx context.Context, s *chatadmin.Scope, p *Plan, progress func(chatadmin.Progress)) (Report, error) {
	return r.apply(ctx, s, p, progress, false)
}

// apply deletes what a plan says. A person who applies one vouches for the clock;
// for a worker it was believed when the plan was made.
func (r *Retention) apply(ctx context.Context, s *chatadmin.Scope, p *Plan, progress func(chatadmin.Progress), worker bool) (Report, error) {
	if _, _, err := s.View(ctx, chatadmin.PermHolds); err != nil {
		return Report{}, err
	}
	if err := p.check(s); err != nil {
		return Report{}, err
	}
	id := r.admin.NewID()
	op := chatadmin.Op{Kind: KindBegin, Need: chatadmin.PermHolds, Fence: chatadmin.Shared, Targets: []chatadmin.ID{id}}
	err := s.Change(ctx, op, func(ctx context.Context, w *chatadmin.Work) error {
		at := w.Now()
		if worker {
			at = p.Made
		}
		if err := begin(ctx, w, p, id); err != nil {
			return err
		}
		return move(ctx, w, s.Domain(), at, p.Before)
	})
	if errors.Is(err, chatadmin.ErrCommitUnknown) {
		return Report{ID: id}, err // it may have begun
	}
	if err != nil {
		return Report{}, err
	}
	return r.Resume(ctx, s, id, progress)
}

// begin is the first transaction: nothing goes by it yet, but from now on the run is known.
func begin(ctx context.Context, w *chatadmin.Work, p *Plan, id chatadmin.ID) error {
	is, err := policy(w.Settings)
	if err != nil {
		return err
	}
	if is.Days != p.Days {
		return fmt.Errorf("the plan is for %d days, but the domain %s: %w", p.Days, is.keeps(), chatadmin.ErrPlanStale)
	}
	e := entry{Report: Report{ID: id, State: Running, Days: p.Days, Before: p.Before, Planned: p.Counts, Begun: w.Now()}}
	if now := before(w.Now(), p.Days); e.Before.After(now) { // a plan from a clock that is ahead deletes nothing before its time
		e.Before = now
	}
	q, err := selected(ctx, w, w.Domain.ID, e.Before)
	if err != nil {
		return err
	}
	if fingerprint(q) != p.Fingerprint {
		return fmt.Errorf("legal holds have been added or released since: %w", chatadmin.ErrPlanStale)
	}
	job := chatadmin.Job{ID: id, Kind: jobKind, Total: p.Counts.sum()}
	if job.Cursor, err = json.Marshal(chatadmin.Cursor("")); err != nil {
		return err
	}
	if err := w.PutJob(ctx, &job); err != nil {
		return err
	}
	e.By = job.Actor
	if err := e.put(ctx, w); err != nil {
		return err
	}
	w.Record(KindBegin, []chatadmin.ID{id}, nil, e.note(e.Planned))
	return nil
}

// keeps says in words what a domain has decided.
func (p Policy) keeps() string {
	if p.Days == 0 {
		return "keeps everything now"
	}
	return fmt.Sprintf("keeps things for %d days now", p.Days)
}

// Resume continues a run to its end, and returns its report; that of one that has ended is returned as it is. It needs chatadmin.PermHolds, and goes on only in the name of who has begun the
// run; where they may not any more, RunDue takes it over. With an error the report says how far it came, where that could be read; one that stops now is chatadmin.ErrPlanStale.
// progress may be nil.
func (r *Retention) Resume(ctx context.Context, s *chatadmin.Scope, id chatadmin.ID, progress func(chatadmin.Progress)) (Report, error) {
	if _, _, err := s.View(ctx, chatadmin.PermHolds); err != nil {
		return Report{ID: id}, err
	}
	e, err := readEntry(ctx, r.admin.Store(), s.Domain(), id)
	if err != nil {
		return Report{ID: id}, err
	}
	if e.State != Running {
		return e.Report, nil
	}
	var pace chatadmin.Pace
	_, err = s.RunJob(ctx, id, func(_ context.Context, job *chatadmin.Job) (chatadmin.Step, error) {
		return step(job, pace.Next(r.admin.Options().Now()))
	}, progress)
	now, readErr := readEntry(context.WithoutCancel(ctx), r.admin.Store(), s.Domain(), id)
	if err == nil {
		err = readErr
	}
	if readErr != nil {
		return e.Report, err
	}
	if err == nil && now.State == Stopped {
		err = fmt.Errorf("run %s has stopped, since the domain keeps messages and files for longer than %d days now: %w", id, now.Days, chatadmin.ErrPlanStale)
	}
	return now.Report, err
}

// step is one transaction of a run.
func step(job *chatadmin.Job, limit int) (chatadmin.Step, error) {
	if job.Kind != jobKind {
		return chatadmin.Step{}, fmt.Errorf("job %s is another kind of job: %w", job.ID, chatadmin.ErrInvalid)
	}
	// Shared: a hold has come before this batch, which spares what it covers, or comes after it.
	op := chatadmin.Op{Kind: KindBegin, Need: chatadmin.PermHolds, Fence: chatadmin.Shared, Targets: []chatadmin.ID{job.ID}}
	return chatadmin.Step{Op: op, Do: func(ctx context.Context, w *chatadmin.Work, job *chatadmin.Job) error {
		return batch(ctx, w, job, limit)
	}}, nil
}

// batch deletes the next rows, by the policy and the holds as they are now.
func batch(ctx context.Context, w *chatadmin.Work, job *chatadmin.Job, limit int) error {
	e, err := readEntry(ctx, w, w.Domain.ID, job.ID)
	if err != nil {
		return err
	}
	is, err := policy(w.Settings)
	if err != nil {
		return err
	}
	if is.Days == 0 || is.Days > e.Days {
		return e.end(ctx, w, job, Stopped, KindStop)
	}
	p := chatadmin.Page{Limit: limit}
	if err := json.Unmarshal(job.Cursor, &p.After); err != nil {
		return fmt.Errorf("job %s: %w", job.ID, err)
	}
	// A clock that was ahead when the run began deletes no more when it was put right.
	if now := before(w.Now(), e.Days); e.Before.After(now.Add(skew)) {
		e.Before = now
	}
	q, err := selected(ctx, w, w.Domain.ID, e.Before)
	if err != nil {
		return err
	}
	n, next, err := w.DeleteContent(ctx, q, p)
	if err != nil {
		return err
	}
	e.Removed = e.Removed.plus(n)
	job.Done = e.Removed.sum()
	if job.Cursor, err = json.Marshal(next); err != nil {
		return err
	}
	if next == "" {
		return e.end(ctx, w, job, Done, KindDone)
	}
	return e.put(ctx, w)
}

// end completes a report.
func (e *entry) end(ctx context.Context, w *chatadmin.Work, job *chatadmin.Job, state State, kind string) error {
	job.State, e.State, e.Ended = chatadmin.JobDone, state, w.Now()
	if err := e.put(ctx, w); err != nil {
		return err
	}
	w.Record(kind, []chatadmin.ID{e.ID}, nil, e.note(e.Removed))
	return nil
}
