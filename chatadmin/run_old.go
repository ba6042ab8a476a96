package chatadmin

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"chatadmin.example/sdk/chatadmin/storage"
)

// OldJob is a long operation as versions before [Run] kept it.
type OldJob struct {
	ID      ID              `json:"id"`
	Kind    string          `json:"kind"`
	Actor   ID              `json:"actor"`
	State   string          `json:"state"` // "running" or "done"
	Done    int64           `json:"done"`
	Total   int64           `json:"total"`
	Started time.Time       `json:"started"`
	Ended   time.Time       `json:"ended,omitzero"`
	Params  json.RawMessage `json:"params,omitempty"`
	Cursor  json.RawMessage `json:"cursor,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
}

// OldRun reads what versions before [Run] kept of the runs of a kind: a job,
// and for some kinds a record of their own with the report.
type OldRun[T any] struct {
	Job    string // OldJob.Kind
	Record string // the kind of the records with reports; "" has none

	// Read completes run, which has what the job says. job is nil where there
	// is a report alone, report where there is none.
	Read func(run *RunOf[T], job *OldJob, report []byte) error
}

const oldJobKind = "job"

// oldRun is an OldRun whatever its type.
type oldRun interface {
	oldKinds() (job, record string)
	upgrade(ctx context.Context, w *Writer, job *OldJob, report *storage.Record) error
}

// upgradeRuns turns what earlier versions kept in a domain into runs. It does
// so once for each domain and process, and finds nothing after the first time.
func (a *Admin) upgradeRuns(ctx context.Context, domain ID) error {
	if _, done := a.upgraded.Load(domain); done {
		return nil
	}
	kinds := []string{oldJobKind}
	for _, k := range a.runKinds {
		if _, record := k.oldKinds(); record != "" {
			kinds = append(kinds, record)
		}
	}
	for _, kind := range kinds {
		for p := (Page{Limit: MaxBatch}); ; {
			rs, next, err := a.store.ListRecords(ctx, storage.RecordQuery{Kind: kind, Domain: domain}, p)
			if err != nil {
				return err
			}
			for _, rec := range rs {
				if err := a.upgradeRun(ctx, domain, rec.Key); err != nil {
					return err
				}
			}
			if p.After = next; next == "" {
				break
			}
		}
	}
	a.upgraded.Store(domain, true)
	return nil
}

// upgradeRuns is Admin.upgradeRuns for an actor with access.
func (s *Scope) upgradeRuns(ctx context.Context) error {
	if _, done := s.admin.upgraded.Load(s.domain); done {
		return nil
	}
	if _, err := s.role(ctx); err != nil {
		return err
	}
	return s.admin.upgradeRuns(ctx, s.domain)
}

// upgradeRun turns one job, or one report without a job, into a run. What
// cannot be read, or belongs to a package that this program does not use, stays
// as it is.
func (a *Admin) upgradeRun(ctx context.Context, domain ID, key storage.Key) error {
	err := a.Bookkeep(ctx, domain, func(ctx context.Context, w *Writer) error { return a.upgradeIn(ctx, w, domain, key) })
	if errors.Is(err, ErrCommitUnknown) {
		return nil // it is there, or is upgraded the next time
	}
	return err
}

// upgradeIn is upgradeRun as a part of a transaction.
func (a *Admin) upgradeIn(ctx context.Context, w *Writer, domain ID, key storage.Key) error {
	jobs, err := w.Records(ctx, []storage.Key{{Kind: oldJobKind, Domain: domain, ID: key.ID}})
	if err != nil {
		return err
	}
	var job *OldJob
	if len(jobs) > 0 {
		job = &OldJob{}
		if err := json.Unmarshal(jobs[0].Data, job); err != nil {
			a.o.Logger.WarnContext(ctx, "a job of an earlier version cannot be read", "domain", domain, "job", key.ID)
			return nil
		}
	}
	kind, record := a.oldKind(job, key.Kind)
	if kind == nil {
		return nil
	}
	old := jobs
	var report *storage.Record
	if record != "" {
		rs, err := w.Records(ctx, []storage.Key{{Kind: record, Domain: domain, ID: key.ID}})
		if err != nil {
			return err
		}
		if len(rs) > 0 {
			report = &rs[0]
			old = append(old, rs...)
		}
	}
	if len(old) == 0 { // another process was faster
		return nil
	}
	if err := kind.upgrade(ctx, w, job, report); err != nil {
		a.o.Logger.WarnContext(ctx, "a job of an earlier version cannot be read", "domain", domain, "job", key.ID, "error", err)
		return nil
	}
	changes := make([]storage.Write[storage.Record], len(old))
	for i, rec := range old {
		changes[i] = storage.Write[storage.Record]{Row: rec, Was: rec.Rev, Delete: true}
	}
	return w.PutRecords(ctx, changes)
}

// upgradeOpen turns into runs what earlier versions kept of the kind's open
// runs, before they are listed; within a transaction, as a part of it.
func (r *Runs[T]) upgradeOpen(ctx context.Context, rd storage.Reader, domain ID) error {
	w, within := rd.(*Writer)
	if !within {
		return r.admin.upgradeRuns(ctx, domain)
	}
	if _, done := r.admin.upgraded.Load(domain); done || r.kind.Old.Record == "" {
		return nil
	}
	var keys []storage.Key
	for rec, err := range eachRecord(ctx, w, storage.RecordQuery{Kind: r.kind.Old.Record, Domain: domain, DueBy: endOfTime}) {
		if err != nil {
			return err
		}
		keys = append(keys, rec.Key)
	}
	for _, key := range keys {
		if err := r.admin.upgradeIn(ctx, w, domain, key); err != nil {
			return err
		}
	}
	return nil
}

// oldKind finds the kind of run that a job or a record belongs to.
func (a *Admin) oldKind(job *OldJob, record string) (runKind, string) {
	for _, k := range a.runKinds {
		j, r := k.oldKinds()
		if job != nil && j == job.Kind || job == nil && r != "" && r == record {
			return k, r
		}
	}
	return nil, ""
}

func (r *Runs[T]) oldKinds() (job, record string) { return r.kind.Old.Job, r.kind.Old.Record }

func (r *Runs[T]) upgrade(ctx context.Context, w *Writer, job *OldJob, report *storage.Record) error {
	run := &RunOf[T]{Run: Run{Kind: r.kind.Name, Domain: w.scope.domain, State: RunRunning}}
	if job != nil {
		run.ID, run.By, run.Done, run.Total = job.ID, job.Actor, job.Done, job.Total
		run.Asked, run.Begun, run.Active, run.Ended = job.Started, job.Started, job.Started, job.Ended
		if job.State == "done" {
			run.State = RunDone
		}
	}
	var data []byte
	if report != nil {
		run.ID, data = ID(report.ID), report.Data
	}
	if err := r.kind.Old.Read(run, job, data); err != nil {
		return err
	}
	checked := stored[T]{run.Run, run.Data}
	if err := r.check(&checked); err != nil {
		return err
	}
	due := w.now // a worker looks at it soon
	if run.State == RunScheduled {
		due = run.Due
	}
	return r.put(ctx, w, run, due)
}
