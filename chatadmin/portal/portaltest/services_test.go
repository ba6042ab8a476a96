package portaltest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/integrations"
)

// menu follows an entry of the menu on the left-hand side.
func (b *browser) menu(entry string) {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.Search(fmt.Sprintf("//nav//a[normalize-space(.)=%q]", entry)), chromedp.NodeVisible))
}

// field is the field with a label.
func field(label string) chromedp.Search {
	return chromedp.Search(fmt.Sprintf("//input[@id=//label[starts-with(normalize-space(.), %[1]q)]/@for] | //select[@id=//label[starts-with(normalize-space(.), %[1]q)]/@for]", label))
}

// chess makes a group of somebody who is no administrator of the domain.
func (s *site) chess() (group chatadmin.ID, ann chatadmin.User) {
	s.t.Helper()
	ann = s.user("ann")
	g, err := s.s.CreateGroup(s.t.Context(), "Chess")
	require.NoError(s.t, err)
	_, err = s.s.AddMembers(s.t.Context(), g.ID, ann.ID)
	require.NoError(s.t, err)
	require.NoError(s.t, s.s.SetGroupAdmin(s.t.Context(), g.ID, true, ann.ID))
	return g.ID, ann
}

// Slack is set up in the words of its help page: the administrator enables it,
// the group's admin configures it, and messages go both ways.
func TestSlack(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	group, _ := s.chess()
	b := openBrowser(t)
	b.window(1280, 900)
	b.enter(s, s.boss.ID, "/users")
	b.menu("Services")
	b.click("Enable Slack")
	b.sees("Slack is enabled.")

	b.menu("Groups")
	b.click("Chess")
	b.click("More Tools")
	b.click("Configure Integrations")
	b.click("Enable")
	b.sees("Webhook URL")
	webhook := run(b, chromedp.Value(chromedp.CSS("#webhook")))
	require.True(t, strings.HasPrefix(webhook, s.url), webhook)
	require.Equal(t, "true", run(b, chromedp.Evaluate[string](`String(document.querySelector("#webhook").readOnly)`)), "it cannot be modified")

	b.click("Authenticate with Slack")
	b.sees("You are authenticated with Slack.")
	b.do(chromedp.Clear(field("Customize Name")), chromedp.SendKeys(field("Customize Name"), "News"))
	b.do(chromedp.SendKeys(field("Slack Channel"), "general"))
	b.click("Save Settings")
	b.sees("The settings of Slack are saved.")
	b.sees("In force")
	b.accessible("a connection in force")
	b.quiet("Slack")

	_, err := s.o.Integrations.Tell(t.Context(), s.domain, integrations.Message{Op: integrations.Posted, Group: group, ID: "m1", Author: "Ann", Text: "Hello Slack"})
	require.NoError(t, err)
	s.finish()
	channel := run(b, chromedp.Value(field("Slack Channel")))
	s.slack.Webhook(webhook, channel, "aaaaBBBBcccc111122223333") // as the help page says on the side of Slack
	sent := s.slack.Messages(channel)
	require.Len(t, sent, 1)
	require.Contains(t, sent[0].Text, "Hello Slack")
	s.slack.Say(channel, "alice", "", "Hello Office Chat")
	require.Zero(t, s.slack.Deliver(t.Context()))
	s.finish()
	came := s.groups.Messages(group)
	require.Len(t, came, 1)
	require.Equal(t, "Hello Office Chat", came[0].Text)
}

// MailChimp is set up in the words of its help page by the admin of the group,
// who finds it missing first and asks for it.
func TestMailchimp(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.mailchimp.AddAudiences(1)
	group, ann := s.chess()
	b := openBrowser(t)
	b.window(1280, 900)
	b.enter(s, ann.ID, "/account")
	b.click("Chess")
	b.click("More Tools")
	b.click("Configure Integrations")
	b.sees("If a service is missing, ask your domain administrator to enable it in Admin Portal, Integrations, Services.")
	boss := openBrowser(t)
	boss.window(1280, 900)
	boss.enter(s, s.boss.ID, "/users")
	boss.menu("Services")
	boss.click("Enable Mailchimp")
	boss.sees("Mailchimp is enabled.")

	b.do(chromedp.Reload())
	b.click("Enable")
	b.click("Authenticate with Mailchimp")
	b.sees("You are authenticated with Mailchimp.")
	b.click("Save Settings")
	b.do(chromedp.WaitVisible(chromedp.CSS(`main [role="alert"]`))) // one list at least
	require.Empty(t, s.mailchimp.Webhooks("a6b5da1054"))
	b.do(chromedp.Click(chromedp.Search(`//fieldset[legend="MailChimp lists"]//label[contains(., "Newsletter")]`)))
	b.click("Save Settings")
	b.sees("The settings of Mailchimp are saved.")
	require.Len(t, s.mailchimp.Webhooks("a6b5da1054"), 1, "there is no set-up on the other side")

	codes, err := s.mailchimp.Fire(t.Context(), "a6b5da1054", []byte("type=subscribe&fired_at=2026-03-26+21:35:57&data[id]=8a25ff1d98&data[list_id]=a6b5da1054&data[email]=api@mailchimp.com&data[email_type]=html&data[merges][EMAIL]=api@mailchimp.com"))
	require.NoError(t, err)
	require.Equal(t, []int{200}, codes)
	s.finish()
	came := s.groups.Messages(group)
	require.Len(t, came, 1)
	require.Contains(t, came[0].Text, "subscribed to Newsletter")
}
