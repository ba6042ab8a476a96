package devices_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/devices"
)

// serve is a host: whoever says "Login: ann" is Ann.
func (w *world) serve(t *testing.T, o *devices.HandlerOptions) (*devices.Client, string) {
	who := func(r *http.Request) (chatadmin.ID, chatadmin.ID, error) {
		switch r.Header.Get("Login") {
		case "ann":
			return w.Domain, w.ann.ID, nil
		case "boss":
			return w.Domain, w.Boss.ID, nil
		case "broken":
			return "", "", errors.New("the session store is down: password=hunter2")
		case "unread":
			_, err := chatadmin.ParseToken("x") // as a host may do with a cookie
			return "", "", fmt.Errorf("session of hunter2: %w", err)
		case "unknown":
			return "", "", fmt.Errorf("user hunter2: %w", chatadmin.ErrNotFound)
		}
		return "", "", fmt.Errorf("nobody has signed in: %w", chatadmin.ErrForbidden)
	}
	mux := http.NewServeMux()
	mux.Handle("/devices/", http.StripPrefix("/devices", w.r.Handler(who, o)))
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	c, err := devices.NewClient(s.URL+"/devices", s.Client())
	require.NoError(t, err)
	return c, s.URL + "/devices/"
}

func login(name string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Login", name) }
}

func TestClient(t *testing.T) {
	w := newWorld(t)
	c, _ := w.serve(t, nil)
	phone := devices.RegisterRequest{DeviceID: "phone", Type: "ios", Name: "Ann's phone", Version: "1.2", PushToken: secret.Wire{Value: secret.Hide("p")}}
	out, err := c.Register(ctx, login("ann"), phone)
	require.NoError(t, err)
	require.Equal(t, []any{int64(1), "enabled", "none"}, []any{out.Generation, out.Status, out.Wipe})
	_, err = w.r.Authorize(ctx, out.Token.Reveal())
	require.NoError(t, err)
	commands, err := c.CheckIn(ctx, out.WipeToken.Reveal())
	require.NoError(t, err)
	require.Empty(t, commands)

	w.wipe(chatadmin.ID(out.Device))
	disabled, err := c.Register(ctx, login("ann"), phone)
	require.NoError(t, err)
	require.Equal(t, []any{"", "disabled", "requested"}, []any{disabled.Token.Reveal(), disabled.Status, disabled.Wipe})
	_, err = c.CheckIn(ctx, out.WipeToken.Reveal())
	require.ErrorIs(t, err, devices.ErrRefused)
	commands, err = c.CheckIn(ctx, disabled.WipeToken.Reveal())
	require.NoError(t, err)
	require.Len(t, commands, 1)
	require.Equal(t, "wipe", commands[0].Kind)
	_, err = c.Acknowledge(ctx, disabled.WipeToken.Reveal(), "other", nil)
	require.ErrorIs(t, err, devices.ErrStale)
	for range 2 {
		answer, err := c.Acknowledge(ctx, disabled.WipeToken.Reveal(), commands[0].ID, errors.New("flash memory broken"+strings.Repeat("\ncould not delete a file", 500)))
		require.NoError(t, err)
		require.Equal(t, "failed", answer.State)
	}
	require.Contains(t, w.device(chatadmin.ID(out.Device)).Command.Failure, "flash memory broken could not", "cut")
	require.Less(t, len(w.device(chatadmin.ID(out.Device)).Command.Failure), 70)
	_, err = c.Register(ctx, login("nobody"), phone)
	var refused *devices.Error
	require.ErrorAs(t, err, &refused)
	require.Equal(t, 403, refused.Status)

	for _, base := range []string{"", "http://chat.example/devices", "ftp://localhost", "https://", "::"} {
		_, err := devices.NewClient(base, nil)
		require.Error(t, err, base)
	}
	for _, base := range []string{"https://chat.example/devices/", "http://localhost:8080", "http://127.0.0.1"} {
		_, err := devices.NewClient(base, nil)
		require.NoError(t, err, base)
	}
}

func TestClientAndOddServers(t *testing.T) {
	for body, status := range chatadmintest.InOrder(map[string]int{"not json": 200, `{"commands":7}`: 200, "<html>": 502, `{"error":{"code":"x","message":"m"}}`: 500}) {
		s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
			rw.WriteHeader(status)
			_, _ = io.WriteString(rw, body)
		}))
		c, err := devices.NewClient(s.URL, nil)
		require.NoError(t, err)
		_, err = c.CheckIn(ctx, "x")
		require.Error(t, err, body)
		s.Close()
		_, err = c.CheckIn(ctx, "x")
		require.Error(t, err)
	}
}

