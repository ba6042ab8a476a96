package devices

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/texts"
)

// Selection names the devices that a call is about: Devices, and all that Users
// have at the moment. Together they are at most 500; a plan takes up to
// MaxPlan.
type Selection struct{ Devices, Users []chatadmin.ID }

// These selects devices by ID.
func These(devices ...chatadmin.ID) Selection { return Selection{Devices: devices} }

// Of selects all devices of users.
func Of(users ...chatadmin.ID) Selection { return Selection{Users: users} }

// Disable ends the access of devices: their next request is refused, and their
// credentials are dead for good. A pending wipe stays pending. It needs
// chatadmin.PermDevices; users need no permission for their own devices. A
// device that its user has disabled does not count against Options.MaxPerUser.
// It returns the devices as they are afterwards.
func (r *Registry) Disable(ctx context.Context, s *chatadmin.Scope, sel Selection) ([]Device, error) {
	return r.change(ctx, s, KindDisable, sel, true, func(w *chatadmin.Writer, h *entry) error {
		if h.user == w.Actor.ID {
			return h.apply(DisableOwn)
		}
		return h.apply(Disable)
	})
}

// EnableOptions say what Enable does with wipes. With nil the defaults hold.
type EnableOptions struct {
	// CancelWipe cancels wipes that are not delivered yet, if the actor may:
	// see Registry.CancelWipe. Without it, or once the wipe is delivered,
	// enabling a device whose wipe is pending is ErrWipePending.
	CancelWipe bool
}

// Enable lets devices in again, once they have registered anew: all of them or
// none. It needs chatadmin.PermDevices. It returns ErrWipePending for a pending
// wipe, ErrState if a user has no access, and an error that wraps
// chatadmin.ErrDamaged for a device whose data cannot be read.
func (r *Registry) Enable(ctx context.Context, s *chatadmin.Scope, sel Selection, o *EnableOptions) ([]Device, error) {
	return r.change(ctx, s, KindEnable, sel, false, func(w *chatadmin.Writer, h *entry) error {
		if o != nil && o.CancelWipe && h.state() == Requested {
			if err := mayCancel(ctx, w, h); err != nil {
				return err
			}
			if err := h.end(w, CancelWipe, actor(w), ""); err != nil {
				return err
			}
		}
		return h.apply(Enable)
	})
}

// Wipe asks for the removal of all of the network's content from a device, and
// disables the device at once. The command waits until the device checks in.
// Asking again while it is pending does nothing; after the wipe it only
// disables the device until it registers again. PlanWipe plans the wiping of
// many.
//
// It needs chatadmin.PermDevices. Options.Before of the Admin may refuse it.
func (r *Registry) Wipe(ctx context.Context, s *chatadmin.Scope, device chatadmin.ID) (Device, error) {
	return r.changeOne(ctx, s, KindWipe, device, func(w *chatadmin.Writer, h *entry) error { return h.ask(w, r.admin.NewID()) })
}

// CancelWipe takes back a wipe that is not delivered yet; after that it returns
// ErrState. The device stays disabled. The wipe of a device that was removed
// can be taken back too.
//
// It needs chatadmin.PermDevices and power over the user who asked for the
// wipe, not only over the user of the device. A wipe that the host has asked
// for, or a user who was deleted since, can be taken back by the host and
// domain admins only.
func (r *Registry) CancelWipe(ctx context.Context, s *chatadmin.Scope, device chatadmin.ID) (Device, error) {
	return r.changeOne(ctx, s, KindCancelWipe, device, func(w *chatadmin.Writer, h *entry) error {
		if h.state() == Requested {
			if err := mayCancel(ctx, w, h); err != nil {
				return err
			}
		}
		return h.end(w, CancelWipe, actor(w), "")
	})
}

// mayCancel refuses to take back a wipe if the actor may not act on the user
// who asked for it.
func mayCancel(ctx context.Context, w *chatadmin.Writer, h *entry) error {
	return mayStandIn(ctx, w, h.command.AskedBy)
}

// mayStandIn refuses a decision about a request if the actor may not act on the
// user who made it. If the host made it, or a user who is gone, only the host
// and domain admins may decide.
func mayStandIn(ctx context.Context, w *chatadmin.Writer, asker chatadmin.ID) error {
	if w.Role.ID == chatadmin.RoleAdmin { // the host has it too
		return nil
	}
	us, err := w.Users(ctx, w.Domain.ID, []chatadmin.ID{asker})
	switch {
	case err != nil:
		return err
	case asker == chatadmin.HostActor || len(us) == 0 || us[0].Deleting:
		return texts.Explain(fmt.Errorf("the wipe was asked for by the application, or by somebody who is deleted: a domain admin can decide about it: %w", chatadmin.ErrForbidden),
			"why.wipe_of_host")
	}
	return w.MayActOn(&us[0])
}

