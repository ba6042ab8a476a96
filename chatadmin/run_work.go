package chatadmin

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"chatadmin.example/sdk/chatadmin/storage"
)

// workRuns continues the runs that are due: those that were scheduled for now,
// and those of which nothing was heard for ten minutes. It prunes those that
// ended long ago. It returns how many it has brought further.
func (a *Admin) workRuns(ctx context.Context) (n int, err error) {
	var errs []error
	// All open runs are looked at: one that a clock has written which was ahead
	// seems to be due at a far later time.
	for _, q := range []storage.RecordQuery{{Kind: openRun}, {Kind: endedRun, DueBy: a.Now()}} {
		for rec, err := range eachRecord(ctx, a.store, q) {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				return n, errors.Join(append(errs, err)...)
			}
			did, err := a.workRun(ctx, rec)
			if err != nil && !errors.Is(err, ErrClosing) {
				errs = append(errs, fmt.Errorf("domain %s: run %s: %w", rec.Domain, Cut(rec.ID), err))
			}
			if did {
				n++
			}
		}
	}
	return n, errors.Join(errs...)
}

// workRun does what is due of one run.
func (a *Admin) workRun(ctx context.Context, rec storage.Record) (bool, error) {
	run, err := readHead(rec)
	if err != nil {
		a.o.Logger.WarnContext(ctx, "a run cannot be read", "domain", rec.Domain, "run", rec.ID, "error", err)
		return false, nil
	}
	kind, ok := a.runKinds[run.Kind]
	if !ok || rec.Due.IsZero() || run.waits(rec.Due, a.Now()) || run.retries(rec.Due, a.Now()) {
		// a kind may belong to a package that another program of the host uses
		return false, nil
	}
	return kind.takeUp(ctx, rec)
}

// waits reports whether a worker is to look at the run later. A time to look at
// it that lies further ahead than any that is ever set comes from a clock that
// was wrong.
func (r *Run) waits(due, now time.Time) bool {
	switch {
	case r.State == RunScheduled:
		return now.Before(r.Due) && !r.Asked.After(now.Add(runSkew)) && r.Due.Sub(r.Asked) <= runAhead
	case r.State == RunRunning:
		return now.Before(due) && !due.After(now.Add(runRetry))
	}
	return now.Before(due)
}

// retries reports whether a scheduled run could not begin, and is tried again
// later.
func (r *Run) retries(due, now time.Time) bool {
	return r.State == RunScheduled && r.Problem != "" && now.Before(due) && !due.After(now.Add(runRetry))
}

// takeUp continues or prunes one run that is due.
func (r *Runs[T]) takeUp(ctx context.Context, rec storage.Record) (bool, error) {
	run, err := r.decode(rec)
	if err != nil {
		r.admin.o.Logger.WarnContext(ctx, "a run cannot be read", "domain", rec.Domain, "run", rec.ID, "error", err)
		return false, nil
	}
	if !run.Open() {
		return r.pruneRun(ctx, run)
	}
	run, err = r.continueRun(ctx, run)
	return run != nil && err == nil, err
}

// continueRun continues a run that is due, in the name of its actor. A run that
// it cannot continue says why, and is tried again later. It returns nil if
// another process has it.
func (r *Runs[T]) continueRun(ctx context.Context, run *RunOf[T]) (*RunOf[T], error) {
	s := &Scope{admin: r.admin, domain: run.Domain, actor: run.By}
	if begins, err := r.begins(ctx, s, run); err != nil || !begins {
		if err != nil && ctx.Err() == nil {
			err = errors.Join(err, r.postpone(ctx, run.Domain, run.ID, err))
		}
		return nil, err
	}
	if mine, err := r.claim(ctx, s, run); err != nil || !mine {
		return nil, err
	}
	id := run.ID
	now, err := r.Resume(ctx, s, id, nil)
	if errors.Is(err, ErrForbidden) && !errors.Is(err, ErrVetoed) && r.kind.Adopt && s.actor != HostActor {
		s = r.admin.AsHost(run.Domain)
		if _, err = r.TakeOver(ctx, s, id); err == nil {
			now, err = r.Resume(ctx, s, id, nil)
		}
	}
	if err != nil && ctx.Err() == nil {
		err = errors.Join(err, r.postpone(ctx, run.Domain, id, err))
	}
	return now, err
}

// begins reports whether a worker begins a scheduled run, or continues another.
func (r *Runs[T]) begins(ctx context.Context, s *Scope, run *RunOf[T]) (bool, error) {
	switch {
	case run.State != RunScheduled:
		return true, nil
	case r.kind.Due != nil:
		return r.kind.Due(ctx, s, run)
	}
	return !r.admin.Now().Before(run.Due), nil
}

