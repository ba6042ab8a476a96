package slack_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/integrations/slack"
	"chatadmin.example/sdk/integrations/slack/slacktest"
)

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

func TestSignatures(t *testing.T) {
	w := newWorld(t, nil)
	body := fixture(t, "event_message.json")
	now := w.Clock.Now().Unix()
	for name, c := range chatadmintest.InOrder(map[string]struct {
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
	}) {
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

// The token of an outgoing webhook is pinned by the first request; the team is
// checked.
func TestOutgoingWebhookToken(t *testing.T) {
	w := newWorld(t, nil)
	body := string(fixture(t, "outgoing_user.form"))
	for name, b := range chatadmintest.InOrder(map[string]string{"another team": strings.Replace(body, "T0EXAMPLE", "T0OTHER", 1), "no token": strings.Replace(body, "aaaaBBBBcccc111122223333", "", 1), "garbage": "%zz"}) {
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
