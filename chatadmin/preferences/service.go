package preferences

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"golang.org/x/text/language"

	"chatadmin.example/sdk/chatadmin"
)

// Kinds of audit events.
const (
	KindEdit     = "user.preferences"     // of a user's own values
	KindDefaults = "preferences.defaults" // of a domain
)

// name is that of the policy, and of what is kept in the attributes of users.
const name = "preferences"

// Options say what people can choose from. They are the same in every process.
type Options struct {
	// Pages are the pages on which people can land, at most 100. The first that
	// a domain has is where they land if nothing else is said. Default: none.
	Pages []Page
	// Languages are those of the interface; the first is for people who prefer
	// none. Default: English, French, German, Spanish and Dutch.
	Languages []language.Tag
	// Platforms are those that customers write through, at most 20. Default:
	// Twitter and Facebook.
	Platforms []Platform
	// NoReply is the address from which mails leave that nobody can answer. It
	// is one that the host's Mailer may send from. Without it NoReply cannot be
	// chosen.
	NoReply string
}

// Preferences are what the users of an Admin prefer. It is safe for many
// goroutines and starts none.
type Preferences struct {
	admin   *chatadmin.Admin
	o       Options
	matcher language.Matcher
}

// New returns the preferences of an Admin. o may be nil. Every program that
// changes users or settings calls New, before it uses the Admin. It returns
// chatadmin.ErrInvalid without an Admin, and for options that cannot be used.
func New(admin *chatadmin.Admin, o *Options) (*Preferences, error) {
	if admin == nil {
		return nil, fmt.Errorf("preferences need an Admin: %w", chatadmin.ErrInvalid)
	}
	p := &Preferences{admin: admin}
	if o != nil {
		p.o = *o
	}
	if len(p.o.Languages) == 0 {
		p.o.Languages = defaultLanguages()
	}
	if len(p.o.Platforms) == 0 {
		p.o.Platforms = []Platform{Twitter, Facebook}
	}
	if err := p.o.check(); err != nil {
		return nil, err
	}
	p.matcher = language.NewMatcher(p.o.Languages)
	admin.Extend(chatadmin.Extension{
		Policy:     chatadmin.Policy{Name: name, Check: checkPolicy},
		Preference: chatadmin.Preference{Name: name, Diff: diffStored},
		Columns:    p.columns(),
		Records:    []chatadmin.Damageable{p.damaged()},
		Language: func(set *chatadmin.Settings) string {
			domain, _ := policyOf(set) // what cannot be read decides nothing
			return domain.Defaults.Language
		},
	})
	return p, nil
}

// check refuses options that cannot be used.
func (o *Options) check() error {
	bad := func(what, value string) error {
		return fmt.Errorf("the %s %q: give 1 to 64 of a-z, 0-9, %q and %q, each once: %w", what, chatadmin.Cut(value), "_", "-", chatadmin.ErrInvalid)
	}
	pages, platforms := map[string]bool{}, map[string]bool{}
	for _, page := range o.Pages {
		if !plainName(page.Name) || pages[page.Name] {
			return bad("landing page", page.Name)
		}
		pages[page.Name] = true
	}
	for _, platform := range o.Platforms {
		if !plainName(string(platform)) || platforms[string(platform)] {
			return bad("platform", string(platform))
		}
		platforms[string(platform)] = true
	}
	if len(o.Pages) > 100 || len(o.Platforms) > 20 {
		return fmt.Errorf("%d landing pages and %d platforms: at most 100 and 20 can be chosen from: %w", len(o.Pages), len(o.Platforms), chatadmin.ErrInvalid)
	}
	if o.NoReply != "" && chatadmin.CheckEmail(o.NoReply) != nil {
		return fmt.Errorf("the address %q that nobody reads is no e-mail address: %w", chatadmin.Cut(o.NoReply), chatadmin.ErrInvalid)
	}
	return nil
}

