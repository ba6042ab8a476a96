package chatadmin

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"chatadmin.example/sdk/chatadmin/storage"
)

// Run is a long operation: an import, a deletion, a wipe of many devices. It
// consists of many transactions. Each of them moves the run on, so that
// whatever interrupts it, it continues after the last commit.
type Run struct {
	ID     ID       `json:"id"`
	Kind   string   `json:"kind"`
	Domain ID       `json:"-"`
	By     ID       `json:"by"` // in whose name it goes on: a user, or HostActor
	State  RunState `json:"state"`
	Done   int64    `json:"done"`
	Total  int64    `json:"total"` // as planned; later changes of the data may change it

	Asked  time.Time `json:"asked"`           // when it was scheduled or begun
	Due    time.Time `json:"due,omitzero"`    // when a scheduled run begins
	Begun  time.Time `json:"begun,omitzero"`  // zero while it is scheduled
	Active time.Time `json:"active,omitzero"` // when its last step was committed
	Ended  time.Time `json:"ended,omitzero"`

	Steps   int64  `json:"steps,omitempty"`   // transactions committed so far
	Problem string `json:"problem,omitempty"` // why a worker could not continue it
}

// RunState is where a run stands.
type RunState string

// The states of a run. Done, stopped and cancelled runs have ended.
const (
	RunScheduled RunState = "scheduled" // begins when it is due
	RunRunning   RunState = "running"   // or interrupted: Resume continues it
	RunDone      RunState = "done"
	RunStopped   RunState = "stopped" // before its end, because what it rests on has changed
	RunCancelled RunState = "cancelled"
)

// Open reports whether the run has not ended.
func (r *Run) Open() bool { return r.State == RunScheduled || r.State == RunRunning }

// Silent reports whether nothing was heard of the run for ten minutes: whoever
// drove it has died, or may not continue it.
func (r *Run) Silent(now time.Time) bool { return !lasts(r.Active, runSilence, now) }

// RunOf is a run with what its kind keeps of it: what was asked for, how far it
// is, what came of it.
type RunOf[T any] struct {
	Run
	Data T `json:"data"`

	rev    storage.Rev
	stored storage.Key
}

// RunStep is one transaction of a run. Do makes the changes and moves
// run.Data and run.Done on; setting run.State ends the run. Like every function
// given to Change it may run several times, each time with the run as it was
// committed last.
type RunStep[T any] struct {
	Op Op
	Do func(ctx context.Context, w *Writer, run *RunOf[T]) error
}

// RunKind declares a kind of run. T is kept as JSON.
type RunKind[T any] struct {
	// Name is what Run.Kind says, such as "import".
	Name string
	// Need is the permission to continue, take over, cancel and see a run; ""
	// is every actor whom May lets.
	Need Permission
	// See is the permission to see the runs of others; "" is Need.
	See Permission
	// May refuses actors who may not continue, take over or cancel this run,
	// beside those who lack Need. nil refuses nobody.
	May func(context.Context, *Writer, *RunOf[T]) error
	// Check refuses data that no run of the kind has. nil refuses none.
	Check func(*T) error
	// Step prepares the next transaction of a run that is running, or scheduled
	// and due. It may read and compute at will, outside any transaction. rows
	// is how many rows the transaction should change, so that it takes a
	// fraction of a second. nil: the run needs something that the store does
	// not hold, such as a file, and continues by Runs.Drive alone.
	Step func(ctx context.Context, s *Scope, run *RunOf[T], rows int) (RunStep[T], error)
	// Cancel undoes what the run has done so far, or refuses. It runs behind
	// the shared fence. nil: a run of this kind cannot be cancelled.
	Cancel func(context.Context, *Writer, *RunOf[T]) error
	// TakeOver refuses actors who may not take this run over, beside those whom
	// May refuses, and may add audit events. nil refuses nobody.
	TakeOver func(context.Context, *Writer, *RunOf[T]) error
	// Due reports whether a worker begins a scheduled run now. Workers ask when
	// its time has come, and before if a clock that was wrong seems to have
	// scheduled it: in the future, or more than a year ahead. Due may change
	// the run and return false. An error is noted in Run.Problem. nil: the run
	// begins when Run.Due has come.
	Due func(ctx context.Context, s *Scope, run *RunOf[T]) (bool, error)
	// Adopt lets a worker continue, in the name of the host, a run whose actor
	// may not any more. Otherwise an actor with the permission must take it
	// over.
	Adopt bool
	// Closes says that a run of the kind deletes its domain. Such runs go on in
	// a domain that is closing, which nothing else changes any more, and the
	// record of one that is done is deleted with the domain.
	Closes bool
	// Prune deletes up to limit rows of what the kind keeps beside the run, and
	// reports whether more are left. nil: it keeps nothing else.
	Prune func(ctx context.Context, w *Writer, run *RunOf[T], limit int) (more bool, err error)
	// Forever keeps runs that have ended for ever, where neither the domain nor
	// the host has set Pruning.RunDays.
	Forever bool
	// Old reads what earlier versions of the library have kept.
	Old OldRun[T]
}

