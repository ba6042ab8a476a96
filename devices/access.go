package devices

import (
	"context"
	"fmt"

	"chatadmin.example/sdk/chatadmin"
)

// Selection says which devices a call is about: these, and all that these users have at the moment. Together at most 500 devices.
type Selection struct{ Devices, Users []chatadmin.ID }

// These selects devices by ID.
func These(devices ...chatadmin.ID) Selection { return Selection{Devices: devices} }

// Of selects all devices of users.
func Of(users ...chatadmin.ID) Selection { return Selection{Users: users} }

// Disable ends the access of devices: their next request is refused, and their credentials are dead for good. A pending wipe stays pending. It needs chatadmin.PermDevices, but for
// one's own devices: who has lost a phone need not wait for an administrator. It returns the devices as they are then.
func (r *Registry) Disable(ctx context.Context, s *chatadmin.Scope, sel Selection) ([]Device, error) {
	return r.change(ctx, s, KindDisable, sel, true, func(_ *chatadmin.Work, h *held) error { return h.apply(Disable) })
}

// EnableOptions say how Enable deals with wipes; nil means defaults.
type EnableOptions struct {
	// CancelWipe cancels wipes that are not delivered yet. Otherwise enabling a device whose wipe is pending is ErrWipePending.
	CancelWipe bool
}

// Enable lets devices in again, once they have registered anew. All or none: one whose wipe is pending is ErrWipePending, one whose user has no access ErrState. It needs
// chatadmin.PermDevices.
func (r *Registry) Enable(ctx context.Context, s *chatadmin.Scope, sel Selection, o *EnableOptions) ([]Device, error) {
	return r.change(ctx, s, KindEnable, sel, false, func(w *chatadmin.Work, h *held) error {
		if o != nil && o.CancelWipe && h.state().Pending() {
			if err := h.end(w, CancelWipe, actor(w), ""); err != nil {
				return err
			}
		}
		return h.apply(Enable)
	})
}

// Wipe asks for the removal of all of the network's content from a device, and disables it at once. The command waits until the device checks in. Asking again changes nothing while
// the wipe is pending, or once it is done. Wiping many is planned: see PlanWipe. It needs chatadmin.PermDevices, and Options.Before of the Admin may refuse it.
func (r *Registry) Wipe(ctx context.Context, s *chatadmin.Scope, device chatadmin.ID) (Device, error) {
	return r.changeOne(ctx, s, KindWipe, device, func(w *chatadmin.Work, h *held) error { return h.ask(w, r.admin.NewID()) })
}

// CancelWipe takes back a wipe that is not delivered yet, or refuses with ErrState. The device stays disabled. It needs chatadmin.PermDevices.
func (r *Registry) CancelWipe(ctx context.Context, s *chatadmin.Scope, device chatadmin.ID) (Device, error) {
	return r.changeOne(ctx, s, KindCancelWipe, device, func(w *chatadmin.Work, h *held) error { return h.end(w, CancelWipe, actor(w), "") })
}

// Remove takes devices off the list, with their history. A pending wipe stays pending, and can still be fetched and answered. It needs chatadmin.PermDevices.
func (r *Registry) Remove(ctx context.Context, s *chatadmin.Scope, sel Selection) error {
	_, err := r.change(ctx, s, KindRemove, sel, false, func(_ *chatadmin.Work, h *held) error {
		h.remove = true
		return nil
	})
	return err
}

func (r *Registry) changeOne(ctx context.Context, s *chatadmin.Scope, kind string, id chatadmin.ID, f func(*chatadmin.Work, *held) error) (Device, error) {
	ds, err := r.change(ctx, s, kind, These(id), false, f)
	if err != nil {
		return Device{}, err
	}
	return ds[0], nil
}

