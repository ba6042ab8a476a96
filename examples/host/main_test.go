package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"mime/multipart"
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
	"chatadmin.example/sdk/devices"
)

const people = "name,email/login\nAnn,ann@acme.example\nBen,ben@acme.example\nNobody,not an address\n"

// visitor is a browser that visits the host.
type visitor struct {
	t     *testing.T
	h     *host
	mails *chatadmintest.Mailbox
	web   *http.Client
	url   string
	text  string // of the latest answer
}

func visit(t *testing.T) *visitor {
	v := &visitor{t: t, mails: &chatadmintest.Mailbox{}}
	site := httptest.NewUnstartedServer(nil)
	var err error
	v.h, err = open(t.Context(), t.TempDir(), "https://"+site.Listener.Addr().String(), v.mails)
	require.NoError(t, err)
	t.Cleanup(func() { _ = v.h.db.Close() })
	site.Config.Handler = v.h.handler()
	site.StartTLS()
	t.Cleanup(site.Close)
	v.web, v.url = site.Client(), site.URL
	v.web.Jar, err = cookiejar.New(nil)
	require.NoError(t, err)
	return v
}

// do sends a request, wants a status, and returns what the answer holds.
func (v *visitor) do(want int, method, path, kind string, body io.Reader) map[string]any {
	v.t.Helper()
	req, err := http.NewRequestWithContext(v.t.Context(), method, v.url+path, body)
	require.NoError(v.t, err)
	req.Header.Set("Content-Type", kind)
	res, err := v.web.Do(req)
	require.NoError(v.t, err)
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	require.NoError(v.t, err)
	require.Equal(v.t, want, res.StatusCode, "%s %s: %s", method, path, text)
	v.text = string(text)
	if bytes.HasPrefix(text, []byte("[")) {
		text = append(append([]byte(`{"list":`), text...), '}')
	}
	answer := map[string]any{}
	require.NoError(v.t, json.Unmarshal(text, &answer))
	return answer
}

func (v *visitor) get(want int, path string) map[string]any {
	v.t.Helper()
	return v.do(want, http.MethodGet, path, "", nil)
}

func (v *visitor) form(want int, path string, fields ...string) map[string]any {
	v.t.Helper()
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return v.do(want, http.MethodPost, path, "application/x-www-form-urlencoded", strings.NewReader(form.Encode()))
}

func (v *visitor) json(want int, path string, body any) map[string]any {
	v.t.Helper()
	text, err := json.Marshal(body)
	require.NoError(v.t, err)
	return v.do(want, http.MethodPost, path, "application/json", bytes.NewReader(text))
}

// token returns that of the latest link to path that was mailed to the first
// administrator.
func (v *visitor) token(path string) string {
	v.t.Helper()
	_, err := v.h.admin.Work(v.t.Context())
	require.NoError(v.t, err)
	link := regexp.MustCompile(regexp.QuoteMeta(v.url+"/"+path) + `\?token=(\S+)`)
	token := ""
	for _, m := range v.mails.To("boss@acme.example") {
		if found := link.FindStringSubmatch(m.Text); found != nil {
			token = found[1]
		}
	}
	require.NotEmpty(v.t, token)
	return token
}

// enter follows the invitation of the first administrator and signs in, with an
// authenticator, from a browser that is remembered.
func (v *visitor) enter() {
	v.t.Helper()
	token := v.token("activate")
	require.Equal(v.t, "boss@acme.example", v.get(http.StatusOK, "/activate?token="+token)["login"])
	v.form(http.StatusUnprocessableEntity, "/activate", "token", token, "password", "short")
	v.form(http.StatusOK, "/activate", "token", token, "password", "correct horse")
	v.form(http.StatusNotFound, "/activate", "token", token, "password", "another horse")

	v.get(http.StatusUnauthorized, "/me")
	v.form(http.StatusUnauthorized, "/login", "login", "boss@acme.example", "password", "wrong horse")
	asked := v.form(http.StatusOK, "/login", "login", "boss@acme.example", "password", "correct horse")
	require.Contains(v.t, asked["qr"], "data:image/png;base64,")
	code, err := totp.GenerateCode(asked["secret"].(string), time.Now())
	require.NoError(v.t, err)
	v.form(http.StatusUnauthorized, "/code", "challenge", asked["challenge"].(string), "code", "000000")
	v.form(http.StatusOK, "/code", "challenge", asked["challenge"].(string), "code", code, "remember", "1")
	require.Equal(v.t, "boss@acme.example", v.get(http.StatusOK, "/me")["login"])
}

