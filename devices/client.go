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
// such as "https://chat.example.com/devices". Credentials travel: anything but
// https is refused, unless the server runs on this machine. c may be nil:
// http.DefaultClient.
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

// Error is a refusal of the server. Is reports whether it stands for
// ErrRefused, ErrStale or ErrTooMany.
type Error struct {
	Status     int // of HTTP
	Detail     ErrorDetail
	RetryAfter string // the header, if any
}

func (e *Error) Error() string {
	return fmt.Sprintf("the server says %d %s: %s", e.Status, e.Detail.Code, e.Detail.Message)
}

// Is makes errors.Is work across the wire.
func (e *Error) Is(target error) bool {
	return target == ErrRefused && e.Detail.Code == "refused" || target == ErrStale && e.Detail.Code == "stale" || target == ErrTooMany && e.Detail.Code == "too_many_devices"
}

// Register registers the device. sign adds to the request what the host
// authenticates its user by.
func (c *Client) Register(ctx context.Context, sign func(*http.Request), q RegisterRequest) (RegisterReply, error) {
	var a RegisterReply
	err := c.post(ctx, "register", sign, q, &a)
	return a, err
}

// CheckIn asks what there is to do. Do it, then Acknowledge it; a client that
// dies before that is told again.
func (c *Client) CheckIn(ctx context.Context, wipeToken string) ([]CommandReply, error) {
	var a CheckInReply
	err := c.post(ctx, "checkin", bearer(wipeToken), struct{}{}, &a)
	return a.Commands, err
}

// Acknowledge answers a command: failure is nil where it was done; otherwise
// the server keeps no more than the first 64 bytes of its text, and no more are
// sent. Repeating it is harmless.
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
