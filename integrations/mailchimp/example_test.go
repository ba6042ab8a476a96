package mailchimp_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/keyring"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/integrations"
	"chatadmin.example/sdk/integrations/integrationstest"
	"chatadmin.example/sdk/integrations/mailchimp"
	"chatadmin.example/sdk/integrations/mailchimp/mailchimptest"
)

// From authenticating to the first report in the group, with a fake Mailchimp.
func Example() {
	ctx := context.Background()
	fake := mailchimptest.NewServer()
	defer fake.Close()
	service, err := mailchimp.New(fake.Options())
	if err != nil {
		fmt.Println(err)
		return
	}
	var x *integrations.Integrations
	host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { x.Handler().ServeHTTP(w, r) }))
	defer host.Close()
	admin, _ := chatadmin.New(memstore.New(nil), nil)
	domain, boss, _ := admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example"}})
	// the host's own
	session := func(*http.Request) (chatadmin.ID, chatadmin.ID, error) { return domain.ID, boss.ID, nil }
	ring, _ := keyring.New(rand.Reader, keyring.Key{ID: "2026", Secret: secret.HideBytes(bytes.Repeat([]byte{1}, keyring.KeySize))})
	groups := &integrationstest.Groups{}
	x, err = integrations.New(admin, &integrations.Options{Keys: ring, Groups: groups, Services: []integrations.Service{service},
		PublicURL: host.URL, SignedIn: session})
	if err != nil {
		fmt.Println(err)
		return
	}
	s := admin.As(domain.ID, boss.ID)
	group, _ := s.CreateGroup(ctx, "Marketing")
	of := integrations.Of{Service: mailchimp.Name, Owner: group.ID}
	_ = x.EnableService(ctx, s, mailchimp.Name, nil)
	_, _ = x.Draft(ctx, s, of)
	next, _ := x.Connect(ctx, s, of, nil)
	back, _ := fake.Authorise(next.URL.Reveal()) // what the admin does in the browser
	res, err := http.Get(back)
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = res.Body.Close()

	_, err = x.Save(ctx, s, of, []byte(`{"audiences":[]}`))
	fmt.Println(err)
	st, err := x.Save(ctx, s, of, []byte(`{"audiences":["a6b5da1054"]}`))
	fmt.Println(st.State, st.Account, err, len(fake.Webhooks("a6b5da1054")))
	_, _ = fake.Fire(ctx, "a6b5da1054", []byte("type=cleaned&fired_at=2026-03-26+22:01:00&data[list_id]=a6b5da1054&data[reason]=hard&data[email]=eve@a.example"))
	_ = x.Deliver(ctx)
	for _, m := range groups.Messages(group.ID) {
		fmt.Println(m.Post.As+":", m.Text)
	}
	// Output:
	// settings: choose 1 to 100 audiences: not valid
	// saved Example BV <nil> 1
	// Mailchimp: eve@a.example was removed from Newsletter: mails to this address come back.
}
