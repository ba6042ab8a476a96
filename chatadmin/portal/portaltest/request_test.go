package portaltest

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"

	"github.com/stretchr/testify/require"
)

// send makes a request as the boss, without a browser, and follows nothing.
func (s *site) send(method, path, kind string, body io.Reader) *http.Response {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+"/admin"+path, body)
	require.NoError(s.t, err)
	r.Header.Set("Content-Type", kind)
	r.AddCookie(s.session(s.boss.ID))
	res, err := http.DefaultTransport.RoundTrip(r)
	require.NoError(s.t, err)
	return res
}

// leads is the path that an answer leads to.
func (s *site) leads(res *http.Response) string {
	s.t.Helper()
	text, err := io.ReadAll(res.Body)
	require.NoError(s.t, err)
	require.NoError(s.t, res.Body.Close())
	require.Equal(s.t, http.StatusSeeOther, res.StatusCode, string(text))
	return strings.TrimPrefix(res.Header.Get("Location"), "/admin")
}

// post does something as the boss, and returns the path that it leads to.
func (s *site) post(path string, fields ...string) string {
	s.t.Helper()
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Add(fields[i], fields[i+1])
	}
	return s.leads(s.send(http.MethodPost, path, "application/x-www-form-urlencoded", strings.NewReader(form.Encode())))
}

// uploaded is the page of a file that the boss has uploaded.
func (s *site) uploaded(name, file string) string {
	s.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	require.NoError(s.t, form.WriteField("mode", "update"))
	part, err := form.CreateFormFile("file", name)
	require.NoError(s.t, err)
	_, err = io.WriteString(part, file)
	require.NoError(s.t, err)
	require.NoError(s.t, form.Close())
	return s.leads(s.send(http.MethodPost, "/imports", form.FormDataContentType(), &body))
}

// start is "Import Now" on the page of an upload.
func (s *site) start(at string) {
	s.t.Helper()
	page := s.source(s.session(s.boss.ID), s.url+"/admin"+at)
	_, after, ok := strings.Cut(page, `name="plan" value="`)
	require.True(s.t, ok, page)
	plan, _, _ := strings.Cut(after, `"`)
	s.post(at+"/start", "plan", plan)
}

// authorise connects a service at its provider, as the boss.
func (s *site) authorise(at string) {
	s.t.Helper()
	res := s.send(http.MethodPost, at+"/connect", "application/x-www-form-urlencoded", nil)
	text, err := io.ReadAll(res.Body)
	require.NoError(s.t, err)
	require.NoError(s.t, res.Body.Close())
	_, after, ok := strings.Cut(string(text), `content="0; url=`)
	require.True(s.t, ok, string(text))
	to, _, _ := strings.Cut(after, `"`)
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, strings.ReplaceAll(to, "&amp;", "&"), nil)
	require.NoError(s.t, err)
	r.AddCookie(s.session(s.boss.ID))
	client := &http.Client{CheckRedirect: func(next *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(next.URL.String(), s.url) {
			next.AddCookie(s.session(s.boss.ID))
		}
		return nil
	}}
	back, err := client.Do(r)
	require.NoError(s.t, err)
	require.NoError(s.t, back.Body.Close())
	require.Equal(s.t, http.StatusOK, back.StatusCode)
}
