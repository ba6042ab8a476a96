package slacktest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"chatadmin.example/sdk/integrations"
	"chatadmin.example/sdk/integrations/slack"
)

func options(address string) *slack.Options {
	return &slack.Options{ClientID: ClientID, ClientSecret: integrations.Hide(ClientSecret), SigningSecret: integrations.Hide(SigningSecret), API: address}
}

// fields are what each method knows; anything else is invalid_arguments.
var fields = map[string][]string{
	"oauth.v2.access":       {"client_id", "client_secret", "code", "redirect_uri", "grant_type", "refresh_token"},
	"auth.test":             {},
	"auth.revoke":           {"test"},
	"conversations.list":    {"cursor", "exclude_archived", "limit", "types", "team_id"},
	"conversations.history": {"channel", "cursor", "inclusive", "latest", "limit", "oldest", "include_all_metadata"},
	"conversations.replies": {"channel", "ts", "cursor", "inclusive", "latest", "limit", "oldest", "include_all_metadata"},
	"users.info":            {"user", "include_locale"},
	"chat.postMessage":      {"channel", "text", "username", "thread_ts", "parse", "metadata", "unfurl_links", "unfurl_media", "link_names", "mrkdwn", "reply_broadcast", "as_user", "blocks", "attachments"},
	"chat.update":           {"channel", "ts", "text", "parse", "link_names", "metadata", "blocks", "attachments", "as_user"},
	"chat.delete":           {"channel", "ts", "as_user"},
}

type answer map[string]any

func fail(name string) answer { return answer{"ok": false, "error": name} }

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/oauth/v2/authorize" {
		s.authorisePage(w, r)
		return
	}
	method, ok := strings.CutPrefix(r.URL.Path, "/api/")
	if !ok || fields[method] == nil {
		http.NotFound(w, r)
		return
	}
	s.mu.Lock()
	s.calls[method]++
	var f Fault
	if s.fault != nil {
		f = s.fault(method)
	}
	if f == (Fault{}) && r.ParseForm() == nil {
		f.RetryAfter = s.limited(method, r.PostForm.Get("channel"))
		if f.RetryAfter > 0 {
			f.Status = http.StatusTooManyRequests
		}
	}
	var a answer
	switch {
	case f.Status != 0:
		s.mu.Unlock()
		if f.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(f.RetryAfter))
		}
		http.Error(w, "<html>no</html>", f.Status)
		return
	case f.Error != "":
		a = fail(f.Error)
	default:
		a = s.call(method, r)
	}
	s.mu.Unlock()
	if f.Lost {
		panic(http.ErrAbortHandler) // closes the connection without an answer
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(w).Encode(a)
}

// limited is how many seconds a request has to wait.
func (s *Server) limited(method, channel string) int {
	every, key := time.Duration(0), ""
	switch method {
	case "chat.postMessage":
		every, key = s.PostEvery, channel
	case "conversations.history", "conversations.replies":
		every, key = s.HistoryEvery, "history"
	}
	if every == 0 {
		return 0
	}
	last, used := s.limits[key]
	if wait := last.Add(every).Sub(s.Now()); used && wait > 0 {
		return int((wait + time.Second - 1) / time.Second)
	}
	if s.limits == nil {
		s.limits = map[string]time.Time{}
	}
	s.limits[key] = s.Now()
	return 0
}

func (s *Server) call(method string, r *http.Request) answer {
	if r.Method != http.MethodPost || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return fail("invalid_post_type")
	}
	if r.ParseForm() != nil {
		return fail("invalid_form_data")
	}
	form := r.PostForm
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if t := form.Get("token"); t != "" {
		token = t
	}
	form.Del("token")
	for name := range form {
		if !slices.Contains(fields[method], name) {
			return answer{"ok": false, "error": "invalid_arguments", "response_metadata": map[string]any{"messages": []string{"[ERROR] unsupported field: " + name}}}
		}
	}
	switch {
	case method == "oauth.v2.access":
		return s.access(form)
	case token == "":
		return fail("not_authed")
	case s.expired(token):
		return fail("token_expired")
	case !s.tokens[token]:
		return fail("invalid_auth")
	}
	switch method {
	case "auth.test":
		return answer{"ok": true, "url": "https://example.slack.com/", "team": TeamName, "user": "bridge", "team_id": Team, "user_id": BotUser, "bot_id": Bot}
	case "auth.revoke":
		delete(s.tokens, token)
		return answer{"ok": true, "revoked": true}
	case "conversations.list":
		return s.list(form)
	case "users.info":
		name, ok := s.users[form.Get("user")]
		if !ok {
			return fail("user_not_found")
		}
		return answer{"ok": true, "user": answer{"id": form.Get("user"), "name": name, "profile": answer{"display_name": name}}}
	case "chat.postMessage":
		return s.post(form)
	}
	return s.old(method, form)
}

