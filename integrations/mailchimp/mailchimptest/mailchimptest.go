// Package mailchimptest is a fake Mailchimp for tests and demonstrations, in
// the manner of net/http/httptest: one account with its audiences, OAuth 2, the
// calls of the Marketing API that the mailchimp package makes, and webhooks,
// whose addresses it looks at before it accepts them. It refuses what Mailchimp
// refuses: other content types, a missing token, unknown fields. Faults make it
// slow, limited or forgetful.
package mailchimptest

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"chatadmin.example/sdk/integrations"
	"chatadmin.example/sdk/integrations/mailchimp"
)

// Of the one app.
const (
	ClientID     = "123456789012"
	ClientSecret = "mailchimptest-client-secret"
)

// Audience is one of the account's.
type Audience struct {
	ID, Name string
	Members  int
}

// Webhook is one of an audience.
type Webhook struct {
	ID      string          `json:"id"`
	URL     string          `json:"url"`
	Events  map[string]bool `json:"events"`
	Sources map[string]bool `json:"sources"`
	List    string          `json:"list_id"`
	Signing bool            `json:"signing_enabled"`

	secret string
}

// Fault is what goes wrong with one request. The zero Fault is none.
type Fault struct {
	Status     int    // instead of the answer
	RetryAfter int    // seconds
	Bare       bool   // without a body
	Lost       bool   // it is carried out, and the answer lost
	Detail     string // of the problem
}

// Server is the fake. Its fields are set before it is used.
type Server struct {
	URL string
	// Now is its clock; default time.Now.
	Now func() time.Time
	// Signing makes new webhooks sign, and tell their secret once.
	Signing bool
	// DC is what the metadata name; default "us1".
	DC string
	// Account is the ID of the account that signs in next; default 54321. The
	// audiences are the same for each.
	Account int

	web *httptest.Server
	hc  *http.Client

	mu     sync.Mutex
	fault  func(call string) Fault
	lists  []Audience
	hooks  []*Webhook
	codes  map[string]string
	tokens map[string]bool
	calls  map[string]int
	made   int
}

// SetFault lets f decide what goes wrong with a request, such as "POST
// /lists/a6b5da1054/webhooks"; nothing does if f is nil. f is called under the
// server's lock: it calls no method of the server.
func (s *Server) SetFault(f func(call string) Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// NewServer starts a fake with three audiences. Close it.
func NewServer() *Server {
	s := &Server{Now: time.Now, DC: "us1", Account: 54321, codes: map[string]string{}, tokens: map[string]bool{}, calls: map[string]int{},
		lists: []Audience{{"a6b5da1054", "Newsletter", 120}, {"b7c6eb2165", "Product updates", 7}, {"c8d7fc3276", "Archive", 0}}}
	s.web = httptest.NewServer(http.HandlerFunc(s.serve))
	s.URL = s.web.URL
	s.hc = &http.Client{Timeout: 5 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return s
}

// Close stops it.
func (s *Server) Close() { s.web.Close() }

// Options are those of a mailchimp.Service that talks to this server.
func (s *Server) Options() *mailchimp.Options {
	return &mailchimp.Options{ClientID: ClientID, ClientSecret: integrations.Hide(ClientSecret), API: s.URL}
}

// Authorise is what a person does in the browser on Mailchimp's page: it
// follows the address from Connect, agrees, and returns the address of the
// callback.
func (s *Server) Authorise(address string) (string, error) {
	res, err := s.hc.Get(address)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusFound {
		return "", fmt.Errorf("the page says %s", res.Status)
	}
	return res.Header.Get("Location"), nil
}

// AddAudiences makes n further audiences, so that there are several pages.
func (s *Server) AddAudiences(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range n {
		s.lists = append(s.lists, Audience{fmt.Sprintf("f%09d", i), fmt.Sprintf("Further %d", i), i})
	}
}

// Webhooks are those of an audience.
func (s *Server) Webhooks(list string) []Webhook {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []Webhook
	for _, h := range s.hooks {
		if h.List == list {
			found = append(found, *h)
		}
	}
	return found
}

// AddWebhook makes a webhook as somebody does by hand on Mailchimp's pages:
// nothing looks at its address.
func (s *Server) AddWebhook(list, address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(&Webhook{URL: address, List: list, Events: map[string]bool{"subscribe": true}, Sources: map[string]bool{"user": true}})
}

func (s *Server) add(h *Webhook) *Webhook {
	s.made++
	h.ID = fmt.Sprintf("hook%06d", s.made)
	if s.Signing {
		h.Signing, h.secret = true, fmt.Sprintf("mailchimptest-signing-%d", s.made)
	}
	s.hooks = append(s.hooks, h)
	return h
}

// RemoveWebhooks removes all webhooks of an audience, as somebody does by hand,
// or Mailchimp itself when an address does not answer.
func (s *Server) RemoveWebhooks(list string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hooks = slices.DeleteFunc(s.hooks, func(h *Webhook) bool { return h.List == list })
}

// Calls is how often a call was made, such as "GET /lists".
func (s *Server) Calls(call string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[call]
}

// RevokeAll ends all tokens, as an account's owner can.
func (s *Server) RevokeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}

// Fire posts a form to every webhook of an audience that wants events of its
// type, and returns the statuses.
func (s *Server) Fire(ctx context.Context, list string, form []byte) ([]int, error) {
	v, err := url.ParseQuery(string(form))
	if err != nil {
		return nil, err
	}
	var codes []int
	for _, h := range s.Webhooks(list) {
		if !h.Events[v.Get("type")] {
			continue
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(form))
		if err != nil {
			return nil, err
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("User-Agent", "MailChimp")
		if h.secret != "" {
			at := strconv.FormatInt(s.Now().Unix(), 10)
			r.Header.Set("X-Mailchimp-Signature", "t="+at+",v1="+mailchimp.Sign(h.secret, at, form))
		}
		res, err := s.hc.Do(r)
		if err != nil {
			return nil, err
		}
		_ = res.Body.Close()
		codes = append(codes, res.StatusCode)
	}
	return codes, nil
}
