package main

import (
	"context"
	"encoding/json"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/integrations"
)

func (c *cli) integrationsCommands() *cobra.Command {
	f := &integrationFlags{}
	x := c.group("integrations", "Connect groups and users to Slack, Mailchimp and AFAS",
		c.integration(f, "services", "List the services, and whether they are enabled", (*integrationCommand).services),
		f.enable(c.integration(f, "enable SERVICE", "Let the domain use a service", (*integrationCommand).enable)),
		c.integration(f, "disable SERVICE", "End the use of a service; its settings are kept",
			(*integrationCommand).disable),
		f.configure(c.connection(f, "configure SERVICE", "Make a draft, or change settings",
			(*integrationCommand).configure)),
		f.connect(c.connection(f, "connect SERVICE", "Take the next step of authenticating",
			(*integrationCommand).connect)),
		f.ofGroup(c.connection(f, "choices SERVICE", "List channels, audiences, or types of dossier items",
			(*integrationCommand).choices)),
		f.ofGroup(c.connection(f, "show SERVICE", "Show an integration and what is wrong with it",
			(*integrationCommand).show)),
		c.integration(f, "retry ID", "Try a message again that was given up", (*integrationCommand).retry),
		c.integration(f, "discard ID", "Forget a message that was given up", (*integrationCommand).discard),
		f.ofGroup(c.connection(f, "disconnect SERVICE",
			"Erase the token, and end the integration at the provider", (*integrationCommand).disconnect)),
		f.say(c.integration(f, "say TEXT", "Tell of a message in a group, and deliver it", (*integrationCommand).say)),
		f.link(c.connection(f, "link SERVICE TEXT", "Link a message, once per key", (*integrationCommand).link)),
		c.integration(f, "deliver", "Do what is due", (*integrationCommand).deliverDue),
		f.serve(c.integration(f, "serve", "Answer webhooks and callbacks, and do what is due",
			(*integrationCommand).serve)))
	x.Long = `An integration is that of a group (--group NAME) or of the actor (--as LOGIN).

The apps' credentials are in the environment: SLACK_CLIENT_ID,
SLACK_CLIENT_SECRET, SLACK_SIGNING_SECRET, MAILCHIMP_CLIENT_ID and
MAILCHIMP_CLIENT_SECRET. With a fake provider and none of them set they are
those of this module's fakes.`
	p := x.PersistentFlags()
	p.StringVar(&f.public,
		"public-url", "", "the `URL` at which serve is reached (default http://127.0.0.1:8080/integrations)")
	f.fakes(p)
	return x
}

// integration makes a command that needs the services.
func (c *cli) integration(
	f *integrationFlags, use, short string, run func(*integrationCommand, context.Context, []string) error,
) *cobra.Command {
	name, _, _ := strings.Cut(use, " ")
	return c.command(use, short, func(ctx context.Context, s *chatadmin.Scope, args []string) error {
		out := &printed{c: c, keep: c.json && name != "serve"}
		x, err := c.newIntegrations(signedInAs(s), f, out)
		if err != nil {
			return err
		}
		return run(&integrationCommand{c: c, f: f, x: x, s: s, out: out}, ctx, args)
	})
}

// connection makes a command about one connection to the service that is its
// first argument.
func (c *cli) connection(
	f *integrationFlags, use, short string, run func(*integrationCommand, context.Context, []string) error,
) *cobra.Command {
	return c.integration(f, use, short, func(i *integrationCommand, ctx context.Context, args []string) (err error) {
		if i.of, err = i.connection(ctx, args[0]); err != nil {
			return err
		}
		return run(i, ctx, args)
	})
}

// integrationCommand is one call of the command.
type integrationCommand struct {
	c  *cli
	f  *integrationFlags
	x  *integrations.Integrations
	s  *chatadmin.Scope
	of integrations.Of

	out *printed
}

// connection is that of the group named by --group, or of the actor.
func (i *integrationCommand) connection(ctx context.Context, service string) (integrations.Of, error) {
	if i.f.group == "" {
		return integrations.Of{Service: service, Owner: i.s.Actor()}, nil
	}
	g, err := i.c.findGroup(ctx, i.s, i.f.group)
	return integrations.Of{Service: service, Owner: g.ID}, err
}

func (i *integrationCommand) services(ctx context.Context, _ []string) error {
	list, err := i.x.Services(ctx, i.s)
	if err != nil {
		return err
	}
	return i.c.say(map[string]any{"services": list}, func(w *tabwriter.Writer) {
		for _, s := range list {
			state := "disabled"
			if s.Enabled {
				state = "enabled"
			}
			row(w, s.Name, s.Title, state, string(s.Settings))
		}
	})
}

func (i *integrationCommand) enable(ctx context.Context, args []string) error {
	set, err := i.f.serviceSettings(func() (json.RawMessage, error) {
		list, err := i.x.Services(ctx, i.s)
		for _, svc := range list {
			if svc.Name == args[0] {
				return svc.Settings, err
			}
		}
		return nil, err
	})
	if err != nil {
		return err
	}
	if err := i.x.EnableService(ctx, i.s, args[0], set); err != nil {
		return err
	}
	return i.c.done(args[0] + " is enabled")
}