// Continue continues the runs of the kind in a domain that are due, as
// Admin.Work does, and returns those that have ended. What cannot continue does
// not keep the others; the errors are joined.
func (r *Runs[T]) Continue(ctx context.Context, domain ID) (ended []*RunOf[T], err error) {
	if err := r.admin.upgradeRuns(ctx, domain); err != nil {
		return nil, err
	}
	var errs []error
	for rec, err := range eachRecord(ctx, r.admin.store, storage.RecordQuery{Kind: openRun, Domain: domain}) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return ended, errors.Join(append(errs, err)...)
		}
		run, err := r.decode(rec)
		if errors.Is(err, ErrDamaged) {
			r.admin.o.Logger.WarnContext(ctx, "a run cannot be read", "domain", rec.Domain, "run", rec.ID, "error", err)
		}
		if err != nil || rec.Due.IsZero() || run.waits(rec.Due, r.admin.Now()) {
			continue // of another kind, damaged, or not due
		}
		now, err := r.continueRun(ctx, run)
		if err != nil {
			errs = append(errs, fmt.Errorf("run %s: %w", rec.ID, err))
		} else if now != nil && !now.Open() {
			ended = append(ended, now)
		}
	}
	return ended, errors.Join(errs...)
}

// claim keeps other workers from a run for as long as a step may take.
func (r *Runs[T]) claim(ctx context.Context, s *Scope, run *RunOf[T]) (bool, error) {
	mine := false
	err := r.admin.Bookkeep(ctx, s.domain, func(ctx context.Context, w *Writer) error {
		mine = false
		now, err := r.get(ctx, w, s.domain, run.ID)
		if errors.Is(err, ErrNotFound) || err == nil && now.rev != run.rev {
			return nil
		}
		if err != nil {
			return err
		}
		mine = true
		return r.put(ctx, w, now, w.now.Add(runSilence))
	})
	if errors.Is(err, ErrCommitUnknown) { // the next round finds out
		return false, nil
	}
	return mine, err
}

// postpone notes why a run could not be continued.
func (r *Runs[T]) postpone(ctx context.Context, domain, id ID, problem error) error {
	return r.admin.Bookkeep(ctx, domain, func(ctx context.Context, w *Writer) error {
		now, err := r.get(ctx, w, domain, id)
		if err != nil || !now.Open() {
			return err
		}
		now.Problem = cutProblem(problem)
		return r.put(ctx, w, now, w.now.Add(runRetry))
	})
}

// cutProblem keeps an error's text short. Errors hold no secrets.
func cutProblem(err error) string {
	const most = 500
	text := err.Error()
	if len(text) > most {
		text = text[:most]
	}
	return fmt.Sprintf("%q", text)
}

// pruneRun deletes a run that ended as long ago as the domain keeps runs, with
// what its kind keeps beside it.
func (r *Runs[T]) pruneRun(ctx context.Context, run *RunOf[T]) (bool, error) {
	s := r.admin.AsHost(run.Domain)
	gone := false
	for !gone {
		err := s.Change(ctx, Op{Kind: KindPrune}, func(ctx context.Context, w *Writer) error {
			gone = true
			now, err := r.get(ctx, w, s.domain, run.ID)
			if errors.Is(err, ErrNotFound) {
				return nil
			}
			if err != nil {
				return err
			}
			// The domain may have decided to keep runs for longer since.
			if at := r.pruneAt(w, now); at.IsZero() || w.now.Before(at) {
				return r.put(ctx, w, now, at)
			}
			if r.kind.Prune != nil {
				more, err := r.kind.Prune(ctx, w, now, storage.MaxBulk)
				if err != nil {
					return err
				}
				if more {
					gone = false
					return r.put(ctx, w, now, w.now)
				}
			}
			return r.drop(ctx, w, now)
		})
		if err != nil {
			return false, err
		}
	}
	return true, nil
}

// damagedRuns lists the runs that cannot be read, whatever their kind.
func (a *Admin) damagedRuns() DamageSource {
	src := runHead.damage()
	src.Each = func(ctx context.Context, r storage.Reader, domain ID) iter.Seq2[*DamagedError, error] {
		return func(yield func(*DamagedError, error) bool) {
			for _, kind := range []string{openRun, endedRun} {
				for rec, err := range eachRecord(ctx, r, storage.RecordQuery{Kind: kind, Domain: domain}) {
					if err != nil {
						yield(nil, err)
						return
					}
					var bad *DamagedError
					if errors.As(a.runDamage(rec), &bad) && !yield(bad, nil) {
						return
					}
				}
			}
		}
	}
	src.Repair = func(ctx context.Context, w *Writer, id string) (bool, error) {
		rec, err := readRun(ctx, w, w.scope.domain, ID(id))
		if err != nil || a.runDamage(rec) == nil {
			return false, err
		}
		return true, w.PutRecords(ctx, []storage.Write[storage.Record]{{Row: rec, Was: rec.Rev, Delete: true}})
	}
	return src
}

// runDamage says why a run cannot be read. Runs of kinds that this program
// does not use are not looked into.
func (a *Admin) runDamage(rec storage.Record) error {
	run, err := readHead(rec)
	if err != nil {
		return err
	}
	if kind, ok := a.runKinds[run.Kind]; ok {
		return kind.damage(rec)
	}
	return nil
}

// damage says whether a run of the kind can be read.
func (r *Runs[T]) damage(rec storage.Record) error {
	_, err := r.decode(rec)
	return err
}
