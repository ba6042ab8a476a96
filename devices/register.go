package devices

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// Registered is what a client gets when it registers.
type Registered struct {
	Device Device
	// Token is the session credential, for Authorize. It is the zero Token
	// where the device stays disabled.
	Token chatadmin.Token
	// WipeToken fetches and answers commands, and does nothing else: it works
	// on when the session is revoked, until the device registers again.
	WipeToken chatadmin.Token
}

// Register registers a device of a user. Registering it again begins a new
// generation; the credentials of the generation before are dead. It is for the
// host, which has authenticated the user, and for the users themselves.
//
// A disabled device stays disabled and gets no session. A device whose wipe is
// pending keeps its generation, and gets a new credential to fetch and answer
// the wipe; after that it can register again. So does a device that was removed
// before it answered: it is back on the list.
//
// It returns chatadmin.ErrForbidden if the user has no access, ErrTooMany if
// the user has Options.MaxPerUser devices, and an error that wraps
// chatadmin.ErrDamaged if what is kept of the device cannot be read. Devices
// that are being wiped, were wiped, or were disabled by their user alone do not
// count. Of the last kind the newest Options.MaxPerUser are kept: a new
// registration takes the others off the list.
func (r *Registry) Register(ctx context.Context, s *chatadmin.Scope, user chatadmin.ID, n Registration) (Registered, error) {
	if err := scoped(s); err != nil {
		return Registered{}, err
	}
	if err := n.check(); err != nil {
		return Registered{}, err
	}
	id := r.admin.NewID()
	var out Registered
	err := s.Change(ctx, chatadmin.Op{Kind: KindRegister, Fence: storage.Shared, Targets: []chatadmin.ID{user}}, func(ctx context.Context, w *chatadmin.Writer) error {
		if w.Actor.ID != "" && w.Actor.ID != user {
			return fmt.Errorf("users register their own devices alone: %w", chatadmin.ErrForbidden)
		}
		if w.Settings.State != chatadmin.DomainActive {
			return fmt.Errorf("the domain is %s: %w", w.Settings.State, chatadmin.ErrSuspended)
		}
		u, err := mayRegister(ctx, w, user)
		if err != nil {
			return err
		}
		h, surplus, err := r.place(ctx, w, user, n.Key, id)
		if err != nil {
			return err
		}
		is := chatadmin.DeviceRegistration{User: u, Device: h.id, Name: n.Key, Type: n.Type.String()}
		if n.Proof != nil {
			if err := n.Proof(ctx, w, is); err != nil {
				return err
			}
		}
		if out, err = h.register(w, r.admin, n); err != nil {
			return err
		}
		if out.Device.Status == Enabled {
			if err := w.DeviceRegistered(ctx, is); err != nil {
				return err
			}
		}
		if err := write(ctx, w, KindRemove, surplus); err != nil {
			return err
		}
		return write(ctx, w, KindRegister, []*entry{h})
	})
	if err != nil {
		return Registered{}, err
	}
	return out, nil
}

// place finds the user's device with a key, or makes room for it: surplus are
// the devices that go. Adding a device and taking the user's access both write
// the user's record: of two at once, one loses its race and sees the other.
func (r *Registry) place(ctx context.Context, w *chatadmin.Writer, user chatadmin.ID, deviceKey string, id chatadmin.ID) (h *entry, surplus []*entry, err error) {
	is, err := registered(ctx, w, w.Domain.ID, user, deviceKey)
	if err != nil {
		return nil, nil, err
	}
	if is != nil {
		hs, err := withCommands(ctx, w, w.Domain.ID, []chatadmin.ID{is.ID}, []storage.Device{*is})
		if err != nil {
			return nil, nil, err
		}
		if h = hs[0]; h.data.Reasons == Wiped { // it is let in again, and then counts
			surplus, err = r.room(ctx, w, user)
		}
		return h, surplus, err
	}
	if h, err = takeBack(ctx, w, user, deviceKey); err != nil {
		return nil, nil, err
	}
	if h == nil { // what is to be wiped does not count
		if surplus, err = r.room(ctx, w, user); err != nil {
			return nil, nil, err
		}
		h = &entry{id: id, row: storage.Device{ID: id}}
	}
	h.user, h.row.Domain, h.row.User, h.row.Key = user, w.Domain.ID, user, deviceKey
	return h, surplus, nil
}

