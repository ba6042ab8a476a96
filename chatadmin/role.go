package chatadmin

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"chatadmin.example/sdk/chatadmin/texts"
)

// Permission is something an actor may do. The package documentation lists
// which call needs which.
type Permission string

const (
	PermUsersRead   Permission = "users.read"   // list and export users and groups
	PermUsersCreate Permission = "users.create" // create users
	PermUsersEdit   Permission = "users.edit"   // edit, activate and deactivate users
	PermUsersAccess Permission = "users.access" // deny and grant access
	// import users from a file (with users.create and users.edit), invite them
	PermUsersImport Permission = "users.import"
	PermUsersDelete Permission = "users.delete" // delete users with all that is theirs
	// the domain's two-factor mode; reset it for users; their remembered
	// clients
	PermTwoFactor   Permission = "twofactor"
	PermDevices     Permission = "devices" // list, disable, enable and wipe the devices of others
	PermRoles       Permission = "roles"   // define and assign roles up to one's own level
	PermGroupCreate Permission = "groups.create"
	PermGroups      Permission = "groups"         // administer every group as if being its admin
	PermDefault     Permission = "groups.default" // mark and unmark default groups
	PermDomain      Permission = "domain"         // change the domain's settings
	PermServices    Permission = "integrations"   // enable and disable services for the domain
	PermHolds       Permission = "holds"          // legal holds and retention
	PermAudit       Permission = "audit.read"
	PermSupport     Permission = "support" // problem reports and reporting levels of others
)

// Permissions lists every permission, in the order of the documentation.
func Permissions() []Permission {
	return []Permission{PermUsersRead, PermUsersCreate, PermUsersEdit, PermUsersAccess, PermUsersImport, PermUsersDelete, PermTwoFactor, PermDevices,
		PermRoles, PermGroupCreate, PermGroups, PermDefault, PermDomain, PermServices, PermHolds, PermAudit, PermSupport}
}

// Role is a level and a set of permissions. Nobody grants a role above their
// own level or with a permission that they lack, and nobody acts on a user with
// such a role; see Settings.MayActOn.
type Role struct {
	// made from the name when the role is created, never changed
	ID          string       `json:"id"`
	Name        string       `json:"name"`
	Level       int          `json:"level"` // custom roles: 0 to 99
	Permissions []Permission `json:"permissions,omitempty"`
}

// The built-in roles.
const (
	RoleMember = "member" // level 0
	RoleAdmin  = "admin"  // the domain admin: level 100, every permission
)

const adminLevel = 100

// Role finds a role by its ID or, folded, by its name; "" is member.
func (s *Settings) Role(idOrName string) (Role, bool) {
	switch idOrName { // what nearly everybody has
	case "", RoleMember:
		return memberRole(), true
	case RoleAdmin:
		return adminRole(), true
	}
	key := Fold(idOrName)
	for _, r := range s.AllRoles() {
		if r.ID == key || Fold(r.Name) == key {
			return r.bounded(), true
		}
	}
	return Role{}, false
}

// RoleOf returns the role by which a user acts and is acted on. A role that the
// domain does not have (any more) gives nothing. A guest who is a plain member
// creates no groups, unless Settings.GuestsCreateGroups says so.
func (s *Settings) RoleOf(u *User) Role {
	r, ok := s.Role(u.Role)
	if !ok {
		return Role{}
	}
	if u.Kind == Guest && r.ID == RoleMember && !s.GuestsCreateGroups {
		r.Permissions = nil
	}
	return r
}

