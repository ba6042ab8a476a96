package devices

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"chatadmin.example/sdk/chatadmin"
)

const (
	pushBatch = 50
	maxPushes = 8 // tries of one push: the last about four hours after the first
)

// push is one that waits: its record is due when it is to be tried.
type push struct {
	Version int          `json:"v"`
	Device  chatadmin.ID `json:"device"`
	Tries   int          `json:"tries,omitempty"`
}

func newPush(w *chatadmin.Work, c Command) (chatadmin.Record, error) {
	text, err := json.Marshal(push{Version: 1, Device: c.Device})
	return chatadmin.Record{Key: key(pushKind, w.Domain.ID, c.ID), Owner: c.Device, Due: w.Now(), Data: text}, err
}

// SendPushes wakes the devices of a domain that have a command to fetch, through Options.Pusher, and returns how many pushes were accepted. Each is sent at least once; what is
// refused is tried again later, up to 8 times, and after that the device learns of its command when it next checks in. The host calls it from a worker. Without a Pusher it does nothing.
func (r *Registry) SendPushes(ctx context.Context, domain chatadmin.ID) (int, error) {
	if r.o.Pusher == nil {
		return 0, nil
	}
	total := 0
	for {
		due, _, err := r.admin.Store().ListRecords(ctx, chatadmin.RecordQuery{Kind: pushKind, Domain: domain, DueBy: r.admin.Now()}, chatadmin.Page{Limit: pushBatch})
		if err != nil || len(due) == 0 {
			return total, err
		}
		sent, err := r.sendPushes(ctx, domain, due)
		if total += sent; errors.Is(err, chatadmin.ErrBusy) {
			return total, nil // another worker is at it
		} else if err != nil {
			return total, err
		}
	}
}

func (r *Registry) sendPushes(ctx context.Context, domain chatadmin.ID, due []chatadmin.Record) (sent int, err error) {
	var changes []chatadmin.Change[chatadmin.Record]
	for _, rec := range due {
		var p push
		if err := json.Unmarshal(rec.Data, &p); err != nil {
			return sent, fmt.Errorf("push %s: %w", rec.ID, err)
		}
		c := chatadmin.Change[chatadmin.Record]{Row: rec, Was: rec.Rev, Delete: true}
		hs, err := hold(ctx, r.admin.Store(), domain, []chatadmin.ID{p.Device})
		if err != nil {
			return sent, err
		}
		if len(hs) > 0 && hs[0].state() == Requested && string(hs[0].command.ID) == rec.ID && hs[0].data.Push != "" {
			switch err := r.o.Pusher.Push(ctx, chatadmin.Push{Token: hs[0].data.Push, Kind: KindWipe}); {
			case err == nil:
				sent++
			case ctx.Err() != nil:
				return sent, ctx.Err()
			default:
				p.Tries++
				r.admin.Options().Logger.WarnContext(ctx, "push not sent", "domain", domain, "device", p.Device, "try", p.Tries, "error", err)
				if c.Delete = p.Tries >= maxPushes; !c.Delete {
					c.Row.Due = r.admin.Now().Add(time.Minute << p.Tries)
					if c.Row.Data, err = json.Marshal(p); err != nil {
						return sent, err
					}
				}
			}
		}
		changes = append(changes, c)
	}
	return sent, r.admin.AsHost(domain).Change(context.WithoutCancel(ctx), chatadmin.Op{Kind: "device.push"}, func(ctx context.Context, w *chatadmin.Work) error {
		for i := range changes {
			var err error
			if changes[i].Row.Rev, err = w.NextRev(changes[i].Was); err != nil {
				return err
			}
		}
		_, err := w.ChangeRecords(ctx, changes) // one that changed meanwhile was sent by another worker too, or went with its device
		return err
	})
}
