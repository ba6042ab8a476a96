package mailchimptest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/oauth2/authorize":
		s.authorisePage(w, r)
		return
	case r.URL.Path == "/oauth2/token":
		s.token(w, r)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return
	}
	path := strings.TrimPrefix(r.URL.Path, "/3.0")
	call := r.Method + " " + path
	s.mu.Lock()
	s.calls[call]++
	var f Fault
	if s.fault != nil {
		f = s.fault(call)
	}
	s.mu.Unlock()
	if f.Status != 0 {
		if f.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(f.RetryAfter))
		}
		if f.Bare {
			w.WriteHeader(f.Status)
			return
		}
		problem(w, f.Status, "Fault", f.Detail)
		return
	}
	rec := httptest.NewRecorder()
	s.answer(rec, r, path, body)
	if f.Lost {
		panic(http.ErrAbortHandler) // closes the connection without an answer
	}
	for k, v := range rec.Header() {
		w.Header()[k] = v
	}
	w.WriteHeader(rec.Code)
	_, _ = w.Write(rec.Body.Bytes())
}

func problem(w http.ResponseWriter, status int, title, detail string, errors ...map[string]string) {
	w.Header().Set("Content-Type", "application/problem+json; charset=utf-8")
	w.WriteHeader(status)
	v := map[string]any{"type": "https://mailchimp.com/developer/marketing/docs/errors/", "title": title, "status": status, "detail": detail, "instance": "00000000-0000-0000-0000-000000000000"}
	if errors != nil {
		v["errors"] = errors
	}
	_ = json.NewEncoder(w).Encode(v)
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func (s *Server) authorisePage(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	back, err := url.Parse(q.Get("redirect_uri"))
	if q.Get("response_type") != "code" || q.Get("client_id") != ClientID || q.Get("state") == "" || err != nil || back.Host == "" {
		http.Error(w, "invalid request", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	code := fmt.Sprintf("code%d", len(s.codes)+1)
	s.codes[code] = q.Get("redirect_uri")
	back.RawQuery = url.Values{"code": {code}, "state": {q.Get("state")}}.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound)
}

func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") || r.ParseForm() != nil {
		reply(w, http.StatusBadRequest, map[string]any{"error": "invalid_request"})
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls["POST /oauth2/token"]++
	f := r.PostForm
	to := s.codes[f.Get("code")]
	switch {
	case f.Get("client_id") != ClientID || f.Get("client_secret") != ClientSecret:
		reply(w, http.StatusBadRequest, map[string]any{"error": "invalid_client"})
	case f.Get("grant_type") != "authorization_code" || to == "" || to != f.Get("redirect_uri"):
		reply(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant"})
	default:
		s.codes[f.Get("code")] = "" // once
		token := fmt.Sprintf("mailchimptest-token-%d", len(s.codes))
		s.tokens[token] = true
		reply(w, http.StatusOK, map[string]any{"access_token": token, "expires_in": 0, "scope": nil})
	}
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request, path string, body []byte) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	s.mu.Lock()
	known := s.tokens[token]
	s.mu.Unlock()
	switch {
	case !known || scheme != "OAuth" && scheme != "Bearer":
		problem(w, http.StatusUnauthorized, "API Key Invalid", "Your API key may be invalid, or you've attempted to access the wrong datacenter.")
	case len(body) > 0 && r.Header.Get("Content-Type") != "application/json":
		problem(w, http.StatusUnsupportedMediaType, "Unsupported Media Type", "The body must be JSON.")
	case path == "/oauth2/metadata" && r.Method == http.MethodGet:
		reply(w, http.StatusOK, map[string]any{"dc": s.DC, "role": "owner", "accountname": "Example BV", "user_id": s.Account, "login_url": "https://login.mailchimp.com", "api_endpoint": "https://evil.example"})
	case path == "/lists" && r.Method == http.MethodGet:
		s.page(w, r.URL.Query())
	default:
		s.webhooks(w, r.Method, strings.Split(strings.Trim(path, "/"), "/"), body)
	}
}

func (s *Server) page(w http.ResponseWriter, q url.Values) {
	for name := range q {
		if !slices.Contains([]string{"count", "offset", "fields", "exclude_fields", "sort_field", "sort_dir"}, name) {
			problem(w, http.StatusBadRequest, "Invalid Resource", "Unknown parameter "+name)
			return
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	count, offset := 10, 0
	if n, err := strconv.Atoi(q.Get("count")); err == nil {
		count = min(n, 1000)
	}
	if n, err := strconv.Atoi(q.Get("offset")); err == nil {
		offset = min(n, len(s.lists))
	}
	list := []any{}
	for _, l := range s.lists[offset:min(offset+count, len(s.lists))] {
		list = append(list, map[string]any{"id": l.ID, "name": l.Name, "stats": map[string]any{"member_count": l.Members}})
	}
	reply(w, http.StatusOK, map[string]any{"lists": list, "total_items": len(s.lists)})
}

// webhooks serves /lists/{id}/webhooks and what lies below.
func (s *Server) webhooks(w http.ResponseWriter, method string, path []string, body []byte) {
	missing := func() {
		problem(w, http.StatusNotFound, "Resource Not Found", "The requested resource could not be found.")
	}
	if len(path) < 3 || len(path) > 4 || path[0] != "lists" || path[2] != "webhooks" || !slices.ContainsFunc(s.lists, func(l Audience) bool { return l.ID == path[1] }) {
		missing()
		return
	}
	list := path[1]
	if len(path) == 3 {
		switch method {
		case http.MethodGet:
			hooks := s.Webhooks(list)
			reply(w, http.StatusOK, map[string]any{"webhooks": hooks, "list_id": list, "total_items": len(hooks)})
		case http.MethodPost:
			s.create(w, list, body)
		default:
			problem(w, http.StatusMethodNotAllowed, "Method Not Allowed", "This method is not allowed.")
		}
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.hooks, func(h *Webhook) bool { return h.ID == path[3] && h.List == list })
	switch {
	case i < 0:
		missing()
	case method == http.MethodDelete:
		s.hooks = slices.Delete(s.hooks, i, i+1)
		w.WriteHeader(http.StatusNoContent)
	case method == http.MethodPatch:
		if h, ok := decode(w, body); ok {
			s.hooks[i].Events, s.hooks[i].Sources = h.Events, h.Sources
			reply(w, http.StatusOK, s.hooks[i])
		}
	default:
		problem(w, http.StatusMethodNotAllowed, "Method Not Allowed", "This method is not allowed.")
	}
}

func decode(w http.ResponseWriter, body []byte) (Webhook, bool) {
	var h struct {
		URL     string          `json:"url"`
		Events  map[string]bool `json:"events"`
		Sources map[string]bool `json:"sources"`
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&h); err != nil {
		problem(w, http.StatusBadRequest, "Invalid Resource", "The resource submitted could not be validated.", map[string]string{"field": "", "message": "Schema describes no such field"})
		return Webhook{}, false
	}
	return Webhook{URL: h.URL, Events: h.Events, Sources: h.Sources}, true
}

func (s *Server) create(w http.ResponseWriter, list string, body []byte) {
	h, ok := decode(w, body)
	if !ok {
		return
	}
	res, err := s.hc.Get(h.URL)
	if err == nil {
		_ = res.Body.Close()
	}
	if err != nil || res.StatusCode != http.StatusOK {
		code := 0
		if res != nil {
			code = res.StatusCode
		}
		problem(w, http.StatusBadRequest, "Invalid Resource", "The resource submitted could not be validated. For field-specific details, see the 'errors' array.",
			map[string]string{"field": "url", "message": fmt.Sprintf("We couldn't verify the URL is working. Please double check and try again. HTTP Code: %d", code)})
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.ContainsFunc(s.hooks, func(o *Webhook) bool { return o.List == list && o.URL == h.URL }) {
		problem(w, http.StatusBadRequest, "Invalid Resource", "Sorry, you can't set up multiple WebHooks for one URL: "+h.URL)
		return
	}
	h.List = list
	made := s.add(&h)
	v := map[string]any{"id": made.ID, "url": made.URL, "events": made.Events, "sources": made.Sources, "list_id": list, "signing_enabled": made.Signing}
	if made.Signing {
		v["signing_secret"] = made.secret
	}
	reply(w, http.StatusOK, v)
}
