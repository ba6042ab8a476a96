package integrations

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

const (
	requestTimeout = 15 * time.Second
	maxResponse    = 8 << 20
)

// Hosts lists the hosts that a service may send requests to.
type Hosts struct {
	// Names are regular expressions for whole host names, such as
	// `us\d{1,3}\.api\.mailchimp\.com`. Only https on its usual port is used.
	Names []string
	// Fake takes the place of Names: the address of a fake provider, such as
	// the one of httptest, which may use http. Only its host is allowed.
	Fake string
}

// Client makes the http.Client of a service. It sends nothing to a host that is
// not listed (ErrHost), follows no redirect, reads at most 8 MiB of a response
// and waits at most 15 seconds for it. base carries the requests; nil uses a
// transport of its own, without a proxy from the environment.
func Client(h Hosts, base http.RoundTripper) (*http.Client, error) {
	if base == nil {
		base = &http.Transport{TLSHandshakeTimeout: 5 * time.Second, ResponseHeaderTimeout: requestTimeout, MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute,
			DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext, ForceAttemptHTTP2: true}
	}
	t := &transport{base: base}
	if h.Fake != "" {
		u, err := url.Parse(h.Fake)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
			return nil, errors.New("the address of the fake provider must look like http://127.0.0.1:8080")
		}
		t.fake = u
	}
	for _, name := range h.Names {
		re, err := regexp.Compile(`^(?:` + name + `)$`)
		if err != nil {
			return nil, fmt.Errorf("host %q: %w", name, err)
		}
		t.names = append(t.names, re)
	}
	return &http.Client{Transport: t, Timeout: requestTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, nil
}

type transport struct {
	base  http.RoundTripper
	names []*regexp.Regexp
	fake  *url.URL
}

// RoundTrip sends a request to a listed host.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if !t.allows(r.URL) {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, ErrHost
	}
	res, err := t.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	res.Body = &limited{res.Body, maxResponse}
	return res, nil
}

func (t *transport) allows(u *url.URL) bool {
	if u.User != nil {
		return false
	}
	if t.fake != nil {
		return u.Scheme == t.fake.Scheme && u.Host == t.fake.Host
	}
	if u.Scheme != "https" || u.Port() != "" && u.Port() != "443" {
		return false
	}
	host := strings.ToLower(u.Hostname())
	for _, re := range t.names {
		if re.MatchString(host) {
			return true
		}
	}
	return false
}

// limited fails, rather than ends, where an answer is too long: half an answer
// must not look whole.
type limited struct {
	io.ReadCloser
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.ReadCloser.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, errors.New("the answer is too long")
	}
	return n, err
}
