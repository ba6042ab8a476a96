package slack

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"chatadmin.example/sdk/chatadmin"
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

	// API is where a fake Slack listens, such as slacktest.Server.URL. Then nothing is ever sent to Slack itself.
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

// New returns the service. Without a signing secret it is an error: whoever knew an address could speak for Slack.
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

// Connect implements integrations.Service by Slack's OAuth v2 (https://docs.slack.dev/authentication/installing-with-oauth).
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

// Save checks that one existing channel is chosen and a name is given; by default "Slack".
func (s *Service) Save(ctx context.Context, c *integrations.Connection) error {
	var set settings
	d := json.NewDecoder(bytes.NewReader(c.Settings))
	d.DisallowUnknownFields()
	if err := d.Decode(&set); err != nil {
		return fmt.Errorf("settings: give channel (its ID or name) and name: %w", chatadmin.ErrInvalid)
	}
	if set.Name = strings.TrimSpace(first(set.Name, title)); len(set.Name) > 80 || strings.ContainsFunc(set.Name, func(r rune) bool { return r < ' ' }) {
		return fmt.Errorf("name %q: at most 80 bytes on one line: %w", chatadmin.Cut(set.Name), chatadmin.ErrInvalid)
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
		return fmt.Errorf("channel %q: choose one channel of the workspace; a private one must have the app in it: %w", chatadmin.Cut(want), chatadmin.ErrInvalid)
	}
	c.Settings, err = json.Marshal(set)
	return err
}

// Release revokes the token, unless the workspace is connected elsewhere too: Slack gives an app one token for each workspace.
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

// Accept takes both forms on the one address: signed JSON of the Events API, and the form of an outgoing webhook.
func (s *Service) Accept(c *integrations.Connection, r *integrations.Request) (integrations.Accepted, error) {
	var acc integrations.Accepted
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if r.Method != http.MethodPost || r.Hook != hook || kind != "application/json" && kind != "application/x-www-form-urlencoded" {
		return acc, integrations.ErrRefused
	}
	var set settings
	var a account
	if err := errors.Join(json.Unmarshal(c.Settings, &set), json.Unmarshal(c.Account, &a)); err != nil {
		return acc, err
	}
	if kind == "application/json" {
		if !signed(s.o.SigningSecret.Reveal(), r.Body, r.Header.Get("X-Slack-Request-Timestamp"), r.Header.Get("X-Slack-Signature"), r.Now) {
			return acc, integrations.ErrRefused
		}
		return a.events(r.Body, &set)
	}
	form, err := url.ParseQuery(string(r.Body))
	if err != nil {
		return acc, integrations.ErrRefused
	}
	return a.webhook(form, &set)
}

// events accepts what the Events API has sent.
func (a *account) events(body []byte, set *settings) (acc integrations.Accepted, err error) {
	var env envelope
	if json.Unmarshal(body, &env) != nil { // signed, and of no form that we know
		return integrations.Accepted{Ignored: []string{ignoredUnknown}}, nil
	}
	switch {
	case env.Type == "url_verification":
		return integrations.Accepted{Type: "text/plain; charset=utf-8", Body: env.Challenge}, nil
	case env.Type == "event_callback" && env.Event != nil && (a.App == "" || env.AppID == a.App) && env.concerns(a.Team, set.Channel):
		err = a.accept(&acc, env.Event, set, env.Event.EventTS)
	}
	return acc, err
}

// webhook accepts what an outgoing webhook has posted: the first token that comes is kept, and no other one accepted until somebody authenticates again.
func (a *account) webhook(form url.Values, set *settings) (acc integrations.Accepted, err error) {
	e, token, team := legacy(form)
	sum := sha256.Sum256([]byte("slack outgoing webhook " + token))
	if len(token) < 16 || len(token) > 128 || team != a.Team || a.Pinned != nil && subtle.ConstantTimeCompare(sum[:], a.Pinned) != 1 {
		return acc, integrations.ErrRefused
	}
	if e.Channel != set.Channel {
		return acc, nil
	}
	if a.Pinned == nil {
		a.Pinned = sum[:]
		if acc.Account, err = json.Marshal(a); err != nil {
			return acc, err
		}
	}
	return acc, a.accept(&acc, e, set, e.TS)
}

// Receive implements integrations.Service.
func (s *Service) Receive(ctx context.Context, c *integrations.Connection, data json.RawMessage) ([]integrations.Effect, error) {
	var in incoming
	var set settings
	var a account
	if err := errors.Join(json.Unmarshal(data, &in), json.Unmarshal(c.Settings, &set), json.Unmarshal(c.Account, &a)); err != nil {
		return nil, fmt.Errorf("%w: %w", chatadmin.ErrInvalid, err)
	}
	if in.Channel != set.Channel {
		return nil, nil // another one was chosen meanwhile
	}
	e := integrations.Effect{Op: in.Op, Message: messageID(in.Channel, in.TS), As: set.Name}
	if in.Thread != "" {
		e.Thread = messageID(in.Channel, in.Thread)
	}
	found, failed := map[string]string{}, error(nil)
	user := func(id string) string {
		n, ok := found[id]
		if ok || failed != nil || len(found) == lookups {
			return n
		}
		n, failed = s.user(ctx, c, a.Team, id)
		found[id] = n
		return n
	}
	if in.User != "" { // the author first: their name is worth most
		user(in.User)
	}
	if e.Text = Plain(in.Text, Names{User: user}); strings.TrimSpace(e.Text) == "" && in.Op != integrations.Deleted {
		e.Text = unshown
	}
	if e.Author = in.Name; in.User != "" {
		e.Author = first(user(in.User), in.Name, in.User)
	}
	var p *integrations.ProviderError
	if errors.As(failed, &p) && p.Again && p.Code == "429" { // a name is worth the wait that Slack asks for; anything else is not
		return nil, failed
	}
	return []integrations.Effect{e}, nil
}

