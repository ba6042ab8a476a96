package twofa

import (
	"context"
	"fmt"
	"slices"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// Reset ends everything that 1 to chatadmin.MaxBatch users have, in one
// transaction: the authenticator, open challenges, recovery codes, remembered
// clients, and the count of wrong codes with its pause. A state that cannot be
// read is replaced. The users set it up anew when they sign in next, and are
// told by mail. Users who have nothing stay as they are.
//
// It needs chatadmin.PermTwoFactor, and power over all of the users: see
// chatadmin.Writer.MayActOn.
func (t *Service) Reset(ctx context.Context, s *chatadmin.Scope, users ...chatadmin.ID) error {
	if err := scoped(s); err != nil {
		return err
	}
	if len(users) == 0 || len(users) > chatadmin.MaxBatch {
		return fmt.Errorf("%s: give 1 to %d users: %w", KindReset, chatadmin.MaxBatch, chatadmin.ErrInvalid)
	}
	ids := slices.Compact(slices.Sorted(slices.Values(users)))
	keys := make([]storage.Key, len(ids))
	for i, id := range ids {
		keys[i] = stateKey(s.Domain(), id)
	}
	return s.Change(ctx, chatadmin.Op{Kind: KindReset, Need: chatadmin.PermTwoFactor, Targets: ids}, func(ctx context.Context, w *chatadmin.Writer) error {
		if err := mayActOn(ctx, w, ids); err != nil {
			return err
		}
		var reset []chatadmin.ID
		err := changeStates(ctx, w, keys, func(user chatadmin.ID, st *state) (bool, error) {
			if !st.Lost && !st.enrolled() && len(st.Challenges)+len(st.Remembered)+st.Wrong == 0 && !w.Now().Before(st.Until) {
				return false, nil
			}
			reset = append(reset, user)
			st.reset(user, w.Now())
			return true, nil
		})
		if err != nil || len(reset) == 0 {
			return err
		}
		w.Audit(KindReset, reset, nil, nil)
		return w.End(ctx, chatadmin.CauseTwoFactorReset, time.Time{}, reset...)
	})
}

// reset ends everything, and begins a new generation.
func (st *state) reset(user chatadmin.ID, now time.Time) {
	*st = state{Generation: st.Generation + 1, Mails: st.Mails, Notices: st.Notices}
	st.tell(fmt.Sprintf("%s-%d", user, st.Generation), wasReset, now)
}

// repairState resets a user whose state cannot be read. One on whom the actor
// may not act is refused.
func repairState(ctx context.Context, w *chatadmin.Writer, r storage.Record) error {
	user := chatadmin.ID(r.ID)
	if err := mayActOn(ctx, w, []chatadmin.ID{user}); err != nil {
		return err
	}
	st := state{Generation: int64(r.Rev)}
	st.reset(user, w.Now())
	was := r.Rev
	r, err := st.encode(r)
	if err != nil {
		return err
	}
	w.Audit(KindReset, []chatadmin.ID{user}, nil, nil)
	return w.PutRecords(ctx, []storage.Write[storage.Record]{{Row: r, Was: was}})
}
