package chatadmin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"chatadmin.example/sdk/chatadmin/storage"
)

// Settings is what a domain has decided: its login rules, roles, subscription
// and policies. It is kept in Domain.Data.
type Settings struct {
	Version      int          `json:"v"`
	State        DomainState  `json:"state"`
	Preset       Preset       `json:"preset"`
	Login        LoginPolicy  `json:"login"`
	Roles        []Role       `json:"roles,omitempty"` // custom roles; the built-in ones are always there
	Subscription Subscription `json:"subscription"`
	// bought in addition, by the host's own names; only the host changes them
	Modules []string `json:"modules,omitempty"`

	// DefaultCountry is the ISO 3166 code by which phone numbers without "+"
	// are read when a user is written; "" reads none of them. Changing it
	// writes no user.
	DefaultCountry string `json:"default_country,omitempty"`
	// GuestsCreateGroups lets guests who are plain members create groups. A
	// custom role with PermGroupCreate does so in any case.
	GuestsCreateGroups bool `json:"guests_create_groups,omitempty"`
	// GuestsInDefaultGroups makes guests members of the default groups too.
	GuestsInDefaultGroups bool `json:"guests_in_default_groups,omitempty"`

	// Pruning says how long the domain keeps what otherwise only grows.
	Pruning Pruning `json:"pruning,omitzero"`

	// Limits bound what members can make grow.
	Limits Limits `json:"limits,omitzero"`

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

func (s DomainState) known() bool {
	return s == DomainActive || s == DomainSuspended || s == DomainClosing
}

const settingsVersion = 1

// SettingsOf decodes what the domain has decided. Settings that are damaged, or
// that a newer version of the library wrote, are a *DamagedError: see
// Admin.RepairSettings.
func SettingsOf(d Domain) (Settings, error) {
	k := RecordKind[Settings]{Name: "domain", Version: settingsVersion, Check: func(s *Settings) error {
		if !s.State.known() {
			return errors.New("it has no known state")
		}
		return nil
	}}
	s, err := k.Decode(storage.Record{Key: k.Key(d.ID, string(d.ID)), Data: d.Data})
	if err != nil {
		return Settings{}, fmt.Errorf("the settings of the domain: %w", err)
	}
	return s, nil
}

// NewSettings is what a domain with the given preset starts with: active,
// enterprise, no custom roles.
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
	wrong = append(wrong, s.Pruning.faults()...)
	wrong = append(wrong, s.Limits.faults()...)
	if !s.State.known() {
		wrong.add("state", string(s.State), CodeBadText, "a domain is active, suspended or closing")
	}
	if err := s.Subscription.check(); err != nil {
		wrong.add("subscription", string(s.Subscription.Plan), CodeBadText, "choose free, business or enterprise")
	}
	return wrong
}

// RepairSettings puts settings in the place of a domain's that cannot be read,
// such as damaged ones, without which nobody, not even the host, does anything
// in the domain. Begin with NewSettings of the domain's preset; custom roles
// and policies that were there are gone unless set has them. Settings that can
// be read are left alone, which is ErrTransition. Only the host can call it.
func (a *Admin) RepairSettings(ctx context.Context, domain ID, set Settings) error {
	wrong := append(set.faults(), a.checkPolicies(set.Policies, nil)...)
	if set.Version != settingsVersion || set.Login == (LoginPolicy{}) {
		wrong.add("settings", "", CodeBadVersion, "begin with NewSettings of the domain's preset")
	}
	if err := wrongFields(wrong); err != nil {
		return err
	}
	s := a.AsHost(domain)
	if err := s.veto(ctx, KindDomainEdit, []ID{domain}); err != nil {
		return err
	}
	begin := s.begin(storage.Exclusive)
	err := a.store.Update(ctx, storage.Fence{Domain: domain, Mode: storage.Exclusive}, func(ctx context.Context, tx storage.Tx) error {
		w := begin(tx)
		w.Settings, w.Role = set, hostRole()
		ds, err := w.Domains(ctx, []ID{domain})
		d, err := one(ds, err, "domain", string(domain))
		if err != nil {
			return err
		}
		if _, err := SettingsOf(d); err == nil {
			return fmt.Errorf("the settings of domain %s are in order: change them with ChangeSettings: %w", domain, ErrTransition)
		}
		was := Cut(string(d.Data))
		if w.Domain, err = w.putDomain(ctx, d, set); err != nil {
			return err
		}
		w.Audit(KindDomainEdit, []ID{domain}, map[ID][]FieldChange{domain: change("settings", was, string(w.Domain.Data))}, nil)
		return w.flush(ctx)
	})
	if errors.Is(err, storage.ErrNoDomain) {
		return fmt.Errorf("domain %s: %w", Cut(string(domain)), ErrNotFound)
	}
	return err
}

