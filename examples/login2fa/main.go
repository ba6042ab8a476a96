// Command login2fa is a small web login with two-factor authentication:
// password, then an authenticator's QR code or a code, and "remember this
// browser". Everything is in memory.
//
//	go run ./examples/login2fa
package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/keyring"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/twofa"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	listen := flag.String("listen", "localhost:8080", "where to listen")
	public := flag.String("public-url", "", "how browsers reach the site, such as https://chat.example.com behind a proxy that ends TLS")
	flag.Parse()
	at, err := net.Listen("tcp", *listen)
	if err == nil {
		fmt.Printf("%s - sign in as ann@acme.example with the password %q\n", cmp.Or(*public, "http://"+*listen), "correct horse")
		err = run(ctx, at, *public)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// run serves the page until ctx ends. If public, how browsers reach it, is
// https, cookies are Secure, even if a proxy in front of this program ends TLS.
func run(ctx context.Context, at net.Listener, public string) error {
	s, err := newServer(ctx, time.Now, map[string]string{"ann@acme.example": "correct horse"})
	if err != nil {
		return err
	}
	s.secure = strings.HasPrefix(public, "https://")
	web := &http.Server{Handler: s.handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute}
	go s.work(ctx)
	go func() {
		<-ctx.Done()
		_ = web.Close()
	}()
	if err := web.Serve(at); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// newServer makes a domain with these users, in which an authenticator is asked
// for and a browser remembered for 30 days.
func newServer(ctx context.Context, now func() time.Time, users map[string]string) (*server, error) {
	admin, err := chatadmin.New(memstore.New(nil), &chatadmin.Options{Now: now})
	if err != nil {
		return nil, err
	}
	key := make([]byte, keyring.KeySize) // a real host keeps it in its secret store
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	ring, err := keyring.New(rand.Reader, keyring.Key{ID: "1", Secret: secret.HideBytes(key)})
	if err != nil {
		return nil, err
	}
	second, err := twofa.New(admin, &twofa.Options{Keys: ring})
	if err != nil {
		return nil, err
	}
	s := &server{admin: admin, passwords: map[chatadmin.ID]string{}, sessions: &sessions{}}
	s.gate, err = signin.New(admin, &signin.Options{SecondFactor: second, Sessions: s.sessions})
	if err != nil {
		return nil, err
	}
	domain, _, err := admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example"}})
	if err != nil {
		return nil, err
	}
	host := admin.AsHost(domain.ID)
	s.domain = domain.ID
	s.second = second
	for login, password := range users {
		u, err := host.CreateUser(ctx, chatadmin.NewUser{Login: login})
		if err != nil {
			return nil, err
		}
		s.passwords[u.ID] = password
	}
	plan, err := second.Plan(ctx, host, twofa.Policy{Mode: twofa.Authenticator, Validity: 30 * 24 * time.Hour})
	if err != nil {
		return nil, err
	}
	return s, second.Apply(ctx, host, plan)
}
