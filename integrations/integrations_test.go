package integrations_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/keyring"
	"chatadmin.example/sdk/integrations"
	"chatadmin.example/sdk/integrations/integrationstest"
	"chatadmin.example/sdk/integrations/slack/slacktest"
)

func newRing(t testing.TB) *keyring.Ring {
	t.Helper()
	ring, err := keyring.New(rand.Reader, keyring.Key{ID: "test", Secret: make([]byte, keyring.KeySize)})
	require.NoError(t, err)
	return ring
}

func browse(x *integrations.Integrations, s *chatadmin.Scope, address string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, address, nil)
	r.AddCookie(&http.Cookie{Name: integrationstest.Cookie, Value: string(s.Domain()) + ":" + string(s.Actor())})
	rec := httptest.NewRecorder()
	x.Handler().ServeHTTP(rec, r)
	return rec
}

// alarm posts an alarm of the pager to the group's address, and returns the status.
func postAlarm(t testing.TB, w *integrationstest.World, id string) int {
	t.Helper()
	st, err := w.X.Status(t.Context(), w.Host, w.Of("pager"))
	require.NoError(t, err)
	return post(t, w.X, st.Webhook.Reveal(), fmt.Sprintf(`{"id":%q,"text":"alarm %s"}`, id, id)).Code
}

func post(t testing.TB, x *integrations.Integrations, address, body string) *httptest.ResponseRecorder {
	t.Helper()
	rec := httptest.NewRecorder()
	x.Handler().ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(body)))
	return rec
}

func TestServices(t *testing.T) {
	w := pagerWorld(t)
	require.NoError(t, w.X.DisableService(t.Context(), w.Boss, "pager"))
	all, err := w.X.Services(t.Context(), w.Boss)
	require.NoError(t, err)
	require.Equal(t, []integrations.ServiceStatus{{Name: "pager", Title: "Pager"}, {Name: "diary", Title: "Diary", PerUser: true, Enabled: true}}, all)
	seen, err := w.X.Services(t.Context(), w.Ann)
	require.NoError(t, err)
	require.Equal(t, all[1:], seen, "who cannot enable services sees the enabled ones only")

	// Who is told whom to ask.
	other := integrations.Of{Service: "pager", Owner: w.NewGroup("Other")}
	for _, err := range []error{
		second(w.X.Draft(t.Context(), w.Ann, other)), second(w.X.Status(t.Context(), w.Ann, other)), second(w.X.Connect(t.Context(), w.Ann, w.Of("pager"), key)),
		second(w.X.Choices(t.Context(), w.Ann, w.Of("pager"))), second(w.X.Save(t.Context(), w.Ann, w.Of("pager"), []byte(`{"line":"x"}`))),
	} {
		require.ErrorIs(t, err, integrations.ErrServiceOff)
		require.ErrorContains(t, err, "ask a domain admin (The Boss)")
	}
	require.ErrorIs(t, w.X.EnableService(t.Context(), w.Boss, "telex", nil), chatadmin.ErrNotFound)
	require.ErrorIs(t, w.X.EnableService(t.Context(), w.Boss, "pager", []byte(`{"x":1}`)), chatadmin.ErrInvalid)
}

func second[T any](_ T, err error) error { return err }

