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
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/signin"
)

const (
	login    = "ann@acme.example"
	password = "correct horse"
)

// browser keeps cookies, as browsers do.
type browser struct {
	t      *testing.T
	client *http.Client
	url    string
}

func newBrowser(t *testing.T, site *httptest.Server) *browser {
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	c := *site.Client()
	c.Jar = jar
	return &browser{t, &c, site.URL}
}

func (b *browser) post(path string, form ...string) (int, string) {
	b.t.Helper()
	v := url.Values{}
	for i := 0; i < len(form); i += 2 {
		v.Set(form[i], form[i+1])
	}
	res, err := b.client.PostForm(b.url+path, v)
	require.NoError(b.t, err)
	defer func() { _ = res.Body.Close() }()
	require.Equal(b.t, "no-store", res.Header.Get("Cache-Control"))
	body, err := io.ReadAll(res.Body)
	require.NoError(b.t, err)
	return res.StatusCode, string(body)
}

func (b *browser) login() (int, string) {
	b.t.Helper()
	return b.post("/login", "login", login, "password", password)
}

// cookie is the value of a cookie.
func (b *browser) cookie(name string) string {
	u, err := url.Parse(b.url)
	require.NoError(b.t, err)
	for _, c := range b.client.Jar.Cookies(u) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

func find(t *testing.T, body, pattern string) string {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(body)
	require.NotNil(t, m, body)
	return m[1]
}

func TestLogin(t *testing.T) {
	clock := chatadmintest.NewClock(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC))
	s, err := newServer(context.Background(), clock.Now, map[string]string{login: password})
	require.NoError(t, err)
	site := httptest.NewTLSServer(s.handler())
	defer site.Close()
	b := newBrowser(t, site)
	for _, wrong := range [][2]string{{login, "wrong"}, {"nobody@acme.example", password}, {"", ""}, {"boss@acme.example", ""}} {
		status, body := b.post("/login", "login", wrong[0], "password", wrong[1])
		require.Equal(t, http.StatusUnauthorized, status)
		require.Contains(t, body, "That did not work.")
	}

	// The first time: a QR code. Loading the page again, or typing something
	// else, shows the same one; another browser gets its own.
	_, body := b.login()
	require.Contains(t, body, "data:image/png;base64,")
	secret := find(t, body, `id="secret">([A-Z2-7]{32})<`)
	challenge := find(t, body, `name="challenge" value="([^"]+)"`)
	code := func() string {
		code, err := totp.GenerateCode(secret, clock.Now())
		require.NoError(t, err)
		return code
	}
	_, body = b.login()
	require.Contains(t, body, secret)
	_, body = newBrowser(t, site).login()
	require.NotContains(t, body, secret)
	for typed, said := range map[string]string{"12345": "That is not a code", "000000": "That code is wrong"} {
		status, body := b.post("/code", "challenge", challenge, "code", typed)
		require.Equal(t, http.StatusUnauthorized, status)
		require.Contains(t, body, secret)
		require.Contains(t, body, said)
	}
	status, body := b.post("/code", "challenge", challenge, "code", code()[:3]+" "+code()[3:])
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, "Signed in as")
	require.Empty(t, b.cookie(trustCookie), "nobody asked to be remembered")

	// The second time: a code, which is another one, and this browser is
	// remembered.
	_, body = b.post("/logout")
	require.NotContains(t, body, "Signed in as")
	_, body = b.login()
	require.NotContains(t, body, "data:image/png")
	challenge = find(t, body, `name="challenge" value="([^"]+)"`)
	_, body = b.post("/code", "challenge", challenge, "code", code(), "remember", "1")
	require.Contains(t, body, "That code is wrong", "it was used")
	clock.Advance(30 * time.Second)
	_, body = b.post("/code", "challenge", challenge, "code", code(), "remember", "1")
	require.Contains(t, body, "Signed in as")
	_, body = b.post("/code", "challenge", challenge, "code", code())
	require.Contains(t, body, "Sign in again.")

	// From then on it is not asked; another browser is, and so is this one with
	// a stolen, older cookie.
	for range 3 {
		old := b.cookie(trustCookie)
		b.post("/logout")
		_, body = b.login()
		require.Contains(t, body, "Signed in as")
		require.NotEqual(t, old, b.cookie(trustCookie))
		clock.Advance(time.Hour)
	}
	_, body = newBrowser(t, site).login()
	require.Contains(t, body, `name="challenge"`)
	clock.Advance(30 * 24 * time.Hour)
	_, body = b.login()
	require.Contains(t, body, `name="challenge"`, "30 days are over")
}

