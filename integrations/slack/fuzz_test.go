package slack_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/integrations"
	"chatadmin.example/sdk/integrations/slack"
	"chatadmin.example/sdk/integrations/slack/slacktest"
)

// FuzzAccept gives every form of body to an address whose signature is right,
// and to Receive what was accepted of it.
func FuzzAccept(f *testing.F) {
	files, err := filepath.Glob("testdata/*.*")
	require.NoError(f, err)
	for _, name := range files {
		b, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(b, strings.HasSuffix(name, ".form"))
	}
	for _, s := range []string{`{"type":"event_callback","event":null}`, `{"type":"event_callback","team_id":"T0EXAMPLE","api_app_id":"A0BRIDGE","event":{"type":"message","channel":"C0GENERAL","user":"U1","ts":"1719209506.817929","files":[null],"text":"x"}}`,
		`{"type":"event_callback","team_id":"T0EXAMPLE","api_app_id":"A0BRIDGE","event":{"type":"message","subtype":"message_changed","channel":"C0GENERAL","message":null,"previous_message":null}}`, `[]`, `null`, `{"event":{"message":{"message":{"message":{}}}}}`} {
		f.Add([]byte(s), false)
	}
	srv := slacktest.NewServer()
	f.Cleanup(srv.Close)
	svc, err := slack.New(srv.Options())
	require.NoError(f, err)
	now := time.Unix(1788000000, 0)
	at := strconv.FormatInt(now.Unix(), 10)
	f.Fuzz(func(t *testing.T, body []byte, form bool) {
		c := &integrations.Connection{Saved: true, Now: now, Settings: []byte(`{"channel":"C0GENERAL","channel_name":"general","name":"x","bots":true}`),
			Account: []byte(`{"team":"T0EXAMPLE","app":"A0BRIDGE","bot_user":"U0BRIDGE","bot":"B0BRIDGE"}`), Token: integrations.Hide("none")}
		h := http.Header{"Content-Type": {"application/json"}, "X-Slack-Request-Timestamp": {at}, "X-Slack-Signature": {slack.Sign(slacktest.SigningSecret, at, body)}}
		if form {
			h.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		r := &integrations.Request{Method: "POST", Header: h, Body: body, Hook: "in", Now: now}
		acc, err := svc.Accept(c, r)
		if err != nil {
			require.ErrorIs(t, err, integrations.ErrRefused)
			require.True(t, form, "a signed body is never refused, only ignored")
			return
		}
		require.LessOrEqual(t, len(acc.Events), 1)
		for _, e := range acc.Events {
			require.NotEmpty(t, e.Key)
			require.LessOrEqual(t, len(e.Key), 100)
			effects, err := svc.Receive(t.Context(), c, e.Data)
			require.NoError(t, err)
			for _, x := range effects {
				require.Contains(t, []integrations.Op{integrations.Posted, integrations.Edited, integrations.Deleted}, x.Op)
				require.LessOrEqual(t, len(x.Message), 64)
				require.NotContains(t, x.Text, "\x00")
			}
		}
		h.Set("X-Slack-Signature", slack.Sign("another secret", at, body))
		if !form {
			_, err = svc.Accept(c, r)
			require.ErrorIs(t, err, integrations.ErrRefused)
		}
	})
}
