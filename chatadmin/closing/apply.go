package closing

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/internal/clockmark"
	"chatadmin.example/sdk/chatadmin/storage"
)

// Run is the closing of a domain. While it is scheduled, the domain is
// suspended. Its record goes with the domain: what came of it is a Receipt
// then.
type Run = chatadmin.RunOf[Progress]

type step = chatadmin.RunStep[Progress]

// Progress is what a closing was asked for, and how far it is.
type Progress struct {
	Reason  string                `json:"reason"`
	Was     chatadmin.DomainState `json:"was"` // before it was scheduled or begun
	Removed map[string]int64      `json:"removed"`
	At      place                 `json:"at,omitzero"`
}

// check refuses what no version of the library writes.
func (p *Progress) check() error {
	if p.At.Stage < 0 || p.At.Stage > last {
		return fmt.Errorf("it stands at a stage that does not exist: %w", chatadmin.ErrInvalid)
	}
	return chatadmin.Counts(p.Removed).Check()
}

// kind declares the runs that close domains.
func (c *Closings) kind() chatadmin.RunKind[Progress] {
	return chatadmin.RunKind[Progress]{
		Name:   "closing",
		Need:   chatadmin.PermDomain,
		Check:  (*Progress).check,
		Closes: true,
		Step:   c.step,
		Due:    c.due,
		Cancel: func(ctx context.Context, w *chatadmin.Writer, run *Run) error {
			if run.State != chatadmin.RunScheduled {
				return fmt.Errorf("closing %s has begun, there is no way back: %w", run.ID, chatadmin.ErrTransition)
			}
			w.Note = map[string]string{"closing": string(run.ID)}
			if w.Settings.State != chatadmin.DomainSuspended { // it is in use again already
				return nil
			}
			return w.SetDomainState(ctx, KindCancel, run.Data.Was)
		},
	}
}

// Apply closes the domain of a plan, for a reason of 1 to 1000 bytes, and
// returns the run. With a grace period the domain is suspended, and the closing
// is scheduled: see Cancel and RunDue. Otherwise the first transaction marks
// the domain as closing; then everything in it is deleted in batches, and its
// own row last. Interrupted by an error, it is continued by Resume with the
// run's ID, and by chatadmin.Admin.Work within ten minutes. progress may be nil.
//
// Only the host can call it. It returns chatadmin.ErrPlanStale for a plan that
// is out of date, and a *BlockedError if something stands in the way. With an
// error it returns the run, if it has begun, else nil.
func (c *Closings) Apply(ctx context.Context, s *chatadmin.Scope, p *Plan, reason string, progress func(chatadmin.Progress)) (*Run, error) {
	if _, _, err := c.view(ctx, s); err != nil {
		return nil, err
	}
	if err := p.check(s, c.none()); err != nil {
		return nil, err
	}
	if err := chatadmin.CheckReason(reason); err != nil {
		return nil, err
	}
	op := chatadmin.Op{Kind: KindClose, Fence: storage.Exclusive, Targets: []chatadmin.ID{s.Domain()}}
	if p.Grace > 0 {
		op.Kind = KindSchedule
	}
	run, err := c.runs.Apply(ctx, s, op, progress, func(ctx context.Context, w *chatadmin.Writer, run *Run) error {
		if err := p.Stale(basis(w.Domain), "the domain's name or settings"); err != nil {
			return err
		}
		blockers, err := c.blockers(ctx, w, s.Domain(), p.Counts[Files])
		if err != nil {
			return err
		}
		if len(blockers) > 0 {
			return &BlockedError{blockers}
		}
		run.Total, run.Data = sum(p.Counts), Progress{Reason: reason, Was: w.Settings.State, Removed: c.none()}
		if p.Grace == 0 {
			return begin(ctx, w, run)
		}
		run.State, run.Due = chatadmin.RunScheduled, w.Now().Add(p.Grace)
		w.Note = map[string]string{"closing": string(run.ID), "reason": reason, "due": run.Due.Format(time.RFC3339)}
		if w.Settings.State == chatadmin.DomainSuspended {
			w.Audit(KindSchedule, []chatadmin.ID{s.Domain()}, nil, nil)
		} else if err := w.SetDomainState(ctx, KindSchedule, chatadmin.DomainSuspended); err != nil {
			return err
		}
		return clockmark.Announce(ctx, w, s.Domain(), clockTask)
	})
	if run != nil && errors.Is(err, chatadmin.ErrNotFound) { // it has ended, and only the answer was lost
		return c.ended(ctx, s, run.ID, err)
	}
	return run, err
}

