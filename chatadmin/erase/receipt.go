package erase

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// Run is a deletion with its receipt. While it is scheduled, the users are
// deactivated. While it is running, or was interrupted, the receipt says how
// far it is. It ends as done or as cancelled, and is kept for ever unless
// chatadmin.Pruning.RunDays says otherwise.
type Run = chatadmin.RunOf[Receipt]

type step = chatadmin.RunStep[Receipt]

// Receipt says what a deletion has removed, per kind, and why. When that was,
// and in whose name, the run says. It holds no personal data but IDs.
type Receipt struct {
	Users   []chatadmin.ID   `json:"users"`
	Reason  string           `json:"reason"`
	Choice  Choice           `json:"choice,omitzero"`
	Removed map[string]int64 `json:"removed"`

	// Deactivated are the users whom the scheduling has deactivated: cancelling
	// activates them again.
	Deactivated []chatadmin.ID `json:"deactivated,omitempty"`
	// At is how far a deletion is that has begun.
	At place `json:"at,omitzero"`
}

// check refuses what no version of the library writes.
func (r *Receipt) check() error {
	if _, err := named(r.Users); err != nil {
		return err
	}
	if r.At.Stage < markGroups || r.At.Stage > users || r.At.N < 0 || r.At.N > storage.MaxBulk {
		return fmt.Errorf("it stands at a stage that does not exist: %w", chatadmin.ErrInvalid)
	}
	if err := r.Choice.check(); err != nil {
		return err
	}
	return chatadmin.Counts(r.Removed).Check()
}

// kind declares the runs that delete users.
func (d *Deletions) kind() chatadmin.RunKind[Receipt] {
	return chatadmin.RunKind[Receipt]{
		Name:     "deletion",
		Need:     chatadmin.PermUsersDelete,
		Check:    (*Receipt).check,
		May:      mayChange,
		Step:     d.step,
		Cancel:   cancel,
		TakeOver: takeOver,
		Due:      d.due,
		Forever:  true,
		Old:      chatadmin.OldRun[Receipt]{Job: "delete users", Record: "erasure", Read: d.readOld},
	}
}

// readOld reads what earlier versions kept: a record of the deletion, and, from
// its beginning to its end, a job.
func (d *Deletions) readOld(run *Run, job *chatadmin.OldJob, report []byte) error {
	was := struct {
		Version int `json:"v"`
		chatadmin.Run
		*Receipt
	}{Version: 1, Run: run.Run, Receipt: &run.Data}
	if report == nil { // the job says what was asked for
		if err := json.Unmarshal(job.Params, &run.Data); err != nil {
			return err
		}
	} else if err := json.Unmarshal(report, &was); err != nil {
		return err
	}
	if was.Version != 1 || was.Run.ID != run.ID {
		return chatadmin.ErrDamaged
	}
	was.Run.Kind, was.Run.Domain = run.Kind, run.Domain
	if run.Run = was.Run; job != nil {
		run.Total = job.Total
	}
	if run.State == chatadmin.RunRunning && job != nil {
		if err := json.Unmarshal(job.Cursor, &run.Data.At); err != nil {
			return err
		}
		if err := json.Unmarshal(job.Result, &run.Data.Removed); err != nil {
			return err
		}
	} else if run.Data.Removed == nil {
		run.Data.Removed = d.none()
	}
	run.Done = total(run.Data.Removed)
	return nil
}

// Run reads one deletion. It needs chatadmin.PermUsersDelete, except for
// whoever it belongs to.
func (d *Deletions) Run(ctx context.Context, s *chatadmin.Scope, id chatadmin.ID) (*Run, error) {
	return d.runs.Get(ctx, s, id)
}

// Runs lists the deletions of a domain, first the open ones and then those that
// have ended, each the oldest first. It needs chatadmin.PermUsersDelete. A
// deletion that cannot be read is yielded with a *chatadmin.DamagedError, and
// the list goes on; any other error ends it.
func (d *Deletions) Runs(ctx context.Context, s *chatadmin.Scope) iter.Seq2[*Run, error] {
	return func(yield func(*Run, error) bool) {
		if _, _, err := s.View(ctx, chatadmin.PermUsersDelete); err != nil {
			yield(nil, err)
			return
		}
		d.runs.All(ctx, s)(yield)
	}
}
