package chatadmin

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Policy is how a package owns a name in Settings.Policies: only the package's
// own call changes what is kept there, by SetPolicy, and ChangeSettings refuses
// to.
type Policy struct {
	Name string
	// Check refuses what is no policy. It sees what is about to be written, by
	// whatever call; nil takes any JSON. The package checks again what it
	// reads.
	Check func(json.RawMessage) error
	// Change refuses to replace one policy by another, or to take it away; nil
	// stands for none. Whatever call changes the policy, it is asked. Only where
	// settings are repaired that cannot be read, nobody knows what was there.
	Change func(was, now json.RawMessage) error
}

const maxPolicyName = 64

// policyChange is what a package says to a change of its policy.
type policyChange struct {
	name    string
	refuses func(was, now json.RawMessage) error
}

// ownPolicies are the names of the library's own packages. They are taken even
// where a program does not use the package.
var ownPolicies = []string{"afas", "chatadmin", "compliance", "csvimport", "devices", "erase", "fields", "integrations", "mailchimp",
	"password", "portal", "preferences", "provisioning", "retention", "signin", "slack", "support", "twofa"}

// owned reports whether a package owns the name: then ChangeSettings leaves it.
func (a *Admin) owned(name string) bool {
	_, registered := a.policies[name]
	return registered || slices.Contains(ownPolicies, name)
}

// leavesOwned refuses a change of policies that packages own.
func (a *Admin) leavesOwned(now, before map[string]json.RawMessage) error {
	all := maps.Clone(before)
	if all == nil {
		all = map[string]json.RawMessage{}
	}
	maps.Copy(all, now)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		was, had := before[name]
		is, has := now[name]
		if a.owned(name) && (had != has || !bytes.Equal(was, is)) {
			return &FieldError{Field: "policies", Value: Cut(name), Code: CodeBadPolicy, Reason: fmt.Sprintf("the policy %q has a call of its own: use that", Cut(name))}
		}
	}
	return nil
}

// checkPolicy says what is wrong with a policy that is about to be written.
func (a *Admin) checkPolicy(name string, policy json.RawMessage) (wrong faults) {
	checks, registered := a.policies[name]
	bad := func(reason string) { wrong.add("policies", name, CodeBadPolicy, "the policy %q %s", Cut(name), reason) }
	switch {
	case name == "" || len(name) > maxPolicyName || !visible(name):
		bad(fmt.Sprintf("has no usable name: give 1 to %d bytes without control characters", maxPolicyName))
		return wrong
	case !registered && slices.Contains(ownPolicies, name):
		bad("belongs to a package of the library that this program does not use: call its New first, or choose another name")
		return wrong
	case !json.Valid(policy):
		bad("is not JSON")
		return wrong
	}
	for _, check := range checks {
		if err := check(policy); err != nil {
			bad(fmt.Sprintf("cannot be used: %s", err))
			return wrong
		}
	}
	return nil
}

// checkPolicies checks those policies that differ from before, and the change
// itself.
func (a *Admin) checkPolicies(now, before map[string]json.RawMessage) (wrong faults) {
	for _, c := range a.policyChanges {
		was, is := before[c.name], now[c.name]
		if bytes.Equal(was, is) {
			continue
		}
		if err := c.refuses(was, is); err != nil {
			wrong.add("policies", c.name, CodeBadPolicy, "the policy %q stays: %s", Cut(c.name), err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(now)) {
		if was, ok := before[name]; !ok || !bytes.Equal(was, now[name]) {
			wrong = append(wrong, a.checkPolicy(name, now[name])...)
		}
	}
	return wrong
}

// SetPolicy changes what a package keeps under its name in Settings.Policies.
// It is how packages build their calls: kind is that of the audit event, need
// the permission, and f gets the policy as it is (nil: never set) and returns
// it as it shall be (nil: none), with what the event says has changed. Nothing
// is written where f returns what it got. A policy that the package's Check
// refuses, and the name of a package of the library that the program does not
// use, are ErrInvalid.
func (s *Scope) SetPolicy(ctx context.Context, kind string, need Permission, name string,
	f func(w *Writer, was json.RawMessage) (json.RawMessage, []FieldChange, error)) error {
	if f == nil {
		return missing("a function that changes the policy")
	}
	_, err := s.changeSettings(ctx, kind, need, func(w *Writer, set *Settings) ([]FieldChange, error) {
		policy, diff, err := f(w, set.Policies[name])
		if err != nil {
			return nil, err
		}
		set.setPolicy(name, policy)
		return diff, nil
	})
	return err
}

func (s *Settings) setPolicy(name string, policy json.RawMessage) {
	switch {
	case bytes.Equal(policy, s.Policies[name]):
	case len(policy) == 0:
		delete(s.Policies, name)
	case s.Policies == nil:
		s.Policies = map[string]json.RawMessage{name: policy}
	default:
		s.Policies[name] = policy
	}
}

// RepairPolicy puts a policy in the place of one that its package cannot read,
// such as one that was damaged; nil takes it away, so that the package's
// default is in force. One that can be read is left alone, which is
// ErrTransition: it has a call of its own. Only the host can call it, in a
// program that uses the package.
func (a *Admin) RepairPolicy(ctx context.Context, domain ID, name string, policy json.RawMessage) error {
	_, err := a.AsHost(domain).changeSettings(ctx, KindDomainEdit, PermDomain, func(w *Writer, set *Settings) ([]FieldChange, error) {
		was, ok := set.Policies[name]
		if !ok {
			return nil, fmt.Errorf("policy %q: %w", Cut(name), ErrNotFound)
		}
		if len(a.checkPolicy(name, was)) == 0 {
			return nil, fmt.Errorf("the policy %q is in order: change it by its own call: %w", Cut(name), ErrTransition)
		}
		set.setPolicy(name, policy)
		return change("policy "+Cut(name), string(was), string(policy)), nil
	})
	return err
}
