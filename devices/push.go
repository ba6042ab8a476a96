package devices

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/chatadmin/storage"
)

const (
	pushBatch = 50
	kindPush  = "device.push" // what Options.Before is asked about
	// tries of one push: the last about four hours after the first
	maxPushes = 8

	pushMost = time.Minute << maxPushes // no push is put off by more
	// how often a process looks for what a wrong clock has put off for longer
	pushSweep = time.Hour
)

// forever is later than every time that is written.
var forever = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// clockSkew is how far apart the clocks of two processes may be. What lies
// further ahead than it could was written by a clock that was wrong.
const clockSkew = 5 * time.Minute

// waits reports whether a push still waits for its time, as far as that is to
// be believed.
func waits(due, now time.Time) bool {
	return now.Before(due) && !due.After(now.Add(pushMost+clockSkew))
}

// sweeps reports whether it is time to look at all pushes of a domain, due or
// not: a process whose own clock was put back does so at once.
func (r *Registry) sweeps(domain chatadmin.ID, now time.Time) bool {
	last, ok := r.swept.Load(domain)
	if !ok {
		return true
	}
	age := now.Sub(last.(time.Time))
	return age < 0 || age >= pushSweep
}

// push is one that waits: its record is due when it is to be tried.
type push struct {
	Device chatadmin.ID `json:"device"`
	Tries  int          `json:"tries,omitempty"`
}

func (p *push) check() error {
	if p.Device == "" || notOpaque(p.Device) || p.Tries < 0 || p.Tries > maxPushes {
		return errors.New("it names no device, or tries that cannot be")
	}
	return nil
}

func newPush(w *chatadmin.Writer, c Command) (storage.Record, error) {
	text, err := pushes.Encode(&push{Device: c.Device})
	return storage.Record{Key: pushes.Key(w.Domain.ID, string(c.ID)), Owner: c.Device, Due: w.Now(), Data: text}, err
}

// SendPushes wakes the devices of a domain that have a command to fetch,
// through Options.Pusher, and returns how many pushes were accepted.
// chatadmin.Admin.Work calls it. Without a Pusher it does nothing.
//
// A push is sent at least once. If it is refused, it is tried again later, up
// to 8 times; after that the device learns of its command when it checks in.
// Options.Before of the Admin is asked before each batch of at most 50; what it
// refuses waits for the next call.
func (r *Registry) SendPushes(ctx context.Context, domain chatadmin.ID) (int, error) {
	if r.o.Pusher == nil {
		return 0, nil
	}
	now := r.admin.Now()
	q, total := storage.RecordQuery{Kind: pushKind, Domain: domain, DueBy: now}, 0
	sweep := r.sweeps(domain, now)
	if sweep {
		q.DueBy = forever
	}
	for p := (chatadmin.Page{Limit: pushBatch}); ; {
		due, next, err := r.admin.Store().ListRecords(ctx, q, p)
		if err != nil {
			return total, err
		}
		due = slices.DeleteFunc(due, func(r storage.Record) bool { return waits(r.Due, now) })
		sent, err := r.sendPushes(ctx, domain, due)
		if total += sent; errors.Is(err, chatadmin.ErrBusy) {
			return total, nil // another worker is at it
		} else if err != nil {
			return total, err
		}
		if next == "" {
			if sweep {
				r.swept.Store(domain, now)
			}
			return total, nil
		}
		p.After = next
	}
}

// sendPushes sends some pushes and writes down what became of them.
func (r *Registry) sendPushes(ctx context.Context, domain chatadmin.ID, due []storage.Record) (sent int, err error) {
	if len(due) == 0 {
		return 0, nil
	}
	waiting, ids := make([]push, len(due)), make([]chatadmin.ID, 0, len(due))
	for i, rec := range due {
		var err error
		if waiting[i], err = pushes.Decode(rec); err != nil {
			r.admin.Options().Logger.WarnContext(ctx, "a push cannot be read", "domain", domain, "error", err)
			continue
		}
		ids = append(ids, waiting[i].Device)
	}
	slices.Sort(ids) // a device may have one for each of several commands
	hs, err := load(ctx, r.admin.Store(), domain, slices.Compact(ids))
	if err != nil {
		return 0, err
	}
	of, targets := map[chatadmin.ID]*entry{}, []chatadmin.ID(nil)
	for _, h := range hs {
		if h.state() == Requested && h.data.Push != "" {
			of[h.id] = h
			targets = append(targets, h.id)
		}
	}
	if err := r.mayPush(ctx, domain, targets); err != nil {
		return 0, err
	}
	changes := make([]storage.Write[storage.Record], len(due))
	for i, rec := range due {
		c, p := &changes[i], &waiting[i]
		*c = storage.Write[storage.Record]{Row: rec, Was: rec.Rev, Delete: true}
		h := of[p.Device]
		switch {
		case p.Device == "": // it cannot be read: a newer version may
			c.Delete, c.Row.Due = false, r.admin.Now().Add(pushSweep)
			continue
		case h == nil || string(h.command.ID) != rec.ID && h.lost == nil:
			continue // pointless by now
		}
		ok, err := r.send(ctx, domain, h.data.Push, p, c)
		if err != nil {
			return sent, err
		}
		if ok {
			sent++
		}
	}
	return sent, r.pushed(context.WithoutCancel(ctx), domain, changes)
}

// send hands one push over, or makes c put it off.
func (r *Registry) send(ctx context.Context, domain chatadmin.ID, token string, p *push, c *storage.Write[storage.Record]) (sent bool, err error) {
	if err = r.o.Pusher.Push(ctx, chatadmin.Push{Token: secret.Hide(token), Kind: KindWipe}); err == nil {
		return true, nil
	}
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	p.Tries++
	r.admin.Options().Logger.WarnContext(ctx, "push not sent", "domain", domain, "device", p.Device, "try", p.Tries, "error", err)
	if c.Delete = p.Tries >= maxPushes; c.Delete {
		return false, nil
	}
	c.Row.Due = r.admin.Now().Add(time.Minute << p.Tries)
	c.Row.Data, err = pushes.Encode(p)
	return false, err
}

// mayPush asks Options.Before. That cannot be left to the transaction that
// writes the outcome: by then the pushes have left.
func (r *Registry) mayPush(ctx context.Context, domain chatadmin.ID, devices []chatadmin.ID) error {
	before := r.admin.Options().Before
	if before == nil || len(devices) == 0 {
		return nil
	}
	if err := before(ctx, chatadmin.Intent{Domain: domain, Actor: chatadmin.HostActor, Kind: kindPush, Targets: devices}); err != nil {
		return fmt.Errorf("%s: %w: %w", kindPush, chatadmin.ErrVetoed, err)
	}
	return nil
}

// pushed writes down what became of pushes. To do so again where the commit was
// not confirmed is harmless: one that changed meanwhile was sent by another
// worker too, or went with its device.
func (r *Registry) pushed(ctx context.Context, domain chatadmin.ID, changes []storage.Write[storage.Record]) error {
	for n := 1; ; n++ {
		err := r.admin.Bookkeep(ctx, domain, func(ctx context.Context, w *chatadmin.Writer) error {
			for i := range changes {
				var err error
				if changes[i].Row.Rev, err = w.NextRev(changes[i].Was); err != nil {
					return err
				}
			}
			_, err := w.ChangeRecords(ctx, changes)
			return err
		})
		if !errors.Is(err, chatadmin.ErrCommitUnknown) || n == 8 {
			return err
		}
	}
}
