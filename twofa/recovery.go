package twofa

import (
	"context"
	"fmt"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/texts"
)

// RecoveryCodes makes ten recovery codes for a user and returns them, once:
// only hashes are kept. Each takes the place of an authenticator's code once.
// Earlier codes are dead. If the domain takes recovery codes back, the existing
// ones end for good. The user is told by mail.
//
// It needs chatadmin.PermTwoFactor; users need no permission for themselves. It
// returns chatadmin.ErrInvalid if the domain's policy does not allow recovery
// codes, and ErrNotEnrolled if the user has no authenticator.
func (t *Service) RecoveryCodes(ctx context.Context, s *chatadmin.Scope, user chatadmin.ID) ([]string, error) {
	if err := scoped(s); err != nil {
		return nil, err
	}
	codes := make([]string, recoveryCodes)
	for i := range codes {
		var err error
		if codes[i], err = newRecoveryCode(t.admin.Options().Rand); err != nil {
			return nil, err
		}
	}
	id := t.admin.NewID()
	op := chatadmin.Op{Kind: KindRecoveryMake, Need: need(s, user), Targets: []chatadmin.ID{user}}
	err := s.Change(ctx, op, func(ctx context.Context, w *chatadmin.Writer) error {
		if err := mayActOn(ctx, w, op.Targets); err != nil {
			return err
		}
		p, err := decodePolicy(w.Settings.Policies[policyName])
		if err != nil {
			return err
		}
		if !p.Recovery {
			return texts.Explain(fmt.Errorf("this domain has no recovery codes: an administrator can allow them: %w", chatadmin.ErrInvalid), "why.recovery_off")
		}
		return change(ctx, w, user, func(st *state) (bool, error) {
			if !st.enrolled() {
				return false, ErrNotEnrolled
			}
			st.Recovery, st.RecoveryEpoch = nil, p.RecoveryEpoch
			for _, c := range codes {
				bare, _ := parseRecoveryCode(c)
				st.Recovery = append(st.Recovery, recoveryHash(bare, w.Domain.ID, user, st.Generation))
			}
			st.tell(string(id), recoveryMade, w.Now())
			w.Audit(KindRecoveryMake, op.Targets, nil, nil)
			return true, nil
		})
	})
	if err != nil {
		return nil, err
	}
	return codes, nil
}