const (
	nameLife = time.Hour
	nameMost = 10000
	// lookups is how many people's names one message is worth asking for; who is mentioned beyond that, or after a failure, is shown without one.
	lookups = 50
)

// user is the display name of a user, remembered for an hour.
func (s *Service) user(ctx context.Context, c *integrations.Connection, team, id string) (string, error) {
	if !isID.MatchString(id) {
		return "", nil
	}
	key := team + "/" + id
	s.mu.Lock()
	n, ok := s.names[key]
	s.mu.Unlock()
	if ok && c.Now.Before(n.until) && !n.until.After(c.Now.Add(nameLife)) {
		return n.is, nil
	}
	is, err := s.api.user(ctx, c.Token.Reveal(), id)
	var p *integrations.ProviderError
	if errors.As(err, &p) && (p.Again || p.SignIn) {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.names) >= nameMost {
		clear(s.names)
	}
	s.names[key] = name{is, c.Now.Add(nameLife)} // also where there is none
	return is, nil
}

// messageID is how the map of messages knows one: by channel and timestamp.
func messageID(channel, ts string) string { return channel + ":" + ts }

// Send implements integrations.Service by chat.postMessage, chat.update and chat.delete. Text is posted with the author's name before it, under the name of the settings.
func (s *Service) Send(ctx context.Context, c *integrations.Connection, o integrations.Outgoing) (integrations.Sent, error) {
	var set settings
	if err := json.Unmarshal(c.Settings, &set); err != nil {
		return integrations.Sent{}, fmt.Errorf("%w: %w", chatadmin.ErrInvalid, err)
	}
	token, text := c.Token.Reveal(), Escape(o.Text)
	if o.Author != "" {
		text = Escape(o.Author + ": " + o.Text)
	}
	channel, ts, _ := strings.Cut(o.ID, ":")
	switch o.Op {
	case integrations.Edited:
		return integrations.Sent{ID: o.ID}, elsewhere(channel, &set, s.api.update(ctx, token, channel, ts, shorten(text, maxEdit, longEdit)))
	case integrations.Deleted:
		err := elsewhere(channel, &set, s.api.remove(ctx, token, channel, ts))
		var p *integrations.ProviderError
		if errors.As(err, &p) && p.Code == "message_not_found" {
			err = nil
		}
		return integrations.Sent{ID: o.ID}, err
	}
	if o.Op != integrations.Posted {
		return integrations.Sent{}, fmt.Errorf("operation %q is not known: %w", o.Op, chatadmin.ErrInvalid)
	}
	if strings.TrimSpace(o.Text) == "" {
		return integrations.Sent{}, fmt.Errorf("the message has no text: %w", chatadmin.ErrInvalid)
	}
	m := outgoing{channel: set.Channel, name: set.Name, text: text, key: key(o.Key)}
	if ch, ts, ok := strings.Cut(o.Thread, ":"); ok && ch == set.Channel {
		m.thread = ts
	}
	if o.Tried {
		switch ts, err := s.api.find(ctx, token, m, earliest(&o, c.Now), o.Place); {
		case err != nil:
			return integrations.Sent{}, err
		case ts != "":
			return integrations.Sent{ID: messageID(m.channel, ts)}, nil
		}
	}
	ts, err := s.api.post(ctx, token, m)
	return integrations.Sent{ID: messageID(m.channel, ts)}, err
}

// earliest is where to begin looking for a message that was perhaps posted. A time
// ahead of ours was written by a clock that was wrong: then it is as long ago as
// a message may wait.
func earliest(o *integrations.Outgoing, now time.Time) time.Time {
	since := o.Since
	if since.IsZero() {
		since = o.Queued
	}
	if since.After(now) {
		since = now.Add(-24 * time.Hour)
	}
	return since
}

// elsewhere makes a failure final if it is about a channel that was chosen earlier: nobody may ever mend that one, and the messages to the one chosen now are not to wait for it.
func elsewhere(channel string, set *settings, err error) error {
	var p *integrations.ProviderError
	if channel != set.Channel && errors.As(err, &p) && ofChannel[p.Code] {
		final := *p
		final.Again, final.Sentence = false, "the message lies in a channel chosen earlier, where the app can do nothing any more"
		return &final
	}
	return err
}

// key is what stands in the metadata: whoever reads them in Slack learns nothing of our IDs.
func key(k string) string {
	h := sha256.Sum256([]byte(k))
	return base64.RawURLEncoding.EncodeToString(h[:18])
}