func plainName(s string) bool {
	ok := func(r rune) bool { return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_' || r == '-' }
	return s != "" && len(s) <= 64 && !slices.ContainsFunc([]rune(s), func(r rune) bool { return !ok(r) })
}

// Shown are the values of a user, and what they amount to.
type Shown struct {
	Own     Values // what was chosen for the user alone
	InForce Values // with the domain's defaults
	// where the user lands now; "" if the program has no pages
	Lands string
	// the language of the interface
	Speaks language.Tag
}

// Of returns the values of a user. It needs chatadmin.PermUsersRead for others
// than oneself.
func (p *Preferences) Of(ctx context.Context, s *chatadmin.Scope, user chatadmin.ID) (Shown, error) {
	u, err := s.User(ctx, user)
	if err != nil {
		return Shown{}, err
	}
	_, set, err := s.View(ctx, "")
	if err != nil {
		return Shown{}, err
	}
	own, err := decode(&u)
	if err != nil { // Scope.Damaged lists it; meanwhile the defaults are in force
		p.admin.Options().Logger.WarnContext(ctx, "preferences cannot be read", "domain", s.Domain(), "user", user)
	}
	v := p.InForce(&set, &u)
	return Shown{own, v, p.Lands(&set, &v), p.Speaks(&v)}, nil
}

// InForce returns the values of a user with the domain's defaults, for a host
// that has both rows at hand. Without an account in the live chat there is no
// avatar. Values that cannot be read are as if they had never been chosen.
func (p *Preferences) InForce(set *chatadmin.Settings, u *chatadmin.User) Values {
	own, _ := decode(u)
	domain, _ := policyOf(set)
	v := own.over(domain.Defaults)
	if v.LiveChat == "" {
		v.Avatar = ""
	}
	if v.Forward == "" {
		v.Forward = CanRespond
	}
	return v
}

// Policy is what a domain has decided for everybody.
type Policy struct {
	Version int `json:"v"`
	// Defaults are in force for users who have not decided a field. Suffix,
	// LiveChat and Avatar are everybody's own, and blank here.
	Defaults Values `json:"defaults"`
}

// Policy reads what the scope's domain has decided. Everybody may.
func (p *Preferences) Policy(ctx context.Context, s *chatadmin.Scope) (Policy, error) {
	_, set, err := s.View(ctx, "")
	if err != nil {
		return Policy{}, err
	}
	return policyOf(&set)
}

func policyOf(set *chatadmin.Settings) (Policy, error) {
	data := set.Policies[name]
	if len(data) == 0 {
		return Policy{Version: version}, nil
	}
	return readPolicy(data)
}

func readPolicy(data json.RawMessage) (policy Policy, err error) {
	if err := json.Unmarshal(data, &policy); err != nil {
		return Policy{Version: version}, fmt.Errorf("the domain's policy of preferences: %w: %w", err, chatadmin.ErrInvalid)
	}
	if policy.Version != version || !policy.Defaults.possible() {
		return Policy{Version: version}, fmt.Errorf("the domain's policy of preferences is damaged, or of a newer version of this library: %w", chatadmin.ErrInvalid)
	}
	return policy, nil
}

// checkPolicy checks a policy in its stored form.
func checkPolicy(data json.RawMessage) error {
	_, err := readPolicy(data)
	return err
}

// SetDefaults changes what is in force for users who have not decided. f may be
// called several times. It needs chatadmin.PermDomain. All that is wrong comes
// at once, as *chatadmin.FieldErrors.
func (p *Preferences) SetDefaults(ctx context.Context, s *chatadmin.Scope, f func(*Values)) (Policy, error) {
	if f == nil {
		return Policy{}, fmt.Errorf("nothing was given: give a function that changes the defaults: %w", chatadmin.ErrInvalid)
	}
	var policy Policy
	err := s.SetPolicy(ctx, KindDefaults, chatadmin.PermDomain, name, func(w *chatadmin.Writer, was json.RawMessage) (json.RawMessage, []chatadmin.FieldChange, error) {
		is, err := policyOf(&w.Settings)
		if err != nil {
			return nil, nil, err
		}
		policy = Policy{version, is.Defaults.clone()}
		f(&policy.Defaults)
		wrong := p.check(&w.Settings, &is.Defaults, &policy.Defaults)
		for _, key := range each(&Values{}, &policy.Defaults) {
			if m, _ := policy.Defaults.platform(key); (m == &policy.Defaults.Suffix || key == "live_chat" || key == "avatar") && policy.Defaults.Get(key) != "" {
				wrong = append(wrong, &chatadmin.FieldError{Field: key, Value: chatadmin.Cut(policy.Defaults.Get(key)), Code: CodeBadChoice, Reason: "this is everybody's own, and has no default"})
			}
		}
		if len(wrong) > 0 {
			return nil, nil, &chatadmin.FieldErrors{Fields: wrong}
		}
		changes := diff(&is.Defaults, &policy.Defaults)
		if len(changes) == 0 {
			return was, nil, nil
		}
		data, err := json.Marshal(policy)
		return data, changes, err
	})
	return policy, err
}
