package devices_test

import (
	"context"
	"errors"
	"fmt"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/devices"
)

// exampleRegistry is a registry, the scope of an admin, and Ann.
func exampleRegistry(ctx context.Context) (*devices.Registry, *chatadmin.Scope, chatadmin.User) {
	admin, _ := chatadmin.New(memstore.New(nil), nil)
	registry, _ := devices.New(admin, nil)
	domain, boss, err := admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example"}})
	if err != nil {
		panic(err)
	}
	s := admin.As(domain.ID, boss.ID)
	ann, err := s.CreateUser(ctx, chatadmin.NewUser{Login: "ann@acme.example"})
	if err != nil {
		panic(err)
	}
	return registry, s, ann
}

// A phone registers, its requests are let in, and it is disabled and enabled.
func Example() {
	ctx := context.Background()
	registry, s, ann := exampleRegistry(ctx)
	host := s.Admin().AsHost(s.Domain())
	phone, err := registry.Register(ctx, host, ann.ID, devices.Registration{Key: "A1B2", Type: devices.IOS, Name: "Ann's phone"})
	if err != nil {
		fmt.Println(err)
		return
	}
	session, err := registry.Authorize(ctx, phone.Token.Plain()) // for each request
	fmt.Println(session.User == ann.ID, err)

	_, _ = registry.Disable(ctx, s, devices.Of(ann.ID))
	_, err = registry.Authorize(ctx, phone.Token.Plain())
	fmt.Println(errors.Is(err, devices.ErrRefused))

	_, _ = registry.Enable(ctx, s, devices.Of(ann.ID), nil)
	phone, _ = registry.Register(ctx, host, ann.ID, devices.Registration{Key: "A1B2", Type: devices.IOS, Name: "Ann's phone"})
	_, err = registry.Authorize(ctx, phone.Token.Plain())
	fmt.Println(phone.Device.Generation, err)
	// Output:
	// true <nil>
	// true
	// 2 <nil>
}

// A lost phone is wiped when it next checks in, by a credential that outlives
// its session.
func ExampleRegistry_Wipe() {
	ctx := context.Background()
	registry, s, ann := exampleRegistry(ctx)
	phone, _ := registry.Register(ctx, s.Admin().AsHost(s.Domain()), ann.ID, devices.Registration{Key: "A1B2", Type: devices.Android})

	lost, err := registry.Wipe(ctx, s, phone.Device.ID)
	fmt.Println(lost.Status, lost.Wipe, err)

	commands, err := registry.CheckIn(ctx, phone.WipeToken.Plain()) // by the phone, days later
	fmt.Println(len(commands), err)
	// … the phone removes everything …
	command, err := registry.Acknowledge(ctx, phone.WipeToken.Plain(), commands[0].ID, devices.Outcome{})
	fmt.Println(command.State, err)
	// Output:
	// disabled requested <nil>
	// 1 <nil>
	// acknowledged <nil>
}

// All devices of several users are wiped: planned, looked at, applied.
func ExampleRegistry_ApplyWipe() {
	ctx := context.Background()
	registry, s, ann := exampleRegistry(ctx)
	for _, key := range []string{"phone", "tablet"} {
		_, _ = registry.Register(ctx, s.Admin().AsHost(s.Domain()), ann.ID, devices.Registration{Key: key, Type: devices.IOS})
	}
	plan, err := registry.PlanWipe(ctx, s, devices.Of(ann.ID))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("would wipe", plan.Counts["devices"], "of", plan.Counts["users"], "user")
	run, err := registry.ApplyWipe(ctx, s, plan, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(run.State, run.Data.Asked)
	// Output:
	// would wipe 2 of 1 user
	// done 2
}

// Who was locked out, and what is overdue.
func ExampleRegistry_Pending() {
	ctx := context.Background()
	registry, s, ann := exampleRegistry(ctx)
	phone, _ := registry.Register(ctx, s.Admin().AsHost(s.Domain()), ann.ID, devices.Registration{Key: "A1B2", Type: devices.Android})
	_, _ = registry.Wipe(ctx, s, phone.Device.ID)
	for d, err := range registry.Pending(ctx, s, 0) {
		fmt.Println(d.Login, d.Key, d.Wipe, err)
	}
	// Output:
	// ann@acme.example A1B2 requested <nil>
}
