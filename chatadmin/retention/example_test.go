package retention_test

import (
	"context"
	"fmt"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/retention"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// A company keeps what is written for 90 days, but for what a legal hold
// covers.
func Example() {
	ctx := context.Background()
	store := memstore.New(nil)
	admin, _ := chatadmin.New(store, nil)
	r, _ := retention.New(admin, nil)
	domain, boss, err := admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example"}})
	if err != nil {
		panic(err)
	}
	s := admin.As(domain.ID, boss.ID)
	sales, err := s.CreateGroup(ctx, "Sales")
	if err != nil {
		panic(err)
	}
	deals, err := s.CreateGroup(ctx, "Deals")
	if err != nil {
		panic(err)
	}
	// The messaging side of the product has written into the same store, a year
	// ago and today.
	write := func(id, group chatadmin.ID, at time.Time) storage.Content {
		return storage.Content{ID: id, Domain: domain.ID, Container: group, Author: boss.ID, Kind: storage.Message, At: at}
	}
	now := admin.Now()
	rows := []storage.Content{write("m1", sales.ID, now.AddDate(-1, 0, 0)), write("m2", sales.ID, now), write("m3", deals.ID, now.AddDate(-1, 0, 0))}
	if err := store.Update(ctx, storage.Fence{Domain: domain.ID, Mode: storage.Shared}, func(ctx context.Context, tx storage.Tx) error {
		_, err := tx.InsertContent(ctx, rows)
		return err
	}); err != nil {
		panic(err)
	}

	if _, err := s.AddHold(ctx, chatadmin.Hold{Group: deals.ID, Reason: "lawsuit"}); err != nil {
		panic(err)
	}
	if err := r.SetDays(ctx, s, 90); err != nil {
		panic(err)
	}
	plan, err := r.Plan(ctx, s, 0)
	if err != nil {
		panic(err)
	}
	fmt.Println("would go:", plan.Counts.Messages, "held:", plan.Held.Messages)
	run, err := r.Apply(ctx, s, plan, nil)
	if err != nil {
		panic(err)
	}
	fmt.Println(run.State, run.Data.Removed.Messages)

	// In a worker of the host, once a day:
	runs, err := r.RunDue(ctx, domain.ID)
	if err != nil {
		panic(err)
	}
	fmt.Println("due today:", len(runs))
	// Output:
	// would go: 1 held: 1
	// done 1
	// due today: 0
}
