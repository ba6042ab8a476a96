package signin

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"chatadmin.example/sdk/chatadmin"
)

// Kinds of audit events.
const (
	KindUserSignIn = "user.signin" // the first sign-in, which makes a pending user active
	KindUserLock   = "user.lock"
	KindUserUnlock = "user.unlock"
	KindUserLink   = "user.link"   // an account of Google or a SAML provider was linked to the user
	KindUserUnlink = "user.unlink" // and was taken off again
)

// Lock is where a user stands with failed sign-ins.
type Lock struct {
	Failures int  // in a row
	Locked   bool //
	// Until is when the lock lifts by itself; the zero time: when somebody unlocks.
	Until time.Time
}

// Locks returns where at most MaxBatch users stand. It needs chatadmin.PermUsersRead.
func (g *Gate) Locks(ctx context.Context, s *chatadmin.Scope, users ...chatadmin.ID) (map[chatadmin.ID]Lock, error) {
	if err := named(s); err != nil {
		return nil, err
	}
	_, set, err := s.View(ctx, chatadmin.PermUsersRead)
	if err != nil {
		return nil, err
	}
	p, err := g.policy(&set)
	if err != nil {
		return nil, err
	}
	found, err := usersOf(ctx, g.admin.Store(), s, users)
	if err != nil {
		return nil, err
	}
	states, err := statesOf(ctx, g.admin.Store(), found)
	if err != nil {
		return nil, err
	}
	locks := make(map[chatadmin.ID]Lock, len(found))
	for _, u := range found {
		st := states[u.ID].state
		st.lapse(g.admin.Now(), p, u.Admin, g.o.Hold)
		locks[u.ID] = Lock{st.Failures, st.Locked, st.lifts(u.Admin)}
	}
	return locks, nil
}

// Unlock lifts the locks of at most MaxBatch users and forgets their failures, in one transaction. A denial stays: chatadmin's GrantAccess lifts both. It needs chatadmin.PermUsersAccess.
func (g *Gate) Unlock(ctx context.Context, s *chatadmin.Scope, users ...chatadmin.ID) error {
	if err := named(s); err != nil {
		return err
	}
	op := chatadmin.Op{Kind: KindUserUnlock, Need: chatadmin.PermUsersAccess, Targets: users}
	return s.Change(ctx, op, func(ctx context.Context, w *chatadmin.Work) error {
		found, err := usersOf(ctx, w, s, users)
		if err != nil {
			return err
		}
		for i := range found {
			if err := w.MayActOn(&found[i]); err != nil {
				return err
			}
		}
		return g.lift(ctx, w, found)
	})
}

// usersOf reads users; one that is missing is chatadmin.ErrNotFound.
func usersOf(ctx context.Context, r chatadmin.Reader, s *chatadmin.Scope, users []chatadmin.ID) ([]chatadmin.User, error) {
	if len(users) == 0 || len(users) > chatadmin.MaxBatch {
		return nil, fmt.Errorf("give 1 to %d users: %w", chatadmin.MaxBatch, chatadmin.ErrInvalid)
	}
	found, err := r.Users(ctx, s.Domain(), users)
	if err != nil {
		return nil, err
	}
	there := make(map[chatadmin.ID]bool, len(found))
	for _, u := range found {
		there[u.ID] = true
	}
	for _, id := range users {
		if !there[id] {
			return nil, fmt.Errorf("user %s: %w", chatadmin.Cut(string(id)), chatadmin.ErrNotFound)
		}
	}
	return found, nil
}

type counted struct {
	state
	rev chatadmin.Rev
}

func statesOf(ctx context.Context, r chatadmin.Reader, users []chatadmin.User) (map[chatadmin.ID]counted, error) {
	keys := make([]chatadmin.Key, len(users))
	for i, u := range users {
		keys[i] = lockKey(u.Domain, u.ID)
	}
	rs, err := r.Records(ctx, keys)
	if err != nil {
		return nil, err
	}
	states := make(map[chatadmin.ID]counted, len(rs))
	for _, rec := range rs {
		s, err := decodeState(rec)
		if err != nil {
			return nil, err
		}
		states[chatadmin.ID(rec.ID)] = counted{s, rec.Rev}
	}
	return states, nil
}

// lift is a chatadmin.GrantFunc. Attempts under way keep their places, but for
// those of a clock that was wrong.
func (g *Gate) lift(ctx context.Context, w *chatadmin.Work, users []chatadmin.User) error {
	states, err := statesOf(ctx, w, users)
	if err != nil {
		return err
	}
	var unlocked []chatadmin.ID
	changes := map[chatadmin.ID][]chatadmin.FieldChange{}
	for _, u := range users {
		s := states[u.ID]
		before := len(s.Held)
		s.Held = slices.DeleteFunc(s.Held, func(h hold) bool { return h.Doubt || h.Until.After(w.Now().Add(2*g.o.Hold)) })
		if s.Failures == 0 && !s.Locked && len(s.Held) == before {
			continue
		}
		p := place{Key: lockKey(u.Domain, u.ID), owner: u.ID}
		rev, err := p.write(ctx, w, state{Held: s.Held, Changed: s.Changed}, s.rev)
		if err != nil {
			return err
		}
		if rev == 0 {
			return chatadmin.ErrRetry
		}
		if s.Failures == 0 && !s.Locked {
			continue
		}
		unlocked = append(unlocked, u.ID)
		changes[u.ID] = []chatadmin.FieldChange{{Field: "failures", Before: strconv.Itoa(s.Failures), After: "0"}, {Field: "locked", Before: strconv.FormatBool(s.Locked), After: "false"}}
	}
	if len(unlocked) > 0 {
		w.Record(KindUserUnlock, unlocked, changes, nil)
	}
	return nil
}
