package closing_test

import (
	"context"
	"fmt"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/closing"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// A domain is closed: plan, look at it, apply, and the receipt says what went.
func Example() {
	ctx := context.Background()
	admin, err := chatadmin.New(memstore.New(nil), nil)
	if err != nil {
		panic(err)
	}
	c, err := closing.New(admin, nil)
	if err != nil {
		panic(err)
	}
	domain, boss, err := admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat,
		Admin: chatadmin.NewUser{Login: "boss@acme.example"}})
	if err != nil {
		panic(err)
	}
	s := admin.AsHost(domain.ID)
	hold, err := s.AddHold(ctx, chatadmin.Hold{User: boss.ID, Reason: "a lawsuit"})
	if err != nil {
		panic(err)
	}
	plan, err := c.Plan(ctx, s, closing.AtOnce)
	if err != nil {
		panic(err)
	}
	for _, b := range plan.Blockers {
		fmt.Println("not yet:", b.Message)
	}
	if _, err := s.ReleaseHold(ctx, hold.ID); err != nil {
		panic(err)
	}
	if plan, err = c.Plan(ctx, s, closing.AtOnce); err != nil {
		panic(err)
	}
	fmt.Println("would go:", plan.Counts[closing.Users], "user,", plan.Counts[closing.Groups], "groups")
	run, err := c.Apply(ctx, s, plan, "the contract has ended", nil)
	if err != nil {
		panic(err)
	}
	receipt, err := c.Receipt(ctx, run.ID)
	if err != nil {
		panic(err)
	}
	fmt.Println(run.State, receipt.Removed[closing.Users], receipt.Reason)
	// Output:
	// not yet: 1 user or group is under a legal hold: a legal hold forbids it: release the hold first
	// would go: 1 user, 2 groups
	// done 1 the contract has ended
}
