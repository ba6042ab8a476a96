package mailchimp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/texts"
	"chatadmin.example/sdk/integrations"
)

// Name is the service's name in addresses and settings.
const Name = "mailchimp"

const title = "Mailchimp"

// Options are of the host's registered app. ClientID and ClientSecret are
// required.
type Options struct {
	ClientID     string
	ClientSecret integrations.Secret

	// API is where a fake Mailchimp listens, such as mailchimptest.Server.URL.
	// Then nothing is ever sent to Mailchimp itself.
	API string
	// Transport carries the requests; default: one of its own.
	Transport http.RoundTripper
}

// Service is Mailchimp for integrations.New.
type Service struct {
	integrations.Refuse
	api *api
}

// New returns the service.
func New(o *Options) (*Service, error) {
	if o == nil {
		o = &Options{}
	}
	if o.ClientID == "" || o.ClientSecret.IsZero() {
		return nil, errors.New("mailchimp: give the client ID and the client secret of the registered app (Account, Extras, Registered apps)")
	}
	a, err := newAPI(*o)
	if err != nil {
		return nil, err
	}
	return &Service{api: a}, nil
}

// settings of a group.
type settings struct {
	Audiences []audience `json:"audiences"`
	Name      string     `json:"name"` // that messages are posted as
}

// audience may be given as its ID alone.
type audience struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// UnmarshalJSON reads both forms.
func (a *audience) UnmarshalJSON(b []byte) error {
	if err := json.Unmarshal(b, &a.ID); err == nil {
		return nil
	}
	type plain audience
	return json.Unmarshal(b, (*plain)(a))
}

// account is where the account lives.
type account struct {
	DC string `json:"dc"`
}

// Info implements integrations.Service.
func (s *Service) Info() integrations.Info {
	return integrations.Info{Name: Name, Title: title, OAuth: true}
}

// Connect implements integrations.Service by Mailchimp's OAuth 2
// (https://mailchimp.com/developer/marketing/guides/access-user-data-oauth-2).
func (s *Service) Connect(ctx context.Context, _ *integrations.Connection, step integrations.Step) (integrations.Next, error) {
	if step.Code.IsZero() {
		conf := s.api.oauth
		conf.RedirectURL = step.Redirect
		return integrations.Next{URL: integrations.Hide(conf.AuthCodeURL(step.State.Reveal()))}, nil
	}
	g, err := s.api.exchange(ctx, step.Code.Reveal(), step.Redirect)
	return integrations.Next{Grant: g}, err
}

// Choices lists the audiences.
func (s *Service) Choices(ctx context.Context, c *integrations.Connection) ([]integrations.Choice, error) {
	return s.api.audiences(ctx, c)
}

// Save takes at least one audience of the account, and makes a webhook for
// each, with an address of its own; those of audiences that are no longer
// wanted are removed. It compares with what is there, so that running it again
// makes nothing twice.
func (s *Service) Save(ctx context.Context, c *integrations.Connection) error {
	set, err := s.check(ctx, c)
	if err != nil {
		return err
	}
	for _, a := range set.Audiences {
		if _, err := c.AddHook(a.ID); err != nil {
			return err
		}
	}
	if err := c.Keep(ctx); err != nil { // Mailchimp looks at once whether the address answers
		return err
	}
	for _, a := range set.Audiences {
		if err := s.subscribe(ctx, c, a.ID); err != nil {
			return err
		}
	}
	for _, list := range slices.Sorted(maps.Keys(c.Hooks)) {
		if !slices.ContainsFunc(set.Audiences, func(a audience) bool { return a.ID == list }) {
			if err := s.unsubscribe(ctx, c, list); err != nil {
				return err
			}
			delete(c.Hooks, list)
		}
	}
	c.Settings, err = json.Marshal(set)
	return err
}

