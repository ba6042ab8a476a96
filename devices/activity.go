package devices

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// maxNoted bounds the memory of an activity that is never flushed. Devices
// beyond it are noted at a later request.
const maxNoted = 50_000

// activity remembers which devices were active and are not written down yet.
type activity struct {
	mu    sync.Mutex
	noted map[noted]time.Time
}

type noted struct{ domain, device chatadmin.ID }

// note remembers that a device was active, where its row does not say so
// already.
func (r *Registry) note(d *storage.Device, now time.Time) {
	if now.Sub(d.LastSeen).Abs() >= r.o.SeenEvery { // also where a clock that was wrong has put it far ahead
		r.seen.add(noted{d.Domain, d.ID}, now)
	}
}

// add keeps the later one where a device was noted before.
func (a *activity) add(k noted, at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.noted == nil {
		a.noted = map[noted]time.Time{}
	}
	if before, ok := a.noted[k]; ok && at.After(before) || !ok && len(a.noted) < maxNoted {
		a.noted[k] = at
	}
}

// FlushActivity writes down when devices were active last, as Authorize and
// CheckIn have noted it in this process, and returns for how many.
// chatadmin.Admin.Work calls it. A device costs at most one write in
// Options.SeenEvery. A crash loses what was not flushed; the next request notes
// it again. What cannot be written is kept for the next call; the rest is
// written, and the first error is returned.
func (r *Registry) FlushActivity(ctx context.Context) (int, error) {
	r.seen.mu.Lock()
	all := r.seen.noted
	r.seen.noted = nil
	r.seen.mu.Unlock()
	byDomain := map[chatadmin.ID][]chatadmin.ID{}
	for k := range all {
		byDomain[k.domain] = append(byDomain[k.domain], k.device)
	}
	total := 0
	var first error
	for domain, ids := range byDomain {
		for part := range slices.Chunk(ids, chatadmin.MaxBatch) {
			n, err := r.flush(ctx, domain, part, all)
			if total += n; err == nil {
				continue
			}
			if first == nil {
				first = fmt.Errorf("domain %s: %w", chatadmin.Cut(string(domain)), err)
			}
			if errors.Is(err, chatadmin.ErrNotFound) {
				continue // the domain is gone, and its devices with it
			}
			for _, id := range part {
				k := noted{domain, id}
				r.seen.add(k, all[k])
			}
		}
	}
	return total, first
}

// flush writes one batch. It is no change that anybody asked for, and has no
// event; where it loses a race, what won it counts. A time far ahead comes from
// a clock that was wrong, too, and makes way for an earlier one.
func (r *Registry) flush(ctx context.Context, domain chatadmin.ID, ids []chatadmin.ID, seen map[noted]time.Time) (n int, err error) {
	op := chatadmin.Op{Kind: "device.seen", Fence: storage.Shared, Targets: ids}
	err = r.admin.AsHost(domain).Change(ctx, op, func(ctx context.Context, w *chatadmin.Writer) error {
		rows, err := w.Devices(ctx, domain, ids)
		if err != nil {
			return err
		}
		var changes []storage.Write[storage.Device]
		users := map[chatadmin.ID]time.Time{}
		for _, d := range rows {
			at := seen[noted{domain, d.ID}]
			if at.After(w.Now()) { // noted by a clock that was wrong
				at = w.Now()
			}
			if at.After(d.LastSeen) || d.LastSeen.Sub(w.Now()) >= r.o.SeenEvery {
				c := storage.Write[storage.Device]{Row: d, Was: d.Rev}
				if c.Row.Rev, err = w.NextRev(d.Rev); err != nil {
					return err
				}
				c.Row.LastSeen = at
				changes = append(changes, c)
				if at.After(users[d.User]) {
					users[d.User] = at
				}
			}
		}
		if n = 0; len(changes) == 0 {
			return nil
		}
		conflicts, err := w.ChangeDevices(ctx, changes)
		n = len(changes) - len(conflicts)
		if err == nil {
			_, err = signin.MarkActive(ctx, w, users) // who uses a device is not idle
		}
		return err
	})
	return n, err
}