// Disabled for the domain: from the next call on nothing is accepted or sent, and what waits goes on later. The settings stay.
func TestDisabledStopsEverything(t *testing.T) {
	sent := 0
	fake := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { sent++ }))
	defer fake.Close()
	pager, err := NewPager(fake.URL)
	require.NoError(t, err)
	w := integrationstest.New(t, nil, pager)
	require.NoError(t, w.X.EnableService(t.Context(), w.Boss, "pager", nil))
	ready(t, w)
	require.Equal(t, 200, postAlarm(t, w, "1"))
	w.Deliver()
	first := w.Groups.Messages(w.Group)[0].ID
	w.Say("m1", first, "waits")
	require.Equal(t, 200, postAlarm(t, w, "2"))

	for _, stop := range []struct {
		name    string
		off, on func() error
	}{
		{"disabled", func() error { return w.X.DisableService(t.Context(), w.Boss, "pager") }, func() error { return w.X.EnableService(t.Context(), w.Boss, "pager", nil) }},
		{"suspended", func() error { return state(w, chatadmin.DomainSuspended) }, func() error { return state(w, chatadmin.DomainActive) }},
	} {
		require.NoError(t, stop.off())
		require.Equal(t, 404, postAlarm(t, w, "3"+stop.name), stop.name)
		w.Say(chatadmin.ID("no"+stop.name), first, "not queued")
		w.Deliver()
		w.Clock.Advance(5 * time.Minute)
		w.Deliver()
		require.Zero(t, sent, stop.name)
		require.Len(t, w.Groups.Messages(w.Group), 1, stop.name)
		require.NoError(t, stop.on())
	}
	w.Clock.Advance(5 * time.Minute)
	w.Deliver()
	require.Equal(t, 1, sent)
	require.Len(t, w.Groups.Messages(w.Group), 2)
	st, err := w.X.Status(t.Context(), w.Ann, w.Of("pager"))
	require.NoError(t, err)
	require.JSONEq(t, `{"line":"night"}`, string(st.Settings))
}

func state(w *integrationstest.World, st chatadmin.DomainState) error {
	_, err := w.Host.ChangeSettings(context.Background(), func(s *chatadmin.Settings) error { s.State = st; return nil })
	return err
}

// ready drafts, connects and saves the pager.
func ready(t testing.TB, w *integrationstest.World) {
	t.Helper()
	_, err := w.X.Draft(t.Context(), w.Ann, w.Of("pager"))
	require.NoError(t, err)
	_, err = w.X.Save(t.Context(), w.Ann, w.Of("pager"), []byte(`{"line":"night"}`))
	require.ErrorIs(t, err, integrations.ErrNotConnected, "authenticating comes first")
	_, err = w.X.Connect(t.Context(), w.Ann, w.Of("pager"), key)
	require.NoError(t, err)
	_, err = w.X.Save(t.Context(), w.Ann, w.Of("pager"), []byte(`{"line":"night"}`))
	require.NoError(t, err)
}

// What waits for a day is a dead letter; what is disabled as long, too.
func TestGivenUpAfterADay(t *testing.T) {
	w := pagerWorld(t) // nobody listens at its address
	require.Equal(t, 200, postAlarm(t, w, "1"))
	w.Deliver()
	w.Say("m1", w.Groups.Messages(w.Group)[0].ID, "lost")
	for range 30 {
		w.Deliver()
		w.Clock.Advance(time.Hour)
	}
	dead, err := w.X.DeadLetters(t.Context(), w.Ann, w.Of("pager"))
	require.NoError(t, err)
	require.Len(t, dead, 1)
	require.Contains(t, dead[0].Reason, "it cannot be reached")
	require.WithinDuration(t, dead[0].Queued.Add(25*time.Hour), dead[0].Died, time.Hour)
}

// The line of a connection stays in order through failures, and does not hold others up.
func TestOrder(t *testing.T) {
	w := pagerWorld(t)
	fails := 3
	w.Groups.Fault = func(string) (error, error) {
		if fails--; fails >= 0 {
			return fmt.Errorf("the database is down"), nil
		}
		return nil, nil
	}
	for n := range 5 {
		require.Equal(t, 200, postAlarm(t, w, fmt.Sprint(n)))
		w.Deliver()
		w.Clock.Advance(time.Second)
	}
	for range 20 {
		w.Clock.Advance(time.Second)
		w.Deliver()
	}
	var texts []string
	for _, m := range w.Groups.Messages(w.Group) {
		texts = append(texts, m.Text)
	}
	require.Equal(t, []string{"ALARM: alarm 0", "ALARM: alarm 1", "ALARM: alarm 2", "ALARM: alarm 3", "ALARM: alarm 4"}, texts)
}

