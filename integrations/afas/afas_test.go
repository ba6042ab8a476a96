package afas_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/integrations"
	"chatadmin.example/sdk/integrations/afas"
	"chatadmin.example/sdk/integrations/afas/afastest"
	"chatadmin.example/sdk/integrations/integrationstest"
)

type world struct {
	*integrationstest.World
	t   *testing.T
	srv *afastest.Server
	of  integrations.Of
}

const user = "work@exampleemail.com"

func newWorld(t *testing.T) *world {
	t.Helper()
	srv := afastest.NewServer()
	t.Cleanup(srv.Close)
	svc, err := afas.New(&afas.Options{API: srv.URL})
	require.NoError(t, err)
	w := &world{World: integrationstest.New(t, nil, svc), t: t, srv: srv}
	w.of = integrations.Of{Service: "afas", Owner: w.Ann.Actor()}
	require.NoError(t, w.X.EnableService(t.Context(), w.Boss, "afas", []byte(`{"environment":"12345","kind":"test"}`)))
	_, err = w.X.Draft(t.Context(), w.Ann, w.of)
	require.NoError(t, err)
	return w
}

func (w *world) step(answers ...string) (integrations.Next, error) {
	m := map[string]integrations.Secret{}
	for i := 0; i < len(answers); i += 2 {
		m[answers[i]] = integrations.Hide(answers[i+1])
	}
	return w.X.Connect(w.t.Context(), w.Ann, w.of, m)
}

func (w *world) connect() {
	w.t.Helper()
	next, err := w.step()
	require.NoError(w.t, err)
	require.Equal(w.t, []string{"api_key", "environment_key", "user"}, next.Ask)
	next, err = w.step("api_key", afastest.APIKey, "environment_key", afastest.EnvironmentKey, "user", user)
	require.NoError(w.t, err)
	require.Equal(w.t, []string{"code"}, next.Ask)
	next, err = w.step("code", " "+w.srv.Code(user)+"\n")
	require.NoError(w.t, err)
	require.NotNil(w.t, next.Grant)
}

var fields = map[string]string{"type": "27", "subject": "Chat: Sales / Acme", "link_type": "17", "link_id": "000256"}

func (w *world) link(key string, f map[string]string) (string, error) {
	return w.X.Link(w.t.Context(), w.Ann, w.of, key, integrations.Message{Author: "alice", Text: "hello"}, f)
}

func TestDossier(t *testing.T) {
	w := newWorld(t)
	_, err := w.X.Choices(t.Context(), w.Ann, w.of)
	require.ErrorIs(t, err, integrations.ErrNotConnected)
	_, err = w.link("m1", fields)
	require.ErrorIs(t, err, integrations.ErrNotConnected)
	w.connect()
	list, err := w.X.Choices(t.Context(), w.Ann, w.of)
	require.NoError(t, err)
	require.Equal(t, []integrations.Choice{{ID: "-2", Name: "Loonstrook"}, {ID: "15", Name: "Curriculum Vitae"}, {ID: "27", Name: "Chatgesprek"}}, list)
	for range 3 {
		id, err := w.link("m1", fields)
		require.NoError(t, err)
		require.Equal(t, "48761", id)
	}
	require.Equal(t, []afastest.Item{{ID: "48761", Type: 27, Subject: "Chat: Sales / Acme", Text: "alice: hello", Date: "2026-03-01T09:00:00", Link: "17/000256"}}, w.srv.Items())

	for _, bad := range []string{``, `[]`, `{"type":"99"}`, `{"url":"x"}`} {
		_, err = w.X.Save(t.Context(), w.Ann, w.of, json.RawMessage(bad))
		require.ErrorIs(t, err, chatadmin.ErrInvalid, bad)
	}
	_, err = w.X.Save(t.Context(), w.Ann, w.of, json.RawMessage(`{"type":"15"}`))
	require.NoError(t, err)
	id, err := w.link("m2", map[string]string{"subject": "Short"})
	require.NoError(t, err)
	require.Equal(t, "48762", id)
	require.Equal(t, 15, w.srv.Items()[1].Type)
	w.srv.Connectors = w.srv.Connectors[1:]
	_, err = w.X.Save(t.Context(), w.Ann, w.of, json.RawMessage(`{}`))
	require.ErrorContains(t, err, "the app connector lacks KnSubject")

	_, err = w.X.Status(t.Context(), w.Boss, w.of)
	require.ErrorIs(t, err, chatadmin.ErrNotFound, "not even a domain admin sees a user's account")
	require.NoError(t, w.X.Disconnect(t.Context(), w.Ann, w.of))
	_, err = w.link("m3", fields)
	require.ErrorIs(t, err, integrations.ErrNotConnected)
}

func TestManyTypes(t *testing.T) {
	w := newWorld(t)
	for n := range 250 {
		w.srv.Types = append(w.srv.Types, afastest.Type{ID: 1000 + n, Description: "Type"})
	}
	w.connect()
	list, err := w.X.Choices(t.Context(), w.Ann, w.of)
	require.NoError(t, err)
	require.Len(t, list, 253)
}

