package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/erase"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/texts"
	"chatadmin.example/sdk/csvimport"
	"chatadmin.example/sdk/devices"
	"chatadmin.example/sdk/twofa"
)

type object map[string]any

func (h *host) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /activate", answer(h.invited)) // the link in the invitation leads here
	mux.Handle("POST /activate", answer(h.activate))
	mux.Handle("POST /login", answer(h.login))
	mux.Handle("POST /code", answer(h.code))
	mux.Handle("POST /logout", answer(h.logout))
	mux.Handle("GET /me", answer(h.as(h.me)))
	mux.Handle("GET /import", answer(h.as(h.held))) // the link in the mail after an import leads here
	mux.Handle("POST /import", answer(h.as(h.release)))
	mux.Handle("POST /imports/plan", answer(h.as(h.planImport)))
	mux.Handle("POST /imports", answer(h.as(h.applyImport)))
	mux.Handle("POST /groups/{id}/messages", answer(h.as(h.send)))
	mux.Handle("POST /users/{id}/deletion", answer(h.as(h.planDeletion)))
	mux.Handle("POST /deletions", answer(h.as(h.applyDeletion)))
	mux.Handle("POST /users/{id}/wipe", answer(h.as(h.planWipe)))
	mux.Handle("POST /wipes", answer(h.as(h.applyWipe)))
	mux.Handle("GET /runs", answer(h.as(h.runs)))
	mux.Handle("/devices/", http.StripPrefix("/devices", h.registry.Handler(h.owner, nil)))
	return http.NewCrossOriginProtection().Handler(mux)
}

func (h *host) invited(_ http.ResponseWriter, r *http.Request) (any, error) {
	u, err := h.admin.Invited(r.Context(), r.FormValue("token"))
	return object{"login": u.Login}, err
}

func (h *host) activate(_ http.ResponseWriter, r *http.Request) (any, error) {
	set := h.passwords.Setter(r.PostFormValue("password"))
	u, err := h.admin.AcceptInvitation(r.Context(), r.PostFormValue("token"), set)
	return object{"login": u.Login}, err
}

func (h *host) login(w http.ResponseWriter, r *http.Request) (any, error) {
	a := signin.Attempt{Login: r.PostFormValue("login"), Client: signin.Web, Method: signin.Password,
		Trust: secret.Hide(cookie(r, "trust")), Challenge: cookie(r, "challenge")}
	d, err := h.gate.SignIn(r.Context(), h.domain, a, h.passwords.Verifier(r.PostFormValue("password")))
	return h.decided(w, d, err)
}

func (h *host) code(w http.ResponseWriter, r *http.Request) (any, error) {
	challenge, code, remember := r.PostFormValue("challenge"), r.PostFormValue("code"), r.PostFormValue("remember") != ""
	d, err := h.gate.Complete(r.Context(), h.domain, challenge, code, remember)
	return h.decided(w, d, err)
}

// decided answers with what the gate has decided.
func (h *host) decided(w http.ResponseWriter, d signin.Decision, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	if trust := d.Trust.Reveal(); trust != "" {
		h.setCookie(w, "trust", trust, int(twofa.MaxValidity.Seconds())) // the library decides when it ends
	}
	switch {
	case d.Allowed():
		h.setCookie(w, "session", h.sessions.start(d), 0)
		h.setCookie(w, "challenge", "", -1)
		return object{"signed_in": d.User.Login}, nil
	case d.Challenge != nil:
		h.setCookie(w, "challenge", d.Challenge.ID, 0) // loading the page again shows the same QR code
		c := object{"challenge": d.Challenge.ID, "kind": d.Challenge.Kind}
		if e := d.Challenge.Enrolment; e != nil {
			c["secret"] = e.Secret.Reveal()
			c["qr"] = "data:image/png;base64," + base64.StdEncoding.EncodeToString(e.QR.Bytes())
		}
		return c, nil
	}
	return nil, fmt.Errorf("%w: %s", errSignIn, d.Message())
}

func (h *host) logout(w http.ResponseWriter, r *http.Request) (any, error) {
	h.sessions.end(cookie(r, "session"))
	h.setCookie(w, "session", "", -1)
	return object{}, nil
}

func (h *host) me(ctx context.Context, s *chatadmin.Scope, _ *http.Request) (any, error) {
	u, err := s.User(ctx, s.Actor())
	return object{"login": u.Login, "name": u.DisplayName}, err
}

func (h *host) held(ctx context.Context, s *chatadmin.Scope, r *http.Request) (any, error) {
	id, n, err := h.imports.Unsent(ctx, s, r.FormValue("token"))
	return object{"run": id, "created": n}, err
}

func (h *host) release(ctx context.Context, s *chatadmin.Scope, r *http.Request) (any, error) {
	n, err := h.imports.Release(ctx, s, r.PostFormValue("token"))
	return object{"invited": n}, err
}

// planImport gets the file. The page shows the plan, and sends both to
// applyImport when the administrator confirms.
func (h *host) planImport(ctx context.Context, s *chatadmin.Scope, r *http.Request) (any, error) {
	file, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	return h.imports.Plan(ctx, s, bytes.NewReader(file), csvimport.UpdateExisting, nil)
}

