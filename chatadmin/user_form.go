package chatadmin

import (
	"context"

	"chatadmin.example/sdk/chatadmin/storage"
)

// UserForm is how a package creates and edits users by a form of its own, with
// fields that need more than a UserPart: rights of its own, or what else is in
// the store. Its functions run in the transaction, and may be called several
// times. was is nil for a user who is created; given is the user as asked for,
// not checked yet.
type UserForm struct {
	// May authorises the actor, in the place of PermUsersCreate or PermUsersEdit;
	// it may complete what is given. nil asks for the permission.
	May func(ctx context.Context, w *Writer, was, given *User) error
	// Set changes what is given, and returns all that is wrong; it is told with
	// what is wrong with the other fields.
	Set func(ctx context.Context, w *Writer, was, given *User) ([]*FieldError, error)
}

// need is the permission that a form asks for.
func (f *UserForm) need(p Permission) Permission {
	if f.May != nil {
		return ""
	}
	return p
}

// fill authorises the actor, and lets the package change what is given.
func (f *UserForm) fill(ctx context.Context, w *Writer, was, given *User) (wrong []*FieldError, err error) {
	if f.May != nil {
		err = f.May(ctx, w, was, given)
	}
	if err == nil && f.Set != nil {
		wrong, err = f.Set(ctx, w, was, given)
	}
	return wrong, err
}

// CreateUserBy is CreateUser by a form of a package, whose page says what it
// needs.
func (s *Scope) CreateUserBy(ctx context.Context, n NewUser, f UserForm) (User, error) {
	id := s.admin.NewID()
	op := Op{Kind: KindUserCreate, Need: f.need(PermUsersCreate), Fence: storage.Shared, Targets: []ID{id}}
	var created User
	err := s.Change(ctx, op, func(ctx context.Context, w *Writer) error {
		given, err := w.newUser(id, n)
		if err != nil {
			return err
		}
		wrong, err := f.fill(ctx, w, nil, &given)
		if err != nil {
			return err
		}
		if created, err = w.writeForm(ctx, KindUserCreate, User{}, given, n.Parts, wrong...); err != nil {
			return err
		}
		if n.NoInvitation {
			return nil
		}
		return w.QueueInvitations(ctx, []User{created}, "")
	})
	if err != nil {
		return User{}, err
	}
	return created, nil
}

// EditUserBy is EditUser by a form of a package, whose page says what it needs.
func (s *Scope) EditUserBy(ctx context.Context, id ID, e UserEdit, f UserForm) (User, error) {
	op := Op{Kind: KindUserEdit, Need: f.need(PermUsersEdit), Targets: []ID{id}}
	var edited User
	err := s.changeUnder(ctx, op, func(ctx context.Context, w *Writer) error {
		us, err := w.usersInOrder(ctx, []ID{id})
		if err != nil {
			return err
		}
		was := &us[0]
		now, err := e.apply(w, *was)
		if err != nil {
			return err
		}
		wrong, err := f.fill(ctx, w, was, &now)
		if err != nil {
			return err
		}
		if err := w.MayActOn(was); err != nil { // also where nothing would change
			return err
		}
		edited, err = w.writeForm(ctx, KindUserEdit, *was, now, e.Parts, wrong...)
		return err
	})
	if err != nil {
		return User{}, err
	}
	return edited, nil
}