// MayActOn is the one rule of power over users. An actor with a role may act on
// u if its level is not below that of u's role, and if it has every permission
// that u has beyond those of a member. Everybody may act on themselves. actor
// is "" or HostActor for the host. Otherwise the error wraps ErrForbidden.
func (s *Settings) MayActOn(actor ID, role Role, u *User) error {
	if u.ID != "" && u.ID == actor {
		return nil
	}
	theirs := s.RoleOf(u)
	if theirs.Level > role.Level {
		return texts.Explain(fmt.Errorf("user %q has a role above yours: %w", Cut(u.Login), ErrForbidden), "why.role_above", Cut(u.Login))
	}
	for _, p := range theirs.Permissions {
		if !role.May(p) && !memberRole().May(p) {
			return texts.Explain(fmt.Errorf("user %q has the permission %q, which you lack: ask an administrator who has it: %w",
				Cut(u.Login), p, ErrForbidden), "why.role_beyond", Cut(u.Login), string(p))
		}
	}
	return nil
}

func memberRole() Role {
	return Role{ID: RoleMember, Name: "Member", Permissions: []Permission{PermGroupCreate}}
}

func adminRole() Role {
	return Role{ID: RoleAdmin, Name: "Domain admin", Level: adminLevel, Permissions: Permissions()}
}

// AllRoles lists the built-in roles and the domain's own, by level.
func (s *Settings) AllRoles() []Role {
	all := append([]Role{memberRole(), adminRole()}, s.Roles...)
	slices.SortStableFunc(all, func(a, b Role) int { return cmp.Compare(a.Level, b.Level) })
	return all
}

// bounded takes from a stored custom role what no custom role can have, so that
// damaged settings make nobody a second domain admin.
func (r Role) bounded() Role {
	if r.ID == RoleMember || r.ID == RoleAdmin {
		return r
	}
	unknown := func(p Permission) bool { return !slices.Contains(Permissions(), p) }
	if r.Level < 0 || r.Level >= adminLevel || slices.ContainsFunc(r.Permissions, unknown) {
		r.Level = min(max(r.Level, 0), adminLevel-1)
		r.Permissions = slices.DeleteFunc(slices.Clone(r.Permissions), unknown)
	}
	return r
}

// May reports whether the role includes p.
func (r Role) May(p Permission) bool { return slices.Contains(r.Permissions, p) }

// covers reports whether an actor with role r may grant other.
func (r Role) covers(other Role) bool {
	return r.Level >= other.Level && !slices.ContainsFunc(other.Permissions, func(p Permission) bool { return !r.May(p) })
}

// faults are all that is wrong with a custom role.
func (r Role) faults() (wrong faults) {
	switch {
	case r.ID == "":
		wrong.add("role", r.Name, CodeBadRole, "a role needs a name")
	case r.ID == RoleMember || r.ID == RoleAdmin || Fold(r.Name) == "domain admin":
		wrong.add("role", r.Name, CodeBadRole, "a role that is built in has this name: choose another one")
	case len(r.Name) > 64 || !visible(r.Name):
		wrong.tell("role", r.Name, CodeBadText, texts.NewMessage("why.role_name", 64))
	}
	if r.Level < 0 || r.Level >= adminLevel {
		wrong.tell("level", fmt.Sprint(r.Level), CodeBadRole, texts.NewMessage("why.role_level", 0, adminLevel-1))
	}
	for _, p := range r.Permissions {
		if !slices.Contains(Permissions(), p) {
			wrong.tell("permissions", string(p), CodeBadRole, texts.NewMessage("why.no_permission", Cut(string(p))))
		}
	}
	return wrong
}

// AssignRole gives users a role, by its ID or name. It needs PermRoles; neither
// the role nor a user may stand above the actor.
func (s *Scope) AssignRole(ctx context.Context, role string, users ...ID) ([]User, error) {
	return s.changeUsers(ctx, Op{Kind: KindUserRole, Need: PermRoles}, users, func(w *Writer, u User) (UserWrite, error) {
		r, ok := w.Settings.Role(role)
		if !ok {
			return UserWrite{}, fmt.Errorf("role %q: %w", Cut(role), ErrNotFound)
		}
		if err := w.mayGrant(r); err != nil { // also where the user has it already
			return UserWrite{}, err
		}
		now := u
		now.Role = r.ID
		return w.rewrite(u, now)
	})
}

