package fields_test

import (
	"context"
	"fmt"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/fields"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// A company keeps the cost centre of its people.
func Example() {
	ctx := context.Background()
	admin, err := chatadmin.New(memstore.New(nil), nil)
	if err != nil {
		panic(err)
	}
	f, err := fields.New(admin, nil)
	if err != nil {
		panic(err)
	}
	domain, boss, err := admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat,
		Admin: chatadmin.NewUser{Login: "boss@acme.example"}})
	if err != nil {
		panic(err)
	}
	s := admin.As(domain.ID, boss.ID)
	if _, err := f.Declare(ctx, s, fields.Field{Name: "Cost centre", Kind: fields.Number}, nil); err != nil {
		panic(err)
	}
	create := func(login, centre string) error {
		_, err := s.CreateUser(ctx, chatadmin.NewUser{Login: login,
			Parts: []chatadmin.UserPart{f.Part(map[string]string{"Cost centre": centre})}})
		return err
	}
	fmt.Println(create("ann@acme.example", "4711"))
	fmt.Println(create("bob@acme.example", "sales"))
	for user, err := range f.Find(ctx, s, "Cost centre", "4711") {
		if err != nil {
			panic(err)
		}
		fmt.Println("found", user.Login)
	}
	// Output:
	// <nil>
	// Cost centre: this is not a number such as 12 or -1.5, of at most 40 digits
	// found ann@acme.example
}
