package twofa

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/texts"
)

// Mode is what a domain asks for beside the password.
type Mode string

// The modes.
const (
	Off           Mode = "off"
	Email         Mode = "email"         // a code by e-mail
	Authenticator Mode = "authenticator" // a code from an authenticator app
)

// MaxValidity is the longest time for which a client can be remembered.
const MaxValidity = 90 * 24 * time.Hour

// Policy is what a domain has decided. The zero Policy has no mode, and is
// refused.
type Policy struct {
	Mode Mode `json:"mode"`
	// Validity is how long a browser or desktop client that has passed is not
	// asked again, in whole seconds: 0 (ask every time) to MaxValidity.
	Validity time.Duration `json:"validity"`
	// Recovery lets users have recovery codes, each of which takes the place of
	// an authenticator's code once.
	Recovery bool `json:"recovery"`
}

func (p Policy) check() error {
	switch {
	case p.Mode != Off && p.Mode != Email && p.Mode != Authenticator:
		return fmt.Errorf("mode %q: choose %q, %q or %q: %w", chatadmin.Cut(string(p.Mode)), Off, Email, Authenticator, chatadmin.ErrInvalid)
	case p.Validity < 0 || p.Validity > MaxValidity || p.Validity%time.Second != 0:
		return fmt.Errorf("a validity period of %s: give whole seconds, from 0 (ask every time) to %d days: %w", p.Validity, MaxValidity/(24*time.Hour), chatadmin.ErrInvalid)
	case p.Recovery && p.Mode != Authenticator:
		return texts.Explain(fmt.Errorf("recovery codes take the place of an authenticator: choose the mode %q: %w", Authenticator, chatadmin.ErrInvalid), "why.recovery_mode")
	}
	return nil
}

// policyName is the name in Settings.Policies.
const policyName = "twofa"

// stored is a Policy as the settings keep it. What was opened or remembered
// before the policy changed is told from what came after by Epoch and Floor, so
// that a change acts on everything outstanding in the one transaction that
// writes it, and no later change brings anything back.
type stored struct {
	Version  int   `json:"v"`
	Mode     Mode  `json:"mode"`
	Seconds  int64 `json:"validity"`
	Recovery bool  `json:"recovery,omitempty"`
	// challenges and remembered clients of another one are dead; a change of
	// the mode, and remembering nobody any more, begin a new one
	Epoch int64 `json:"epoch"`
	// clients remembered at this time or before are forgotten: they were too
	// old for a period that was in force
	Floor time.Time `json:"floor,omitzero"`
	// RecoveryEpoch begins anew where recovery codes are taken back: those of
	// before are dead.
	RecoveryEpoch int64 `json:"recovery_epoch,omitempty"`
}

const policyVersion = 1

func (s stored) policy() Policy {
	return Policy{s.Mode, time.Duration(s.Seconds) * time.Second, s.Recovery}
}

func decodePolicy(data json.RawMessage) (stored, error) {
	var s stored
	if len(data) == 0 {
		return stored{Mode: Off}, nil
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return stored{}, fmt.Errorf("two-factor policy: %w", err)
	}
	if s.Version < 1 {
		return stored{}, fmt.Errorf("the two-factor policy has no version, it is damaged: %w", chatadmin.ErrInvalid)
	}
	if s.Version > policyVersion {
		return stored{}, fmt.Errorf("the two-factor policy was written by a newer version of this library")
	}
	if s.Seconds < 0 || s.Seconds > int64(MaxValidity/time.Second) { // before it is multiplied
		return stored{}, fmt.Errorf("the two-factor policy has a validity of %d seconds, which no policy has: %w", s.Seconds, chatadmin.ErrInvalid)
	}
	if err := s.policy().check(); err != nil {
		return stored{}, fmt.Errorf("two-factor policy: %w", err)
	}
	return s, nil
}

// checkPolicy checks a policy in its stored form.
func checkPolicy(data json.RawMessage) error {
	_, err := decodePolicy(data)
	return err
}

// PolicyOf reads the policy from the settings of a domain. It returns
// chatadmin.ErrInvalid for nil settings, and an error for a policy that cannot
// be read.
func PolicyOf(set *chatadmin.Settings) (Policy, error) {
	if set == nil {
		return Policy{}, errNoSettings
	}
	s, err := decodePolicy(set.Policies[policyName])
	return s.policy(), err
}

// Policy returns what the domain of the scope has decided. Every user who has
// access to the domain may ask.
func (t *Service) Policy(ctx context.Context, s *chatadmin.Scope) (Policy, error) {
	if err := scoped(s); err != nil {
		return Policy{}, err
	}
	_, set, err := s.View(ctx, "")
	if err != nil {
		return Policy{}, err
	}
	return PolicyOf(&set)
}

// become is the policy that follows s when a domain decides for p.
func (s stored) become(p Policy, now time.Time) stored {
	if p == s.policy() {
		return s
	}
	was := s.policy()
	next := stored{Version: policyVersion, Mode: p.Mode, Seconds: int64(p.Validity / time.Second), Recovery: p.Recovery, Epoch: s.Epoch, Floor: s.Floor, RecoveryEpoch: s.RecoveryEpoch}
	if was.Recovery && !p.Recovery {
		next.RecoveryEpoch++
	}
	if p.Mode != was.Mode || p.Validity == 0 && was.Validity > 0 {
		next.Epoch++
	}
	// set by a clock that was wrong: whom it would have ended cannot be told
	// any more, so it is everybody
	if next.Floor.After(now) {
		next.Epoch, next.Floor = s.Epoch+1, time.Time{}
	}
	if old := now.Add(-was.Validity); was.Validity > 0 && old.After(next.Floor) {
		next.Floor = old
	}
	return next
}

// until is how long a client remembered at a time stays so; the zero time says
// not at all.
func (s stored) until(c *remembered, now time.Time) time.Time {
	end := c.Since.Add(s.policy().Validity)
	if c.Expires.Before(end) {
		end = c.Expires
	}
	floored := !c.Since.After(s.Floor) && (c.Floor.IsZero() || !c.Floor.Equal(s.Floor))
	if c.Epoch != s.Epoch || floored || !now.Before(end) || now.Before(c.Since) {
		return time.Time{}
	}
	return end
}
