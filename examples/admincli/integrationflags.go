package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"strings"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/integrations"
	"chatadmin.example/sdk/integrations/afas"
	"chatadmin.example/sdk/integrations/mailchimp"
	"chatadmin.example/sdk/integrations/mailchimp/mailchimptest"
	"chatadmin.example/sdk/integrations/slack"
	"chatadmin.example/sdk/integrations/slack/slacktest"
)

// integrationFlags are the flags of all subcommands.
type integrationFlags struct {
	public, slackAPI, mailchimpAPI, afasAPI                     string
	group, settings, channel, name, audience, environment, kind string
	author, key, listen                                         string
	bots                                                        bool
	answers, fields                                             pairs
}

// pairs collects NAME=VALUE.
type pairs map[string]string

func (p pairs) String() string { return "" }

// Set implements flag.Value.
func (p pairs) Set(s string) error {
	name, value, ok := strings.Cut(s, "=")
	if !ok {
		return fmt.Errorf("write it as NAME=VALUE")
	}
	p[name] = value
	return nil
}

func (f *integrationFlags) register(fs *flag.FlagSet) {
	f.answers, f.fields = pairs{}, pairs{}
	for name, v := range map[string]*string{"public-url": &f.public, "slack-api": &f.slackAPI, "mailchimp-api": &f.mailchimpAPI, "afas-api": &f.afasAPI, "group": &f.group,
		"settings": &f.settings, "channel": &f.channel, "name": &f.name, "audience": &f.audience, "environment": &f.environment, "kind": &f.kind, "author": &f.author, "key": &f.key, "listen": &f.listen} {
		fs.StringVar(v, name, "", "")
	}
	fs.BoolVar(&f.bots, "bots", false, "")
	fs.Var(f.answers, "answer", "")
	fs.Var(f.fields, "field", "")
}

// given are the settings of the flags, nil for none.
func (f *integrationFlags) given() (json.RawMessage, error) {
	if f.settings != "" {
		return json.RawMessage(f.settings), nil
	}
	set := map[string]any{}
	for name, v := range map[string]string{"channel": f.channel, "name": f.name, "environment": f.environment, "kind": f.kind} {
		if v != "" {
			set[name] = v
		}
	}
	if f.audience != "" {
		set["audiences"] = split(f.audience)
	}
	if f.bots {
		set["bots"] = true
	}
	if len(set) == 0 {
		return nil, nil
	}
	return json.Marshal(set)
}

// newIntegrations makes the services with the credentials of the environment, or those of a fake.
func (c *cli) newIntegrations(signedIn func(*http.Request) (chatadmin.ID, chatadmin.ID, error), f *integrationFlags, groups integrations.Groups) (*integrations.Integrations, error) {
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
	sl, err := slack.New(slack.Options{API: f.slackAPI, ClientID: env("SLACK_CLIENT_ID", f.slackAPI, slacktest.ClientID), ClientSecret: secret("SLACK_CLIENT_SECRET", f.slackAPI, slacktest.ClientSecret),
		SigningSecret: secret("SLACK_SIGNING_SECRET", f.slackAPI, slacktest.SigningSecret)})
	if err != nil {
		return nil, usage("%s", err)
	}
	mc, err := mailchimp.New(mailchimp.Options{API: f.mailchimpAPI, ClientID: env("MAILCHIMP_CLIENT_ID", f.mailchimpAPI, mailchimptest.ClientID),
		ClientSecret: secret("MAILCHIMP_CLIENT_SECRET", f.mailchimpAPI, mailchimptest.ClientSecret)})
	if err != nil {
		return nil, usage("%s", err)
	}
	af, err := afas.New(&afas.Options{API: f.afasAPI})
	if err != nil {
		return nil, usage("%s", err)
	}
	x, err := integrations.New(c.admin, ring, groups, integrations.Options{PublicURL: f.public, SignedIn: signedIn}, sl, mc, af)
	if err != nil {
		return nil, usage("%s", err)
	}
	return x, nil
}

// extendIntegrations lets other commands end integrations with the groups and users that they delete. Whoever never used one has no key file.
func (c *cli) extendIntegrations() error {
	if _, err := os.Stat(c.keyFileName()); err != nil && c.ring == nil {
		return nil
	}
	_, err := c.newIntegrations(signedInAs(c.admin.AsHost("")), &integrationFlags{}, &printed{c: c, keep: true})
	return err
}

func orUnset(v string) string {
	if v == "" {
		return unset()
	}
	return v
}
