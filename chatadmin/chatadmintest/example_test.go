package chatadmintest_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// A mail server that is down for a moment: the invitation goes out when it is
// up again.
func Example() {
	ctx := context.Background()
	clock := chatadmintest.NewClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	mails := &chatadmintest.Mailbox{}
	admin, _ := chatadmin.New(memstore.New(nil), &chatadmin.Options{Now: clock.Now, Mailer: mails})
	domain, _, err := admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat,
		Admin: chatadmin.NewUser{Login: "ann@acme.example", NoInvitation: true}})
	if err != nil {
		fmt.Println(err)
		return
	}
	host := admin.AsHost(domain.ID)
	if _, err := host.CreateUser(ctx, chatadmin.NewUser{Login: "bob@acme.example"}); err != nil {
		fmt.Println(err)
		return
	}
	mails.FailNext(errors.New("the mail server is down"))
	sent, err := admin.SendInvitations(ctx, domain.ID)
	fmt.Println(sent, err)
	clock.Advance(5 * time.Minute)
	sent, err = admin.SendInvitations(ctx, domain.ID)
	fmt.Println(sent, err, mails.To("bob@acme.example")[0].Subject)
	// Output:
	// 0 <nil>
	// 1 <nil> You are invited to Acme
}
