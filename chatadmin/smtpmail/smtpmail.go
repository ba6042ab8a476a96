// Package smtpmail sends the library's mail through an SMTP server, or writes it into a folder.
package smtpmail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"chatadmin.example/sdk/chatadmin"
)

// Security says how the connection to the server is protected.
type Security int

const (
	StartTLS    Security = iota // the default: the connection must become encrypted before anything is sent
	ImplicitTLS                 // encrypted from the first byte, usually on port 465
	Plaintext                   // not at all: for a server on this very machine
)

// Options of a Mailer; nil means defaults.
type Options struct {
	FromName           string // shown beside the sender's address
	Username, Password string // where the server asks for them
	Security           Security
	TLSConfig          *tls.Config   // default: the system's certificates
	HELO               string        // the name given to the server; default the host's own
	Timeout            time.Duration // of one mail; default 30 s
	Now                func() time.Time
}

// Mailer is a chatadmin.Mailer over one SMTP server. It opens a connection for each mail, so that none is idle when it is needed. It is safe for many goroutines.
type Mailer struct {
	client *gomail.Client
	from   sender
}

// sender is what every mail has in common.
type sender struct {
	addr, name, domain string
	now                func() time.Time
}

func newSender(from, name string, now func() time.Time) (sender, error) {
	if err := bare(from); err != nil {
		return sender{}, fmt.Errorf("sender: %w", err)
	}
	if strings.ContainsAny(name, "\r\n") {
		return sender{}, fmt.Errorf("the sender's name has a line break: %w", chatadmin.ErrInvalid)
	}
	if now == nil {
		now = time.Now
	}
	return sender{from, name, from[strings.LastIndexByte(from, '@')+1:], now}, nil
}

// bare refuses what is more than one address: what a mail parser reads out of it must be it.
func bare(addr string) error {
	if err := chatadmin.CheckEmail(addr); err != nil {
		return err
	}
	if a, err := mail.ParseAddress(addr); err != nil || a.Address != addr || a.Name != "" {
		return fmt.Errorf("%q is not one bare address: %w", chatadmin.Cut(addr), chatadmin.ErrInvalid)
	}
	return nil
}

// New returns a Mailer that sends from the given address through the server at addr, "host:port".
func New(addr, from string, o *Options) (*Mailer, error) {
	if o == nil {
		o = &Options{}
	}
	s, err := newSender(from, o.FromName, o.Now)
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("SMTP server %q: write it as host:port: %w", addr, chatadmin.ErrInvalid)
	}
	n, err := strconv.Atoi(port)
	if err != nil || host == "" {
		return nil, fmt.Errorf("SMTP server %q: write it as host:port: %w", addr, chatadmin.ErrInvalid)
	}
	timeout := o.Timeout
	if timeout == 0 {
		timeout = 30 * time.Second
	}
	opts := []gomail.Option{gomail.WithPort(n), gomail.WithTimeout(timeout), gomail.WithoutNoop()}
	switch o.Security {
	case ImplicitTLS:
		opts = append(opts, gomail.WithSSL())
	case Plaintext:
		opts = append(opts, gomail.WithTLSPolicy(gomail.NoTLS))
	default:
		opts = append(opts, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if o.TLSConfig != nil {
		opts = append(opts, gomail.WithTLSConfig(o.TLSConfig))
	}
	if o.HELO != "" {
		opts = append(opts, gomail.WithHELO(o.HELO))
	}
	if o.Username != "" {
		opts = append(opts, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(o.Username), gomail.WithPassword(o.Password))
	}
	c, err := gomail.NewClient(host, opts...)
	if err != nil {
		return nil, fmt.Errorf("SMTP server %q: %w", addr, err)
	}
	return &Mailer{c, s}, nil
}

// message composes one mail.
func (s sender) message(m chatadmin.Mail) (*gomail.Msg, error) {
	if err := m.Check(); err != nil {
		return nil, err
	}
	if err := bare(m.To); err != nil {
		return nil, err
	}
	msg := gomail.NewMsg(gomail.WithCharset(gomail.CharsetUTF8), gomail.WithEncoding(gomail.EncodingQP), gomail.WithNoDefaultUserAgent())
	if err := errors.Join(msg.FromFormat(s.name, s.addr), msg.To(m.To)); err != nil {
		return nil, fmt.Errorf("composing the mail: %w", err)
	}
	msg.Subject(m.Subject)
	msg.SetDateWithValue(s.now())
	if m.ID != "" {
		msg.SetMessageIDWithValue(messageID(m.ID) + "@" + s.domain)
	}
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // nobody's out-of-office notice shall answer
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	return msg, nil
}

// messageID keeps what may stand in a Message-ID.
func messageID(id string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r == '.' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			return r
		}
		return '-'
	}, id)
}

// Send implements chatadmin.Mailer. A refusal for good (5xx) wraps chatadmin.ErrMailRefused; a connection that broke when the mail had been handed over, but before the server answered,
// chatadmin.ErrMailUnknown. Every other error means that the mail was not accepted and may be tried again.
func (s *Mailer) Send(ctx context.Context, m chatadmin.Mail) error {
	msg, err := s.from.message(m)
	if err != nil {
		return err
	}
	err = s.client.DialAndSendWithContext(ctx, msg)
	if err == nil || msg.IsDelivered() { // what goes wrong afterwards changes nothing
		return nil
	}
	var se *gomail.SendError
	if !errors.As(err, &se) {
		return fmt.Errorf("sending mail to %s: %w", m.To, err)
	}
	switch {
	case se.ErrorCode() >= 500:
		return fmt.Errorf("sending mail to %s: %w: the server said %d", m.To, chatadmin.ErrMailRefused, se.ErrorCode())
	case se.Reason == gomail.ErrSMTPDataClose && se.ErrorCode() == 0:
		return fmt.Errorf("sending mail to %s: %w", m.To, chatadmin.ErrMailUnknown)
	case se.ErrorCode() > 0:
		return fmt.Errorf("sending mail to %s: the server said %d, try again later", m.To, se.ErrorCode())
	}
	return fmt.Errorf("sending mail to %s: the connection broke before the mail was handed over", m.To)
}
