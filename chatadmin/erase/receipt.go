package erase

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"time"

	"chatadmin.example/sdk/chatadmin"
)

// State is where a deletion stands.
type State string

const (
	Scheduled State = "scheduled" // the users are deactivated until it is due
	Running   State = "running"   // or interrupted: Resume continues it
	Done      State = "done"
	Cancelled State = "cancelled" // before anything was deleted
)

// Receipt says what a deletion has removed, per kind, when, in whose name and why. It holds no personal data but IDs, and is kept. While the deletion is running it says how far it is.
type Receipt struct {
	ID      chatadmin.ID     `json:"id"`
	State   State            `json:"state"`
	Users   []chatadmin.ID   `json:"users"`
	By      chatadmin.ID     `json:"by"` // a user, or chatadmin.HostActor
	Reason  string           `json:"reason"`
	Choice  Choice           `json:"choice,omitzero"`
	Asked   time.Time        `json:"asked"`
	Due     time.Time        `json:"due,omitzero"`   // of a scheduled one
	Begun   time.Time        `json:"begun,omitzero"` // from then on there was no way back
	Ended   time.Time        `json:"ended,omitzero"`
	Removed map[string]int64 `json:"removed,omitempty"`
}

// entry is a receipt as it is kept: it begins with the deletion and grows with it.
type entry struct {
	Version int `json:"v"`
	Receipt
	Deactivated []chatadmin.ID `json:"deactivated,omitempty"` // by the scheduling: cancelling activates them again
	Total       int64          `json:"total,omitempty"`       // as planned

	rev chatadmin.Rev
}

const entryKind = "erasure"

// takeUp is after how long RunDue takes up a deletion that somebody has begun: it was interrupted, or is long.
const takeUp = 10 * time.Minute

func entryKey(domain, id chatadmin.ID) chatadmin.Key {
	return chatadmin.Key{Kind: entryKind, Domain: domain, ID: string(id)}
}

func decode(r chatadmin.Record) (entry, error) {
	e := entry{rev: r.Rev}
	err := json.Unmarshal(r.Data, &e)
	if err == nil {
		err = e.check(r)
	}
	if err != nil {
		return entry{}, fmt.Errorf("the record of deletion %s cannot be read: %w", r.ID, err)
	}
	return e, nil
}

// check refuses what no version of the library writes.
func (e *entry) check(r chatadmin.Record) error {
	states := []State{Scheduled, Running, Done, Cancelled}
	if e.Version != 1 || string(e.ID) != r.ID || !slices.Contains(states, e.State) || e.By == "" {
		return fmt.Errorf("it is damaged, or was written by a newer version of the library: %w", chatadmin.ErrInvalid)
	}
	_, err := named(e.Users)
	return err
}

func readEntry(ctx context.Context, r chatadmin.Reader, domain, id chatadmin.ID) (entry, error) {
	rs, err := r.Records(ctx, []chatadmin.Key{entryKey(domain, id)})
	if err != nil {
		return entry{}, err
	}
	if len(rs) == 0 {
		return entry{}, fmt.Errorf("deletion %q: %w", chatadmin.Cut(string(id)), chatadmin.ErrNotFound)
	}
	return decode(rs[0])
}

// put writes an entry. Whatever is to be taken up by RunDue has a time.
func (e *entry) put(ctx context.Context, w *chatadmin.Work) error {
	e.Version = 1
	data, err := json.Marshal(e)
	if err != nil {
		return err
	}
	rec := chatadmin.Record{Key: entryKey(w.Domain.ID, e.ID), Data: data}
	switch e.State {
	case Scheduled:
		rec.Due = e.Due
	case Running:
		rec.Due = e.Begun.Add(takeUp)
	}
	changes := []chatadmin.Change[chatadmin.Record]{{Row: rec, Was: e.rev}}
	if err := w.PutRecords(ctx, changes); err != nil {
		return err
	}
	e.rev = changes[0].Row.Rev
	return nil
}

// open finds whose deletion is scheduled or running, and by which one.
func open(ctx context.Context, r chatadmin.Reader, domain chatadmin.ID) (map[chatadmin.ID]chatadmin.ID, error) {
	found := map[chatadmin.ID]chatadmin.ID{}
	for p := (chatadmin.Page{Limit: chatadmin.MaxBatch}); ; {
		page, next, err := r.ListRecords(ctx, chatadmin.RecordQuery{Kind: entryKind, Domain: domain, DueBy: forever}, p)
		if err != nil {
			return nil, err
		}
		for _, rec := range page {
			e, err := decode(rec)
			if err != nil {
				continue // nobody is deleted by it; RunDue tells of it
			}
			for _, id := range e.Users {
				found[id] = e.ID
			}
		}
		if p.After = next; next == "" {
			return found, nil
		}
	}
}

// forever is later than everything.
var forever = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// Receipt reads the receipt of one deletion. It needs chatadmin.PermUsersDelete.
func (d *Deletions) Receipt(ctx context.Context, s *chatadmin.Scope, id chatadmin.ID) (Receipt, error) {
	if _, _, err := s.View(ctx, chatadmin.PermUsersDelete); err != nil {
		return Receipt{}, err
	}
	return d.receipt(ctx, s, id)
}

func (d *Deletions) receipt(ctx context.Context, s *chatadmin.Scope, id chatadmin.ID) (Receipt, error) {
	e, err := readEntry(ctx, d.admin.Store(), s.Domain(), id)
	if err != nil || e.State != Running {
		return e.Receipt, err
	}
	// How far it is stands in its job, which others may not read by themselves.
	job, err := d.admin.AsHost(s.Domain()).Job(ctx, id)
	if err == nil && job.State == chatadmin.JobDone { // between the two reads
		e, err = readEntry(ctx, d.admin.Store(), s.Domain(), id)
		return e.Receipt, err
	}
	if err == nil {
		err = json.Unmarshal(job.Result, &e.Removed)
	}
	return e.Receipt, err
}

// Receipts lists the receipts of a domain, the oldest first. It needs
// chatadmin.PermUsersDelete. A receipt whose record cannot be read comes with an
// error and its ID alone; the others follow.
func (d *Deletions) Receipts(ctx context.Context, s *chatadmin.Scope) iter.Seq2[Receipt, error] {
	return func(yield func(Receipt, error) bool) {
		for rec, err := range chatadmin.Records(ctx, s, chatadmin.PermUsersDelete, chatadmin.RecordQuery{Kind: entryKind}) {
			if err != nil {
				yield(Receipt{}, err)
				return
			}
			e, err := decode(rec)
			if err != nil {
				e.ID = chatadmin.ID(rec.ID)
			}
			if !yield(e.Receipt, err) {
				return
			}
		}
	}
}