// Every way in which a request can be wrong has its answer, and changes
// nothing.
func TestHandlerRefuses(t *testing.T) {
	var log bytes.Buffer
	w := newWorld(t, func(o *chatadmin.Options, do *devices.Options) {
		do.MaxPerUser, o.Logger = 1, slog.New(slog.NewTextHandler(&log, nil))
	})
	out := w.register(w.ann, "phone")
	_, url := w.serve(t, &devices.HandlerOptions{PerMinute: 1000})
	before := len(w.Events(""))
	const good = `{"device_id":"phone","type":"ios"}`
	bearer := "Bearer " + out.WipeToken.Plain()
	for name, c := range map[string]struct {
		method, call, body, kind, login, bearer string
		status                                  int
		code                                    string
	}{
		"path":             {call: "nothing", status: 404, code: "not_found"},
		"method":           {method: "GET", call: "register", status: 405, code: "method"},
		"media type":       {call: "register", kind: "text/plain", body: good, login: "ann", status: 415, code: "media_type"},
		"nobody":           {call: "register", body: good, status: 403, code: "forbidden"},
		"empty":            {call: "register", login: "ann", status: 400, code: "invalid"},
		"array":            {call: "register", body: `[]`, login: "ann", status: 400, code: "invalid"},
		"cut":              {call: "register", body: good[:len(good)-1], login: "ann", status: 400, code: "invalid"},
		"two objects":      {call: "register", body: good + good, login: "ann", status: 400, code: "invalid"},
		"unknown field":    {call: "register", body: `{"device_id":"a","type":"ios","user":"boss"}`, login: "ann", status: 400, code: "invalid"},
		"case of a field":  {call: "register", body: `{"Device_ID":"a","type":"ios"}`, login: "ann", status: 400, code: "invalid"},
		"twice":            {call: "register", body: `{"device_id":"a","device_id":"b","type":"ios"}`, login: "ann", status: 400, code: "invalid"},
		"null":             {call: "register", body: `{"device_id":null,"type":"ios"}`, login: "ann", status: 400, code: "invalid"},
		"number":           {call: "register", body: `{"device_id":1,"type":"ios"}`, login: "ann", status: 400, code: "invalid"},
		"nested":           {call: "register", body: `{"device_id":{"a":"b"},"type":"ios"}`, login: "ann", status: 400, code: "invalid"},
		"no type":          {call: "register", body: `{"device_id":"a"}`, login: "ann", status: 400, code: "invalid"},
		"bad device id":    {call: "register", body: `{"device_id":"a b","type":"ios"}`, login: "ann", status: 400, code: "invalid"},
		"too many devices": {call: "register", body: `{"device_id":"b","type":"ios"}`, login: "ann", status: 409, code: "too_many_devices"},
		"too long":         {call: "register", body: `{"device_id":"` + strings.Repeat("x", 9000) + `"}`, login: "ann", status: 413, code: "too_long"},
		"broken":           {call: "register", body: good, login: "broken", status: 503, code: "unavailable"},
		"unread":           {call: "register", body: good, login: "unread", status: 503, code: "unavailable"},
		"unknown":          {call: "register", body: good, login: "unknown", status: 503, code: "unavailable"},
		"no token":         {call: "checkin", body: `{}`, status: 401, code: "refused"},
		"wrong scheme":     {call: "checkin", body: `{}`, bearer: "Basic " + out.WipeToken.Plain(), status: 401, code: "refused"},
		"session token":    {call: "checkin", body: `{}`, bearer: "Bearer " + out.Token.Plain(), status: 401, code: "refused"},
		"fields":           {call: "checkin", body: `{"x":"y"}`, bearer: bearer, status: 400, code: "invalid"},
		"no command":       {call: "acknowledge", body: `{"command":"x","outcome":"done"}`, bearer: bearer, status: 409, code: "stale"},
		"no outcome":       {call: "acknowledge", body: `{"command":"x"}`, bearer: bearer, status: 400, code: "invalid"},
		"no ack token":     {call: "acknowledge", body: `{"command":"x","outcome":"done"}`, status: 401, code: "refused"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.method == "" {
				c.method = "POST"
			}
			if c.kind == "" {
				c.kind = "application/json; charset=utf-8"
			}
			r, err := http.NewRequest(c.method, url+c.call, strings.NewReader(c.body))
			require.NoError(t, err)
			r.Header.Set("Content-Type", c.kind)
			r.Header.Set("Login", c.login)
			r.Header.Set("Authorization", c.bearer)
			res, err := http.DefaultClient.Do(r)
			require.NoError(t, err)
			defer func() { _ = res.Body.Close() }()
			text, err := io.ReadAll(res.Body)
			require.NoError(t, err)
			var reply devices.ErrorReply
			require.NoError(t, json.Unmarshal(text, &reply), "%s", text)
			require.Equal(t, []any{c.status, c.code}, []any{res.StatusCode, reply.Error.Code}, "%s", text)
			require.NotEmpty(t, reply.Error.Message)
			require.Equal(t, "no-store", res.Header.Get("Cache-Control"))
			require.NotContains(t, string(text), "hunter2")
		})
	}
	require.Equal(t, before, len(w.Events("")))
	require.Contains(t, log.String(), "hunter2", "the host's log has what happened")
	require.True(t, w.authorized(out))
}

