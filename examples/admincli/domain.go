package main

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"chatadmin.example/sdk/chatadmin"
)

func (c *cli) initCommand() *cobra.Command {
	var n chatadmin.NewDomain
	var preset, plan string
	x := c.globalCommand("init", "Create a domain with its first admin",
		func(ctx context.Context, _ *cobra.Command, _ []string) error {
			closeStore, err := c.open(ctx, "init")
			if err != nil {
				return err
			}
			defer closeStore()
			n.Preset, n.Subscription.Plan = chatadmin.Preset(preset), chatadmin.SubscriptionPlan(plan)
			return c.createDomain(ctx, n)
		})
	f := x.Flags()
	f.StringVar(&n.Name, "name", "", "the `name` of the domain")
	f.StringVar(&n.Admin.Login, "admin", "", "the `login` of the first admin")
	f.StringVar(&n.Admin.Email, "email", "", "their e-mail `address`")
	f.StringVar(&n.Admin.FirstName, "first-name", "", "their first `name`")
	f.StringVar(&n.Admin.LastName, "last-name", "", "their last `name`")
	f.StringVar(&preset, "preset", "officechat", "the rules of logins: officechat, eschat or engage")
	f.StringVar(&plan, "subscription", "", "the subscription: free, business or enterprise")
	f.BoolVar(&n.Admin.NoInvitation, "no-welcome", false, "do not invite the admin by mail")
	needed(x, "name", "admin")
	return x
}

func (c *cli) createDomain(ctx context.Context, n chatadmin.NewDomain) error {
	if err := c.nameIsFree(ctx, "", n.Name); err != nil {
		return err
	}
	d, admin, err := c.admin.CreateDomain(ctx, n)
	if err != nil {
		return err
	}
	if _, err := c.sendMail(ctx, c.admin.AsHost(d.ID)); err != nil {
		return err
	}
	return c.say(map[string]any{"domain": d.Name, "id": d.ID, "admin": admin.Login}, func(w *tabwriter.Writer) {
		row(w, "domain", d.Name)
		row(w, "admin", admin.Login)
	})
}

func (c *cli) domainCommands() *cobra.Command {
	return c.group("domain", "The domain as a whole",
		c.listDomainsCommand(),
		c.command("show", "Show what the domain has decided", c.showDomain),
		c.renameCommand(),
		c.hostOnly(c.command("suspend", "Let nobody in; the data is kept (without --as)",
			func(ctx context.Context, s *chatadmin.Scope, _ []string) error {
				if err := c.admin.SuspendDomain(ctx, s.Domain()); err != nil {
					return err
				}
				return c.done("the domain is suspended")
			})),
		c.hostOnly(c.command("resume", "Let everybody in again (without --as)",
			func(ctx context.Context, s *chatadmin.Scope, _ []string) error {
				if err := c.admin.ResumeDomain(ctx, s.Domain()); err != nil {
					return err
				}
				return c.done("the domain is active")
			})),
		c.closeCommand(),
		c.closedCommand(),
		c.settingsCommand())
}

// listDomainsCommand lists the domains, so that one of several with the same
// name can be chosen by its ID.
func (c *cli) listDomainsCommand() *cobra.Command {
	type domain struct {
		ID   chatadmin.ID `json:"id"`
		Name string       `json:"name"`
	}
	return c.globalCommand("list", "List the domains", func(ctx context.Context, _ *cobra.Command, _ []string) error {
		closeStore, err := c.open(ctx, "domain")
		if err != nil {
			return err
		}
		defer closeStore()
		list := []domain{}
		for d, err := range c.admin.Domains(ctx) {
			if err != nil {
				return err
			}
			list = append(list, domain{d.ID, d.Name})
		}
		return c.say(map[string]any{"domains": list}, func(w *tabwriter.Writer) {
			row(w, "ID", "NAME")
			for _, d := range list {
				row(w, d.ID, d.Name)
			}
		})
	})
}

func (c *cli) showDomain(ctx context.Context, s *chatadmin.Scope, _ []string) error {
	d, set, err := s.View(ctx, chatadmin.PermDomain)
	if err != nil {
		return err
	}
	v := map[string]any{"domain": d.Name, "id": d.ID, "state": set.State, "preset": set.Preset,
		"subscription": set.Subscription.Plan, "modules": append([]string{}, set.Modules...), "annual": set.Subscription.Annual,
		"default_country": set.DefaultCountry, "guests_in_default_groups": set.GuestsInDefaultGroups,
		"audit_days": set.Pruning.AuditDays, "run_days": set.Pruning.RunDays}
	return c.say(v, func(w *tabwriter.Writer) {
		for _, name := range []string{"domain", "id", "state", "preset", "subscription", "modules", "default_country",
			"guests_in_default_groups"} {
			row(w, name, v[name])
		}
		row(w, "audit_days", keptFor(set.Pruning.AuditDays))
		row(w, "run_days", keptFor(set.Pruning.RunDays))
	})
}

func (c *cli) settingsCommand() *cobra.Command {
	x := c.command("settings [KEY=VALUE…]", "Change settings of the domain, or show them",
		func(ctx context.Context, s *chatadmin.Scope, args []string) error {
			if len(args) > 0 {
				change := func(set *chatadmin.Settings) error { return assign(set, args) }
				if _, err := s.ChangeSettings(ctx, change); err != nil {
					return err
				}
			}
			return c.showDomain(ctx, s, nil)
		})
	x.Long = `Without KEY=VALUE the settings are shown. The keys are

  default_country           two letters, for phone numbers without "+"
  guests_in_default_groups  true or false
  subscription              free, business or enterprise
  modules                   what was bought besides, such as webcare,publishing
  audit_days, run_days      how many days the audit log, and runs that have
                            ended, are kept: a number, forever or default`
	return checked(x, func(args []string) error { return assign(&chatadmin.Settings{}, args) })
}

// assign sets what KEY=VALUE says.
func assign(set *chatadmin.Settings, args []string) error {
	for _, arg := range args {
		key, value, ok := strings.Cut(arg, "=")
		if !ok {
			return usage("%q: write it as KEY=VALUE", chatadmin.Cut(arg))
		}
		switch key {
		case "default_country":
			set.DefaultCountry = value
		case "guests_in_default_groups":
			yes, err := strconv.ParseBool(value)
			if err != nil {
				return usage("%s: give true or false", key)
			}
			set.GuestsInDefaultGroups = yes
		case "modules":
			set.Modules = slices.DeleteFunc(strings.Split(value, ","), func(m string) bool { return m == "" })
		case "subscription":
			set.Subscription.Plan = chatadmin.SubscriptionPlan(value)
		case "audit_days", "run_days":
			days, err := keptDays(value)
			if err != nil {
				return usage("%s: give a number of days, forever or default", key)
			}
			if key == "run_days" {
				set.Pruning.RunDays = days
			} else {
				set.Pruning.AuditDays = days
			}
		default:
			return usage("there is no setting %q: --help lists them", chatadmin.Cut(key))
		}
	}
	return nil
}

// keptDays reads for how many days something is kept.
func keptDays(value string) (int, error) {
	switch value {
	case "forever":
		return chatadmin.Forever, nil
	case "default":
		return 0, nil
	}
	return strconv.Atoi(value)
}

// keptFor is what keptDays reads.
func keptFor(days int) string {
	switch days {
	case chatadmin.Forever:
		return "forever"
	case 0:
		return "default"
	}
	return strconv.Itoa(days)
}