// CreateRole creates a custom role, whose ID follows from its name. One of the
// same name, whatever its case, is ErrExists. It needs PermRoles; the role must
// not stand above the actor's.
func (s *Scope) CreateRole(ctx context.Context, r Role) (Role, error) {
	r.Name = strings.TrimSpace(r.Name)
	r.ID = Fold(r.Name)
	return s.changeRoles(ctx, func(w *Writer, set *Settings) (Role, []FieldChange, error) {
		wrong := r.faults()
		if slices.ContainsFunc(set.Roles, func(o Role) bool { return o.ID == r.ID }) {
			wrong.add("role", r.Name, CodeTaken, "another role has this name: edit that one, or choose a different name")
		}
		if err := wrongFields(wrong); err != nil {
			return r, nil, err
		}
		set.Roles = append(set.Roles, r)
		return r, change("role", "", r.String()), w.mayGrant(r)
	})
}

// RoleEdit says which fields of a role to change; nil leaves one as it is.
type RoleEdit struct {
	Level       *int
	Permissions *[]Permission
}

// EditRole changes a custom role, by its ID or name. It needs PermRoles; the
// role, before and after, must not stand above the actor's.
func (s *Scope) EditRole(ctx context.Context, idOrName string, e RoleEdit) (Role, error) {
	return s.changeRoles(ctx, func(w *Writer, set *Settings) (Role, []FieldChange, error) {
		i := slices.IndexFunc(set.Roles, func(o Role) bool { return o.ID == Fold(idOrName) })
		if i < 0 {
			return Role{}, nil, noRole(idOrName)
		}
		was := set.Roles[i]
		r := was
		if e.Level != nil {
			r.Level = *e.Level
		}
		if e.Permissions != nil {
			r.Permissions = *e.Permissions
		}
		if err := wrongFields(r.faults()); err != nil {
			return r, nil, err
		}
		if err := w.mayGrant(was); err != nil {
			return r, nil, err
		}
		set.Roles[i] = r
		return r, change("role", was.String(), r.String()), w.mayGrant(r)
	})
}

func noRole(idOrName string) error {
	if id := Fold(idOrName); id == RoleMember || id == RoleAdmin {
		return fmt.Errorf("the role %q is built in and stays as it is; as a custom role it is %w", Cut(idOrName), ErrNotFound)
	}
	return fmt.Errorf("role %q: %w", Cut(idOrName), ErrNotFound)
}

func (s *Scope) changeRoles(ctx context.Context, f func(*Writer, *Settings) (Role, []FieldChange, error)) (Role, error) {
	var r Role
	_, err := s.changeSettings(ctx, KindRoleSet, PermRoles, func(w *Writer, set *Settings) (changed []FieldChange, err error) {
		r, changed, err = f(w, set)
		return changed, err
	})
	if err != nil {
		return Role{}, err
	}
	return r, nil
}

// DeleteRole deletes a custom role that nobody has. It needs PermRoles.
func (s *Scope) DeleteRole(ctx context.Context, idOrName string) error {
	_, err := s.changeSettings(ctx, KindRoleDelete, PermRoles, func(w *Writer, set *Settings) ([]FieldChange, error) {
		i := slices.IndexFunc(set.Roles, func(o Role) bool { return o.ID == Fold(idOrName) })
		if i < 0 {
			return nil, noRole(idOrName)
		}
		was := set.Roles[i]
		n, err := w.CountUsers(ctx, UserQuery{Domain: s.domain, Role: was.ID, WithDeleting: true})
		if err != nil {
			return nil, err
		}
		if n > 0 {
			return nil, fmt.Errorf("the role %q is in use (users who have it: %d): give them another one first: %w", was.Name, n, ErrInvalid)
		}
		set.Roles = slices.Delete(set.Roles, i, i+1)
		return change("role", was.String(), ""), w.mayGrant(was)
	})
	return err
}

// String is the role in one line.
func (r Role) String() string { return fmt.Sprintf("%s (level %d) %v", r.Name, r.Level, r.Permissions) }
