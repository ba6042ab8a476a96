// Command bridge shows the integrations at work in the terminal, without a
// network: a group of a chat product, a fake Slack and a fake Mailchimp, and
// messages that go both ways.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/keyring"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/integrations"
	"chatadmin.example/sdk/integrations/mailchimp"
	"chatadmin.example/sdk/integrations/mailchimp/mailchimptest"
	"chatadmin.example/sdk/integrations/slack"
	"chatadmin.example/sdk/integrations/slack/slacktest"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bridge:", err)
		os.Exit(1)
	}
}

// room is the host's side: it posts, edits and deletes in a group. A real one
// does so in its message tables, and posts once per key.
type room struct {
	out   io.Writer
	byKey map[string]chatadmin.ID
}

// Post implements integrations.Groups.
func (r *room) Post(_ context.Context, p integrations.Post) (chatadmin.ID, error) {
	id, ok := r.byKey[p.Key]
	if !ok {
		id = chatadmin.ID(fmt.Sprintf("m%d", len(r.byKey)+1))
		r.byKey[p.Key] = id
		who := p.As
		if p.Author != "" {
			who = p.Author + " via " + p.As
		}
		if p.Thread != "" {
			who += ", in answer to " + string(p.Thread)
		}
		_, _ = fmt.Fprintf(r.out, "  group  %s  %s: %s\n", id, who, p.Text)
	}
	return id, nil
}

// Edit implements integrations.Groups.
func (r *room) Edit(_ context.Context, _, _, message chatadmin.ID, text string) error {
	_, err := fmt.Fprintf(r.out, "  group  %s  now reads: %s\n", message, text)
	return err
}

// Delete implements integrations.Groups.
func (r *room) Delete(_ context.Context, _, _, message chatadmin.ID) error {
	_, err := fmt.Fprintf(r.out, "  group  %s  is deleted\n", message)
	return err
}

// bridge is a host with one group, and the two fakes.
type bridge struct {
	out   io.Writer
	x     *integrations.Integrations
	ann   *chatadmin.Scope // the group's admin
	group chatadmin.ID
	web   *httptest.Server
	slack *slacktest.Server
	mail  *mailchimptest.Server
	shown int // messages of the channel
}

func run(ctx context.Context, out io.Writer) error {
	b := &bridge{out: out, slack: slacktest.NewServer(), mail: mailchimptest.NewServer()}
	defer b.slack.Close()
	defer b.mail.Close()
	var handler http.Handler
	b.web = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	defer b.web.Close()
	if err := b.open(ctx); err != nil {
		return err
	}
	handler = b.x.Handler()
	hook, err := b.connectSlack(ctx)
	if err != nil {
		return err
	}
	if err := b.connectMailchimp(ctx); err != nil {
		return err
	}
	b.slack.Subscribe(hook)

	say := func(title string, f func()) error {
		_, _ = fmt.Fprintln(out, title)
		f()
		if n := b.slack.Deliver(ctx); n > 0 {
			return fmt.Errorf("%d events were not accepted", n)
		}
		if err := b.x.Deliver(ctx); err != nil {
			return err
		}
		b.showChannel()
		return nil
	}
	var first string
	var failed error
	return errors.Join(
		say("alice writes in Slack", func() { first = b.slack.Say("C0GENERAL", "U0ALICE", "", "Good morning, <@U0BOB> &amp; all") }),
		say("Ann answers in the group", func() { failed = b.tell(ctx, "a1", "Good morning! <!channel> is not for me to ping") }),
		say("bob answers in the thread", func() { b.slack.Say("C0GENERAL", "U0BOB", first, "Hello") }),
		say("alice corrects herself", func() { b.slack.Edit("C0GENERAL", first, "Good *evening*") }),
		say("somebody subscribes to the newsletter", func() {
			_, err := b.mail.Fire(ctx, "a6b5da1054", []byte("type=subscribe&fired_at=2026-03-26+21:35:57&data[id]=1&data[list_id]=a6b5da1054&data[email]=eve@a.example&data[merges][FNAME]=Eve"))
			failed = errors.Join(failed, err)
		}),
		failed)
}