// check reads the settings and fills in the names of the audiences.
func (s *Service) check(ctx context.Context, c *integrations.Connection) (settings, error) {
	var set settings
	d := json.NewDecoder(bytes.NewReader(c.Settings))
	d.DisallowUnknownFields()
	if err := d.Decode(&set); err != nil || len(set.Audiences) == 0 || len(set.Audiences) > 100 {
		return settings{}, fmt.Errorf("settings: choose 1 to 100 audiences: %w", chatadmin.ErrInvalid)
	}
	if set.Name = strings.TrimSpace(set.Name); set.Name == "" {
		set.Name = title
	}
	if set.Name != line(set.Name) || len(set.Name) > 80 {
		return settings{}, texts.Explain(fmt.Errorf("name %q: at most 80 bytes on one line: %w", chatadmin.Cut(set.Name), chatadmin.ErrInvalid), "why.one_line", chatadmin.Cut(set.Name), 80)
	}
	all, err := s.api.audiences(ctx, c)
	if err != nil {
		return settings{}, err
	}
	want := set.Audiences
	set.Audiences = nil
	for _, a := range want {
		i := slices.IndexFunc(all, func(ch integrations.Choice) bool { return ch.ID == a.ID })
		if i < 0 {
			return settings{}, texts.Explain(fmt.Errorf("audience %q: the account has none with this ID: %w", chatadmin.Cut(a.ID), chatadmin.ErrInvalid), "why.audience", chatadmin.Cut(a.ID))
		}
		if !slices.ContainsFunc(set.Audiences, func(o audience) bool { return o.ID == a.ID }) {
			set.Audiences = append(set.Audiences, audience{a.ID, all[i].Name})
		}
	}
	return set, nil
}

// subscribe leaves exactly one webhook of ours at an audience. The secret by
// which it signs is told once; where we do not know it, the webhook is made
// anew.
func (s *Service) subscribe(ctx context.Context, c *integrations.Connection, list string) error {
	h := c.Hooks[list]
	there, err := s.api.webhooks(ctx, c, list)
	if err != nil {
		return err
	}
	kept := ""
	for _, w := range there {
		mine := w.URL == h.URL.Reveal()
		switch {
		case mine && kept == "" && (!w.Signing || !h.Signing.IsZero() && w.ID == h.ProviderID):
			if kept = w.ID; !w.complete() {
				if err := s.api.mend(ctx, c, list, w); err != nil {
					return err
				}
			}
		case mine || c.OwnHook(w.URL):
			if err := s.api.remove(ctx, c, list, w.ID); err != nil {
				return err
			}
		}
	}
	if kept != "" {
		if h.ProviderID != kept {
			h.ProviderID, h.Signing = kept, integrations.Secret{}
			return c.Keep(ctx)
		}
		return nil
	}
	made, err := s.api.create(ctx, c, list, h.URL.Reveal())
	if err != nil {
		return err
	}
	h.ProviderID, h.Signing = made.ID, integrations.Hide(made.Secret)
	return c.Keep(ctx)
}

// unsubscribe removes our webhook from an audience; not one that was made there
// later, for an address that came after it.
func (s *Service) unsubscribe(ctx context.Context, c *integrations.Connection, list string) error {
	there, err := s.api.webhooks(ctx, c, list)
	if err != nil {
		return ignoreMissing(err)
	}
	for _, w := range there {
		if w.URL == c.Hooks[list].URL.Reveal() || w.ID == c.Hooks[list].ProviderID {
			if err := s.api.remove(ctx, c, list, w.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// Release removes the webhooks of all audiences. Mailchimp has no way to give a
// token back.
func (s *Service) Release(ctx context.Context, c *integrations.Connection) error {
	for _, list := range slices.Sorted(maps.Keys(c.Hooks)) {
		if err := s.unsubscribe(ctx, c, list); err != nil {
			if errors.Is(err, integrations.ErrNotConnected) {
				// the token is invalid already, and with it the app's webhooks
				// are out of our hands
				return nil
			}
			return err
		}
	}
	return nil
}

// Accept answers Mailchimp's look at the address, and keeps events of the
// audience that the address is for.
func (s *Service) Accept(c *integrations.Connection, r *integrations.Request) (integrations.Accepted, error) {
	return accept(c, r)
}

// Receive makes a sentence of an event.
func (s *Service) Receive(_ context.Context, c *integrations.Connection, data json.RawMessage) ([]integrations.Effect, error) {
	var set settings
	if err := json.Unmarshal(c.Settings, &set); err != nil {
		return nil, fmt.Errorf("%w: %w", chatadmin.ErrInvalid, err)
	}
	return receive(data, &set)
}

// Form implements integrations.Former.
func (s *Service) Form() integrations.Form {
	return integrations.Form{Own: []integrations.Setting{
		{Name: "audiences", Label: "Lists", Kind: integrations.Several, Required: true},
		{Name: "name", Label: "Customize Name", Kind: integrations.Line, Max: 80},
	}}
}
