// Command login2fa is a small web login with two-factor authentication: password, then an authenticator's QR code or a code, and "remember this browser". Everything is in memory.
//
//	go run ./examples/login2fa
package main

import (
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"log"
	"net/http"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/keyring"
	"chatadmin.example/sdk/chatadmin/memstore"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/twofa"
)

func main() {
	listen := flag.String("listen", "localhost:8080", "where to listen")
	flag.Parse()
	s, err := newServer(context.Background(), time.Now, map[string]string{"ann@acme.example": "correct horse"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("http://%s - sign in as ann@acme.example with the password %q\n", *listen, "correct horse")
	log.Fatal((&http.Server{Addr: *listen, Handler: s.handler(), ReadHeaderTimeout: 10 * time.Second}).ListenAndServe())
}

// newServer makes a domain with these users, in which an authenticator is asked for and a browser remembered for 30 days.
func newServer(ctx context.Context, now func() time.Time, users map[string]string) (*server, error) {
	admin := chatadmin.New(memstore.New(nil), &chatadmin.Options{Now: now})
	secret := make([]byte, keyring.KeySize) // a real host keeps it in its secret store
	if _, err := rand.Read(secret); err != nil {
		return nil, err
	}
	ring, err := keyring.New(rand.Reader, keyring.Key{ID: "1", Secret: secret})
	if err != nil {
		return nil, err
	}
	second := twofa.New(admin, ring, nil)
	gate, err := signin.New(admin, &signin.Options{SecondFactor: second})
	if err != nil {
		return nil, err
	}
	domain, _, err := admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example"}})
	if err != nil {
		return nil, err
	}
	host := admin.AsHost(domain.ID)
	s := &server{domain: domain.ID, gate: gate, second: second, passwords: map[chatadmin.ID]string{}, sessions: map[string]chatadmin.User{}}
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
	return s, second.SetPolicy(ctx, host, plan)
}
