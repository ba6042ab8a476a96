package slacktest

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"
)

func (s *Server) authorisePage(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	back, err := url.Parse(q.Get("redirect_uri"))
	if q.Get("client_id") != ClientID || q.Get("state") == "" || q.Get("scope") == "" || err != nil || back.Host == "" {
		http.Error(w, "invalid client, scope, state or redirect", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	code := fmt.Sprintf("code.%d", len(s.codes)+1)
	s.codes[code] = q.Get("redirect_uri")
	back.RawQuery = url.Values{"code": {code}, "state": {q.Get("state")}}.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound)
}

func (s *Server) access(form url.Values) answer {
	to, ok := s.codes[form.Get("code")]
	switch {
	case form.Get("client_id") != ClientID:
		return fail("invalid_client_id")
	case form.Get("client_secret") != ClientSecret:
		return fail("bad_client_secret")
	case form.Get("grant_type") == "refresh_token":
		n := len(s.rotated)
		if n == 0 || s.rotated[n-1].refresh == "" || s.rotated[n-1].refresh != form.Get("refresh_token") {
			return fail("invalid_refresh_token")
		}
		return s.rotate(granted(""))
	case !ok || to == "":
		return fail("invalid_code")
	case to != form.Get("redirect_uri"):
		return fail("bad_redirect_uri")
	}
	s.codes[form.Get("code")] = "" // once
	token := fmt.Sprintf("xoxb-slacktest-%d", len(s.codes))
	if s.Rotate {
		return s.rotate(granted(token))
	}
	for valid := range s.tokens { // an app has one for the workspace
		token = valid
	}
	s.tokens[token] = true
	return granted(token)
}

// expired reports whether a token that ends has ended.
func (s *Server) expired(token string) bool {
	i := slices.IndexFunc(s.rotated, func(r rotated) bool { return r.token == token })
	return i >= 0 && s.tokens[token] && !s.Now().Before(s.rotated[i].until)
}

// rotate makes an answer one of a new token that ends.
func (s *Server) rotate(a answer) answer {
	n := len(s.rotated) + 1
	r := rotated{fmt.Sprintf("xoxe.xoxb-slacktest-%d", n), fmt.Sprintf("xoxe-slacktest-%d", n), s.Now().Add(12 * time.Hour)}
	s.rotated = append(s.rotated, r)
	s.tokens[r.token] = true
	if n > 2 {
		delete(s.tokens, s.rotated[n-3].token)
	}
	a["access_token"], a["refresh_token"], a["expires_in"] = r.token, r.refresh, 43200
	return a
}

func granted(token string) answer {
	return answer{"ok": true, "access_token": token, "token_type": "bot", "scope": "channels:history,channels:read,chat:write,chat:write.customize,users:read",
		"bot_user_id": BotUser, "app_id": App, "team": answer{"id": Team, "name": TeamName}, "enterprise": nil, "is_enterprise_install": false, "authed_user": answer{"id": "U0ALICE"}}
}
