package integrations_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/integrations"
)

// Pager is a made-up service: alarms come in as JSON, and what a group answers
// goes out.
type Pager struct {
	integrations.Refuse
	api    string
	client *http.Client
}

// NewPager returns the service. fake is the address of a fake pager; "" means
// the real one.
func NewPager(fake string) (*Pager, error) {
	client, err := integrations.Client(integrations.Hosts{Names: []string{`[a-z0-9]{1,20}\.pager\.example`}, Fake: fake}, nil)
	if err != nil {
		return nil, err
	}
	if fake == "" {
		fake = "https://api.pager.example"
	}
	return &Pager{api: fake, client: client}, nil
}

// Info implements integrations.Service.
func (p *Pager) Info() integrations.Info {
	return integrations.Info{Name: "pager", Title: "Pager", Hook: "alarms", Sends: true}
}

// Connect asks for a key, and takes it.
func (p *Pager) Connect(_ context.Context, _ *integrations.Connection, step integrations.Step) (integrations.Next, error) {
	key, ok := step.Answers["key"]
	if !ok {
		return integrations.Next{Ask: []string{"key"}, Hint: "You find the key in the settings of your pager."}, nil
	}
	return integrations.Next{Grant: &integrations.Grant{Token: key, Label: "pager account"}}, nil
}

// pagerSettings of a group.
type pagerSettings struct {
	Line string `json:"line"`
}

// Save checks the settings.
func (p *Pager) Save(_ context.Context, c *integrations.Connection) error {
	var set pagerSettings
	if json.Unmarshal(c.Settings, &set) != nil || set.Line == "" {
		return fmt.Errorf("settings: give the line: %w", chatadmin.ErrInvalid)
	}
	var err error
	c.Settings, err = json.Marshal(set)
	return err
}

// alarm is what the pager posts.
type alarm struct {
	ID   string `json:"id"`
	Text string `json:"text"`
}

// Accept keeps an alarm, once for its ID.
func (p *Pager) Accept(_ *integrations.Connection, r *integrations.Request) (integrations.Accepted, error) {
	var a alarm
	if json.Unmarshal(r.Body, &a) != nil || a.ID == "" || len(a.ID) > 40 {
		return integrations.Accepted{}, integrations.ErrRefused
	}
	data, err := json.Marshal(a)
	return integrations.Accepted{Events: []integrations.Event{{Key: a.ID, Data: data}}}, err
}

// Receive brings it into the group.
func (p *Pager) Receive(_ context.Context, _ *integrations.Connection, data json.RawMessage) ([]integrations.Effect, error) {
	var a alarm
	if err := json.Unmarshal(data, &a); err != nil {
		return nil, fmt.Errorf("%w: %w", chatadmin.ErrInvalid, err)
	}
	return []integrations.Effect{{Op: integrations.Posted, Message: a.ID, Text: "ALARM: " + a.Text}}, nil
}

// Send answers the alarm that a message is a reply to.
func (p *Pager) Send(ctx context.Context, c *integrations.Connection, o integrations.Outgoing) (integrations.Sent, error) {
	if o.Op != integrations.Posted || o.Thread == "" {
		return integrations.Sent{}, nil
	}
	body, err := json.Marshal(map[string]string{"alarm": o.Thread, "text": o.Text, "once": o.Key})
	if err != nil {
		return integrations.Sent{}, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.api+"/answers", bytes.NewReader(body))
	if err != nil {
		return integrations.Sent{}, err
	}
	r.Header.Set("Authorization", "Bearer "+c.Token.Reveal())
	res, err := p.client.Do(r)
	if err != nil {
		return integrations.Sent{}, &integrations.ProviderError{Service: "Pager", Sentence: "it cannot be reached", Again: true, Unsure: true}
	}
	defer func() { _ = res.Body.Close() }()
	switch {
	case res.StatusCode == http.StatusUnauthorized:
		return integrations.Sent{}, &integrations.ProviderError{Service: "Pager", Code: "401", Sentence: "the key is not valid any more", SignIn: true}
	case res.StatusCode >= 500:
		return integrations.Sent{}, &integrations.ProviderError{Service: "Pager", Code: res.Status[:3], Sentence: "it is not available", Again: true}
	case res.StatusCode != http.StatusOK:
		return integrations.Sent{}, &integrations.ProviderError{Service: "Pager", Code: res.Status[:3], Sentence: "it refused the answer"}
	}
	return integrations.Sent{ID: "answer-" + strings.TrimLeft(o.Key[len(o.Key)-16:], "0")}, nil
}
