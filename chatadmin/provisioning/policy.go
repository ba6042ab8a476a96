package provisioning

import (
	"context"
	"encoding/json"
	"fmt"

	"chatadmin.example/sdk/chatadmin"
)

// Policy is what a domain has decided.
type Policy struct {
	Version int `json:"v"`
	// AcceptTexts says that the company accepts text messages.
	AcceptTexts bool `json:"accept_texts,omitempty"`
	// LuhnIMEI checks the last digit of IMEIs with 15 digits.
	LuhnIMEI bool `json:"luhn_imei,omitempty"`
}

const (
	policyName    = "provisioning"
	policyVersion = 1
)

// Policy reads the policy of the scope's domain. It needs
// chatadmin.PermUsersRead.
func (p *Provisioning) Policy(ctx context.Context, s *chatadmin.Scope) (Policy, error) {
	_, set, err := s.View(ctx, chatadmin.PermUsersRead)
	if err != nil {
		return Policy{}, err
	}
	return policyOf(&set)
}

// SetPolicy sets the policy. It needs chatadmin.PermDomain.
func (p *Provisioning) SetPolicy(ctx context.Context, s *chatadmin.Scope, policy Policy) error {
	return s.SetPolicy(ctx, KindPolicy, chatadmin.PermDomain, policyName, func(_ *chatadmin.Writer, was json.RawMessage) (json.RawMessage, []chatadmin.FieldChange, error) {
		is, err := decodePolicy(was)
		if err != nil {
			return nil, nil, err
		}
		policy.Version, is.Version = policyVersion, policyVersion
		if policy == is {
			return was, nil, nil
		}
		var diff []chatadmin.FieldChange
		for _, f := range []struct {
			name     string
			was, now bool
		}{{"accept_texts", is.AcceptTexts, policy.AcceptTexts}, {"luhn_imei", is.LuhnIMEI, policy.LuhnIMEI}} {
			if f.was != f.now {
				diff = append(diff, chatadmin.FieldChange{Field: f.name, Before: yesNo(f.was), After: yesNo(f.now)})
			}
		}
		data, err := json.Marshal(policy)
		return data, diff, err
	})
}

func policyOf(set *chatadmin.Settings) (Policy, error) { return decodePolicy(set.Policies[policyName]) }

func decodePolicy(data json.RawMessage) (p Policy, err error) {
	if len(data) == 0 {
		return Policy{}, nil
	}
	if err := json.Unmarshal(data, &p); err != nil {
		return Policy{}, fmt.Errorf("the domain's policy of provisioning: %w", err)
	}
	if p.Version != policyVersion {
		return Policy{}, fmt.Errorf("the domain's policy of provisioning has another version than this library knows: %w", chatadmin.ErrInvalid)
	}
	return p, nil
}

func checkPolicy(data json.RawMessage) error {
	_, err := decodePolicy(data)
	return err
}
