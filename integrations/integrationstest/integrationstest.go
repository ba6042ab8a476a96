// Package integrationstest helps to test services and hosts of the integrations
// package: Groups is a host that keeps its messages in memory, and World is
// everything around a service (a store in memory, a domain, a group, a clock,
// an HTTP server), ready to use.
package integrationstest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/keyring"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/integrations"
)

// Message is a message in a group of Groups.
type Message struct {
	ID      chatadmin.ID
	Post    integrations.Post
	Text    string
	Edits   int
	Deleted bool
	Posts   int // how often it was posted, under the same key
}

// Groups is an integrations.Groups in memory. It is safe for many goroutines.
type Groups struct {
	// Fault decides what goes wrong with one call: before it is carried out, or
	// after. It is called under the lock.
	Fault func(call string) (before, after error)

	mu    sync.Mutex
	list  []*Message
	byKey map[string]*Message
}

var _ integrations.Groups = (*Groups)(nil)

func (g *Groups) do(call string, f func()) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	var before, after error
	if g.Fault != nil {
		before, after = g.Fault(call)
	}
	if before != nil {
		return before
	}
	f()
	return after
}

// Post implements integrations.Groups: once per key.
func (g *Groups) Post(_ context.Context, p integrations.Post) (id chatadmin.ID, err error) {
	err = g.do("post", func() {
		if g.byKey == nil {
			g.byKey = map[string]*Message{}
		}
		m := g.byKey[p.Key]
		if m == nil {
			m = &Message{ID: chatadmin.ID(fmt.Sprintf("in%d", len(g.list)+1)), Post: p, Text: p.Text}
			g.list = append(g.list, m)
			g.byKey[p.Key] = m
		}
		m.Posts++
		id = m.ID
	})
	return id, err
}

func (g *Groups) change(call string, id chatadmin.ID, f func(*Message)) error {
	return g.do(call, func() {
		for _, m := range g.list {
			if m.ID == id {
				f(m)
			}
		}
	})
}

// Edit implements integrations.Groups.
func (g *Groups) Edit(_ context.Context, _, _, message chatadmin.ID, text string) error {
	return g.change("edit", message, func(m *Message) { m.Text, m.Edits = text, m.Edits+1 })
}

// Delete implements integrations.Groups.
func (g *Groups) Delete(_ context.Context, _, _, message chatadmin.ID) error {
	return g.change("delete", message, func(m *Message) { m.Deleted = true })
}

// Messages are those of a group, in order, deleted ones included.
func (g *Groups) Messages(group chatadmin.ID) []Message {
	g.mu.Lock()
	defer g.mu.Unlock()
	var list []Message
	for _, m := range g.list {
		if m.Post.Group == group {
			list = append(list, *m)
		}
	}
	return list
}

// World is a domain with a group, whose admin is ann, in a store in memory,
// with the Handler of the services at an address.
type World struct {
	T      testing.TB
	Store  chatadmin.Store
	Admin  *chatadmin.Admin
	X      *integrations.Integrations
	Clock  *chatadmintest.Clock
	Mail   *chatadmintest.Mailbox
	Groups *Groups
	HTTP   *httptest.Server
	Domain chatadmin.ID
	Group  chatadmin.ID
	Boss   *chatadmin.Scope // the domain's admin
	Ann    *chatadmin.Scope // a member, admin of the group
	Host   *chatadmin.Scope
}

// Cookie is what stands for a session in the requests of a browser: its value
// is the domain's and the user's ID, joined by ":".
const Cookie = "session"

// Options change a World before it is made.
type Options struct {
	Store chatadmin.Store // default: a memstore
	Admin func(*chatadmin.Options)
}

// New makes a world with services. It ends with the test.
func New(t testing.TB, o *Options, services ...integrations.Service) *World {
	t.Helper()
	if o == nil {
		o = &Options{}
	}
	w := &World{T: t, Store: o.Store, Clock: chatadmintest.NewClock(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)), Mail: &chatadmintest.Mailbox{}, Groups: &Groups{}}
	if w.Store == nil {
		w.Store = memstore.New(nil)
	}
	ao := &chatadmin.Options{Now: w.Clock.Now, Mailer: w.Mail, Limits: chatadmin.Limits{Groups: chatadmin.Unlimited, GroupsPerDay: chatadmin.Unlimited}}
	if o.Admin != nil {
		o.Admin(ao)
	}
	w.Admin = chatadmintest.Must(chatadmin.New(w.Store, ao))
	var handler http.Handler
	w.HTTP = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { handler.ServeHTTP(rw, r) }))
	t.Cleanup(w.HTTP.Close)
	w.X = w.Integrations(w.Admin, services...)
	handler = w.X.Handler()

	d, boss, err := w.Admin.CreateDomain(t.Context(), chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example", DisplayName: "The Boss", NoInvitation: true}})
	w.must(err)
	w.Domain, w.Host, w.Boss = d.ID, w.Admin.AsHost(d.ID), w.Admin.As(d.ID, boss.ID)
	ann := w.User("ann@acme.example")
	w.Ann = w.Admin.As(d.ID, ann.ID)
	w.Group = w.NewGroup("Sales")
	return w
}

