package main

import (
	"context"
	"strings"
	"text/tabwriter"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/integrations"
)

const integrationsHelp = `integrations services
integrations enable SERVICE [--settings JSON] [--environment NUMBER] [--kind production|test|accept]     (the last two for afas)
integrations disable SERVICE
integrations configure SERVICE --group NAME [--settings JSON] [--channel C] [--name N] [--bots] [--audience ID,ID]
             without settings it makes a draft and shows the webhook's address; with settings, after connecting, it saves them
integrations connect SERVICE [--group NAME] [--answer NAME=VALUE]…
             prints the page to go to in a browser, or asks for answers (afas); a VALUE of - is read from standard input
integrations choices SERVICE [--group NAME]          channels, audiences, types of dossier items
integrations show SERVICE [--group NAME]
integrations retry ID | discard ID                   a message that was given up
integrations disconnect SERVICE [--group NAME]       erases the token, and ends the integration at the provider
integrations say --group NAME [--author A] TEXT      tells of a message in the group, and delivers it
integrations link SERVICE --key KEY --field NAME=VALUE… TEXT
integrations deliver                                 does what is due
integrations serve [--listen HOST:PORT]              webhooks and callbacks of the actor (--as), and what is due; each message that comes in is a line

Common flags: --public-url URL (where serve is reached; default http://127.0.0.1:8080/integrations), --key-file FILE (default: beside the database),
  --slack-api URL, --mailchimp-api URL, --afas-api URL (a fake provider)
The apps' credentials are in the environment: SLACK_CLIENT_ID, SLACK_CLIENT_SECRET, SLACK_SIGNING_SECRET, MAILCHIMP_CLIENT_ID, MAILCHIMP_CLIENT_SECRET;
with a fake provider and none of them set, they are those of this module's fakes.`

func (c *cli) integrations(ctx context.Context, args []string) error {
	fs := c.flags("integrations", integrationsHelp)
	var f integrationFlags
	f.register(fs)
	fs.StringVar(&c.keyFile, "key-file", c.keyFile, "")
	var rest []string
	if err := parse(fs, args, &rest); err != nil {
		return err
	}
	if len(rest) == 0 {
		return usage("integrations: which command? integrations --help shows them")
	}
	command, rest := rest[0], rest[1:]
	want, ok := map[string]int{"services": 0, "enable": 1, "disable": 1, "configure": 1, "connect": 1, "choices": 1, "show": 1, "retry": 1, "discard": 1, "disconnect": 1, "say": 1, "link": 2, "deliver": 0, "serve": 0}[command]
	if !ok || len(rest) != want {
		return usage("integrations %s: integrations --help shows how it is used", command)
	}
	s, err := c.scope(ctx)
	if err != nil {
		return err
	}
	out := &printed{c: c, keep: c.json && command != "serve"}
	x, err := c.newIntegrations(signedInAs(s), &f, out)
	if err != nil {
		return err
	}
	i := &integrationCommand{c: c, f: &f, x: x, s: s, out: out}
	switch command {
	case "services":
		return i.services(ctx)
	case "enable", "disable":
		return i.enable(ctx, command, rest[0])
	case "retry", "discard":
		return i.letter(ctx, command, chatadmin.ID(rest[0]))
	case "say":
		return i.say(ctx, rest[0])
	case "deliver":
		return i.deliver(ctx, "delivered what was due")
	case "serve":
		return i.serve(ctx)
	}
	if i.of, err = i.connection(ctx, rest[0]); err != nil {
		return err
	}
	return i.configure(ctx, command, rest)
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
	g, err := i.c.group(ctx, i.s, i.f.group)
	return integrations.Of{Service: service, Owner: g.ID}, err
}

func (i *integrationCommand) services(ctx context.Context) error {
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

func (i *integrationCommand) enable(ctx context.Context, command, service string) error {
	if command == "disable" {
		if err := i.x.DisableService(ctx, i.s, service); err != nil {
			return err
		}
		return i.c.done(service + " is disabled; its settings are kept")
	}
	set, err := i.f.given()
	if err != nil {
		return err
	}
	if err := i.x.EnableService(ctx, i.s, service, set); err != nil {
		return err
	}
	return i.c.done(service + " is enabled")
}

func (i *integrationCommand) letter(ctx context.Context, command string, id chatadmin.ID) error {
	if command == "discard" {
		if err := i.x.Discard(ctx, i.s, id); err != nil {
			return err
		}
		return i.c.done("discarded")
	}
	if err := i.x.Retry(ctx, i.s, id); err != nil {
		return err
	}
	return i.deliver(ctx, "queued again")
}

// configure are the commands about one connection.
func (i *integrationCommand) configure(ctx context.Context, command string, rest []string) error {
	switch command {
	case "connect":
		return i.connect(ctx)
	case "choices":
		list, err := i.x.Choices(ctx, i.s, i.of)
		if err != nil {
			return err
		}
		return i.c.say(map[string]any{"choices": list}, func(w *tabwriter.Writer) {
			for _, ch := range list {
				row(w, ch.ID, ch.Name, ch.Note)
			}
		})
	case "disconnect":
		if err := i.x.Disconnect(ctx, i.s, i.of); err != nil {
			return err
		}
		return i.deliver(ctx, "disconnected")
	case "link":
		id, err := i.x.Link(ctx, i.s, i.of, i.f.key, integrations.Message{Author: i.f.author, Text: rest[1]}, i.f.fields)
		if err != nil {
			return err
		}
		return i.c.say(map[string]any{"id": id}, func(w *tabwriter.Writer) { row(w, "linked", id) })
	case "configure":
		set, err := i.f.given()
		if err != nil {
			return err
		}
		if _, err := i.x.Draft(ctx, i.s, i.of); err != nil {
			return err
		}
		if set != nil {
			if _, err := i.x.Save(ctx, i.s, i.of, set); err != nil {
				return err
			}
		}
	}
	return i.show(ctx)
}

// connect takes the next step of authenticating.
func (i *integrationCommand) connect(ctx context.Context) error {
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

func (i *integrationCommand) show(ctx context.Context) error {
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
	v := map[string]any{"service": st.Service, "group": i.f.group, "enabled": st.Enabled, "state": st.State, "connected": st.Connected, "account": st.Account, "settings": st.Settings,
		"problem": st.Problem, "waiting": st.Waiting, "dead": list}
	if !st.Webhook.IsZero() {
		v["webhook_url"] = st.Webhook.Reveal()
	}
	return i.c.say(v, func(w *tabwriter.Writer) {
		row(w, st.Title, st.State)
		for _, line := range [][2]string{{"account", st.Account}, {"settings", string(st.Settings)}, {"webhook", st.Webhook.Reveal()}, {"problem", st.Problem}} {
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