// Remove takes devices off the list, with their history. A pending wipe stays
// pending: it can still be fetched, answered and cancelled, and if the client
// registers again before that, the device is back on the list and not let in.
// It needs chatadmin.PermDevices.
func (r *Registry) Remove(ctx context.Context, s *chatadmin.Scope, sel Selection) error {
	_, err := r.change(ctx, s, KindRemove, sel, false, func(_ *chatadmin.Writer, h *entry) error {
		h.remove = true
		return nil
	})
	return err
}

func (r *Registry) changeOne(ctx context.Context, s *chatadmin.Scope, kind string, id chatadmin.ID, f func(*chatadmin.Writer, *entry) error) (Device, error) {
	ds, err := r.change(ctx, s, kind, These(id), false, f)
	if err != nil {
		return Device{}, err
	}
	return ds[0], nil
}

// change changes devices in one transaction: all or none. Only what the user
// may do to own devices goes without the permission. Where those of users are
// selected, one that goes meanwhile is no error: it looks again.
func (r *Registry) change(ctx context.Context, s *chatadmin.Scope, kind string, sel Selection, own bool, f func(*chatadmin.Writer, *entry) error) ([]Device, error) {
	for attempt := 1; ; attempt++ {
		out, err := r.changeSelected(ctx, s, kind, sel, own, f)
		if attempt == 4 || len(sel.Devices) > 0 || !errors.Is(err, chatadmin.ErrNotFound) {
			return out, err
		}
	}
}

