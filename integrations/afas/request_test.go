package afas_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/integrations"
	"chatadmin.example/sdk/integrations/afas"
	"chatadmin.example/sdk/integrations/afas/afastest"
)

// The bodies of requests are those of the documentation, field by field.
func TestRequests(t *testing.T) {
	bodies := map[string]string{}
	svc, err := afas.New(&afas.Options{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		b, _ := io.ReadAll(r.Body)
		path := strings.TrimPrefix(r.URL.Path, "/ProfitRestServices/")
		bodies[path] = string(b)
		require.Equal(t, "application/json", r.Header.Get("Content-Type"))
		answer := map[string][]byte{"OtpRequest": nil, "OtpValidation": fixture(t, "otp_validation_response.json"), "connectors/KnSubject": fixture(t, "knsubject_post_response.json")}[path]
		return &http.Response{StatusCode: 201, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(string(answer))), Request: r}, nil
	})})
	require.NoError(t, err)
	c := &integrations.Connection{DomainSettings: []byte(`{"environment":"12345","kind":"production"}`)}
	next, err := svc.Connect(t.Context(), c, integrations.Step{Answers: map[string]integrations.Secret{"api_key": integrations.Hide(afastest.APIKey), "environment_key": integrations.Hide(afastest.EnvironmentKey), "user": integrations.Hide(user)}})
	require.NoError(t, err)
	require.JSONEq(t, string(fixture(t, "otp_request.json")), bodies["OtpRequest"])
	c.Kept = next.Keep
	next, err = svc.Connect(t.Context(), c, integrations.Step{Answers: map[string]integrations.Secret{"code": integrations.Hide("34264813")}})
	require.NoError(t, err)
	require.JSONEq(t, string(fixture(t, "otp_validation_request.json")), bodies["OtpValidation"])
	require.Equal(t, "<token><version>1</version><data>AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA</data></token>", next.Grant.Token.Reveal(), "without the line break")
	c.Token = next.Grant.Token
	sent, err := svc.Send(t.Context(), c, integrations.Outgoing{Op: integrations.Posted, Text: "[10:01] alice: hello\n[10:02] bob: hi", Queued: time.Date(2026, 1, 22, 10, 0, 0, 0, time.UTC), Fields: fields})
	require.NoError(t, err)
	require.Equal(t, "48761", sent.ID)
	require.JSONEq(t, string(fixture(t, "knsubject_post.json")), bodies["connectors/KnSubject"])
}

func TestErrors(t *testing.T) {
	for name, c := range map[string]struct {
		fault      afastest.Fault
		want       string
		again      bool
		unsure     bool
		signIn     bool
		after      time.Duration
		laterWorks bool
	}{
		"wrong value": {fault: afastest.Fault{Status: 500, Body: string(fixture(t, "error_500.json"))}, want: "AFAS: The entered value for 'Employee' does not exist. (500)", laterWorks: true},
		"maintenance": {fault: afastest.Fault{Status: 503, Body: string(fixture(t, "error_503.json"))}, again: true, after: 2 * time.Hour, laterWorks: true,
			want: "AFAS: Service temporarily unavailable due to scheduled maintenance. Please check afasstatus.nl for details. (503); it asks to wait for 2h0m0s"},
		"text":           {fault: afastest.Fault{Status: 503, Body: `{"error":{"message":"closed"},"retry_after":"7"}`}, again: true, after: 7 * time.Second, want: "AFAS: closed (503); it asks to wait for 7s", laterWorks: true},
		"limit":          {fault: afastest.Fault{Status: 429}, again: true, want: "too many requests", laterWorks: true},
		"token":          {fault: afastest.Fault{Status: 401}, signIn: true, want: "request a new one", laterWorks: true},
		"no words":       {fault: afastest.Fault{Status: 500, Body: "<html>"}, again: true, unsure: true, want: "not available"},
		"lost":           {fault: afastest.Fault{Lost: true}, again: true, unsure: true, want: "it cannot be reached"},
		"not found":      {fault: afastest.Fault{Status: 404, Body: `null`}, want: "the request was refused (404)", laterWorks: true},
		"endless wait":   {fault: afastest.Fault{Status: 503, Body: `{"retry_after":99999999999999999999}`}, again: true, want: "not available", laterWorks: true},
		"words in lines": {fault: afastest.Fault{Status: 500, Body: `{"externalMessage":"a\r\nb\u0000c"}`}, want: "AFAS: a  b c (500)", laterWorks: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.connect()
			once := true
			w.srv.SetFault(func(call string) afastest.Fault {
				if once && call == "POST /connectors/KnSubject" {
					once = false
					return c.fault
				}
				return afastest.Fault{}
			})
			_, err := w.link("m1", fields)
			var p *integrations.ProviderError
			require.ErrorAs(t, err, &p)
			require.ErrorContains(t, err, c.want)
			require.Equal(t, []any{c.again, c.unsure, c.signIn, c.after}, []any{p.Again, p.Unsure, p.SignIn, p.After})
			_, err = w.link("m1", fields)
			if c.laterWorks {
				require.NoError(t, err)
				require.Len(t, w.srv.Items(), 1)
				return
			}
			require.ErrorIs(t, err, integrations.ErrUnsure, "nobody knows whether it is there")
			require.LessOrEqual(t, len(w.srv.Items()), 1)
			_, err = w.link("m1-again", fields)
			require.NoError(t, err)
		})
	}
}

func TestFields(t *testing.T) {
	w := newWorld(t)
	w.connect()
	for _, f := range []map[string]string{nil, {"type": "27"}, {"type": "x", "subject": "s"}, {"type": "27", "subject": strings.Repeat("s", 251)}, {"type": "27", "subject": "s", "link_type": "17"}, {"type": "27", "subject": "s", "url": "x"}} {
		_, err := w.link("m1", f)
		require.ErrorIs(t, err, chatadmin.ErrInvalid, "%v", f)
	}
	_, err := w.link("", fields)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	_, err = w.link("m1", fields)
	require.NoError(t, err, "a refused one has used nothing up")
	_, err = w.link("m9", map[string]string{"type": "99", "subject": "s"})
	require.ErrorContains(t, err, "does not exist")
}

// FuzzRefusal gives whatever AFAS may answer to a request that needs an answer.
func FuzzRefusal(f *testing.F) {
	for _, name := range []string{"error_500.json", "error_503.json", "metainfo.json", "otp_validation_response.json"} {
		f.Add(500, fixture(f, name))
		f.Add(200, fixture(f, name))
	}
	f.Add(503, []byte(`{"error":{"message":{"example":{}}},"retry_after":-1}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if status = 200 + (status%400+400)%400; status == 304 {
			status = 200
		}
		svc, err := afas.New(&afas.Options{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(string(body))), Request: r}, nil
		})})
		require.NoError(t, err)
		c := &integrations.Connection{DomainSettings: []byte(`{"environment":"12345","kind":"production"}`), Token: integrations.Hide("the-secret-token-of-ann")}
		_, err = svc.Send(t.Context(), c, integrations.Outgoing{Op: integrations.Posted, Text: "x", Fields: fields})
		if err != nil {
			var p *integrations.ProviderError
			require.ErrorAs(t, err, &p)
			require.GreaterOrEqual(t, p.After, time.Duration(0))
			require.Less(t, len(err.Error()), 500)
			require.NotContains(t, err.Error(), "the-secret-token-of-ann")
			require.False(t, strings.ContainsAny(err.Error(), "\r\n\x00"))
		}
		_, _ = svc.Choices(t.Context(), c)
	})
}
