package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/texts"
	"chatadmin.example/sdk/integrations"
)

// Name is the service's name in addresses and settings.
const Name = "slack"

const (
	title  = "Slack"
	hook   = "in"
	scopes = "channels:history,channels:read,groups:history,groups:read,chat:write,chat:write.customize,users:read"
)

// Options are of the host's Slack app. All but API and Transport are required.
type Options struct {
	ClientID      string
	ClientSecret  integrations.Secret
	SigningSecret integrations.Secret

	// API is where a fake Slack listens, such as slacktest.Server.URL. Then
	// nothing is ever sent to Slack itself.
	API string
	// Transport carries the requests; default: one of its own.
	Transport http.RoundTripper
}

// Service is Slack for integrations.New.
type Service struct {
	integrations.Refuse
	o     Options
	pages string // what the authorisation page's address begins with
	api   api

	mu    sync.Mutex
	names map[string]name
}

type name struct {
	is    string
	until time.Time
}

// New returns the service. Without a signing secret it is an error: whoever
// knew an address could speak for Slack.
func New(o *Options) (*Service, error) {
	if o == nil {
		o = &Options{}
	}
	if o.ClientID == "" || o.ClientSecret.IsZero() || o.SigningSecret.IsZero() {
		return nil, errors.New("slack: give the client ID, the client secret and the signing secret of the app (https://api.slack.com/apps, Basic Information)")
	}
	client, err := integrations.Client(integrations.Hosts{Names: []string{`slack\.com`}, Fake: o.API}, o.Transport)
	if err != nil {
		return nil, fmt.Errorf("slack: %w", err)
	}
	base := "https://slack.com"
	if o.API != "" {
		base = strings.TrimSuffix(o.API, "/")
	}
	return &Service{o: *o, pages: base, api: &library{base + "/api/", client}, names: map[string]name{}}, nil
}

// settings of a group.
type settings struct {
	Channel     string `json:"channel"`        // its ID
	ChannelName string `json:"channel_name"`   // as it was when saved
	Name        string `json:"name"`           // that messages are posted as, in the group and in Slack
	Bots        bool   `json:"bots,omitempty"` // also brings messages of other apps into the group
}

// account is whom the app acts for.
type account struct {
	Team    string `json:"team"`
	App     string `json:"app"`
	BotUser string `json:"bot_user"`
	Bot     string `json:"bot"`
	Pinned  []byte `json:"pinned,omitempty"` // hash of the token of the outgoing webhook
}

// Info implements integrations.Service.
func (s *Service) Info() integrations.Info {
	return integrations.Info{Name: Name, Title: title, OAuth: true, Hook: hook, Sends: true}
}

// Connect implements integrations.Service by Slack's OAuth v2
// (https://docs.slack.dev/authentication/installing-with-oauth).
func (s *Service) Connect(ctx context.Context, _ *integrations.Connection, step integrations.Step) (integrations.Next, error) {
	if step.Code.IsZero() {
		q := url.Values{"client_id": {s.o.ClientID}, "scope": {scopes}, "redirect_uri": {step.Redirect}, "state": {step.State.Reveal()}}
		return integrations.Next{URL: integrations.Hide(s.pages + "/oauth/v2/authorize?" + q.Encode())}, nil
	}
	g, err := s.api.exchange(ctx, s.o.ClientID, s.o.ClientSecret.Reveal(), step.Code.Reveal(), step.Redirect)
	if err != nil {
		return integrations.Next{}, err
	}
	data, err := json.Marshal(g.account)
	return integrations.Next{Grant: &integrations.Grant{Token: integrations.Hide(g.token), Renewal: integrations.Hide(g.renewal), Life: g.life, ID: g.account.Team, Label: first(g.team, g.account.Team), Account: data}}, err
}

// Choices lists the channels that are not archived.
func (s *Service) Choices(ctx context.Context, c *integrations.Connection) ([]integrations.Choice, error) {
	return s.api.channels(ctx, c.Token.Reveal())
}

// Save checks that one existing channel is chosen and a name is given; by
// default "Slack".
func (s *Service) Save(ctx context.Context, c *integrations.Connection) error {
	var set settings
	d := json.NewDecoder(bytes.NewReader(c.Settings))
	d.DisallowUnknownFields()
	if err := d.Decode(&set); err != nil {
		return fmt.Errorf("settings: give channel (its ID or name) and name: %w", chatadmin.ErrInvalid)
	}
	if set.Name = strings.TrimSpace(first(set.Name, title)); len(set.Name) > 80 || strings.ContainsFunc(set.Name, func(r rune) bool { return r < ' ' }) {
		return texts.Explain(fmt.Errorf("name %q: at most 80 bytes on one line: %w", chatadmin.Cut(set.Name), chatadmin.ErrInvalid), "why.one_line", chatadmin.Cut(set.Name), 80)
	}
	list, err := s.Choices(ctx, c)
	if err != nil {
		return err
	}
	want := strings.TrimPrefix(set.Channel, "#")
	set.Channel, set.ChannelName = "", ""
	for _, ch := range list {
		if want != "" && (ch.ID == want || ch.Name == want) {
			set.Channel, set.ChannelName = ch.ID, ch.Name
		}
	}
	if set.Channel == "" {
		return texts.Explain(fmt.Errorf("channel %q: choose one channel of the workspace; a private one must have the app in it: %w", chatadmin.Cut(want), chatadmin.ErrInvalid),
			"why.channel", chatadmin.Cut(want))
	}
	c.Settings, err = json.Marshal(set)
	return err
}

// Release revokes the token, unless the workspace is connected elsewhere too:
// Slack gives an app one token for each workspace.
func (s *Service) Release(ctx context.Context, c *integrations.Connection) error {
	if c.Shared {
		return nil
	}
	err := s.api.revoke(ctx, c.Token.Reveal())
	if errors.Is(err, integrations.ErrNotConnected) {
		return nil // it is invalid already
	}
	return err
}

const (
	nameLife = time.Hour
	nameMost = 10000
	// lookups is how many people's names one message is worth asking for; who
	// is mentioned beyond that, or after a failure, is shown without one.
	lookups = 50
)

// Form implements integrations.Former.
func (s *Service) Form() integrations.Form {
	return integrations.Form{Own: []integrations.Setting{
		{Name: "name", Label: "Customize Name", Kind: integrations.Line, Max: 80},
		{Name: "channel", Label: "Channel", Kind: integrations.One, Required: true},
		{Name: "bots", Label: "Messages of other apps", Kind: integrations.Switch},
	}}
}