// upload sends a plan and its file.
func (v *visitor) upload(want int, plan, file string) map[string]any {
	v.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	require.NoError(v.t, form.WriteField("plan", plan))
	part, err := form.CreateFormFile("file", "people.csv")
	require.NoError(v.t, err)
	_, err = io.WriteString(part, file)
	require.NoError(v.t, err)
	require.NoError(v.t, form.Close())
	return v.do(want, http.MethodPost, "/imports", form.FormDataContentType(), &body)
}

func (v *visitor) user(login string) chatadmin.User {
	v.t.Helper()
	u, err := v.h.admin.AsHost(v.h.domain).UserByLogin(v.t.Context(), login)
	require.NoError(v.t, err)
	return u
}

// A browser that is remembered is not asked for a code again. A reset of the
// second factor ends the session.
func TestSignIn(t *testing.T) {
	v := visit(t)
	v.enter()
	v.form(http.StatusOK, "/logout")
	v.get(http.StatusUnauthorized, "/me")
	again := v.form(http.StatusOK, "/login", "login", "boss@acme.example", "password", "correct horse")
	require.Equal(t, "boss@acme.example", again["signed_in"])

	boss := v.user("boss@acme.example")
	require.NoError(t, v.h.second.Reset(t.Context(), v.h.admin.AsHost(v.h.domain), boss.ID))
	_, err := v.h.gate.EndSessions(t.Context())
	require.NoError(t, err)
	v.get(http.StatusUnauthorized, "/me")
}

// A file is uploaded, planned, imported, and its users are invited.
func TestUpload(t *testing.T) {
	v := visit(t)
	v.do(http.StatusUnauthorized, http.MethodPost, "/imports/plan", "text/csv", strings.NewReader(people))
	v.enter()
	shown := v.do(http.StatusOK, http.MethodPost, "/imports/plan", "text/csv", strings.NewReader(people))
	require.EqualValues(t, 2, shown["counts"].(map[string]any)["created"])
	plan := v.text
	v.upload(http.StatusUnprocessableEntity, plan, people+"Eve,eve@acme.example\n")
	done := v.upload(http.StatusOK, plan, people)
	require.EqualValues(t, 1, done["counts"].(map[string]any)["failed"])
	v.upload(http.StatusConflict, plan, people)

	token := v.token("import")
	require.EqualValues(t, 2, v.get(http.StatusOK, "/import?token="+token)["created"])
	require.EqualValues(t, 2, v.form(http.StatusOK, "/import", "token", token)["invited"])
	require.Len(t, v.mails.To("ann@acme.example"), 1)
}

// A user is deleted with a receipt; what stands in the way is told.
func TestDeletion(t *testing.T) {
	v := visit(t)
	v.enter()
	ann, err := v.h.admin.AsHost(v.h.domain).CreateUser(t.Context(), chatadmin.NewUser{Login: "ann@acme.example"})
	require.NoError(t, err)
	plan := v.form(http.StatusOK, "/users/"+string(ann.ID)+"/deletion")
	done := v.json(http.StatusOK, "/deletions", object{"plan": plan, "reason": "left the company"})
	require.Equal(t, "done", done["run"].(map[string]any)["state"])
	require.EqualValues(t, 1, done["receipt"].(map[string]any)["removed"].(map[string]any)["users"])
	v.form(http.StatusNotFound, "/users/"+string(ann.ID)+"/deletion")

	self := v.form(http.StatusOK, "/users/"+string(v.user("boss@acme.example").ID)+"/deletion")
	require.NotEmpty(t, self["blockers"])
	v.json(http.StatusConflict, "/deletions", object{"plan": self, "reason": "a mistake"})
	v.json(http.StatusUnprocessableEntity, "/deletions", object{"reason": "without a plan"})
}