func TestConnecting(t *testing.T) {
	w := newWorld(t)
	_, err := w.step("code", "12345678")
	require.ErrorIs(t, err, chatadmin.ErrInvalid, "a code comes first")
	_, err = w.step("api_key", "wrong-key", "environment_key", "other-wrong-key", "user", user)
	require.ErrorContains(t, err, "AFAS: The combination of API key *** and environment key *** is not valid.")
	_, err = w.step("api_key", afastest.APIKey, "environment_key", afastest.EnvironmentKey, "user", "nobody")
	require.ErrorContains(t, err, "has no e-mail address")
	_, err = w.step("api_key", afastest.APIKey, "environment_key", afastest.EnvironmentKey, "user", user)
	require.NoError(t, err)
	old := w.srv.Code(user)
	for _, code := range []string{"00000000", "12 34", "<x>", strings.Repeat("1", 40)} {
		_, err = w.step("code", code)
		require.Error(t, err, code)
		require.NotContains(t, err.Error(), afastest.APIKey)
	}
	_, err = w.step("code", old)
	require.NoError(t, err)
	_, err = w.step("code", old)
	require.Error(t, err, "once")
	st, err := w.X.Status(t.Context(), w.Ann, w.of)
	require.NoError(t, err)
	require.True(t, st.Connected)
	require.Equal(t, user, st.Account)

	rs, _, err := w.Store.ListRecords(t.Context(), storage.RecordQuery{Domain: w.Domain}, chatadmin.Page{Limit: 100})
	require.NoError(t, err)
	for _, r := range rs {
		for _, secret := range []string{afastest.APIKey, "<token>", "000000000000000000000000001"} {
			require.NotContains(t, string(r.Data), secret)
		}
	}
}

func TestEnvironments(t *testing.T) {
	w := newWorld(t)
	for _, bad := range []string{``, `[]`, `{"environment":""}`, `{"environment":null}`, `{"environment":"evil.example/"}`, `{"environment":"1.evil.example#"}`, `{"environment":"12345","kind":"rest"}`, `{"environment":"12345678901"}`, `{"environment":"１２３"}`, `{"environment":"12345","host":"x"}`} {
		require.ErrorIs(t, w.X.EnableService(t.Context(), w.Boss, "afas", json.RawMessage(bad)), chatadmin.ErrInvalid, bad)
	}
	for settings, host := range map[string]string{`{"environment":"12345"}`: "12345.rest.afas.online", `{"environment":"12345","kind":"test"}`: "12345.resttest.afas.online", `{"environment":"7","kind":"accept"}`: "7.restaccept.afas.online"} {
		var r *http.Request
		svc, err := afas.New(&afas.Options{Transport: roundTripper(func(got *http.Request) (*http.Response, error) {
			r = got
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(string(fixture(t, "subject_types.json")))), Request: got}, nil
		})})
		require.NoError(t, err)
		kept, err := svc.CheckDomain(json.RawMessage(settings))
		require.NoError(t, err)
		list, err := svc.Choices(t.Context(), &integrations.Connection{DomainSettings: kept, Token: integrations.Hide("<token>")})
		require.NoError(t, err)
		require.Len(t, list, 3)
		require.Equal(t, "https://"+host+"/ProfitRestServices/connectors/Profit_SubjectTypes?skip=0&take=100", r.URL.String())
		require.Equal(t, "AfasToken "+base64.StdEncoding.EncodeToString([]byte("<token>")), r.Header.Get("Authorization"))
		r = nil
		_, err = svc.Choices(t.Context(), &integrations.Connection{DomainSettings: []byte(`{"environment":"x.evil","kind":"test"}`), Token: integrations.Hide("<token>")})
		require.ErrorIs(t, err, chatadmin.ErrInvalid, "also what was stored")
		require.Nil(t, r)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	return b
}

// The keys are kept for an hour at most, if nobody redeems the code.
func TestKeysAreNotKept(t *testing.T) {
	w := newWorld(t)
	_, err := w.step("api_key", afastest.APIKey, "environment_key", afastest.EnvironmentKey, "user", user)
	require.NoError(t, err)
	w.Clock.Advance(time.Hour)
	_, err = w.step("code", w.srv.Code(user))
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	w.Deliver()
	rs, _, err := w.Store.ListRecords(t.Context(), storage.RecordQuery{Kind: "integration.step"}, chatadmin.Page{Limit: 10})
	require.NoError(t, err)
	require.Empty(t, rs)
}

// A connected user asks for a new code and mistypes it: the account goes on
// working.
func TestNewCodeKeepsTheAccount(t *testing.T) {
	w := newWorld(t)
	w.connect()
	_, err := w.step("api_key", afastest.APIKey, "environment_key", afastest.EnvironmentKey, "user", user)
	require.NoError(t, err)
	_, err = w.step("code", "WRONG")
	require.Error(t, err)
	_, err = w.link("m1", fields)
	require.NoError(t, err)
	_, err = w.step("code", w.srv.Code(user))
	require.NoError(t, err)
	rs, _, err := w.Store.ListRecords(t.Context(), storage.RecordQuery{Kind: "integration.step"}, chatadmin.Page{Limit: 10})
	require.NoError(t, err)
	require.Empty(t, rs, "once redeemed, the keys are gone")
}