// No secret stands where it could be read: in stored rows, audit events, errors, logs, or whatever is printed of the values.
func TestSecretsStaySecret(t *testing.T) {
	var log bytes.Buffer
	w, srv, back := slackWorld(t, &integrationstest.Options{Admin: func(o *chatadmin.Options) {
		o.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}})
	code, page := w.Browser(w.Ann, back)
	require.Equal(t, 200, code)
	st, err := w.X.Save(t.Context(), w.Ann, w.Of("slack"), []byte(`{"channel":"general"}`))
	require.NoError(t, err)
	srv.RevokeAll()
	w.Say("m1", "", "hello")
	w.Deliver()
	next, err := w.X.Connect(t.Context(), w.Ann, w.Of("slack"), nil)
	require.NoError(t, err)

	var all strings.Builder
	for p := (chatadmin.Page{Limit: 1000}); ; {
		rs, cur, err := w.Store.ListRecords(t.Context(), chatadmin.RecordQuery{Domain: w.Domain}, p)
		require.NoError(t, err)
		for _, r := range rs {
			fmt.Fprintf(&all, "%+v %s\n", r.Key, r.Data)
		}
		if p.After = cur; cur == "" {
			break
		}
	}
	for e, err := range w.Host.Events(t.Context(), chatadmin.EventQuery{}) {
		require.NoError(t, err)
		fmt.Fprintf(&all, "%+v\n", e)
	}
	state := back[strings.Index(back, "state=")+6:]
	state = state[strings.LastIndex(state, ".")+1:]
	webhook := st.Webhook.Reveal()
	require.Contains(t, all.String(), "integration")
	require.NotEmpty(t, log.String())
	options := srv.Options()
	text := all.String() + log.String() + page + fmt.Sprintf("%v %+v %#v %s %v %+v %+v", st, st, st, st.Webhook, next, next, options)
	js, err := json.Marshal([]any{st, next, options})
	require.NoError(t, err)
	text += string(js)
	for _, secret := range []string{"xoxb-", "slacktest-client-secret", "slacktest-signing-secret", state, webhook[strings.LastIndex(webhook, ".")+1:]} {
		require.NotContains(t, text, secret)
	}
	require.Contains(t, all.String(), "m1", "something was looked at")
}

// Disconnecting erases the token, here and at the provider, at once; where the provider does not answer it is tried again, and given up after three days.
func TestDisconnect(t *testing.T) {
	w, srv, back := slackWorld(t, nil)
	code, _ := w.Browser(w.Ann, back)
	require.Equal(t, 200, code)
	st, err := w.X.Save(t.Context(), w.Ann, w.Of("slack"), []byte(`{"channel":"general"}`))
	require.NoError(t, err)
	require.Equal(t, 1, srv.Tokens())
	require.NoError(t, w.X.Disconnect(t.Context(), w.Ann, w.Of("slack")))
	require.NoError(t, w.X.Disconnect(t.Context(), w.Ann, w.Of("slack")))
	require.Zero(t, srv.Tokens())
	require.Empty(t, records(t, w, "integration.release"))
	now, err := w.X.Status(t.Context(), w.Ann, w.Of("slack"))
	require.NoError(t, err)
	require.Equal(t, "draft", now.State)
	require.False(t, now.Connected)
	require.Equal(t, st.Webhook.Reveal(), now.Webhook.Reveal(), "the address never changes")
	require.Equal(t, 404, post(t, w.X, st.Webhook.Reveal(), "{}").Code)

	code, _ = w.Browser(w.Ann, journey(t, w, srv))
	require.Equal(t, 200, code)
	srv.Close()
	require.NoError(t, w.X.Disconnect(t.Context(), w.Ann, w.Of("slack")))
	require.Len(t, records(t, w, "integration.release"), 1)
	for range 80 {
		w.Clock.Advance(time.Hour)
		w.Deliver()
	}
	require.Empty(t, records(t, w, "integration.release"))
}

