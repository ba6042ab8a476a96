package main

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"log"
	"net/http"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/twofa"
)

// server is the host: it has passwords and sessions, the library has the rest.
type server struct {
	admin     *chatadmin.Admin
	domain    chatadmin.ID
	gate      *signin.Gate
	second    *twofa.Service
	passwords map[chatadmin.ID]string // a real host keeps hashes
	sessions  *sessions
	secure    bool // cookies are sent over TLS alone
}

// work ends the sessions of users whose access has ended, until ctx ends.
func (s *server) work(ctx context.Context) {
	for tick := time.NewTicker(time.Second); ; {
		if _, err := s.gate.EndSessions(ctx); err != nil && ctx.Err() == nil {
			log.Print(err)
		}
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
		}
	}
}

const (
	sessionCookie = "session"
	trustCookie   = "trust"
	// challengeCookie lets the login page be loaded again without a new QR
	// code.
	challengeCookie = "challenge"
)

func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.home)
	mux.HandleFunc("POST /login", s.login)
	mux.HandleFunc("POST /code", s.code)
	mux.HandleFunc("POST /logout", s.logout)
	return http.NewCrossOriginProtection().Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
		h := w.Header()
		h.Set("Cache-Control", "no-store") // a QR code is not to lie in a cache
		h.Set("Content-Security-Policy", "default-src 'none'; img-src data:; form-action 'self'; frame-ancestors 'none'")
		h.Set("Referrer-Policy", "no-referrer")
		mux.ServeHTTP(w, r)
	}))
}

// home shows who is signed in, or the login form. Whether the user still has
// access is asked at each request.
func (s *server) home(w http.ResponseWriter, r *http.Request) {
	id, ok := s.sessions.find(token(r))
	if !ok {
		render(w, http.StatusOK, page{})
		return
	}
	u, err := s.admin.As(s.domain, id).User(r.Context(), id)
	switch {
	case errors.Is(err, chatadmin.ErrForbidden), errors.Is(err, chatadmin.ErrNotFound), errors.Is(err, chatadmin.ErrSuspended):
		s.sessions.end(token(r))
		http.SetCookie(w, s.cookie(r, sessionCookie, "", -1))
		render(w, http.StatusForbidden, page{})
	case err != nil:
		failed(w, err)
	default:
		render(w, http.StatusOK, page{User: u.DisplayName})
	}
}

// login checks the password. What kind of client it is, the server knows by
// itself: only browsers are served here.
func (s *server) login(w http.ResponseWriter, r *http.Request) {
	a := signin.Attempt{Login: r.PostFormValue("login"), Client: signin.Web, Method: signin.Password}
	if c, err := r.Cookie(trustCookie); err == nil {
		a.Trust = secret.Hide(c.Value)
	}
	if c, err := r.Cookie(challengeCookie); err == nil {
		a.Challenge = c.Value
	}
	d, err := s.gate.SignIn(r.Context(), s.domain, a, func(_ context.Context, u chatadmin.User) (bool, error) {
		want, known := s.passwords[u.ID] // for nobody the same work is done
		return known && subtle.ConstantTimeCompare([]byte(want), []byte(r.PostFormValue("password"))) == 1, nil
	})
	switch {
	case err != nil:
		failed(w, err)
	case d.Allowed():
		s.enter(w, r, d)
	case d.Challenge != nil:
		http.SetCookie(w, s.cookie(r, challengeCookie, d.Challenge.ID, 0))
		p := page{Challenge: d.Challenge.ID}
		if e := d.Challenge.Enrolment; e != nil {
			p.QR, p.Secret = dataURL(e.QR.Bytes()), e.Secret.Reveal()
		}
		render(w, http.StatusOK, p)
	default:
		render(w, http.StatusUnauthorized, page{Error: d.Message()})
	}
}

// code checks the answer to a challenge.
func (s *server) code(w http.ResponseWriter, r *http.Request) {
	challenge := r.PostFormValue("challenge")
	d, err := s.gate.Complete(r.Context(), s.domain, challenge, r.PostFormValue("code"), r.PostFormValue("remember") != "")
	switch {
	case err != nil:
		failed(w, err)
	case d.Allowed():
		s.enter(w, r, d)
	case d.Retry:
		p := page{Challenge: challenge, Error: "That code is wrong, or was used before. Wait for the next one."}
		if d.Reason() == signin.NotACode {
			p.Error = d.Message()
		}
		if c, err := s.second.Challenge(r.Context(), s.domain, challenge); err == nil && c.Enrolment != nil {
			// still to be set up
			p.QR, p.Secret = dataURL(c.Enrolment.QR.Bytes()), c.Enrolment.Secret.Reveal()
		}
		render(w, http.StatusUnauthorized, p)
	default:
		render(w, http.StatusUnauthorized, page{Error: "Sign in again."})
	}
}

// enter makes the session.
func (s *server) enter(w http.ResponseWriter, r *http.Request, d signin.Decision) {
	s.sessions.end(token(r)) // one that this browser had before
	http.SetCookie(w, s.cookie(r, sessionCookie, s.sessions.start(d), 0))
	http.SetCookie(w, s.cookie(r, challengeCookie, "", -1))
	if trust := d.Trust.Reveal(); trust != "" {
		// when it ends, the library decides
		http.SetCookie(w, s.cookie(r, trustCookie, trust, int(twofa.MaxValidity.Seconds())))
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (s *server) logout(w http.ResponseWriter, r *http.Request) {
	s.sessions.end(token(r))
	http.SetCookie(w, s.cookie(r, sessionCookie, "", -1))
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// token is the session's token, "" if the browser has none.
func token(r *http.Request) string {
	c, err := r.Cookie(sessionCookie)
	if err != nil {
		return ""
	}
	return c.Value
}

func (s *server) cookie(r *http.Request, name, value string, seconds int) *http.Cookie {
	return &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: seconds, HttpOnly: true, Secure: s.secure || r.TLS != nil, SameSite: http.SameSiteStrictMode}
}

func failed(w http.ResponseWriter, err error) {
	log.Print(err)
	render(w, http.StatusInternalServerError, page{Error: "Something went wrong. Try again."})
}

func dataURL(png []byte) string {
	return "data:image/png;base64," + base64.StdEncoding.EncodeToString(png)
}
