package slack_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/integrations"
	"chatadmin.example/sdk/integrations/slack"
	"chatadmin.example/sdk/integrations/slack/slacktest"
)

// common posts a body to the address of the app, signed by a secret.
func (w *world) common(secret, body string) *httptest.ResponseRecorder {
	at := strconv.FormatInt(w.Clock.Now().Unix(), 10)
	r := httptest.NewRequest(http.MethodPost, "/chat/integrations/events/slack", bytes.NewReader([]byte(body)))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Slack-Request-Timestamp", at)
	r.Header.Set("X-Slack-Signature", slack.Sign(secret, at, []byte(body)))
	rec := httptest.NewRecorder()
	w.X.Handler().ServeHTTP(rec, r)
	return rec
}

// routes counts the records by which events find groups.
func (w *world) routes() (n int) {
	rs, _, err := w.Store.ListRecords(w.t.Context(), storage.RecordQuery{Domain: w.Domain}, chatadmin.Page{Limit: 1000})
	require.NoError(w.t, err)
	for _, r := range rs {
		if strings.HasPrefix(r.Kind, "integration.route.") {
			n++
		}
	}
	return n
}

// bridge connects another group of ann's to a channel.
func (w *world) bridge(name, channel string) chatadmin.ID {
	w.t.Helper()
	was := w.Group
	w.Group = w.NewGroup(name)
	w.Connect(w.Of("slack"), w.slack.Authorise)
	w.save(`{"channel":"` + channel + `"}`)
	g := w.Group
	w.Group = was
	return g
}

// One request URL serves all groups: each gets the events of its channel, once,
// even where the group's own address is told of them too.
func TestOneRequestURL(t *testing.T) {
	w := newWorld(t, nil)
	random := w.bridge("Random", "random")
	both := w.bridge("Also general", "general")
	draft := w.NewGroup("Draft")
	w.slack.Subscribe(w.HTTP.URL + "/chat/integrations/events/slack")
	w.slack.Subscribe(w.hook)
	off := false
	say := func() []int {
		t.Helper()
		w.slack.Say("C0GENERAL", "U0ALICE", "", "hello")
		w.slack.Say("C0RANDOM", "U0BOB", "", "hi")
		w.slack.Say("C0ELSE", "U0BOB", "", "nobody listens")
		refused := w.slack.Deliver(t.Context())
		require.True(t, refused == 0 || off)
		w.Deliver()
		var n []int
		for _, g := range []chatadmin.ID{w.Group, random, both, draft} {
			n = append(n, len(w.Groups.Messages(g)))
		}
		return n
	}
	require.Equal(t, []int{1, 1, 1, 0}, say())

	was := w.Group
	w.Group = both
	w.save(`{"channel":"random"}`)
	w.Group = was
	require.Equal(t, []int{2, 2, 2, 0}, say(), "it gets what is said in the channel chosen now")
	require.Equal(t, 6, w.routes())

	require.NoError(t, w.X.Disconnect(t.Context(), w.Ann, integrations.Of{Service: "slack", Owner: random}))
	require.Equal(t, 4, w.routes())
	require.Equal(t, []int{3, 2, 3, 0}, say())

	require.NoError(t, w.X.DisableService(t.Context(), w.Boss, "slack"))
	off = true
	require.Equal(t, []int{3, 2, 3, 0}, say())
	require.NoError(t, w.X.EnableService(t.Context(), w.Boss, "slack", nil))
}

// A channel of one workspace is bridged by two domains.
func TestRequestURLOfTwoDomains(t *testing.T) {
	w := newWorld(t, nil)
	d, boss, err := w.Admin.CreateDomain(t.Context(), chatadmin.NewDomain{Name: "Other", Preset: chatadmin.OfficeChat,
		Admin: chatadmin.NewUser{Login: "boss@other.example", NoInvitation: true}})
	require.NoError(t, err)
	first, firstBoss, firstAnn, group := w.Domain, w.Boss, w.Ann, w.Group
	w.Domain, w.Boss, w.Ann = d.ID, w.Admin.As(d.ID, boss.ID), w.Admin.As(d.ID, boss.ID)
	w.Group = w.NewGroup("Theirs")
	theirs := w.Group
	w.Connect(w.Of("slack"), w.slack.Authorise)
	w.save(`{"channel":"general"}`)
	w.Domain, w.Boss, w.Ann, w.Group = first, firstBoss, firstAnn, group
	w.slack.Subscribe(w.HTTP.URL + "/chat/integrations/events/slack")
	w.slack.Say("C0GENERAL", "U0ALICE", "", "hello")
	require.Zero(t, w.slack.Deliver(t.Context()))
	w.Deliver()
	require.Len(t, w.Groups.Messages(group), 1)
	require.Len(t, w.Groups.Messages(theirs), 1)
}

// What the address of the app is told by strangers, or of no use, changes
// nothing.
func TestRequestURLRefuses(t *testing.T) {
	w := newWorld(t, nil)
	const event = `{"type":"event_callback","team_id":"T0EXAMPLE","event":{"type":"message","channel":"C0GENERAL","user":"U0ALICE","text":"x","ts":"1700000000.000100"}}`
	for body, want := range chatadmintest.InOrder(map[string]int{event: 200, `{}`: 200, `[`: 200, `{"type":"event_callback"}`: 200, `{"type":"app_rate_limited"}`: 200}) {
		require.Equal(t, want, w.common(slacktest.SigningSecret, body).Code, body)
		require.Equal(t, http.StatusUnauthorized, w.common("another secret", body).Code, body)
	}
	rec := w.common(slacktest.SigningSecret, `{"type":"url_verification","challenge":"c0ffee"}`)
	require.Equal(t, []any{200, "c0ffee"}, []any{rec.Code, rec.Body.String()})
	for _, path := range []string{"/events/nobody", "/events/", "/events"} {
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader("{}"))
		rec := httptest.NewRecorder()
		w.X.Handler().ServeHTTP(rec, r)
		require.Equal(t, http.StatusNotFound, rec.Code, path)
	}
	w.Deliver()
	require.Empty(t, w.Groups.Messages(w.Group), "the workspace is another one")
}

// A connection that an earlier version has saved gets its routes, and is
// compared, within a day.
func TestRoutesOfEarlierVersions(t *testing.T) {
	w := newWorld(t, nil)
	require.NoError(t, w.Host.Change(t.Context(), chatadmin.Op{Kind: "test", Fence: storage.Shared}, func(ctx context.Context, k *chatadmin.Writer) error {
		rs, _, err := k.ListRecords(ctx, storage.RecordQuery{Domain: w.Domain}, chatadmin.Page{Limit: 1000})
		if err != nil {
			return err
		}
		var changes []storage.Write[storage.Record]
		for _, r := range rs {
			c := storage.Write[storage.Record]{Row: r, Was: r.Rev, Delete: true}
			switch {
			case r.Kind == "integration":
				c.Delete = false
				at := bytes.Index(r.Data, []byte(`,"routes":`))
				require.Positive(t, at)
				c.Row.Data = append(r.Data[:at:at], '}')
			case r.Kind != "integration.check" && !strings.HasPrefix(r.Kind, "integration.route."):
				continue
			}
			changes = append(changes, c)
		}
		return k.PutRecords(ctx, changes)
	}))
	require.Zero(t, w.routes())
	svc, err := slack.New(w.slack.Options())
	require.NoError(t, err)
	w.X = w.Integrations(w.Admin, svc)
	for range 26 {
		w.Deliver()
		w.Clock.Advance(time.Hour)
	}
	require.Equal(t, 2, w.routes())
}
