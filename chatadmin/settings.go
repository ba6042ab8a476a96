package chatadmin

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Settings is what a domain has decided: its login rules, roles, subscription and policies. It is kept in Domain.Data.
type Settings struct {
	Version      int          `json:"v"`
	State        DomainState  `json:"state"`
	Preset       Preset       `json:"preset"`
	Login        LoginPolicy  `json:"login"`
	Roles        []Role       `json:"roles,omitempty"` // custom roles; the built-in ones are always there
	Subscription Subscription `json:"subscription"`
	Modules      []string     `json:"modules,omitempty"` // bought in addition, by the host's own names; only the host changes them

	// DefaultCountry is the ISO 3166 code by which phone numbers without "+" are read when a user is written; "" reads none of them. Changing it writes no user.
	DefaultCountry string `json:"default_country,omitempty"`
	// GuestsCreateGroups lets guests who are plain members create groups. A custom
	// role with PermGroupCreate does so in any case.
	GuestsCreateGroups bool `json:"guests_create_groups,omitempty"`
	// GuestsInDefaultGroups makes guests members of the default groups too.
	GuestsInDefaultGroups bool `json:"guests_in_default_groups,omitempty"`

	// Policies holds the settings of other packages, each under its own name.
	Policies map[string]json.RawMessage `json:"policies,omitempty"`
}

// DomainState says whether a domain is in use.
type DomainState string

const (
	DomainActive    DomainState = "active"
	DomainSuspended DomainState = "suspended" // nobody gets in, data kept; only the host changes anything
	DomainClosing   DomainState = "closing"   // being deleted
)

const settingsVersion = 1

// Settings decodes what the domain has decided.
func (d Domain) Settings() (Settings, error) {
	var s Settings
	if err := json.Unmarshal(d.Data, &s); err != nil {
		return Settings{}, fmt.Errorf("settings of domain %s: %w", d.ID, err)
	}
	if s.Version > settingsVersion {
		return Settings{}, fmt.Errorf("settings of domain %s were written by a newer version of this library", d.ID)
	}
	return s, nil
}

// NewSettings is what a domain with the given preset starts with: active, enterprise, no custom roles.
func NewSettings(p Preset) (Settings, error) {
	login, err := p.LoginPolicy()
	if err != nil {
		return Settings{}, err
	}
	return Settings{Version: settingsVersion, State: DomainActive, Preset: p, Login: login, Subscription: Subscription{Plan: Enterprise, Annual: true}}, nil
}

// faults are all that is wrong with settings, but for the policies.
func (s Settings) faults() (wrong faults) {
	if s.Version > settingsVersion { // nobody could read them any more
		wrong.add("settings", fmt.Sprint(s.Version), CodeBadVersion, "these settings have version %d, and this library knows no later one than %d: "+
			"read the domain's settings anew and change those", s.Version, settingsVersion)
	}
	seen := map[string]bool{}
	for _, r := range s.Roles {
		wrong = append(wrong, r.faults()...)
		if seen[r.ID] {
			wrong.add("role", r.Name, CodeTaken, "two roles have this name")
		}
		seen[r.ID] = true
	}
	if s.DefaultCountry != "" && len(s.DefaultCountry) != 2 {
		wrong.add("default_country", s.DefaultCountry, CodeBadText, "give two letters such as NL")
	}
	if !slices.Contains([]DomainState{DomainActive, DomainSuspended, DomainClosing}, s.State) {
		wrong.add("state", string(s.State), CodeBadText, "a domain is active, suspended or closing")
	}
	if err := s.Subscription.check(); err != nil {
		wrong.add("subscription", string(s.Subscription.Plan), CodeBadText, "choose free, business or enterprise")
	}
	return wrong
}
