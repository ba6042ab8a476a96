package twofa

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/keyring"
	"chatadmin.example/sdk/chatadmin/storage"
)

// resealBatch is how many users' secrets one transaction seals.
const resealBatch = 200

// Resealed is what came of Reseal.
type Resealed struct {
	Sealed int64 `json:"sealed"` // users whose secrets were sealed anew
	// users whose secrets do not open, or whose state cannot be read: reset
	// these users
	Unopened int64 `json:"unopened"`
	// Reset names the first hundred users whose secrets did not open.
	Reset []chatadmin.ID `json:"reset,omitempty"`

	After chatadmin.Cursor `json:"after,omitempty"` // how far the run is
}

// ResealRun is a run of Reseal.
type ResealRun = chatadmin.RunOf[Resealed]

// resealKind declares the runs of Reseal.
func (t *Service) resealKind() chatadmin.RunKind[Resealed] {
	return chatadmin.RunKind[Resealed]{
		Name: "re-sealing of two-factor secrets",
		May: func(_ context.Context, w *chatadmin.Writer, _ *ResealRun) error {
			return hostActs(w.Actor.ID == "")
		},
		Check: func(r *Resealed) error {
			if r.Sealed < 0 || r.Unopened < 0 || len(r.Reset) > maxNamed {
				return errors.New("it counts what cannot be")
			}
			return nil
		},
		Step: t.resealStep,
		Old:  chatadmin.OldRun[Resealed]{Job: "reseal two-factor secrets", Read: readOldReseal},
	}
}

func readOldReseal(run *ResealRun, job *chatadmin.OldJob, _ []byte) error {
	for _, part := range []json.RawMessage{job.Cursor, job.Result} {
		if len(part) > 0 {
			if err := json.Unmarshal(part, &run.Data); err != nil {
				return err
			}
		}
	}
	return nil
}

// Reseal seals with the ring's current key what an old key of the ring has
// sealed, for all users of a domain, so that the old key can be taken out.
// (Signing in does the same for the user's own secrets.) After an interruption
// ResumeReseal or Admin.Work continues it. Total of the run is the number of
// users until it is done, and then the number of users with a record.
//
// It returns keyring.ErrUnknownKey if a key is missing in the ring: put it back
// and resume. Only the host may call it. progress may be nil.
func (t *Service) Reseal(ctx context.Context, s *chatadmin.Scope, progress func(chatadmin.Progress)) (*ResealRun, error) {
	if err := t.hostOnly(ctx, s); err != nil {
		return nil, err
	}
	total, err := s.Admin().Store().CountUsers(ctx, chatadmin.UserQuery{Domain: s.Domain(), WithDeleting: true})
	if err != nil {
		return nil, err
	}
	return t.reseals.Apply(ctx, s, chatadmin.Op{Kind: KindReseal}, progress, func(_ context.Context, w *chatadmin.Writer, run *ResealRun) error {
		run.Total = total
		w.Audit(KindReseal, []chatadmin.ID{s.Domain()}, nil, nil)
		return nil
	})
}

func (t *Service) hostOnly(ctx context.Context, s *chatadmin.Scope) error {
	if err := scoped(s); err != nil {
		return err
	}
	if _, _, err := s.View(ctx, ""); err != nil {
		return err
	}
	if err := hostActs(s.Actor() == chatadmin.HostActor); err != nil {
		return err
	}
	if t.o.Keys == nil {
		return ErrNoKeys
	}
	return nil
}

func hostActs(host bool) error {
	if !host {
		return fmt.Errorf("only the application itself changes keys: %w", chatadmin.ErrForbidden)
	}
	return nil
}

// ResumeReseal continues a run of Reseal. Only the host may call it. progress
// may be nil.
func (t *Service) ResumeReseal(ctx context.Context, s *chatadmin.Scope, run chatadmin.ID, progress func(chatadmin.Progress)) (*ResealRun, error) {
	if err := t.hostOnly(ctx, s); err != nil {
		return nil, err
	}
	return t.reseals.Resume(ctx, s, run, progress)
}

// resealStep seals the secrets of the next users.
func (t *Service) resealStep(ctx context.Context, s *chatadmin.Scope, run *ResealRun, _ int) (chatadmin.RunStep[Resealed], error) {
	if err := t.hostOnly(ctx, s); err != nil {
		return chatadmin.RunStep[Resealed]{}, err
	}
	page, next, err := s.Admin().Store().ListRecords(ctx, storage.RecordQuery{Kind: stateKind, Domain: s.Domain()}, chatadmin.Page{After: run.Data.After, Limit: resealBatch})
	if err != nil {
		return chatadmin.RunStep[Resealed]{}, err
	}
	keys := make([]storage.Key, len(page))
	for i, r := range page {
		keys[i] = r.Key
	}
	return chatadmin.RunStep[Resealed]{Op: chatadmin.Op{Kind: KindReseal}, Do: func(ctx context.Context, w *chatadmin.Writer, run *ResealRun) error {
		if err := t.resealBatch(ctx, w, &run.Data, keys); err != nil {
			return err
		}
		run.Done += int64(len(keys))
		if run.Data.After = next; next == "" {
			run.State, run.Total = chatadmin.RunDone, run.Done
		}
		return nil
	}}, nil
}

func (t *Service) resealBatch(ctx context.Context, w *chatadmin.Writer, r *Resealed, keys []storage.Key) error {
	if len(keys) == 0 {
		return nil
	}
	p, err := decodePolicy(w.Settings.Policies[policyName])
	if err != nil {
		return err
	}
	unopened := func(user chatadmin.ID) {
		if r.Unopened++; len(r.Reset) < maxNamed {
			r.Reset = append(r.Reset, user)
		}
	}
	return changeStates(ctx, w, keys, func(user chatadmin.ID, st *state) (bool, error) {
		if st.Lost {
			unopened(user)
			return false, nil
		}
		before := len(st.Challenges) + len(st.Remembered)
		st.prune(p, w.Now()) // what nobody can answer any more needs no key
		sealed, err := t.reseal(st, w.Domain.ID, user)
		switch {
		case errors.Is(err, keyring.ErrOpen):
			unopened(user)
			return false, nil
		case sealed:
			r.Sealed++
		}
		return sealed || len(st.Challenges)+len(st.Remembered) < before, err
	})
}

// reseal seals all secrets of a user anew that an old key has sealed.
func (t *Service) reseal(st *state, domain, user chatadmin.ID) (changed bool, err error) {
	type sealed struct {
		purpose string
		at      *[]byte
	}
	all := []sealed{{"seed", &st.Seed}}
	for i := range st.Challenges {
		all = append(all, sealed{"enrolment", &st.Challenges[i].Seed}, sealed{"mail", &st.Challenges[i].Key})
	}
	for _, x := range all {
		if len(*x.at) == 0 {
			continue
		}
		secret, old, err := t.unseal(*x.at, x.purpose, domain, user, st.Generation)
		if err != nil {
			return false, err
		}
		if !old {
			continue
		}
		if *x.at, err = t.o.Keys.Seal([]byte(secret), belongs(x.purpose, domain, user, st.Generation)...); err != nil {
			return false, err
		}
		changed = true
	}
	return changed, nil
}
