package main

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/integrations"
	"chatadmin.example/sdk/integrations/afas"
	"chatadmin.example/sdk/integrations/mailchimp"
	"chatadmin.example/sdk/integrations/mailchimp/mailchimptest"
	"chatadmin.example/sdk/integrations/slack"
	"chatadmin.example/sdk/integrations/slack/slacktest"
)

// pairs is the value of a flag that collects NAME=VALUE.
type pairs map[string]string

func (p pairs) String() string { return "" }

// Type implements pflag.Value.
func (p pairs) Type() string { return "NAME=VALUE" }

// Set implements pflag.Value.
func (p pairs) Set(s string) error {
	name, value, ok := strings.Cut(s, "=")
	if !ok {
		return errors.New("write it as NAME=VALUE")
	}
	p[name] = value
	return nil
}

// integrationFlags are the flags of the commands about integrations.
type integrationFlags struct {
	public, slackAPI, mailchimpAPI, afasAPI string
	group, settings, author, key, listen    string
	channel, name, environment, kind        string
	audience                                []string
	bots                                    bool
	answers, fields                         pairs
	flags                                   *pflag.FlagSet // of the command with settings that is called
}

func (f *integrationFlags) ofGroup(x *cobra.Command) *cobra.Command {
	x.Flags().StringVar(&f.group, "group", "", "the integration of the group with this `name`")
	return x
}

func (f *integrationFlags) enable(x *cobra.Command) *cobra.Command {
	x.Flags().StringVar(&f.settings, "settings", "", "all settings, as `JSON`")
	x.Flags().StringVar(&f.environment, "environment", "", "afas: the `number` of the environment")
	x.Flags().StringVar(&f.kind, "kind", "", "afas: production, test or accept")
	exclusive(x, "settings", "environment")
	exclusive(x, "settings", "kind")
	return f.watch(x)
}

func (f *integrationFlags) configure(x *cobra.Command) *cobra.Command {
	x.Flags().StringVar(&f.settings, "settings", "", "all settings, as `JSON`")
	x.Flags().StringVar(&f.channel, "channel", "", "slack: the `channel`, by name or ID")
	x.Flags().StringVar(&f.name, "name", "", "slack, mailchimp: the `name` that messages are posted as")
	x.Flags().BoolVar(&f.bots, "bots", false, "slack: also bring messages of other apps into the group")
	x.Flags().StringSliceVar(&f.audience, "audience", nil, "mailchimp: the `IDs` of audiences, separated by commas")
	for _, name := range []string{"channel", "name", "bots", "audience"} {
		exclusive(x, "settings", name)
	}
	x.Long = `configure makes a draft and shows the address of the webhook. After connecting
it saves settings; those that are not given stay as they are.`
	return f.watch(f.ofGroup(x))
}

// watch remembers which flags of a command were given.
func (f *integrationFlags) watch(x *cobra.Command) *cobra.Command {
	return checked(x, func([]string) error {
		f.flags = x.Flags()
		return nil
	})
}

func (f *integrationFlags) connect(x *cobra.Command) *cobra.Command {
	f.answers = pairs{}
	x.Flags().Var(f.answers, "answer", "an answer; a VALUE of - is read from standard input")
	x.Long = `connect prints the page to go to in a browser, or asks for answers (afas).`
	return f.ofGroup(x)
}

func (f *integrationFlags) say(x *cobra.Command) *cobra.Command {
	x.Flags().StringVar(&f.author, "author", "", "the `name` of the author")
	f.ofGroup(x)
	needed(x, "group")
	return x
}

func (f *integrationFlags) link(x *cobra.Command) *cobra.Command {
	x.Flags().StringVar(&f.key, "key", "", "names the link: the same `key` links once")
	x.Flags().StringVar(&f.author, "author", "", "the `name` of the author")
	f.fields = pairs{}
	x.Flags().Var(f.fields, "field", "a field of what is linked")
	return f.ofGroup(x)
}

func (f *integrationFlags) serve(x *cobra.Command) *cobra.Command {
	x.Flags().StringVar(&f.listen, "listen", "127.0.0.1:8080", "the `host:port` to listen on")
	x.Long = `serve answers webhooks and callbacks of the actor (--as), and does what is due.
Each message that comes in is a line.`
	return x
}

