// Command host is a whole host of the library: a server over SQLite with
// passwords, authenticators, remembered browsers, CSV upload, messages in tables
// of its own, deletion, wipes and a worker. It answers in JSON; pages are left to you.
//
//	go run ./examples/host --dir host-data
package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	_ "modernc.org/sqlite"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/erase"
	"chatadmin.example/sdk/chatadmin/keyring"
	"chatadmin.example/sdk/chatadmin/password"
	"chatadmin.example/sdk/chatadmin/retention"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/smtpmail"
	"chatadmin.example/sdk/chatadmin/storage/sqlstore"
	"chatadmin.example/sdk/csvimport"
	"chatadmin.example/sdk/devices"
	"chatadmin.example/sdk/twofa"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	listen := flag.String("listen", "localhost:8080", "where to listen")
	public := flag.String("public-url", "", "how browsers reach the server, if through a proxy, such as https://chat.example.com")
	dir := flag.String("dir", "host-data", "where the database, the key and the mails are kept")
	flag.Parse()
	at, err := net.Listen("tcp", *listen)
	if err == nil {
		fmt.Printf("serving %s; the mails are in %s\n", at.Addr(), filepath.Join(*dir, "mail"))
		err = run(ctx, at, cmp.Or(*public, "http://"+*listen), *dir)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// run serves until ctx ends. Then it lets requests and the worker finish.
func run(ctx context.Context, at net.Listener, public, dir string) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	mailer, err := smtpmail.NewDir(filepath.Join(dir, "mail"), "chat@acme.example", nil) // in production: smtpmail.New
	if err != nil {
		return err
	}
	h, err := open(ctx, dir, public, mailer)
	if err != nil {
		return err
	}
	web := &http.Server{Handler: h.handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: time.Minute,
		WriteTimeout: 5 * time.Minute, IdleTimeout: time.Minute}
	var working sync.WaitGroup
	working.Go(func() { h.work(ctx) })
	served := make(chan error, 1)
	go func() { served <- web.Serve(at) }()
	select {
	case err = <-served:
	case <-ctx.Done():
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		err = web.Shutdown(grace)
	}
	stop()
	working.Wait()
	return errors.Join(err, h.db.Close())
}

// work does everything periodic until ctx ends. What is cut off continues when
// the program runs again.
func (h *host) work(ctx context.Context) {
	for {
		if _, err := h.admin.Work(ctx); err != nil && ctx.Err() == nil {
			log.Print(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(10 * time.Second):
		}
	}
}

// host has what the library leaves to it: the database, sessions and pages.
type host struct {
	db        *sql.DB
	admin     *chatadmin.Admin
	second    *twofa.Service
	registry  *devices.Registry
	gate      *signin.Gate
	passwords *password.Passwords
	imports   *csvimport.Imports
	deletions *erase.Deletions
	retention *retention.Retention
	sessions  sessions
	domain    chatadmin.ID
	secure    bool // cookies are sent over TLS alone
}

// open opens the database and constructs every package over it.
func open(ctx context.Context, dir, public string, mailer chatadmin.Mailer) (*host, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	ring, err := openRing(filepath.Join(dir, "host.key"))
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "chat.db")+
		"?_pragma=journal_mode(WAL)&_pragma=busy_timeout(10000)&_pragma=synchronous(FULL)")
	if err != nil {
		return nil, err
	}
	h := &host{db: db, secure: strings.HasPrefix(public, "https://")}
	if err := h.construct(ctx, public, mailer, ring); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return h, nil
}

func (h *host) construct(ctx context.Context, public string, mailer chatadmin.Mailer, ring *keyring.Ring) error {
	store, err := sqlstore.Open(ctx, h.db, sqlstore.SQLite, nil)
	if err != nil {
		return err
	}
	sources, err := h.sources(ctx, store)
	if err != nil {
		return err
	}
	if h.admin, err = chatadmin.New(store, &chatadmin.Options{Mailer: mailer, LinkBase: public, Logger: slog.Default(),
		Sources: sources, NoContent: true}); err != nil {
		return err
	}
	if h.second, err = twofa.New(h.admin, &twofa.Options{Keys: ring}); err != nil {
		return err
	}
	if h.registry, err = devices.New(h.admin, nil); err != nil {
		return err
	}
	if h.imports, err = csvimport.New(h.admin, nil); err != nil {
		return err
	}
	o := &signin.Options{SecondFactor: h.second, Devices: h.registry, Sessions: &h.sessions}
	if h.gate, err = signin.New(h.admin, o); err != nil {
		return err
	}
	if h.passwords, err = password.New(h.admin, nil); err != nil {
		return err
	}
	if h.deletions, err = erase.New(h.admin, nil); err != nil {
		return err
	}
	if h.retention, err = retention.New(h.admin, nil); err != nil {
		return err
	}
	for d, err := range h.admin.Domains(ctx) { // the company is there already
		h.domain = d.ID
		return err
	}
	return h.found(ctx)
}

// found makes the company with its first administrator, who is invited by mail,
// and asks everybody for an authenticator, once in 30 days in each browser.
func (h *host) found(ctx context.Context) error {
	d, _, err := h.admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat,
		Admin: chatadmin.NewUser{Login: "boss@acme.example"}})
	if err != nil {
		return err
	}
	h.domain = d.ID
	s := h.admin.AsHost(d.ID)
	plan, err := h.second.Plan(ctx, s, twofa.Policy{Mode: twofa.Authenticator, Validity: 30 * 24 * time.Hour})
	if err != nil {
		return err
	}
	return h.second.Apply(ctx, s, plan)
}

// openRing reads the key that seals the secrets of authenticators, or makes
// one. In production the key comes from the secret store of your platform.
func openRing(path string) (*keyring.Ring, error) {
	key, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		key = make([]byte, keyring.KeySize)
		if _, err := rand.Read(key); err != nil {
			return nil, err
		}
		err = os.WriteFile(path, key, 0o600)
	}
	if err != nil {
		return nil, err
	}
	return keyring.New(rand.Reader, keyring.Key{ID: "1", Secret: secret.HideBytes(key)})
}
