// Package clockmark keeps when a worker of a domain last ran by a clock that
// was believed. A worker that deletes what has become due compares its clock
// with it: a clock that has jumped ahead makes everything due at once.
package clockmark

import (
	"context"
	"encoding/json"
	"iter"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

const (
	kind    = "clock"
	version = 1

	// Coarse is how far a mark may lag behind without being written anew.
	Coarse = time.Hour
)

// Mark is when the worker of one task last ran.
type Mark struct {
	Version int       `json:"v"`
	At      time.Time `json:"at"`
	// Before is up to which age it deleted, for a task that deletes by age.
	Before time.Time `json:"before,omitzero"`
	// Announced says that there is work, but that no worker has run yet.
	Announced bool `json:"announced,omitempty"`

	known bool
	rev   storage.Rev
}

// Known reports whether the worker has run before.
func (m *Mark) Known() bool { return m.known }

// Jumped reports whether the clock has moved by more than longest since the
// mark. A mark that lies ahead was written by a clock that was wrong, and
// deletes nothing before its time: it is no jump. Nor is it one without a mark.
func (m *Mark) Jumped(now time.Time, longest time.Duration) bool {
	return m.known && now.Sub(m.At) > longest
}

// Stale reports whether the mark is to be written anew.
func (m *Mark) Stale(now time.Time) bool {
	return !m.known || now.Sub(m.At) >= Coarse || m.At.After(now)
}

func key(domain chatadmin.ID, task string) storage.Key {
	return storage.Key{Kind: kind, Domain: domain, ID: task}
}

// Read reads the mark of a task. One that cannot be read is as old as can be,
// so that a person is asked.
func Read(ctx context.Context, r storage.Reader, domain chatadmin.ID, task string) (Mark, error) {
	rs, err := r.Records(ctx, []storage.Key{key(domain, task)})
	if err != nil || len(rs) == 0 {
		return Mark{}, err
	}
	var m Mark
	if err := json.Unmarshal(rs[0].Data, &m); err != nil || m.Version != version {
		m = Mark{}
	}
	m.known, m.rev = !m.Announced, rs[0].Rev
	return m, nil
}

// Move writes that the clock was believed at a time, and up to which age things
// go. A worker looks at the domain again when the mark is stale.
func (m *Mark) Move(ctx context.Context, w *chatadmin.Writer, domain chatadmin.ID, task string,
	at, before time.Time) error {
	m.At, m.Before, m.Announced = at, before, false
	return m.Postpone(ctx, w, domain, task, at.Add(Coarse))
}

// Announce has the worker of a task look at the domain soon. It does not say
// that the clock is right.
func Announce(ctx context.Context, w *chatadmin.Writer, domain chatadmin.ID, task string) error {
	m, err := Read(ctx, w, domain, task)
	if err != nil {
		return err
	}
	m.Announced = !m.known
	return m.Postpone(ctx, w, domain, task, w.Now())
}

// Forget deletes the mark, if it has not been written since it was read: the
// worker no longer looks at the domain.
func (m *Mark) Forget(ctx context.Context, w *chatadmin.Writer, domain chatadmin.ID, task string) error {
	rs, err := w.Records(ctx, []storage.Key{key(domain, task)})
	if err != nil || len(rs) == 0 || rs[0].Rev != m.rev {
		return err
	}
	return w.PutRecords(ctx, []storage.Write[storage.Record]{{Row: rs[0], Was: rs[0].Rev, Delete: true}})
}

// Postpone writes when a worker looks at the domain again.
func (m *Mark) Postpone(ctx context.Context, w *chatadmin.Writer, domain chatadmin.ID, task string, due time.Time) error {
	m.Version = version
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	row := storage.Record{Key: key(domain, task), Due: due, Data: data}
	return w.PutRecords(ctx, []storage.Write[storage.Record]{{Row: row, Was: m.rev}})
}

// Due yields the domains at which the worker of a task is to look. One whose
// time was written by a clock that was ahead is looked at, too.
func Due(admin *chatadmin.Admin, task string) func(context.Context) iter.Seq2[chatadmin.ID, error] {
	return func(ctx context.Context) iter.Seq2[chatadmin.ID, error] {
		return func(yield func(chatadmin.ID, error) bool) {
			for p := (chatadmin.Page{Limit: chatadmin.MaxBatch}); ; {
				rs, next, err := admin.Store().ListRecords(ctx, storage.RecordQuery{Kind: kind}, p)
				if err != nil {
					yield("", err)
					return
				}
				now := admin.Now()
				for _, rec := range rs {
					waits := rec.Due.After(now) && !rec.Due.After(now.Add(Coarse))
					if rec.ID == task && !waits && !yield(rec.Domain, nil) {
						return
					}
				}
				if p.After = next; next == "" {
					return
				}
			}
		}
	}
}