// ChangeSettings changes what a domain has decided. It needs PermDomain; the
// state, the subscription and the modules are the host's to change; DomainClosing
// is nobody's. Roles have
// calls of their own, and so have the policies of the library's packages and of
// others that said so in Extension.Policy. Settings of more than MaxSettings
// are ErrInvalid.
func (s *Scope) ChangeSettings(ctx context.Context, f func(*Settings) error) (Settings, error) {
	if f == nil {
		return Settings{}, missing("a function that changes the settings")
	}
	return s.changeSettings(ctx, KindDomainEdit, PermDomain, func(w *Writer, set *Settings) ([]FieldChange, error) {
		roles := slices.Clone(set.Roles)
		if err := f(set); err != nil {
			return nil, err
		}
		set.Roles = roles
		return nil, s.admin.leavesOwned(set.Policies, w.Settings.Policies)
	})
}

// changeSettings changes the settings in one transaction. f may say what
// changed in its own words; otherwise the settings are compared as JSON.
func (s *Scope) changeSettings(ctx context.Context, kind string, need Permission, f func(*Writer, *Settings) ([]FieldChange, error)) (Settings, error) {
	var set Settings
	run := func(ctx context.Context, w *Writer) error {
		set = w.Settings
		set.Roles = slices.Clone(set.Roles)
		set.Modules = slices.Clone(set.Modules)
		set.Policies = maps.Clone(set.Policies)
		diff, err := f(w, &set)
		if err != nil {
			return err
		}
		if s.actor != HostActor && (set.State != w.Settings.State || set.Subscription != w.Settings.Subscription || !slices.Equal(set.Modules, w.Settings.Modules)) {
			return fmt.Errorf("only the application itself changes a domain's state, subscription or modules: %w", ErrForbidden)
		}
		if set.State != w.Settings.State && set.State == DomainClosing {
			return fmt.Errorf("a domain is not closed by its settings, but by a plan that is applied: %w", ErrTransition)
		}
		if set.Login != w.Settings.Login || set.Preset != w.Settings.Preset {
			return fmt.Errorf("the login rules of a domain cannot be changed: its users would not obey them: %w", ErrInvalid)
		}
		if err := wrongFields(append(set.faults(), s.admin.checkPolicies(set.Policies, w.Settings.Policies)...)); err != nil {
			return err
		}
		before, err := json.Marshal(w.Settings)
		if err != nil {
			return err
		}
		after, err := json.Marshal(set)
		if err != nil || bytes.Equal(after, before) {
			return err
		}
		d, err := w.putDomain(ctx, w.Domain, set)
		if err != nil {
			return err
		}
		if w.Settings.State == DomainActive && set.State != DomainActive {
			if err := w.End(ctx, CauseDomainSuspended, time.Time{}); err != nil {
				return err
			}
		}
		if diff == nil {
			diff = change("settings", string(before), string(d.Data))
		}
		w.Audit(kind, []ID{s.domain}, map[ID][]FieldChange{s.domain: diff}, nil)
		return nil
	}
	// Exclusive: what a batch in flight has read (roles, who joins default
	// groups) holds until it is committed.
	err := s.Change(ctx, Op{Kind: kind, Need: need, Fence: storage.Exclusive, Targets: []ID{s.domain}}, run)
	if err != nil {
		return Settings{}, err
	}
	return set, nil
}
