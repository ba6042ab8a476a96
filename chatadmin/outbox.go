package chatadmin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"time"
)

// OutboxEvent tells the host that something has changed. It names, it does not carry values: the host reads what it needs.
type OutboxEvent struct {
	ID      ID        `json:"id"` // of the audit event: the same whenever it is delivered again
	Domain  ID        `json:"domain"`
	Actor   ID        `json:"actor"`
	Kind    string    `json:"kind"`
	At      time.Time `json:"at"`
	Targets []ID      `json:"targets"`
}

const (
	lanes     = 16
	leaseLife = 30 * time.Second
	// deliverBatch bounds what one lease covers, and what is delivered again after a crash.
	deliverBatch = 100
	unreadable   = "unreadable/" // and the lane: the kind of events put aside
)

// outboxRecord queues an event in the lane of its domain. One lane is delivered by one worker at a time, and in the order of revisions: that is the order
// of the changes of each row.
func outboxRecord(e Event) Record {
	data, _ := json.Marshal(OutboxEvent{e.ID, e.Domain, e.Actor, e.Kind, e.At, e.Targets}) // strings and a time cannot fail
	h := fnv.New32a()
	_, _ = h.Write([]byte(e.Domain))
	return Record{Key: Key{Kind: laneKind(int(h.Sum32() % lanes)), Domain: e.Domain, ID: fmt.Sprintf("%016x-%s", int64(e.Rev), e.ID)}, Rev: e.Rev, Data: data}
}

func laneKind(n int) string { return fmt.Sprintf("outbox/%02d", n) }

// DeliverEvents hands every queued event to deliver, at least once, and returns when nothing is left to this call or ctx ends. Events about one row, such as a user, leave in the order
// of its changes, and so do those of changes that one process makes one after the other. Of changes to different rows, such as a user and a membership of theirs, by processes whose clocks differ, the one by the slower clock may leave
// first: a host that reads what an event names gets the state of now either way.
//
// Several processes may call it at once: they share the lanes. A lane that another worker holds is passed over; if that worker has died it is so for half a minute, and nil does not
// mean that nothing is queued: call it again and again. An event that cannot be read is logged and put aside as a record of the kind "unreadable/outbox/" and the lane. When deliver fails, its event and those behind it in the lane stay queued, the other
// lanes go on, and the error is returned at the end; an event that can never be delivered must be swallowed by deliver. One call of deliver
// should take well under half a minute, for so long a lane is leased.
func (a *Admin) DeliverEvents(ctx context.Context, deliver func(context.Context, OutboxEvent) error) error {
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
	waiting, _, err := FirstPage(ctx, a.store.ListRecords, RecordQuery{Kind: kind}, 1)
	if err != nil || len(waiting) == 0 {
		return false, err
	}
	lease, err := a.lease(ctx, kind)
	if err != nil || lease.Rev == 0 {
		return false, err
	}
	// Read again under the lease: another worker may have delivered meanwhile.
	queue, _, err := FirstPage(ctx, a.store.ListRecords, RecordQuery{Kind: kind}, deliverBatch)
	if err != nil {
		return false, err
	}
	var sent []Change[Record]
	var failed error
	for _, r := range queue {
		var e OutboxEvent
		if err := json.Unmarshal(r.Data, &e); err != nil { // many domains share the lane: it goes on
			a.o.Logger.ErrorContext(ctx, "an event cannot be read and is put aside undelivered", "domain", r.Domain, "event", r.ID, "kind", unreadable+kind, "error", err)
			aside := r
			aside.Kind = unreadable + kind
			sent = append(sent, Change[Record]{Row: aside})
		} else if err := deliver(ctx, e); err != nil {
			failed = fmt.Errorf("event %s: %w", r.ID, err)
			break
		}
		sent = append(sent, Change[Record]{Row: r, Was: r.Rev, Delete: true})
		if !lasts(lease.Due.Add(-leaseLife), leaseLife/2, a.Now()) {
			break // the lease runs out, or the clock was put right: keep what is done and take a new one
		}
	}
	// What cannot be forgotten now (the process dies, the lease was lost) is delivered again: at least once.
	err = a.store.Update(context.WithoutCancel(ctx), Fence{}, func(ctx context.Context, tx Tx) error {
		if err := noConflict(tx.ChangeRecords(ctx, []Change[Record]{{Row: lease, Was: lease.Rev, Delete: true}})); err != nil {
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

// lasts reports whether what began at some time and has a certain length is going on. Clocks differ, but what begins later than its whole length from now was written by one that was
// wrong, and must not stand in the way until that time.
func lasts(since time.Time, length time.Duration, now time.Time) bool {
	return now.Before(since.Add(length)) && !since.After(now.Add(length))
}

// lease takes a lane; a zero Rev means that another worker has it.
func (a *Admin) lease(ctx context.Context, kind string) (Record, error) {
	key := Key{Kind: "outbox-lease", ID: kind}
	now := a.Now()
	return UpdateValue(ctx, a.store, Fence{}, func(ctx context.Context, tx Tx) (Record, error) {
		held, err := tx.Records(ctx, []Key{key})
		if err != nil {
			return Record{}, err
		}
		var was Rev
		if len(held) > 0 {
			if was = held[0].Rev; lasts(held[0].Due.Add(-leaseLife), leaseLife, now) {
				return Record{}, nil
			}
		}
		rev, err := a.nextRev(was, now)
		if err != nil {
			return Record{}, err
		}
		lease := Record{Key: key, Due: now.Add(leaseLife), Rev: rev, Data: []byte("{}")}
		conflicts, err := tx.ChangeRecords(ctx, []Change[Record]{{Row: lease, Was: was}})
		if err != nil || len(conflicts) > 0 {
			return Record{}, err
		}
		return lease, nil
	})
}
