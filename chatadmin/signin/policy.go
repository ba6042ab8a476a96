package signin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"chatadmin.example/sdk/chatadmin"
)

// Policy says when failed sign-ins lock a user, and for how long. It is kept in
// the domain's settings; the zero fields of one mean the defaults.
type Policy struct {
	// Limit is how many failures, with no success in between, lock: 1 to 100,
	// default 3. It also is how many attempts of one user are verified at the
	// same time.
	Limit int
	// UnlockAfter is when a lock lifts by itself: whole seconds, at most a
	// year, default 15 minutes; or UntilUnlocked. The lock of a domain admin always
	// lifts, after 15 minutes where it says UntilUnlocked: otherwise three wrong
	// guesses could leave nobody who unlocks.
	UnlockAfter time.Duration
}

// UntilUnlocked is a Policy.UnlockAfter: an admin, or the host, unlocks.
const UntilUnlocked time.Duration = -1

const (
	policyName    = "signin"
	defaultLimit  = 3
	defaultUnlock = 15 * time.Minute
	maxUnlock     = 366 * 24 * time.Hour
)

type storedPolicy struct {
	Version int           `json:"v"`
	Limit   int           `json:"limit,omitempty"`
	Unlock  time.Duration `json:"unlock_after,omitempty"` // in seconds, or -1
}

func (p Policy) check() error {
	switch {
	case p.Limit < 0 || p.Limit > 100:
		return fmt.Errorf("a limit of %d failed sign-ins: choose 1 to 100: %w", p.Limit, chatadmin.ErrInvalid)
	case p.UnlockAfter == UntilUnlocked:
	case p.UnlockAfter < 0 || p.UnlockAfter > maxUnlock || p.UnlockAfter%time.Second != 0:
		return fmt.Errorf("a lock that lifts after %s: choose whole seconds up to a year, or UntilUnlocked: %w", p.UnlockAfter, chatadmin.ErrInvalid)
	}
	return nil
}

// or fills in what p leaves open.
func (p Policy) or(d Policy) Policy {
	if p.Limit == 0 {
		p.Limit = d.Limit
	}
	if p.UnlockAfter == 0 {
		p.UnlockAfter = d.UnlockAfter
	}
	return p
}

// policy is what holds in a domain.
func (g *Gate) policy(set *chatadmin.Settings) (Policy, error) {
	raw, ok := set.Policies[policyName]
	if !ok {
		return g.o.Policy, nil
	}
	p, err := decodePolicy(raw)
	return p.or(g.o.Policy), err
}

// checkPolicy checks a policy in its stored form.
func checkPolicy(raw json.RawMessage) error {
	_, err := decodePolicy(raw)
	return err
}

func decodePolicy(raw json.RawMessage) (Policy, error) {
	var s storedPolicy
	if err := json.Unmarshal(raw, &s); err != nil {
		return Policy{}, fmt.Errorf("the sign-in policy of the domain: %w", err)
	}
	switch {
	case s.Version < 1:
		return Policy{}, fmt.Errorf("the sign-in policy of the domain has no version, it is damaged: %w", chatadmin.ErrInvalid)
	case s.Version > 1:
		return Policy{}, fmt.Errorf("the sign-in policy of the domain was written by a newer version of this library: %w", chatadmin.ErrInvalid)
	case s.Unlock > maxUnlock/time.Second: // before it overflows
		return Policy{}, fmt.Errorf("the sign-in policy of the domain unlocks after %d seconds, which is more than a year: %w", s.Unlock, chatadmin.ErrInvalid)
	}
	p := Policy{Limit: s.Limit, UnlockAfter: s.Unlock * time.Second}
	if s.Unlock == UntilUnlocked {
		p.UnlockAfter = UntilUnlocked
	}
	if err := p.check(); err != nil {
		return Policy{}, err
	}
	return p, nil
}

// Policy returns what holds in the domain, the defaults filled in. Whoever has
// access may ask.
func (g *Gate) Policy(ctx context.Context, s *chatadmin.Scope) (Policy, error) {
	if err := named(s); err != nil {
		return Policy{}, err
	}
	_, set, err := s.View(ctx, "")
	if err != nil {
		return Policy{}, err
	}
	return g.policy(&set)
}

// SetPolicy sets the policy of the domain, from the next attempt on; who is
// locked already stays so for as long as was decided then. It needs
// chatadmin.PermDomain.
func (g *Gate) SetPolicy(ctx context.Context, s *chatadmin.Scope, p Policy) error {
	if err := errors.Join(named(s), p.check()); err != nil {
		return err
	}
	stored := storedPolicy{1, p.Limit, p.UnlockAfter / time.Second}
	if p.UnlockAfter == UntilUnlocked {
		stored.Unlock = UntilUnlocked
	}
	raw, err := json.Marshal(stored)
	if err != nil {
		return err
	}
	return s.SetPolicy(ctx, chatadmin.KindDomainEdit, chatadmin.PermDomain, policyName, func(_ *chatadmin.Writer, was json.RawMessage) (json.RawMessage, []chatadmin.FieldChange, error) {
		return raw, []chatadmin.FieldChange{{Field: policyName, Before: string(was), After: string(raw)}}, nil
	})
}
