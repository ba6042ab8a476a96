package chatadmin

import (
	"context"
	"fmt"
	"time"

	"chatadmin.example/sdk/chatadmin/storage"
)

// SignOutUsers ends the sessions of 1 to MaxBatch users, on all their clients
// and devices, and leaves them their access: they sign in anew, and are asked
// for the second factor again. What it ends is the line of CauseSignedOut.
// Package signin tells the host which sessions end. It needs PermUsersAccess.
func (s *Scope) SignOutUsers(ctx context.Context, users ...ID) error {
	if len(users) == 0 || len(users) > MaxBatch {
		return fmt.Errorf("sign out: give 1 to %d users: %w", MaxBatch, ErrInvalid)
	}
	op := Op{Kind: KindUserSignOut, Need: PermUsersAccess, Fence: storage.Shared, Targets: unique(users)}
	return s.Change(ctx, op, func(ctx context.Context, w *Writer) error {
		us, err := w.usersInOrder(ctx, op.Targets)
		if err != nil {
			return err
		}
		for i := range us {
			if err := w.MayActOn(&us[i]); err != nil {
				return err
			}
			if us[i].Deleting {
				return userDeleting(&us[i])
			}
		}
		if err := w.End(ctx, CauseSignedOut, time.Time{}, op.Targets...); err != nil {
			return err
		}
		w.Audit(KindUserSignOut, op.Targets, nil, nil)
		return nil
	})
}
