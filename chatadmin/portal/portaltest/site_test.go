package portaltest

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/erase"
	"chatadmin.example/sdk/chatadmin/keyring"
	"chatadmin.example/sdk/chatadmin/password"
	"chatadmin.example/sdk/chatadmin/portal"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/csvimport"
	"chatadmin.example/sdk/devices"
	"chatadmin.example/sdk/twofa"
)

// site is a host with a portal, on a server of its own.
type site struct {
	t      *testing.T
	url    string
	admin  *chatadmin.Admin
	s      *chatadmin.Scope // of the boss
	domain chatadmin.ID
	boss   chatadmin.User
	mails  *chatadmintest.Mailbox
	o      portal.Options
	woken  chan struct{}

	mu       sync.Mutex
	sessions map[string]chatadmin.ID
}

// newSite begins a server with a company, and a worker that waits for work.
func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, mails: &chatadmintest.Mailbox{}, woken: make(chan struct{}, 1), sessions: map[string]chatadmin.ID{}}
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	s.url = server.URL
	var err error
	s.admin, err = chatadmin.New(memstore.New(nil), &chatadmin.Options{Mailer: s.mails, LinkBase: s.url + "/admin"})
	require.NoError(t, err)
	ring, err := keyring.New(rand.Reader, keyring.Key{ID: "1", Secret: secret.HideBytes(bytes.Repeat([]byte{1}, keyring.KeySize))})
	require.NoError(t, err)
	s.o.TwoFactor, err = twofa.New(s.admin, &twofa.Options{Keys: ring})
	require.NoError(t, err)
	s.o.Devices, err = devices.New(s.admin, nil)
	require.NoError(t, err)
	s.o.Gate, err = signin.New(s.admin, &signin.Options{SecondFactor: s.o.TwoFactor, Devices: s.o.Devices})
	require.NoError(t, err)
	s.o.Deletions, err = erase.New(s.admin, nil)
	require.NoError(t, err)
	s.o.Imports, err = csvimport.New(s.admin, nil)
	require.NoError(t, err)
	passwords, err := password.New(s.admin, &password.Options{Params: password.Params{Memory: 64, Time: 1, Threads: 1}})
	require.NoError(t, err)
	s.o.Spool, err = portal.NewDir(t.TempDir())
	require.NoError(t, err)
	s.o.SetPassword, s.o.SignOutURL, s.o.Wake = passwords.Setter, "/logout", s.wake
	s.o.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	s.o.SignIn = &portal.SignIn{
		Domain: func(*http.Request) (chatadmin.ID, error) { return s.domain, nil },
		Verify: passwords.Verifier,
		Begin: func(w http.ResponseWriter, _ *http.Request, d signin.Decision) error {
			s.enter(w, d.User.ID)
			return nil
		},
	}
	s.o.Authenticate = s.signedIn
	pages, err := portal.New(s.admin, &s.o)
	require.NoError(t, err)
	mux.Handle("/admin/", pages)
	mux.HandleFunc("GET /enter", func(w http.ResponseWriter, r *http.Request) { // for tests alone
		s.enter(w, chatadmin.ID(r.FormValue("user")))
		http.Redirect(w, r, "/admin/", http.StatusSeeOther)
	})
	d, boss, err := s.admin.CreateDomain(t.Context(), chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{
		Login: "boss@acme.example", FirstName: "Bea", LastName: "Boss", NoInvitation: true}})
	require.NoError(t, err)
	s.domain, s.boss, s.s = d.ID, boss, s.admin.As(d.ID, boss.ID)
	ctx, stop := context.WithCancel(context.Background())
	var working sync.WaitGroup
	working.Go(func() { s.work(ctx) })
	t.Cleanup(func() { stop(); working.Wait() })
	return s
}

func (s *site) work(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.woken:
			if _, err := s.admin.Work(ctx); err != nil && ctx.Err() == nil {
				s.t.Errorf("the worker: %v", err)
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

func (s *site) enter(w http.ResponseWriter, user chatadmin.ID) {
	token := rand.Text()
	s.mu.Lock()
	s.sessions[token] = user
	s.mu.Unlock()
	http.SetCookie(w, &http.Cookie{Name: "session", Value: token, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
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

// people fills the company.
func (s *site) people(n int) []chatadmin.User {
	s.t.Helper()
	var us []chatadmin.User
	for i := range n {
		u, err := s.s.CreateUser(s.t.Context(), chatadmin.NewUser{Login: fmt.Sprintf("user%02d@acme.example", i), FirstName: "Ann", LastName: fmt.Sprintf("Number %d", i),
			Title: "Head of everything", NoInvitation: true})
		require.NoError(s.t, err)
		us = append(us, u)
	}
	return us
}
