package twofa_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/pquerna/otp/totp"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/keyring"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/twofa"
)

// An administrator switches two-factor authentication on; a user sets up an
// authenticator, comes in, and is not asked again from the same browser.
func Example() {
	ctx := context.Background()
	clock := chatadmintest.NewClock(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC))
	admin, _ := chatadmin.New(memstore.New(nil), &chatadmin.Options{Now: clock.Now})
	// from the host's secret store
	ring, _ := keyring.New(rand.Reader, keyring.Key{ID: "2026", Secret: secret.HideBytes(bytes.Repeat([]byte{7}, keyring.KeySize))})
	second, _ := twofa.New(admin, &twofa.Options{Keys: ring})
	domain, boss, _ := admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example"}})
	s := admin.As(domain.ID, boss.ID)

	plan, _ := second.Plan(ctx, s, twofa.Policy{Mode: twofa.Authenticator, Validity: 30 * 24 * time.Hour})
	fmt.Println("to set up:", plan.Counts["to_enrol"], "cannot pass:", plan.Counts["cannot_pass"])
	_ = second.Apply(ctx, s, plan)

	// What follows is done by the sign-in gate: after the password was right,
	// and when the code comes.
	_, set, _ := s.View(ctx, "")
	asked, _ := second.Ask(ctx, &set, boss, signin.Attempt{Client: signin.Web})
	fmt.Println(asked.Challenge.Kind, !asked.Challenge.Enrolment.QR.IsZero())
	code, _ := totp.GenerateCode(asked.Challenge.Enrolment.Secret.Reveal(), clock.Now()) // the user's app

	open, _ := second.Open(ctx, domain.ID, asked.Challenge.ID)
	answer, _ := second.Answer(ctx, open, code, true)
	fmt.Println("right:", answer.Right, "remembered:", !answer.Trust.IsZero())

	clock.Advance(29 * 24 * time.Hour)
	asked, _ = second.Ask(ctx, &set, boss, signin.Attempt{Client: signin.Web, Trust: answer.Trust})
	fmt.Println("asked again:", asked.Challenge != nil)
	// Output:
	// to set up: 1 cannot pass: 0
	// authenticator true
	// right: true remembered: true
	// asked again: false
}

// What would be asked of somebody, and why.
func ExampleService_Explain() {
	ctx := context.Background()
	admin, _ := chatadmin.New(memstore.New(nil), &chatadmin.Options{Mailer: &chatadmintest.Mailbox{}})
	second, _ := twofa.New(admin, nil) // looking needs no keys
	domain, boss, _ := admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example"}})
	host := admin.AsHost(domain.ID)
	plan, _ := second.Plan(ctx, host, twofa.Policy{Mode: twofa.Email})
	_ = second.Apply(ctx, host, plan)
	for _, a := range []signin.Attempt{{Client: signin.Web}, {Client: signin.IOS}, {Client: signin.Web, Method: signin.SAML}} {
		e, _ := second.Explain(ctx, host, boss.ID, a.Client, a.Method)
		fmt.Println(e.Asks, e.Rule)
	}
	// Output:
	// true a code is asked for
	// false native mobile clients are not asked
	// false who signs in by Google or SAML is checked there
}

// A user has lost their phone: an administrator resets them, and they are told
// by mail.
func ExampleService_Reset() {
	ctx := context.Background()
	mails := &chatadmintest.Mailbox{}
	admin, _ := chatadmin.New(memstore.New(nil), &chatadmin.Options{Mailer: mails})
	ring, _ := keyring.New(rand.Reader, keyring.Key{ID: "2026", Secret: secret.HideBytes(bytes.Repeat([]byte{7}, keyring.KeySize))})
	second, _ := twofa.New(admin, &twofa.Options{Keys: ring})
	domain, boss, _ := admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example"}})
	host := admin.AsHost(domain.ID)
	plan, _ := second.Plan(ctx, host, twofa.Policy{Mode: twofa.Authenticator})
	_ = second.Apply(ctx, host, plan)
	_, set, _ := host.View(ctx, "")
	asked, _ := second.Ask(ctx, &set, boss, signin.Attempt{Client: signin.Web})

	fmt.Println(second.Reset(ctx, host, boss.ID))
	_, err := second.Open(ctx, domain.ID, asked.Challenge.ID)
	fmt.Println(err)
	_, _ = second.SendNotices(ctx, domain.ID)
	fmt.Println(mails.Mails()[0].Subject)
	// Output:
	// <nil>
	// this sign-in is over or was never begun, sign in anew: not found
	// Your two-factor authentication was reset: Acme
}
