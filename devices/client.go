package devices

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"chatadmin.example/sdk/chatadmin"
)

// Client is the device side of the protocol, for native clients written in Go
// and for tests. It is safe for many goroutines.
type Client struct {
	base string
	http *http.Client
}

// NewClient returns a client of the server whose Handler is mounted at base,
// such as "https://chat.example.com/devices". Only https is accepted, except
// for a server on this machine. If c is nil, http.DefaultClient is used.
func NewClient(base string, c *http.Client) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !local(u.Hostname())) {
		return nil, fmt.Errorf("%q is no https:// address", base)
	}
	if c == nil {
		c = http.DefaultClient
	}
	return &Client{strings.TrimSuffix(base, "/"), c}, nil
}

func local(host string) bool { return host == "localhost" || host == "127.0.0.1" || host == "::1" }

// Error is an answer of the server that refuses a call. errors.Is finds
// ErrRefused, ErrStale and ErrTooMany in it.
type Error struct {
	Status     int // of HTTP
	Detail     ErrorDetail
	RetryAfter string // the header, if any
}

// Error implements error.
func (e *Error) Error() string {
	return fmt.Sprintf("the server says %d %s: %s", e.Status, e.Detail.Code, e.Detail.Message)
}

// Is reports whether the server meant ErrRefused, ErrStale or ErrTooMany.
func (e *Error) Is(target error) bool {
	return target == ErrRefused && e.Detail.Code == "refused" || target == ErrStale && e.Detail.Code == "stale" || target == ErrTooMany && e.Detail.Code == "too_many_devices"
}

// Unwrap is the class of errors that the status stands for.
func (e *Error) Unwrap() error {
	switch e.Status {
	case http.StatusUnauthorized:
		return chatadmin.ErrActor
	case http.StatusForbidden:
		return chatadmin.ErrForbidden
	case http.StatusNotFound:
		return chatadmin.ErrNotFound
	case http.StatusConflict:
		return chatadmin.ErrState
	case http.StatusTooManyRequests:
		return chatadmin.ErrLimited
	}
	if e.Status < http.StatusInternalServerError {
		return chatadmin.ErrInvalid
	}
	return chatadmin.ErrUnavailable
}

// Register registers the device. sign adds what the host authenticates the user
// by to the request.
func (c *Client) Register(ctx context.Context, sign func(*http.Request), q RegisterRequest) (RegisterReply, error) {
	var a RegisterReply
	err := c.post(ctx, "register", sign, q, &a)
	return a, err
}

// CheckIn returns the commands that the device must carry out and then
// Acknowledge. They are returned again until they are acknowledged.
func (c *Client) CheckIn(ctx context.Context, wipeToken string) ([]CommandReply, error) {
	var a CheckInReply
	err := c.post(ctx, "checkin", bearer(wipeToken), struct{}{}, &a)
	return a.Commands, err
}

// Acknowledge answers a command. failure is nil if the command was carried out;
// otherwise the first 64 bytes of its text are sent. Repeating the call is
// harmless.
func (c *Client) Acknowledge(ctx context.Context, wipeToken, command string, failure error) (AcknowledgeReply, error) {
	q := AcknowledgeRequest{Command: command, Outcome: "done"}
	if failure != nil {
		q.Outcome, q.Detail = "failed", chatadmin.Cut(failure.Error())
	}
	var a AcknowledgeReply
	err := c.post(ctx, "acknowledge", bearer(wipeToken), q, &a)
	return a, err
}

func bearer(token string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}

var errReply = errors.New("the server's answer is not understood")

func (c *Client) post(ctx context.Context, call string, sign func(*http.Request), body, answer any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+"/"+call, bytes.NewReader(text))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	if sign != nil {
		sign(r)
	}
	res, err := c.http.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	text, err = io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		e := &Error{Status: res.StatusCode, RetryAfter: res.Header.Get("Retry-After")}
		var reply ErrorReply
		if json.Unmarshal(text, &reply) == nil {
			e.Detail = reply.Error
		}
		return e
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("%w: %w", errReply, err)
	}
	return nil
}
