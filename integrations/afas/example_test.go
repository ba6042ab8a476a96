package afas_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/keyring"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/integrations"
	"chatadmin.example/sdk/integrations/afas"
	"chatadmin.example/sdk/integrations/afas/afastest"
	"chatadmin.example/sdk/integrations/integrationstest"
)

// A user connects their account with a mailed code, and puts a message into a
// dossier, with a fake AFAS.
func Example() {
	ctx := context.Background()
	fake := afastest.NewServer()
	defer fake.Close()
	service, err := afas.New(&afas.Options{API: fake.URL})
	if err != nil {
		fmt.Println(err)
		return
	}
	admin, _ := chatadmin.New(memstore.New(nil), nil)
	ring, _ := keyring.New(rand.Reader, keyring.Key{ID: "2026", Secret: secret.HideBytes(bytes.Repeat([]byte{1}, keyring.KeySize))})
	x, err := integrations.New(admin, &integrations.Options{Keys: ring, Groups: &integrationstest.Groups{}, Services: []integrations.Service{service},
		PublicURL: "https://chat.example.com"})
	if err != nil {
		fmt.Println(err)
		return
	}
	domain, boss, _ := admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example"}})
	s := admin.As(domain.ID, boss.ID)
	fmt.Println(x.EnableService(ctx, s, afas.Name, []byte(`{"environment":"12345","kind":"production"}`)))

	me := integrations.Of{Service: afas.Name, Owner: s.Actor()}
	_, _ = x.Draft(ctx, s, me)
	next, err := x.Connect(ctx, s, me, map[string]integrations.Secret{afas.AnswerAPIKey: integrations.Hide(afastest.APIKey),
		afas.AnswerEnvironmentKey: integrations.Hide(afastest.EnvironmentKey), afas.AnswerUser: integrations.Hide("boss@acme.example")})
	fmt.Println(next.Ask, next.Hint, err)
	mailed := fake.Code("boss@acme.example")
	next, err = x.Connect(ctx, s, me, map[string]integrations.Secret{afas.AnswerCode: integrations.Hide(mailed)})
	fmt.Println(next.Grant.Label, err)

	types, _ := x.Choices(ctx, s, me)
	fmt.Println(types[2].ID, types[2].Name)
	id, err := x.Link(ctx, s, me, "message-4711", integrations.Message{Author: "Ann", Text: "agreed"}, map[string]string{afas.FieldType: "27", afas.FieldSubject: "Chat: Sales / Acme"})
	fmt.Println(id, err, len(fake.Items()))
	// Output:
	// <nil>
	// [code] AFAS has mailed a code to boss@acme.example. <nil>
	// boss@acme.example <nil>
	// 27 Chatgesprek
	// 48761 <nil> 1
}