// One workspace, two groups: the token, which is one and the same, is revoked with the last of them. A connection that was made anew survives what still ends its predecessor.
func TestSharedAccount(t *testing.T) {
	w, srv, back := slackWorld(t, nil)
	code, _ := w.Browser(w.Ann, back)
	require.Equal(t, 200, code)
	other := integrations.Of{Service: "slack", Owner: w.NewGroup("Other")}
	w.Connect(other, srv.Authorise)
	require.NoError(t, w.X.Disconnect(t.Context(), w.Ann, w.Of("slack")))
	require.Equal(t, 1, srv.Tokens())
	down := true
	srv.Fault = func(method string) slacktest.Fault {
		if down && method == "auth.revoke" {
			return slacktest.Fault{Status: 503}
		}
		return slacktest.Fault{}
	}
	require.NoError(t, w.X.Disconnect(t.Context(), w.Ann, other))
	require.Equal(t, 1, srv.Tokens())
	w.Connect(other, srv.Authorise)
	down = false
	w.Clock.Advance(time.Hour)
	w.Deliver()
	require.Empty(t, records(t, w, "integration.release"))
	require.Equal(t, 1, srv.Tokens())
	require.NoError(t, w.X.Disconnect(t.Context(), w.Ann, other))
	require.Zero(t, srv.Tokens())
}

func records(t testing.TB, w *integrationstest.World, kind string) []chatadmin.Record {
	t.Helper()
	rs, _, err := w.Store.ListRecords(t.Context(), chatadmin.RecordQuery{Kind: kind}, chatadmin.Page{Limit: 1000})
	require.NoError(t, err)
	return rs
}

// The group goes: so does everything of its integrations, at the provider too.
func TestGroupDeleted(t *testing.T) {
	w, srv, back := slackWorld(t, nil)
	code, _ := w.Browser(w.Ann, back)
	require.Equal(t, 200, code)
	st, err := w.X.Save(t.Context(), w.Ann, w.Of("slack"), []byte(`{"channel":"general"}`))
	require.NoError(t, err)
	w.Say("m1", "", "waits")
	plan, err := w.Ann.PlanDeleteGroup(t.Context(), w.Group)
	require.NoError(t, err)
	_, err = w.Ann.ApplyDeleteGroup(t.Context(), plan, nil)
	require.NoError(t, err)
	require.Equal(t, 404, post(t, w.X, st.Webhook.Reveal(), "{}").Code)
	w.Deliver()
	require.Zero(t, srv.Tokens())
	require.Empty(t, srv.Messages("C0GENERAL"))
	rs, _, err := w.Store.ListRecords(t.Context(), chatadmin.RecordQuery{Domain: w.Domain}, chatadmin.Page{Limit: 1000})
	require.NoError(t, err)
	for _, r := range rs {
		require.True(t, !strings.HasPrefix(r.Kind, "integration") || r.Kind == "integration.service", "%+v", r.Key)
	}
}

// The user who authorised goes: the token goes, and the group's admins are told. Their own accounts go as well.
func TestAuthoriserDeleted(t *testing.T) {
	w, srv, back := slackWorld(t, nil)
	code, _ := w.Browser(w.Ann, back)
	require.Equal(t, 200, code)
	st, err := w.X.Save(t.Context(), w.Ann, w.Of("slack"), []byte(`{"channel":"general"}`))
	require.NoError(t, err)
	bob := w.User("bob@acme.example")
	_, err = w.Ann.AddMembers(t.Context(), w.Group, bob.ID)
	require.NoError(t, err)
	require.NoError(t, w.Ann.SetGroupAdmin(t.Context(), w.Group, true, bob.ID))
	beginDeletion(t, w.Host, w.Ann.Actor())
	require.Equal(t, 404, post(t, w.X, st.Webhook.Reveal(), "{}").Code)
	w.Deliver()
	require.Zero(t, srv.Tokens())
	mails := w.Mail.To("bob@acme.example")
	require.Len(t, mails, 1)
	require.Contains(t, mails[0].Text, "Authenticate again")
	require.Empty(t, w.Mail.To("ann@acme.example"))
	now, err := w.X.Status(t.Context(), w.Boss, w.Of("slack"))
	require.NoError(t, err)
	require.Contains(t, now.Problem, "was deleted")
	require.False(t, now.Connected)
	require.Equal(t, st.Webhook.Reveal(), now.Webhook.Reveal(), "the address never changes")
	require.JSONEq(t, string(st.Settings), string(now.Settings))
}