// list pages by two, so that paging is met in every test.
func (s *Server) list(form url.Values) answer {
	from, _ := strconv.Atoi(form.Get("cursor"))
	to := min(from+2, len(s.channels))
	next := ""
	if to < len(s.channels) {
		next = strconv.Itoa(to)
	}
	list := []answer{}
	for _, c := range s.channels[from:to] {
		list = append(list, answer{"id": c.ID, "name": c.Name, "is_channel": true, "is_member": c.Member})
	}
	return answer{"ok": true, "channels": list, "response_metadata": answer{"next_cursor": next}}
}

func (s *Server) post(form url.Values) answer {
	i := slices.IndexFunc(s.channels, func(c channel) bool { return c.ID == form.Get("channel") })
	switch {
	case i < 0:
		return fail("channel_not_found")
	case !s.channels[i].Member:
		return fail("not_in_channel")
	case strings.TrimSpace(form.Get("text")) == "":
		return fail("no_text")
	case len(form.Get("text")) > 40000:
		return fail("msg_too_long")
	case form.Get("thread_ts") != "" && s.find(form.Get("channel"), form.Get("thread_ts")) == nil:
		return fail("thread_not_found")
	}
	m := &Message{Channel: form.Get("channel"), User: BotUser, Username: form.Get("username"), Thread: form.Get("thread_ts"), Text: form.Get("text"), Bot: true}
	if md := form.Get("metadata"); md != "" {
		if !json.Valid([]byte(md)) {
			return fail("invalid_metadata_format")
		}
		m.Metadata = json.RawMessage(md)
	}
	s.add(m)
	if s.NoTS > 0 {
		s.NoTS--
		return answer{"ok": true}
	}
	return answer{"ok": true, "channel": m.Channel, "ts": m.TS, "message": m.json()}
}

// old are the methods about messages that exist.
func (s *Server) old(method string, form url.Values) answer {
	if !slices.ContainsFunc(s.channels, func(c channel) bool { return c.ID == form.Get("channel") }) {
		return fail("channel_not_found")
	}
	m := s.find(form.Get("channel"), form.Get("ts"))
	switch method {
	case "conversations.history", "conversations.replies":
		thread := ""
		if method == "conversations.replies" {
			thread = form.Get("ts")
		}
		return s.history(form, thread)
	case "chat.update":
		if m == nil {
			return fail("message_not_found")
		}
		if !m.Bot {
			return fail("cant_update_message")
		}
		if len(form.Get("text")) > 4000 {
			return fail("msg_too_long")
		}
		s.edit(m, form.Get("text"))
		return answer{"ok": true, "channel": m.Channel, "ts": m.TS, "text": m.Text}
	default:
		if m == nil {
			return fail("message_not_found")
		}
		if !m.Bot {
			return fail("cant_delete_message")
		}
		s.drop(m)
		return answer{"ok": true, "channel": m.Channel, "ts": m.TS}
	}
}

func (s *Server) history(form url.Values, thread string) answer {
	oldest, _ := strconv.ParseFloat(form.Get("oldest"), 64)
	limit, _ := strconv.Atoi(form.Get("limit"))
	if s.HistoryLimit > 0 {
		limit = min(limit, s.HistoryLimit)
	}
	from, _ := strconv.Atoi(form.Get("cursor"))
	var all []answer
	for _, m := range slices.Backward(s.messages) {
		at, _ := strconv.ParseFloat(m.TS, 64)
		if m.Channel != form.Get("channel") || m.Deleted || at <= oldest || m.Thread != thread && m.TS != thread {
			continue
		}
		v := m.json()
		if b, _ := strconv.ParseBool(form.Get("include_all_metadata")); !b {
			delete(v, "metadata")
		}
		all = append(all, v)
	}
	to := min(from+max(limit, 1), len(all))
	next := ""
	if to < len(all) {
		next = strconv.Itoa(to)
	}
	return answer{"ok": true, "messages": all[min(from, to):to], "has_more": next != "", "response_metadata": answer{"next_cursor": next}}
}
