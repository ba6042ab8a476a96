package mailchimp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/integrations"
	"chatadmin.example/sdk/integrations/integrationstest"
	"chatadmin.example/sdk/integrations/mailchimp"
	"chatadmin.example/sdk/integrations/mailchimp/mailchimptest"
)

// Webhooks are made, kept, mended and removed by comparison.
func TestWebhooks(t *testing.T) {
	w := newWorld(t, func(s *mailchimptest.Server) { s.AddAudiences(1200) })
	choices, err := w.X.Choices(t.Context(), w.Ann, w.Of("mailchimp"))
	require.NoError(t, err)
	require.Len(t, choices, 1203, "all pages")
	require.Equal(t, integrations.Choice{ID: list, Name: "Newsletter", Note: "120 contacts"}, choices[0])
	for _, bad := range []string{``, `{}`, `{"audiences":[]}`, `{"audiences":["nowhere"]}`, `{"audiences":["` + list + `"],"url":"https://evil.example"}`, `{"audiences":["` + list + `"],"name":"a\nb"}`} {
		require.ErrorIs(t, w.save(bad), chatadmin.ErrInvalid, bad)
	}
	require.Empty(t, w.srv.Webhooks(list))

	w.srv.AddWebhook(list, "https://other.example/hook") // somebody else's stays
	require.NoError(t, w.save(`{"audiences":["`+list+`","b7c6eb2165","`+list+`"]}`))
	first := w.srv.Webhooks(list)
	require.Len(t, first, 2)
	require.Len(t, w.srv.Webhooks("b7c6eb2165"), 1)
	require.NotEqual(t, first[1].URL, w.srv.Webhooks("b7c6eb2165")[0].URL, "each audience has an address of its own")
	st, err := w.X.Status(t.Context(), w.Ann, w.Of("mailchimp"))
	require.NoError(t, err)
	require.JSONEq(t, `{"audiences":[{"id":"a6b5da1054","name":"Newsletter"},{"id":"b7c6eb2165","name":"Product updates"}],"name":"Mailchimp"}`, string(st.Settings))

	posts := w.srv.Calls("POST /lists/" + list + "/webhooks")
	require.NoError(t, w.save(string(st.Settings)))
	require.Equal(t, first, w.srv.Webhooks(list), "kept")
	require.Equal(t, posts, w.srv.Calls("POST /lists/"+list+"/webhooks"))

	require.NoError(t, w.save(`{"audiences":["b7c6eb2165"]}`))
	require.Equal(t, first[:1], w.srv.Webhooks(list), "ours is removed")
	require.Equal(t, 404, w.send(first[1].URL, fixture(t, "webhook_subscribe.form")), "and its address is dead")

	require.NoError(t, w.X.Disconnect(t.Context(), w.Ann, w.Of("mailchimp")))
	w.Deliver()
	require.Empty(t, w.srv.Webhooks("b7c6eb2165"))
	require.Len(t, w.srv.Webhooks(list), 1)
}

// Interrupted wherever it may be, saving again ends with one webhook for each
// audience, and with its secret known.
func TestSavingIsSafeToRepeat(t *testing.T) {
	for _, signing := range []bool{false, true} {
		for _, at := range []string{"GET /lists", "GET /lists/" + list + "/webhooks", "POST /lists/" + list + "/webhooks", "POST /lists/b7c6eb2165/webhooks"} {
			for _, f := range []mailchimptest.Fault{{Lost: true}, {Status: 503}, {Status: 429, RetryAfter: 7}, {Status: 403, Bare: true}} {
				w := newWorld(t, func(s *mailchimptest.Server) { s.Signing = signing })
				once := true
				w.srv.SetFault(func(call string) mailchimptest.Fault {
					if call == at && once {
						once = false
						return f
					}
					return mailchimptest.Fault{}
				})
				err := w.save(`{"audiences":["` + list + `","b7c6eb2165"]}`)
				if !f.Lost || strings.HasPrefix(at, "POST") { // net/http itself repeats a GET
					var p *integrations.ProviderError
					require.ErrorAs(t, err, &p)
					require.True(t, p.Again)
					require.NotContains(t, err.Error(), "http")
					if f.RetryAfter > 0 {
						require.Equal(t, 7*time.Second, p.After)
					}
				}
				require.NoError(t, w.save(`{"audiences":["`+list+`","b7c6eb2165"]}`))
				require.Len(t, w.srv.Webhooks(list), 1, "%s %+v", at, f)
				require.Len(t, w.srv.Webhooks("b7c6eb2165"), 1)
				w.fire(fixture(t, "webhook_subscribe.form"))
				w.Deliver()
				require.Len(t, w.texts(), 1)
				if signing {
					require.Equal(t, 401, w.send(w.srv.Webhooks(list)[0].URL, fixture(t, "webhook_subscribe.form")), "the secret is known")
				}
			}
		}
	}
}

