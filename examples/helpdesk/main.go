// Command helpdesk shows what a help desk asks the library: how an agent hears
// of a message, by which account and with which words they answer it, how they
// forward it, and what becomes of their scheduled publications when they leave.
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/erase"
	"chatadmin.example/sdk/chatadmin/fields"
	"chatadmin.example/sdk/chatadmin/preferences"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/csvimport"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "helpdesk:", err)
		os.Exit(1)
	}
}

// desk is the host: what it has of the library, and of its own.
type desk struct {
	out          io.Writer
	mailer       printer
	prefer       *preferences.Preferences
	custom       *fields.Fields
	deletions    *erase.Deletions
	publications *publications
	company      *chatadmin.Scope // as its administrator sees it
}

func run(ctx context.Context, out io.Writer) error {
	d := &desk{out: out, mailer: printer{out}, publications: &publications{}}
	admin, err := chatadmin.New(memstore.New(nil), &chatadmin.Options{Mailer: d.mailer, LinkBase: "https://desk.example",
		Sources: []storage.Source{{Name: "scheduled_publications", Outside: d.publications}}})
	if err != nil {
		return err
	}
	if err := d.setUp(admin); err != nil {
		return err
	}
	domain, boss, err := admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.Engage,
		Admin: chatadmin.NewUser{Login: "boss", Email: "boss@acme.example", FirstName: "Bo", LastName: "Boss", NoInvitation: true},
		Settings: func(set *chatadmin.Settings) {
			set.Modules, set.DefaultCountry = []string{"webcare", "publishing"}, "NL"
		}})
	if err != nil {
		return err
	}
	d.company = admin.As(domain.ID, boss.ID)

	ann, err := d.newAgent(ctx)
	if err != nil {
		return err
	}
	if err := d.work(ctx, ann); err != nil {
		return err
	}
	if err := d.access(ctx, ann); err != nil {
		return err
	}
	if err := d.download(ctx); err != nil {
		return err
	}
	return d.leave(ctx, ann)
}

// setUp makes the packages, before anything is done with the Admin.
func (d *desk) setUp(admin *chatadmin.Admin) (err error) {
	d.prefer, err = preferences.New(admin, &preferences.Options{
		Pages:   []preferences.Page{{Name: "home"}, {Name: "webcare", Module: "webcare"}, {Name: "calendar", Module: "publishing"}},
		NoReply: "noreply@desk.example",
	})
	if err != nil {
		return err
	}
	if d.custom, err = fields.New(admin, nil); err != nil {
		return err
	}
	d.deletions, err = erase.New(admin, nil)
	return err
}

// newAgent fills in the form of a user. Everything that is wrong in it, whoever
// checks it, comes at once.
func (d *desk) newAgent(ctx context.Context) (chatadmin.User, error) {
	if _, err := d.custom.Declare(ctx, d.company, fields.Field{Name: "Team", Kind: fields.Choice, Choices: []string{"Blue", "Red"}}, nil); err != nil {
		return chatadmin.User{}, err
	}
	form := chatadmin.NewUser{Login: "Ann", Email: "ann@acme", FirstName: "Ann", LastName: "Ames", Phone: "06 12345678",
		Parts: []chatadmin.UserPart{
			d.prefer.Part(func(v *preferences.Values) {
				v.Landing, v.Language, v.NotifyAssigned = "chat", "nl", preferences.On
				v.Suffix = map[preferences.Platform]string{preferences.Twitter: "^Ann"}
				v.Account = map[preferences.Platform]string{preferences.Twitter: "@acme"}
			}),
			d.custom.Part(map[string]string{"team": "green"}),
		}}
	_, err := d.company.CreateUser(ctx, form)
	_, _ = fmt.Fprintln(d.out, "refused:", err)

	form.Email = "ann@acme.example"
	form.Parts = []chatadmin.UserPart{d.custom.Part(map[string]string{"team": "blue"}),
		d.prefer.Part(func(v *preferences.Values) {
			v.Landing, v.Language, v.NotifyAssigned = "webcare", "nl", preferences.On
			v.Suffix = map[preferences.Platform]string{preferences.Twitter: "^Ann"}
			v.Account = map[preferences.Platform]string{preferences.Twitter: "@acme"}
		})}
	ann, err := d.company.CreateUser(ctx, form)
	if err != nil {
		return ann, err
	}
	// In a worker of the host: the user name in one mail, the link in another.
	_, err = d.company.Admin().Work(ctx)
	return ann, err
}