// Messages lie in a table of the host's: a legal hold keeps them, retention and
// deletions count and delete them, and nobody who is being deleted adds one.
func TestMessages(t *testing.T) {
	v := visit(t)
	v.enter()
	s := v.h.admin.AsHost(v.h.domain)
	ann, err := s.CreateUser(t.Context(), chatadmin.NewUser{Login: "ann@acme.example"})
	require.NoError(t, err)
	group, err := s.CreateGroup(t.Context(), "News")
	require.NoError(t, err)
	v.form(http.StatusOK, "/groups/"+string(group.ID)+"/messages", "body", "Good morning")
	v.form(http.StatusNotFound, "/groups/none/messages", "body", "Good morning")
	old := time.Now().AddDate(0, 0, -10).UnixMilli()
	add := func(id string, author chatadmin.ID, at int64) error {
		_, err := v.h.db.Exec("INSERT INTO messages VALUES (?, ?, ?, ?, ?, 'Hello')", id, v.h.domain, group.ID, author, at)
		return err
	}
	left := func() (ids []string) {
		rows, err := v.h.db.Query("SELECT id FROM messages WHERE body = 'Hello' ORDER BY id")
		require.NoError(t, err)
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var id string
			require.NoError(t, rows.Scan(&id))
			ids = append(ids, id)
		}
		return ids
	}
	boss := v.user("boss@acme.example").ID
	require.NoError(t, add("hers", ann.ID, old))
	require.NoError(t, add("hers, new", ann.ID, time.Now().UnixMilli()))
	require.NoError(t, add("old", boss, old))

	hold, err := s.AddHold(t.Context(), chatadmin.Hold{User: ann.ID, Reason: "lawsuit"})
	require.NoError(t, err)
	require.NotEmpty(t, v.form(http.StatusOK, "/users/"+string(ann.ID)+"/deletion")["blockers"])
	require.NoError(t, v.h.retention.SetDays(t.Context(), s, 7))
	plan, err := v.h.retention.Plan(t.Context(), s, 0)
	require.NoError(t, err)
	run, err := v.h.retention.Apply(t.Context(), s, plan, nil)
	require.NoError(t, err)
	require.EqualValues(t, 1, run.Data.Removed.Sources["host.messages"])
	require.Equal(t, []string{"hers", "hers, new"}, left())

	_, err = s.ReleaseHold(t.Context(), hold.ID)
	require.NoError(t, err)
	deletion := v.form(http.StatusOK, "/users/"+string(ann.ID)+"/deletion")
	require.EqualValues(t, 2, deletion["counts"].(map[string]any)["host.messages"])
	done := v.json(http.StatusOK, "/deletions", object{"plan": deletion, "reason": "left the company"})
	require.EqualValues(t, 2, done["receipt"].(map[string]any)["removed"].(map[string]any)["host.messages"])
	require.Empty(t, left())
	require.ErrorContains(t, add("late", ann.ID, old), "gone or being deleted")
}

// A device registers, is wiped, and answers.
func TestWipe(t *testing.T) {
	v := visit(t)
	v.enter()
	phone, err := devices.NewClient(v.url+"/devices", v.web)
	require.NoError(t, err)
	sign := func(*http.Request) {} // the cookie jar does it
	reply, err := phone.Register(t.Context(), sign, devices.RegisterRequest{DeviceID: "A1B2", Type: "ios", Name: "Boss's phone"})
	require.NoError(t, err)
	plan := v.form(http.StatusOK, "/users/"+string(v.user("boss@acme.example").ID)+"/wipe")
	require.Len(t, plan["devices"], 1)
	require.EqualValues(t, 1, v.json(http.StatusOK, "/wipes", plan)["wiped"])
	v.json(http.StatusConflict, "/wipes", plan)

	commands, err := phone.CheckIn(t.Context(), reply.WipeToken.Reveal())
	require.NoError(t, err)
	require.Len(t, commands, 1)
	_, err = phone.Acknowledge(t.Context(), reply.WipeToken.Reveal(), commands[0].ID, nil)
	require.NoError(t, err)
	runs := v.get(http.StatusOK, "/runs")["list"].([]any)
	require.Len(t, runs, 1)
	require.Equal(t, "wipe", runs[0].(map[string]any)["kind"])
	stranger := *v.web
	stranger.Jar = nil
	phone, err = devices.NewClient(v.url+"/devices", &stranger)
	require.NoError(t, err)
	_, err = phone.Register(t.Context(), sign, devices.RegisterRequest{DeviceID: "C3", Type: "ios"})
	require.Error(t, err)
}

// The program serves until it is told to end, and finds its data again.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		at, err := net.Listen("tcp", "localhost:0")
		require.NoError(t, err)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- run(ctx, at, "http://"+at.Addr().String(), dir) }()
		res, err := http.Get("http://" + at.Addr().String() + "/me")
		require.NoError(t, err)
		_ = res.Body.Close()
		require.Equal(t, http.StatusUnauthorized, res.StatusCode)
		stop()
		require.NoError(t, <-ended)
	}
	h, err := open(t.Context(), dir, "http://localhost", &chatadmintest.Mailbox{})
	require.NoError(t, err)
	defer func() { require.NoError(t, h.db.Close()) }()
	n := 0
	for _, err := range h.admin.Domains(t.Context()) {
		require.NoError(t, err)
		n++
	}
	require.Equal(t, 1, n)
}

// A form on another site does nothing.
func TestForeignForm(t *testing.T) {
	v := visit(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, v.url+"/logout", nil)
	require.NoError(t, err)
	req.Header.Set("Origin", "https://evil.example")
	res, err := v.web.Do(req)
	require.NoError(t, err)
	_ = res.Body.Close()
	require.Equal(t, http.StatusForbidden, res.StatusCode)
}
