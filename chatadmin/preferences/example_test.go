package preferences_test

import (
	"context"
	"fmt"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/preferences"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// A help desk in whose name Ann answers customers.
func Example() {
	ctx := context.Background()
	admin, err := chatadmin.New(memstore.New(nil), nil)
	if err != nil {
		panic(err)
	}
	p, err := preferences.New(admin, &preferences.Options{
		Pages: []preferences.Page{{Name: "home"}, {Name: "webcare", Module: "webcare"}},
	})
	if err != nil {
		panic(err)
	}
	domain, boss, err := admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.Engage,
		Admin:    chatadmin.NewUser{Login: "boss", Email: "boss@acme.example", FirstName: "Bo", LastName: "Boss"},
		Settings: func(set *chatadmin.Settings) { set.Modules = []string{"webcare"} }})
	if err != nil {
		panic(err)
	}
	s := admin.As(domain.ID, boss.ID)
	ann, err := s.CreateUser(ctx, chatadmin.NewUser{Login: "ann", Email: "ann@acme.example", FirstName: "Ann", LastName: "Ames",
		Parts: []chatadmin.UserPart{p.Part(func(v *preferences.Values) {
			v.Landing, v.NotifyAssigned = "webcare", preferences.On
			v.Suffix = map[preferences.Platform]string{preferences.Twitter: "^Ann"}
			v.Account = map[preferences.Platform]string{preferences.Twitter: "@acme"}
		})}})
	if err != nil {
		panic(err)
	}

	is, err := p.Of(ctx, s, ann.ID)
	if err != nil {
		panic(err)
	}
	fmt.Println("lands on", is.Lands, "and reads", is.Speaks)
	fmt.Println("hears of new messages by", is.InForce.Channels(preferences.Assigned, &ann))
	account, text, err := is.InForce.Reply(preferences.Reply{Platform: preferences.Twitter, Text: "On our way!"})
	if err != nil {
		panic(err)
	}
	fmt.Println(account, "says:", text)
	// Output:
	// lands on webcare and reads en
	// hears of new messages by bell, email
	// @acme says: On our way! ^Ann
}
