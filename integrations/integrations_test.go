package integrations_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/keyring"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/integrations"
	"chatadmin.example/sdk/integrations/integrationstest"
)

func newRing(t testing.TB) *keyring.Ring {
	t.Helper()
	ring, err := keyring.New(rand.Reader, keyring.Key{ID: "test", Secret: secret.HideBytes(bytes.Repeat([]byte{1}, keyring.KeySize))})
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

// alarm posts an alarm of the pager to the group's address, and returns the
// status.
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

// Disabled for the domain: from the next call on nothing is accepted or sent,
// and what waits goes on later. The settings stay.
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

// An archived group takes no messages, and is told which were left out.
func TestArchivedGroup(t *testing.T) {
	w := pagerWorld(t)
	require.Equal(t, 200, postAlarm(t, w, "1"))
	w.Deliver()
	_, err := w.Host.ArchiveGroup(t.Context(), w.Group)
	require.NoError(t, err)
	require.Equal(t, 200, postAlarm(t, w, "2"))
	w.Deliver()
	require.Len(t, w.Groups.Messages(w.Group), 1)
	st, err := w.X.Status(t.Context(), w.Ann, w.Of("pager"))
	require.NoError(t, err)
	require.Equal(t, []integrations.Ignored{{Why: "the group is archived", Count: 1, Last: w.Clock.Now()}}, st.Ignored)

	_, err = w.Host.UnarchiveGroup(t.Context(), w.Group)
	require.NoError(t, err)
	require.Equal(t, 200, postAlarm(t, w, "3"))
	w.Deliver()
	require.Len(t, w.Groups.Messages(w.Group), 2)
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

// What the host refused, and then takes: tried again, it is posted once, and
// still remembered. However many messages are mapped, what waits and what was
// given up is counted.
func TestRetryOfWhatCameIn(t *testing.T) {
	w := pagerWorld(t)
	for n := range 1100 {
		require.Equal(t, 200, postAlarm(t, w, fmt.Sprintf("early%d", n)))
	}
	w.Deliver()
	w.Groups.Fault = func(string) (error, error) { return fmt.Errorf("no: %w", chatadmin.ErrInvalid), nil }
	require.Equal(t, 200, postAlarm(t, w, "late"))
	st, err := w.X.Status(t.Context(), w.Ann, w.Of("pager"))
	require.NoError(t, err)
	require.Equal(t, []int{1, 0}, []int{st.Waiting, st.Dead})
	w.Deliver()
	st, err = w.X.Status(t.Context(), w.Ann, w.Of("pager"))
	require.NoError(t, err)
	require.Equal(t, []int{0, 1}, []int{st.Waiting, st.Dead})
	w.Groups.Fault = nil
	list, err := w.X.DeadLetters(t.Context(), w.Ann, w.Of("pager"))
	require.NoError(t, err)
	require.True(t, list[0].Incoming)
	require.NoError(t, w.X.Retry(t.Context(), w.Ann, list[0].ID))
	w.Deliver()
	require.Equal(t, 200, postAlarm(t, w, "late"))
	w.Deliver()
	all := w.Groups.Messages(w.Group)
	require.Len(t, all, 1101)
	require.Equal(t, "ALARM: alarm late", all[1100].Text)
	w.Clock.Advance(25 * time.Hour)
	w.Deliver()
	require.Empty(t, records(t, w, "integration.in"), "after a day nothing is remembered but the map")
}

// The line of a connection stays in order through failures, and does not hold
// others up.
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

// No secret stands where it could be read: in stored rows, audit events,
// errors, logs, or whatever is printed of the values.
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
		rs, cur, err := w.Store.ListRecords(t.Context(), storage.RecordQuery{Domain: w.Domain}, p)
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

func TestNewRefusesNothing(t *testing.T) {
	admin, ring, groups := chatadmintest.Must(chatadmin.New(memstore.New(nil), nil)), newRing(t), &integrationstest.Groups{}
	whole := integrations.Options{Keys: ring, Groups: groups, PublicURL: "https://chat.example.com"}
	_, err := integrations.New(admin, &whole)
	require.NoError(t, err)
	_, err = integrations.New(nil, &whole)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	_, err = integrations.New(admin, nil)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	for name, without := range map[string]func(*integrations.Options){
		"no keys":       func(o *integrations.Options) { o.Keys = nil },
		"no groups":     func(o *integrations.Options) { o.Groups = nil },
		"a nil service": func(o *integrations.Options) { o.Services = []integrations.Service{nil} },
		"no address":    func(o *integrations.Options) { o.PublicURL = "" },
	} {
		o := whole
		without(&o)
		_, err := integrations.New(admin, &o)
		require.ErrorIs(t, err, chatadmin.ErrInvalid, name)
	}
}
