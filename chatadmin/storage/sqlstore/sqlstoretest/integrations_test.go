package sqlstoretest

import (
	"database/sql"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/sqlstore"
	"chatadmin.example/sdk/integrations"
	"chatadmin.example/sdk/integrations/integrationstest"
	"chatadmin.example/sdk/integrations/slack"
	"chatadmin.example/sdk/integrations/slack/slacktest"
)

// bridged is a group bridged to a channel of a fake Slack, over a database,
// with two processes.
type bridged struct {
	*integrationstest.World
	slack  *slacktest.Server
	over   func(storage.Store) *integrations.Integrations
	second *integrations.Integrations
	hook   string
}

func newBridged(t testing.TB, db database) *bridged {
	t.Helper()
	srv := slacktest.NewServer()
	t.Cleanup(srv.Close)
	svc, err := slack.New(srv.Options())
	require.NoError(t, err)
	w := integrationstest.New(t, &integrationstest.Options{Store: db.open(t)}, svc)
	srv.Now = w.Clock.Now
	w.Connect(w.Of("slack"), srv.Authorise)
	st, err := w.X.Save(t.Context(), w.Ann, w.Of("slack"), []byte(`{"channel":"general"}`))
	require.NoError(t, err)
	over := func(store storage.Store) *integrations.Integrations {
		return w.Integrations(chatadmintest.Must(chatadmin.New(store, &chatadmin.Options{Now: w.Clock.Now})), svc)
	}
	return &bridged{w, srv, over, over(db.open(t)), st.Webhook.Reveal()}
}

// event posts a signed event with the n-th message, and returns the status.
func (b *bridged) event(t testing.TB, x *integrations.Integrations, n int) int {
	body := fmt.Sprintf(`{"type":"event_callback","team_id":%q,"api_app_id":%q,"event_id":"Ev%d","event":{"type":"message","user":"U0ALICE","channel":"C0GENERAL","channel_type":"channel","ts":"%d.%06d","event_ts":"%d.%06d","text":"message %d"}}`,
		slacktest.Team, slacktest.App, n, 1719209506+n/1e6, n%1e6, 1719209506+n/1e6, n%1e6, n)
	at := strconv.FormatInt(b.Clock.Now().Unix(), 10)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, b.hook, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Slack-Request-Timestamp", at)
	r.Header.Set("X-Slack-Signature", slack.Sign(slacktest.SigningSecret, at, []byte(body)))
	rec := httptest.NewRecorder()
	x.Handler().ServeHTTP(rec, r)
	return rec.Code
}

// A webhook is durable after two reads and one insertion, in one transaction.
func TestWebhookStatements(t *testing.T) {
	databases(t, func(t *testing.T, db database) {
		b := newBridged(t, db)
		require.Equal(t, http.StatusOK, b.event(t, b.X, 1))
		pool, watch := db.watched(t, nil)
		store, err := sqlstore.Open(t.Context(), pool, db.d, &db.options)
		require.NoError(t, err)
		x := b.over(store)
		for n, want := range map[int]string{2: "SELECT records, SELECT domains, INSERT records", 1: "SELECT records, SELECT domains, INSERT records, SELECT records"} {
			// 1 comes again
			var did []string
			for _, s := range watch.during(func() { require.Equal(t, http.StatusOK, b.event(t, x, n)) }) {
				verb, _, _ := strings.Cut(s.text, " ")
				if _, table, ok := strings.Cut(s.text, db.sql("{{p}}")); ok {
					did = append(did, verb+" "+strings.FieldsFunc(table, func(r rune) bool { return r == ' ' || r == '(' })[0])
				}
			}
			require.Equal(t, want, strings.Join(did, ", "))
		}
	})
}

