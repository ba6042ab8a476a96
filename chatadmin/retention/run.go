package retention

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/internal/clockmark"
	"chatadmin.example/sdk/chatadmin/storage"
)

// Run is one run of retention, with its report.
type Run = chatadmin.RunOf[Report]

type step = chatadmin.RunStep[Report]

// Report says what a run was to delete and what it has deleted so far.
type Report struct {
	Days   int       `json:"days"`
	Before time.Time `json:"before"` // what was written earlier goes
	// what came to be held or released since makes the difference
	Planned Counts `json:"planned"`
	Removed Counts `json:"removed"`

	After   chatadmin.Cursor       `json:"after,omitempty"`   // how far the run is
	Emptied bool                   `json:"emptied,omitempty"` // nothing is left inside the store's database
	Outside chatadmin.OutsidePlace `json:"outside,omitzero"`
}

// check refuses what no version of the library writes.
func (r *Report) check() error {
	if r.Days < 1 || r.Days > MaxDays || !r.Planned.possible() || !r.Removed.possible() {
		return fmt.Errorf("it has days or counts that cannot be")
	}
	return nil
}

// kind declares the runs of retention.
func (r *Retention) kind() chatadmin.RunKind[Report] {
	return chatadmin.RunKind[Report]{
		Name:  "retention",
		Need:  chatadmin.PermHolds,
		Check: (*Report).check,
		Step:  r.step,
		Adopt: true, // the policy would delete the same again
		Old:   chatadmin.OldRun[Report]{Job: "retention", Record: "retention", Read: readOld},
	}
}

// readOld reads a run and its report as earlier versions kept them.
func readOld(run *Run, job *chatadmin.OldJob, report []byte) error {
	if job == nil || len(report) == 0 {
		return chatadmin.ErrDamaged
	}
	old := struct {
		State chatadmin.RunState `json:"state"`
		By    chatadmin.ID       `json:"by"`
		*Report
	}{Report: &run.Data}
	if err := json.Unmarshal(report, &old); err != nil {
		return err
	}
	run.State, run.By = old.State, old.By
	return json.Unmarshal(job.Cursor, &run.Data.After)
}

// Apply deletes what a plan says, and returns the run. Interrupted by an error,
// it is continued by Resume with the run's ID. Contents of files go to
// chatadmin.Admin.ReleaseBlobs. progress may be nil.
//
// It needs chatadmin.PermHolds. It returns chatadmin.ErrPlanStale for a plan
// that is out of date, and for a run that has stopped because the domain keeps
// things for longer meanwhile: that one comes with the error, and is
// RunStopped.
func (r *Retention) Apply(ctx context.Context, s *chatadmin.Scope, p *Plan,
	progress func(chatadmin.Progress)) (*Run, error) {
	return r.apply(ctx, s, p, progress, false)
}

// apply deletes what a plan says. A person who applies one vouches for the
// clock; for a worker it was believed when the plan was made.
func (r *Retention) apply(ctx context.Context, s *chatadmin.Scope, p *Plan, progress func(chatadmin.Progress),
	worker bool) (*Run, error) {
	if _, _, err := s.View(ctx, chatadmin.PermHolds); err != nil {
		return nil, err
	}
	if err := p.check(s); err != nil {
		return nil, err
	}
	op := chatadmin.Op{Kind: KindBegin, Need: chatadmin.PermHolds, Fence: storage.Shared}
	run, err := r.runs.Apply(ctx, s, op, progress, func(ctx context.Context, w *chatadmin.Writer, run *Run) error {
		at := w.Now()
		if worker {
			at = p.Made
		}
		if err := begin(ctx, w, p, run); err != nil {
			return err
		}
		return move(ctx, w, s.Domain(), at, p.Before)
	})
	return stopped(run, err)
}

// begin is the first transaction: nothing goes by it yet, but from now on the
// run is known.
func begin(ctx context.Context, w *chatadmin.Writer, p *Plan, run *Run) error {
	is, err := policy(w.Settings)
	if err != nil {
		return err
	}
	if is.Days != p.Days {
		return fmt.Errorf("the plan is for %d days, but the domain %s: %w", p.Days, is.keeps(), chatadmin.ErrPlanStale)
	}
	run.Total, run.Data = p.Counts.sum(), Report{Days: p.Days, Before: p.Before, Planned: p.Counts}
	// A plan from a clock that is ahead deletes nothing before its time.
	if now := before(w.Now(), p.Days); run.Data.Before.After(now) {
		run.Data.Before = now
	}
	q, err := selected(ctx, w, w.Domain.ID, run.Data.Before)
	if err != nil {
		return err
	}
	if err := p.Stale(basis(q), "the legal holds"); err != nil {
		return err
	}
	w.Audit(KindBegin, []chatadmin.ID{run.ID}, nil, run.Data.note(p.Counts))
	return nil
}

// keeps says in words what a domain has decided.
func (p Policy) keeps() string {
	if p.Days == 0 {
		return "keeps everything now"
	}
	return fmt.Sprintf("keeps things for %d days now", p.Days)
}

// Resume continues a run to its end. One that has ended is returned as it is.
// It needs chatadmin.PermHolds, and continues only in the name of the run's
// actor: where they may not any more, RunDue takes it over. With an error it
// returns the run as far as it came; one that stops now is
// chatadmin.ErrPlanStale. progress may be nil.
func (r *Retention) Resume(ctx context.Context, s *chatadmin.Scope, id chatadmin.ID,
	progress func(chatadmin.Progress)) (*Run, error) {
	was, err := r.runs.Get(ctx, s, id)
	if err != nil || !was.Open() {
		return was, err
	}
	return stopped(r.runs.Resume(ctx, s, id, progress))
}

