package support_test

import (
	"context"
	"fmt"
	"io"
	"strings"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/chatadmin/support"
)

// A user reports a problem, and support answers.
func Example() {
	ctx := context.Background()
	mails := &chatadmintest.Mailbox{}
	admin, err := chatadmin.New(memstore.New(nil), &chatadmin.Options{Mailer: mails})
	if err != nil {
		panic(err)
	}
	x, err := support.New(admin, &support.Options{Recipients: map[support.Platform]string{support.Windows: "help@vendor.example"}})
	if err != nil {
		panic(err)
	}
	domain, boss, err := admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat,
		Admin: chatadmin.NewUser{Login: "boss@acme.example", NoInvitation: true}})
	if err != nil {
		panic(err)
	}
	s := admin.As(domain.ID, boss.ID)

	log := support.Log{Name: "client.log", Open: func() (io.ReadCloser, error) { // support.FileLog, if it is a file
		return io.NopCloser(strings.NewReader("GET /groups?token=abc 500\n")), nil
	}}
	b, err := x.Prepare(ctx, s, support.Draft{Platform: support.Windows, Description: "It hangs.", Logs: []support.Log{log}})
	if err != nil {
		panic(err)
	}
	fmt.Print(b.Preview().To, ": ", b.Preview().Files[0].Sample)
	r, err := x.Send(ctx, s, b)
	if err != nil {
		panic(err)
	}
	if _, err = admin.Work(ctx); err != nil { // in a worker of the host
		panic(err)
	}
	if r, err = x.Acknowledge(ctx, admin.AsHost(domain.ID), r.ID); err != nil {
		panic(err)
	}
	if _, err = admin.Work(ctx); err != nil {
		panic(err)
	}
	fmt.Println(r.State)
	for _, m := range mails.Mails() {
		fmt.Println(m.To, m.Subject)
	}
	// Output:
	// help@vendor.example: GET /groups?token=[redacted] 500
	// received
	// help@vendor.example Problem report: Windows, Acme
	// boss@acme.example We have received your problem report
}