// The body by which a webhook is made is that of the documentation, and what
// the documentation answers is understood.
func TestWebhookRequest(t *testing.T) {
	srv := mailchimptest.NewServer()
	t.Cleanup(srv.Close)
	o := srv.Options()
	bodies := map[string]string{}
	o.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/webhooks") {
			return http.DefaultTransport.RoundTrip(r)
		}
		require.Equal(t, "application/json", r.Header.Get("Content-Type"))
		b, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		bodies[r.URL.Path] = string(b)
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(fixture(t, "webhook_create_response.json"))), Request: r}, nil
	})
	svc, err := mailchimp.New(o)
	require.NoError(t, err)
	w := &world{integrationstest.New(t, nil, svc), t, srv}
	w.Connect(w.Of("mailchimp"), srv.Authorise)
	require.NoError(t, w.save(`{"audiences":["`+list+`"]}`))
	var sent struct{ URL string }
	body := bodies["/3.0/lists/"+list+"/webhooks"]
	require.NoError(t, json.Unmarshal([]byte(body), &sent))
	want := strings.Replace(string(fixture(t, "webhook_create_request.json")), "https://chat.example.com/hooks/mailchimp/3f0c1f9e2b7d4c51a6", sent.URL, 1)
	require.JSONEq(t, want, body)
	form := fixture(t, "webhook_subscribe.form")
	require.Equal(t, 401, w.send(sent.URL, form))
	at := "1772355600"
	require.Equal(t, w.Clock.Now().Unix(), int64(1772355600))
	require.Equal(t, 200, w.send(sent.URL, form, "X-Mailchimp-Signature", "t="+at+",v1="+mailchimp.Sign("example-signing-secret", at, form)), "by the secret that the answer told")
}

// The group is deleted: its webhooks are removed at Mailchimp, and if it does
// not answer, later.
func TestGroupDeleted(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.save(`{"audiences":["`+list+`","b7c6eb2165"]}`))
	down := true
	w.srv.SetFault(func(string) mailchimptest.Fault {
		if down {
			return mailchimptest.Fault{Status: 503, Bare: true}
		}
		return mailchimptest.Fault{}
	})
	plan, err := w.Ann.PlanDeleteGroup(t.Context(), w.Group)
	require.NoError(t, err)
	_, err = w.Ann.ApplyDeleteGroup(t.Context(), plan, nil)
	require.NoError(t, err)
	for range 5 {
		w.Deliver()
		w.Clock.Advance(time.Hour)
	}
	require.Len(t, w.srv.Webhooks(list), 1)
	down = false
	w.Deliver()
	require.Empty(t, w.srv.Webhooks(list))
	require.Empty(t, w.srv.Webhooks("b7c6eb2165"))
}

// Authenticating again keeps all; with another account it begins anew, and the
// old one's webhooks are removed.
func TestAnotherAccount(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.save(`{"audiences":["`+list+`"]}`))
	before := w.srv.Webhooks(list)
	st := w.Connect(w.Of("mailchimp"), w.srv.Authorise)
	w.Deliver()
	require.Equal(t, "saved", st.State)
	require.Equal(t, before, w.srv.Webhooks(list))
	w.srv.Account++
	st = w.Connect(w.Of("mailchimp"), w.srv.Authorise)
	require.Equal(t, "draft", st.State)
	require.True(t, st.Connected)
	w.Deliver()
	require.Empty(t, w.srv.Webhooks(list))
	require.NoError(t, w.save(`{"audiences":["`+list+`"]}`))
	require.NotEqual(t, before[0].URL, w.srv.Webhooks(list)[0].URL)
}

// Disconnected while Mailchimp was down, and connected anew since: what is
// still to be ended leaves the new webhook alone.
func TestReconnectedBeforeTheEnd(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.save(`{"audiences":["`+list+`"]}`))
	old := w.srv.Webhooks(list)[0].URL
	down := true
	w.srv.SetFault(func(string) mailchimptest.Fault {
		if down {
			return mailchimptest.Fault{Status: 503}
		}
		return mailchimptest.Fault{}
	})
	require.NoError(t, w.X.Disconnect(t.Context(), w.Ann, w.Of("mailchimp")))
	down = false
	w.Connect(w.Of("mailchimp"), w.srv.Authorise)
	require.NoError(t, w.save(`{"audiences":["`+list+`"]}`))
	w.Clock.Advance(time.Hour)
	w.Deliver()
	require.Len(t, w.srv.Webhooks(list), 1)
	require.NotEqual(t, old, w.srv.Webhooks(list)[0].URL)
	w.fire(fixture(t, "webhook_subscribe.form"))
	w.Deliver()
	require.Len(t, w.texts(), 1)
}

// An answer of 200 that does not name what was made, or whose account it is,
// does not count.
func TestAnswersThatNameNothing(t *testing.T) {
	made := `{}`
	svc, err := mailchimp.New(&mailchimp.Options{ClientID: "1", ClientSecret: integrations.Hide("s"), Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		body := `{"access_token":"t","expires_in":0}`
		switch {
		case r.URL.Path == "/oauth2/metadata":
			body = `{"dc":"us1","accountname":"x"}`
		case r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/webhooks"):
			body = made
		case r.URL.Path == "/3.0/lists":
			body = `{"lists":[{"id":"a1","name":"A"}],"total_items":1}`
		case strings.HasSuffix(r.URL.Path, "/webhooks"):
			body = `{"webhooks":[]}`
		}
		return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	})})
	require.NoError(t, err)
	_, err = svc.Connect(t.Context(), nil, integrations.Step{Code: integrations.Hide("c")})
	require.ErrorContains(t, err, "names no account")

	hook := &integrations.Hook{URL: integrations.Hide("https://chat.example.com/hook")}
	c := &integrations.Connection{Account: []byte(`{"dc":"us1"}`), Settings: []byte(`{"audiences":["a1"]}`), Hooks: map[string]*integrations.Hook{"a1": hook}, Keep: func(context.Context) error { return nil }}
	err = svc.Save(t.Context(), c)
	require.ErrorIs(t, err, integrations.ErrUnsure)
	made = `{"id":"w1"}`
	require.NoError(t, svc.Save(t.Context(), c))
	require.Equal(t, "w1", hook.ProviderID)
}
