package twofa

import (
	"context"
	"fmt"
	"slices"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// Client is a browser or desktop client that is remembered: it is not asked for
// a code for a while.
type Client struct {
	ID     string        `json:"id"` // no secret: names it for RevokeTrusted
	Client signin.Client `json:"client"`
	Since  time.Time     `json:"since"`
	Used   time.Time     `json:"used"`  // the last sign-in
	Until  time.Time     `json:"until"` // by the policy of now
}

// Trusted lists the remembered clients of a user, the oldest first. It needs
// chatadmin.PermTwoFactor; users need no permission for themselves.
func (t *Service) Trusted(ctx context.Context, s *chatadmin.Scope, user chatadmin.ID) ([]Client, error) {
	v, err := t.look(ctx, s, user)
	if err != nil {
		return nil, err
	}
	return v.clients(t.admin.Now()), nil
}

// view is what is known about a user.
type view struct {
	user   chatadmin.User
	policy stored
	state  state
}

// look reads a user with their state, for who may.
func (t *Service) look(ctx context.Context, s *chatadmin.Scope, user chatadmin.ID) (view, error) {
	if err := scoped(s); err != nil {
		return view{}, err
	}
	_, set, err := s.View(ctx, need(s, user))
	if err != nil {
		return view{}, err
	}
	var v view
	if v.policy, err = decodePolicy(set.Policies[policyName]); err != nil {
		return view{}, err
	}
	users, err := s.Admin().Store().Users(ctx, s.Domain(), []chatadmin.ID{user})
	if err != nil {
		return view{}, err
	}
	if len(users) == 0 {
		return view{}, errNoUser(user)
	}
	v.user = users[0]
	_, v.state, err = read(ctx, s.Admin().Store(), s.Domain(), user)
	return v, err
}

func (v *view) clients(now time.Time) []Client {
	list := []Client{}
	for i := range v.state.Remembered {
		c := &v.state.Remembered[i]
		if until := v.policy.until(c, now); !until.IsZero() {
			list = append(list, Client{c.ID, c.Client, c.Since, c.Used, until})
		}
	}
	return list
}

// RevokeTrusted forgets the named remembered clients of a user: they are asked
// for a code the next time. Without names it does nothing. If one ID is
// unknown, it returns chatadmin.ErrNotFound and forgets none. It needs
// chatadmin.PermTwoFactor; users need no permission for themselves.
func (t *Service) RevokeTrusted(ctx context.Context, s *chatadmin.Scope, user chatadmin.ID, ids ...string) error {
	return t.forget(ctx, s, user, func(st *state) ([]remembered, error) {
		for _, id := range ids {
			if !slices.ContainsFunc(st.Remembered, func(c remembered) bool { return c.ID == id }) {
				return nil, fmt.Errorf("remembered client %q: %w", chatadmin.Cut(id), chatadmin.ErrNotFound)
			}
		}
		return slices.DeleteFunc(slices.Clone(st.Remembered), func(c remembered) bool { return slices.Contains(ids, c.ID) }), nil
	})
}

// RevokeAllTrusted forgets all remembered clients of a user, and ends sign-ins
// under way. A state that cannot be read is replaced by one that lets nobody in
// until a reset. It needs chatadmin.PermTwoFactor; users need no permission for
// themselves.
func (t *Service) RevokeAllTrusted(ctx context.Context, s *chatadmin.Scope, user chatadmin.ID) error {
	return t.onUser(ctx, s, user, func(ctx context.Context, w *chatadmin.Writer) error {
		keys := []storage.Key{stateKey(s.Domain(), user)}
		return changeStates(ctx, w, keys, func(_ chatadmin.ID, st *state) (bool, error) {
			gone, open := len(st.Remembered), len(st.Challenges)
			if st.Remembered, st.Challenges = nil, nil; gone > 0 || st.Lost {
				w.Audit(KindForget, []chatadmin.ID{user}, nil, map[string]string{"clients": fmt.Sprint(gone)})
			}
			return gone > 0 || open > 0 || st.Lost, nil
		})
	})
}

// forget leaves of the remembered clients of a user those that keep returns.
func (t *Service) forget(ctx context.Context, s *chatadmin.Scope, user chatadmin.ID, keep func(*state) ([]remembered, error)) error {
	return t.onUser(ctx, s, user, func(ctx context.Context, w *chatadmin.Writer) error {
		return change(ctx, w, user, func(st *state) (bool, error) {
			kept, err := keep(st)
			if err != nil {
				return false, err
			}
			gone := len(st.Remembered) - len(kept)
			if gone > 0 {
				st.Remembered = kept
				w.Audit(KindForget, []chatadmin.ID{user}, nil, map[string]string{"clients": fmt.Sprint(gone)})
			}
			return gone > 0, nil
		})
	})
}

// onUser runs f as a change of what is remembered of a user, for whoever may.
func (t *Service) onUser(ctx context.Context, s *chatadmin.Scope, user chatadmin.ID, f func(context.Context, *chatadmin.Writer) error) error {
	if err := scoped(s); err != nil {
		return err
	}
	op := chatadmin.Op{Kind: KindForget, Need: need(s, user), Targets: []chatadmin.ID{user}}
	return s.Change(ctx, op, func(ctx context.Context, w *chatadmin.Writer) error {
		if err := mayActOn(ctx, w, op.Targets); err != nil {
			return err
		}
		return f(ctx, w)
	})
}
