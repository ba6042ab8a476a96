package slack_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/integrations"
	"chatadmin.example/sdk/integrations/integrationstest"
	"chatadmin.example/sdk/integrations/slack"
	"chatadmin.example/sdk/integrations/slack/slacktest"
)

type world struct {
	*integrationstest.World
	slack *slacktest.Server
	hook  string
	t     *testing.T
}

// newWorld has the group Sales bridged to #general.
func newWorld(t *testing.T, o *integrationstest.Options) *world {
	w := draftWorld(t, o)
	w.save(`{"channel":"#general","name":"Group feed"}`)
	return w
}

func draftWorld(t *testing.T, o *integrationstest.Options) *world {
	t.Helper()
	srv := slacktest.NewServer()
	t.Cleanup(srv.Close)
	svc, err := slack.New(srv.Options())
	require.NoError(t, err)
	w := &world{World: integrationstest.New(t, o, svc), slack: srv, t: t}
	srv.Now = w.Clock.Now
	st := w.Connect(w.Of("slack"), srv.Authorise)
	w.hook = st.Webhook.Reveal()
	require.NotEmpty(t, w.hook)
	require.Equal(t, slacktest.TeamName, st.Account)
	return w
}

func (w *world) save(settings string) {
	w.t.Helper()
	_, err := w.X.Save(w.t.Context(), w.Ann, w.Of("slack"), json.RawMessage(settings))
	require.NoError(w.t, err)
}

// post sends a body to the hook and returns the status and text.
func (w *world) post(kind string, body []byte, header ...string) (int, string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.hook, bytes.NewReader(body))
	require.NoError(w.t, err)
	r.Header.Set("Content-Type", kind)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	require.NoError(w.t, err)
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	require.NoError(w.t, err)
	return res.StatusCode, string(text)
}

// event sends a signed event.
func (w *world) event(body []byte) (int, string) {
	w.t.Helper()
	at := strconv.FormatInt(w.Clock.Now().Unix(), 10)
	return w.post("application/json", body, "X-Slack-Request-Timestamp", at, "X-Slack-Signature", slack.Sign(slacktest.SigningSecret, at, body))
}

const formType = "application/x-www-form-urlencoded"

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	return b
}

func (w *world) texts() []string {
	var list []string
	for _, m := range w.Groups.Messages(w.Group) {
		list = append(list, m.Post.Author+": "+m.Text)
	}
	return list
}

func TestBothWays(t *testing.T) {
	w := newWorld(t, nil)
	w.slack.Subscribe(w.hook)
	ts := w.slack.Say("C0GENERAL", "U0ALICE", "", "Hello &amp; <@U0BOB>")
	w.slack.Say("C0GENERAL", "U0BOB", ts, "a reply")
	w.slack.Say("C0RANDOM", "U0BOB", "", "elsewhere")
	require.Zero(t, w.slack.Deliver(t.Context()))
	w.Deliver()
	require.Equal(t, []string{"alice: Hello & @bob", "bob: a reply"}, w.texts())
	in := w.Groups.Messages(w.Group)
	require.Equal(t, in[0].ID, in[1].Post.Thread)
	require.Equal(t, "Group feed", in[0].Post.As)

	w.Say("m1", "", "Good <morning> @channel")
	w.Say("m2", "m1", "and a thread")
	w.Say("m3", in[0].ID, "an answer to alice")
	w.Deliver()
	out := w.slack.Messages("C0GENERAL")[2:]
	require.Len(t, out, 3)
	require.Equal(t, "Ann: Good &lt;morning&gt; @channel", out[0].Text)
	require.Equal(t, "Group feed", out[0].Username)
	require.Equal(t, out[0].TS, out[1].Thread)
	require.Equal(t, ts, out[2].Thread)

	// What was posted comes back as events, and goes no further; nor does what
	// came in, when the host tells of it.
	require.Zero(t, w.slack.Deliver(t.Context()))
	n, err := w.X.Tell(t.Context(), w.Domain, integrations.Message{Op: integrations.Posted, Group: w.Group, ID: in[0].ID, Text: in[0].Text, Origin: in[0].Post.Origin})
	require.NoError(t, err)
	require.Zero(t, n)
	w.Say(in[1].ID, "", "told without its origin")
	w.Deliver()
	require.Len(t, w.texts(), 2)
	require.Len(t, w.slack.Messages("C0GENERAL"), 5)

	// Nor does one of our own that bears no mark of the app, as after the app
	// was installed anew: the map knows it.
	own := strings.NewReplacer("1719209506.817929", out[0].TS, "Hello, this is a normal text message", "echo").Replace(string(fixture(t, "event_message.json")))
	code, _ := w.event([]byte(own))
	require.Equal(t, http.StatusOK, code)
	w.Deliver()
	require.Len(t, w.texts(), 2)

	// Edits and deletions.
	w.slack.Edit("C0GENERAL", ts, "Hello again")
	require.Zero(t, w.slack.Deliver(t.Context()))
	for _, m := range []integrations.Message{{Op: integrations.Edited, Group: w.Group, ID: "m1", Author: "Ann", Text: "Good evening"}, {Op: integrations.Deleted, Group: w.Group, ID: "m2"}} {
		_, err := w.X.Tell(t.Context(), w.Domain, m)
		require.NoError(t, err)
	}
	w.Deliver()
	require.Equal(t, "Hello again", w.Groups.Messages(w.Group)[0].Text)
	out = w.slack.Messages("C0GENERAL")[2:]
	require.Equal(t, "Ann: Good evening", out[0].Text)
	require.True(t, out[1].Deleted)
	w.slack.Delete("C0GENERAL", ts)
	require.Zero(t, w.slack.Deliver(t.Context()))
	w.Deliver()
	require.True(t, w.Groups.Messages(w.Group)[0].Deleted)
	require.Equal(t, 1, w.Groups.Messages(w.Group)[0].Edits)
	require.Len(t, w.texts(), 2)
	require.Empty(t, w.dead())
}