// Integrations makes further integrations over an Admin, as a second process
// has.
func (w *World) Integrations(a *chatadmin.Admin, services ...integrations.Service) *integrations.Integrations {
	w.T.Helper()
	key := make([]byte, keyring.KeySize)
	copy(key, "integrationstest")
	ring, err := keyring.New(rand.Reader, keyring.Key{ID: "test", Secret: secret.HideBytes(key)})
	w.must(err)
	x, err := integrations.New(a, &integrations.Options{Keys: ring, Groups: w.Groups, Services: services,
		PublicURL: w.HTTP.URL + "/chat/integrations", SignedIn: SignedIn})
	w.must(err)
	return x
}

// SignedIn reads Cookie.
func SignedIn(r *http.Request) (domain, user chatadmin.ID, err error) {
	c, err := r.Cookie(Cookie)
	if err != nil {
		return "", "", err
	}
	d, u, ok := strings.Cut(c.Value, ":")
	if !ok {
		return "", "", errors.New("no session")
	}
	return chatadmin.ID(d), chatadmin.ID(u), nil
}

func (w *World) must(err error) {
	w.T.Helper()
	if err != nil {
		w.T.Fatal(err)
	}
}

// User makes a member of the domain.
func (w *World) User(login string) chatadmin.User {
	w.T.Helper()
	u, err := w.Host.CreateUser(w.T.Context(), chatadmin.NewUser{Login: login, NoInvitation: true})
	w.must(err)
	return u
}

// NewGroup makes a group of ann's.
func (w *World) NewGroup(name string) chatadmin.ID {
	w.T.Helper()
	g, err := w.Ann.CreateGroup(w.T.Context(), name)
	w.must(err)
	return g.ID
}

// Of is the connection of the group to a service.
func (w *World) Of(service string) integrations.Of {
	return integrations.Of{Service: service, Owner: w.Group}
}

// Browser opens an address of ours in the browser of an actor, and returns the
// status and the text.
func (w *World) Browser(s *chatadmin.Scope, address string) (int, string) {
	w.T.Helper()
	r := httptest.NewRequest(http.MethodGet, address, nil)
	r.AddCookie(&http.Cookie{Name: Cookie, Value: string(s.Domain()) + ":" + string(s.Actor())})
	rec := httptest.NewRecorder()
	w.X.Handler().ServeHTTP(rec, r)
	return rec.Code, rec.Body.String()
}

// Connect enables a service for the domain and drafts and authenticates it for
// the group in ann's name. authorise is what she does on the provider's page,
// such as slacktest.Server.Authorise.
func (w *World) Connect(of integrations.Of, authorise func(address string) (string, error)) integrations.Status {
	w.T.Helper()
	w.must(w.X.EnableService(w.T.Context(), w.Boss, of.Service, nil))
	_, err := w.X.Draft(w.T.Context(), w.Ann, of)
	w.must(err)
	next, err := w.X.Connect(w.T.Context(), w.Ann, of, nil)
	w.must(err)
	back, err := authorise(next.URL.Reveal())
	w.must(err)
	if code, text := w.Browser(w.Ann, back); code != http.StatusOK {
		w.T.Fatalf("callback: %d %s", code, text)
	}
	st, err := w.X.Status(w.T.Context(), w.Ann, of)
	w.must(err)
	return st
}

// Say tells the integrations of a new message of the group, and returns its ID.
func (w *World) Say(id chatadmin.ID, thread chatadmin.ID, text string) {
	w.T.Helper()
	_, err := w.X.Tell(w.T.Context(), w.Domain, integrations.Message{Op: integrations.Posted, Group: w.Group, ID: id, Thread: thread, Author: "Ann", Text: text})
	w.must(err)
}

// Deliver delivers everything that is due by the clock.
func (w *World) Deliver() {
	w.T.Helper()
	w.must(w.X.Deliver(w.T.Context()))
}
