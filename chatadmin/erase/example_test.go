package erase_test

import (
	"context"
	"fmt"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/erase"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// A user is deleted: plan, look at it, apply, and the receipt says what went.
func Example() {
	ctx := context.Background()
	admin, _ := chatadmin.New(memstore.New(nil), nil)
	domain, boss, err := admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example"}})
	if err != nil {
		panic(err)
	}
	s := admin.As(domain.ID, boss.ID)
	ann, err := s.CreateUser(ctx, chatadmin.NewUser{Login: "ann@acme.example"})
	if err != nil {
		panic(err)
	}
	if _, err := admin.As(domain.ID, ann.ID).CreateGroup(ctx, "Sales"); err != nil {
		panic(err)
	}

	d, err := erase.New(admin, nil)
	if err != nil {
		panic(err)
	}
	plan, err := d.Plan(ctx, s, []chatadmin.ID{ann.ID, boss.ID}, nil)
	if err != nil {
		panic(err)
	}
	for _, b := range plan.Blockers {
		fmt.Println("not like this:", b.Code)
	}
	if plan, err = d.Plan(ctx, s, []chatadmin.ID{ann.ID}, nil); err != nil {
		panic(err)
	}
	fmt.Println("would go:", plan.Counts[erase.Groups], "group,", plan.Counts[erase.Memberships], "memberships")
	run, err := d.Apply(ctx, s, plan, "left the company", nil)
	if err != nil {
		panic(err)
	}
	fmt.Println(run.State, run.Data.Removed[erase.Users])
	// Output:
	// not like this: self
	// not like this: last_admin
	// would go: 1 group, 3 memberships
	// done 1
}
