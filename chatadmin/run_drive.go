package chatadmin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/texts"
)

// Progress is how far a long operation has come.
type Progress struct {
	Done, Total int64
	Elapsed     time.Duration // since this call began
	Before      int64         // done before this call
}

// Rate is how much this call does in a second.
func (p Progress) Rate() float64 {
	if p.Elapsed <= 0 {
		return 0
	}
	return float64(p.Done-p.Before) / p.Elapsed.Seconds()
}

// BehindError is returned by a run that finds less in the database than had
// been committed: the database has lost its latest transactions, as it does
// after a failover to a standby that lags behind. What is there is whole.
// Resume continues it from there.
type BehindError struct {
	Run              ID
	Confirmed, Found int64 // transactions of the run
}

func (e *BehindError) Error() string {
	return fmt.Sprintf("run %s: %d transactions had been confirmed, but the database has %d: it has lost the others; resume the run to make them again",
		e.Run, e.Confirmed, e.Found)
}

// Unwrap is ErrRetry: it can be resumed.
func (e *BehindError) Unwrap() error { return storage.ErrRetry }

var errRunMoved = errors.New("another process was faster")

// Resume continues a run to its end, and returns it as it was committed last.
// A run that has ended is returned as it is. It continues only in the name of
// its actor: see TakeOver. A scheduled run that is not due is ErrTransition.
// Several processes may resume one run: each step is made once. A step that
// loses every race against others is tried with fewer rows before the run
// returns ErrBusy. progress may be nil. With a detached scope the next round of
// Admin.Work resumes it.
func (r *Runs[T]) Resume(ctx context.Context, s *Scope, id ID, progress func(Progress)) (*RunOf[T], error) {
	if r.kind.Step == nil {
		return nil, fmt.Errorf("run %q needs more than its ID to continue: %w", Cut(string(id)), ErrInvalid)
	}
	if s.detached {
		return r.leave(ctx, s, id)
	}
	var pace Pace
	next := func(ctx context.Context, run *RunOf[T]) (RunStep[T], error) {
		return r.kind.Step(ctx, s, run, pace.Next(s.admin.o.Now()))
	}
	for {
		run, err := r.Drive(ctx, s, id, next, progress)
		if !errors.Is(err, ErrBusy) || !pace.Lost() {
			return run, err
		}
	}
}

// leave has the next round of Admin.Work continue a run.
func (r *Runs[T]) leave(ctx context.Context, s *Scope, id ID) (*RunOf[T], error) {
	run, err := r.find(ctx, s, id)
	if err != nil || !run.Open() {
		return run, err
	}
	if err := r.mayDrive(s, run); err != nil {
		return run, err
	}
	err = r.admin.Bookkeep(ctx, s.domain, func(ctx context.Context, w *Writer) error {
		if run, err = r.get(ctx, w, s.domain, id); err != nil || run.State != RunRunning || run.By != s.actor {
			return err
		}
		return r.put(ctx, w, run, w.now)
	})
	return run, err
}

// Apply begins a run and carries it to its end: Begin and then Resume. With an
// error it returns the run as it was committed last, if it has begun, or nil.
// With a detached scope it only begins the run.
func (r *Runs[T]) Apply(ctx context.Context, s *Scope, op Op, progress func(Progress), f func(ctx context.Context, w *Writer, run *RunOf[T]) error) (*RunOf[T], error) {
	begun, err := r.Begin(ctx, s, op, f)
	if err != nil || begun.State == RunScheduled || s.detached && r.kind.Step != nil {
		return begun, err
	}
	run, err := r.Resume(ctx, s, begun.ID, progress)
	if run == nil {
		run = begun
	}
	return run, err
}

// Drive is Resume with the steps made by next, for kinds that need something
// the store does not hold.
func (r *Runs[T]) Drive(ctx context.Context, s *Scope, id ID, next func(context.Context, *RunOf[T]) (RunStep[T], error), progress func(Progress)) (*RunOf[T], error) {
	if err := s.admin.alone("a run cannot go on"); err != nil {
		return nil, err
	}
	run, err := r.find(ctx, s, id)
	if err != nil {
		return nil, err
	}
	begin, before := s.admin.o.Now(), run.Done
	for run.Open() {
		if err := r.mayDrive(s, run); err != nil {
			return run, err
		}
		if err := ctx.Err(); err != nil {
			return run, err
		}
		step, err := next(ctx, run)
		if err != nil {
			return run, err
		}
		if run, err = r.step(ctx, s, run, step); err != nil {
			return run, err
		}
		if progress != nil {
			progress(Progress{run.Done, run.Total, s.admin.o.Now().Sub(begin), before})
		}
	}
	return run, nil
}

// find reads a run for its actor.
func (r *Runs[T]) find(ctx context.Context, s *Scope, id ID) (*RunOf[T], error) {
	role, err := s.role(ctx)
	if err != nil {
		return nil, err
	}
	run, err := r.get(ctx, s.admin.store, s.domain, id)
	if errors.Is(err, ErrNotFound) {
		if err := s.admin.upgradeRuns(ctx, s.domain); err != nil {
			return nil, err
		}
		run, err = r.get(ctx, s.admin.store, s.domain, id)
	}
	if err == nil {
		err = r.maySee(s, role, &run.Run)
	}
	if err != nil {
		return nil, err
	}
	return run, nil
}

