package chatadmin

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"chatadmin.example/sdk/chatadmin/storage"
)

// RunQuery selects runs. Every field that is set narrows the list.
type RunQuery struct {
	Kind   string // one of [Admin.RunKinds]; there are no runs of another
	States []RunState
	By     ID
}

func (q *RunQuery) matches(r *Run) bool {
	return (q.Kind == "" || q.Kind == r.Kind) && (q.By == "" || q.By == r.By) && (len(q.States) == 0 || slices.Contains(q.States, r.State))
}

// runKind is a kind of run, whatever its type.
type runKind interface {
	maySee(*Scope, Role, *Run) error
	report(storage.Record) (json.RawMessage, error)
	resume(context.Context, *Scope, ID, func(Progress)) (Run, error)
	takeOver(context.Context, *Scope, ID) (Run, error)
	cancel(context.Context, *Scope, ID) (Run, error)
	takeUp(context.Context, storage.Record) (bool, error)
	damage(storage.Record) error
	oldRun
}

// Runs lists the domain's runs of all kinds, first the open ones and then those
// that have ended, each the oldest first: those of the actor, and those of
// kinds whose permission the actor has. A run that cannot be read is yielded
// with a *DamagedError to whoever has PermAudit, and the list goes on; any
// other error ends it.
func (s *Scope) Runs(ctx context.Context, q RunQuery) iter.Seq2[Run, error] {
	return func(yield func(Run, error) bool) {
		for rec, err := range s.eachRun(ctx, q) {
			if !yield(rec.run, err) {
				return
			}
		}
	}
}

// RunsPage returns one page of Runs, at most p.Limit (see CheckPage), and the
// cursor of the next one; "" is the end. A page may be short although more
// follow. Runs that cannot be read are left out; [Scope.Damaged] lists them.
func (s *Scope) RunsPage(ctx context.Context, q RunQuery, p Page) ([]Run, Cursor, error) {
	role, err := s.role(ctx)
	if err != nil {
		return nil, "", err
	}
	if err := s.admin.upgradeRuns(ctx, s.domain); err != nil {
		return nil, "", err
	}
	return FillPage(p, func(p Page) ([]Run, Cursor, error) { return s.runsPage(ctx, role, &q, p) })
}

// runsPage is a page of the store. Its cursor is that of the store behind the
// kind of records that it leads through.
func (s *Scope) runsPage(ctx context.Context, role Role, q *RunQuery, p Page) ([]Run, Cursor, error) {
	kinds := q.recordKinds()
	at := 0
	if p.After != "" {
		kind, after, found := strings.Cut(string(p.After), ":")
		if at = slices.Index(kinds, kind); !found || at < 0 {
			return nil, "", storage.ErrCursor
		}
		p.After = Cursor(after)
	}
	recs, next, err := s.admin.store.ListRecords(ctx, storage.RecordQuery{Kind: kinds[at], Domain: s.domain}, p)
	if err != nil {
		return nil, "", err
	}
	var runs []Run
	for _, rec := range recs {
		if run, err := readHead(rec); err == nil && q.matches(&run) && s.maySeeRun(role, &run) == nil {
			runs = append(runs, run)
		}
	}
	switch {
	case next != "":
		return runs, Cursor(kinds[at]) + ":" + next, nil
	case at+1 < len(kinds):
		return runs, Cursor(kinds[at+1]) + ":", nil
	}
	return runs, "", nil
}

// runRecord is a run of any kind with its record.
type runRecord struct {
	run Run
	rec storage.Record
}

func (s *Scope) eachRun(ctx context.Context, q RunQuery) iter.Seq2[runRecord, error] {
	return func(yield func(runRecord, error) bool) {
		if _, err := s.role(ctx); err != nil { // before anything is read
			yield(runRecord{}, err)
			return
		}
		if err := s.admin.upgradeRuns(ctx, s.domain); err != nil {
			yield(runRecord{}, err)
			return
		}
		for _, kind := range q.recordKinds() {
			var role Role
			may := func(ctx context.Context) (err error) {
				role, err = s.role(ctx)
				return err
			}
			for rec, err := range each(ctx, s, may, storage.RecordQuery{Kind: kind, Domain: s.domain}, storage.Reader.ListRecords) {
				if err != nil {
					yield(runRecord{}, err)
					return
				}
				run, err := readHead(rec)
				switch {
				case err == nil && (!q.matches(&run) || s.maySeeRun(role, &run) != nil):
					continue
				case err != nil && require(role, PermAudit) != nil: // nobody knows whose it is
					continue
				}
				if !yield(runRecord{run, rec}, err) {
					return
				}
			}
		}
	}
}

// recordKinds are the kinds of records among which the runs are.
func (q *RunQuery) recordKinds() []string {
	open := func(st RunState) bool { return (&Run{State: st}).Open() }
	switch {
	case len(q.States) == 0 || slices.ContainsFunc(q.States, open) && slices.ContainsFunc(q.States, func(st RunState) bool { return !open(st) }):
		return []string{openRun, endedRun}
	case open(q.States[0]):
		return []string{openRun}
	}
	return []string{endedRun}
}