func beginDeletion(t testing.TB, s *chatadmin.Scope, user chatadmin.ID) {
	t.Helper()
	require.NoError(t, s.Change(t.Context(), chatadmin.Op{Kind: "test.delete", Fence: chatadmin.Exclusive}, func(ctx context.Context, w *chatadmin.Work) error {
		us, err := w.Users(ctx, s.Domain(), []chatadmin.ID{user})
		if err != nil {
			return err
		}
		now, err := chatadmin.Transition(us[0], chatadmin.BeginDeletion)
		if err != nil {
			return err
		}
		p, wrong := w.Settings.Prepare(now)
		if len(wrong) > 0 {
			return wrong[0]
		}
		return w.WriteUsers(ctx, "test.delete", []chatadmin.UserWrite{{Was: us[0], Now: p}})
	}))
}

func TestUsersOwnAccountDeleted(t *testing.T) {
	w := pagerWorld(t)
	of := integrations.Of{Service: "diary", Owner: w.Ann.Actor()}
	_, err := w.X.Draft(t.Context(), w.Ann, of)
	require.NoError(t, err)
	_, err = w.X.Connect(t.Context(), w.Ann, of, key)
	require.NoError(t, err)
	for range 3 {
		id, err := w.X.Link(t.Context(), w.Ann, of, "m1", integrations.Message{Text: "x"}, nil)
		require.NoError(t, err)
		require.Equal(t, "page", id)
	}
	_, err = w.X.Status(t.Context(), w.Boss, of)
	require.ErrorIs(t, err, chatadmin.ErrNotFound, "an account is its user's own")
	beginDeletion(t, w.Host, w.Ann.Actor())
	for _, r := range records(t, w, "integration") {
		require.NotContains(t, r.ID, w.Ann.Actor())
	}
}

func TestHandler(t *testing.T) {
	w := pagerWorld(t)
	st, err := w.X.Status(t.Context(), w.Ann, w.Of("pager"))
	require.NoError(t, err)
	hook := st.Webhook.Reveal()
	path := hook[strings.Index(hook, "/hook/"):]
	for _, c := range []struct {
		method, path, body string
		want               int
	}{
		{"POST", "/any/prefix/of/the/host" + path, `{"id":"1","text":"x"}`, 200},
		{"POST", path, `{"id":"1","text":"x"}`, 200},
		{"POST", path, `not json`, 401},
		{"PUT", path, `{}`, 405}, {"DELETE", path, ``, 405},
		{"POST", path, strings.Repeat("x", 257<<10), 413},
		{"POST", path[:len(path)-1], `{"id":"2","text":"x"}`, 404},
		{"POST", strings.Replace(path, "/alarms/", "/other/", 1), `{"id":"2","text":"x"}`, 404},
		{"POST", strings.Replace(path, "/pager/", "/diary/", 1), `{"id":"2","text":"x"}`, 404},
		{"POST", strings.Replace(path, "/pager/", "/telex/", 1), `{"id":"2","text":"x"}`, 404},
		{"POST", "/hook/pager/alarms/x.y." + strings.Repeat("A", 43), `{}`, 404},
		{"POST", "/hook/pager/alarms/", `{}`, 404}, {"GET", "/", ``, 404}, {"POST", "/callback/pager", ``, 405}, {"GET", "/callback/pager?state=x", ``, 400}, {"GET", "/callback/", ``, 400},
	} {
		rec := httptest.NewRecorder()
		w.X.Handler().ServeHTTP(rec, httptest.NewRequest(c.method, c.path, strings.NewReader(c.body)))
		require.Equal(t, c.want, rec.Code, "%s %s", c.method, c.path)
		require.Equal(t, "no-store", rec.Header().Get("Cache-Control"))
	}
	w.Deliver()
	require.Len(t, w.Groups.Messages(w.Group), 1)
}