// work is one message of a customer, from its assignment to its end.
func (d *desk) work(ctx context.Context, ann chatadmin.User) error {
	is, err := d.prefer.Of(ctx, d.company, ann.ID)
	if err != nil {
		return err
	}
	v := is.InForce
	_, _ = fmt.Fprintf(d.out, "%s lands on %s and reads %s\n", ann.Login, is.Lands, is.Speaks)
	_, _ = fmt.Fprintf(d.out, "a message is assigned: %s\n", v.Channels(preferences.Assigned, &ann))

	for _, r := range []preferences.Reply{
		{Platform: preferences.Twitter, Text: "We are on our way!"},
		{Platform: preferences.Twitter, Text: "We are on our way! ^Ann", Mentioned: "@acme_help"},
		{Platform: preferences.Facebook, Text: "We are on our way!"},
	} {
		account, text, err := v.Reply(r)
		if err != nil {
			_, _ = fmt.Fprintln(d.out, "not sent:", err)
			continue
		}
		_, _ = fmt.Fprintf(d.out, "%s answers: %s\n", account, text)
	}

	m := preferences.Message{Author: "@customer", Platform: preferences.Twitter, Text: "Where is my order?",
		Link: "https://desk.example/m/7", To: "logistics@acme.example", Comment: "Can you look?"}
	for _, mode := range []preferences.Forward{preferences.CanRespond, preferences.NoReply, preferences.OwnClient} {
		v.Forward = mode
		f, err := d.prefer.Forward(&v, &ann, m)
		if err != nil {
			return err
		}
		if f.Mailto != "" {
			_, _ = fmt.Fprintln(d.out, "to open:", f.Mailto)
		} else if err := d.mailer.Send(ctx, f.Mail); err != nil {
			return err
		}
	}
	return nil
}

// access is the check mark and the cross beside a user.
func (d *desk) access(ctx context.Context, ann chatadmin.User) error {
	for _, change := range []func(context.Context, ...chatadmin.ID) ([]chatadmin.User, error){d.company.DenyAccess, d.company.GrantAccess} {
		us, err := change(ctx, ann.ID)
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(d.out, "%s has access: %t\n", us[0].Login, us[0].HasAccess())
	}
	return nil
}

// download is the CSV file of the users.
func (d *desk) download(ctx context.Context) error {
	_, err := csvimport.Export(ctx, d.company, d.out, csvimport.Overview, nil)
	return err
}

// leave deletes Ann, who had scheduled two publications.
func (d *desk) leave(ctx context.Context, ann chatadmin.User) error {
	d.publications.scheduled = map[string]chatadmin.ID{"spring sale": ann.ID, "summer sale": ann.ID}
	plan, err := d.deletions.Plan(ctx, d.company, []chatadmin.ID{ann.ID}, nil)
	if err != nil {
		return err
	}
	// The plan counts them, and the host knows their names.
	_, _ = fmt.Fprintf(d.out, "would not be published: %d, %q\n", plan.Counts["host.scheduled_publications"],
		d.publications.selected(storage.ContentQuery{Domain: d.company.Domain(), Authors: []chatadmin.ID{ann.ID}}))
	for _, text := range plan.Warnings {
		_, _ = fmt.Fprintln(d.out, "warning:", text)
	}
	run, err := d.deletions.Apply(ctx, d.company, plan, "left the company", nil)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(d.out, "deleted: %s, publications left: %d\n", run.State, len(d.publications.scheduled))
	return nil
}