func (r *Registry) changeSelected(ctx context.Context, s *chatadmin.Scope, kind string, sel Selection, own bool, f func(*chatadmin.Writer, *entry) error) ([]Device, error) {
	ids, err := r.selected(ctx, s, sel, own)
	if err != nil {
		return nil, err
	}
	var out []Device
	err = s.Change(ctx, chatadmin.Op{Kind: kind, Fence: storage.Shared, Targets: ids}, func(ctx context.Context, w *chatadmin.Writer) error {
		hs, err := loadAll(ctx, w, ids, kind == KindCancelWipe)
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
				if err := leaveTombstone(ctx, w, h); err != nil {
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

// scoped refuses a call without a scope.
func scoped(s *chatadmin.Scope) error {
	if s == nil || s.Admin() == nil {
		return fmt.Errorf("nobody was named as the actor: %w", chatadmin.ErrForbidden)
	}
	return nil
}

// selected finds the devices of a selection, for Options.Before and for the
// transaction. What the actor may not know of looks as if it were not
// permitted.
func (r *Registry) selected(ctx context.Context, s *chatadmin.Scope, sel Selection, own bool) ([]chatadmin.ID, error) {
	if err := scoped(s); err != nil {
		return nil, err
	}
	need := chatadmin.PermDevices
	if own {
		need = ""
	}
	_, _, role, err := s.ViewAs(ctx, need)
	if err != nil {
		return nil, err
	}
	may := role.May(chatadmin.PermDevices)
	forbidden := fmt.Errorf("this needs the permission %q, but for one's own devices: %w", chatadmin.PermDevices, chatadmin.ErrForbidden)
	if !may && slices.ContainsFunc(sel.Users, func(u chatadmin.ID) bool { return u != s.Actor() }) {
		return nil, forbidden
	}
	ids, err := resolve(ctx, s.Admin().Store(), s.Domain(), sel, batch)
	if err != nil || may {
		return ids, err
	}
	hs, err := load(ctx, s.Admin().Store(), s.Domain(), ids)
	if err != nil {
		return nil, err
	}
	if len(sel.Devices) == 0 { // what is missing went meanwhile
		hs = slices.DeleteFunc(hs, func(h *entry) bool { return !h.there() })
		if ids = nil; len(hs) == 0 {
			return nil, errNoDevices
		}
		for _, h := range hs {
			ids = append(ids, h.id)
		}
	}
	if len(hs) < len(ids) || slices.ContainsFunc(hs, func(h *entry) bool { return h.user != s.Actor() }) {
		return nil, forbidden
	}
	return ids, nil
}

var errNoDevices = fmt.Errorf("these users have no devices: %w", chatadmin.ErrNotFound)

// resolve lists what a selection selects, at most so many, each device once.
func resolve(ctx context.Context, store storage.Reader, domain chatadmin.ID, sel Selection, most int) ([]chatadmin.ID, error) {
	if len(sel.Devices) == 0 && len(sel.Users) == 0 || len(sel.Users) > chatadmin.MaxBatch || len(sel.Devices) > most {
		return nil, texts.Explain(fmt.Errorf("select up to %d devices, or the devices of up to %d users: %w", most, chatadmin.MaxBatch, chatadmin.ErrInvalid),
			"why.devices_select", most)
	}
	if slices.ContainsFunc(sel.Users, notOpaque) {
		return nil, fmt.Errorf("one of these is no ID of a user: %w", chatadmin.ErrNotFound)
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
		q := storage.DeviceQuery{Domain: domain, Users: sel.Users}
		for d, err := range pages(func(p chatadmin.Page) ([]storage.Device, chatadmin.Cursor, error) {
			return store.ListDevices(ctx, q, p)
		}) {
			if err != nil {
				return nil, err
			}
			if add(d.ID); len(ids) > most {
				return nil, texts.Explain(fmt.Errorf("these are more than %d devices: select fewer: %w", most, chatadmin.ErrInvalid), "why.devices_select", most)
			}
		}
	}
	if len(ids) == 0 {
		return nil, errNoDevices
	}
	return ids, nil
}

// loadAll loads devices that must all have a row or, where that will do, a wipe
// that has outlived it.
func loadAll(ctx context.Context, w *chatadmin.Writer, ids []chatadmin.ID, outlived bool) ([]*entry, error) {
	hs, err := load(ctx, w, w.Domain.ID, ids)
	if err != nil {
		return nil, err
	}
	there := map[chatadmin.ID]bool{}
	for _, h := range hs {
		there[h.id] = h.there() || outlived && h.state().Pending()
	}
	for _, id := range ids {
		if !there[id] {
			return nil, fmt.Errorf("device %s: %w", chatadmin.Cut(string(id)), chatadmin.ErrNotFound)
		}
	}
	return hs, nil
}

// mayActOn refuses devices of users on whom the actor may not act and, without
// the permission, devices of others.
func mayActOn(ctx context.Context, w *chatadmin.Writer, hs []*entry, own bool) error {
	users := usersOf(hs)
	if !own || len(users) > 1 || len(users) == 1 && users[0] != w.Actor.ID {
		if err := w.Require(chatadmin.PermDevices); err != nil {
			return err
		}
	}
	refused, err := above(ctx, w, hs)
	if err != nil {
		return err
	}
	for _, u := range users {
		if refused[u] != nil {
			return refused[u]
		}
	}
	return nil
}

// above finds the users on whom the actor may not act, with the refusal for
// each.
func above(ctx context.Context, w *chatadmin.Writer, hs []*entry) (map[chatadmin.ID]error, error) {
	users := usersOf(hs)
	if len(users) == 0 {
		return nil, nil
	}
	us, err := w.Users(ctx, w.Domain.ID, users)
	if err != nil {
		return nil, err
	}
	refused := map[chatadmin.ID]error{}
	for i := range us {
		if err := w.MayActOn(&us[i]); err != nil {
			refused[us[i].ID] = err
		}
	}
	return refused, nil
}

// usersOf lists the users of devices, each once. The user of a removed device
// is not known any more.
func usersOf(hs []*entry) []chatadmin.ID {
	var users []chatadmin.ID
	seen := map[chatadmin.ID]bool{"": true}
	for _, h := range hs {
		if !seen[h.user] {
			seen[h.user] = true
			users = append(users, h.user)
		}
	}
	return users
}

// dropHistory deletes what belongs to a device: few records, since each has
// cost an administrator a call.
func dropHistory(ctx context.Context, w *chatadmin.Writer, device chatadmin.ID) error {
	var changes []storage.Write[storage.Record]
	for r, err := range pages(func(p chatadmin.Page) ([]storage.Record, chatadmin.Cursor, error) {
		return w.ListRecords(ctx, storage.RecordQuery{Domain: w.Domain.ID, Owner: device}, p)
	}) {
		if err != nil {
			return err
		}
		if r.Kind != commandKind { // write deletes that one, if it has ended
			changes = append(changes, storage.Write[storage.Record]{Row: r, Was: r.Rev, Delete: true})
		}
	}
	return w.PutRecords(ctx, changes)
}