// A hundred at once over two handles: each event is kept once, each callback
// that comes twice exchanges once, workers share the lines, and in the end
// every message is there once and in order.
func TestIntegrations(t *testing.T) {
	databases(t, func(t *testing.T, db database) {
		b := newBridged(t, db)
		next, err := b.X.Connect(t.Context(), b.Ann, b.Of("slack"), nil)
		require.NoError(t, err)
		back, err := b.slack.Authorise(next.URL.Reveal())
		require.NoError(t, err)
		exchanged := b.slack.Calls("oauth.v2.access")
		var mu sync.Mutex
		codes := map[string]int{}
		var wg sync.WaitGroup
		start := make(chan struct{})
		for n := range 100 {
			wg.Go(func() {
				<-start
				x := []*integrations.Integrations{b.X, b.second}[n%2]
				event, again := b.event(t, x, n/2), b.event(t, x, n/2)
				r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, back, nil)
				r.AddCookie(&http.Cookie{Name: integrationstest.Cookie, Value: string(b.Domain) + ":" + string(b.Ann.Actor())})
				rec := httptest.NewRecorder()
				x.Handler().ServeHTTP(rec, r)
				mu.Lock()
				defer mu.Unlock()
				codes[fmt.Sprintf("event %d", event)]++
				codes[fmt.Sprintf("event %d", again)]++
				codes[fmt.Sprintf("callback %d", rec.Code)]++
			})
		}
		close(start)
		wg.Wait()
		require.Equal(t, map[string]int{"event 200": 200, "callback 200": 1, "callback 400": 99}, codes)
		require.Equal(t, 1, b.slack.Calls("oauth.v2.access")-exchanged)
		for n := range 20 {
			b.Say(storage.ID(fmt.Sprintf("g%d", n)), "", fmt.Sprintf("group message %d", n))
		}
		errs := make([]error, 8)
		for n := range errs {
			wg.Go(func() { errs[n] = []*integrations.Integrations{b.X, b.second}[n%2].Deliver(t.Context()) })
		}
		wg.Wait()
		for _, err := range errs {
			require.NoError(t, err)
		}
		b.Deliver()
		in := b.Groups.Messages(b.Group)
		require.Len(t, in, 50)
		for n, m := range in {
			require.Equal(t, fmt.Sprintf("message %d", n), m.Text)
			require.Equal(t, 1, m.Posts)
		}
		out := b.slack.Messages("C0GENERAL")
		require.Len(t, out, 20)
		for n, m := range out {
			require.Equal(t, fmt.Sprintf("Ann: group message %d", n), m.Text)
		}
		plan, err := b.Ann.PlanDeleteGroup(t.Context(), b.Group)
		require.NoError(t, err)
		_, err = b.Ann.ApplyDeleteGroup(t.Context(), plan, nil)
		require.NoError(t, err)
		require.Equal(t, http.StatusNotFound, b.event(t, b.second, 1000))
		b.Deliver()
		require.Zero(t, b.slack.Tokens())
	})
}

// Disconnecting within the host's own transaction, which the host then undoes,
// changes nothing, neither here nor at the provider.
func TestIntegrationDisconnectJoined(t *testing.T) {
	databases(t, func(t *testing.T, db database) {
		b := newBridged(t, db)
		pool := db.pool(t)
		disconnect := func(end func(*sql.Tx) error) {
			tx, err := pool.Begin()
			require.NoError(t, err)
			store, err := sqlstore.Join(tx, db.d, &db.options)
			require.NoError(t, err)
			admin, err := b.Admin.Join(store)
			require.NoError(t, err)
			require.NoError(t, b.X.Disconnect(t.Context(), admin.As(b.Domain, b.Ann.Actor()), b.Of("slack")))
			require.NoError(t, end(tx))
			b.Deliver()
		}
		disconnect((*sql.Tx).Rollback)
		st, err := b.X.Status(t.Context(), b.Ann, b.Of("slack"))
		require.NoError(t, err)
		require.True(t, st.Connected)
		require.Equal(t, 1, b.slack.Tokens())
		disconnect((*sql.Tx).Commit)
		require.Zero(t, b.slack.Tokens())
	})
}

// What strangers may write into an address reaches no database.
func TestIntegrationMadeUpAddresses(t *testing.T) {
	databases(t, func(t *testing.T, db database) {
		b := newBridged(t, db)
		secret := ".b." + strings.Repeat("A", 43)
		for _, c := range []struct {
			method, path string
			code         int
		}{
			{http.MethodPost, "/hook/slack/in/a%00" + secret, http.StatusNotFound}, {http.MethodPost, "/hook/slack/in/a%ff" + secret, http.StatusNotFound},
			{http.MethodPost, "/hook/slack/in/a." + strings.Repeat("b", 205) + "." + strings.Repeat("A", 43), http.StatusNotFound},
			{http.MethodGet, "/callback/slack?state=a%00" + secret, http.StatusBadRequest}, {http.MethodGet, "/callback/slack?state=a%ff" + secret, http.StatusBadRequest},
		} {
			rec := httptest.NewRecorder()
			b.X.Handler().ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), c.method, c.path, strings.NewReader("{}")))
			require.Equal(t, c.code, rec.Code, c.path)
			require.NotContains(t, rec.Body.String(), "SQLSTATE")
		}
	})
}
