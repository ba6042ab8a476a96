package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"sync"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/erase"
	"chatadmin.example/sdk/chatadmin/keyring"
	"chatadmin.example/sdk/chatadmin/password"
	"chatadmin.example/sdk/chatadmin/portal"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/smtpmail"
	"chatadmin.example/sdk/chatadmin/storage/sqlstore"
	"chatadmin.example/sdk/csvimport"
	"chatadmin.example/sdk/devices"
	"chatadmin.example/sdk/twofa"
)

// host is what the program has beside the portal: the database, and who is
// signed in.
type host struct {
	db     *sql.DB
	admin  *chatadmin.Admin
	pages  *portal.Portal
	woken  chan struct{}
	public string
	domain chatadmin.ID
	boss   chatadmin.ID
	token  string // of the link that signs in

	product   chatadmin.Preset
	passwords *password.Passwords
	registry  *devices.Registry
	portal    portal.Options // what the pages were made with
	fakes     *fakes         // of providers

	mu       sync.Mutex
	sessions map[string]chatadmin.ID
}

// open opens the database, constructs every package over it, and seeds it if
// it is empty.
func open(ctx context.Context, dir, database, public string, product chatadmin.Preset) (*host, error) {
	h := &host{woken: make(chan struct{}, 1), public: public, token: rand.Text(), sessions: map[string]chatadmin.ID{}, product: product, fakes: newFakes()}
	driver, dialect := "sqlite", sqlstore.SQLite
	if strings.HasPrefix(database, "postgres") {
		driver, dialect = "pgx", sqlstore.PostgreSQL
	} else {
		database += "?_pragma=journal_mode(WAL)&_pragma=busy_timeout(10000)&_pragma=synchronous(FULL)"
	}
	var err error
	if h.db, err = sql.Open(driver, database); err != nil {
		return nil, err
	}
	store, err := sqlstore.Open(ctx, h.db, dialect, nil)
	if err == nil {
		err = h.construct(store, dir)
	}
	if err == nil {
		err = h.found(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, h.close())
	}
	return h, nil
}

func (h *host) close() error {
	h.fakes.close()
	return h.db.Close()
}

func (h *host) construct(store chatadmin.Store, dir string) error {
	mailer, err := smtpmail.NewDir(filepath.Join(dir, "mail"), "chat@acme.example", nil)
	if err != nil {
		return err
	}
	if h.admin, err = chatadmin.New(store, &chatadmin.Options{Mailer: mailer, LinkBase: h.public + "/admin"}); err != nil {
		return err
	}
	o := portal.Options{Authenticate: h.signedIn, SignOutURL: "/logout", Wake: h.wake, Menu: []portal.Link{{Name: "Chat", URL: "/"}}}
	// A real host reads its key from a secret store.
	ring, err := keyring.New(rand.Reader, keyring.Key{ID: "1", Secret: secret.HideBytes(bytes.Repeat([]byte{1}, keyring.KeySize))})
	if err != nil {
		return err
	}
	if o.TwoFactor, err = twofa.New(h.admin, &twofa.Options{Keys: ring}); err != nil {
		return err
	}
	if h.registry, err = devices.New(h.admin, nil); err != nil {
		return err
	}
	o.Devices = h.registry
	if o.Gate, err = signin.New(h.admin, &signin.Options{SecondFactor: o.TwoFactor, Devices: h.registry}); err != nil {
		return err
	}
	if o.Deletions, err = erase.New(h.admin, nil); err != nil {
		return err
	}
	if o.Imports, err = csvimport.New(h.admin, nil); err != nil {
		return err
	}
	if h.passwords, err = password.New(h.admin, nil); err != nil {
		return err
	}
	if o.Spool, err = portal.NewDir(filepath.Join(dir, "spool")); err != nil {
		return err
	}
	if err := h.services(ring, &o); err != nil {
		return err
	}
	o.SetPassword = h.passwords.Setter
	o.SignIn = &portal.SignIn{
		Domain: func(*http.Request) (chatadmin.ID, error) { return h.domain, nil },
		Verify: h.passwords.Verifier,
		Begin: func(w http.ResponseWriter, _ *http.Request, d signin.Decision) error {
			h.enter(w, d.User.ID)
			return nil
		},
	}
	h.portal = o
	h.pages, err = portal.New(h.admin, &o)
	return err
}

// link signs in as the administrator. It is for this example: a real host has
// passwords.
func (h *host) link() string { return h.public + "/enter?token=" + h.token }

func (h *host) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/admin/", h.pages)
	mux.Handle("/integrations/", h.portal.Integrations.Handler())
	mux.Handle("GET /{$}", http.RedirectHandler("/admin/", http.StatusSeeOther))
	mux.HandleFunc("GET /enter", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("token") != h.token {
			http.Error(w, "this link belongs to another run of the program", http.StatusForbidden)
			return
		}
		h.enter(w, h.boss)
		http.Redirect(w, r, "/admin/", http.StatusSeeOther)
	})
	mux.HandleFunc("POST /logout", func(w http.ResponseWriter, r *http.Request) {
		h.leave(w, r)
		http.Redirect(w, r, "/admin/signin", http.StatusSeeOther)
	})
	protection := http.NewCrossOriginProtection()
	protection.AddInsecureBypassPattern("/integrations/") // providers have secrets of their own
	return protection.Handler(mux)
}

const sessionCookie = "session"

// enter makes a session. It lasts as long as the program.
func (h *host) enter(w http.ResponseWriter, user chatadmin.ID) {
	token := rand.Text()
	h.mu.Lock()
	h.sessions[token] = user
	h.mu.Unlock()
	http.SetCookie(w, &http.Cookie{Name: sessionCookie, Value: token, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

func (h *host) leave(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie(sessionCookie); err == nil {
		h.mu.Lock()
		delete(h.sessions, c.Value)
		h.mu.Unlock()
	}
	http.SetCookie(w, &http.Cookie{Name: sessionCookie, Path: "/", MaxAge: -1})
}

// signedIn is portal.Options.Authenticate.
func (h *host) signedIn(r *http.Request) (domain, user chatadmin.ID, err error) {
	c, err := r.Cookie(sessionCookie)
	if err != nil {
		return "", "", chatadmin.ErrForbidden
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	user, ok := h.sessions[c.Value]
	if !ok {
		return "", "", chatadmin.ErrForbidden
	}
	return h.domain, user, nil
}
