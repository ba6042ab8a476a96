package devices

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/secret"
)

// Authenticate returns the user whom the host has authenticated by its own
// means, such as a session. An error that is chatadmin.ErrForbidden refuses the
// request; any other error is a failure of the server.
type Authenticate func(r *http.Request) (domain, user chatadmin.ID, err error)

// HandlerOptions configure a Handler. With nil the defaults hold.
type HandlerOptions struct {
	// PerMinute is how many calls a user (registering) or a device (checking
	// in, answering) may make in a minute; default 30.
	PerMinute int
}

type handler struct {
	registry *Registry
	who      Authenticate
	limit    *limiter
}

// errNoAuthenticate refuses every registration of a Handler that was made
// without an Authenticate.
var errNoAuthenticate = errors.New("the handler has no Authenticate: nobody can register a device")

// Handler serves the device side over HTTP: POST register, checkin and
// acknowledge, below the path where the host mounts it with http.StripPrefix.
// The package documentation describes the requests. Register asks who, and
// refuses everybody if who is nil; the other two are authenticated by the wipe
// credential. Only authenticated calls count against the limits, so that
// guessing uses up nobody's.
func (r *Registry) Handler(who Authenticate, o *HandlerOptions) http.Handler {
	most := 30
	if o != nil && o.PerMinute > 0 {
		most = o.PerMinute
	}
	if who == nil { // it must not let in whoever comes
		who = func(*http.Request) (chatadmin.ID, chatadmin.ID, error) { return "", "", errNoAuthenticate }
	}
	h := &handler{r, who, newLimiter(most)}
	mux := http.NewServeMux()
	mux.HandleFunc("/register", h.serve(h.register))
	mux.HandleFunc("/checkin", h.serve(h.checkIn))
	mux.HandleFunc("/acknowledge", h.serve(h.acknowledge))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusNotFound, fault("not_found", "there is no such call"))
	})
	return mux
}

// limited is a refusal for now.
type limited struct{ wait time.Duration }

func (limited) Error() string { return "too many calls" }

// serve reads a request and writes the answer of a call, or its error.
func (h *handler) serve(call func(*http.Request, []byte) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			reply(w, http.StatusMethodNotAllowed, fault("method", "only POST"))
			return
		}
		if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
			reply(w, http.StatusUnsupportedMediaType, fault("media_type", "the body must be application/json"))
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		var tooLong *http.MaxBytesError
		switch {
		case errors.As(err, &tooLong):
			reply(w, http.StatusRequestEntityTooLarge, fault("too_long", "the body is too long"))
			return
		case err != nil:
			reply(w, http.StatusBadRequest, fault("invalid", "the body ended early"))
			return
		}
		answer, err := call(r, body)
		if err != nil {
			h.refuse(w, r, err)
			return
		}
		reply(w, http.StatusOK, answer)
	}
}

// refuse writes an error. What the server's own trouble is goes to the log
// alone.
func (h *handler) refuse(w http.ResponseWriter, r *http.Request, err error) {
	var slow limited
	switch {
	case errors.As(err, &slow):
		w.Header().Set("Retry-After", strconv.Itoa(int(slow.wait/time.Second)+1))
		reply(w, http.StatusTooManyRequests, fault("too_many", "too many calls: wait"))
	case errors.Is(err, chatadmin.ErrDamaged): // an administrator repairs it
		h.registry.admin.Options().Logger.WarnContext(r.Context(), "device call refused", "path", r.URL.Path, "error", err)
		reply(w, http.StatusForbidden, fault("forbidden", "not permitted"))
	case errors.Is(err, ErrRefused):
		reply(w, http.StatusUnauthorized, fault("refused", ErrRefused.Error()))
	case errors.Is(err, chatadmin.ErrForbidden), errors.Is(err, chatadmin.ErrSuspended), errors.Is(err, chatadmin.ErrVetoed), errors.Is(err, chatadmin.ErrNotFound):
		reply(w, http.StatusForbidden, fault("forbidden", "not permitted"))
	case errors.Is(err, ErrTooMany):
		reply(w, http.StatusConflict, fault("too_many_devices", ErrTooMany.Error()))
	case errors.Is(err, ErrStale), errors.Is(err, ErrState):
		reply(w, http.StatusConflict, fault("stale", ErrStale.Error()))
	case errors.Is(err, errBody), errors.Is(err, chatadmin.ErrInvalid):
		reply(w, http.StatusBadRequest, fault("invalid", err.Error()))
	default:
		h.registry.admin.Options().Logger.ErrorContext(r.Context(), "device call failed", "path", r.URL.Path, "error", err)
		w.Header().Set("Retry-After", "5")
		reply(w, http.StatusServiceUnavailable, fault("unavailable", "not now: try again"))
	}
}

