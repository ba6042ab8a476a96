package integrations

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

const (
	leaseLife  = time.Minute
	firstPause = time.Second
	mostPause  = 15 * time.Minute
	// giveUp is how long a message is tried before it goes to the dead letters.
	giveUp = 24 * time.Hour
)

// queueData is the state of one queue of one connection: one worker at a time
// takes from it, in the order of the records' IDs, and after a failure nobody
// does for a while. It exists only while there is something to say. When a
// record is due says only when somebody has to look at the queue: it has no part
// in the order.
type queueData struct {
	Leased  time.Time `json:"leased,omitzero"` // to a worker, until
	Paused  time.Time `json:"paused,omitzero"` // until
	Tries   int       `json:"tries,omitempty"`
	Problem string    `json:"problem,omitempty"`
	Told    bool      `json:"told,omitempty"` // the admins know that somebody must authenticate again
	// Since is when Paused was set. A pause that was set in the future is not
	// believed: the clock was ahead then.
	Since time.Time `json:"since,omitzero"`
	// Moved is when the queue last delivered something. Messages behind it are
	// given up a day after that, not a day after they came.
	Moved time.Time `json:"moved,omitzero"`

	rev storage.Rev
}

// drift is how far the clocks of two processes may lie apart. A time of ours
// that lies further ahead comes from a clock that was wrong.
const drift = 2 * leaseLife

// pausedUntil is the time until which nobody works at the queue, or the zero
// time. It is at most a day ahead, and zero if the pause was set by a clock
// that was ahead of ours.
func (l *queueData) pausedUntil(now time.Time) time.Time {
	if !now.Before(l.Paused) || l.Since.After(now.Add(drift)) || l.Paused.After(now.Add(giveUp+drift)) {
		return time.Time{}
	}
	return l.Paused
}

// moved notes that a message was delivered. What fails after it is a new
// failure, with the shortest pause.
func (l *queueData) moved(now time.Time) {
	l.Tries, l.Problem, l.Told, l.Moved = 0, "", false, now
}

// expired reports whether a message that waits since a time has waited for a
// day in which the queue did not move. A time from a clock that was ahead is
// not believed.
func (l *queueData) expired(since, now time.Time) bool {
	if l.Moved.After(since) && !l.Moved.After(now.Add(drift)) {
		since = l.Moved
	}
	return since.Before(now.Add(-giveUp))
}

// held reports whether a worker has the queue. A lease from a clock that is far
// ahead of ours counts for nothing, else it would hold for as long as that
// clock is ahead.
func (l *queueData) held(now time.Time) bool {
	return now.Before(l.Leased) && l.Leased.Before(now.Add(drift))
}

func queueKey(domain chatadmin.ID, kind string, of Of) storage.Key {
	return storage.Key{Kind: kindLine, Domain: domain, ID: kind + "/" + of.key()}
}

func decodeQueue(r storage.Record) (queueData, error) {
	l, err := lineRecords.Decode(r)
	l.rev = r.Rev
	return l, err
}

func (x *Integrations) readLine(ctx context.Context, r storage.Reader, domain chatadmin.ID, kind string, of Of) (queueData, error) {
	rs, err := r.Records(ctx, []storage.Key{queueKey(domain, kind, of)})
	if err != nil || len(rs) == 0 {
		return queueData{}, err
	}
	l, err := decodeQueue(rs[0])
	if errors.Is(err, chatadmin.ErrDamaged) { // it holds nothing that would be missed
		l, err = queueData{rev: rs[0].Rev}, nil
	}
	return l, err
}

// change writes the queue, or deletes it where it says nothing.
func (l *queueData) change(domain chatadmin.ID, kind string, of Of) storage.Write[storage.Record] {
	r, _ := row(&lineRecords, queueKey(domain, kind, of), of.Owner, l) // times and strings cannot fail
	return storage.Write[storage.Record]{Row: r, Was: l.rev,
		Delete: l.rev != 0 && l.Leased.IsZero() && l.Paused.IsZero() && l.Tries == 0}
}

// pause is how long the next try waits: twice as long each time, or as long as
// the provider wishes.
func (l *queueData) pause(now time.Time, after time.Duration) {
	wait := min(firstPause<<min(l.Tries, 20), mostPause)
	l.Tries++
	l.Since, l.Paused = now, now.Add(max(wait, min(after, giveUp)))
}

// resume lifts the pauses of a connection, because somebody has authenticated
// again: what waits goes on with the next Deliver.
func (x *Integrations) resume(ctx context.Context, domain chatadmin.ID, of Of) error {
	return x.admin.AsHost(domain).Change(ctx, traffic(of), func(ctx context.Context, w *chatadmin.Writer) error {
		var changes []storage.Write[storage.Record]
		for _, kind := range []string{kindIn, kindOut} {
			l, err := x.readLine(ctx, w, domain, kind, of)
			if err != nil {
				return err
			}
			if l.rev == 0 {
				continue
			}
			l.Paused, l.Since, l.Tries, l.Problem, l.Told = time.Time{}, time.Time{}, 0, "", false
			changes = append(changes, l.change(domain, kind, of))
			first, err := x.waiting(ctx, w, domain, kind, of, 1)
			if err != nil {
				return err
			}
			changes = append(changes, wake(first, w.Now())...)
		}
		return w.PutRecords(ctx, changes)
	})
}

// wake makes the first of what waits in a line due, which is enough: a worker
// takes the whole line.
func wake(items []storage.Record, now time.Time) []storage.Write[storage.Record] {
	if len(items) == 0 || !items[0].Due.After(now) {
		return nil
	}
	c := storage.Write[storage.Record]{Row: items[0], Was: items[0].Rev}
	c.Row.Due = now
	return []storage.Write[storage.Record]{c}
}

// waiting reads what waits in a line, in its order, whether it is due or was
// put off; but not what still waits for an event that may cover it.
func (x *Integrations) waiting(ctx context.Context, r storage.Reader, domain chatadmin.ID, kind string, of Of, most int) ([]storage.Record, error) {
	var items []storage.Record
	for p := (chatadmin.Page{Limit: deliverBatch}); ; {
		rs, next, err := r.ListRecords(ctx, storage.RecordQuery{Kind: kind, Domain: domain, Owner: of.Owner}, p)
		if err != nil {
			return nil, err
		}
		for _, r := range rs {
			if ofItem(r) == of && !x.early(r) && len(items) < most {
				items = append(items, r)
			}
		}
		if p.After = next; next == "" || len(items) == most {
			return items, nil
		}
	}
}

// early reports whether an event is not to be handed on yet. A time further
// ahead than an event may wait comes from a clock that was wrong.
func (x *Integrations) early(r storage.Record) bool {
	var d inData
	now := x.admin.Now()
	return r.Kind == kindIn && json.Unmarshal(r.Data, &d) == nil && now.Before(d.From) && !d.From.After(now.Add(mostWait+drift))
}

// traffic is a change that carries a message, or keeps the books of that.
func traffic(of Of) chatadmin.Op {
	op := chatadmin.Op{Kind: KindTraffic, Fence: storage.Shared}
	if of.Owner != "" {
		op.Targets = []chatadmin.ID{of.Owner}
	}
	return op
}
