package slack_test

import (
	"fmt"

	"chatadmin.example/sdk/integrations"
	"chatadmin.example/sdk/integrations/slack"
)

// Without the signing secret there is no service: anybody who knew an address
// could speak for Slack.
func ExampleNew() {
	_, err := slack.New(&slack.Options{ClientID: "1234.5678", ClientSecret: integrations.Hide("from the host's secret store")})
	fmt.Println(err)
	o := &slack.Options{ClientID: "1234.5678", ClientSecret: integrations.Hide("from the host's secret store"), SigningSecret: integrations.Hide("this one too")}
	s, err := slack.New(o)
	fmt.Println(s.Info().Title, err)
	fmt.Printf("%+v\n", o.SigningSecret)
	// Output:
	// slack: give the client ID, the client secret and the signing secret of the app (https://api.slack.com/apps, Basic Information)
	// Slack <nil>
	// ***
}

// What a member writes never becomes a mention or a link in Slack.
func ExampleEscape() {
	fmt.Println(slack.Escape("Tom & Jerry <!channel> <https://evil.example|https://bank.example>"))
	// Output:
	// Tom &amp; Jerry &lt;!channel&gt; &lt;https://evil.example|https://bank.example&gt;
}

// Slack's markup as people read it.
func ExamplePlain() {
	names := slack.Names{User: func(id string) string { return map[string]string{"U0BOB": "bob"}[id] }}
	fmt.Println(slack.Plain("<@U0BOB> see <https://example.com/?a=1&amp;b=2|our site> &amp; <#C0RANDOM|random>", names))
	// Output:
	// @bob see our site (https://example.com/?a=1&b=2) & #random
}
