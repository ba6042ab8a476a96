package chatadmin_test

import (
	"context"
	"errors"
	"fmt"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// A domain, a user, and what a user sees of it.
func Example() {
	ctx := context.Background()
	admin, _ := chatadmin.New(memstore.New(nil), nil)
	domain, boss, err := admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat,
		Admin: chatadmin.NewUser{Login: "boss@acme.example", DisplayName: "The Boss"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	s := admin.As(domain.ID, boss.ID) // in each request, for whom you have authenticated
	ann, err := s.CreateUser(ctx, chatadmin.NewUser{Login: "Ann@acme.example", FirstName: "Ann", LastName: "Smith"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(ann.DisplayName, ann.Status)
	for m, err := range s.GroupsOf(ctx, ann.ID) {
		if err != nil {
			fmt.Println(err)
			return
		}
		g, _ := s.Group(ctx, m.Group)
		fmt.Println("is in", g.Name)
	}
	_, err = s.DeactivateUsers(ctx, boss.ID)
	fmt.Println(errors.Is(err, chatadmin.ErrLastAdmin))
	// Unordered output:
	// Ann Smith pending
	// is in All Of Us
	// is in Admin Announcements
	// true
}

// A group that everybody is in and nobody leaves: planned, looked at, applied.
func ExampleScope_ApplyDefaultGroup() {
	ctx := context.Background()
	s := exampleDomain(ctx)
	g, _ := s.CreateGroup(ctx, "Company news")
	plan, err := s.PlanDefaultGroup(ctx, g.ID)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("would add", plan.Counts["added"])
	if _, err := s.ApplyDefaultGroup(ctx, plan, nil); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s.Leave(ctx, g.ID))
	// Output:
	// would add 1
	// group "Company news": nobody leaves it: this is a default group of the domain
}

// Several faults of one form come at once, each with its field.
func ExampleFieldErrors() {
	ctx := context.Background()
	s := exampleDomain(ctx)
	_, err := s.CreateUser(ctx, chatadmin.NewUser{Login: "not an address", Title: "Head\nof Sales", Manager: "nobody"})
	var wrong *chatadmin.FieldErrors
	if errors.As(err, &wrong) {
		for _, f := range wrong.Fields {
			fmt.Println(f.Field, f.Code)
		}
	}
	// Output:
	// title bad_text
	// email bad_email
	// manager bad_manager
}

// The audit log of one user.
func ExampleScope_Events() {
	ctx := context.Background()
	s := exampleDomain(ctx)
	ann, _ := s.UserByLogin(ctx, "ann@acme.example")
	title := "Head of Sales"
	_, _ = s.EditUser(ctx, ann.ID, chatadmin.UserEdit{Title: &title})
	for e, err := range s.Events(ctx, chatadmin.EventQuery{Target: ann.ID, Kind: chatadmin.KindUserEdit}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, c := range e.Changes[ann.ID] {
			fmt.Printf("%s: %q -> %q\n", c.Field, c.Before, c.After)
		}
	}
	// Output:
	// title: "" -> "Head of Sales"
}

// Invitations are queued with the user and sent by a worker of the host.
func ExampleAdmin_SendInvitations() {
	ctx := context.Background()
	var mails chatadmintest.Mailbox
	admin, _ := chatadmin.New(memstore.New(nil), &chatadmin.Options{Mailer: &mails, LinkBase: "https://chat.acme.example/admin"})
	domain, boss, _ := admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat,
		Admin: chatadmin.NewUser{Login: "boss@acme.example", NoInvitation: true}})
	_, _ = admin.As(domain.ID, boss.ID).CreateUser(ctx, chatadmin.NewUser{Login: "ann@acme.example"})
	n, err := admin.SendInvitations(ctx, domain.ID)
	fmt.Println(n, err)
	fmt.Println(mails.Mails()[0].To, "–", mails.Mails()[0].Subject)
	// Output:
	// 1 <nil>
	// ann@acme.example – You are invited to Acme
}

// A host asks before it accepts a message. Nobody posts in an archived group.
func ExampleScope_MayPost() {
	ctx := context.Background()
	s := exampleDomain(ctx)
	ann, _ := s.UserByLogin(ctx, "ann@acme.example")
	group, _ := s.CreateGroup(ctx, "Project X")
	_, _ = s.AddMembers(ctx, group.ID, ann.ID)

	host := s.Admin().AsHost(s.Domain())
	may := func() {
		d, err := host.MayPost(ctx, group.ID, ann.ID)
		fmt.Println(d, err)
	}
	may()
	_, _ = s.SetPosting(ctx, group.ID, chatadmin.AdminsPost)
	may()
	_, _ = s.ArchiveGroup(ctx, group.ID)
	may()
	// Output:
	// allowed <nil>
	// admins_only <nil>
	// archived <nil>
}

// exampleDomain is a domain with an admin, in whose name the scope acts, and
// one user.
func exampleDomain(ctx context.Context) *chatadmin.Scope {
	admin, _ := chatadmin.New(memstore.New(nil), nil)
	domain, boss, err := admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example"}})
	if err != nil {
		panic(err)
	}
	s := admin.As(domain.ID, boss.ID)
	if _, err := s.CreateUser(ctx, chatadmin.NewUser{Login: "ann@acme.example"}); err != nil {
		panic(err)
	}
	return s
}
