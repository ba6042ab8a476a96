package integrations

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"chatadmin.example/sdk/chatadmin"
)

// acceptTime is the most that accepting a request takes: Slack gives up after
// three seconds, Mailchimp after ten.
const acceptTime = 2500 * time.Millisecond

// Handler serves the requests from outside: the addresses of hooks, the common
// addresses for events (Router) and the callbacks of OAuth. Mount it below
// Options.PublicURL, under any prefix: it looks only at the end of the path.
// What it accepts is kept before it answers. Deliver does the rest.
func (x *Integrations) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, x.o.MaxBody)
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		path := strings.Split(r.URL.Path, "/")
		n := len(path)
		switch {
		case n >= 4 && path[n-4] == "hook":
			of, name, token := Of{Service: path[n-3]}, path[n-2], path[n-1]
			x.serve(w, r, of.Service, func(ctx context.Context, q *Request) (Accepted, error) {
				q.Hook = name
				return x.accept(ctx, of, token, q)
			})
		case n >= 2 && path[n-2] == "events":
			x.serve(w, r, path[n-1], func(ctx context.Context, q *Request) (Accepted, error) {
				return x.events(ctx, path[n-1], q)
			})
		case n >= 2 && path[n-2] == "callback":
			x.serveCallback(w, r, path[n-1])
		default:
			http.Error(w, "not found", http.StatusNotFound)
		}
	})
}

// serve answers a request of a provider by what is accepted of it.
func (x *Integrations) serve(w http.ResponseWriter, r *http.Request, service string, accept func(context.Context, *Request) (Accepted, error)) {
	if r.Method != http.MethodPost && r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD, POST")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		code := http.StatusBadRequest
		if tooLong := new(http.MaxBytesError); errors.As(err, &tooLong) {
			code = http.StatusRequestEntityTooLarge
		}
		http.Error(w, "the body could not be read", code)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), acceptTime)
	defer cancel()
	acc, err := accept(ctx, &Request{Method: r.Method, Header: r.Header, Query: r.URL.Query(), Body: body, Now: x.admin.Now()})
	switch {
	case err == nil:
		if acc.Type != "" {
			w.Header().Set("Content-Type", acc.Type)
		}
		_, _ = io.WriteString(w, acc.Body)
	case errors.Is(err, errNoHook):
		http.Error(w, "not found", http.StatusNotFound)
	case errors.Is(err, ErrRefused):
		http.Error(w, "refused", http.StatusUnauthorized)
	default: // the provider tries again
		x.admin.Options().Logger.ErrorContext(ctx, "integration: a request could not be kept", "service", chatadmin.Cut(service), "error", err)
		http.Error(w, "try again later", http.StatusServiceUnavailable)
	}
}

func (x *Integrations) serveCallback(w http.ResponseWriter, r *http.Request, service string) {
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", "GET")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	cb := x.callback(r.Context(), service, r)
	if x.o.Done != nil {
		x.o.Done(w, r, cb)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	switch {
	case cb.Err == nil:
		_, _ = fmt.Fprintln(w, "The account is connected. You can close this page and save the settings.")
	case errors.Is(cb.Err, ErrFault):
		w.WriteHeader(http.StatusServiceUnavailable)
	case errors.Is(cb.Err, chatadmin.ErrForbidden):
		w.WriteHeader(http.StatusForbidden)
	default:
		w.WriteHeader(http.StatusBadRequest)
	}
	if cb.Err != nil {
		_, _ = fmt.Fprintln(w, cb.Err.Error())
	}
}
