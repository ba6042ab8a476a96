package integrations

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/texts"
)

// work is one worker at one queue of one connection.
type queueWork struct {
	x      *Integrations
	kind   string
	domain chatadmin.ID
	of     Of

	svc   Service
	conn  *Connection
	line  queueData
	items []storage.Record
	until time.Time // of the lease
	off   bool      // the service is disabled, or the domain is not active
	// lost is how many messages the transaction under way gives up for their
	// age.
	lost int
}

// run takes the queue, handles what waits in it, and gives it back. It returns
// how much was done or put off.
func (k *queueWork) run(ctx context.Context, due []storage.Record, f handle) (int, error) {
	did, mine, err := k.take(ctx, due)
	if err != nil || !mine {
		return did, err
	}
	var failed error
	for failed == nil && ctx.Err() == nil {
		if len(k.items) == 0 {
			if k.items, err = k.x.waiting(ctx, k.x.admin.Store(), k.domain, k.kind, k.of, deliverBatch); len(k.items) == 0 {
				break
			}
		}
		if !k.x.admin.Now().Before(k.until.Add(-2 * requestTimeout)) {
			break
		}
		var on bool
		if on, err = k.reload(ctx); unreadable(err) {
			failed, err = err, nil
		}
		if err != nil || failed != nil || !on {
			break
		}
		var changes []storage.Write[storage.Record]
		delivered := false
		one, cancel := context.WithTimeout(ctx, 2*requestTimeout) // so that the lease outlives it
		place := placeOf(k.items[0])
		if failed = k.x.renew(one, k.svc, k.conn); failed == nil {
			changes, failed = f(one, k.svc, k.conn, &k.items[0])
		}
		if cancel(); failed == nil {
			delivered = true
		} else if !errors.Is(failed, errGone) {
			if now := placeOf(k.items[0]); now != "" && now != place {
				k.line.Tries = 0 // the look-up has gone on
			}
			if changes, failed = k.failed(ctx, k.items[0], failed); failed != nil {
				break
			}
			k.conn.ignored = []string{whyGivenUp}
		}
		if failed == nil {
			if err = k.commit(ctx, changes); err != nil {
				break
			}
			if delivered {
				k.line.moved(k.x.admin.Now())
			}
			k.x.tally(context.WithoutCancel(ctx), k.domain, k.of, k.conn.ignored)
		}
		failed, k.items = nil, k.items[1:]
		did++
	}
	return did, errors.Join(err, k.giveBack(context.WithoutCancel(ctx), failed), ctx.Err())
}

// take leases the queue. While it is paused or the service is off, what is due
// of it is put off, so that it is in nobody's way.
func (k *queueWork) take(ctx context.Context, due []storage.Record) (did int, mine bool, err error) {
	err = k.x.admin.AsHost(k.domain).Change(ctx, traffic(k.of), func(ctx context.Context, w *chatadmin.Writer) error {
		k.lost = 0
		did, mine, k.svc, k.until = 0, false, k.x.byName[k.of.Service], w.Now().Add(leaseLife)
		d, err := decided(ctx, w, k.domain, k.of.Service)
		if err != nil {
			return err
		}
		if k.line, err = k.x.readLine(ctx, w, k.domain, k.kind, k.of); err != nil {
			return err
		}
		if k.line.held(w.Now()) {
			return nil
		}
		until := k.line.pausedUntil(w.Now())
		if k.off = k.svc == nil || !d.On || w.Settings.State != chatadmin.DomainActive; k.off {
			until = w.Now().Add(time.Minute)
		}
		if w.Now().Before(until) {
			did, err = k.putOff(ctx, w, due, until)
			return err
		}
		mine = true
		k.line.Leased, k.line.Paused, k.line.Since = k.until, time.Time{}, time.Time{}
		return w.PutRecords(ctx, []storage.Write[storage.Record]{k.line.change(k.domain, k.kind, k.of)})
	})
	if errors.Is(err, chatadmin.ErrBusy) || errors.Is(err, chatadmin.ErrNotFound) {
		// another worker was faster, or the owner is gone, with the queue
		mine, err = false, nil
	} else if err == nil {
		k.x.tally(ctx, k.domain, k.of, slices.Repeat([]string{whyGivenUp}, k.lost))
	}
	return did, mine, err
}

// reload reads the connection again, before each message: what an admin
// disables or changes meanwhile counts at once.
func (k *queueWork) reload(ctx context.Context) (on bool, err error) {
	st := k.x.admin.Store()
	c, d, err := k.x.load(ctx, st, k.domain, k.of)
	if err != nil {
		return false, err
	}
	ds, err := st.Domains(ctx, []chatadmin.ID{k.domain})
	if err != nil || len(ds) == 0 {
		return false, err
	}
	set, err := chatadmin.SettingsOf(ds[0])
	k.conn = c
	return d.On && set.State == chatadmin.DomainActive, err
}

// putOff makes what is due before a time due then, or gives up what has waited
// for a day. It reads the items again, since a deletion may have taken some out
// of the queue.
func (k *queueWork) putOff(ctx context.Context, w *chatadmin.Writer, items []storage.Record, until time.Time) (int, error) {
	rs, err := again(ctx, w, items)
	if err != nil {
		return 0, err
	}
	slices.SortFunc(rs, func(a, b storage.Record) int { return strings.Compare(a.ID, b.ID) })
	var changes []storage.Write[storage.Record]
	for i, r := range rs {
		switch {
		case isDone(r):
		case k.expired(r, w.Now()):
			k.lost++
			changes = append(changes, k.x.bury(ctx, r, "it has waited for a day: "+orElse(k.line.Problem, "the service is disabled"))...)
		case r.Due.Before(until) || i == 0 && r.Due.After(until) || queued(r).After(w.Now().Add(drift)):
			was := r.Rev
			if r.Due = until; i > 0 {
				// the first one is enough: whoever deals with it takes the
				// whole line
				r.Due = until.Add(time.Minute)
			}
			if queued(r).After(w.Now().Add(drift)) { // told by a clock that was ahead
				if r.Data, err = requeued(r.Data, w.Now()); err != nil {
					return 0, err
				}
			}
			changes = append(changes, storage.Write[storage.Record]{Row: r, Was: was})
		}
	}
	return len(changes), w.PutRecords(ctx, changes)
}