// mayRegister reads a user, and refuses those who do not exist or have no
// access.
func mayRegister(ctx context.Context, w *chatadmin.Writer, user chatadmin.ID) (u chatadmin.User, err error) {
	unknown := fmt.Errorf("user %s: %w", chatadmin.Cut(string(user)), chatadmin.ErrNotFound)
	if !opaque(user) {
		return u, unknown
	}
	if err := guard(ctx, w, []chatadmin.ID{user}); errors.Is(err, chatadmin.ErrNotFound) {
		return u, unknown
	} else if err != nil {
		return u, err
	}
	us, err := w.Users(ctx, w.Domain.ID, []chatadmin.ID{user})
	switch {
	case err != nil:
		return u, err
	case len(us) == 0 || us[0].Deleting:
		return u, unknown
	case us[0].Status == chatadmin.Deactivated || us[0].Denied:
		return u, fmt.Errorf("user %q has no access: %w", chatadmin.Cut(us[0].Login), chatadmin.ErrForbidden)
	}
	return us[0], nil
}

// room refuses a user who has as many devices as they may, and finds the
// devices that go off the list: else somebody could disable and register for
// ever.
func (r *Registry) room(ctx context.Context, w *chatadmin.Writer, user chatadmin.ID) ([]*entry, error) {
	var own []storage.Device
	count := 0
	q := storage.DeviceQuery{Domain: w.Domain.ID, Users: []chatadmin.ID{user}}
	for d, err := range pages(func(p chatadmin.Page) ([]storage.Device, chatadmin.Cursor, error) { return w.ListDevices(ctx, q, p) }) {
		if err != nil {
			return nil, err
		}
		known, bad := decodeData(&d)
		switch reasons := known.Reasons; {
		case bad != nil || reasons&(ByWipe|Wiped) == 0 && (reasons&ByAdmin != 0 || reasons&ByOwner == 0):
			count++ // what cannot be read counts
		case reasons&^ByUser == ByOwner:
			own = append(own, d)
		}
	}
	if count >= r.o.MaxPerUser {
		return nil, fmt.Errorf("user %s has %d: %w", user, count, ErrTooMany)
	}
	if len(own) <= r.o.MaxPerUser {
		return nil, nil
	}
	slices.SortFunc(own, func(a, b storage.Device) int { return a.LastSeen.Compare(b.LastSeen) })
	own = own[:len(own)-r.o.MaxPerUser]
	surplus, err := withCommands(ctx, w, w.Domain.ID, rowIDs(own), own)
	for _, h := range surplus {
		if h.remove = true; err == nil {
			err = dropHistory(ctx, w, h.id)
		}
	}
	return surplus, err
}

// registered finds a user's device by the client's own device id; nil where
// there is none.
func registered(ctx context.Context, r storage.Reader, domain, user chatadmin.ID, deviceKey string) (found *storage.Device, err error) {
	q := storage.DeviceQuery{Domain: domain, Users: []chatadmin.ID{user}, Key: deviceKey}
	for d, err := range pages(func(p chatadmin.Page) ([]storage.Device, chatadmin.Cursor, error) { return r.ListDevices(ctx, q, p) }) {
		if err != nil {
			return nil, err
		}
		found = &d
	}
	return found, nil
}

// guard writes the records of users: see place. Under the exclusive fence
// nobody registers meanwhile.
func guard(ctx context.Context, w *chatadmin.Writer, ids []chatadmin.ID) error {
	if w.Mode() == storage.Exclusive {
		return nil
	}
	keys := make([]storage.Key, len(ids))
	for i, u := range ids {
		keys[i] = guards.Key(w.Domain.ID, string(u))
	}
	rs, err := w.Records(ctx, keys)
	if err != nil {
		return err
	}
	was := make(map[storage.Key]storage.Rev, len(rs))
	for _, r := range rs {
		was[r.Key] = r.Rev
	}
	text, err := guards.Encode(&struct{}{})
	if err != nil {
		return err
	}
	changes := make([]storage.Write[storage.Record], len(ids))
	for i, k := range keys {
		changes[i] = storage.Write[storage.Record]{Row: storage.Record{Key: k, Owner: ids[i], Data: text}, Was: was[k]}
	}
	return w.PutRecords(ctx, changes)
}

// register writes down what the client says of its device, and makes its
// credentials.
func (h *entry) register(w *chatadmin.Writer, admin *chatadmin.Admin, n Registration) (out Registered, err error) {
	h.row.Name, h.row.Version, h.row.Type, h.row.LastSeen, h.data.Push = n.Name, n.Version, uint8(n.Type), w.Now(), n.Push.Reveal()
	if out.WipeToken, err = admin.NewToken(w.Domain.ID, h.id); err != nil {
		return out, err
	}
	h.data.Wipe = out.WipeToken.Hash(wipePurpose)
	switch err := h.apply(Register); {
	case err == nil:
		if out.Token, err = admin.NewToken(w.Domain.ID, h.id); err != nil {
			return out, err
		}
		h.row.Generation++
		h.row.Secret = out.Token.Hash(sessionPurpose)
	case !errors.Is(err, ErrState):
		return out, err
	case h.state().Pending():
		h.command.Hash = h.data.Wipe
	}
	out.Device = h.device()
	return out, nil
}
