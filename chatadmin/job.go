package chatadmin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// JobState is where a long operation stands.
type JobState string

const (
	JobRunning JobState = "running" // or interrupted: run it again to resume it
	JobDone    JobState = "done"
)

// Job is a long operation: many transactions, each of which also moves the job's cursor, so that whatever interrupts it, running it again continues
// exactly behind what was committed.
type Job struct {
	ID      ID              `json:"id"`
	Kind    string          `json:"kind"`
	Actor   ID              `json:"actor"` // who started it; it goes on only in their name
	State   JobState        `json:"state"`
	Done    int64           `json:"done"`
	Total   int64           `json:"total"` // as planned; what happens meanwhile may change it
	Started time.Time       `json:"started"`
	Ended   time.Time       `json:"ended,omitzero"`
	Params  json.RawMessage `json:"params,omitempty"` // what was asked for
	Cursor  json.RawMessage `json:"cursor,omitempty"` // how far it is
	Result  json.RawMessage `json:"result,omitempty"` // what came of it so far

	rev Rev
}

// Progress is how far a long operation has come.
type Progress struct {
	Done, Total int64
	Elapsed     time.Duration // of this run
	Before      int64         // done by earlier runs
}

// Rate is what this run does in a second.
func (p Progress) Rate() float64 {
	if p.Elapsed <= 0 {
		return 0
	}
	return float64(p.Done-p.Before) / p.Elapsed.Seconds()
}

// Step is one transaction of a job. Do changes what is to be changed and the job's Cursor, Done, Result; setting State to JobDone ends the job. Like
// every function given to Change it may run several times: each time with the job as it was before.
type Step struct {
	Op Op
	Do func(ctx context.Context, w *Work, job *Job) error
}

const jobKind = "job"

func jobKey(domain, id ID) Key { return Key{Kind: jobKind, Domain: domain, ID: string(id)} }

// PutJob writes a job that is started in this transaction.
func (w *Work) PutJob(ctx context.Context, job *Job) error {
	if job.Started.IsZero() {
		job.Started, job.Actor, job.State = w.now, w.scope.actor, JobRunning
	}
	was := job.rev
	rev, err := w.NextRev(was)
	if err != nil {
		return err
	}
	data, err := json.Marshal(job)
	if err != nil {
		return err
	}
	if err := w.PutRecords(ctx, []Change[Record]{{Row: Record{Key: jobKey(w.scope.domain, job.ID), Rev: rev, Data: data}, Was: was}}); err != nil {
		return err
	}
	job.rev = rev
	return nil
}

// Job reads one of the domain's jobs. Who started it may; others need PermAudit.
func (s *Scope) Job(ctx context.Context, id ID) (Job, error) {
	_, _, _, role, err := s.authorize(ctx, s.admin.store, "")
	if err != nil {
		return Job{}, err
	}
	job, err := readJob(ctx, s.admin.store, s.domain, id)
	if err == nil && job.Actor != s.actor {
		err = require(role, PermAudit)
	}
	if err != nil {
		return Job{}, err
	}
	return job, nil
}

// Job reads one of the domain's jobs as it stands in this transaction.
func (w *Work) Job(ctx context.Context, id ID) (Job, error) {
	return readJob(ctx, w, w.scope.domain, id)
}

func readJob(ctx context.Context, r Reader, domain, id ID) (Job, error) {
	rs, err := r.Records(ctx, []Key{jobKey(domain, id)})
	rec, err := one(rs, err, "job", string(id))
	if err != nil {
		return Job{}, err
	}
	var job Job
	if err := json.Unmarshal(rec.Data, &job); err != nil {
		return Job{}, fmt.Errorf("job %s: %w", id, err)
	}
	job.rev = rec.Rev
	return job, nil
}

// RunJob carries a job to its end, or continues one that was interrupted: it asks next for a step, runs it together with writing the job, and so on
// until the job is done. With an error it returns the job as it was committed last, as far as is known, and with its ID in
// any case. next reads and computes outside any transaction, and gets the job as it was committed last, which may be further than this run has brought
// it: two processes may run the same job, and each step is done once. Every step is authorised anew; the job goes on only in the name of who started it. progress may be nil.
func (s *Scope) RunJob(ctx context.Context, id ID, next func(context.Context, *Job) (Step, error), progress func(Progress)) (Job, error) {
	if _, _, err := s.View(ctx, ""); err != nil {
		return Job{ID: id}, err
	}
	job, err := readJob(ctx, s.admin.store, s.domain, id)
	if err == nil && job.Actor != s.actor {
		err = fmt.Errorf("job %s was started by somebody else: %w", id, ErrForbidden)
	}
	if err != nil {
		return Job{ID: id}, err
	}
	begin, before := s.admin.o.Now(), job.Done
	for job.State == JobRunning {
		if err := ctx.Err(); err != nil {
			return job, err
		}
		step, err := next(ctx, &job)
		if err != nil {
			return job, err
		}
		var done Job
		err = s.Change(ctx, step.Op, func(ctx context.Context, w *Work) error {
			stored, err := readJob(ctx, w, s.domain, id)
			if err != nil {
				return err
			}
			if stored.rev != job.rev {
				return errJobMoved
			}
			if err := step.Do(ctx, w, &stored); err != nil {
				return err
			}
			if stored.State == JobDone {
				stored.Ended = w.now
			}
			done = stored
			return w.PutJob(ctx, &done)
		})
		switch {
		case err == nil:
			job = done
		case errors.Is(err, errJobMoved), errors.Is(err, ErrCommitUnknown), errors.Is(err, ErrStepAgain):
			stored, err := readJob(ctx, s.admin.store, s.domain, id)
			if err != nil {
				return job, err
			}
			if job = stored; job.Actor != s.actor {
				return job, fmt.Errorf("job %s was taken over and goes on without you: %w", id, ErrForbidden)
			}
		default:
			return job, err
		}
		if progress != nil {
			progress(Progress{job.Done, job.Total, s.admin.o.Now().Sub(begin), before})
		}
	}
	return job, nil
}

// ErrStepAgain is returned by Step.Do to be asked for the step again, prepared in another way. Nothing is kept.
var ErrStepAgain = errors.New("the step must be prepared anew")

var errJobMoved = errors.New("another run of the job was faster")
