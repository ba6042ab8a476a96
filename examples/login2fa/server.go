package main

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"log"
	"net/http"
	"sync"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/twofa"
)

// server is the host: it has passwords and sessions, the library has the rest.
type server struct {
	domain    chatadmin.ID
	gate      *signin.Gate
	passwords map[chatadmin.ID]string // a real host keeps hashes

	mu       sync.Mutex
	sessions map[string]chatadmin.User
}

const (
	sessionCookie = "session"
	trustCookie   = "trust"
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

// home shows who is signed in, or the login form.
func (s *server) home(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie(sessionCookie); err == nil {
		s.mu.Lock()
		u, ok := s.sessions[c.Value]
		s.mu.Unlock()
		if ok {
			render(w, http.StatusOK, page{User: u.DisplayName})
			return
		}
	}
	render(w, http.StatusOK, page{})
}

// login checks the password. What kind of client it is, the server knows by itself: only browsers are served here.
func (s *server) login(w http.ResponseWriter, r *http.Request) {
	a := signin.Attempt{Login: r.PostFormValue("login"), Client: signin.Web, Method: signin.Password}
	if c, err := r.Cookie(trustCookie); err == nil {
		a.Trust = secret.Hide(c.Value)
	}
	d, err := s.gate.SignIn(r.Context(), s.domain, a, func(_ context.Context, u chatadmin.User) (bool, error) {
		want, known := s.passwords[u.ID] // for nobody the same work is done
		return known && subtle.ConstantTimeCompare([]byte(want), []byte(r.PostFormValue("password"))) == 1, nil
	})
	switch {
	case errors.Is(err, twofa.ErrTooMany):
		render(w, http.StatusTooManyRequests, page{Error: "Too many codes. Try again later."})
	case err != nil:
		failed(w, err)
	case d.Allowed():
		s.enter(w, r, d.User, d.Trust.Reveal())
	case d.Challenge != nil:
		p := page{Challenge: d.Challenge.ID}
		if e := d.Challenge.Enrolment; e != nil {
			p.QR, p.Secret = dataURL(e.QR.Bytes()), e.Secret.Reveal()
		}
		render(w, http.StatusOK, p)
	default:
		render(w, http.StatusUnauthorized, page{Error: "That did not work."})
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
		s.enter(w, r, d.User, d.Trust.Reveal())
	case d.Retry:
		render(w, http.StatusUnauthorized, page{Challenge: challenge, Error: "That code is wrong, or was used before. Wait for the next one."})
	default:
		render(w, http.StatusUnauthorized, page{Error: "Sign in again."})
	}
}

// enter makes the session.
func (s *server) enter(w http.ResponseWriter, r *http.Request, u chatadmin.User, trust string) {
	id := rand.Text()
	s.mu.Lock()
	s.sessions[id] = u
	s.mu.Unlock()
	http.SetCookie(w, cookie(r, sessionCookie, id, 0))
	if trust != "" {
		http.SetCookie(w, cookie(r, trustCookie, trust, int(twofa.MaxValidity.Seconds()))) // when it ends, the library decides
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (s *server) logout(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie(sessionCookie); err == nil {
		s.mu.Lock()
		delete(s.sessions, c.Value)
		s.mu.Unlock()
	}
	http.SetCookie(w, cookie(r, sessionCookie, "", -1))
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func cookie(r *http.Request, name, value string, seconds int) *http.Cookie {
	return &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: seconds, HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteStrictMode}
}

func failed(w http.ResponseWriter, err error) {
	log.Print(err)
	render(w, http.StatusInternalServerError, page{Error: "Something went wrong. Try again."})
}

func dataURL(png []byte) string {
	return "data:image/png;base64," + base64.StdEncoding.EncodeToString(png)
}
