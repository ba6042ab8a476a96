package slack_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/integrations"
	"chatadmin.example/sdk/integrations/slack"
	"chatadmin.example/sdk/integrations/slack/slacktest"
)

func (w *world) dead() []integrations.DeadLetter {
	w.t.Helper()
	list, err := w.X.DeadLetters(w.t.Context(), w.Ann, w.Of("slack"))
	require.NoError(w.t, err)
	return list
}

// What Slack says reaches the admin as a sentence; messages wait for what can
// be mended.
func TestProvidersErrors(t *testing.T) {
	w := newWorld(t, nil)
	fault := slacktest.Fault{Error: "is_archived"}
	w.slack.SetFault(func(m string) slacktest.Fault {
		if m == "chat.postMessage" {
			return fault
		}
		return slacktest.Fault{}
	})
	w.Say("m1", "", "one")
	w.Say("m2", "", "two")
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

	// A token that Slack takes no more: the group's admins are told once, and
	// everything waits for them.
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

// An answer that was lost does not make a second message: the next attempt
// looks for the first.
func TestLostAnswer(t *testing.T) {
	w := newWorld(t, nil)
	lost := 3
	w.slack.SetFault(func(m string) slacktest.Fault {
		if m == "chat.postMessage" && lost > 0 {
			lost--
			return slacktest.Fault{Lost: true}
		}
		return slacktest.Fault{}
	})
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
	svc, err := slack.New(&slack.Options{ClientID: "1.2", ClientSecret: integrations.Hide("secret"), SigningSecret: integrations.Hide("secret"), Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		paths = append(paths, r.Method+" "+r.URL.Host+r.URL.Path)
		require.Equal(t, "https", r.URL.Scheme)
		body := `{"ok":true,"team_id":"T0EXAMPLE","user_id":"U0BRIDGE","bot_id":"B0BRIDGE"}`
		if name := answers[r.URL.Path]; name != "" {
			body = string(fixture(t, name))
		}
		return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	})})
	require.NoError(t, err)
	next, err := svc.Connect(t.Context(), nil, integrations.Step{State: integrations.Hide("s"), Redirect: "https://chat.example/callback/slack"})
	require.NoError(t, err)
	require.Equal(t, "https://slack.com/oauth/v2/authorize?client_id=1.2&redirect_uri=https%3A%2F%2Fchat.example%2Fcallback%2Fslack&scope=channels%3Ahistory%2Cchannels%3Aread%2Cgroups%3Ahistory%2Cgroups%3Aread%2Cchat%3Awrite%2Cchat%3Awrite.customize%2Cusers%3Aread&state=s", next.URL.Reveal())
	next, err = svc.Connect(t.Context(), nil, integrations.Step{Code: integrations.Hide("c")})
	require.NoError(t, err)
	require.Equal(t, "xoxb-REDACTED-example", next.Grant.Token.Reveal())
	require.Equal(t, []string{"T0EXAMPLE", "Example Team"}, []string{next.Grant.ID, next.Grant.Label})
	require.JSONEq(t, `{"team":"T0EXAMPLE","app":"A0BRIDGE","bot_user":"U0BRIDGE","bot":"B0BRIDGE"}`, string(next.Grant.Account))
	c := &integrations.Connection{Settings: []byte(`{"channel":"C0GENERAL","name":"Group feed"}`), Account: next.Grant.Account, Token: next.Grant.Token}
	sent, err := svc.Send(t.Context(), c, integrations.Outgoing{Op: integrations.Posted, Key: "k", Text: "Here's a message for you"})
	require.NoError(t, err)
	require.Equal(t, "C0GENERAL:1503435956.000247", sent.ID)
	answers = map[string]string{"/api/oauth.v2.access": "oauth_v2_access_error.json", "/api/chat.postMessage": "chat_postMessage_error.json"}
	_, err = svc.Connect(t.Context(), nil, integrations.Step{Code: integrations.Hide("c")})
	require.EqualError(t, err, "Slack: this sign-in was already used or has expired: authenticate again (invalid_code)")
	_, err = svc.Send(t.Context(), c, integrations.Outgoing{Op: integrations.Posted, Key: "k", Text: "x"})
	require.EqualError(t, err, "Slack: the app is not in the channel: invite it there (/invite) or choose another channel (not_in_channel)")
	require.Equal(t, []string{"POST slack.com/api/oauth.v2.access", "POST slack.com/api/auth.test", "POST slack.com/api/chat.postMessage", "POST slack.com/api/oauth.v2.access", "POST slack.com/api/chat.postMessage"}, paths)
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// One message costs a bounded number of requests, however many people it
// mentions, and one request while Slack fails.
func TestMentionsAreBounded(t *testing.T) {
	w := newWorld(t, nil)
	w.slack.Subscribe(w.hook)
	calls := func(text string) int {
		before := w.slack.Calls("users.info")
		w.slack.Say("C0GENERAL", "U0ALICE", "", text)
		require.Zero(t, w.slack.Deliver(t.Context()))
		w.Deliver()
		return w.slack.Calls("users.info") - before
	}
	var b strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&b, "<@U%05d>", i)
	}
	require.Equal(t, 50, calls(b.String()))
	w.slack.SetFault(func(method string) slacktest.Fault {
		if method == "users.info" {
			return slacktest.Fault{Status: 503}
		}
		return slacktest.Fault{}
	})
	require.Equal(t, 1, calls(strings.Repeat("<@U0BOB>", 500)+strings.Repeat("<@U0CAROL>", 500)))
	require.Len(t, w.Groups.Messages(w.Group), 2)
}
