// Command baa walks a customer through a business associate agreement: the
// request goes to the vendor through a mail server, the new domain is made, the
// agreement is signed, and the old domain is deleted.
//
//	go run ./examples/baa -smtp localhost:25 -to vendor@chat.example
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"os"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/closing"
	"chatadmin.example/sdk/chatadmin/compliance"
	"chatadmin.example/sdk/chatadmin/retention"
	"chatadmin.example/sdk/chatadmin/smtpmail"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

func main() {
	server := flag.String("smtp", "localhost:25", "the mail server, as `host:port`")
	to := flag.String("to", "vendor@chat.example", "the `address` of the vendor")
	flag.Parse()
	if err := walk(context.Background(), os.Stdout, *server, *to); err != nil {
		log.Fatal(err)
	}
}

// vendor stands for the services of a host: payment, signatures, accounting.
type vendor struct {
	out  io.Writer
	done map[string]string // by key: what was done is not done again
}

// Do implements compliance.Host.
func (v *vendor) Do(_ context.Context, e compliance.Effect) (document string, err error) {
	if document, ok := v.done[e.Key]; ok {
		return document, nil
	}
	switch e.Step {
	case compliance.Provision:
		_, err = fmt.Fprintf(v.out, "  special server: a place for %q is ready\n", e.NewDomain.Name)
	case compliance.Bill:
		_, err = fmt.Fprintf(v.out, "  payment: a card is on file, %s for %d seats\n", e.Agreement.Form.Price, e.Agreement.Form.Seats)
	case compliance.Send:
		document = "envelope-1"
		_, err = fmt.Fprintf(v.out, "  signatures: %s goes to %s\n", document, e.Agreement.Form.SignerEmail)
	case compliance.Settle:
		_, err = fmt.Fprintf(v.out, "  accounting: what was paid is %s\n", e.Input.Funds)
	}
	if err == nil {
		v.done[e.Key] = document
	}
	return document, err
}

// process is what a host constructs.
type process struct {
	admin      *chatadmin.Admin
	retain     *retention.Retention
	agreements *compliance.Agreements
}

func construct(out io.Writer, server, to string) (p process, err error) {
	mailer, err := smtpmail.New(server, "chat@chat.example", &smtpmail.Options{Security: smtpmail.Plaintext})
	if err != nil {
		return p, err
	}
	if p.admin, err = chatadmin.New(memstore.New(nil), &chatadmin.Options{Mailer: mailer}); err != nil {
		return p, err
	}
	if p.retain, err = retention.New(p.admin, nil); err != nil {
		return p, err
	}
	// A host leaves the grace period of 30 days.
	closings, err := closing.New(p.admin, &closing.Options{Grace: closing.AtOnce})
	if err != nil {
		return p, err
	}
	p.agreements, err = compliance.New(p.admin, &compliance.Options{Recipient: to, Retention: p.retain, Closings: closings,
		Host: &vendor{out, map[string]string{}}})
	return p, err
}

func walk(ctx context.Context, out io.Writer, server, to string) error {
	p, err := construct(out, server, to)
	if err != nil {
		return err
	}
	old, boss, err := p.admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat,
		Subscription: chatadmin.Subscription{Plan: chatadmin.Business}, Admin: chatadmin.NewUser{Login: "boss@acme.example", NoInvitation: true}})
	if err != nil {
		return err
	}

	// The customer fills in the form, and the vendor gets it by mail.
	a, err := p.agreements.Request(ctx, p.admin.As(old.ID, boss.ID), compliance.Form{NewDomain: "Acme Health",
		SignerEmail: "lawyer@acme.example", Seats: 60, Acknowledge: "Yes"})
	if err != nil {
		return err
	}
	if _, err := p.admin.Work(ctx); err != nil { // in a worker of the host
		return err
	}
	m := p.agreements.Mail(a)
	if _, err := fmt.Fprintf(out, "To: %s\nSubject: %s\n\n%s\n", m.To, m.Subject, m.Text); err != nil {
		return err
	}
	if a, err = p.steps(ctx, out, a); err != nil {
		return err
	}
	policy, err := p.retain.Policy(ctx, p.admin.AsHost(a.New))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s keeps messages for %d days, for good: %t\n", a.Form.NewDomain, policy.Days, policy.Final)
	return err
}

// steps makes all steps of an agreement, each in the name of whom it is for.
func (p process) steps(ctx context.Context, out io.Writer, a compliance.Agreement) (compliance.Agreement, error) {
	vendor := p.admin.AsHost("")
	for !a.Ended() {
		s, by := vendor, "vendor"
		if a.Next.Customer() {
			admin, err := p.admin.AsHost(a.New).UserByLogin(ctx, a.Form.AdminEmail)
			if err != nil {
				return a, err
			}
			s, by = p.admin.As(a.New, admin.ID), "customer"
		}
		var in compliance.Input
		switch a.Next {
		case compliance.Sign, compliance.Countersign:
			in.Document = "envelope-1/" + string(a.Next)
		case compliance.Settle:
			in.Funds = compliance.Transferred
		}
		var err error
		if a, err = p.agreements.Advance(ctx, s, a.ID, a.Next, in); err != nil {
			return a, err
		}
		if _, err := fmt.Fprintf(out, "%-8s  %-11s  %s\n", by, a.Steps[len(a.Steps)-1].Step, a.State); err != nil {
			return a, err
		}
		if _, err := p.admin.Work(ctx); err != nil { // sends invitations, deletes the old domain
			return a, err
		}
	}
	return a, nil
}
