package twofa

import (
	"context"
	"fmt"
	"slices"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/signin"
)

// Client is a browser or desktop client that is not asked for a code for a while.
type Client struct {
	ID     string        `json:"id"` // no secret: names it for RevokeTrusted
	Client signin.Client `json:"client"`
	Since  time.Time     `json:"since"`
	Used   time.Time     `json:"used"`  // the last sign-in
	Until  time.Time     `json:"until"` // by the policy of now
}

// Trusted lists the remembered clients of a user, the oldest first. It needs chatadmin.PermTwoFactor, but for oneself.
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
	_, set, err := s.View(ctx, mayManage(s, user))
	if err != nil {
		return view{}, err
	}
	var v view
	if v.policy, err = decodePolicy(set.Policies[policyName]); err != nil {
		return view{}, err
	}
	users, err := t.admin.Store().Users(ctx, s.Domain(), []chatadmin.ID{user})
	if err != nil {
		return view{}, err
	}
	if len(users) == 0 {
		return view{}, errNoUser(user)
	}
	v.user = users[0]
	_, v.state, err = read(ctx, t.admin.Store(), s.Domain(), user)
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

// RevokeTrusted forgets remembered clients of a user, or all of them where none is named: they are asked for a code the next time. A host calls it for all when the user's password
// has changed. An unknown ID is chatadmin.ErrNotFound, and nothing is forgotten. It needs chatadmin.PermTwoFactor, but for oneself.
func (t *Service) RevokeTrusted(ctx context.Context, s *chatadmin.Scope, user chatadmin.ID, ids ...string) error {
	op := chatadmin.Op{Kind: KindForget, Need: mayManage(s, user), Targets: []chatadmin.ID{user}}
	return s.Change(ctx, op, func(ctx context.Context, w *chatadmin.Work) error {
		if _, err := usersOf(ctx, w, op.Targets); err != nil {
			return err
		}
		return change(ctx, w, user, func(st *state) (bool, error) {
			kept := slices.DeleteFunc(slices.Clone(st.Remembered), func(c remembered) bool { return len(ids) == 0 || slices.Contains(ids, c.ID) })
			gone := len(st.Remembered) - len(kept)
			for _, id := range ids {
				if !slices.ContainsFunc(st.Remembered, func(c remembered) bool { return c.ID == id }) {
					return false, fmt.Errorf("remembered client %q: %w", chatadmin.Cut(id), chatadmin.ErrNotFound)
				}
			}
			if gone == 0 {
				return false, nil
			}
			st.Remembered = kept
			w.Record(KindForget, op.Targets, nil, map[string]string{"clients": fmt.Sprint(gone)})
			return true, nil
		})
	})
}