// Access that ends ends the session: at the next request, and in the worker for
// sessions that make none.
func TestEndedAccess(t *testing.T) {
	s, err := newServer(t.Context(), time.Now, map[string]string{login: password})
	require.NoError(t, err)
	site := httptest.NewTLSServer(s.handler())
	defer site.Close()
	host := s.admin.AsHost(s.domain)
	u, err := host.UserByLogin(t.Context(), login)
	require.NoError(t, err)
	b := newBrowser(t, site)
	home := func() int {
		t.Helper()
		res, err := b.client.Get(site.URL)
		require.NoError(t, err)
		_ = res.Body.Close()
		return res.StatusCode
	}
	enter := func() string { // as after a right code
		token := s.sessions.start(signin.Decision{User: u})
		at, err := url.Parse(site.URL)
		require.NoError(t, err)
		b.client.Jar.SetCookies(at, []*http.Cookie{{Name: sessionCookie, Value: token, Secure: true}})
		return token
	}
	for _, end := range []func(context.Context, ...chatadmin.ID) ([]chatadmin.User, error){host.DenyAccess, host.DeactivateUsers} {
		asked, silent := enter(), s.sessions.start(signin.Decision{User: u})
		require.Equal(t, http.StatusOK, home())
		_, err = end(t.Context(), u.ID)
		require.NoError(t, err)
		require.Equal(t, http.StatusForbidden, home())
		require.Empty(t, b.cookie(sessionCookie))
		_, alive := s.sessions.find(asked)
		require.False(t, alive)
		_, err = s.gate.EndSessions(t.Context())
		require.NoError(t, err)
		_, alive = s.sessions.find(silent)
		require.False(t, alive)
		_, err = host.GrantAccess(t.Context(), u.ID)
		require.NoError(t, err)
	}
}

// Behind a proxy that ends TLS the cookies are Secure, as the site's address
// says; no header of a request changes it.
func TestSecureCookie(t *testing.T) {
	for _, secure := range []bool{true, false} {
		s, err := newServer(t.Context(), time.Now, nil)
		require.NoError(t, err)
		s.secure = secure
		r := httptest.NewRequest(http.MethodPost, "/logout", nil)
		r.Header.Set("X-Forwarded-Proto", "https")
		w := httptest.NewRecorder()
		s.handler().ServeHTTP(w, r)
		require.Len(t, w.Result().Cookies(), 1)
		require.Equal(t, secure, w.Result().Cookies()[0].Secure)
	}
}

// The program serves until it is told to end.
func TestRun(t *testing.T) {
	at, err := net.Listen("tcp", "localhost:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, at, "https://chat.acme.example") }()
	res, err := http.Get("http://" + at.Addr().String())
	require.NoError(t, err)
	_ = res.Body.Close()
	require.Equal(t, http.StatusOK, res.StatusCode)
	stop()
	require.NoError(t, <-ended)
}

// A form on another site signs nobody in, and a request that is too large is
// cut off.
func TestForeignForm(t *testing.T) {
	s, err := newServer(context.Background(), time.Now, map[string]string{login: password})
	require.NoError(t, err)
	site := httptest.NewTLSServer(s.handler())
	defer site.Close()
	req, err := http.NewRequest("POST", site.URL+"/login", strings.NewReader(url.Values{"login": {login}, "password": {password}}.Encode()))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", "https://evil.example")
	res, err := site.Client().Do(req)
	require.NoError(t, err)
	_ = res.Body.Close()
	require.Equal(t, http.StatusForbidden, res.StatusCode)
	status, _ := newBrowser(t, site).post("/login", "login", login, "password", strings.Repeat("x", 1<<20))
	require.Equal(t, http.StatusUnauthorized, status)
}