// Each documented form of request has its effect, once, however often it comes.
func TestFixtures(t *testing.T) {
	for _, c := range []struct {
		files []string
		want  []string
		bots  bool
	}{
		{[]string{"event_message.json"}, []string{"alice: Hello, this is a normal text message"}, false},
		{[]string{"event_message.json", "event_message.json"}, []string{"alice: Hello, this is a normal text message"}, false},
		{[]string{"event_message.json", "event_message_thread_reply.json"}, []string{"alice: Hello, this is a normal text message", "bob: a reply"}, false},
		{[]string{"event_message_mentions.json"}, []string{"alice: ~_*@bob*_~ see #random @channel @ops Bob (bob@example.com) <not a tag> & https://example.com"}, false},
		{[]string{"event_message_self_bot.json"}, nil, true},
		{[]string{"event_message_other_bot.json"}, nil, false},
		{[]string{"event_message_other_bot.json"}, []string{"ClickUp: *Task status changed* from `complete` to `to do`"}, true},
		{[]string{"event_message_unfurl_changed.json", "event_app_rate_limited.json"}, nil, false},
		{[]string{"event_message_changed.json", "event_message_deleted.json"}, nil, false},
		{[]string{"event_message_file_share.json"}, []string{"alice: Message with a file\n[file: wallpaper.jpg]"}, false},
		{[]string{"outgoing_user.form", "outgoing_user.form"}, []string{"alice: Hello & welcome <all> our site (https://example.com/a?b=1&c=2)"}, false},
		{[]string{"outgoing_thread_trigger.form"}, []string{"bob: feed: are we live?"}, false},
		{[]string{"outgoing_bot_echo.form"}, nil, true},
	} {
		t.Run(strings.Join(c.files, "+"), func(t *testing.T) {
			w := draftWorld(t, nil)
			w.save(fmt.Sprintf(`{"channel":"C0GENERAL","name":"x","bots":%v}`, c.bots))
			for _, f := range c.files {
				code, text := 0, ""
				if strings.HasSuffix(f, ".json") {
					code, text = w.event(fixture(t, f))
				} else {
					code, text = w.post(formType, fixture(t, f))
				}
				require.Equal(t, http.StatusOK, code, text)
				require.Empty(t, text)
			}
			w.Deliver()
			require.Equal(t, c.want, w.texts())
			for _, m := range w.Groups.Messages(w.Group) {
				require.Equal(t, 1, m.Posts)
			}
		})
	}
}

// The same message by both forms is one message.
func TestBothFormsAtOnce(t *testing.T) {
	w := newWorld(t, nil)
	w.slack.Subscribe(w.hook)
	w.slack.Webhook(w.hook, "C0GENERAL", "aaaaBBBBcccc111122223333")
	w.slack.Say("C0GENERAL", "U0ALICE", "", "once")
	w.Say("m1", "", "from the group")
	w.Deliver()
	require.Zero(t, w.slack.Deliver(t.Context()))
	w.Deliver()
	require.Equal(t, []string{"alice: once"}, w.texts())
}

func TestSettings(t *testing.T) {
	w := draftWorld(t, nil)
	for _, set := range []string{``, `[]`, `{"channel":""}`, `{"channel":"nowhere"}`, `{"channel":"C0GENERAL","webhook":"https://evil.example"}`, `{"channel":"C0GENERAL","name":"a\nb"}`, `{"channel":"C0GENERAL","name":"` + strings.Repeat("x", 81) + `"}`} {
		_, err := w.X.Save(t.Context(), w.Ann, w.Of("slack"), json.RawMessage(set))
		require.ErrorIs(t, err, chatadmin.ErrInvalid, set)
	}
	list, err := w.X.Choices(t.Context(), w.Ann, w.Of("slack"))
	require.NoError(t, err)
	require.Equal(t, []integrations.Choice{{ID: "C0GENERAL", Name: "general"}, {ID: "C0RANDOM", Name: "random"}, {ID: "C0ELSE", Name: "elsewhere", Note: "invite the app into it"}}, list)
}

func TestOptionsAreNeeded(t *testing.T) {
	s := integrations.Hide("s")
	for _, o := range []*slack.Options{nil, {}, {ClientID: "i", ClientSecret: s}, {ClientID: "i", SigningSecret: s}, {ClientSecret: s, SigningSecret: s},
		{ClientID: "i", ClientSecret: s, SigningSecret: integrations.Hide("")}, {ClientID: "i", ClientSecret: s, SigningSecret: s, API: "ftp://x"}} {
		_, err := slack.New(o)
		require.Error(t, err)
	}
}