// change changes devices in one transaction: all or none. Only what the user may do to own devices goes without the permission.
func (r *Registry) change(ctx context.Context, s *chatadmin.Scope, kind string, sel Selection, own bool, f func(*chatadmin.Work, *held) error) ([]Device, error) {
	ids, err := r.selected(ctx, s, sel, own)
	if err != nil {
		return nil, err
	}
	var out []Device
	err = s.Change(ctx, chatadmin.Op{Kind: kind, Fence: chatadmin.Shared, Targets: ids}, func(ctx context.Context, w *chatadmin.Work) error {
		hs, err := rowsOf(ctx, w, ids)
		if err != nil {
			return err
		}
		if err := mayActOn(ctx, w, hs, own); err != nil {
			return err
		}
		out = make([]Device, len(hs))
		for i, h := range hs {
			if err := f(w, h); err != nil {
				return err
			}
			out[i] = h.device()
			if h.remove {
				if err := dropHistory(ctx, w, h.id); err != nil {
					return err
				}
			}
		}
		return write(ctx, w, kind, hs)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// selected finds the devices of a selection, for Options.Before and for the transaction. What the actor may not know of looks as if it were not permitted.
func (r *Registry) selected(ctx context.Context, s *chatadmin.Scope, sel Selection, own bool) ([]chatadmin.ID, error) {
	need := chatadmin.PermDevices
	if own {
		need = ""
	}
	_, _, role, err := s.ViewAs(ctx, need)
	if err != nil {
		return nil, err
	}
	ids, err := r.resolve(ctx, s.Domain(), sel, batch)
	if role.May(chatadmin.PermDevices) {
		return ids, err
	}
	forbidden := fmt.Errorf("this needs the permission %q, but for one's own devices: %w", chatadmin.PermDevices, chatadmin.ErrForbidden)
	rows, readErr := r.admin.Store().Devices(ctx, s.Domain(), ids)
	if err != nil || readErr != nil || len(rows) < len(ids) {
		return nil, forbidden
	}
	for _, d := range rows {
		if d.User != s.Actor() {
			return nil, forbidden
		}
	}
	return ids, nil
}

// resolve lists what a selection selects, at most so many, each device once.
func (r *Registry) resolve(ctx context.Context, domain chatadmin.ID, sel Selection, most int) ([]chatadmin.ID, error) {
	if len(sel.Devices) == 0 && len(sel.Users) == 0 || len(sel.Users) > chatadmin.MaxBatch || len(sel.Devices) > most {
		return nil, fmt.Errorf("select up to %d devices, or the devices of up to %d users: %w", most, chatadmin.MaxBatch, chatadmin.ErrInvalid)
	}
	seen := map[chatadmin.ID]bool{}
	var ids []chatadmin.ID
	add := func(id chatadmin.ID) {
		if !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	for _, id := range sel.Devices {
		add(id)
	}
	if len(sel.Users) > 0 {
		q := chatadmin.DeviceQuery{Domain: domain, Users: sel.Users}
		for d, err := range pages(func(p chatadmin.Page) ([]chatadmin.Device, chatadmin.Cursor, error) {
			return r.admin.Store().ListDevices(ctx, q, p)
		}) {
			if err != nil {
				return nil, err
			}
			if add(d.ID); len(ids) > most {
				return nil, fmt.Errorf("these are more than %d devices: select fewer: %w", most, chatadmin.ErrInvalid)
			}
		}
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("these users have no devices: %w", chatadmin.ErrNotFound)
	}
	return ids, nil
}

// rowsOf holds devices that must all have a row.
func rowsOf(ctx context.Context, w *chatadmin.Work, ids []chatadmin.ID) ([]*held, error) {
	hs, err := hold(ctx, w, w.Domain.ID, ids)
	if err != nil {
		return nil, err
	}
	there := map[chatadmin.ID]bool{}
	for _, h := range hs {
		there[h.id] = h.there()
	}
	for _, id := range ids {
		if !there[id] {
			return nil, fmt.Errorf("device %s: %w", chatadmin.Cut(string(id)), chatadmin.ErrNotFound)
		}
	}
	return hs, nil
}

// mayActOn refuses devices of somebody whose role stands above the actor's and, without the permission, those of others.
func mayActOn(ctx context.Context, w *chatadmin.Work, hs []*held, own bool) error {
	var users []chatadmin.ID
	seen := map[chatadmin.ID]bool{}
	for _, h := range hs {
		if !seen[h.user] && h.user != "" {
			seen[h.user] = true
			users = append(users, h.user)
		}
	}
	if !own || len(users) > 1 || len(users) == 1 && users[0] != w.Actor.ID {
		if err := w.Require(chatadmin.PermDevices); err != nil {
			return err
		}
	}
	us, err := w.Users(ctx, w.Domain.ID, users)
	if err != nil {
		return err
	}
	for i := range us {
		if err := w.MayActOn(&us[i]); err != nil {
			return err
		}
	}
	return nil
}

// dropHistory deletes what belongs to a device: few records, since each has cost an administrator a call.
func dropHistory(ctx context.Context, w *chatadmin.Work, device chatadmin.ID) error {
	for {
		rs, _, err := w.ListRecords(ctx, chatadmin.RecordQuery{Domain: w.Domain.ID, Owner: device}, chatadmin.Page{Limit: chatadmin.MaxBatch})
		if err != nil {
			return err
		}
		var changes []chatadmin.Change[chatadmin.Record]
		for _, r := range rs {
			if r.Kind != commandKind { // write deletes that one, if it has ended
				changes = append(changes, chatadmin.Change[chatadmin.Record]{Row: r, Was: r.Rev, Delete: true})
			}
		}
		if len(changes) == 0 {
			return nil
		}
		if err := w.PutRecords(ctx, changes); err != nil {
			return err
		}
	}
}
