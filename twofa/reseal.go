package twofa

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/keyring"
)

const (
	resealJob   = "reseal two-factor secrets"
	resealBatch = 200
)

// Resealed is the Result of a job of Reseal, as JSON.
type Resealed struct {
	Sealed   int64 `json:"sealed"`   // users whose secrets were sealed anew
	Unopened int64 `json:"unopened"` // users whose secrets do not open or whose state cannot be read: they were tampered with. Reset these users
	// Reset names the first hundred of those who did not open.
	Reset []chatadmin.ID `json:"reset,omitempty"`
}

// Reseal seals with the ring's current key whatever an old key of it has sealed, for all users of a domain, so that the old key can be taken out of the ring. (Signing in does the same for one's own.) Interrupted,
// it is finished by ResumeReseal. The job's Total is the number of users until it is done, and then of those who had something that could have been sealed. A key that is missing in the ring is keyring.ErrUnknownKey: put it back and resume. Only the host can do this. progress may be nil.
func (t *Service) Reseal(ctx context.Context, s *chatadmin.Scope, progress func(chatadmin.Progress)) (chatadmin.Job, error) {
	if err := t.hostOnly(ctx, s); err != nil {
		return chatadmin.Job{}, err
	}
	total, err := t.admin.Store().CountUsers(ctx, chatadmin.UserQuery{Domain: s.Domain(), WithDeleting: true})
	if err != nil {
		return chatadmin.Job{}, err
	}
	id := t.admin.NewID()
	err = s.Change(ctx, chatadmin.Op{Kind: KindReseal}, func(ctx context.Context, w *chatadmin.Work) error {
		w.Record(KindReseal, []chatadmin.ID{s.Domain()}, nil, nil)
		return w.PutJob(ctx, &chatadmin.Job{ID: id, Kind: resealJob, Total: total})
	})
	if err != nil {
		return chatadmin.Job{}, err
	}
	return t.ResumeReseal(ctx, s, id, progress)
}

func (t *Service) hostOnly(ctx context.Context, s *chatadmin.Scope) error {
	if err := scoped(s); err != nil {
		return err
	}
	if _, _, err := s.View(ctx, ""); err != nil {
		return err
	}
	if s.Actor() != chatadmin.HostActor {
		return fmt.Errorf("only the application itself changes keys: %w", chatadmin.ErrForbidden)
	}
	if t.ring == nil {
		return ErrNoKeys
	}
	return nil
}

// resealCursor is how far a job is.
type resealCursor struct {
	After chatadmin.Cursor `json:"after"`
}

// ResumeReseal continues what Reseal began.
func (t *Service) ResumeReseal(ctx context.Context, s *chatadmin.Scope, job chatadmin.ID, progress func(chatadmin.Progress)) (chatadmin.Job, error) {
	if err := t.hostOnly(ctx, s); err != nil {
		return chatadmin.Job{}, err
	}
	return s.RunJob(ctx, job, func(ctx context.Context, j *chatadmin.Job) (chatadmin.Step, error) {
		if j.Kind != resealJob {
			return chatadmin.Step{}, fmt.Errorf("job %s is another kind of job: %w", j.ID, chatadmin.ErrInvalid)
		}
		var at resealCursor
		if len(j.Cursor) > 0 {
			if err := json.Unmarshal(j.Cursor, &at); err != nil {
				return chatadmin.Step{}, fmt.Errorf("job %s: %w", j.ID, err)
			}
		}
		page, next, err := t.admin.Store().ListRecords(ctx, chatadmin.RecordQuery{Kind: stateKind, Domain: s.Domain()}, chatadmin.Page{After: at.After, Limit: resealBatch})
		if err != nil {
			return chatadmin.Step{}, err
		}
		keys := make([]chatadmin.Key, len(page))
		for i, r := range page {
			keys[i] = r.Key
		}
		return chatadmin.Step{Op: chatadmin.Op{Kind: KindReseal}, Do: func(ctx context.Context, w *chatadmin.Work, j *chatadmin.Job) error {
			return t.resealBatch(ctx, w, j, keys, next)
		}}, nil
	}, progress)
}

func (t *Service) resealBatch(ctx context.Context, w *chatadmin.Work, j *chatadmin.Job, keys []chatadmin.Key, next chatadmin.Cursor) error {
	var r Resealed
	if len(j.Result) > 0 {
		if err := json.Unmarshal(j.Result, &r); err != nil {
			return err
		}
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
	if len(keys) > 0 {
		err := changeStates(ctx, w, keys, func(user chatadmin.ID, st *state) (bool, error) {
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
		if err != nil {
			return err
		}
	}
	j.Done += int64(len(keys))
	if next == "" {
		j.State, j.Total = chatadmin.JobDone, j.Done
	}
	if j.Cursor, err = json.Marshal(resealCursor{next}); err != nil {
		return err
	}
	j.Result, err = json.Marshal(r)
	return err
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
		if *x.at, err = t.ring.Seal([]byte(secret), belongs(x.purpose, domain, user, st.Generation)...); err != nil {
			return false, err
		}
		changed = true
	}
	return changed, nil
}