// mayDrive refuses whoever is not the actor of an open run, and before its
// time.
func (r *Runs[T]) mayDrive(s *Scope, run *RunOf[T]) error {
	switch {
	case run.By != s.actor:
		return texts.Explain(fmt.Errorf("run %s belongs to somebody else: take it over first: %w", run.ID, ErrForbidden), "why.run_others", string(run.ID))
	case run.State == RunScheduled && s.admin.Now().Before(run.Due):
		return fmt.Errorf("run %s is scheduled for %s: %w", run.ID, run.Due.Format(time.RFC3339), ErrTransition)
	}
	return nil
}

// step makes one transaction of a run, and returns the run as it stands then.
func (r *Runs[T]) step(ctx context.Context, s *Scope, run *RunOf[T], step RunStep[T]) (*RunOf[T], error) {
	var done *RunOf[T]
	step.Op.closes = r.kind.Closes
	err := s.Change(ctx, step.Op, func(ctx context.Context, w *Writer) error {
		now, err := r.get(ctx, w, s.domain, run.ID)
		if err != nil {
			return err
		}
		if now.rev != run.rev {
			return errRunMoved
		}
		if err := step.Do(ctx, w, now); err != nil {
			return err
		}
		r.moved(w, now)
		if done = now; r.kind.Closes && now.State == RunDone {
			return r.drop(ctx, w, now)
		}
		return r.put(ctx, w, now, r.due(w, now))
	})
	switch {
	case err == nil:
		return done, nil
	case errors.Is(err, errRunMoved), errors.Is(err, ErrCommitUnknown), errors.Is(err, ErrStepAgain):
		now, err := r.get(ctx, s.admin.store, s.domain, run.ID)
		switch {
		case err != nil:
			return run, err
		case now.Steps < run.Steps:
			return now, &BehindError{run.ID, run.Steps, now.Steps}
		case now.Open() && now.By != s.actor:
			return now, fmt.Errorf("run %s was taken over and continues without you: %w", run.ID, ErrForbidden)
		}
		return now, nil
	}
	return run, err
}

// moved sets what every step of a run changes.
func (r *Runs[T]) moved(w *Writer, run *RunOf[T]) {
	run.Steps, run.Active, run.Problem = run.Steps+1, w.now, ""
	if run.State != RunScheduled && run.Begun.IsZero() {
		run.Begun = w.now
	}
	if !run.Open() {
		run.Ended = w.now
	}
}

// TakeOver puts the actor in the place of whoever the run belongs to; Resume
// continues it then. It is the way on where its actor may not continue it any
// more. It needs the permission of the kind.
func (r *Runs[T]) TakeOver(ctx context.Context, s *Scope, id ID) (*RunOf[T], error) {
	return r.change(ctx, s, KindRunTakeOver, id, storage.NoFence, func(ctx context.Context, w *Writer, run *RunOf[T]) (map[string]string, error) {
		if !run.Open() || run.By == s.actor {
			return nil, nil
		}
		if r.kind.TakeOver != nil {
			if err := r.kind.TakeOver(ctx, w, run); err != nil {
				return nil, err
			}
		}
		was := run.By
		run.By, run.Problem = s.actor, ""
		return map[string]string{"kind": run.Kind, "from": string(was)}, nil
	})
}

// Cancel ends a run that has not ended, where its kind can undo what it has
// done. It needs the permission of the kind.
func (r *Runs[T]) Cancel(ctx context.Context, s *Scope, id ID) (*RunOf[T], error) {
	return r.change(ctx, s, KindRunCancel, id, storage.Shared, func(ctx context.Context, w *Writer, run *RunOf[T]) (map[string]string, error) {
		switch {
		case run.State == RunCancelled:
			return nil, nil
		case !run.Open():
			return nil, fmt.Errorf("run %s has ended: %w", id, ErrTransition)
		case r.kind.Cancel == nil:
			return nil, fmt.Errorf("run %s cannot be cancelled: %w", id, ErrTransition)
		}
		if err := r.kind.Cancel(ctx, w, run); err != nil {
			return nil, err
		}
		run.State, run.Ended = RunCancelled, w.now
		return map[string]string{"kind": run.Kind}, nil
	})
}

// Amend changes what the kind keeps of a run, ended or not, as a part of the
// transaction w. Whether the actor may is the caller's to know.
func (r *Runs[T]) Amend(ctx context.Context, w *Writer, id ID, f func(*RunOf[T]) error) (*RunOf[T], error) {
	run, err := r.get(ctx, w, w.scope.domain, id)
	if err != nil {
		return nil, err
	}
	if err := f(run); err != nil {
		return nil, err
	}
	return run, r.put(ctx, w, run, r.due(w, run))
}

// change changes a run outside its steps. f returns the note of the audit
// event, or nil if nothing changes.
func (r *Runs[T]) change(ctx context.Context, s *Scope, kind string, id ID, fence storage.Mode,
	f func(context.Context, *Writer, *RunOf[T]) (map[string]string, error),
) (*RunOf[T], error) {
	if err := s.admin.alone("a run cannot be changed"); err != nil {
		return nil, err
	}
	if _, err := r.find(ctx, s, id); err != nil {
		return nil, err
	}
	var run *RunOf[T]
	op := Op{Kind: kind, Need: r.kind.Need, Fence: fence, Targets: []ID{id}, closes: r.kind.Closes}
	err := s.Change(ctx, op, func(ctx context.Context, w *Writer) (err error) {
		if run, err = r.get(ctx, w, s.domain, id); err != nil {
			return err
		}
		if r.kind.May != nil {
			if err := r.kind.May(ctx, w, run); err != nil {
				return err
			}
		}
		note, err := f(ctx, w, run)
		if err != nil || note == nil {
			return err
		}
		if err := r.put(ctx, w, run, r.due(w, run)); err != nil {
			return err
		}
		w.Audit(kind, []ID{id}, nil, note)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return run, nil
}
