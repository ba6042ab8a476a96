package portaltest

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/portal"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/integrations/afas/afastest"
	"chatadmin.example/sdk/integrations/integrationstest"
	"chatadmin.example/sdk/integrations/mailchimp/mailchimptest"
	"chatadmin.example/sdk/integrations/slack/slacktest"
)

// site is a host with a portal that has everything, on a server of its own.
type site struct {
	t       *testing.T
	url     string
	admin   *chatadmin.Admin
	pages   *portal.Portal
	s       *chatadmin.Scope // of the boss
	domain  chatadmin.ID
	boss    chatadmin.User
	mails   *chatadmintest.Mailbox
	spool   string // the folder
	o       portal.Options
	woken   chan struct{}
	working sync.Mutex   // held while something is done
	ahead   atomic.Int64 // what the clock is before that of the machine

	slack     *slacktest.Server
	mailchimp *mailchimptest.Server
	afas      *afastest.Server
	groups    *integrationstest.Groups

	token    string // of all sessions; "" makes new ones
	mu       sync.Mutex
	sessions map[string]chatadmin.ID
}

// newSite begins a server with an Office Chat company, and a worker that waits
// for work.
func newSite(t *testing.T) *site {
	t.Helper()
	return newSiteOf(t, chatadmin.OfficeChat)
}

func newSiteOf(t *testing.T, preset chatadmin.Preset, panels ...portal.Panel) *site {
	t.Helper()
	s := &site{t: t, spool: t.TempDir()}
	s.o.Panels = panels
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	s.url = server.URL
	s.fakes()
	t.Cleanup(func() { s.slack.Close(); s.mailchimp.Close(); s.afas.Close() })
	require.NoError(t, s.construct(memstore.New(nil), slog.New(slog.NewTextHandler(t.Output(), nil))))
	s.serve(mux)
	require.NoError(t, s.found(t.Context(), preset))
	ctx, stop := context.WithCancel(context.Background())
	var working sync.WaitGroup
	working.Go(func() {
		s.work(ctx, func(err error) { t.Errorf("the worker: %v", err) })
	})
	t.Cleanup(func() { stop(); working.Wait() })
	return s
}

// found makes the company.
func (s *site) found(ctx context.Context, preset chatadmin.Preset) error {
	login := "boss@acme.example"
	if preset != chatadmin.OfficeChat {
		login = "boss"
	}
	d, boss, err := s.admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: preset, Admin: chatadmin.NewUser{
		Login: login, Email: "boss@acme.example", FirstName: "Bea", LastName: "Boss", NoInvitation: true}})
	s.domain, s.boss, s.s = d.ID, boss, s.admin.As(d.ID, boss.ID)
	return err
}

// serve mounts the portal, and what the host has beside it.
func (s *site) serve(mux *http.ServeMux) {
	mux.Handle("/admin/", s.pages)
	mux.Handle("/integrations/", s.o.Integrations.Handler())
	mux.HandleFunc("GET /answer", s.answer)
	mux.HandleFunc("GET /enter", func(w http.ResponseWriter, r *http.Request) { // for tests alone
		s.enter(w, chatadmin.ID(r.FormValue("user")))
		http.Redirect(w, r, "/admin"+r.FormValue("to"), http.StatusSeeOther)
	})
}

// work does what is due whenever the site is woken, and what becomes due by that.
func (s *site) work(ctx context.Context, failed func(error)) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.woken:
			for did := 1; did > 0 && ctx.Err() == nil; {
				s.working.Lock()
				done, err := s.admin.Work(ctx)
				s.working.Unlock()
				if err != nil && ctx.Err() == nil {
					failed(err)
				}
				did = len(done)
			}
		}
	}
}

func (s *site) wake() {
	select {
	case s.woken <- struct{}{}:
	default:
	}
}

// finish does all that is due now, and what the worker is at.
func (s *site) finish() {
	s.t.Helper()
	s.working.Lock()
	defer s.working.Unlock()
	chatadmintest.Quiesce(s.t, s.admin)
}

func (s *site) now() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) }

// enter signs somebody in.
func (s *site) enter(w http.ResponseWriter, user chatadmin.ID) {
	http.SetCookie(w, s.session(user))
}

// session is the cookie of somebody who is signed in.
func (s *site) session(user chatadmin.ID) *http.Cookie {
	token := cmp.Or(s.token, rand.Text())
	s.mu.Lock()
	s.sessions[token] = user
	s.mu.Unlock()
	return &http.Cookie{Name: "session", Value: token, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode}
}

func (s *site) signedIn(r *http.Request) (domain, user chatadmin.ID, err error) {
	c, err := r.Cookie("session")
	if err != nil {
		return "", "", chatadmin.ErrForbidden
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	user, ok := s.sessions[c.Value]
	if !ok {
		return "", "", chatadmin.ErrForbidden
	}
	return s.domain, user, nil
}

// staff lets the boss be the host's staff as well.
func (s *site) staff(r *http.Request) (chatadmin.ID, error) {
	domain, user, err := s.signedIn(r)
	if err == nil && user != s.boss.ID {
		err = chatadmin.ErrForbidden
	}
	return domain, err
}

// people fills the company.
func (s *site) people(n int) []chatadmin.User {
	s.t.Helper()
	var us []chatadmin.User
	for i := range n {
		us = append(us, s.user(fmt.Sprintf("user%02d", i), func(n *chatadmin.NewUser) {
			n.LastName, n.Title = fmt.Sprintf("Number %d", i), "Head of everything"
		}))
	}
	return us
}

// user creates somebody, by the rules of the company's product.
func (s *site) user(name string, change ...func(*chatadmin.NewUser)) chatadmin.User {
	s.t.Helper()
	n := chatadmin.NewUser{Login: name + "@acme.example", FirstName: "Ann", LastName: "Other", NoInvitation: true}
	if s.boss.Login == "boss" {
		n.Login, n.Email = name, n.Login
	}
	for _, f := range change {
		f(&n)
	}
	u, err := s.s.CreateUser(s.t.Context(), n)
	require.NoError(s.t, err)
	return u
}