// readHead reads what all runs have.
func readHead(rec storage.Record) (Run, error) {
	head, err := runHead.Decode(rec)
	head.Domain = rec.Domain
	return head.Run, err
}

func (s *Scope) maySeeRun(role Role, run *Run) error {
	if kind, ok := s.admin.runKinds[run.Kind]; ok {
		return kind.maySee(s, role, run)
	}
	if run.By == s.actor {
		return nil
	}
	return require(role, PermAudit)
}

// Run reads one of the domain's runs, whatever its kind, and as JSON what the
// kind keeps of it: its report. Who may see it is said at Runs.
func (s *Scope) Run(ctx context.Context, id ID) (Run, json.RawMessage, error) {
	rec, kind, run, err := s.anyRun(ctx, id)
	if err != nil {
		return Run{}, nil, err
	}
	report, err := kind.report(rec)
	return run, report, err
}

// anyRun finds a run and its kind.
func (s *Scope) anyRun(ctx context.Context, id ID) (storage.Record, runKind, Run, error) {
	fail := func(err error) (storage.Record, runKind, Run, error) { return storage.Record{}, nil, Run{}, err }
	role, err := s.role(ctx)
	if err != nil {
		return fail(err)
	}
	if err := s.admin.upgradeRuns(ctx, s.domain); err != nil {
		return fail(err)
	}
	rec, err := readRun(ctx, s.admin.store, s.domain, id)
	if err != nil {
		return fail(err)
	}
	run, err := readHead(rec)
	if err != nil {
		return fail(err)
	}
	if err := s.maySeeRun(role, &run); err != nil {
		return fail(err)
	}
	kind, ok := s.admin.runKinds[run.Kind]
	if !ok {
		return fail(fmt.Errorf("run %s is of the kind %q, whose package this program does not use: %w", id, Cut(run.Kind), ErrInvalid))
	}
	return rec, kind, run, nil
}

// ResumeRun continues a run of any kind that needs nothing but its ID. See
// [Runs.Resume].
func (s *Scope) ResumeRun(ctx context.Context, id ID, progress func(Progress)) (Run, error) {
	_, kind, run, err := s.anyRun(ctx, id)
	if err != nil {
		return run, err
	}
	return kind.resume(ctx, s, id, progress)
}

// TakeOverRun puts the actor in charge of a run of any kind. See
// [Runs.TakeOver].
func (s *Scope) TakeOverRun(ctx context.Context, id ID) (Run, error) {
	_, kind, run, err := s.anyRun(ctx, id)
	if err != nil {
		return run, err
	}
	return kind.takeOver(ctx, s, id)
}

// CancelRun cancels a run of any kind. See [Runs.Cancel].
func (s *Scope) CancelRun(ctx context.Context, id ID) (Run, error) {
	_, kind, run, err := s.anyRun(ctx, id)
	if err != nil {
		return run, err
	}
	return kind.cancel(ctx, s, id)
}

// All lists the runs of the kind that the actor may see, the oldest first. A
// run that cannot be read is yielded with a *DamagedError, and the list goes
// on; any other error ends it.
func (r *Runs[T]) All(ctx context.Context, s *Scope) iter.Seq2[*RunOf[T], error] {
	return func(yield func(*RunOf[T], error) bool) {
		for found, err := range s.eachRun(ctx, RunQuery{Kind: r.kind.Name}) {
			var run *RunOf[T]
			if err == nil {
				run, err = r.decode(found.rec)
			}
			if !yield(run, err) {
				return
			}
		}
	}
}

// Open lists the open runs of the kind in a domain as rd sees them, which is a
// store or the *Writer of a transaction. It asks for no permission. A run that
// cannot be read is yielded with a *DamagedError, and the list goes on; any
// other error ends it.
func (r *Runs[T]) Open(ctx context.Context, rd storage.Reader, domain ID) iter.Seq2[*RunOf[T], error] {
	return func(yield func(*RunOf[T], error) bool) {
		if err := r.upgradeOpen(ctx, rd, domain); err != nil {
			yield(nil, err)
			return
		}
		for rec, err := range eachRecord(ctx, rd, storage.RecordQuery{Kind: openRun, Domain: domain}) {
			if err != nil {
				yield(nil, err)
				return
			}
			if head, err := readHead(rec); err == nil && head.Kind != r.kind.Name {
				continue
			}
			if !yield(r.decode(rec)) {
				return
			}
		}
	}
}

// RunKinds lists the kinds of runs that this program declares, sorted.
func (a *Admin) RunKinds() []string { return slices.Sorted(maps.Keys(a.runKinds)) }

func plain[T any](run *RunOf[T], err error) (Run, error) {
	if run == nil {
		return Run{}, err
	}
	return run.Run, err
}

func (r *Runs[T]) resume(ctx context.Context, s *Scope, id ID, progress func(Progress)) (Run, error) {
	return plain(r.Resume(ctx, s, id, progress))
}

func (r *Runs[T]) takeOver(ctx context.Context, s *Scope, id ID) (Run, error) {
	return plain(r.TakeOver(ctx, s, id))
}

func (r *Runs[T]) cancel(ctx context.Context, s *Scope, id ID) (Run, error) {
	return plain(r.Cancel(ctx, s, id))
}