// Runs are the runs of one kind.
type Runs[T any] struct {
	admin *Admin
	kind  RunKind[T]
	rec   *RecordKind[stored[T]]
}

// stored is a run as its record holds it.
type stored[T any] struct {
	Run
	Data T `json:"data"`
}

// Open runs and those that have ended are records of two kinds, so that workers
// look at the open ones however many have ended.
const (
	openRun  = "run"
	endedRun = "run.ended"
	// runSilence is how long a run must be silent before a worker takes it up:
	// whoever drove it has died or may not continue.
	runSilence = 10 * time.Minute
	// runSkew is by how much the clocks of a host's machines may differ.
	runSkew = time.Hour
	// runAhead is how far ahead a run is scheduled without its kind being
	// asked.
	runAhead = 366 * 24 * time.Hour
	// runRetry is when a worker tries a run again that it could not continue.
	runRetry = time.Hour
)

// NewRuns declares a kind of run, so that the runs of it are listed, continued
// by workers and pruned. Constructors of packages call it while setting up.
func NewRuns[T any](a *Admin, k RunKind[T]) *Runs[T] {
	r := &Runs[T]{admin: a, kind: k}
	r.rec = &RecordKind[stored[T]]{Name: openRun, Check: r.check}
	if a.joined {
		a.misused = true
		return r
	}
	if a.runKinds == nil {
		a.runKinds = map[string]runKind{}
	}
	a.runKinds[k.Name] = r
	return r
}

// check refuses what cannot be a run of the kind.
func (r *Runs[T]) check(s *stored[T]) error {
	switch {
	case s.Kind != r.kind.Name:
		return fmt.Errorf("it is another kind of run")
	case s.ID == "" || s.By == "" || s.Done < 0 || s.Total < 0:
		return fmt.Errorf("it lacks what every run has")
	case !s.Open() && s.State != RunDone && s.State != RunStopped && s.State != RunCancelled:
		return fmt.Errorf("it has no known state")
	case r.kind.Check != nil:
		return r.kind.Check(&s.Data)
	}
	return nil
}

// readRun reads the record of a run.
func readRun(ctx context.Context, r storage.Reader, domain, id ID) (storage.Record, error) {
	rs, err := r.Records(ctx, []storage.Key{{Kind: openRun, Domain: domain, ID: string(id)}, {Kind: endedRun, Domain: domain, ID: string(id)}})
	if err != nil {
		return storage.Record{}, err
	}
	if len(rs) == 0 {
		return storage.Record{}, fmt.Errorf("run %q: %w", Cut(string(id)), ErrNotFound)
	}
	return rs[0], nil
}

// get reads a run of the kind.
func (r *Runs[T]) get(ctx context.Context, rd storage.Reader, domain, id ID) (*RunOf[T], error) {
	rec, err := readRun(ctx, rd, domain, id)
	if err != nil {
		return nil, err
	}
	return r.decode(rec)
}

func (r *Runs[T]) decode(rec storage.Record) (*RunOf[T], error) {
	v, err := r.rec.Decode(rec)
	if err != nil {
		if head, headErr := readHead(rec); headErr == nil && head.Kind != r.kind.Name {
			return nil, fmt.Errorf("run %s is a run of the kind %q: %w", rec.ID, Cut(head.Kind), ErrInvalid)
		}
		return nil, err
	}
	if string(v.ID) != rec.ID {
		return nil, &DamagedError{openRun, rec.Domain, rec.ID, "it holds the ID of another run"}
	}
	run := &RunOf[T]{v.Run, v.Data, rec.Rev, rec.Key}
	run.Domain = rec.Domain
	return run, nil
}

