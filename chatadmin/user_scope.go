package chatadmin

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"chatadmin.example/sdk/chatadmin/storage"
)

// NewUser is who is to be created. What is mandatory follows from the domain's
// login policy.
type NewUser struct {
	Login, Email, DisplayName, FirstName, LastName string
	Title, Department, Phone                       string
	Avatar                                         string // a reference that the host understands
	Manager                                        ID
	Role                                           string // Role.ID; "" is member
	Kind                                           Kind   // default Network
	NoInvitation                                   bool   // send no invitation; it can be sent later
	// Parts are what other packages add to the form; see their pages.
	Parts []UserPart
}

// CreateUser creates a pending user, who at once is a member of every default
// group (a guest only where the domain says so), and queues their invitation
// for SendInvitations. It needs PermUsersCreate, and PermRoles for any role but
// member. All that is wrong with the fields comes at once: see FieldErrors.
func (s *Scope) CreateUser(ctx context.Context, n NewUser) (User, error) {
	return s.CreateUserBy(ctx, n, UserForm{})
}

// newUser is the user that was asked for, not checked yet.
func (w *Writer) newUser(id ID, n NewUser) (User, error) {
	if n.Role != "" && n.Role != RoleMember {
		if err := w.Require(PermRoles); err != nil {
			return User{}, err
		}
	}
	return n.user(id, w.scope.domain)
}

func (n NewUser) user(id, domain ID) (User, error) {
	attrs, err := Attributes{Avatar: n.Avatar}.encode()
	return User{ID: id, Domain: domain, Manager: n.Manager, Login: n.Login, Email: n.Email, DisplayName: n.DisplayName, FirstName: n.FirstName,
		LastName: n.LastName, Title: n.Title, Department: n.Department, Phone: n.Phone, Role: n.Role, Kind: n.Kind, Attrs: attrs}, err
}

// UserEdit says which fields of a user to change: nil leaves a field as it is,
// a pointer to "" clears it.
type UserEdit struct {
	Login, Email, DisplayName, FirstName, LastName *string
	Title, Department, Phone, Avatar               *string
	Manager                                        *ID
	Kind                                           *Kind
	Parts                                          []UserPart // as in NewUser
}

// EditUser changes fields of a user and returns the user as they are then. It
// needs PermUsersEdit. Changing the e-mail address ends an open invitation. A
// guest who becomes a network user joins the default groups; a network user who
// becomes a guest leaves them, unless they are for guests too. A display name
// that follows from first and last name, or from the login, changes with them
// unless e gives one. Role, status and access have calls of their own.
func (s *Scope) EditUser(ctx context.Context, id ID, e UserEdit) (User, error) {
	return s.EditUserBy(ctx, id, e, UserForm{})
}

