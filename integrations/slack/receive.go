package slack

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/integrations"
)

// Accept takes both forms on the one address: signed JSON of the Events API,
// and the form of an outgoing webhook.
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

// webhook accepts what an outgoing webhook has posted: the first token that
// comes is kept, and no other one accepted until somebody authenticates again.
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
	if errors.As(failed, &p) && p.Again && p.Code == "429" {
		// a name is worth the wait that Slack asks for; anything else is not
		return nil, failed
	}
	return []integrations.Effect{e}, nil
}

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
