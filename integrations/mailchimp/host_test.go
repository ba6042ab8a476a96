package mailchimp_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/integrations"
	"chatadmin.example/sdk/integrations/integrationstest"
	"chatadmin.example/sdk/integrations/mailchimp"
	"chatadmin.example/sdk/integrations/mailchimp/mailchimptest"
)

// The data centre is used only in its known form, and the address that the
// metadata name is not used at all.
func TestDataCentre(t *testing.T) {
	for _, dc := range []string{"", "evil.example/", "us1.evil.example", "us1@evil", "US1", "us1234", "../us1"} {
		srv := mailchimptest.NewServer()
		srv.DC = dc
		svc, err := mailchimp.New(srv.Options())
		require.NoError(t, err)
		w := integrationstest.New(t, nil, svc)
		of := w.Of("mailchimp")
		require.NoError(t, w.X.EnableService(t.Context(), w.Boss, "mailchimp", nil))
		_, err = w.X.Draft(t.Context(), w.Ann, of)
		require.NoError(t, err)
		next, err := w.X.Connect(t.Context(), w.Ann, of, nil)
		require.NoError(t, err)
		back, err := srv.Authorise(next.URL.Reveal())
		require.NoError(t, err)
		code, text := w.Browser(w.Ann, back)
		require.Equal(t, 400, code)
		require.Contains(t, text, "no data centre")
		srv.Close()
	}
}

// The real hosts: what is asked of which.
func TestRealHosts(t *testing.T) {
	var hosts []string
	o := &mailchimp.Options{ClientID: "1", ClientSecret: integrations.Hide("s"), Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		hosts = append(hosts, r.Method+" "+r.URL.Host+r.URL.Path)
		body := `{"access_token":"t","expires_in":0,"scope":null}`
		switch r.URL.Path {
		case "/oauth2/metadata":
			body = string(fixture(t, "oauth_metadata.json"))
			require.Equal(t, "OAuth t", r.Header.Get("Authorization"))
		case "/3.0/lists":
			body = string(fixture(t, map[string]string{"0": "lists_page1.json", "2": "lists_page2.json"}[r.URL.Query().Get("offset")]))
			require.Equal(t, "Bearer t", r.Header.Get("Authorization"))
		}
		return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	})}
	svc, err := mailchimp.New(o)
	require.NoError(t, err)
	next, err := svc.Connect(t.Context(), nil, integrations.Step{State: integrations.Hide("s"), Redirect: "https://chat.example/callback/mailchimp"})
	require.NoError(t, err)
	require.Equal(t, "https://login.mailchimp.com/oauth2/authorize?client_id=1&redirect_uri=https%3A%2F%2Fchat.example%2Fcallback%2Fmailchimp&response_type=code&state=s", next.URL.Reveal())
	next, err = svc.Connect(t.Context(), nil, integrations.Step{Code: integrations.Hide("c"), Redirect: "https://chat.example/callback/mailchimp"})
	require.NoError(t, err)
	choices, err := svc.Choices(t.Context(), &integrations.Connection{Account: next.Grant.Account, Token: next.Grant.Token})
	require.NoError(t, err)
	require.Len(t, choices, 3)
	require.Equal(t, []string{"POST login.mailchimp.com/oauth2/token", "GET login.mailchimp.com/oauth2/metadata", "GET us1.api.mailchimp.com/3.0/lists", "GET us1.api.mailchimp.com/3.0/lists"}, hosts)
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// What Mailchimp says reaches the admin in its own words, without our address
// in them.
func TestProvidersWords(t *testing.T) {
	w := newWorld(t)
	w.HTTP.Config.Handler = http.NotFoundHandler() // the address does not answer
	err := w.save(`{"audiences":["` + list + `"]}`)
	require.ErrorContains(t, err, "Mailchimp: We couldn't verify the URL is working. Please double check and try again. HTTP Code: 404 (400)")
	w = newWorld(t)
	w.srv.SetFault(func(call string) mailchimptest.Fault {
		if strings.HasPrefix(call, "POST") {
			return mailchimptest.Fault{Status: 400, Detail: "bad\r\n\x00thing"}
		}
		return mailchimptest.Fault{}
	})
	err = w.save(`{"audiences":["` + list + `"]}`)
	require.ErrorContains(t, err, "thing (400)")
	require.NotContains(t, err.Error(), "\n")
	w.srv.SetFault(nil)
	require.NoError(t, w.save(`{"audiences":["`+list+`"]}`))
	address := w.srv.Webhooks(list)[0].URL
	w.srv.SetFault(func(call string) mailchimptest.Fault {
		if strings.HasPrefix(call, "GET /lists/") {
			return mailchimptest.Fault{Status: 400, Detail: strings.Repeat("-", 80) + address}
		}
		return mailchimptest.Fault{}
	})
	err = w.save(`{"audiences":["` + list + `"]}`)
	require.ErrorContains(t, err, "(the webhook's address) (400)")
	w.srv.SetFault(nil)
	w.srv.RevokeAll()
	err = w.save(`{"audiences":["` + list + `"]}`)
	require.ErrorIs(t, err, integrations.ErrNotConnected)
	require.ErrorContains(t, err, "authenticate with Mailchimp again")
}
