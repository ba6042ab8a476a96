package chatadmin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"iter"
	"time"

	"chatadmin.example/sdk/chatadmin/storage"
)

// OutboxEvent tells the host that something has changed. It names, it does not
// carry values: the host reads what it needs.
type OutboxEvent struct {
	// of the audit event: the same whenever it is delivered again
	ID      ID        `json:"id"`
	Domain  ID        `json:"domain"`
	Actor   ID        `json:"actor"`
	Kind    string    `json:"kind"`
	At      time.Time `json:"at"`
	Targets []ID      `json:"targets"`
}

const (
	lanes     = 16
	leaseLife = 30 * time.Second
	// deliverBatch bounds what one lease covers, and what is delivered again
	// after a crash.
	deliverBatch = 100
	unreadable   = "unreadable/" // and the lane: the kind of events put aside
)

// outboxRecord queues an event in the lane of its domain. One lane is delivered
// by one worker at a time, and in the order of revisions: that is the order of
// the changes of each row.
func outboxRecord(e Event) storage.Record {
	k := lane(e.Domain)
	// strings and a time cannot fail
	data, _ := k.Encode(&OutboxEvent{e.ID, e.Domain, e.Actor, e.Kind, e.At, e.Targets})
	return storage.Record{Key: k.Key(e.Domain, fmt.Sprintf("%016x-%s", int64(e.Rev), e.ID)), Rev: e.Rev, Data: data}
}

func laneKind(n int) string { return fmt.Sprintf("outbox/%02d", n) }

// lane is the lane of a domain's events.
func lane(domain ID) RecordKind[OutboxEvent] {
	h := fnv.New32a()
	_, _ = h.Write([]byte(domain))
	return outboxKind(laneKind(int(h.Sum32() % lanes)))
}

// outboxKind is the kind of the queued events of a lane.
func outboxKind(name string) RecordKind[OutboxEvent] {
	return RecordKind[OutboxEvent]{
		Name: name,
		Check: func(e *OutboxEvent) error {
			if e.ID == "" || e.Domain == "" || e.Kind == "" {
				return errors.New("it names no event")
			}
			return nil
		},
		Old: func(_ int, data []byte) (e OutboxEvent, err error) {
			return e, json.Unmarshal(data, &e)
		},
	}
}

// damagedEvents lists the events that were put aside undelivered. Repair queues
// those again that can be read by now, and drops the others.
var damagedEvents = DamageSource{
	Kind: "outbox event",
	Each: func(ctx context.Context, r storage.Reader, domain ID) iter.Seq2[*DamagedError, error] {
		return func(yield func(*DamagedError, error) bool) {
			k := lane(domain)
			for rec, err := range eachRecord(ctx, r, storage.RecordQuery{Kind: unreadable + k.Name, Domain: domain}) {
				if err != nil {
					yield(nil, err)
					return
				}
				if !yield(asideEvent(&k, rec), nil) {
					return
				}
			}
		}
	},
	Repair: func(ctx context.Context, w *Writer, id string) (bool, error) {
		k := lane(w.scope.domain)
		rs, err := w.Records(ctx, []storage.Key{{Kind: unreadable + k.Name, Domain: w.scope.domain, ID: id}})
		rec, err := one(rs, err, "outbox event", id)
		if err != nil {
			return false, err
		}
		changes := []storage.Write[storage.Record]{{Row: rec, Was: rec.Rev, Delete: true}}
		if asideEvent(&k, rec).Why == readableAgain {
			again := rec
			again.Kind = k.Name
			changes = append(changes, storage.Write[storage.Record]{Row: again})
		}
		return true, w.PutRecords(ctx, changes)
	},
}

const readableAgain = "it could not be read, and can be by now: repairing queues it again"

// asideEvent says why an event was put aside.
func asideEvent(k *RecordKind[OutboxEvent], rec storage.Record) *DamagedError {
	bad := &DamagedError{"outbox event", rec.Domain, rec.ID, readableAgain}
	if e, _ := k.entry(rec); e.Damaged != nil {
		bad.Why = e.Damaged.Why
	}
	return bad
}

// DeliverEvents hands every queued event to deliver, at least once, and returns
// when nothing is left to this call or ctx ends. Events about one row, such as
// a user, leave in the order of its changes, and so do those of changes that
// one process makes one after the other. Of changes to different rows, such as
// a user and a membership of theirs, by processes whose clocks differ, the one
// by the slower clock may leave first: a host that reads what an event names
// gets the state of now either way.
//
// Several processes may call it at once: they share the lanes. A lane that
// another worker holds is passed over; if that worker has died it is so for
// half a minute, and nil does not mean that nothing is queued: call it again
// and again. An event that cannot be read is logged and put aside as a record
// of the kind "unreadable/outbox/" and the lane. When deliver fails, its event
// and those behind it in the lane stay queued, the other lanes go on, and the
// error is returned at the end; an event that can never be delivered must be
// swallowed by deliver. One call of deliver should take well under half a
// minute, for so long a lane is leased.
func (a *Admin) DeliverEvents(ctx context.Context, deliver func(context.Context, OutboxEvent) error) error {
	if err := a.alone("events cannot be delivered"); err != nil {
		return err
	}
	if deliver == nil {
		return missing("a function that delivers")
	}
	var errs []error
	for n := range lanes {
		for {
			more, err := a.deliverLane(ctx, laneKind(n), deliver)
			if err != nil {
				errs = append(errs, err)
			}
			if err := ctx.Err(); err != nil {
				return errors.Join(append(errs, err)...)
			}
			if err != nil || !more {
				break
			}
		}
	}
	return errors.Join(errs...)
}

