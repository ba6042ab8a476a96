package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/password"
	"chatadmin.example/sdk/chatadmin/signin"
)

// browser is somebody in front of the page.
type browser struct {
	t    *testing.T
	base string
	http *http.Client
}

func (b *browser) open(path string, form url.Values, header ...string) (int, string) {
	b.t.Helper()
	method, body := http.MethodGet, io.Reader(nil)
	if form != nil {
		method, body = http.MethodPost, strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.base+path, body)
	require.NoError(b.t, err)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
	}
	res, err := b.http.Do(r)
	require.NoError(b.t, err)
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	require.NoError(b.t, err)
	require.Equal(b.t, "no-store", res.Header.Get("Cache-Control"))
	return res.StatusCode, string(text)
}

func (b *browser) login(login, password string) (int, string) {
	return b.open("/login", url.Values{"login": {login}, "password": {password}})
}

// From the mailed link to being signed out by an administrator, over HTTP.
func TestSite(t *testing.T) {
	mail := &chatadmintest.Mailbox{}
	// as cheap as can be
	s, err := newSite("https://chat.acme.example", mail, &password.Options{Params: password.Params{Memory: 64, Time: 1, Threads: 1}})
	require.NoError(t, err)
	require.NoError(t, s.found(t.Context()))
	server := httptest.NewTLSServer(s.handler())
	defer server.Close()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	client := server.Client()
	client.Jar = jar
	b := &browser{t, server.URL, client}

	// The link begins as configured, whatever a request claims to be for.
	_, page := b.open("/login", nil, "Host", "evil.example", "X-Forwarded-Host", "evil.example")
	require.NotContains(t, page, "evil")
	link := regexp.MustCompile(`https://chat\.acme\.example(/activate\?token=\S+)`).FindStringSubmatch(mail.To("boss@acme.example")[0].Text)
	require.NotNil(t, link)
	for range 3 { // opening it uses nothing up
		status, page := b.open(link[1], nil)
		require.Equal(t, http.StatusOK, status)
		require.Contains(t, page, "boss@acme.example")
	}
	token := strings.TrimPrefix(link[1], "/activate?token=")
	set := func(password string, header ...string) (int, string) {
		return b.open("/activate", url.Values{"token": {token}, "password": {password}}, header...)
	}
	status, _ := set("correct horse", "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example")
	require.Equal(t, http.StatusForbidden, status, "another site's form")
	status, page = set("short")
	require.Equal(t, http.StatusUnprocessableEntity, status)
	require.Contains(t, page, "at least 8")
	status, page = set("correct horse")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, page, `action="/login"`)
	status, _ = set("another one")
	require.Equal(t, http.StatusGone, status)
	status, _ = b.open(link[1], nil)
	require.Equal(t, http.StatusGone, status)
	status, _ = b.open("/activate?token=nonsense", nil)
	require.Equal(t, http.StatusGone, status)

	// Who does not come in sees the same, whoever they are.
	_, first := b.login("nobody@acme.example", "correct horse")
	for range 3 {
		status, page = b.login("boss@acme.example", "wrong")
		require.Equal(t, http.StatusUnauthorized, status)
		require.Equal(t, first, strings.ReplaceAll(page, "boss@", "nobody@"))
	}
	status, page = b.login("boss@acme.example", "correct horse")
	require.Equal(t, http.StatusUnauthorized, status, "locked")
	require.Equal(t, first, strings.ReplaceAll(page, "boss@", "nobody@"))
	status, _ = b.login("boss@acme.example", strings.Repeat("x", 1<<20))
	require.Equal(t, http.StatusUnauthorized, status)

	us, err := s.admin.AsHost(s.domain).UserByLogin(t.Context(), "boss@acme.example")
	require.NoError(t, err)
	require.NoError(t, s.gate.Unlock(t.Context(), s.admin.AsHost(s.domain), us.ID))
	status, page = b.login("boss@acme.example", "correct horse")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, page, "You are boss@acme.example")
	_, page = b.open("/logout", url.Values{})
	require.NotContains(t, page, "You are")
	_, page = b.open("/", nil)
	require.NotContains(t, page, "You are")

	// An administrator ends the access: the session ends with it.
	b.login("boss@acme.example", "correct horse")
	host := s.admin.AsHost(s.domain)
	_, err = host.CreateUser(t.Context(), chatadmin.NewUser{Login: "second@acme.example", Role: chatadmin.RoleAdmin})
	require.NoError(t, err)
	_, err = host.DenyAccess(t.Context(), us.ID)
	require.NoError(t, err)
	status, _ = b.open("/", nil)
	require.Equal(t, http.StatusForbidden, status, "before the host has heard of it")
	_, err = s.gate.EndSessions(t.Context())
	require.NoError(t, err)
	_, alive := s.sessions.find(sessionOf(jar, server.URL), signin.Web)
	require.False(t, alive)
	_, page = b.open("/", nil)
	require.Contains(t, page, `action="/login"`)
}

func sessionOf(jar http.CookieJar, base string) string {
	at, _ := url.Parse(base)
	for _, c := range jar.Cookies(at) {
		if c.Name == cookieName {
			return c.Value
		}
	}
	return ""
}

// Behind a proxy that ends TLS the cookie is Secure, as the site's address
// says; no header of a request changes it.
func TestSecureCookie(t *testing.T) {
	for base, secure := range map[string]bool{"https://chat.acme.example": true, "http://localhost:8080": false} {
		s, err := newSite(base, &chatadmintest.Mailbox{}, nil)
		require.NoError(t, err)
		for _, proto := range []string{"", "http", "https"} {
			r := httptest.NewRequest(http.MethodPost, "/logout", nil)
			r.Header.Set("X-Forwarded-Proto", proto)
			w := httptest.NewRecorder()
			s.handler().ServeHTTP(w, r)
			require.Len(t, w.Result().Cookies(), 1)
			require.Equal(t, secure, w.Result().Cookies()[0].Secure, "%s %s", base, proto)
		}
	}
}

// A session made for a phone does not serve a browser.
func TestSessionKinds(t *testing.T) {
	var s sessions
	token := s.start(signin.Decision{User: chatadmin.User{ID: "ann"}, Client: signin.IOS})
	_, ok := s.find(token, signin.Web)
	require.False(t, ok)
	_, ok = s.find(token, signin.IOS)
	require.True(t, ok)
	_, ok = s.find("", signin.Web)
	require.False(t, ok)
}

// The program serves until it is told to end.
func TestRun(t *testing.T) {
	at, err := net.Listen("tcp", "localhost:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := run(ctx, at, "", &chatadmintest.Mailbox{}); err != nil {
			t.Error(err)
		}
	})
	status, _ := (&browser{t, "http://" + at.Addr().String(), http.DefaultClient}).open("/login", nil)
	require.Equal(t, http.StatusOK, status)
	stop()
	wg.Wait()
}
