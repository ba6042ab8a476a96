package devices

import (
	"context"
	"errors"
	"strings"
	"time"

	"chatadmin.example/sdk/chatadmin"
)

// Session names the device, and its user, that Authorize has let in.
type Session struct {
	Domain, User, Device chatadmin.ID
	Key                  string // the client's own device id
	Type                 Type
	Generation           int64
}

// Authorize returns the device, and its user, to which a session token belongs:
// the plain text of Registered.Token. It stands in front of every request of a
// device, and costs one indexed read and no write.
//
// It returns ErrRefused if the device is not let in; any other error comes from
// the store, and refuses the request too. A change of the device's state or of
// its user's access counts from the next call on, in every process. A suspended
// domain is noticed within Options.DomainEvery. FlushActivity writes down that
// the device was active.
func (r *Registry) Authorize(ctx context.Context, token string) (Session, error) {
	t, ok := parseToken(token)
	if !ok {
		return Session{}, ErrRefused
	}
	rows, err := r.admin.Store().Devices(ctx, t.Domain, []chatadmin.ID{t.Subject})
	if err != nil {
		return Session{}, err
	}
	if len(rows) == 0 || Status(rows[0].Status) != Enabled || !t.Matches(sessionPurpose, rows[0].Secret) {
		return Session{}, ErrRefused
	}
	d, now := &rows[0], r.admin.Now()
	// also what cannot be read: it may hold why the device is shut out
	if !letsIn(d) {
		return Session{}, ErrRefused
	}
	if active, err := r.domainActive(ctx, d.Domain, now); err != nil || !active {
		return Session{}, refusedUnless(err)
	}
	r.note(d, now)
	return Session{d.Domain, d.User, d.ID, d.Key, Type(d.Type), d.Generation}, nil
}

func refusedUnless(err error) error {
	if err == nil {
		err = ErrRefused
	}
	return err
}

// parseToken takes a token apart, without telling what is wrong with it.
func parseToken(s string) (chatadmin.Token, bool) {
	t, err := chatadmin.ParseToken(s)
	return t, err == nil && opaque(t.Domain) && opaque(t.Subject)
}

// opaque reports whether it can be an ID: anything else is not worth asking the
// store about.
func opaque(id chatadmin.ID) bool {
	return len(id) <= 64 && strings.IndexFunc(string(id), func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_'
	}) < 0
}

func notOpaque(id chatadmin.ID) bool { return !opaque(id) }

type domainState struct {
	active bool
	looked time.Time
}

// domainActive looks at a domain now and then. So much time may pass until a
// suspended one is noticed: a further read for each request would cost more
// than it is worth.
func (r *Registry) domainActive(ctx context.Context, domain chatadmin.ID, now time.Time) (bool, error) {
	if known, ok := r.domains.Load(domain); ok {
		if d := known.(domainState); now.Sub(d.looked) < r.o.DomainEvery && !now.Before(d.looked) {
			return d.active, nil
		}
	}
	ds, err := r.admin.Store().Domains(ctx, []chatadmin.ID{domain})
	if err != nil || len(ds) == 0 {
		return false, err
	}
	set, err := chatadmin.SettingsOf(ds[0])
	if err != nil {
		return false, err
	}
	r.domains.Store(domain, domainState{set.State == chatadmin.DomainActive, now})
	return set.State == chatadmin.DomainActive, nil
}

// DeviceAllowed implements signin.Devices. It reports whether a user may sign
// in with a device, given by the client's own device id: one that is enabled,
// is not registered yet, or was wiped and is about to register again. A device
// with a pending wipe is refused, even if it was removed, and so is one whose
// data cannot be read.
func (r *Registry) DeviceAllowed(ctx context.Context, domain, user chatadmin.ID, deviceKey string) (bool, error) {
	if deviceKey == "" || len(deviceKey) > maxKey || !printable(deviceKey) || !opaque(user) {
		return true, nil // nothing of that name can have been registered
	}
	d, err := registered(ctx, r.admin.Store(), domain, user, deviceKey)
	if err != nil {
		return false, err
	}
	if d == nil {
		left, _, err := findTombstone(ctx, r.admin.Store(), domain, user, deviceKey)
		if errors.Is(err, chatadmin.ErrDamaged) { // it may lead to a pending wipe
			r.unread(ctx, err)
			return false, nil
		}
		return err == nil && left == nil, err
	}
	known, bad := decodeData(d)
	if bad != nil {
		r.unread(ctx, bad)
		return false, nil
	}
	return known.Reasons&^Wiped == 0, nil
}

// unread logs why somebody may not sign in with a device.
func (r *Registry) unread(ctx context.Context, err error) {
	r.admin.Options().Logger.WarnContext(ctx, "a sign-in is refused, since what is kept of its device cannot be read; repair it", "error", err)
}
