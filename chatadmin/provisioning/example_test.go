package provisioning_test

import (
	"context"
	"fmt"
	"regexp"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/provisioning"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/devices"
)

// A driver is provisioned, gets a code by text message, and signs in on a phone.
func Example() {
	ctx := context.Background()
	phones := &chatadmintest.Phones{} // stands for a sender of text messages
	admin, err := chatadmin.New(memstore.New(nil), nil)
	if err != nil {
		panic(err)
	}
	registry, err := devices.New(admin, nil)
	if err != nil {
		panic(err)
	}
	p, err := provisioning.New(admin, &provisioning.Options{SMS: phones})
	if err != nil {
		panic(err)
	}
	metro, boss, err := admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Metro", Preset: chatadmin.ESChat,
		Admin:    chatadmin.NewUser{Login: "Boss", FirstName: "The", LastName: "Boss"},
		Settings: func(s *chatadmin.Settings) { s.DefaultCountry = "NL" }})
	if err != nil {
		panic(err)
	}
	s := admin.As(metro.ID, boss.ID)
	if err := p.SetPolicy(ctx, s, provisioning.Policy{AcceptTexts: true}); err != nil {
		panic(err)
	}

	yes, priority := true, 2
	form := provisioning.NewUser{
		NewUser: chatadmin.NewUser{Login: "Bus.57", FirstName: "John", LastName: "Li", Phone: "06 12345678"},
		Fields:  provisioning.Fields{SendText: &yes, Priority: &priority},
	}
	_, err = p.CreateUser(ctx, s, form)
	fmt.Println(err)
	form.LastName = "Smith"
	user, err := p.CreateUser(ctx, s, form)
	if err != nil {
		panic(err)
	}

	if _, err := admin.Work(ctx); err != nil { // sends the code
		panic(err)
	}
	code := regexp.MustCompile(`\w{4}-\w{4}-\w{4}`).FindString(phones.Messages()[0].Text)
	found, proof, err := p.ByCode(ctx, metro.ID, "bus.57", code)
	if err != nil {
		panic(err)
	}
	_, err = registry.Register(ctx, admin.AsHost(metro.ID), found.ID, devices.Registration{Key: "radio-1", Type: devices.Android, Proof: proof})
	if err != nil {
		panic(err)
	}
	profile, err := p.Profile(ctx, s, user.ID)
	fmt.Println(profile.Trusted, profile.ClientType(), profile.Priority, err)
	// Output:
	// last_name: at least 3 characters are needed
	// true android 2 <nil>
}