// begin is the transaction from which on there is no way back.
func begin(ctx context.Context, w *chatadmin.Writer, run *Run) error {
	run.State = chatadmin.RunRunning
	w.Note = map[string]string{"closing": string(run.ID), "reason": run.Data.Reason}
	if w.Settings.State == chatadmin.DomainClosing { // it begins anew
		w.Audit(KindClose, []chatadmin.ID{run.Domain}, nil, nil)
		return nil
	}
	return w.SetDomainState(ctx, KindClose, chatadmin.DomainClosing)
}

// Resume continues a closing to its end, and returns it. One that has ended is
// returned as it is, also when its domain is gone: then from the receipt. A
// scheduled one that is due begins; before its time it is
// chatadmin.ErrTransition. Only the host can call it. With an error the run
// says how far it came, where that could be read. progress may be nil.
func (c *Closings) Resume(ctx context.Context, s *chatadmin.Scope, id chatadmin.ID, progress func(chatadmin.Progress)) (*Run, error) {
	if _, _, err := c.view(ctx, s); err != nil {
		return c.ended(ctx, s, id, err)
	}
	run, err := c.runs.Resume(ctx, s, id, progress)
	if errors.Is(err, chatadmin.ErrNotFound) {
		return c.ended(ctx, s, id, err)
	}
	return run, err
}

// ended is a run whose domain is gone. notFound is the error where it never
// was.
func (c *Closings) ended(ctx context.Context, s *chatadmin.Scope, id chatadmin.ID, notFound error) (*Run, error) {
	if !errors.Is(notFound, chatadmin.ErrNotFound) || s.Actor() != chatadmin.HostActor {
		return nil, notFound
	}
	r, err := c.Receipt(ctx, id)
	switch {
	case errors.Is(err, chatadmin.ErrNotFound), err == nil && r.Domain != s.Domain():
		return nil, notFound
	case err != nil:
		return nil, err
	}
	run := &Run{Run: chatadmin.Run{ID: r.Run, Kind: c.kind().Name, Domain: r.Domain, By: chatadmin.HostActor, State: chatadmin.RunDone,
		Asked: r.Asked, Begun: r.Begun, Active: r.Ended, Ended: r.Ended}, Data: Progress{Reason: r.Reason, Removed: r.Removed}}
	run.Done = sum(r.Removed)
	run.Total = run.Done
	return run, nil
}

// Cancel ends a scheduled closing before it has begun. The domain gets back the
// state that it had before, unless the host has resumed it already. A closing
// that has begun cannot be cancelled: chatadmin.ErrTransition. Cancelling twice
// is once. Only the host can call it.
func (c *Closings) Cancel(ctx context.Context, s *chatadmin.Scope, id chatadmin.ID) (*Run, error) {
	if _, _, err := c.view(ctx, s); err != nil {
		return nil, err
	}
	return c.runs.Cancel(ctx, s, id)
}

// Run reads a closing, also one whose domain is gone: then from the receipt.
// Only the host can call it.
func (c *Closings) Run(ctx context.Context, s *chatadmin.Scope, id chatadmin.ID) (*Run, error) {
	if _, _, err := c.view(ctx, s); err != nil {
		return c.ended(ctx, s, id, err)
	}
	return c.runs.Get(ctx, s, id)
}

// Runs lists the closings of a domain that is there: one that is open, and
// those that were cancelled. Only the host can call it. A run that cannot be
// read is yielded with a *chatadmin.DamagedError, and the list goes on.
func (c *Closings) Runs(ctx context.Context, s *chatadmin.Scope) iter.Seq2[*Run, error] {
	return func(yield func(*Run, error) bool) {
		if _, _, err := c.view(ctx, s); err != nil {
			yield(nil, err)
			return
		}
		c.runs.All(ctx, s)(yield)
	}
}