// FuzzHandler sends anything anywhere: nothing but the one right address and alarms in their form is accepted.
func FuzzHandler(f *testing.F) {
	pager, err := NewPager("http://127.0.0.1:1")
	require.NoError(f, err)
	w := integrationstest.New(f, nil, pager)
	require.NoError(f, w.X.EnableService(f.Context(), w.Boss, "pager", nil))
	ready(f, w)
	st, err := w.X.Status(f.Context(), w.Ann, w.Of("pager"))
	require.NoError(f, err)
	right := st.Webhook.Reveal()[strings.Index(st.Webhook.Reveal(), "/hook/"):]
	f.Add("POST", "", []byte(`{"id":"1","text":"x"}`))
	f.Add("GET", "/callback/pager?state=a.b.c", []byte{})
	f.Add("POST", "/hook/pager/alarms/a.b.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", []byte("{}"))
	f.Add("HEAD", "/hook/////", []byte("null"))
	f.Fuzz(func(t *testing.T, method, path string, body []byte) {
		u, err := url.ParseRequestURI("/" + strings.TrimPrefix(path, "/"))
		if err != nil || strings.ContainsFunc(method, func(r rune) bool { return r < 'A' || r > 'Z' }) || method == "" {
			return
		}
		if path == "" {
			u.Path = right
		}
		before := len(records(t, w, "integration.in"))
		rec := httptest.NewRecorder()
		w.X.Handler().ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), method, u.String(), bytes.NewReader(body)))
		if path != "" {
			require.Contains(t, []int{400, 404, 405}, rec.Code)
		} else {
			require.Contains(t, []int{200, 401, 405}, rec.Code)
		}
		if rec.Code != 200 {
			require.Len(t, records(t, w, "integration.in"), before)
		}
	})
}

// Requests leave only for hosts that are listed, and follow no redirect.
func TestClientAllowList(t *testing.T) {
	reached := 0
	target := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		reached++
		switch r.URL.Path {
		case "/away":
			http.Redirect(rw, r, "/there", http.StatusFound)
		case "/long":
			_, _ = io.CopyN(rw, zeros{}, 9<<20)
		}
	}))
	defer target.Close()
	base := roundTripper(func(r *http.Request) (*http.Response, error) {
		reached++
		return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader("")), Request: r}, nil
	})
	c, err := integrations.Client(integrations.Hosts{Names: []string{`us\d{1,3}\.api\.mailchimp\.com`}}, base)
	require.NoError(t, err)
	for _, address := range []string{"http://us1.api.mailchimp.com/", "https://us1.api.mailchimp.com:8443/", "https://us1.api.mailchimp.com.evil.example/", "https://evil.example/us1.api.mailchimp.com",
		"https://evilus1.api.mailchimp.com/", "https://us1.api.mailchimp.com@evil.example/", "https://user:pass@us1.api.mailchimp.com/", "https://us1xapi.mailchimp.com/", "https://127.0.0.1/", "https://us1.api.mailchimp.com\n.evil/", target.URL} {
		_, err := c.Get(address) //nolint:bodyclose // there is none
		require.Error(t, err, address)
	}
	require.Zero(t, reached)
	res, err := c.Get("https://US1.api.mailchimp.com/3.0/")
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, 1, reached)

	fake, err := integrations.Client(integrations.Hosts{Names: []string{`slack\.com`}, Fake: target.URL}, nil)
	require.NoError(t, err)
	_, err = fake.Get("https://slack.com/") //nolint:bodyclose // there is none
	require.ErrorIs(t, err, integrations.ErrHost, "beside a fake nothing reaches the real one")
	reached = 0
	res, err = fake.Get(target.URL + "/away")
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusFound, res.StatusCode)
	require.Equal(t, 1, reached)
	res, err = fake.Get(target.URL + "/long")
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, res.Body)
	require.ErrorContains(t, err, "too long")
	require.NoError(t, res.Body.Close())
	for _, bad := range []string{"ftp://x", "127.0.0.1", "http://u:p@x"} {
		_, err = integrations.Client(integrations.Hosts{Fake: bad}, nil)
		require.Error(t, err)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }
