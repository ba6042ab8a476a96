package devices

import (
	"context"
	"sync"
	"time"

	"chatadmin.example/sdk/chatadmin"
)

// maxNoted bounds the memory of an activity that nobody flushes: who does not fit is noted at a later request.
const maxNoted = 50_000

// activity remembers who was active and is not written down yet.
type activity struct {
	mu    sync.Mutex
	noted map[noted]time.Time
}

type noted struct{ domain, device chatadmin.ID }

// note remembers that a device was active, where its row does not say so already.
func (r *Registry) note(d *chatadmin.Device, now time.Time) {
	if now.Sub(d.LastSeen) < r.o.SeenEvery {
		return
	}
	a := &r.seen
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.noted == nil {
		a.noted = map[noted]time.Time{}
	}
	k := noted{d.Domain, d.ID}
	if _, ok := a.noted[k]; ok || len(a.noted) < maxNoted {
		a.noted[k] = now
	}
}

// FlushActivity writes down when devices were active last, as Authorize and CheckIn have noted in this process, and returns for how many. The host calls it from a worker, about
// every minute. A device costs at most one write in Options.SeenEvery, however many requests it makes; a crash loses what was not flushed, and the next request notes it again.
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
	for domain, ids := range byDomain {
		for len(ids) > 0 {
			part := ids[:min(len(ids), chatadmin.MaxBatch)]
			ids = ids[len(part):]
			n, err := r.flush(ctx, domain, part, all)
			if total += n; err != nil {
				return total, err
			}
		}
	}
	return total, nil
}

// flush writes one batch. It is no change that anybody asked for, and has no event; where it loses a race, what won it counts.
func (r *Registry) flush(ctx context.Context, domain chatadmin.ID, ids []chatadmin.ID, seen map[noted]time.Time) (n int, err error) {
	err = r.admin.AsHost(domain).Change(ctx, chatadmin.Op{Kind: "device.seen", Targets: ids}, func(ctx context.Context, w *chatadmin.Work) error {
		rows, err := w.Devices(ctx, domain, ids)
		if err != nil {
			return err
		}
		var changes []chatadmin.Change[chatadmin.Device]
		for _, d := range rows {
			if at := seen[noted{domain, d.ID}]; at.After(d.LastSeen) {
				c := chatadmin.Change[chatadmin.Device]{Row: d, Was: d.Rev}
				if c.Row.Rev, err = w.NextRev(d.Rev); err != nil {
					return err
				}
				c.Row.LastSeen = at
				changes = append(changes, c)
			}
		}
		if n = 0; len(changes) == 0 {
			return nil
		}
		conflicts, err := w.ChangeDevices(ctx, changes)
		n = len(changes) - len(conflicts)
		return err
	})
	return n, err
}