// stopped makes an error of a run that has just stopped.
func stopped(run *Run, err error) (*Run, error) {
	if err == nil && run.State == chatadmin.RunStopped {
		err = fmt.Errorf("run %s has stopped, since the domain keeps messages and files for longer than %d days now: %w",
			run.ID, run.Data.Days, chatadmin.ErrPlanStale)
	}
	return run, err
}

// step prepares the next transaction. What lies inside the store's database goes
// first.
func (r *Retention) step(ctx context.Context, s *chatadmin.Scope, run *Run, rows int) (step, error) {
	// Shared: a hold has come before this batch, which spares what it covers,
	// or comes after it.
	op := chatadmin.Op{Kind: KindBegin, Need: chatadmin.PermHolds, Fence: storage.Shared, Targets: []chatadmin.ID{run.ID}}
	if !run.Data.Emptied {
		return step{Op: op, Do: func(ctx context.Context, w *chatadmin.Writer, run *Run) error {
			return r.batch(ctx, w, run, rows)
		}}, nil
	}
	n, at, err := r.outside(ctx, s, run, rows)
	return step{Op: op, Do: func(_ context.Context, w *chatadmin.Writer, run *Run) error {
		removed(run, n)
		run.Data.Outside = at
		if stop, err := stops(w, run); stop || err != nil {
			return err
		}
		if at.Done {
			done(w, run)
		}
		return nil
	}}, err
}

// batch deletes the next rows inside the store's database, by the policy and
// the holds as they are now.
func (r *Retention) batch(ctx context.Context, w *chatadmin.Writer, run *Run, limit int) error {
	if stop, err := stops(w, run); stop || err != nil {
		return err
	}
	data := &run.Data
	data.Before = data.before(w.Now())
	q, err := selected(ctx, w, w.Domain.ID, data.Before)
	if err != nil {
		return err
	}
	n, next, err := w.DeleteData(ctx, q, chatadmin.Page{After: data.After, Limit: limit})
	if err != nil {
		return err
	}
	removed(run, n)
	data.After = next
	if data.Emptied = next == ""; data.Emptied && !r.admin.HasOutside() {
		done(w, run)
	}
	return nil
}

// outside deletes the next page of what lies outside, by the policy and the
// holds as they are now.
func (r *Retention) outside(ctx context.Context, s *chatadmin.Scope, run *Run,
	limit int) (map[string]int64, chatadmin.OutsidePlace, error) {
	at := run.Data.Outside
	_, set, err := s.View(ctx, chatadmin.PermHolds)
	if err != nil {
		return nil, at, err
	}
	if is, err := policy(set); err != nil || is.longer(run.Data.Days) {
		return nil, at, err
	}
	q, err := selected(ctx, r.admin.Store(), s.Domain(), run.Data.before(r.admin.Now()))
	if err != nil {
		return nil, at, err
	}
	return r.admin.DeleteOutside(ctx, q, at, limit)
}

// longer reports whether a domain keeps things for longer than a run was to.
func (p Policy) longer(days int) bool { return p.Days == 0 || p.Days > days }

// before is from when on things stay. A clock that was ahead when the run began
// deletes no more when it was put right.
func (r *Report) before(now time.Time) time.Time {
	if now := before(now, r.Days); r.Before.After(now.Add(clockmark.Skew)) {
		return now
	}
	return r.Before
}

// stops reports whether a run ends here, since the domain keeps things for
// longer now.
func stops(w *chatadmin.Writer, run *Run) (bool, error) {
	is, err := policy(w.Settings)
	if err != nil || !is.longer(run.Data.Days) {
		return false, err
	}
	run.State = chatadmin.RunStopped
	w.Audit(KindStop, []chatadmin.ID{run.ID}, nil, run.Data.note(run.Data.Removed))
	return true, nil
}

// removed counts what has gone.
func removed(run *Run, n map[string]int64) {
	run.Data.Removed = run.Data.Removed.plus(n)
	run.Done = run.Data.Removed.sum()
}

func done(w *chatadmin.Writer, run *Run) {
	run.State, run.Data.Emptied, run.Data.Outside = chatadmin.RunDone, false, chatadmin.OutsidePlace{}
	w.Audit(KindDone, []chatadmin.ID{run.ID}, nil, run.Data.note(run.Data.Removed))
}

// note is what an audit event says about a run: what it was to do, and some
// counts.
func (r *Report) note(n Counts) map[string]string {
	note := map[string]string{"days": fmt.Sprint(r.Days), "before": r.Before.Format(time.RFC3339),
		"messages": fmt.Sprint(n.Messages), "files": fmt.Sprint(n.Files)}
	for kind, count := range n.Sources {
		note[kind] = fmt.Sprint(count)
	}
	return note
}

// Run reads one run. It needs chatadmin.PermHolds.
func (r *Retention) Run(ctx context.Context, s *chatadmin.Scope, id chatadmin.ID) (*Run, error) {
	return r.runs.Get(ctx, s, id)
}

// Runs lists the runs of a domain, first the open ones and then those that have
// ended, each the oldest first. It needs chatadmin.PermHolds. A run that cannot
// be read is yielded with a *chatadmin.DamagedError, and the list goes on.
func (r *Retention) Runs(ctx context.Context, s *chatadmin.Scope) iter.Seq2[*Run, error] {
	return func(yield func(*Run, error) bool) {
		if _, _, err := s.View(ctx, chatadmin.PermHolds); err != nil {
			yield(nil, err)
			return
		}
		r.runs.All(ctx, s)(yield)
	}
}
