package devices

import (
	"context"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// usersChanged makes devices follow their users, in the transaction that writes
// those. Authorize reads the device alone, so the row itself must say that the
// user is out: after the commit the next request is refused. What one call has
// to change is bounded by Options.MaxPerUser; users who keep their access, as
// nearly all of an import do, cost nothing.
func (r *Registry) usersChanged(ctx context.Context, w *chatadmin.Writer, changes []chatadmin.UserChange) error {
	var out, in, end, racing []chatadmin.ID
	for i := range changes {
		c := &changes[i]
		switch {
		case c.Ends.Devices == chatadmin.DevicesToBeWiped:
			end = append(end, c.Now.ID)
		case c.Ends.Devices == chatadmin.DevicesDisabled:
			racing = append(racing, c.Now.ID)
			out = append(out, c.Now.ID)
		case c.GainsAccess():
			in = append(in, c.Now.ID)
		}
	}
	if len(racing) > 0 {
		if err := guard(ctx, w, racing); err != nil {
			return err
		}
	}
	for _, x := range []struct {
		users []chatadmin.ID
		event Event
		kind  string
		wipe  bool
	}{{out, UserOut, KindDisable, false}, {in, UserIn, KindEnable, false}, {end, UserOut, KindWipe, true}} {
		if len(x.users) == 0 {
			continue
		}
		if err := r.follow(ctx, w, x.users, x.event, x.kind, x.wipe); err != nil {
			return err
		}
	}
	return nil
}

// follow lets an event happen to all devices of users, page by page.
func (r *Registry) follow(ctx context.Context, w *chatadmin.Writer, users []chatadmin.ID, e Event, kind string, wipe bool) error {
	for p := (chatadmin.Page{Limit: chatadmin.MaxBatch}); ; {
		rows, next, err := w.ListDevices(ctx, storage.DeviceQuery{Domain: w.Domain.ID, Users: users}, p)
		if err != nil {
			return err
		}
		var hs []*entry
		if wipe {
			hs, err = withCommands(ctx, w, w.Domain.ID, rowIDs(rows), rows)
		} else {
			hs = loadRows(rows)
		}
		if err != nil {
			return err
		}
		for _, h := range hs {
			if h.damaged != nil {
				r.admin.Options().Logger.WarnContext(ctx, "a device cannot be read; repair it", "domain", w.Domain.ID, "device", h.id, "error", h.damaged)
			}
			if err := h.apply(e); err != nil {
				return err
			}
			if wipe {
				if err := h.ask(w, r.admin.NewID()); err != nil {
					return err
				}
			}
		}
		if err := write(ctx, w, kind, hs); err != nil {
			return err
		}
		if next == "" {
			return nil
		}
		p.After = next
	}
}