// again reads records as they are now.
func again(ctx context.Context, r storage.Reader, items []storage.Record) ([]storage.Record, error) {
	if len(items) == 0 {
		return nil, nil
	}
	keys := make([]storage.Key, len(items))
	for i, r := range items {
		keys[i] = r.Key
	}
	return r.Records(ctx, keys)
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// failed decides what a failure means: nil and changes, if it concerns this one
// message, which is given up; else the failure, which stops the queue for a
// while.
func (k *queueWork) failed(ctx context.Context, r storage.Record, err error) ([]storage.Write[storage.Record], error) {
	var p *ProviderError
	again := !errors.Is(err, chatadmin.ErrInvalid) && !errors.Is(err, chatadmin.ErrNotFound) && !errors.Is(err, ErrHost)
	if errors.As(err, &p) {
		again = p.Again || p.SignIn || p.Unsure
	}
	if again && (!k.expired(r, k.x.admin.Now()) || errors.Is(err, context.Canceled)) {
		return nil, err
	}
	return k.x.bury(ctx, r, sentence(err)), nil
}

// expired reports whether a record has waited long enough to be given up. While
// the service is disabled that is a day; otherwise a day in which its queue
// delivered nothing.
func (k *queueWork) expired(r storage.Record, now time.Time) bool {
	if k.off {
		return queued(r).Before(now.Add(-giveUp))
	}
	return k.line.expired(queued(r), now)
}

// sentence is what an admin may read of a failure.
func sentence(err error) string {
	var p *ProviderError
	switch {
	case errors.As(err, &p):
		return p.Error()
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return "there was no answer in time"
	}
	text := err.Error()
	return text[:min(len(text), 512)]
}

// commit writes what ends a record. If the first change is in conflict somebody
// else has ended it, and nothing is kept.
func (k *queueWork) commit(ctx context.Context, changes []storage.Write[storage.Record]) error {
	err := k.x.admin.AsHost(k.domain).Change(context.WithoutCancel(ctx), traffic(k.of), func(ctx context.Context, w *chatadmin.Writer) error {
		conflicts, err := changeRecords(ctx, w, changes)
		if err == nil && len(conflicts) > 0 && conflicts[0].Index == 0 {
			err = errGone
		}
		return err
	})
	if errors.Is(err, chatadmin.ErrNotFound) || errors.Is(err, errGone) {
		return nil
	}
	return err
}

func changeRecords(ctx context.Context, w *chatadmin.Writer, changes []storage.Write[storage.Record]) ([]storage.Conflict, error) {
	for i := range changes {
		var err error
		if changes[i].Row.Rev, err = w.NextRev(changes[i].Was); err != nil {
			return nil, err
		}
	}
	return w.ChangeRecords(ctx, changes)
}

// giveBack ends the lease, unless another worker has taken it over. After a
// failure the queue pauses, and what is in hand of it is put off; otherwise the
// first of that is left due.
func (k *queueWork) giveBack(ctx context.Context, failed error) error {
	now := k.x.admin.Now()
	tell := ""
	if failed == nil {
		k.line.Tries, k.line.Problem, k.line.Told = 0, "", false
	} else if !errors.Is(failed, context.Canceled) {
		p := &ProviderError{}
		errors.As(failed, &p)
		k.line.Problem = sentence(failed)
		k.line.pause(now, p.After)
		if p.SignIn && !k.line.Told {
			k.line.Told, tell = true, k.line.Problem
		}
		k.x.admin.Options().Logger.WarnContext(ctx, "integration: waiting", "service", k.of.Service, "queue", k.kind, "until", k.line.Paused, "problem", k.line.Problem)
	}
	k.line.Leased = time.Time{}
	err := k.x.admin.AsHost(k.domain).Change(ctx, traffic(k.of), func(ctx context.Context, w *chatadmin.Writer) error {
		k.lost = 0
		l, err := k.x.readLine(ctx, w, k.domain, k.kind, k.of)
		if err != nil || !l.Leased.Equal(k.until) {
			return err
		}
		k.line.rev = l.rev
		changes := []storage.Write[storage.Record]{k.line.change(k.domain, k.kind, k.of)}
		if tell != "" {
			changes = append(changes, k.x.notice(k.domain, k.of, texts.NewMessage("integration.authenticate", tell)))
		}
		if k.line.Paused.IsZero() {
			first, err := again(ctx, w, k.items[:min(1, len(k.items))])
			if err != nil {
				return err
			}
			changes = append(changes, wake(first, now)...)
		} else if _, err := k.putOff(ctx, w, k.items, k.line.Paused); err != nil {
			return err
		}
		return w.PutRecords(ctx, changes)
	})
	if errors.Is(err, chatadmin.ErrNotFound) {
		return nil
	}
	if err == nil {
		k.x.tally(ctx, k.domain, k.of, slices.Repeat([]string{whyGivenUp}, k.lost))
	}
	return err
}
