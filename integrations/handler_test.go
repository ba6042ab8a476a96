package integrations_test

import (
	"bytes"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/integrations/integrationstest"
)

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
	f.Add("PUT", "/hook/? a", []byte{})
	f.Fuzz(func(t *testing.T, method, path string, body []byte) {
		u, err := url.ParseRequestURI("/" + strings.TrimPrefix(path, "/"))
		if err != nil || strings.ContainsFunc(method, func(r rune) bool { return r < 'A' || r > 'Z' }) || method == "" {
			return
		}
		if path == "" {
			u.Path = right
		}
		before := len(records(t, w, "integration.in"))
		rec, r := httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), method, "/", bytes.NewReader(body))
		r.URL = u
		w.X.Handler().ServeHTTP(rec, r)
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
