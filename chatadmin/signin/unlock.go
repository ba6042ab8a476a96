package signin

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// Kinds of audit events.
const (
	KindUserSignIn = "user.signin" // the first sign-in, which makes a pending user active
	KindUserLock   = "user.lock"
	KindUserUnlock = "user.unlock"
	// an account of Google or a SAML provider was linked to the user
	KindUserLink   = "user.link"
	KindUserUnlink = "user.unlink" // and was taken off again
	// no event: what Options.Before is shown where FlushActivity writes down
	// who was active
	KindUserActivity = "user.activity"
)

// Lock is where a user stands with failed sign-ins.
type Lock struct {
	Failures int  // in a row
	Locked   bool //
	// Until is when the lock lifts by itself; the zero time: when somebody
	// unlocks.
	Until time.Time
}

// Locks returns where at most MaxBatch users stand. It needs
// chatadmin.PermUsersRead.
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
	found, err := usersOf(ctx, s.Admin().Store(), s, users)
	if err != nil {
		return nil, err
	}
	states, err := g.statesOf(ctx, s.Admin().Store(), found)
	if err != nil {
		return nil, err
	}
	standings := make(map[chatadmin.ID]Lock, len(found))
	for _, u := range found {
		e := states[u.ID]
		standings[u.ID] = g.lockOf(&e, p, u.Admin)
	}
	return standings, nil
}

// lockOf is where a user stands by now.
func (g *Gate) lockOf(e *entry, p Policy, admin bool) Lock {
	if e.Damaged != nil { // it lifts when somebody unlocks
		return Lock{Locked: true}
	}
	st := e.Value
	st.lapse(g.admin.Now(), p, admin, g.o.ReservationLife)
	return Lock{st.Failures, st.Locked, st.lifts(admin)}
}

// Unlock lifts the locks of at most MaxBatch users and forgets their failures,
// in one transaction. A denial stays: chatadmin's GrantAccess lifts both. It
// needs chatadmin.PermUsersAccess.
func (g *Gate) Unlock(ctx context.Context, s *chatadmin.Scope, users ...chatadmin.ID) error {
	if err := named(s); err != nil {
		return err
	}
	op := chatadmin.Op{Kind: KindUserUnlock, Need: chatadmin.PermUsersAccess, Targets: users}
	return s.Change(ctx, op, func(ctx context.Context, w *chatadmin.Writer) error {
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
func usersOf(ctx context.Context, r storage.Reader, s *chatadmin.Scope, users []chatadmin.ID) ([]chatadmin.User, error) {
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

// statesOf reads the state of each of some users. One that cannot be read is a
// lock.
func (g *Gate) statesOf(ctx context.Context, r storage.Reader, users []chatadmin.User) (map[chatadmin.ID]entry, error) {
	if len(users) == 0 {
		return nil, nil
	}
	domain, ids := users[0].Domain, make([]string, len(users))
	for i, u := range users {
		ids[i] = string(u.ID)
	}
	found, err := locks.GetMany(ctx, r, domain, ids...)
	if err != nil {
		return nil, err
	}
	states := make(map[chatadmin.ID]entry, len(users))
	for _, u := range users {
		e, ok := found[string(u.ID)]
		switch {
		case !ok:
			e = locks.New(domain, string(u.ID), u.ID, state{})
		case e.Damaged != nil:
			g.damaged(ctx, &e)
		}
		states[u.ID] = e
	}
	return states, nil
}

// lift is the OnGrant of the gate. Attempts under way keep their places, but for
// those of a clock that was wrong.
func (g *Gate) lift(ctx context.Context, w *chatadmin.Writer, users []chatadmin.User) error {
	states, err := g.statesOf(ctx, w, users)
	if err != nil {
		return err
	}
	var unlocked []chatadmin.ID
	changes := map[chatadmin.ID][]chatadmin.FieldChange{}
	for _, u := range users {
		e := states[u.ID]
		s := e.Value
		places := slices.DeleteFunc(slices.Clone(s.Held), func(h reservation) bool { return h.Doubt || h.Until.After(w.Now().Add(2*g.o.ReservationLife)) })
		if s.Failures == 0 && !s.Locked && len(places) == len(s.Held) {
			continue
		}
		e.Value = state{Held: places, Changed: s.Changed}
		ok, err := write(ctx, w, &e)
		if err != nil {
			return err
		}
		if !ok {
			return storage.ErrRetry
		}
		if s.Failures == 0 && !s.Locked {
			continue
		}
		unlocked = append(unlocked, u.ID)
		changes[u.ID] = []chatadmin.FieldChange{{Field: "failures", Before: strconv.Itoa(s.Failures), After: "0"}, {Field: "locked", Before: strconv.FormatBool(s.Locked), After: "false"}}
	}
	if len(unlocked) > 0 {
		w.Audit(KindUserUnlock, unlocked, changes, nil)
	}
	return nil
}