// Limits count what is authenticated: nobody can use up those of somebody
// else's device.
func TestHandlerLimits(t *testing.T) {
	w := newWorld(t)
	c, _ := w.serve(t, &devices.HandlerOptions{PerMinute: 3})
	phone := devices.RegisterRequest{DeviceID: "phone", Type: "ios"}
	var out devices.RegisterReply
	for range 3 {
		var err error
		out, err = c.Register(ctx, login("ann"), phone)
		require.NoError(t, err)
	}
	limited := func(err error) {
		t.Helper()
		var e *devices.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, []any{429, "too_many", "61"}, []any{e.Status, e.Detail.Code, e.RetryAfter})
	}
	_, err := c.Register(ctx, login("ann"), phone)
	limited(err)
	_, err = c.Register(ctx, login("boss"), phone)
	require.NoError(t, err)
	for range 10 {
		_, err = c.CheckIn(ctx, out.WipeToken.Reveal()[:len(out.WipeToken.Reveal())-1]+"_")
		require.ErrorIs(t, err, devices.ErrRefused)
	}
	for range 3 {
		_, err = c.CheckIn(ctx, out.WipeToken.Reveal())
		require.NoError(t, err)
	}
	_, err = c.CheckIn(ctx, out.WipeToken.Reveal())
	limited(err)
	_, err = c.Acknowledge(ctx, out.WipeToken.Reveal(), "x", nil)
	limited(err)
	w.Clock.Advance(time.Minute)
	_, err = c.CheckIn(ctx, out.WipeToken.Reveal())
	require.NoError(t, err)
}

func TestHandlerStoreDown(t *testing.T) {
	w := newWorld(t)
	c, _ := w.serve(t, nil)
	out := w.register(w.ann, "phone")
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	_, err := c.CheckIn(cancelled, out.WipeToken.Plain())
	require.ErrorIs(t, err, context.Canceled)
}

// Whatever a phone sends, the server answers, and no session comes of it
// without the host's word.
func FuzzHandler(f *testing.F) {
	w := newWorld(f)
	out := w.register(w.ann, "phone")
	h := w.r.Handler(func(*http.Request) (chatadmin.ID, chatadmin.ID, error) { return w.Domain, w.ann.ID, nil }, &devices.HandlerOptions{PerMinute: 65000})
	for _, call := range []string{"register", "checkin", "acknowledge"} {
		for _, body := range []string{"", "{}", "{", `{"device_id":"a","type":"ios"}`, `{"command":"x","outcome":"done"}`, `{"a":[{"b":1}]}`, "\xef\xbb\xbf{}", "null", `{"type":"\ud800"}`} {
			f.Add(call, body, "Bearer "+out.WipeToken.Plain())
		}
	}
	f.Fuzz(func(t *testing.T, call, body, auth string) {
		r := httptest.NewRequest("POST", "/", strings.NewReader(body))
		r.URL.Path = "/" + call
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", auth)
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		if rec.Code >= 500 {
			t.Fatalf("%d %s", rec.Code, rec.Body)
		}
		if rec.Code < 300 && !json.Valid(rec.Body.Bytes()) {
			t.Fatalf("%s", rec.Body)
		}
	})
}

// Whatever a token looks like, only the device's own is let in.
func FuzzAuthorize(f *testing.F) {
	w := newWorld(f)
	out := w.register(w.ann, "phone")
	good := out.Token.Plain()
	for _, s := range []string{good, out.WipeToken.Plain(), good + " ", "..", strings.ToUpper(good), good[:len(good)-1]} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		_, err := w.r.Authorize(ctx, s)
		if (err == nil) != (strings.TrimSpace(s) == good) || err != nil && !errors.Is(err, devices.ErrRefused) {
			t.Fatalf("%q: %v", s, err)
		}
	})
}
