package chatadmin

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"chatadmin.example/sdk/chatadmin/storage"
)

// InvitationQuery selects users by their invitations.
type InvitationQuery struct {
	// States are the states to list; none lists all pending users. Users who
	// have signed in are listed with InvitationUsed alone.
	States []InvitationState
}

// InvitedUser is a user with the state of their invitation.
type InvitedUser struct {
	User  User
	State InvitationState
	// Invitation is the zero Invitation if State is InvitationNone.
	Invitation Invitation
}

// Invitations lists users who have not signed in yet, by login, with the state
// of their invitations. So those can be found who were created and never
// invited, or whose link has expired: see InviteUsers. It needs PermUsersRead.
//
// An invitation that cannot be read is yielded with its user and a
// *DamagedError, whatever states are asked for, and the list goes on. Any other
// error ends it.
func (s *Scope) Invitations(ctx context.Context, q InvitationQuery) iter.Seq2[InvitedUser, error] {
	return func(yield func(InvitedUser, error) bool) {
		for p := (Page{Limit: MaxBatch}); ; {
			page, damaged, next, err := s.invitationsPage(ctx, q, p)
			if err != nil {
				yield(InvitedUser{}, err)
				return
			}
			for i := range page {
				var err error
				if bad := damaged[page[i].User.ID]; bad != nil {
					err = bad
				}
				if !yield(page[i], err) {
					return
				}
			}
			if p.After = next; next == "" {
				return
			}
		}
	}
}

// InvitationsPage returns one page of Invitations, at most p.Limit (see
// CheckPage), and the cursor of the next one; "" is the end. A page may be short
// although more follow. A user whose invitation cannot be read has the State "".
func (s *Scope) InvitationsPage(ctx context.Context, q InvitationQuery, p Page) ([]InvitedUser, Cursor, error) {
	return FillPage(p, func(p Page) ([]InvitedUser, Cursor, error) {
		page, _, next, err := s.invitationsPage(ctx, q, p)
		return page, next, err
	})
}

func (s *Scope) invitationsPage(ctx context.Context, q InvitationQuery, p Page) ([]InvitedUser, map[ID]*DamagedError, Cursor, error) {
	fail := func(err error) ([]InvitedUser, map[ID]*DamagedError, Cursor, error) { return nil, nil, "", err }
	if err := q.check(); err != nil {
		return fail(err)
	}
	_, _, _, role, err := s.authorize(ctx, s.admin.store, PermUsersRead)
	if err != nil {
		return fail(err)
	}
	uq := UserQuery{Domain: s.domain, Statuses: []Status{Pending}}
	if slices.Contains(q.States, InvitationUsed) {
		uq.Statuses = append(uq.Statuses, Active)
	}
	us, next, err := s.admin.store.ListUsers(ctx, uq, p)
	us, err = s.visibleUsers(ctx, role, us, err)
	if err != nil {
		return fail(err)
	}
	ids := make([]string, len(us))
	for i := range us {
		ids[i] = string(us[i].ID)
	}
	found, err := invitations.GetMany(ctx, s.admin.store, s.domain, ids...)
	if err != nil {
		return fail(err)
	}
	var page []InvitedUser
	damaged := map[ID]*DamagedError{}
	age := s.admin.linkAge(s.admin.Now())
	for i := range us {
		e := found[string(us[i].ID)]
		listed := InvitedUser{User: us[i], State: invitationState(&e, age)}
		switch {
		case e.Damaged != nil:
			damaged[us[i].ID] = e.Damaged
		case us[i].Status == Active && listed.State != InvitationUsed,
			len(q.States) > 0 && !slices.Contains(q.States, listed.State):
			continue
		case listed.State != InvitationNone:
			listed.Invitation = e.Value
			listed.Invitation.Hash = nil
		}
		page = append(page, listed)
	}
	return page, damaged, next, nil
}

