package main

import (
	"context"
	"errors"
	"html/template"
	"log"
	"net/http"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/signin"
)

const cookieName = "session"

var pages = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Acme</title>
{{with .Message}}<p role="alert">{{.}}</p>{{end}}
{{if .User}}<p>You are {{.User}}.</p><form method="post" action="/logout"><button>Sign out</button></form>
{{else if .Token}}<p>Hello {{.Login}}, choose a password of at least eight characters.</p>
<form method="post" action="/activate"><input type="hidden" name="token" value="{{.Token}}">
<label>Password <input type="password" name="password" autocomplete="new-password" required></label> <button>Set it</button></form>
{{else if .Ask}}<form method="post" action="/login"><label>Login <input name="login" value="{{.Login}}" autocomplete="username" required></label>
<label>Password <input type="password" name="password" autocomplete="current-password" required></label> <button>Sign in</button></form>{{end}}
`))

// page is what is shown.
type page struct {
	Message, User, Login, Token string
	Ask                         bool // for login and password
}

func show(w http.ResponseWriter, status int, p page) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	if err := pages.Execute(w, p); err != nil {
		log.Print(err)
	}
}

// handler refuses forms that another site has made a browser send, and keeps
// pages and the tokens in their addresses out of caches and of other sites'
// logs.
func (s *site) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.home)
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, _ *http.Request) { show(w, http.StatusOK, page{Ask: true}) })
	mux.HandleFunc("POST /login", s.login)
	mux.HandleFunc("GET /activate", s.invited)
	mux.HandleFunc("POST /activate", s.activate)
	mux.HandleFunc("POST /logout", s.logout)
	sameOrigin := http.NewCrossOriginProtection().Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range map[string]string{"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff",
			"Content-Security-Policy": "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"} {
			w.Header().Set(name, value)
		}
		r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
		sameOrigin.ServeHTTP(w, r)
	})
}

func (s *site) home(w http.ResponseWriter, r *http.Request) {
	user, ok := s.sessions.find(cookie(r), signin.Web)
	if !ok {
		http.Redirect(w, r, "/login", http.StatusSeeOther)
		return
	}
	u, err := s.admin.As(s.domain, user).User(r.Context(), user)
	switch {
	case errors.Is(err, chatadmin.ErrForbidden), errors.Is(err, chatadmin.ErrNotFound), errors.Is(err, chatadmin.ErrSuspended):
		// the access has just ended
		s.sessions.end(cookie(r))
		s.setCookie(w, r, "")
		show(w, http.StatusForbidden, page{Ask: true})
		return
	case err != nil:
		failed(w, err)
		return
	}
	show(w, http.StatusOK, page{User: u.DisplayName})
}

func (s *site) login(w http.ResponseWriter, r *http.Request) {
	a := signin.Attempt{Login: r.PostFormValue("login"), Client: signin.Web}
	d, err := s.gate.SignIn(r.Context(), s.domain, a, s.passwords.Verifier(r.PostFormValue("password")))
	switch {
	case err != nil:
		failed(w, err)
	case d.Allowed():
		s.setCookie(w, r, s.sessions.start(d))
		http.Redirect(w, r, "/", http.StatusSeeOther)
	default: // one answer for every reason; the log has the reason
		show(w, http.StatusUnauthorized, page{Message: d.Message(), Login: a.Login, Ask: true})
	}
}

// invited shows the form behind an activation link, and changes nothing:
// programs that scan mails open links, too.
func (s *site) invited(w http.ResponseWriter, r *http.Request) {
	token := r.URL.Query().Get("token")
	u, err := s.admin.Invited(r.Context(), token)
	if err != nil {
		refused(w, err)
		return
	}
	show(w, http.StatusOK, page{Login: u.Login, Token: token})
}

func (s *site) activate(w http.ResponseWriter, r *http.Request) {
	token := r.PostFormValue("token")
	var wrong error
	_, err := s.admin.AcceptInvitation(r.Context(), token, func(ctx context.Context, u chatadmin.User) error {
		wrong = s.passwords.Set(ctx, u, r.PostFormValue("password"))
		return wrong
	})
	switch {
	case wrong != nil && errors.Is(wrong, chatadmin.ErrInvalid): // the password does not do: try another one
		show(w, http.StatusUnprocessableEntity, page{Message: wrong.Error(), Token: token})
	case err != nil:
		refused(w, err)
	default:
		http.Redirect(w, r, "/login", http.StatusSeeOther)
	}
}

func (s *site) logout(w http.ResponseWriter, r *http.Request) {
	s.sessions.end(cookie(r))
	s.setCookie(w, r, "")
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

func refused(w http.ResponseWriter, err error) {
	for _, known := range []error{chatadmin.ErrNotFound, chatadmin.ErrInvalid, chatadmin.ErrLinkBusy} {
		if errors.Is(err, known) {
			show(w, http.StatusGone, page{Message: err.Error()})
			return
		}
	}
	failed(w, err)
}

func failed(w http.ResponseWriter, err error) {
	log.Print(err)
	show(w, http.StatusInternalServerError, page{Message: "Something went wrong. Try again in a while."})
}

func cookie(r *http.Request) string {
	c, err := r.Cookie(cookieName)
	if err != nil {
		return ""
	}
	return c.Value
}

// setCookie keeps a session's token, or forgets it.
func (s *site) setCookie(w http.ResponseWriter, r *http.Request, token string) {
	c := &http.Cookie{Name: cookieName, Value: token, Path: "/", HttpOnly: true, Secure: s.secure || r.TLS != nil, SameSite: http.SameSiteLaxMode}
	if token == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}