// fakes are the flags that name fake providers.
func (f *integrationFlags) fakes(flags *pflag.FlagSet) {
	flags.StringVar(&f.slackAPI, "slack-api", "", "the `URL` of a fake Slack")
	flags.StringVar(&f.mailchimpAPI, "mailchimp-api", "", "the `URL` of a fake Mailchimp")
	flags.StringVar(&f.afasAPI, "afas-api", "", "the `URL` of a fake AFAS")
}

// serviceSettings are those of enable.
func (f *integrationFlags) serviceSettings(was func() (json.RawMessage, error)) (json.RawMessage, error) {
	return f.given(was, map[string]any{"environment": f.environment, "kind": f.kind})
}

// connectionSettings are those of configure.
func (f *integrationFlags) connectionSettings(was func() (json.RawMessage, error)) (json.RawMessage, error) {
	return f.given(was, map[string]any{"channel": f.channel, "name": f.name, "audience": f.audience, "bots": f.bots})
}

// given are the settings of the flags, nil if there are none. What no flag says
// stays as it was.
func (f *integrationFlags) given(was func() (json.RawMessage, error), values map[string]any) (json.RawMessage, error) {
	if f.settings != "" {
		return json.RawMessage(f.settings), nil
	}
	maps.DeleteFunc(values, func(name string, _ any) bool { return !f.flags.Changed(name) })
	if len(values) == 0 {
		return nil, nil
	}
	text, err := was()
	if err != nil {
		return nil, err
	}
	set := map[string]any{}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &set); err != nil {
			return nil, err
		}
	}
	for name, v := range values {
		if name == "audience" {
			name = "audiences"
		}
		set[name] = v
	}
	return json.Marshal(set)
}

// newIntegrations makes the services with the credentials of the environment,
// or those of a fake.
func (c *cli) newIntegrations(signedIn func(*http.Request) (chatadmin.ID, chatadmin.ID, error),
	f *integrationFlags, groups integrations.Groups) (*integrations.Integrations, error) {
	if f.listen == "" {
		f.listen = "127.0.0.1:8080"
	}
	if f.public == "" {
		f.public = "http://" + f.listen + "/integrations"
	}
	ring, err := c.keys()
	if err != nil {
		return nil, err
	}
	env := func(name, fake, ofFake string) string {
		if v := os.Getenv(name); v != "" || fake == "" {
			return orUnset(v)
		}
		return ofFake
	}
	secret := func(name, fake, ofFake string) integrations.Secret { return integrations.Hide(env(name, fake, ofFake)) }
	sl, err := slack.New(&slack.Options{API: f.slackAPI, ClientID: env("SLACK_CLIENT_ID", f.slackAPI,
		slacktest.ClientID), ClientSecret: secret("SLACK_CLIENT_SECRET", f.slackAPI, slacktest.ClientSecret),
		SigningSecret: secret("SLACK_SIGNING_SECRET", f.slackAPI, slacktest.SigningSecret)})
	if err != nil {
		return nil, usage("%s", err)
	}
	mc, err := mailchimp.New(&mailchimp.Options{API: f.mailchimpAPI, ClientID: env("MAILCHIMP_CLIENT_ID",
		f.mailchimpAPI, mailchimptest.ClientID),
		ClientSecret: secret("MAILCHIMP_CLIENT_SECRET", f.mailchimpAPI, mailchimptest.ClientSecret)})
	if err != nil {
		return nil, usage("%s", err)
	}
	af, err := afas.New(&afas.Options{API: f.afasAPI})
	if err != nil {
		return nil, usage("%s", err)
	}
	x, err := integrations.New(c.admin, &integrations.Options{Keys: ring, Groups: groups, Services: []integrations.Service{sl, mc, af},
		PublicURL: f.public,
		SignedIn:  signedIn})
	if err != nil {
		return nil, usage("%s", err)
	}
	return x, nil
}

// extendIntegrations lets other commands end integrations with the groups and
// users that they delete. Whoever never used one has no key file.
func (c *cli) extendIntegrations(subject string) error {
	if !c.hasKeys() {
		return nil
	}
	_, err := c.newIntegrations(signedInAs(c.admin.AsHost("")), &c.services, &printed{c: c, keep: c.json || subject != "work"})
	return err
}

func orUnset(v string) string {
	if v == "" {
		return unset()
	}
	return v
}
