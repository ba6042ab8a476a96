package integrations

import (
	"context"
	"strings"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// rectifyEvery is how often Deliver looks for times from a clock that was ahead
// in another process.
const rectifyEvery = time.Hour

// rewound reports whether times that are stored may come from a clock that was
// ahead: in the first Deliver of a process, whenever the clock was set back,
// and every hour.
func (x *Integrations) rewound(now time.Time) bool {
	x.clock.Lock()
	defer x.clock.Unlock()
	was := x.seen
	x.seen = now
	if !was.IsZero() && !was.After(now.Add(drift)) && now.Sub(x.rectified) < rectifyEvery {
		return false
	}
	x.rectified = now
	return true
}

// saw is the time by which something is stored.
func (x *Integrations) saw() time.Time {
	now := x.admin.Now()
	x.clock.Lock()
	defer x.clock.Unlock()
	if !x.seen.IsZero() && now.After(x.seen) {
		x.seen = now
	}
	return now
}

// rectify finds what was put off by a clock that was ahead, and puts it right.
// Without it a queue would stand still until that time comes.
func (x *Integrations) rectify(ctx context.Context) error {
	if !x.rewound(x.admin.Now()) {
		return nil
	}
	var failed problems
	for _, kind := range []string{kindLine, kindIn, kindOut, kindRelease, kindNotice, kindState, kindStep, kindDead, kindCheck} {
		for p := (chatadmin.Page{Limit: chatadmin.MaxBatch}); ctx.Err() == nil; {
			rs, next, err := x.admin.Store().ListRecords(ctx, storage.RecordQuery{Kind: kind}, p)
			failed.add(err)
			failed.add(x.rectifyPage(ctx, rs))
			if p.After = next; err != nil || next == "" {
				break
			}
		}
	}
	x.clock.Lock()
	adopted := x.adopted
	x.clock.Unlock()
	if !adopted {
		failed.add(x.adopt(ctx))
	}
	failed.add(ctx.Err())
	x.clock.Lock()
	x.adopted = adopted || len(failed) == 0
	x.clock.Unlock()
	if len(failed) > 0 {
		x.clock.Lock()
		x.seen = time.Time{} // again with the next Deliver
		x.clock.Unlock()
	}
	return failed.join()
}

func (x *Integrations) rectifyPage(ctx context.Context, rs []storage.Record) error {
	now := x.admin.Now()
	var failed problems
	byDomain := map[chatadmin.ID][]storage.Record{}
	for _, r := range rs {
		if _, wrong := rectified(r, now); wrong {
			byDomain[r.Domain] = append(byDomain[r.Domain], r)
		}
	}
	for domain, listed := range byDomain {
		failed.add(x.admin.Bookkeep(ctx, domain, func(ctx context.Context, w *chatadmin.Writer) error {
			rs, err := again(ctx, w, listed)
			if err != nil {
				return err
			}
			var changes []storage.Write[storage.Record]
			for _, r := range rs {
				fixed, wrong := rectified(r, w.Now())
				if !wrong {
					continue
				}
				changes = append(changes, storage.Write[storage.Record]{Row: fixed, Was: r.Rev, Delete: r.Kind == kindLine})
				if r.Kind == kindLine {
					kind, rest, _ := strings.Cut(r.ID, "/")
					first, err := x.waiting(ctx, w, domain, kind, ofItem(storage.Record{Key: storage.Key{ID: rest}}), 1)
					if err != nil {
						return err
					}
					changes = append(changes, wake(first, w.Now())...)
				}
			}
			_, err = changeRecords(ctx, w, changes)
			return err
		}))
	}
	return failed.join()
}

// mostAhead is how far ahead the records of a kind are due at most.
var mostAhead = map[string]time.Duration{
	kindRelease: giveUp,
	kindNotice:  asideFor,
	kindCheck:   giveUp,
	kindState:   stateLife, // it is not believed any more, and is forgotten
	kindStep:    keepFor,
}

// rectified is a record whose times lie no further ahead than its kind allows,
// and whether that changes anything. A queue that was paused by a clock ahead
// says nothing any more, and is deleted.
func rectified(r storage.Record, now time.Time) (storage.Record, bool) {
	switch r.Kind {
	case kindLine:
		l, err := decodeQueue(r)
		return r, err == nil && !l.held(now) && now.Before(l.Paused) && l.pausedUntil(now).IsZero()
	case kindIn, kindOut:
		return rectifiedItem(r, now)
	case kindRelease:
		if d, err := releaseRecords.Decode(r); err == nil && d.At.After(now.Add(drift)) {
			d.At = now
			data, err := releaseRecords.Encode(&d)
			r.Data, r.Due = data, now
			return r, err == nil
		}
	case kindDead:
		most := day
		if d, err := deadRecords.Decode(r); err == nil && d.Days == 0 {
			most = deadDays * day // as earlier versions wrote it
		}
		return dueBy(r, now, most, day)
	}
	return dueBy(r, now, mostAhead[r.Kind], 0)
}

// dueBy is a record that is due after some time, if it is due further ahead
// than its kind allows.
func dueBy(r storage.Record, now time.Time, most, due time.Duration) (storage.Record, bool) {
	if !r.Due.After(now.Add(most + drift)) {
		return r, false
	}
	r.Due = now.Add(due)
	return r, true
}

// rectifiedItem is rectified for what waits in a queue, or waited.
func rectifiedItem(r storage.Record, now time.Time) (storage.Record, bool) {
	if isDone(r) {
		return dueBy(r, now, seenFor, seenFor)
	}
	if !queued(r).After(now.Add(drift)) {
		return dueBy(r, now, giveUp, 0)
	}
	data, err := requeued(r.Data, now)
	if err != nil {
		return r, false
	}
	r.Data, r.Due = data, now
	return r, true
}
