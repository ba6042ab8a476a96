package compliance_test

import (
	"context"
	"fmt"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/closing"
	"chatadmin.example/sdk/chatadmin/compliance"
	"chatadmin.example/sdk/chatadmin/retention"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// vendorHost is what a vendor does for agreements.
type vendorHost struct{}

func (vendorHost) Do(_ context.Context, e compliance.Effect) (string, error) {
	switch e.Step {
	case compliance.Bill: // ask the payment provider
	case compliance.Send: // have a service send it, under e.Key as its idempotency key
		return "envelope-4711", nil
	}
	return "", nil
}

// A customer requests an agreement, and the vendor makes the first steps.
func Example() {
	ctx := context.Background()
	mails := &chatadmintest.Mailbox{}
	admin, err := chatadmin.New(memstore.New(nil), &chatadmin.Options{Mailer: mails})
	if err != nil {
		panic(err)
	}
	retain, err := retention.New(admin, nil)
	if err != nil {
		panic(err)
	}
	closings, err := closing.New(admin, nil)
	if err != nil {
		panic(err)
	}
	x, err := compliance.New(admin, &compliance.Options{Recipient: "support@vendor.example", Retention: retain, Closings: closings, Host: vendorHost{}})
	if err != nil {
		panic(err)
	}
	domain, boss, err := admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat,
		Admin: chatadmin.NewUser{Login: "boss@acme.example", NoInvitation: true}})
	if err != nil {
		panic(err)
	}

	a, err := x.Request(ctx, admin.As(domain.ID, boss.ID), compliance.Form{NewDomain: "Acme Health", Acknowledge: "Yes"})
	if err != nil {
		panic(err)
	}
	if _, err := admin.Work(ctx); err != nil { // in a worker of the host
		panic(err)
	}
	for _, m := range mails.Mails() {
		fmt.Println(m.To, m.Subject)
	}
	host := admin.AsHost("") // sees the agreements of all domains
	for range 5 {
		if a, err = x.Advance(ctx, host, a.ID, a.Next, compliance.Input{}); err != nil {
			panic(err)
		}
	}
	last := a.Steps[len(a.Steps)-1]
	fmt.Println(a.State, last.Document, "- next:", a.Next, a.Next.Customer())
	policy, err := retain.Policy(ctx, admin.AsHost(a.New))
	if err != nil {
		panic(err)
	}
	fmt.Println(policy.Days, policy.Final)
	// Output:
	// support@vendor.example Office Chat BAA Agreement
	// sent envelope-4711 - next: sign true
	// 7 true
}
