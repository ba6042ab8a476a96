package chatadmin

import (
	"context"
	"fmt"
	"slices"
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
