package devices

import (
	"context"
	"errors"
	"fmt"

	"chatadmin.example/sdk/chatadmin"
)

// Registered is what a client gets when it registers.
type Registered struct {
	Device Device
	// Token is the session credential, for Authorize. It is the zero Token where the device stays disabled.
	Token chatadmin.Token
	// WipeToken fetches and answers commands, and does nothing else: it works on when the session is revoked, until the device registers again.
	WipeToken chatadmin.Token
}

// Register registers a device of a user, or registers it anew: then it is a new generation, and the credentials of the one before are dead. It is for the host, which has
// authenticated the user, and for the users themselves; who has no access is refused with chatadmin.ErrForbidden.
//
// A device that is disabled stays so and gets no session. One whose wipe is pending is the same generation still, and must fetch and answer the wipe first, for which it gets a new
// credential; after that it can register again. So it is with one that was removed before it answered its wipe: it is back on the list.
// A user has at most Options.MaxPerUser devices: ErrTooMany.
func (r *Registry) Register(ctx context.Context, s *chatadmin.Scope, user chatadmin.ID, n Registration) (Registered, error) {
	if err := n.check(); err != nil {
		return Registered{}, err
	}
	id := r.admin.NewID()
	var out Registered
	err := s.Change(ctx, chatadmin.Op{Kind: KindRegister, Fence: chatadmin.Shared, Targets: []chatadmin.ID{user}}, func(ctx context.Context, w *chatadmin.Work) error {
		if w.Actor.ID != "" && w.Actor.ID != user {
			return fmt.Errorf("users register their own devices alone: %w", chatadmin.ErrForbidden)
		}
		if w.Settings.State != chatadmin.DomainActive {
			return fmt.Errorf("the domain is %s: %w", w.Settings.State, chatadmin.ErrSuspended)
		}
		h, err := r.place(ctx, w, user, n.Key, id)
		if err != nil {
			return err
		}
		if out, err = h.register(w, r.admin, n); err != nil {
			return err
		}
		return write(ctx, w, KindRegister, []*held{h})
	})
	if err != nil {
		return Registered{}, err
	}
	return out, nil
}

// place finds the user's device with a key, or makes room for it. Adding a device and taking the user's access both write the user's record: of two at once, one loses its race and
// sees the other.
func (r *Registry) place(ctx context.Context, w *chatadmin.Work, user chatadmin.ID, deviceKey string, id chatadmin.ID) (*held, error) {
	unknown := fmt.Errorf("user %s: %w", chatadmin.Cut(string(user)), chatadmin.ErrNotFound)
	if !opaque(user) {
		return nil, unknown
	}
	if err := guard(ctx, w, []chatadmin.ID{user}); errors.Is(err, chatadmin.ErrNotFound) {
		return nil, unknown
	} else if err != nil {
		return nil, err
	}
	us, err := w.Users(ctx, w.Domain.ID, []chatadmin.ID{user})
	switch {
	case err != nil:
		return nil, err
	case len(us) == 0 || us[0].Deleting:
		return nil, unknown
	case us[0].Status == chatadmin.Deactivated || us[0].Denied:
		return nil, fmt.Errorf("user %q has no access: %w", chatadmin.Cut(us[0].Login), chatadmin.ErrForbidden)
	}
	is, err := registered(ctx, w, w.Domain.ID, user, deviceKey)
	if err != nil {
		return nil, err
	}
	if is != nil {
		hs, err := withCommands(ctx, w, w.Domain.ID, []chatadmin.ID{is.ID}, []chatadmin.Device{*is})
		if err != nil {
			return nil, err
		}
		return hs[0], nil
	}
	q, n := chatadmin.DeviceQuery{Domain: w.Domain.ID, Users: []chatadmin.ID{user}}, 0
	for _, err := range pages(func(p chatadmin.Page) ([]chatadmin.Device, chatadmin.Cursor, error) { return w.ListDevices(ctx, q, p) }) {
		if err != nil {
			return nil, err
		}
		if n++; n >= r.o.MaxPerUser {
			return nil, fmt.Errorf("user %q has %d: %w", chatadmin.Cut(us[0].Login), n, ErrTooMany)
		}
	}
	h, err := takeBack(ctx, w, user, deviceKey)
	switch {
	case err != nil:
		return nil, err
	case h == nil:
		h = &held{id: id, row: chatadmin.Device{ID: id}}
	}
	h.user, h.row.Domain, h.row.User, h.row.Key = user, w.Domain.ID, user, deviceKey
	return h, nil
}

// registered finds a user's device by the client's own device id; nil where there is none.
func registered(ctx context.Context, r chatadmin.Reader, domain, user chatadmin.ID, deviceKey string) (found *chatadmin.Device, err error) {
	q := chatadmin.DeviceQuery{Domain: domain, Users: []chatadmin.ID{user}, Key: deviceKey}
	for d, err := range pages(func(p chatadmin.Page) ([]chatadmin.Device, chatadmin.Cursor, error) { return r.ListDevices(ctx, q, p) }) {
		if err != nil {
			return nil, err
		}
		found = &d
	}
	return found, nil
}

// guard writes the records of users: see place. Under the exclusive fence nobody registers meanwhile.
func guard(ctx context.Context, w *chatadmin.Work, users []chatadmin.ID) error {
	if w.Mode() == chatadmin.Exclusive {
		return nil
	}
	keys := make([]chatadmin.Key, len(users))
	for i, u := range users {
		keys[i] = key(userKind, w.Domain.ID, u)
	}
	rs, err := w.Records(ctx, keys)
	if err != nil {
		return err
	}
	was := make(map[chatadmin.Key]chatadmin.Rev, len(rs))
	for _, r := range rs {
		was[r.Key] = r.Rev
	}
	changes := make([]chatadmin.Change[chatadmin.Record], len(users))
	for i, k := range keys {
		changes[i] = chatadmin.Change[chatadmin.Record]{Row: chatadmin.Record{Key: k, Owner: users[i], Data: []byte(`{"v":1}`)}, Was: was[k]}
	}
	return w.PutRecords(ctx, changes)
}

// register writes down what the client says of its device, and makes its credentials.
func (h *held) register(w *chatadmin.Work, admin *chatadmin.Admin, n Registration) (out Registered, err error) {
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