func (h *host) applyImport(ctx context.Context, s *chatadmin.Scope, r *http.Request) (any, error) {
	file, _, err := r.FormFile("file")
	if err != nil {
		return nil, fmt.Errorf("the file: %w: %w", err, chatadmin.ErrInvalid)
	}
	defer func() { _ = file.Close() }()
	var plan csvimport.Plan
	if err := decode([]byte(r.FormValue("plan")), &plan); err != nil {
		return nil, err
	}
	done, err := h.imports.Apply(ctx, s, &plan, file, nil)
	if err != nil {
		return nil, err
	}
	return object{"run": done.ImportID, "counts": done.Counts, "warnings": texts.Sentences(done.Warnings)}, nil
}

func (h *host) planDeletion(ctx context.Context, s *chatadmin.Scope, r *http.Request) (any, error) {
	return h.deletions.Plan(ctx, s, []chatadmin.ID{chatadmin.ID(r.PathValue("id"))}, nil)
}

func (h *host) applyDeletion(ctx context.Context, s *chatadmin.Scope, r *http.Request) (any, error) {
	var in struct {
		Plan   *erase.Plan
		Reason string
	}
	if err := read(r, &in); err != nil {
		return nil, err
	}
	run, err := h.deletions.Apply(ctx, s, in.Plan, in.Reason, nil)
	if err != nil {
		return nil, err
	}
	return object{"run": run.Run, "receipt": run.Data}, nil
}

func (h *host) planWipe(ctx context.Context, s *chatadmin.Scope, r *http.Request) (any, error) {
	return h.registry.PlanWipe(ctx, s, devices.Of(chatadmin.ID(r.PathValue("id"))))
}

func (h *host) applyWipe(ctx context.Context, s *chatadmin.Scope, r *http.Request) (any, error) {
	var plan devices.WipePlan
	if err := read(r, &plan); err != nil {
		return nil, err
	}
	run, err := h.registry.ApplyWipe(ctx, s, &plan, nil)
	if err != nil {
		return nil, err
	}
	return object{"run": run.Run, "wiped": run.Data.Asked, "skipped": run.Data.Skipped}, nil
}

// runs lists the imports, deletions and wipes that the administrator may see.
func (h *host) runs(ctx context.Context, s *chatadmin.Scope, _ *http.Request) (any, error) {
	all := []chatadmin.Run{}
	for run, err := range s.Runs(ctx, chatadmin.RunQuery{}) {
		if err != nil && !errors.Is(err, chatadmin.ErrDamaged) {
			return nil, err
		}
		if err == nil {
			all = append(all, run)
		}
	}
	return all, nil
}

// owner tells the devices' handler whose session a request belongs to.
func (h *host) owner(r *http.Request) (domain, user chatadmin.ID, err error) {
	user, ok := h.sessions.find(cookie(r, "session"))
	if !ok {
		return "", "", chatadmin.ErrForbidden
	}
	return h.domain, user, nil
}

// call is the handler of a request; its value is answered as JSON.
type call func(http.ResponseWriter, *http.Request) (any, error)

// as runs f in the name of the user who is signed in. Each call of a scope asks
// again whether they may.
func (h *host) as(f func(context.Context, *chatadmin.Scope, *http.Request) (any, error)) call {
	return func(_ http.ResponseWriter, r *http.Request) (any, error) {
		user, ok := h.sessions.find(cookie(r, "session"))
		if !ok {
			return nil, errSignIn
		}
		return f(r.Context(), h.admin.As(h.domain, user), r)
	}
}

func answer(f call) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 64<<20)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		v, err := f(w, r)
		if err != nil {
			status, text := statusOf(err), err.Error()
			if status == http.StatusInternalServerError {
				log.Print(err)
				text = "something went wrong, try again"
			}
			v = object{"error": text}
			w.WriteHeader(status)
		}
		_ = json.NewEncoder(w).Encode(v) // the browser may have gone
	})
}

var errSignIn = errors.New("sign in")

// statusOf is the HTTP status of an error.
func statusOf(err error) int {
	for _, c := range []struct {
		status int
		errs   []error
	}{
		{http.StatusUnauthorized, []error{errSignIn}},
		{http.StatusForbidden, []error{chatadmin.ErrForbidden, chatadmin.ErrSuspended, chatadmin.ErrVetoed}},
		{http.StatusNotFound, []error{chatadmin.ErrNotFound}},
		{http.StatusServiceUnavailable, []error{chatadmin.ErrBusy, chatadmin.ErrCommitUnknown}},
		{http.StatusConflict, []error{chatadmin.ErrPlanStale, chatadmin.ErrExists, chatadmin.ErrHeld, chatadmin.ErrLastAdmin,
			chatadmin.ErrTransition, chatadmin.ErrLinkBusy, chatadmin.ErrDefaultGroup}},
		{http.StatusUnprocessableEntity, []error{chatadmin.ErrInvalid}},
	} {
		for _, known := range c.errs {
			if errors.Is(err, known) {
				return c.status
			}
		}
	}
	return http.StatusInternalServerError
}

func read(r *http.Request, v any) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	return decode(body, v)
}

func decode(data []byte, v any) error {
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("the request: %w: %w", err, chatadmin.ErrInvalid)
	}
	return nil
}

func cookie(r *http.Request, name string) string {
	c, err := r.Cookie(name)
	if err != nil {
		return ""
	}
	return c.Value
}

func (h *host) setCookie(w http.ResponseWriter, name, value string, seconds int) {
	http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: seconds, HttpOnly: true, Secure: h.secure,
		SameSite: http.SameSiteStrictMode})
}
