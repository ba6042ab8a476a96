package integrations_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/keyring"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/integrations"
	"chatadmin.example/sdk/integrations/integrationstest"
)

// A service from the domain admin's switch to the first message in the group.
func Example() {
	ctx := context.Background()
	admin, _ := chatadmin.New(memstore.New(nil), nil)
	pager, err := NewPager("")
	if err != nil {
		fmt.Println(err)
		return
	}
	key := bytes.Repeat([]byte{1}, keyring.KeySize) // from the host's secret store
	ring, _ := keyring.New(rand.Reader, keyring.Key{ID: "2026", Secret: secret.HideBytes(key)})
	groups := &integrationstest.Groups{} // the host's own message tables
	x, err := integrations.New(admin, &integrations.Options{Keys: ring, Groups: groups, Services: []integrations.Service{pager},
		PublicURL: "https://chat.example.com/integrations"})
	if err != nil {
		fmt.Println(err)
		return
	}
	domain, boss, _ := admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example", DisplayName: "The Boss"}})
	s := admin.As(domain.ID, boss.ID)
	group, _ := s.CreateGroup(ctx, "Operations")
	of := integrations.Of{Service: "pager", Owner: group.ID}

	_, err = x.Draft(ctx, s, of)
	fmt.Println(err)

	// The domain admin enables the service. An admin of the group connects an
	// account and saves the settings.
	if err := x.EnableService(ctx, s, "pager", nil); err != nil {
		fmt.Println(err)
		return
	}
	draft, _ := x.Draft(ctx, s, of)
	fmt.Println(draft.State, strings.HasPrefix(draft.Webhook.Reveal(), "https://chat.example.com/integrations/hook/pager/alarms/"))
	next, _ := x.Connect(ctx, s, of, nil)
	fmt.Println(next.Ask, next.Hint)
	if _, err := x.Connect(ctx, s, of, map[string]integrations.Secret{"key": integrations.Hide("secret")}); err != nil {
		fmt.Println(err)
		return
	}
	st, err := x.Save(ctx, s, of, []byte(`{"line":"night"}`))
	fmt.Println(st.State, err)

	// An alarm comes in by the handler that the host has mounted. A worker of
	// the host delivers it.
	mux := http.NewServeMux()
	mux.Handle("/integrations/", x.Handler())
	r := httptest.NewRequest(http.MethodPost, st.Webhook.Reveal(), strings.NewReader(`{"id":"17","text":"the cellar is under water"}`))
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	fmt.Println(w.Code, x.Deliver(ctx))
	for _, m := range groups.Messages(group.ID) {
		fmt.Println(m.Post.As, m.Text)
	}
	// Output:
	// Pager is not enabled for this domain: ask a domain admin (The Boss) to enable it among the domain's services
	// draft true
	// [key] You find the key in the settings of your pager.
	// saved <nil>
	// 200 <nil>
	// Pager ALARM: the cellar is under water
}

// Messages of the group go out when the host tells of them.
func ExampleIntegrations_Tell() {
	ctx := context.Background()
	fake := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { fmt.Println(r.Method, r.URL.Path) }))
	defer fake.Close()
	pager, _ := NewPager(fake.URL)
	admin, _ := chatadmin.New(memstore.New(nil), nil)
	ring, _ := keyring.New(rand.Reader, keyring.Key{ID: "2026", Secret: secret.HideBytes(bytes.Repeat([]byte{1}, keyring.KeySize))})
	groups := &integrationstest.Groups{}
	x, _ := integrations.New(admin, &integrations.Options{Keys: ring, Groups: groups, Services: []integrations.Service{pager},
		PublicURL: "https://chat.example.com"})
	domain, boss, _ := admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example"}})
	s := admin.As(domain.ID, boss.ID)
	group, _ := s.CreateGroup(ctx, "Operations")
	of := integrations.Of{Service: "pager", Owner: group.ID}
	_ = x.EnableService(ctx, s, "pager", nil)
	_, _ = x.Draft(ctx, s, of)
	_, _ = x.Connect(ctx, s, of, map[string]integrations.Secret{"key": integrations.Hide("secret")})
	st, _ := x.Save(ctx, s, of, []byte(`{"line":"night"}`))
	x.Handler().ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, st.Webhook.Reveal(), strings.NewReader(`{"id":"17","text":"fire"}`)))
	_ = x.Deliver(ctx)

	posted := groups.Messages(group.ID)[0]
	n, err := x.Tell(ctx, domain.ID, integrations.Message{Op: integrations.Posted, Group: group.ID, ID: "m1", Thread: posted.ID, Author: "Ann", Text: "I go"})
	fmt.Println(n, err)
	_ = x.Deliver(ctx)
	// Output:
	// 1 <nil>
	// POST /answers
}
