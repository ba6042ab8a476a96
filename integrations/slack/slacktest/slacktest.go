// Package slacktest is a fake Slack for tests and demonstrations, in the manner
// of net/http/httptest: one workspace with its channels and people, the methods
// of the Web API that the slack package calls, OAuth, the Events API and
// outgoing webhooks. It refuses what Slack refuses: other content types, a
// missing or revoked token, unknown fields. Faults make it slow, limited or
// forgetful.
package slacktest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"time"

	"chatadmin.example/sdk/integrations/slack"
)

// Of the one workspace and the one app.
const (
	Team          = "T0EXAMPLE"
	TeamName      = "Example Team"
	App           = "A0BRIDGE"
	BotUser       = "U0BRIDGE"
	Bot           = "B0BRIDGE"
	ClientID      = "1234.5678"
	ClientSecret  = "slacktest-client-secret"
	SigningSecret = "slacktest-signing-secret"
)

// Message is a message in a channel.
type Message struct {
	Channel, TS, Thread string
	// User: of a person, or BotUser; Username: that a bot posted as
	User, Username string
	Text           string
	Bot            bool
	Deleted        bool
	Edits          int
	Metadata       json.RawMessage
	More           map[string]any // further fields
}

// Fault is what goes wrong with one request. The zero Fault is none.
type Fault struct {
	Status     int    // instead of 200
	RetryAfter int    // seconds, with Status 429
	Error      string // instead of ok: true
	// it is carried out, and the answer lost: the connection breaks
	Lost bool
}

// Server is the fake. Its fields are set before it is used.
type Server struct {
	URL string
	// Now is its clock; default time.Now.
	Now func() time.Time
	// PostEvery is how far apart two messages of the app to a channel must lie,
	// as at Slack; what comes earlier is answered with 429. 0: no limit.
	PostEvery time.Duration
	// HistoryEvery is the same for conversations.history and
	// conversations.replies, for the whole workspace.
	HistoryEvery time.Duration
	// HistoryLimit is the most that a page of them holds; 0: as many as are
	// asked for.
	HistoryLimit int
	// Rotate gives tokens of twelve hours with a refresh token, as Slack does
	// for an app with token rotation: a refresh token works once, any new token
	// ends the refresh tokens before it, and the two newest tokens are valid.
	Rotate bool
	// NoTS is how many answers of chat.postMessage lack the timestamp.
	NoTS int

	web *httptest.Server
	hc  *http.Client

	mu       sync.Mutex
	fault    func(method string) Fault
	channels []channel
	users    map[string]string
	codes    map[string]string // code → redirect URI
	tokens   map[string]bool
	rotated  []rotated // the newest last
	messages []*Message
	last     int64 // of a timestamp, in microseconds
	subs     []subscription
	queue    []delivery
	calls    map[string]int
	events   int
	limits   map[string]time.Time // by what is limited: when it was used last
}

// rotated is a token that ends.
type rotated struct {
	token, refresh string
	until          time.Time
}

type channel struct {
	ID, Name string
	Member   bool
}

type subscription struct {
	url, token string // token: of an outgoing webhook; "" for the Events API
	channel    string
}

type delivery struct {
	url  string
	kind string
	body []byte
	sign bool
}

// SetFault lets f decide, request by request, what goes wrong with a method
// such as "chat.postMessage"; nothing does if f is nil. f is called under the
// server's lock: it calls no method of the server.
func (s *Server) SetFault(f func(method string) Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// NewServer starts a fake with the channels #general and #random, and the
// people alice and bob. Close it.
func NewServer() *Server {
	s := &Server{Now: time.Now, users: map[string]string{"U0ALICE": "alice", "U0BOB": "bob"}, codes: map[string]string{}, tokens: map[string]bool{}, calls: map[string]int{},
		channels: []channel{{"C0GENERAL", "general", true}, {"C0RANDOM", "random", true}, {"C0ELSE", "elsewhere", false}}}
	s.web = httptest.NewServer(http.HandlerFunc(s.serve))
	s.URL = s.web.URL
	s.hc = &http.Client{Timeout: 5 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return s
}

// Close stops it.
func (s *Server) Close() { s.web.Close() }

// Options are those of a slack.Service that talks to this server.
func (s *Server) Options() *slack.Options { return options(s.URL) }

// Authorise is what a person does in the browser on Slack's page: it follows
// the address from Connect, agrees, and returns the address of the callback
// that Slack sends them to.
func (s *Server) Authorise(address string) (string, error) {
	res, err := s.hc.Get(address)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusFound {
		text, _ := io.ReadAll(res.Body)
		return "", fmt.Errorf("the page says %d %s", res.StatusCode, text)
	}
	return res.Header.Get("Location"), nil
}

// Subscribe sends the workspace's events to an address, as the Events API does.
func (s *Server) Subscribe(address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.subs = append(s.subs, subscription{url: address})
}

// Webhook sends the messages of a channel to an address, as an outgoing webhook
// with this token does.
func (s *Server) Webhook(address, channel, token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.subs = append(s.subs, subscription{address, token, channel})
}

// Calls is how often a method was called.
func (s *Server) Calls(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[method]
}

// Tokens is how many tokens are valid.
func (s *Server) Tokens() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.tokens)
}

// RevokeAll ends all tokens, as a workspace's owner can.
func (s *Server) RevokeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}

// Deliver sends what is queued for subscribers, each up to four times until it
// is answered with 200, and returns how many were not. The method "event" is
// subject to SetFault: Lost events are delivered and sent again.
func (s *Server) Deliver(ctx context.Context) (failed int) {
	for {
		s.mu.Lock()
		if len(s.queue) == 0 {
			s.mu.Unlock()
			return failed
		}
		d := s.queue[0]
		s.queue = s.queue[1:]
		s.mu.Unlock()
		done := false
		for try := 0; try < 4 && !done; try++ {
			done = s.attempt(ctx, d, try)
		}
		if !done {
			failed++
		}
	}
}

func (s *Server) attempt(ctx context.Context, d delivery, try int) bool {
	s.mu.Lock()
	var f Fault
	if s.fault != nil {
		f = s.fault("event")
	}
	s.mu.Unlock()
	if f.Status != 0 {
		return false
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, d.url, bytes.NewReader(d.body))
	if err != nil {
		return false
	}
	r.Header.Set("Content-Type", d.kind)
	if try > 0 {
		r.Header.Set("X-Slack-Retry-Num", strconv.Itoa(try))
		r.Header.Set("X-Slack-Retry-Reason", "http_error")
	}
	if d.sign {
		at := strconv.FormatInt(s.Now().Unix(), 10)
		r.Header.Set("X-Slack-Request-Timestamp", at)
		r.Header.Set("X-Slack-Signature", slack.Sign(SigningSecret, at, d.body))
	}
	res, err := s.hc.Do(r)
	if err != nil {
		return false
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<20))
	_ = res.Body.Close()
	return res.StatusCode == http.StatusOK && !f.Lost
}
