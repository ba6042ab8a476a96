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
	"time"

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

	// What was posted comes back as events, and goes no further; nor does what came in, when the host tells of it.
	require.Zero(t, w.slack.Deliver(t.Context()))
	n, err := w.X.Tell(t.Context(), w.Domain, integrations.Message{Op: integrations.Posted, Group: w.Group, ID: in[0].ID, Text: in[0].Text, Origin: in[0].Post.Origin})
	require.NoError(t, err)
	require.Zero(t, n)
	w.Say(in[1].ID, "", "told without its origin")
	w.Deliver()
	require.Len(t, w.texts(), 2)
	require.Len(t, w.slack.Messages("C0GENERAL"), 5)

	// Nor does one of our own that bears no mark of the app, as after the app was installed anew: the map knows it.
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

func (w *world) dead() []integrations.DeadLetter {
	w.t.Helper()
	list, err := w.X.DeadLetters(w.t.Context(), w.Ann, w.Of("slack"))
	require.NoError(w.t, err)
	return list
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

func TestDraftAcceptsNothing(t *testing.T) {
	w := draftWorld(t, nil)
	for _, f := range []string{"event_message.json", "event_url_verification.json"} {
		code, _ := w.event(fixture(t, f))
		require.Equal(t, http.StatusNotFound, code)
	}
	code, _ := w.post(formType, fixture(t, "outgoing_user.form"))
	require.Equal(t, http.StatusNotFound, code)
	w.Say("m1", "", "hello")
	w.Deliver()
	require.Empty(t, w.slack.Messages("C0GENERAL"))
	require.Empty(t, w.texts())

	before := w.hook
	w.save(`{"channel":"general","name":""}`)
	st, err := w.X.Status(t.Context(), w.Ann, w.Of("slack"))
	require.NoError(t, err)
	require.Equal(t, before, st.Webhook.Reveal())
	require.JSONEq(t, `{"channel":"C0GENERAL","channel_name":"general","name":"Slack"}`, string(st.Settings))
	code, text := w.event(fixture(t, "event_url_verification.json"))
	require.Equal(t, http.StatusOK, code)
	require.Equal(t, "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P", text)
	w.Deliver()
	require.Empty(t, w.texts(), "what a draft was sent is not kept")

	secret := w.hook[strings.LastIndex(w.hook, ".")+1:]
	require.Len(t, secret, 43, "256 bits")
	w.hook = strings.Replace(w.hook, secret, strings.Repeat("A", 43), 1)
	code, _ = w.event(fixture(t, "event_message.json"))
	require.Equal(t, http.StatusNotFound, code)
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

func TestSignatures(t *testing.T) {
	w := newWorld(t, nil)
	body := fixture(t, "event_message.json")
	now := w.Clock.Now().Unix()
	for name, c := range map[string]struct {
		at, secret string
		body       []byte
		want       int
	}{
		"right":          {strconv.FormatInt(now, 10), slacktest.SigningSecret, body, 200},
		"4:59 ago":       {strconv.FormatInt(now-299, 10), slacktest.SigningSecret, body, 200},
		"5:01 ago":       {strconv.FormatInt(now-301, 10), slacktest.SigningSecret, body, 401},
		"5:01 ahead":     {strconv.FormatInt(now+301, 10), slacktest.SigningSecret, body, 401},
		"negative":       {strconv.FormatInt(-now, 10), slacktest.SigningSecret, body, 401},
		"overflowing":    {"18446744073709551616", slacktest.SigningSecret, body, 401},
		"with a sign":    {"+" + strconv.FormatInt(now, 10), slacktest.SigningSecret, body, 401},
		"with a space":   {" " + strconv.FormatInt(now, 10), slacktest.SigningSecret, body, 401},
		"none":           {"", slacktest.SigningSecret, body, 401},
		"another secret": {strconv.FormatInt(now, 10), "x", body, 401},
		"no secret":      {strconv.FormatInt(now, 10), "", body, 401},
	} {
		code, _ := w.post("application/json", c.body, "X-Slack-Request-Timestamp", c.at, "X-Slack-Signature", slack.Sign(c.secret, c.at, c.body))
		require.Equal(t, c.want, code, name)
	}
	at := strconv.FormatInt(now, 10)
	code, _ := w.post("application/json", append(body, ' '), "X-Slack-Request-Timestamp", at, "X-Slack-Signature", slack.Sign(slacktest.SigningSecret, at, body))
	require.Equal(t, 401, code, "the raw body counts")
	code, _ = w.post("text/plain", body, "X-Slack-Request-Timestamp", at, "X-Slack-Signature", slack.Sign(slacktest.SigningSecret, at, body))
	require.Equal(t, 401, code)
	code, _ = w.event(bytes.Repeat([]byte("x"), 300<<10))
	require.Equal(t, http.StatusRequestEntityTooLarge, code)
	w.Deliver()
	require.Len(t, w.texts(), 1, "replays within the window have one effect")

	var vectors []struct{ Signing_secret, Timestamp, Body, Signature string }
	require.NoError(t, json.Unmarshal(fixture(t, "signature_vectors.json"), &vectors))
	require.NotEmpty(t, vectors)
	for _, v := range vectors {
		require.Equal(t, v.Signature, slack.Sign(v.Signing_secret, v.Timestamp, []byte(v.Body)))
	}
}

func TestOptionsAreNeeded(t *testing.T) {
	s := integrations.Hide("s")
	for _, o := range []slack.Options{{}, {ClientID: "i", ClientSecret: s}, {ClientID: "i", SigningSecret: s}, {ClientSecret: s, SigningSecret: s},
		{ClientID: "i", ClientSecret: s, SigningSecret: integrations.Hide("")}, {ClientID: "i", ClientSecret: s, SigningSecret: s, API: "ftp://x"}} {
		_, err := slack.New(o)
		require.Error(t, err)
	}
}

// The token of an outgoing webhook is pinned by the first request; the team is checked.
func TestOutgoingWebhookToken(t *testing.T) {
	w := newWorld(t, nil)
	body := string(fixture(t, "outgoing_user.form"))
	for name, b := range map[string]string{"another team": strings.Replace(body, "T0EXAMPLE", "T0OTHER", 1), "no token": strings.Replace(body, "aaaaBBBBcccc111122223333", "", 1), "garbage": "%zz"} {
		code, _ := w.post(formType, []byte(b))
		require.Equal(t, 401, code, name)
	}
	code, _ := w.post(formType, []byte(strings.Replace(body, "C0GENERAL", "C0RANDOM", 1)))
	require.Equal(t, 200, code)
	code, _ = w.post(formType, []byte(body))
	require.Equal(t, 200, code)
	code, _ = w.post(formType, []byte(strings.Replace(body, "aaaaBBBB", "xxxxBBBB", 1)))
	require.Equal(t, 401, code, "another token")
	w.Deliver()
	require.Len(t, w.texts(), 1)
}

// What Slack says reaches the admin as a sentence; messages wait for what can be mended.
func TestProvidersErrors(t *testing.T) {
	w := newWorld(t, nil)
	fault := slacktest.Fault{Error: "is_archived"}
	w.slack.Fault = func(m string) slacktest.Fault {
		if m == "chat.postMessage" {
			return fault
		}
		return slacktest.Fault{}
	}
	w.Say("m1", "", "one")
	w.Say("m2", "", "two")
	w.Deliver()
	st, err := w.X.Status(t.Context(), w.Ann, w.Of("slack"))
	require.NoError(t, err)
	require.Equal(t, "Slack: the channel is archived: choose another one (is_archived)", st.Problem)
	require.Equal(t, 2, st.Waiting)

	fault = slacktest.Fault{Status: 429, RetryAfter: 90}
	w.Clock.Advance(2 * time.Second)
	w.Deliver()
	calls := w.slack.Calls("chat.postMessage")
	w.Clock.Advance(89 * time.Second)
	w.Deliver()
	require.Equal(t, calls, w.slack.Calls("chat.postMessage"), "Retry-After is honoured")
	fault = slacktest.Fault{Error: "no_text"}
	w.Clock.Advance(time.Second)
	w.Deliver()
	dead := w.dead()
	require.Len(t, dead, 2)
	require.Contains(t, dead[0].Reason, "has no text")
	require.Equal(t, "one", dead[0].Text)

	fault = slacktest.Fault{}
	require.NoError(t, w.X.Retry(t.Context(), w.Ann, dead[0].ID))
	require.NoError(t, w.X.Discard(t.Context(), w.Ann, dead[1].ID))
	require.ErrorIs(t, w.X.Retry(t.Context(), w.Ann, dead[0].ID), chatadmin.ErrNotFound)
	w.Deliver()
	require.Len(t, w.slack.Messages("C0GENERAL"), 1)
	st, err = w.X.Status(t.Context(), w.Ann, w.Of("slack"))
	require.NoError(t, err)
	require.Empty(t, st.Problem)
	require.Zero(t, st.Waiting+st.Dead)

	// A token that Slack takes no more: the group's admins are told once, and everything waits for them.
	w.slack.RevokeAll()
	w.Say("m3", "", "three")
	w.Deliver()
	w.Clock.Advance(time.Hour)
	w.Deliver()
	require.Len(t, w.Mail.To("ann@acme.example"), 1)
	require.Contains(t, w.Mail.Mails()[0].Text, "authenticate with Slack again")
	w.Connect(w.Of("slack"), w.slack.Authorise)
	w.Clock.Advance(time.Hour)
	w.Deliver()
	require.Len(t, w.slack.Messages("C0GENERAL"), 2)
}

// An answer that was lost does not make a second message: the next attempt looks for the first.
func TestLostAnswer(t *testing.T) {
	w := newWorld(t, nil)
	lost := 3
	w.slack.Fault = func(m string) slacktest.Fault {
		if m == "chat.postMessage" && lost > 0 {
			lost--
			return slacktest.Fault{Lost: true}
		}
		return slacktest.Fault{}
	}
	w.Say("m1", "", "one")
	w.Say("m2", "m1", "in its thread")
	for range 8 {
		w.Deliver()
		w.Clock.Advance(time.Minute)
	}
	require.Len(t, w.slack.Messages("C0GENERAL"), 2)
	require.Equal(t, w.slack.Messages("C0GENERAL")[0].TS, w.slack.Messages("C0GENERAL")[1].Thread)
	require.Equal(t, 1, lost, "each was posted once and then found")
}

// The real host, and what the documentation answers.
func TestDocumentedAnswers(t *testing.T) {
	var paths []string
	answers := map[string]string{"/api/oauth.v2.access": "oauth_v2_access_ok.json", "/api/chat.postMessage": "chat_postMessage_ok.json"}
	svc, err := slack.New(slack.Options{ClientID: "1.2", ClientSecret: integrations.Hide("secret"), SigningSecret: integrations.Hide("secret"), Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		paths = append(paths, r.Method+" "+r.URL.Host+r.URL.Path)
		require.Equal(t, "https", r.URL.Scheme)
		body := `{"ok":true,"team_id":"T0EXAMPLE","user_id":"U0BRIDGE","bot_id":"B0BRIDGE"}`
		if name := answers[r.URL.Path]; name != "" {
			body = string(fixture(t, name))
		}
		return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	})})
	require.NoError(t, err)
	next, err := svc.Connect(t.Context(), nil, integrations.Step{State: "s", Redirect: "https://chat.example/callback/slack"})
	require.NoError(t, err)
	require.Equal(t, "https://slack.com/oauth/v2/authorize?client_id=1.2&redirect_uri=https%3A%2F%2Fchat.example%2Fcallback%2Fslack&scope=channels%3Ahistory%2Cchannels%3Aread%2Cgroups%3Ahistory%2Cgroups%3Aread%2Cchat%3Awrite%2Cchat%3Awrite.customize%2Cusers%3Aread&state=s", next.URL.Reveal())
	next, err = svc.Connect(t.Context(), nil, integrations.Step{Code: "c"})
	require.NoError(t, err)
	require.Equal(t, "xoxb-REDACTED-example", next.Grant.Token.Reveal())
	require.Equal(t, []string{"T0EXAMPLE", "Example Team"}, []string{next.Grant.ID, next.Grant.Label})
	require.JSONEq(t, `{"team":"T0EXAMPLE","app":"A0BRIDGE","bot_user":"U0BRIDGE","bot":"B0BRIDGE"}`, string(next.Grant.Account))
	c := &integrations.Connection{Settings: []byte(`{"channel":"C0GENERAL","name":"Group feed"}`), Account: next.Grant.Account, Token: next.Grant.Token}
	sent, err := svc.Send(t.Context(), c, integrations.Outgoing{Op: integrations.Posted, Key: "k", Text: "Here's a message for you"})
	require.NoError(t, err)
	require.Equal(t, "C0GENERAL:1503435956.000247", sent.ID)
	answers = map[string]string{"/api/oauth.v2.access": "oauth_v2_access_error.json", "/api/chat.postMessage": "chat_postMessage_error.json"}
	_, err = svc.Connect(t.Context(), nil, integrations.Step{Code: "c"})
	require.EqualError(t, err, "Slack: this sign-in was already used or has expired: authenticate again (invalid_code)")
	_, err = svc.Send(t.Context(), c, integrations.Outgoing{Op: integrations.Posted, Key: "k", Text: "x"})
	require.EqualError(t, err, "Slack: the app is not in the channel: invite it there (/invite) or choose another channel (not_in_channel)")
	require.Equal(t, []string{"POST slack.com/api/oauth.v2.access", "POST slack.com/api/auth.test", "POST slack.com/api/chat.postMessage", "POST slack.com/api/oauth.v2.access", "POST slack.com/api/chat.postMessage"}, paths)
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