// open makes the domain, the group and the integrations.
func (b *bridge) open(ctx context.Context) error {
	admin, err := chatadmin.New(memstore.New(nil), nil)
	if err != nil {
		return err
	}
	d, boss, err := admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "ann@acme.example"}})
	if err != nil {
		return err
	}
	b.ann = admin.As(d.ID, boss.ID)
	g, err := b.ann.CreateGroup(ctx, "Sales")
	if err != nil {
		return err
	}
	b.group = g.ID
	key := make([]byte, keyring.KeySize) // a real host keeps it in its secret store
	if _, err := rand.Read(key); err != nil {
		return err
	}
	ring, err := keyring.New(rand.Reader, keyring.Key{ID: "demo", Secret: secret.HideBytes(key)})
	if err != nil {
		return err
	}
	sl, err := slack.New(b.slack.Options())
	if err != nil {
		return err
	}
	mc, err := mailchimp.New(b.mail.Options())
	if err != nil {
		return err
	}
	// a real host looks at the session
	signedIn := func(*http.Request) (chatadmin.ID, chatadmin.ID, error) { return d.ID, boss.ID, nil }
	b.x, err = integrations.New(admin, &integrations.Options{Keys: ring, Groups: &room{b.out, map[string]chatadmin.ID{}}, Services: []integrations.Service{sl, mc},
		PublicURL: b.web.URL + "/integrations", SignedIn: signedIn})
	return err
}

// connect goes through what an admin does, but for the settings.
func (b *bridge) connect(ctx context.Context, service string, authorise func(string) (string, error)) (integrations.Of, error) {
	of := integrations.Of{Service: service, Owner: b.group}
	if err := b.x.EnableService(ctx, b.ann, service, nil); err != nil {
		return of, err
	}
	if _, err := b.x.Draft(ctx, b.ann, of); err != nil {
		return of, err
	}
	next, err := b.x.Connect(ctx, b.ann, of, nil)
	if err != nil {
		return of, err
	}
	back, err := authorise(next.URL.Reveal())
	if err != nil {
		return of, err
	}
	res, err := http.Get(back)
	if err != nil {
		return of, err
	}
	return of, res.Body.Close()
}

func (b *bridge) connectSlack(ctx context.Context) (hook string, err error) {
	of, err := b.connect(ctx, "slack", b.slack.Authorise)
	if err != nil {
		return "", err
	}
	st, err := b.x.Save(ctx, b.ann, of, []byte(`{"channel":"general","name":"Sales feed"}`))
	return st.Webhook.Reveal(), err
}

func (b *bridge) connectMailchimp(ctx context.Context) error {
	of, err := b.connect(ctx, "mailchimp", b.mail.Authorise)
	if err != nil {
		return err
	}
	_, err = b.x.Save(ctx, b.ann, of, []byte(`{"audiences":["a6b5da1054"]}`))
	return err
}

// tell is what a host does for each message that its members write.
func (b *bridge) tell(ctx context.Context, id chatadmin.ID, text string) error {
	_, _ = fmt.Fprintf(b.out, "  group  %s  Ann: %s\n", id, text)
	_, err := b.x.Tell(ctx, b.ann.Domain(), integrations.Message{Op: integrations.Posted, Group: b.group, ID: id, Author: "Ann", Text: text})
	return err
}

// showChannel prints what is new in the channel.
func (b *bridge) showChannel() {
	ms := b.slack.Messages("C0GENERAL")
	for _, m := range ms[b.shown:] {
		who := m.User
		if m.Username != "" {
			who = m.Username
		}
		_, _ = fmt.Fprintf(b.out, "  slack  #general  %s: %s\n", who, m.Text)
	}
	b.shown = len(ms)
}
