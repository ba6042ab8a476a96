package integrations_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/integrations"
)

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
