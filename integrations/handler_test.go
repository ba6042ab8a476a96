package integrations_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/integrations"
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

// FuzzHandler sends anything anywhere: nothing but the one right address and
// alarms in their form is accepted.
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

type brokenReads struct {
	chatadmin.Store
	err error
}

func (b *brokenReads) Records(ctx context.Context, keys []storage.Key) ([]storage.Record, error) {
	if b.err != nil {
		return nil, b.err
	}
	return b.Store.Records(ctx, keys)
}

// What a store says of itself is for the log, not for a browser that nobody has
// authenticated.
func TestCallbackHidesFaults(t *testing.T) {
	st := &brokenReads{Store: memstore.New(nil)}
	w, _, back := slackWorld(t, &integrationstest.Options{Store: st})
	st.err = errors.New("dial tcp 10.1.2.3:5432: user=chat database=prod: connection refused")
	rec := httptest.NewRecorder()
	w.X.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, back, nil))
	require.NotContains(t, rec.Body.String(), "10.1.2.3")
	require.Equal(t, http.StatusServiceUnavailable, rec.Code, "an outage is no bad request")
}

// strictStore notes what the contract forbids: strings that are no UTF-8 or
// have NUL, keys of more than 200 bytes, IDs of more than 64.
type strictStore struct {
	chatadmin.Store
	bad []string
}

func (s *strictStore) Records(ctx context.Context, keys []storage.Key) ([]storage.Record, error) {
	for _, k := range keys {
		for _, v := range []string{k.Kind, string(k.Domain), k.ID} {
			if !utf8.ValidString(v) || strings.Contains(v, "\x00") || len(k.ID) > 200 || len(k.Domain) > 64 || len(k.ID) == 0 {
				s.bad = append(s.bad, fmt.Sprintf("%q %q", k.Domain, k.ID))
				// as PostgreSQL says
				return nil, errors.New("ERROR: invalid byte sequence for encoding \"UTF8\": 0x00 (SQLSTATE 22021)")
			}
		}
	}
	return s.Store.Records(ctx, keys)
}

// Addresses that anybody can make up, and that no ID looks like, do not reach
// the store.
func TestMadeUpAddresses(t *testing.T) {
	st := &strictStore{Store: memstore.New(nil)}
	var log bytes.Buffer
	w, _, _ := slackWorld(t, &integrationstest.Options{Store: st, Admin: func(o *chatadmin.Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) }})
	for name, token := range map[string]string{"NUL": "a%00.b." + strings.Repeat("A", 43), "no UTF-8": "a%ff.b." + strings.Repeat("A", 43), "long": "a." + strings.Repeat("b", 205) + "." + strings.Repeat("A", 43)} {
		t.Run(name, func(t *testing.T) {
			log.Reset()
			require.Equal(t, 404, post(t, w.X, "/hook/slack/in/"+token, "{}").Code)
			require.Empty(t, log.String())
		})
	}
	t.Run("state", func(t *testing.T) {
		rec := browse(w.X, w.Ann, "/callback/slack?state="+url.QueryEscape("a\x00.b."+strings.Repeat("A", 43)))
		require.Equal(t, 400, rec.Code)
		require.NotContains(t, rec.Body.String(), "SQLSTATE")
	})
}

// prying takes its hook apart.
type prying struct {
	*Pager
	text string
}

func (p *prying) Save(ctx context.Context, c *integrations.Connection) error {
	p.text = fmt.Sprintf("%+v", c.Hooks["alarms"])
	return p.Pager.Save(ctx, c)
}

// A hook that is printed shows nothing of its secret.
func TestHookPrinted(t *testing.T) {
	pager, err := NewPager("http://127.0.0.1:1")
	require.NoError(t, err)
	p := &prying{Pager: pager}
	w := integrationstest.New(t, nil, p)
	require.NoError(t, w.X.EnableService(t.Context(), w.Boss, "pager", nil))
	ready(t, w)
	st, err := w.X.Status(t.Context(), w.Ann, w.Of("pager"))
	require.NoError(t, err)
	address := st.Webhook.Reveal()
	require.NotContains(t, p.text, address[strings.LastIndex(address, ".")+1:])
}
