package chatadmin

import (
	"context"
	"errors"
	"fmt"

	"chatadmin.example/sdk/chatadmin/storage"
)

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

// AdminsInForce lists the domain's admins who are neither deactivated, denied
// nor being deleted, at most the first MaxBatch of them. Everybody with access
// may know whom to ask.
func (s *Scope) AdminsInForce(ctx context.Context) ([]ID, error) {
	if _, _, err := s.View(ctx, ""); err != nil {
		return nil, err
	}
	return adminsInForce(ctx, s.admin.store, s.domain)
}
