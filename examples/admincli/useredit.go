package main

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/provisioning"
)

// userFields are the flags of a user's fields.
type userFields struct {
	flags             *pflag.FlagSet
	preferred, custom *[]string
}

// parts are the preferences and the domain's own fields.
func (f userFields) parts(c *cli) ([]chatadmin.UserPart, error) {
	var parts []chatadmin.UserPart
	if len(*f.preferred) > 0 {
		set, err := setter(*f.preferred)
		if err != nil {
			return nil, err
		}
		parts = append(parts, c.prefer.Part(set))
	}
	if len(*f.custom) > 0 {
		values, err := fieldValues(*f.custom)
		if err != nil {
			return nil, err
		}
		parts = append(parts, c.custom.Part(values))
	}
	return parts, nil
}

func addFields(x *cobra.Command) userFields {
	for name, help := range map[string]string{"email": "the e-mail `address`", "name": "the display `name`",
		"first-name": "the first `name`", "last-name": "the last `name`",
		"title": "the job `title`", "mobile": "the phone `number`", "department": "the `department`",
		"manager": "the `login` of the manager"} {
		x.Flags().String(name, "", help)
	}
	f := userFields{x.Flags(), new([]string), new([]string)}
	x.Flags().StringArrayVar(f.preferred, "preference", nil, "a preference, as `KEY=VALUE`; see preferences set")
	x.Flags().StringArrayVar(f.custom, "field", nil, "a field that the domain has declared, as `NAME=VALUE`")
	return f
}

// given is nil if a field was not given, so that it is left as it is.
func (f userFields) given(name string) *string {
	if !f.flags.Changed(name) {
		return nil
	}
	v := f.text(name)
	return &v
}

func (f userFields) text(name string) string {
	v, _ := f.flags.GetString(name)
	return v
}

func (c *cli) createUserCommand() *cobra.Command {
	var f userFields
	var n chatadmin.NewUser
	var radio radioFlags
	guest := false
	x := c.command("create LOGIN", "Create a user, who is invited by mail",
		func(ctx context.Context, s *chatadmin.Scope, args []string) (err error) {
			n.Login, n.Email, n.DisplayName, n.FirstName, n.LastName = args[0], f.text("email"),
				f.text("name"), f.text("first-name"), f.text("last-name")
			n.Title, n.Phone, n.Department = f.text("title"), f.text("mobile"), f.text("department")
			if guest {
				n.Kind = chatadmin.Guest
			}
			if n.Parts, err = f.parts(c); err != nil {
				return err
			}
			if m := f.text("manager"); m != "" {
				if n.Manager, err = c.id(ctx, s, m); err != nil {
					return err
				}
			}
			return c.createUser(ctx, s, provisioning.NewUser{NewUser: n, Fields: radio.fields})
		})
	f = addFields(x)
	x.Flags().BoolVar(&guest, "guest", false, "a guest of the company")
	x.Flags().StringVar(&n.Role, "role", "", "the `role` (default member)")
	x.Flags().BoolVar(&n.NoInvitation, "no-welcome", false, "do not invite the user")
	return radio.add(x)
}

func (c *cli) createUser(ctx context.Context, s *chatadmin.Scope, n provisioning.NewUser) error {
	u, err := c.radios.CreateUser(ctx, s, n)
	if err != nil {
		return err
	}
	if !n.NoInvitation {
		c.unsent()
		if _, err := c.sendMail(ctx, s); err != nil {
			return err
		}
	}
	return c.tell(shown(u), "created", u.Login)
}

func (c *cli) editUserCommand() *cobra.Command {
	var f userFields
	guest, member := false, false
	var radio radioFlags
	x := c.command("edit LOGIN", `Change fields of a user; "" clears one`, func(ctx context.Context,
		s *chatadmin.Scope, args []string) error {
		id, err := c.id(ctx, s, args[0])
		if err != nil {
			return err
		}
		e := chatadmin.UserEdit{Login: f.given("login"), Email: f.given("email"),
			DisplayName: f.given("name"), FirstName: f.given("first-name"), LastName: f.given("last-name"),
			Title: f.given("title"), Phone: f.given("mobile"), Department: f.given("department")}
		if m := f.given("manager"); m != nil {
			e.Manager = new(chatadmin.ID)
			if *m != "" {
				if *e.Manager, err = c.id(ctx, s, *m); err != nil {
					return err
				}
			}
		}
		if guest || member {
			e.Kind = new(chatadmin.Network)
			if guest {
				*e.Kind = chatadmin.Guest
			}
		}
		if e.Parts, err = f.parts(c); err != nil {
			return err
		}
		u, err := c.radios.EditUser(ctx, s, id, provisioning.UserEdit{UserEdit: e, Fields: radio.fields})
		if err != nil {
			return err
		}
		return c.tell(shown(u), "saved", u.Login)
	})
	f = addFields(x)
	x.Flags().String("login", "", "a new `login`")
	x.Flags().BoolVar(&guest, "guest", false, "make the user a guest")
	x.Flags().BoolVar(&member, "member", false, "make the user a network user")
	exclusive(x, "guest", "member")
	return radio.add(x)
}