func fault(code, message string) ErrorReply { return ErrorReply{ErrorDetail{code, message}} }

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client is gone
}

func (h *handler) allow(key string) error {
	if wait, ok := h.limit.allow(key, h.registry.admin.Now()); !ok {
		return limited{wait}
	}
	return nil
}

func (h *handler) register(r *http.Request, body []byte) (any, error) {
	domain, user, err := h.who(r)
	switch {
	case errors.Is(err, chatadmin.ErrForbidden):
		return nil, chatadmin.ErrForbidden
	case err != nil:
		// whatever else it is, it is about the host and not about what the
		// client has sent
		return nil, fmt.Errorf("authenticating a user: %s", err)
	}
	if err := h.allow("user " + string(domain) + " " + string(user)); err != nil {
		return nil, err
	}
	var q RegisterRequest
	if err := decode(body, &q); err != nil {
		return nil, err
	}
	t, err := ParseType(q.Type)
	if err != nil {
		return nil, err
	}
	out, err := h.registry.Register(r.Context(), h.registry.admin.AsHost(domain), user, Registration{Key: q.DeviceID, Type: t, Name: q.Name, Version: q.Version, Push: q.PushToken.Value})
	if err != nil {
		return nil, err
	}
	a := RegisterReply{Device: string(out.Device.ID), Generation: out.Device.Generation, Status: out.Device.Status.String(), Wipe: out.Device.Wipe.String(), WipeToken: wire(out.WipeToken)}
	if out.Device.Status == Enabled {
		a.Token = wire(out.Token)
	}
	return a, nil
}

func wire(t chatadmin.Token) secret.Wire { return secret.Wire{Value: secret.Hide(t.Plain())} }

// Bearer returns the credential in the header "Authorization: Bearer …" of a
// request, or "" if there is none.
func Bearer(r *http.Request) string {
	if r == nil {
		return ""
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return token
}

// bearer authenticates by the wipe credential, and counts the call.
func (h *handler) bearer(ctx context.Context, r *http.Request) (string, error) {
	token := Bearer(r)
	d, _, err := h.registry.open(ctx, token)
	if err != nil {
		return "", err
	}
	return token, h.allow("device " + string(d.id))
}

func (h *handler) checkIn(r *http.Request, body []byte) (any, error) {
	token, err := h.bearer(r.Context(), r)
	if err != nil {
		return nil, err
	}
	if err := decode(body, &struct{}{}); err != nil {
		return nil, err
	}
	commands, err := h.registry.CheckIn(r.Context(), token)
	if err != nil {
		return nil, err
	}
	a := CheckInReply{Commands: []CommandReply{}}
	for _, c := range commands {
		a.Commands = append(a.Commands, CommandReply{string(c.ID), "wipe"})
	}
	return a, nil
}

func (h *handler) acknowledge(r *http.Request, body []byte) (any, error) {
	token, err := h.bearer(r.Context(), r)
	if err != nil {
		return nil, err
	}
	var q AcknowledgeRequest
	if err := decode(body, &q); err != nil {
		return nil, err
	}
	if q.Outcome != "done" && q.Outcome != "failed" {
		return nil, errOutcome
	}
	c, err := h.registry.Acknowledge(r.Context(), token, chatadmin.ID(q.Command), Outcome{Failed: q.Outcome == "failed", Detail: q.Detail})
	if err != nil {
		return nil, err
	}
	return AcknowledgeReply{c.State.String()}, nil
}