func (e UserEdit) apply(w *Writer, u User) (User, error) {
	if e.DisplayName == nil && nameDerived(&u) {
		u.DisplayName = "" // it follows
	}
	sameAddress := w.Settings.Login.IsEmail && (e.Login == nil) != (e.Email == nil)
	for _, f := range []struct {
		set *string
		in  *string
	}{{e.Login, &u.Login}, {e.Email, &u.Email}, {e.DisplayName, &u.DisplayName}, {e.FirstName, &u.FirstName}, {e.LastName, &u.LastName},
		{e.Title, &u.Title}, {e.Department, &u.Department}, {e.Phone, &u.Phone}} {
		if f.set != nil {
			*f.in = *f.set
		}
	}
	if sameAddress { // one of the two was given, and stands for both
		if e.Login != nil {
			u.Email = u.Login
		} else {
			u.Login = u.Email
		}
	}
	if e.Manager != nil {
		u.Manager = *e.Manager
	}
	if e.Kind != nil {
		u.Kind = *e.Kind
	}
	if e.Avatar != nil {
		a, err := AttributesOf(u)
		if err != nil {
			return u, err
		}
		a.Avatar = *e.Avatar
		if u.Attrs, err = a.encode(); err != nil {
			return u, err
		}
	}
	return u, nil
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

// DeactivateUsers ends all access of users and keeps everything that is theirs.
// It needs PermUsersEdit. Those deactivated already stay as they are.
func (s *Scope) DeactivateUsers(ctx context.Context, users ...ID) ([]User, error) {
	return s.transition(ctx, Op{Kind: KindUserDeactivate, Need: PermUsersEdit}, users, Deactivate)
}

// ActivateUsers brings deactivated users back as they were, into every default
// group too. It needs PermUsersEdit.
func (s *Scope) ActivateUsers(ctx context.Context, users ...ID) ([]User, error) {
	return s.transition(ctx, Op{Kind: KindUserActivate, Need: PermUsersEdit}, users, Activate)
}

// DenyAccess denies access to users until it is granted again. It needs
// PermUsersAccess.
func (s *Scope) DenyAccess(ctx context.Context, users ...ID) ([]User, error) {
	return s.transition(ctx, Op{Kind: KindUserDeny, Need: PermUsersAccess}, users, DenyAccess)
}

// GrantAccess lifts a denial and, where package signin is in use, a lock as
// well, all in one transaction. It needs PermUsersAccess.
func (s *Scope) GrantAccess(ctx context.Context, users ...ID) ([]User, error) {
	grant := func(_ *Writer, u User) (UserWrite, error) { return TransitionWrite(u, GrantAccess) }
	return s.changeUsers(ctx, Op{Kind: KindUserGrant, Need: PermUsersAccess}, users, grant, s.admin.onGrant...)
}

func (s *Scope) transition(ctx context.Context, op Op, users []ID, e StatusEvent) ([]User, error) {
	return s.changeUsers(ctx, op, users, func(_ *Writer, u User) (UserWrite, error) { return TransitionWrite(u, e) })
}

// changeUsers reads up to MaxBatch users, changes each, and writes them in one
// transaction: all or none. It returns all of them, changed or not, in the
// order given. It runs under the shared fence, and once more under the
// exclusive one where an admin goes or a manager changes.
func (s *Scope) changeUsers(ctx context.Context, op Op, ids []ID, f func(*Writer, User) (UserWrite, error), after ...func(context.Context, *Writer, []User) error) ([]User, error) {
	if len(ids) == 0 || len(ids) > MaxBatch {
		return nil, fmt.Errorf("%s: give 1 to %d users: %w", op.Kind, MaxBatch, ErrInvalid)
	}
	ids = unique(ids)
	op.Targets = ids
	var users []User
	run := func(ctx context.Context, w *Writer) error {
		was, err := w.usersInOrder(ctx, ids)
		if err != nil {
			return err
		}
		writes := make([]UserWrite, len(was))
		users = was
		for i, u := range was {
			if err := w.MayActOn(&u); err != nil { // also where nothing would change
				return err
			}
			if writes[i], err = f(w, u); err != nil {
				return err
			}
		}
		if err := w.WriteUsers(ctx, op.Kind, writes); err != nil {
			return err
		}
		for i := range writes {
			if writes[i].Changes() {
				users[i] = writes[i].Now.user
			}
		}
		for _, f := range after {
			if err := f(ctx, w, users); err != nil {
				return err
			}
		}
		return nil
	}
	if err := s.changeUnder(ctx, op, run); err != nil {
		return nil, err
	}
	return users, nil
}

// changeUnder runs a change of users under the shared fence, and once more
// under the exclusive one where an admin goes or a manager changes.
func (s *Scope) changeUnder(ctx context.Context, op Op, run func(context.Context, *Writer) error) error {
	op.Fence = storage.Shared
	err := s.Change(ctx, op, run)
	if errors.Is(err, ErrNeedsExclusive) {
		op.Fence = storage.Exclusive
		err = s.Change(ctx, op, run)
	}
	return err
}

// rewrite is the write of fields, checked against the domain's rules.
func (w *Writer) rewrite(was, now User) (UserWrite, error) {
	p, err := prepared(w.Settings.Prepare(now))
	return UserWrite{was, p}, err
}

// unique drops what is named again.
func unique(ids []ID) []ID {
	seen := make(map[ID]bool, len(ids))
	return slices.DeleteFunc(slices.Clone(ids), func(id ID) bool {
		again := seen[id]
		seen[id] = true
		return again
	})
}

// usersInOrder reads users by ID; one that is missing is ErrNotFound, and so is
// one who is being deleted, unless the actor may delete users.
func (w *Writer) usersInOrder(ctx context.Context, ids []ID) ([]User, error) {
	users, err := w.anyUsersInOrder(ctx, ids)
	if err != nil || w.Role.May(PermUsersDelete) {
		return users, err
	}
	for _, u := range users {
		if u.Deleting {
			return nil, noUser(u.ID)
		}
	}
	return users, nil
}

func noUser(id ID) error { return fmt.Errorf("user %q: %w", Cut(string(id)), ErrNotFound) }

// anyUsersInOrder is usersInOrder with users who are being deleted.
func (w *Writer) anyUsersInOrder(ctx context.Context, ids []ID) ([]User, error) {
	found, err := w.Users(ctx, w.scope.domain, ids)
	if err != nil {
		return nil, err
	}
	byID := make(map[ID]User, len(found))
	for _, u := range found {
		byID[u.ID] = u
	}
	users := make([]User, 0, len(ids))
	for _, id := range ids {
		u, ok := byID[id]
		if !ok {
			return nil, fmt.Errorf("user %s: %w", Cut(string(id)), ErrNotFound)
		}
		users = append(users, u)
	}
	return users, nil
}

// AdminsInForce lists the domain's admins who are neither deactivated, denied
// nor being deleted, at most the first MaxBatch of them. Everybody with access
// may know whom to ask.
func (s *Scope) AdminsInForce(ctx context.Context) ([]ID, error) {
	if _, _, err := s.View(ctx, ""); err != nil {
		return nil, err
	}
	return adminsInForce(ctx, s.admin.store, s.domain)
}

func one[T any](rows []T, err error, what, key string) (T, error) {
	var zero T
	if err == nil && len(rows) == 0 {
		err = fmt.Errorf("%s %q: %w", what, Cut(key), ErrNotFound)
	}
	if err != nil {
		return zero, err
	}
	return rows[0], nil
}
