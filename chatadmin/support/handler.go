package support

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"

	"chatadmin.example/sdk/chatadmin"
)

// Authenticate returns the user whom the host has authenticated by its own
// means, such as a session. An error that is chatadmin.ErrForbidden refuses the
// request; any other error is a failure of the server.
type Authenticate func(r *http.Request) (domain, user chatadmin.ID, err error)

// ErrorReply is the answer to a request that is refused or fails.
type ErrorReply struct {
	Error ErrorDetail `json:"error"`
}

// ErrorDetail says what was wrong.
type ErrorDetail struct {
	Code    string            `json:"code"`
	Message string            `json:"message"`
	Fields  map[string]string `json:"fields,omitempty"` // what is wrong with each field
}

// ReportReply is the answer to POST report.
type ReportReply struct {
	Report chatadmin.ID `json:"report"`
	State  State        `json:"state"`
}

// Handler serves clients over HTTP: POST report and preview, GET and POST
// level, below the path where the host mounts it with http.StripPrefix. The
// package documentation describes the requests. It refuses everybody if who is
// nil. The host protects the addresses against forged requests of other sites,
// as all that its sessions can do.
//
// Logs are packed while they arrive, and never lie unpacked in memory. A
// request holds at most Options.MaxZip and about 1 MiB.
func (x *Support) Handler(who Authenticate) http.Handler {
	if who == nil {
		who = func(*http.Request) (chatadmin.ID, chatadmin.ID, error) {
			return "", "", errors.New("the handler has no Authenticate")
		}
	}
	h := &handler{x, who}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /report", h.serve(h.report))
	mux.HandleFunc("POST /preview", h.serve(h.preview))
	mux.HandleFunc("GET /level", h.serve(h.level))
	mux.HandleFunc("POST /level", h.serve(h.setLevel))
	return mux
}

type handler struct {
	x   *Support
	who Authenticate
}

// serve authenticates, makes a call, and writes its answer or its error.
func (h *handler) serve(call func(http.ResponseWriter, *http.Request, *chatadmin.Scope) (int, any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		domain, user, err := h.who(r)
		if err != nil && !errors.Is(err, chatadmin.ErrForbidden) {
			err = fmt.Errorf("authenticating a user: %s", err) // whatever its class, it is the host's affair
		}
		var status int
		var answer any
		if err == nil {
			status, answer, err = call(w, r, h.x.admin.As(domain, user))
		}
		if err != nil {
			status, answer = h.refuse(r, err)
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(answer) // the client is gone
	}
}

// refuse is the answer to an error. What the server's own trouble is goes to
// the log alone.
func (h *handler) refuse(r *http.Request, err error) (int, ErrorReply) {
	var tooLong *http.MaxBytesError
	status := chatadmin.HTTPStatus(err)
	detail := ErrorDetail{Code: chatadmin.Code(err), Message: err.Error()}
	switch {
	case errors.Is(err, ErrTooLarge), errors.As(err, &tooLong):
		status, detail = http.StatusRequestEntityTooLarge, ErrorDetail{Code: chatadmin.Code(ErrTooLarge), Message: ErrTooLarge.Error()}
	case status >= http.StatusInternalServerError && !errors.Is(err, ErrNoMailer) && !errors.Is(err, ErrNoRecipient):
		h.x.admin.Options().Logger.ErrorContext(r.Context(), "request about a problem report failed", "path", r.URL.Path, "error", err)
		detail.Message = "not now: try again"
	}
	var many *chatadmin.FieldErrors
	if errors.As(err, &many) {
		detail.Fields = map[string]string{}
		for _, f := range many.Fields {
			detail.Fields[f.Field] = f.Reason
		}
	}
	return status, ErrorReply{detail}
}

func (h *handler) report(w http.ResponseWriter, r *http.Request, s *chatadmin.Scope) (int, any, error) {
	b, err := h.bundle(w, r, s)
	if err != nil {
		return 0, nil, err
	}
	sent, err := h.x.Send(r.Context(), s, b)
	return http.StatusCreated, ReportReply{sent.ID, sent.State}, err
}

func (h *handler) preview(w http.ResponseWriter, r *http.Request, s *chatadmin.Scope) (int, any, error) {
	b, err := h.bundle(w, r, s)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, b.Preview(), nil
}

// maxFields bounds what a request has besides its logs.
const maxFields = 64 << 10

var errForm = fmt.Errorf("the body is no form with platform, from, ticket, client, description and log: %w", chatadmin.ErrInvalid)

// bundle reads a form. Logs are packed as they come.
func (h *handler) bundle(w http.ResponseWriter, r *http.Request, s *chatadmin.Scope) (*Bundle, error) {
	if _, _, err := s.View(r.Context(), ""); err != nil {
		return nil, err // before anything is read
	}
	p := h.x.packer(r.Context())
	r.Body = http.MaxBytesReader(w, r.Body, p.o.MaxBytes+maxFields)
	form, err := r.MultipartReader()
	if err != nil {
		return nil, errForm
	}
	var d Draft
	fields := map[string]*string{"platform": (*string)(&d.Platform), "from": &d.From, "ticket": &d.Ticket, "client": &d.Client, "description": &d.Description}
	for {
		field, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, formError(err)
		}
		to, ok := fields[field.FormName()]
		switch {
		case field.FormName() == "log":
			err = p.add(field.FileName(), field)
		case !ok:
			return nil, fmt.Errorf("the field %q is unknown or given twice: %w", chatadmin.Cut(field.FormName()), errForm)
		default:
			delete(fields, field.FormName())
			*to, err = text(field)
		}
		if err != nil {
			return nil, formError(err)
		}
	}
	b, err := h.x.begin(r.Context(), s, d)
	if err != nil {
		return nil, err
	}
	return h.x.finish(b, p)
}

func text(field *multipart.Part) (string, error) {
	b, err := io.ReadAll(io.LimitReader(field, maxDescription+1))
	return string(b), err
}

// formError is the error of a body that ended early.
func formError(err error) error {
	var tooLong *http.MaxBytesError
	if errors.As(err, &tooLong) || errors.Is(err, chatadmin.ErrInvalid) {
		return err
	}
	return fmt.Errorf("%w: %s", errForm, err)
}

// client is the client that a request for a level names.
func client(r *http.Request, s *chatadmin.Scope) Client {
	return Client{User: s.Actor(), Platform: Platform(r.FormValue("platform")), ID: r.FormValue("client")}
}

func (h *handler) level(_ http.ResponseWriter, r *http.Request, s *chatadmin.Scope) (int, any, error) {
	l, err := h.x.Level(r.Context(), s, client(r, s))
	return http.StatusOK, l, err
}

func (h *handler) setLevel(w http.ResponseWriter, r *http.Request, s *chatadmin.Scope) (int, any, error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxFields)
	l, err := h.x.SetClientLevel(r.Context(), s, client(r, s), Level(r.FormValue("level")))
	return http.StatusOK, l, err
}