// put writes a run. due tells workers when to look at it.
func (r *Runs[T]) put(ctx context.Context, w *Writer, run *RunOf[T], due time.Time) error {
	data, err := r.rec.Encode(&stored[T]{run.Run, run.Data})
	if err != nil {
		return err
	}
	key := storage.Key{Kind: openRun, Domain: w.scope.domain, ID: string(run.ID)}
	if !run.Open() {
		key.Kind = endedRun
	}
	changes := []storage.Write[storage.Record]{{Row: storage.Record{Key: key, Due: due, Data: data}, Was: run.rev}}
	if run.rev != 0 && run.stored != key { // it ends now
		changes[0].Was = 0
		changes = append(changes, storage.Write[storage.Record]{Row: storage.Record{Key: run.stored}, Was: run.rev, Delete: true})
	}
	if err := w.PutRecords(ctx, changes); err != nil {
		return err
	}
	run.rev, run.stored = changes[0].Row.Rev, key
	return nil
}

// drop deletes a run.
func (r *Runs[T]) drop(ctx context.Context, w *Writer, run *RunOf[T]) error {
	return w.PutRecords(ctx, []storage.Write[storage.Record]{{Row: storage.Record{Key: run.stored}, Was: run.rev, Delete: true}})
}

// due is when a worker looks at a run next.
func (r *Runs[T]) due(w *Writer, run *RunOf[T]) time.Time {
	switch {
	case run.State == RunScheduled:
		return run.Due
	case run.State == RunRunning && r.kind.Step == nil:
		return time.Time{} // no worker can continue it
	case run.State == RunRunning:
		return w.now.Add(runSilence)
	}
	return r.pruneAt(w, run)
}

// pruneAt is when a run that has ended is deleted; the zero time is never.
func (r *Runs[T]) pruneAt(w *Writer, run *RunOf[T]) time.Time {
	if r.kind.Forever && cmp.Or(w.Settings.Pruning.RunDays, r.admin.o.Pruning.RunDays) == 0 {
		return time.Time{}
	}
	return pruneAt(run.Ended, r.admin.pruning(w.Settings).RunDays)
}

// Begin makes a run with its first transaction: f makes the first changes,
// fills run.Data and run.Total, and may schedule the run by setting State and
// Due. The run's ID is known to f, and comes with the error if it is unknown
// whether the run has begun (ErrCommitUnknown).
func (r *Runs[T]) Begin(ctx context.Context, s *Scope, op Op, f func(ctx context.Context, w *Writer, run *RunOf[T]) error) (*RunOf[T], error) {
	if err := s.admin.alone("a run cannot begin"); err != nil {
		return nil, err
	}
	id := s.admin.NewID()
	var run *RunOf[T]
	op.closes = r.kind.Closes
	err := s.Change(ctx, op, func(ctx context.Context, w *Writer) error {
		run = &RunOf[T]{Run: Run{ID: id, Kind: r.kind.Name, Domain: s.domain, By: s.actor, State: RunRunning, Asked: w.now}}
		if err := f(ctx, w, run); err != nil {
			return err
		}
		due := r.due(w, run)
		if run.Active = w.now; run.State == RunRunning {
			run.Begun = w.now
			if s.detached && r.kind.Step != nil {
				due = w.now
			}
		}
		return r.put(ctx, w, run, due)
	})
	switch {
	case errors.Is(err, ErrCommitUnknown):
		return run, err
	case err != nil:
		return nil, err
	}
	return run, nil
}

// Get reads a run. It needs the permission of the kind; whoever began the run
// needs none.
func (r *Runs[T]) Get(ctx context.Context, s *Scope, id ID) (*RunOf[T], error) {
	return r.find(ctx, s, id)
}

func (s *Scope) role(ctx context.Context) (Role, error) {
	_, _, _, role, err := s.authorize(ctx, s.admin.store, "")
	return role, err
}

// maySee lets whoever the run belongs to, and who has the permission of its
// kind.
func (r *Runs[T]) maySee(s *Scope, role Role, run *Run) error {
	if run.By == s.actor {
		return nil
	}
	return require(role, cmp.Or(r.kind.See, r.kind.Need, PermAudit))
}

// runHead reads what runs of all kinds have.
var runHead = RecordKind[runHeader]{Name: openRun}

type runHeader struct{ Run }

// report returns what the kind keeps of a run, as JSON.
func (r *Runs[T]) report(rec storage.Record) (json.RawMessage, error) {
	run, err := r.decode(rec)
	if err != nil {
		return nil, err
	}
	return json.Marshal(run.Data)
}
