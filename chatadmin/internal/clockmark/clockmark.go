// Package clockmark keeps when a worker of a domain last ran by a clock that was
// believed. A worker that deletes what has become due compares its clock with it:
// a clock that has jumped ahead makes everything due at once.
package clockmark

import (
	"context"
	"encoding/json"
	"time"

	"chatadmin.example/sdk/chatadmin"
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

	known bool
	rev   chatadmin.Rev
}

// Known reports whether the worker has run before.
func (m *Mark) Known() bool { return m.known }

// Jumped reports whether the clock has moved by more than longest since the mark.
// A mark that lies ahead was written by a clock that was wrong, and deletes
// nothing before its time: it is no jump. Nor is it one without a mark.
func (m *Mark) Jumped(now time.Time, longest time.Duration) bool {
	return m.known && now.Sub(m.At) > longest
}

// Stale reports whether the mark is to be written anew.
func (m *Mark) Stale(now time.Time) bool {
	return !m.known || now.Sub(m.At) >= Coarse || m.At.After(now)
}

func key(domain chatadmin.ID, task string) chatadmin.Key {
	return chatadmin.Key{Kind: kind, Domain: domain, ID: task}
}

// Read reads the mark of a task. One that cannot be read is as old as can be, so
// that a person is asked.
func Read(ctx context.Context, r chatadmin.Reader, domain chatadmin.ID, task string) (Mark, error) {
	rs, err := r.Records(ctx, []chatadmin.Key{key(domain, task)})
	if err != nil || len(rs) == 0 {
		return Mark{}, err
	}
	var m Mark
	if err := json.Unmarshal(rs[0].Data, &m); err != nil || m.Version != version {
		m = Mark{}
	}
	m.known, m.rev = true, rs[0].Rev
	return m, nil
}

// Move writes that the clock was believed at a time, and up to which age things go.
func (m *Mark) Move(ctx context.Context, w *chatadmin.Work, domain chatadmin.ID, task string, at, before time.Time) error {
	m.Version, m.At, m.Before = version, at, before
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	changes := []chatadmin.Change[chatadmin.Record]{{Row: chatadmin.Record{Key: key(domain, task), Data: data}, Was: m.rev}}
	return w.PutRecords(ctx, changes)
}
