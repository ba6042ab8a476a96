package support_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/support"
)

func (w *world) serve() *httptest.Server {
	s := httptest.NewServer(w.x.Handler(func(r *http.Request) (chatadmin.ID, chatadmin.ID, error) {
		switch r.Header.Get("Session") {
		case "ann":
			return w.Domain, w.ann.Actor(), nil
		case "broken":
			return "", "", errors.New("the table of sessions is gone")
		}
		return "", "", chatadmin.ErrActor
	}))
	w.T.Cleanup(s.Close)
	return s
}

// form writes a form; each field is a name and a value, that of a log begins
// with its file name and a colon.
func form(t *testing.T, fields ...[2]string) (io.Reader, string) {
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	for _, f := range fields {
		var to io.Writer
		var err error
		name, content, isFile := strings.Cut(f[1], ":")
		if f[0] == "log" && isFile {
			to, err = m.CreateFormFile("log", name)
		} else {
			content = f[1]
			to, err = m.CreateFormField(f[0])
		}
		require.NoError(t, err)
		_, err = io.WriteString(to, content)
		require.NoError(t, err)
	}
	require.NoError(t, m.Close())
	return &body, m.FormDataContentType()
}

func post(t *testing.T, address, session, kind string, body io.Reader, answer any) int {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, address, body)
	require.NoError(t, err)
	r.Header.Set("Content-Type", kind)
	r.Header.Set("Session", session)
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, "no-store", resp.Header.Get("Cache-Control"))
	require.NoError(t, json.NewDecoder(resp.Body).Decode(answer))
	return resp.StatusCode
}

func TestHandler(t *testing.T) {
	w := newWorld(t)
	s := w.serve()
	fields := [][2]string{{"log", "client.log:password=hunter2\n"}, {"platform", "mac"}, {"from", "home@x.example"}, {"ticket", "7"}, {"log", `..\b.log:fine`}, {"description", "It hangs."}}
	body, kind := form(t, fields...)
	var preview support.Preview
	require.Equal(t, http.StatusOK, post(t, s.URL+"/preview", "ann", kind, body, &preview))
	require.Equal(t, "password=[redacted]\n", preview.Files[0].Sample)
	require.Equal(t, "b.log", preview.Files[1].Name)
	require.Zero(t, w.work(), "a preview sends nothing")

	body, kind = form(t, fields...)
	var sent support.ReportReply
	require.Equal(t, http.StatusCreated, post(t, s.URL+"/report", "ann", kind, body, &sent))
	require.Equal(t, support.Waiting, sent.State)
	require.Equal(t, 1, w.work())
	msg, _, zip := w.attached("report-" + string(sent.Report))
	require.Equal(t, "<home@x.example>", msg.Header.Get("Reply-To"))
	require.Equal(t, map[string]string{"client.log": "password=[redacted]\n", "b.log": "fine"}, unzip(t, zip))
}

func TestHandlerLevel(t *testing.T) {
	w := newWorld(t)
	s := w.serve()
	get := func() (r support.Reporting) {
		q, err := http.NewRequest(http.MethodGet, s.URL+"/level?platform=ios&client=phone", nil)
		require.NoError(t, err)
		q.Header.Set("Session", "ann")
		resp, err := http.DefaultClient.Do(q)
		require.NoError(t, err)
		defer resp.Body.Close()
		require.NoError(t, json.NewDecoder(resp.Body).Decode(&r))
		return r
	}
	require.Equal(t, support.ErrorsOnly, get().Level)
	var r support.Reporting
	values := url.Values{"platform": {"ios"}, "client": {"phone"}, "level": {"none"}}
	require.Equal(t, http.StatusOK, post(t, s.URL+"/level", "ann", "application/x-www-form-urlencoded", strings.NewReader(values.Encode()), &r))
	require.NotEmpty(t, r.Warning)
	require.Equal(t, support.None, get().Level)
	var refused support.ErrorReply
	values.Set("platform", "android")
	require.Equal(t, http.StatusBadRequest, post(t, s.URL+"/level", "ann", "application/x-www-form-urlencoded", strings.NewReader(values.Encode()), &refused))
	require.Contains(t, refused.Error.Message, "cannot be changed")
}

func TestHandlerRefuses(t *testing.T) {
	w := newWorld(t, func(o *support.Options) { o.MaxBytes, o.PerDay = 1<<20, 1 })
	s := w.serve()
	platform := [2]string{"platform", "ios"}
	for name, c := range map[string]struct {
		session string
		fields  [][2]string
		kind    string
		status  int
		code    string
	}{
		"nobody":        {"", [][2]string{platform}, "", http.StatusUnauthorized, "actor"},
		"no sessions":   {"broken", [][2]string{platform}, "", http.StatusInternalServerError, "internal"},
		"no form":       {"ann", [][2]string{platform}, "application/json", http.StatusBadRequest, "invalid"},
		"wrong fields":  {"ann", [][2]string{{"from", "x"}}, "", http.StatusBadRequest, "invalid"},
		"unknown field": {"ann", [][2]string{platform, {"to", "eve@x.example"}}, "", http.StatusBadRequest, "invalid"},
		"field twice":   {"ann", [][2]string{platform, platform}, "", http.StatusBadRequest, "invalid"},
		"zip":           {"ann", [][2]string{platform, {"log", "a.zip:PK\x03\x04"}}, "", http.StatusBadRequest, "invalid"},
		"large log":     {"ann", [][2]string{platform, {"log", "a:" + strings.Repeat("x", 1<<20+1)}}, "", http.StatusRequestEntityTooLarge, "too_large"},
		"large request": {"ann", [][2]string{platform, {"description", strings.Repeat("x", 2<<20)}}, "", http.StatusRequestEntityTooLarge, "too_large"},
	} {
		body, kind := form(t, c.fields...)
		if c.kind != "" {
			kind = c.kind
		}
		var refused support.ErrorReply
		require.Equal(t, c.status, post(t, s.URL+"/report", c.session, kind, body, &refused), "%s: %+v", name, refused)
		require.Equal(t, c.code, refused.Error.Code, name)
		require.NotContains(t, refused.Error.Message, "table of sessions")
		require.Equal(t, name == "wrong fields", len(refused.Error.Fields) == 2, name)
	}
	var refused support.ErrorReply
	body, kind := form(t, platform, [2]string{"log", "a:xyz"})
	require.Equal(t, http.StatusBadRequest, post(t, s.URL+"/report", "ann", kind, io.LimitReader(body, 200), &refused), "cut off")
	for _, want := range []int{http.StatusCreated, http.StatusTooManyRequests} {
		body, kind := form(t, platform)
		require.Equal(t, want, post(t, s.URL+"/report", "ann", kind, body, &refused))
	}
	closed := httptest.NewServer(w.x.Handler(nil))
	defer closed.Close()
	body, kind = form(t, platform)
	require.Equal(t, http.StatusInternalServerError, post(t, closed.URL+"/report", "ann", kind, body, &refused), "without Authenticate nobody comes in")
}
