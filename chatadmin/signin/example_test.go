package signin_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/password"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// Users who have not come for a month are deactivated, after a look at the plan.
func ExampleGate_PlanIdle() {
	ctx := context.Background()
	clock := chatadmintest.NewClock(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC))
	admin, _ := chatadmin.New(memstore.New(nil), &chatadmin.Options{Now: clock.Now})
	gate, _ := signin.New(admin, nil)
	domain, _, _ := admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example"}})
	host := admin.AsHost(domain.ID)
	_, _ = host.CreateUser(ctx, chatadmin.NewUser{Login: "ann@acme.example"})
	comes := func(login string, client signin.Client) {
		_, _ = gate.SignIn(ctx, domain.ID, signin.Attempt{Login: login, Client: client}, func(context.Context, chatadmin.User) (bool, error) { return true, nil })
	}
	comes("ann@acme.example", signin.IOS)
	clock.Advance(40 * 24 * time.Hour)
	comes("boss@acme.example", signin.Web)

	for row, err := range gate.SignIns(ctx, host, signin.SignInQuery{IdleFor: 30 * 24 * time.Hour}) {
		fmt.Println(row.Login, row.SignedIn.Format(time.DateOnly), row.Client, err)
	}
	plan, err := gate.PlanIdle(ctx, host, signin.Idle{For: 30 * 24 * time.Hour})
	fmt.Println(plan.Counts["users"], err)
	run, err := gate.ApplyIdle(ctx, host, plan, nil)
	fmt.Println(run.State, run.Data.Deactivated, err)
	// Output:
	// ann@acme.example 2026-03-01 ios <nil>
	// 1 <nil>
	// done 1 <nil>
}

// The handler of a login page: what the person sees is the same for every
// refusal, what the log sees is not.
func ExampleGate_SignIn() {
	ctx := context.Background()
	admin, _ := chatadmin.New(memstore.New(nil), nil)
	gate, err := signin.New(admin, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	domain, _, err := admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "ann@acme.example"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	login := func(name, password string) {
		d, err := gate.SignIn(ctx, domain.ID, signin.Attempt{Login: name, Client: signin.Web}, func(_ context.Context, u chatadmin.User) (bool, error) {
			return password == "correct horse", nil // here the host looks into its own table
		})
		switch {
		case err != nil:
			fmt.Println("500", err)
		case d.Allowed():
			fmt.Println("a session for", d.User.Login, "on", d.Client)
		default:
			fmt.Println("log:", d.Reason())
		}
	}
	login("nobody@acme.example", "correct horse")
	for range 3 {
		login("ann@acme.example", "battery staple")
	}
	login("Ann@Acme.Example", "correct horse")
	users, _ := admin.Store().UsersByLogin(ctx, domain.ID, []string{"ann@acme.example"})
	if _, err := admin.AsHost(domain.ID).GrantAccess(ctx, users[0].ID); err != nil { // lifts the lock
		fmt.Println(err)
	}
	login("Ann@Acme.Example", "correct horse")
	// Output:
	// log: unknown
	// log: wrong
	// log: wrong
	// log: wrong
	// log: locked
	// a session for ann@acme.example on web
}

// An administrator looks who is locked, and lets one of them in again.
func ExampleGate_LockedUsers() {
	ctx := context.Background()
	clock := chatadmintest.NewClock(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC))
	admin, _ := chatadmin.New(memstore.New(nil), &chatadmin.Options{Now: clock.Now})
	gate, _ := signin.New(admin, nil)
	domain, boss, err := admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	s := admin.As(domain.ID, boss.ID)
	for _, login := range []string{"ann@acme.example", "bob@acme.example"} {
		_, _ = s.CreateUser(ctx, chatadmin.NewUser{Login: login})
		for range 3 {
			_, _ = gate.SignIn(ctx, domain.ID, signin.Attempt{Login: login}, func(context.Context, chatadmin.User) (bool, error) { return false, nil })
		}
		clock.Advance(time.Minute)
	}
	page, next, err := gate.LockedUsersPage(ctx, s, signin.LockedQuery{}, chatadmin.Page{Limit: 50})
	for _, u := range page {
		fmt.Println(u.Login, "until", u.Until.Format(time.TimeOnly))
	}
	fmt.Println(next == "", err)
	fmt.Println(gate.Unlock(ctx, s, page[0].User))
	for u, err := range gate.LockedUsers(ctx, s, signin.LockedQuery{}) {
		fmt.Println(u.Login, err)
	}
	// Output:
	// bob@acme.example until 09:16:00
	// ann@acme.example until 09:15:00
	// true <nil>
	// <nil>
	// ann@acme.example <nil>
}

// A domain that is stricter than usual.
func ExampleGate_SetPolicy() {
	ctx := context.Background()
	admin, _ := chatadmin.New(memstore.New(nil), nil)
	gate, err := signin.New(admin, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	domain, boss, err := admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "ann@acme.example"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	s := admin.As(domain.ID, boss.ID)
	if err := gate.SetPolicy(ctx, s, signin.Policy{UnlockAfter: 2 * time.Hour}); err != nil {
		fmt.Println(err)
		return
	}
	p, err := gate.Policy(ctx, s)
	fmt.Println(p.Limit, p.UnlockAfter, err)
	// Output: 3 2h0m0s <nil>
}

// endings ends sessions of the host.
type endings struct{}

func (endings) EndSessions(_ context.Context, _ chatadmin.ID, users []chatadmin.ID, _ time.Time) error {
	fmt.Println("end the sessions of", len(users), "user")
	return nil
}

// From being created to being shut out: invitation, password, sign-in, and the
// end of sessions.
func Example() {
	ctx := context.Background()
	mail := &chatadmintest.Mailbox{}
	admin, _ := chatadmin.New(memstore.New(nil), &chatadmin.Options{Mailer: mail})
	gate, err := signin.New(admin, &signin.Options{Sessions: endings{}})
	if err != nil {
		fmt.Println(err)
		return
	}
	passwords, err := password.New(admin, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	domain, _, err := admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	host := admin.AsHost(domain.ID)
	ann, err := host.CreateUser(ctx, chatadmin.NewUser{Login: "ann@acme.example"})
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := admin.SendInvitations(ctx, domain.ID); err != nil {
		fmt.Println(err)
		return
	}
	words := strings.Fields(mail.To("ann@acme.example")[0].Text)
	// without Options.LinkBase the mail has no link but the bare token
	token := words[len(words)-1]
	if _, err := admin.AcceptInvitation(ctx, token, passwords.Setter("correct horse")); err != nil {
		fmt.Println(err)
		return
	}
	d, err := gate.SignIn(ctx, domain.ID, signin.Attempt{Login: "ann@acme.example", Client: signin.Web}, passwords.Verifier("correct horse"))
	fmt.Println(d, d.User.Status, err)
	if _, err := host.DeactivateUsers(ctx, ann.ID); err != nil {
		fmt.Println(err)
		return
	}
	if _, err := gate.EndSessions(ctx); err != nil {
		fmt.Println(err)
	}
	// Output:
	// allowed active <nil>
	// end the sessions of 1 user
}
