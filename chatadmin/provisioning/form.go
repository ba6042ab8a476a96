package provisioning

import (
	"context"
	"fmt"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/texts"
)

// NewUser is a user who is to be created: what is given in the embedded
// chatadmin.NewUser, and the fields of this package.
type NewUser struct {
	chatadmin.NewUser
	Fields
}

// UserEdit says which fields of a user to change; nil leaves one as it is.
type UserEdit struct {
	chatadmin.UserEdit
	Fields
}

// CreateUser creates a user, and queues their activation unless
// NoInvitation is set. The department may be left out if the domain has one
// alone. It needs chatadmin.PermUsersCreate; an admin of a department may create
// members in it. All that is wrong with the fields comes at once: see
// chatadmin.FieldErrors. In domains of other presets it is
// chatadmin.Scope.CreateUser, and fields of this package are ErrNotServed.
func (p *Provisioning) CreateUser(ctx context.Context, s *chatadmin.Scope, n NewUser) (chatadmin.User, error) {
	return s.CreateUserBy(ctx, n.NewUser, chatadmin.UserForm{
		May: func(ctx context.Context, w *chatadmin.Writer, _, given *chatadmin.User) error {
			return mayFill(ctx, w, chatadmin.PermUsersCreate, nil, given)
		},
		Set: func(ctx context.Context, w *chatadmin.Writer, _, given *chatadmin.User) ([]*chatadmin.FieldError, error) {
			return fill(ctx, w, nil, given, n.Fields, !n.NoInvitation)
		},
	})
}

// EditUser changes fields of a user. It needs chatadmin.PermUsersEdit; an admin
// of a department may edit its members, but not move them to another one.
func (p *Provisioning) EditUser(ctx context.Context, s *chatadmin.Scope, id chatadmin.ID, e UserEdit) (chatadmin.User, error) {
	return s.EditUserBy(ctx, id, e.UserEdit, chatadmin.UserForm{
		May: func(ctx context.Context, w *chatadmin.Writer, was, given *chatadmin.User) error {
			return mayFill(ctx, w, chatadmin.PermUsersEdit, was, given)
		},
		Set: func(ctx context.Context, w *chatadmin.Writer, was, given *chatadmin.User) ([]*chatadmin.FieldError, error) {
			return fill(ctx, w, was, given, e.Fields, false)
		},
	})
}

// fill applies the rules to one user.
func fill(ctx context.Context, w *chatadmin.Writer, was, given *chatadmin.User, f Fields, invite bool) ([]*chatadmin.FieldError, error) {
	if err := served(&w.Settings); err != nil {
		if f == (Fields{}) {
			err = nil
		}
		return nil, err
	}
	var imeis []string
	if f.IMEI != nil {
		if imei := cleanIMEI(*f.IMEI); imeiFault(imei, false) == "" {
			imeis = append(imeis, imei)
		}
	}
	x, err := load(ctx, w, w.Domain.ID, &w.Settings, []string{given.Department}, imeis)
	if err != nil {
		return nil, err
	}
	return x.apply(was, given, f, invite), nil
}

// mayFill authorises one user's form: by a permission, or as an admin of the
// department.
func mayFill(ctx context.Context, w *chatadmin.Writer, need chatadmin.Permission, was, given *chatadmin.User) error {
	if w.Role.May(need) {
		return nil
	}
	refused := w.Require(need)
	d, err := administered(ctx, w, w.Domain.ID, &w.Actor)
	switch {
	case err != nil:
		return err
	case d.ID == "":
		return refused
	}
	if was == nil && given.Department == "" {
		given.Department = d.Name
	}
	for _, u := range []*chatadmin.User{was, given} {
		if u != nil && !d.means(u.Department) {
			return texts.Explain(fmt.Errorf("you administer the department %q alone: %w", d.Name, refused), "why.department_alone", d.Name)
		}
	}
	plain := given.Role == "" || given.Role == chatadmin.RoleMember
	if was == nil && (!plain || given.Kind == chatadmin.Guest) || was != nil && (given.Role != was.Role || given.Kind != was.Kind) {
		return refused
	}
	return nil
}

// administered is the department that a user administers, or zero.
func administered(ctx context.Context, r storage.Reader, domain chatadmin.ID, u *chatadmin.User) (Department, error) {
	p, _, err := ProfileOf(u)
	if err != nil || p.Administers == "" || u.Department == "" {
		return Department{}, nil // what cannot be read gives no rights
	}
	found, err := departmentsNamed(ctx, r, domain, []string{u.Department})
	if err != nil {
		return Department{}, err
	}
	if d := found[chatadmin.Fold(u.Department)]; d.ID == p.Administers {
		return d, nil
	}
	return Department{}, nil
}

// SetDepartmentAdmin makes a user an admin of the department that they are in,
// or takes that from them. It lasts as long as they are in it. It needs
// chatadmin.PermRoles.
func (p *Provisioning) SetDepartmentAdmin(ctx context.Context, s *chatadmin.Scope, user chatadmin.ID, on bool) error {
	op := chatadmin.Op{Kind: KindDepartmentAdmin, Need: chatadmin.PermRoles, Fence: storage.Shared, Targets: []chatadmin.ID{user}}
	return s.Change(ctx, op, func(ctx context.Context, w *chatadmin.Writer) error {
		u, err := oneUser(ctx, w, w.Domain.ID, user)
		if err != nil {
			return err
		}
		if err := served(&w.Settings); err != nil {
			return err
		}
		if err := w.MayActOn(&u); err != nil {
			return err
		}
		is, _, err := ProfileOf(&u)
		if err != nil {
			return err
		}
		was := is
		if is.Administers = ""; on {
			found, err := departmentsNamed(ctx, w, w.Domain.ID, []string{u.Department})
			if err != nil {
				return err
			}
			d, ok := found[chatadmin.Fold(u.Department)]
			if !ok {
				return fmt.Errorf("user %q is in no department: %w", chatadmin.Cut(u.Login), chatadmin.ErrTransition)
			}
			is.Administers = d.ID
		}
		if is == was {
			return nil
		}
		x, err := chatadmin.AttributesWrite(u, 0, func(a *chatadmin.Attributes) error { return putProfile(a, is) })
		if err != nil {
			return err
		}
		return w.WriteUsers(ctx, KindDepartmentAdmin, []chatadmin.UserWrite{x})
	})
}

// oneUser reads a user who is not being deleted.
func oneUser(ctx context.Context, r storage.Reader, domain, id chatadmin.ID) (chatadmin.User, error) {
	unknown := fmt.Errorf("user %q: %w", chatadmin.Cut(string(id)), chatadmin.ErrNotFound)
	if id == "" {
		return chatadmin.User{}, unknown
	}
	us, err := r.Users(ctx, domain, []chatadmin.ID{id})
	if err == nil && (len(us) == 0 || us[0].Deleting) {
		err = unknown
	}
	if err != nil {
		return chatadmin.User{}, err
	}
	return us[0], nil
}
