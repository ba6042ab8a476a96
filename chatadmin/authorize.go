package chatadmin

import (
	"context"
	"fmt"

	"chatadmin.example/sdk/chatadmin/storage"
)

// authorize reads the domain and the actor from r and refuses who may not. What
// is missing looks like what belongs to another domain.
func (s *Scope) authorize(ctx context.Context, r storage.Reader, need Permission) (d Domain, set Settings, actor User, role Role, err error) {
	fail := func(err error) (Domain, Settings, User, Role, error) {
		return Domain{}, Settings{}, User{}, Role{}, err
	}
	ds, err := r.Domains(ctx, []ID{s.domain})
	if err != nil {
		return fail(err)
	}
	if len(ds) == 0 {
		return fail(fmt.Errorf("domain %s: %w", Cut(string(s.domain)), ErrNotFound))
	}
	d = ds[0]
	if set, err = SettingsOf(d); err != nil {
		return fail(err)
	}
	if s.actor == HostActor {
		return d, set, User{}, hostRole(), nil
	}
	if s.actor == "" {
		return fail(fmt.Errorf("nobody was named as the actor: %w", ErrActor))
	}
	us, err := r.Users(ctx, s.domain, []ID{s.actor})
	switch {
	case err != nil:
		return fail(err)
	case len(us) == 0 || us[0].Deleting:
		return fail(fmt.Errorf("the acting user does not exist in this domain: %w", ErrActor))
	case us[0].Status == Deactivated:
		return fail(fmt.Errorf("the acting user is deactivated: %w", ErrActor))
	case us[0].Denied:
		return fail(fmt.Errorf("access is denied to the acting user: %w", ErrActor))
	case set.State != DomainActive:
		return fail(fmt.Errorf("the domain is %s: %w", set.State, ErrSuspended))
	}
	role = set.RoleOf(&us[0])
	if need != "" {
		if err := require(role, need); err != nil {
			return fail(err)
		}
	}
	return d, set, us[0], role, nil
}

// hostRole is the role of the host: it stands above every administrator.
func hostRole() Role {
	return Role{ID: RoleAdmin, Level: adminLevel + 1, Permissions: Permissions()}
}

func require(r Role, p Permission) error {
	if r.May(p) {
		return nil
	}
	return fmt.Errorf("this needs the permission %q, which the role %q lacks: %w", p, r.Name, ErrForbidden)
}

// MayActOn refuses with ErrForbidden to act on a user whose level is above the
// actor's, or who has a permission that the actor lacks: see Settings.MayActOn.
func (w *Writer) MayActOn(u *User) error { return w.Settings.MayActOn(w.Actor.ID, w.Role, u) }

// mayGrant refuses to grant a role above the actor's own, or with a permission
// that they lack. Member is what everybody is at least.
func (w *Writer) mayGrant(r Role) error {
	if r.ID == RoleMember || w.Role.covers(r) {
		return nil
	}
	return fmt.Errorf("the role %q is above yours: %w", r.Name, ErrForbidden)
}

// View authorises the actor for reading and returns the domain with its
// settings.
func (s *Scope) View(ctx context.Context, need Permission) (Domain, Settings, error) {
	d, set, _, _, err := s.authorize(ctx, s.admin.store, need)
	return d, set, err
}

// ViewAs is View with the actor's role besides, for a package that decides much
// by it before it writes.
func (s *Scope) ViewAs(ctx context.Context, need Permission) (Domain, Settings, Role, error) {
	d, set, _, role, err := s.authorize(ctx, s.admin.store, need)
	return d, set, role, err
}

// holds authorises for a list, page by page.
func (s *Scope) holds(need Permission) func(context.Context) error {
	return func(ctx context.Context) error {
		_, _, err := s.View(ctx, need)
		return err
	}
}
