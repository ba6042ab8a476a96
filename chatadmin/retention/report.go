package retention

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"time"

	"chatadmin.example/sdk/chatadmin"
)

// State is where a run stands.
type State string

const (
	Running State = "running" // or interrupted: Resume continues it
	Done    State = "done"
	Stopped State = "stopped" // before its end: the domain keeps things for longer than the run was to
)

// Report says what one run has deleted, when, and in whose name. It is kept. While the run goes on it says how far it is.
type Report struct {
	ID      chatadmin.ID `json:"id"`
	State   State        `json:"state"`
	By      chatadmin.ID `json:"by"` // a user, or chatadmin.HostActor
	Days    int          `json:"days"`
	Before  time.Time    `json:"before"`  // what was written earlier went
	Planned Counts       `json:"planned"` // what came to be held or released since makes the difference
	Removed Counts       `json:"removed"`
	Begun   time.Time    `json:"begun"`
	Ended   time.Time    `json:"ended,omitzero"`
}

// entry is a report as it is kept: it begins with the run and grows with each batch.
type entry struct {
	Version int `json:"v"`
	Report

	rev chatadmin.Rev
}

const entryKind = "retention"

// takeUp is after how long RunDue takes up a run of which nothing has been heard: whoever began it has died, or may not go on.
const takeUp = 10 * time.Minute

func decode(r chatadmin.Record) (entry, error) {
	e := entry{rev: r.Rev}
	err := json.Unmarshal(r.Data, &e)
	if err == nil {
		err = e.check(r)
	}
	if err != nil {
		return entry{}, fmt.Errorf("the report of run %s cannot be read: %w", r.ID, err)
	}
	return e, nil
}

// check refuses what no version of the library writes.
func (e *entry) check(r chatadmin.Record) error {
	known := e.State == Running || e.State == Done || e.State == Stopped
	if e.Version != 1 || string(e.ID) != r.ID || !known || e.Days < 1 || e.Days > MaxDays || !e.Planned.possible() || !e.Removed.possible() {
		return fmt.Errorf("it is damaged, or was written by a newer version of the library: %w", chatadmin.ErrInvalid)
	}
	return nil
}

func entryKey(domain, id chatadmin.ID) chatadmin.Key {
	return chatadmin.Key{Kind: entryKind, Domain: domain, ID: string(id)}
}

func readEntry(ctx context.Context, r chatadmin.Reader, domain, id chatadmin.ID) (entry, error) {
	rs, err := r.Records(ctx, []chatadmin.Key{entryKey(domain, id)})
	if err != nil {
		return entry{}, err
	}
	if len(rs) == 0 {
		return entry{}, fmt.Errorf("run %q: %w", chatadmin.Cut(string(id)), chatadmin.ErrNotFound)
	}
	return decode(rs[0])
}

// put writes an entry. What is running has a time, counted from its last batch, at which RunDue takes it up.
func (e *entry) put(ctx context.Context, w *chatadmin.Work) error {
	e.Version = 1
	data, err := json.Marshal(e)
	if err != nil {
		return err
	}
	rec := chatadmin.Record{Key: entryKey(w.Domain.ID, e.ID), Data: data}
	if e.State == Running {
		rec.Due = w.Now().Add(takeUp)
	}
	changes := []chatadmin.Change[chatadmin.Record]{{Row: rec, Was: e.rev}}
	if err := w.PutRecords(ctx, changes); err != nil {
		return err
	}
	e.rev = changes[0].Row.Rev
	return nil
}

// note is what an audit event says about a run: what it was to do, and some counts.
func (r *Report) note(n Counts) map[string]string {
	return map[string]string{"days": fmt.Sprint(r.Days), "before": r.Before.Format(time.RFC3339), "messages": fmt.Sprint(n.Messages), "files": fmt.Sprint(n.Files)}
}

// Report reads the report of one run. It needs chatadmin.PermHolds.
func (r *Retention) Report(ctx context.Context, s *chatadmin.Scope, id chatadmin.ID) (Report, error) {
	if _, _, err := s.View(ctx, chatadmin.PermHolds); err != nil {
		return Report{}, err
	}
	e, err := readEntry(ctx, r.admin.Store(), s.Domain(), id)
	return e.Report, err
}

// Reports lists the reports of a domain, the oldest first. It needs
// chatadmin.PermHolds. A report whose record cannot be read comes with an error and
// its ID alone; the others follow.
func (r *Retention) Reports(ctx context.Context, s *chatadmin.Scope) iter.Seq2[Report, error] {
	return func(yield func(Report, error) bool) {
		for rec, err := range chatadmin.Records(ctx, s, chatadmin.PermHolds, chatadmin.RecordQuery{Kind: entryKind}) {
			if err != nil {
				yield(Report{}, err)
				return
			}
			e, err := decode(rec)
			if err != nil {
				e.ID = chatadmin.ID(rec.ID)
			}
			if !yield(e.Report, err) {
				return
			}
		}
	}
}