func (q *InvitationQuery) check() error {
	for _, st := range q.States {
		switch st {
		case InvitationNone, InvitationQueued, InvitationSending, InvitationSent, InvitationFailed, InvitationExpired, InvitationUsed:
		default:
			return fmt.Errorf("state %q of invitations: choose none, queued, sending, sent, failed, expired or used: %w", Cut(string(st)), ErrInvalid)
		}
	}
	return nil
}

// invitationState is the state of an invitation at a time; "" if it cannot be
// read.
func invitationState(e *Entry[Invitation], age linkAge) InvitationState {
	inv := &e.Value
	switch {
	case e.Damaged != nil:
		return ""
	case !e.Stored() || inv.State == invitationEnded:
		return InvitationNone
	case (inv.State == InvitationSent || inv.State == InvitationSending) && age.over(inv.Expires):
		return InvitationExpired
	}
	return inv.State
}

// InviteUsers queues invitations for those of some users who have not signed in
// and have no working invitation: it was never sent, was refused, has expired
// or cannot be read. It returns whom it invited. Users without access or
// address are passed over, and so are those who were sent as many links as
// ResendInvitation allows. It needs PermUsersEdit.
//
// Many users are invited in several transactions. With an error those returned
// are invited; asking again invites the rest.
func (s *Scope) InviteUsers(ctx context.Context, users ...ID) (invited []ID, err error) {
	if len(users) == 0 {
		return nil, missing("the users to invite")
	}
	for batch := range slices.Chunk(unique(users), MaxBatch) {
		var did []ID
		op := Op{Kind: KindUserResend, Need: PermUsersEdit, Fence: storage.Shared, Targets: batch}
		err := s.Change(ctx, op, func(ctx context.Context, w *Writer) (err error) {
			did, err = w.inviteUsers(ctx, batch)
			return err
		})
		if err != nil {
			return invited, err
		}
		invited = append(invited, did...)
	}
	return invited, nil
}

// inviteUsers queues the invitations of one batch.
func (w *Writer) inviteUsers(ctx context.Context, ids []ID) ([]ID, error) {
	us, err := w.usersInOrder(ctx, ids)
	if err != nil {
		return nil, err
	}
	keys := make([]string, len(ids))
	for i := range us {
		if err := w.MayActOn(&us[i]); err != nil {
			return nil, err
		}
		keys[i] = string(us[i].ID)
	}
	found, err := w.invitations(ctx, keys...)
	if err != nil {
		return nil, err
	}
	age := w.scope.admin.linkAge(w.now)
	open := slices.DeleteFunc(us, func(u User) bool {
		e := found[string(u.ID)]
		switch invitationState(&e, age) {
		case InvitationQueued, InvitationSending, InvitationSent, InvitationUsed:
			return true
		}
		return u.Status != Pending || !u.HasAccess() || u.Email == ""
	})
	open, err = w.notThrottled(ctx, open)
	if err != nil || len(open) == 0 {
		return nil, err
	}
	if err := w.QueueInvitations(ctx, open, ""); err != nil {
		return nil, err
	}
	invited := make([]ID, len(open))
	for i := range open {
		invited[i] = open[i].ID
	}
	w.Audit(KindUserResend, invited, nil, nil)
	return invited, nil
}

// notThrottled counts one more link to each of some users, and leaves out those
// to whom none may be sent now.
func (w *Writer) notThrottled(ctx context.Context, users []User) ([]User, error) {
	keys := make([]string, len(users))
	for i := range users {
		keys[i] = string(users[i].ID)
	}
	found, err := resent.GetMany(ctx, w, w.scope.domain, keys...)
	if err != nil {
		return nil, err
	}
	var put []*Entry[resends]
	var let []User
	for i := range users {
		u := &users[i]
		e, ok := found[string(u.ID)]
		if !ok {
			e = resent.New(w.scope.domain, string(u.ID), u.ID, resends{})
		}
		if err := w.countResend(ctx, u, &e); errors.Is(err, ErrThrottled) {
			continue
		} else if err != nil {
			return nil, err
		}
		let, put = append(let, *u), append(put, &e)
	}
	return let, resent.Put(ctx, w, put...)
}
