package chatadmin

import (
	"context"
	"fmt"
	"time"

	"chatadmin.example/sdk/chatadmin/storage"
)

// RevokeInvitations ends the invitations of 1 to MaxBatch users in one
// transaction, and returns whose it ended. A mail that is queued does not go
// out, and the link of one that was sent is dead at once. The users stay as
// they are: InviteUsers and ResendInvitation invite them anew, but not the
// import that had invited them. Users without an open invitation are passed
// over, so that a second call changes nothing; one whose link was used keeps
// the password (see DenyAccess). It needs PermUsersEdit.
func (s *Scope) RevokeInvitations(ctx context.Context, users ...ID) (revoked []ID, err error) {
	if len(users) == 0 || len(users) > MaxBatch {
		return nil, fmt.Errorf("revoke invitations: give 1 to %d users: %w", MaxBatch, ErrInvalid)
	}
	op := Op{Kind: KindUserRevoke, Need: PermUsersEdit, Fence: storage.Shared, Targets: unique(users)}
	err = s.Change(ctx, op, func(ctx context.Context, w *Writer) (err error) {
		revoked, err = w.revokeInvitations(ctx, op.Targets)
		return err
	})
	if err != nil {
		return nil, err
	}
	return revoked, nil
}

func (w *Writer) revokeInvitations(ctx context.Context, ids []ID) (revoked []ID, err error) {
	us, err := w.usersInOrder(ctx, ids)
	if err != nil {
		return nil, err
	}
	keys := make([]string, len(ids))
	for i := range us {
		if err := w.MayActOn(&us[i]); err != nil {
			return nil, err
		}
		if us[i].Deleting {
			return nil, userDeleting(&us[i])
		}
		keys[i] = string(us[i].ID)
	}
	found, err := w.invitations(ctx, keys...)
	if err != nil {
		return nil, err
	}
	others := map[ID]bool{}
	for _, f := range w.scope.admin.onRevoke {
		ended, err := f(ctx, w, us)
		if err != nil {
			return nil, err
		}
		for _, id := range ended {
			others[id] = true
		}
	}
	var put, gone []*Entry[Invitation]
	for _, id := range ids {
		e, ok := found[string(id)]
		switch {
		case ok && e.Damaged == nil && (e.Value.State == InvitationUsed || e.Value.State == invitationEnded):
			ok = false
		case ok && e.Damaged == nil && e.Value.Release != "":
			// also where no mail was tried yet: the release must not queue it again
			e.Value, e.Due = Invitation{State: invitationEnded, Release: e.Value.Release}, time.Time{}
			put = append(put, &e)
		case ok:
			gone = append(gone, &e)
		}
		if ok || others[id] {
			revoked = append(revoked, id)
		}
	}
	if len(revoked) == 0 {
		return nil, nil
	}
	if err := invitations.Put(ctx, w, put...); err != nil {
		return nil, err
	}
	if err := invitations.Delete(ctx, w, gone...); err != nil {
		return nil, err
	}
	w.Audit(KindUserRevoke, revoked, nil, nil)
	return revoked, nil
}