// deliverLane delivers one batch of a lane while holding its lease.
func (a *Admin) deliverLane(ctx context.Context, kind string, deliver func(context.Context, OutboxEvent) error) (more bool, err error) {
	waiting, _, err := storage.FirstPage(ctx, a.store.ListRecords, storage.RecordQuery{Kind: kind}, 1)
	if err != nil || len(waiting) == 0 {
		return false, err
	}
	lease, err := a.lease(ctx, kind)
	if err != nil || lease.Rev == 0 {
		return false, err
	}
	// Read again under the lease: another worker may have delivered meanwhile.
	queue, _, err := storage.FirstPage(ctx, a.store.ListRecords, storage.RecordQuery{Kind: kind}, deliverBatch)
	if err != nil {
		return false, err
	}
	events := outboxKind(kind)
	var sent []storage.Write[storage.Record]
	var failed error
	for _, r := range queue {
		if e, _ := events.entry(r); e.Damaged != nil { // many domains share the lane: it goes on
			a.o.Logger.ErrorContext(ctx, "an event cannot be read and is put aside undelivered", "domain", r.Domain, "event", r.ID, "kind", unreadable+kind, "why", e.Damaged.Why)
			aside := r
			aside.Kind = unreadable + kind
			sent = append(sent, storage.Write[storage.Record]{Row: aside})
		} else if err := deliver(ctx, e.Value); err != nil {
			failed = fmt.Errorf("event %s: %w", r.ID, err)
			break
		}
		sent = append(sent, storage.Write[storage.Record]{Row: r, Was: r.Rev, Delete: true})
		if !lasts(lease.Due.Add(-leaseLife), leaseLife/2, a.Now()) {
			// the lease runs out, or the clock was put right: keep what is done
			// and take a new one
			break
		}
	}
	// What cannot be forgotten now (the process dies, the lease was lost) is
	// delivered again: at least once.
	err = a.store.Update(context.WithoutCancel(ctx), storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
		if err := noConflict(tx.ChangeRecords(ctx, []storage.Write[storage.Record]{{Row: lease, Was: lease.Rev, Delete: true}})); err != nil {
			return errLeaseLost
		}
		_, err := tx.ChangeRecords(ctx, sent)
		return err
	})
	if errors.Is(err, errLeaseLost) {
		err = nil
	}
	return len(queue) > 0 && failed == nil, errors.Join(failed, err)
}

var errLeaseLost = errors.New("the lease of a lane was lost")

// lasts reports whether what began at some time and has a certain length is
// going on. Clocks differ, but what begins later than its whole length from now
// was written by one that was wrong, and must not stand in the way until that
// time.
func lasts(since time.Time, length time.Duration, now time.Time) bool {
	return now.Before(since.Add(length)) && !since.After(now.Add(length))
}

// leases keep the lanes from two workers at once. All that counts is their Due.
var leases = RecordKind[struct{}]{Name: "outbox-lease", Old: func(int, []byte) (v struct{}, err error) { return v, nil }}

// lease takes a lane; a zero Rev means that another worker has it.
func (a *Admin) lease(ctx context.Context, kind string) (storage.Record, error) {
	now := a.Now()
	return storage.UpdateValue(ctx, a.store, storage.Fence{}, func(ctx context.Context, tx storage.Tx) (storage.Record, error) {
		held, err := leases.Get(ctx, tx, "", kind)
		switch {
		case errors.Is(err, ErrNotFound), held.Damaged != nil: // a damaged one has its Due
		case err != nil:
			return storage.Record{}, err
		}
		if held.Stored() && lasts(held.Due.Add(-leaseLife), leaseLife, now) {
			return storage.Record{}, nil
		}
		rev, err := a.nextRev(held.rev, now)
		if err != nil {
			return storage.Record{}, err
		}
		data, err := leases.Encode(&held.Value)
		if err != nil {
			return storage.Record{}, err
		}
		lease := storage.Record{Key: held.Key, Due: now.Add(leaseLife), Rev: rev, Data: data}
		conflicts, err := tx.ChangeRecords(ctx, []storage.Write[storage.Record]{{Row: lease, Was: held.rev}})
		if err != nil || len(conflicts) > 0 {
			return storage.Record{}, err
		}
		return lease, nil
	})
}