func (i *integrationCommand) disable(ctx context.Context, args []string) error {
	if err := i.x.DisableService(ctx, i.s, args[0]); err != nil {
		return err
	}
	return i.c.done(args[0] + " is disabled; its settings are kept")
}

func (i *integrationCommand) retry(ctx context.Context, args []string) error {
	if err := i.x.Retry(ctx, i.s, chatadmin.ID(args[0])); err != nil {
		return err
	}
	return i.deliver(ctx, "queued again")
}

func (i *integrationCommand) discard(ctx context.Context, args []string) error {
	if err := i.x.Discard(ctx, i.s, chatadmin.ID(args[0])); err != nil {
		return err
	}
	return i.c.done("discarded")
}

func (i *integrationCommand) choices(ctx context.Context, _ []string) error {
	list, err := i.x.Choices(ctx, i.s, i.of)
	if err != nil {
		return err
	}
	return i.c.say(map[string]any{"choices": list}, func(w *tabwriter.Writer) {
		for _, ch := range list {
			row(w, ch.ID, ch.Name, ch.Note)
		}
	})
}

func (i *integrationCommand) disconnect(ctx context.Context, _ []string) error {
	if err := i.x.Disconnect(ctx, i.s, i.of); err != nil {
		return err
	}
	return i.deliver(ctx, "disconnected")
}

func (i *integrationCommand) link(ctx context.Context, args []string) error {
	id, err := i.x.Link(ctx, i.s, i.of, i.f.key, integrations.Message{Author: i.f.author, Text: args[1]}, i.f.fields)
	if err != nil {
		return err
	}
	return i.c.tell(map[string]any{"id": id}, "linked", id)
}

// configure makes a draft. With settings it saves them too.
func (i *integrationCommand) configure(ctx context.Context, args []string) error {
	st, err := i.x.Draft(ctx, i.s, i.of)
	if err != nil {
		return err
	}
	set, err := i.f.connectionSettings(func() (json.RawMessage, error) { return st.Settings, nil })
	if err != nil {
		return err
	}
	if set != nil {
		if _, err := i.x.Save(ctx, i.s, i.of, set); err != nil {
			return err
		}
	}
	return i.show(ctx, args)
}

// connect takes the next step of authenticating.
func (i *integrationCommand) connect(ctx context.Context, _ []string) error {
	if i.s.Actor() == chatadmin.HostActor {
		return usage("integrations connect: give --as LOGIN: an account is connected by a person")
	}
	if _, err := i.x.Draft(ctx, i.s, i.of); err != nil {
		return err
	}
	answers := map[string]integrations.Secret{}
	for name, v := range i.f.answers {
		if v == "-" {
			line, err := i.c.line()
			if err != nil {
				return err
			}
			v = line
		}
		answers[name] = integrations.Hide(v)
	}
	next, err := i.x.Connect(ctx, i.s, i.of, answers)
	if err != nil {
		return err
	}
	v := map[string]any{"connected": next.Grant != nil}
	if !next.URL.IsZero() {
		v["url"] = next.URL.Reveal()
	}
	if len(next.Ask) > 0 {
		v["ask"], v["hint"] = next.Ask, next.Hint
	}
	return i.c.say(v, func(w *tabwriter.Writer) {
		switch {
		case next.Grant != nil:
			row(w, "connected", next.Grant.Label)
		case !next.URL.IsZero():
			row(w, "go to", next.URL.Reveal())
		default:
			row(w, next.Hint)
			row(w, "give", "--answer "+strings.Join(next.Ask, "=… --answer ")+"=…")
		}
	})
}

func (i *integrationCommand) show(ctx context.Context, _ []string) error {
	st, err := i.x.Status(ctx, i.s, i.of)
	if err != nil {
		return err
	}
	letters, err := i.x.DeadLetters(ctx, i.s, i.of)
	if err != nil {
		return err
	}
	type dead struct {
		ID       chatadmin.ID `json:"id"`
		Incoming bool         `json:"incoming"`
		Died     time.Time    `json:"died"`
		Reason   string       `json:"reason"`
		Text     string       `json:"text,omitempty"`
	}
	list := []dead{}
	for _, l := range letters {
		list = append(list, dead{l.ID, l.Incoming, l.Died, l.Reason, l.Text})
	}
	v := map[string]any{"service": st.Service, "group": i.f.group, "enabled": st.Enabled, "state": st.State,
		"connected": st.Connected, "account": st.Account, "settings": st.Settings,
		"problem": st.Problem, "waiting": st.Waiting, "dead": list}
	if !st.Webhook.IsZero() {
		v["webhook_url"] = st.Webhook.Reveal()
	}
	return i.c.say(v, func(w *tabwriter.Writer) {
		row(w, st.Title, st.State)
		for _, line := range [][2]string{{"account", st.Account}, {"settings", string(st.Settings)},
			{"webhook", st.Webhook.Reveal()}, {"problem", st.Problem}} {
			if line[1] != "" {
				row(w, line[0], line[1])
			}
		}
		row(w, "waiting", st.Waiting)
		for _, l := range list {
			row(w, "given up", l.ID, l.Reason)
		}
	})
}
