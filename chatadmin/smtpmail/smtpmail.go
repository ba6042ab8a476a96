// Package smtpmail sends the library's mail through an SMTP server, or writes
// it into a folder.
package smtpmail

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/mail"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	gomail "github.com/wneessen/go-mail"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/secret"
)

// Security says how the connection to the server is protected.
type Security int

const (
	// the default: the connection must become encrypted before anything is sent
	StartTLS    Security = iota
	ImplicitTLS          // encrypted from the first byte, usually on port 465
	Plaintext            // not at all: for a server on this very machine
)

// Options of a Mailer; nil means defaults.
type Options struct {
	FromName  string // shown beside the sender's address
	Username  string // where the server asks for it
	Password  secret.Value
	Security  Security
	TLSConfig *tls.Config // default: the system's certificates
	HELO      string      // the name given to the server; default the host's own
	// of one mail, from dialling to the server's answer; default 30 s
	Timeout time.Duration
	Now     func() time.Time
}

// String hides the password.
func (o Options) String() string {
	return fmt.Sprintf("mail as %q for %q, security %d, timeout %s", o.FromName, o.Username, o.Security, o.Timeout)
}

// Format prints String whatever the verb.
func (o Options) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, o.String()) }

// LogValue is String.
func (o Options) LogValue() slog.Value { return slog.StringValue(o.String()) }

// Mailer is a chatadmin.Mailer over one SMTP server. It opens a connection for
// each mail, so that none is idle when it is needed. It is safe for many
// goroutines.
type Mailer struct {
	host        string
	opts        []gomail.Option
	tls         *tls.Config
	implicitTLS bool
	timeout     time.Duration
	from        sender
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
	if !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return sender{}, fmt.Errorf("the sender's name %q cannot stand in a mail: give it as UTF-8 text without line breaks and control characters: %w", chatadmin.Cut(name), chatadmin.ErrInvalid)
	}
	if now == nil {
		now = time.Now
	}
	return sender{from, name, from[strings.LastIndexByte(from, '@')+1:], now}, nil
}

// bare refuses what is more than one address: what a mail parser reads out of
// it must be it.
func bare(addr string) error {
	if err := chatadmin.CheckEmail(addr); err != nil {
		return err
	}
	if a, err := mail.ParseAddress(addr); err != nil || a.Address != addr || a.Name != "" {
		return fmt.Errorf("%q is not one bare address: %w", chatadmin.Cut(addr), chatadmin.ErrInvalid)
	}
	return nil
}

// New returns a Mailer that sends from the given address through the server at
// addr, "host:port".
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
	config := o.TLSConfig.Clone()
	if config == nil {
		config = &tls.Config{MinVersion: gomail.DefaultTLSMinVersion}
	}
	if config.ServerName == "" {
		config.ServerName = host
	}
	// go-mail counts its timeout anew for each phase of a mail. It is longer
	// than the one that Send keeps for all of them, which so is always the
	// first to end.
	opts := []gomail.Option{gomail.WithPort(n), gomail.WithTimeout(2 * timeout), gomail.WithoutNoop(), gomail.WithTLSConfig(config)}
	auth := gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover)
	switch o.Security {
	case ImplicitTLS:
		// go-mail does not see that a connection which it did not dial is
		// encrypted, and would discover none of the ways to log in that need
		// it.
		opts, auth = append(opts, gomail.WithSSL()), gomail.WithOpportunisticSMTPAuth(encryptedAuth...)
	case Plaintext:
		opts = append(opts, gomail.WithTLSPolicy(gomail.NoTLS))
	default:
		opts = append(opts, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if o.HELO != "" {
		opts = append(opts, gomail.WithHELO(o.HELO))
	}
	if o.Username != "" {
		opts = append(opts, auth, gomail.WithUsername(o.Username), gomail.WithPassword(o.Password.Reveal()))
	}
	if _, err := gomail.NewClient(host, opts...); err != nil {
		return nil, fmt.Errorf("SMTP server %q: %w", addr, err)
	}
	return &Mailer{host, opts, config, o.Security == ImplicitTLS, timeout, s}, nil
}

// encryptedAuth are the ways to log in over an encrypted connection, the best
// first, in the order in which go-mail discovers them.
var encryptedAuth = []gomail.SMTPAuthType{gomail.SMTPAuthSCRAMSHA256PLUS, gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthSCRAMSHA1PLUS, gomail.SMTPAuthSCRAMSHA1,
	gomail.SMTPAuthNTLM, gomail.SMTPAuthCramMD5, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin}

// message composes one mail.
func (s sender) message(ctx context.Context, m chatadmin.Mail) (*gomail.Msg, error) {
	if err := m.Check(); err != nil {
		return nil, err
	}
	for _, addr := range []string{m.To, cmp.Or(m.From, m.To), cmp.Or(m.ReplyTo, m.To)} {
		if err := bare(addr); err != nil {
			return nil, err
		}
	}
	msg := gomail.NewMsg(gomail.WithCharset(gomail.CharsetUTF8), gomail.WithEncoding(gomail.EncodingQP), gomail.WithNoDefaultUserAgent())
	msg.FromMailAddress(&mail.Address{Name: s.name, Address: cmp.Or(m.From, s.addr)})
	if err := msg.To(m.To); err != nil {
		return nil, fmt.Errorf("composing the mail: %w", err)
	}
	msg.Subject(m.Subject)
	msg.SetDateWithValue(s.now())
	if m.ID != "" {
		msg.SetMessageIDWithValue(messageID(m.ID) + "@" + s.domain)
	}
	if m.ReplyTo == "" {
		msg.SetGenHeader("Auto-Submitted", "auto-generated") // nobody's out-of-office notice shall answer
	} else if err := msg.ReplyTo(m.ReplyTo); err != nil {
		return nil, fmt.Errorf("composing the mail: %w", err)
	}
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	for _, a := range m.Attachments {
		content, err := read(ctx, a)
		if err != nil {
			return nil, fmt.Errorf("attachment %q: %w", a.Name, err)
		}
		msg.AttachReadSeeker(a.Name, bytes.NewReader(content), gomail.WithFileContentType(gomail.ContentType(a.Type)))
	}
	return msg, nil
}

// read reads an attachment before anything is sent: a mail whose attachment
// failed halfway would be delivered without the rest of it.
func read(ctx context.Context, a chatadmin.Attachment) ([]byte, error) {
	r, err := a.Open(ctx)
	if err != nil {
		return nil, err
	}
	content := make([]byte, a.Size)
	_, err = io.ReadFull(r, content)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = fmt.Errorf("it has fewer than the %d bytes that were announced: %w", a.Size, chatadmin.ErrInvalid)
	}
	if n, _ := r.Read(make([]byte, 1)); err == nil && n > 0 {
		err = fmt.Errorf("it has more than the %d bytes that were announced: %w", a.Size, chatadmin.ErrInvalid)
	}
	return content, errors.Join(err, r.Close())
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

// Send implements chatadmin.Mailer. A refusal for good (5xx) wraps
// chatadmin.ErrMailRefused; a connection that broke or was given up when the
// mail had been handed over, but before the server answered,
// chatadmin.ErrMailUnknown. Every other error means that the mail was not
// accepted and may be tried again. When ctx ends, Send does, too.
func (s *Mailer) Send(ctx context.Context, m chatadmin.Mail) error {
	msg, err := s.from.message(ctx, m)
	if err != nil {
		return err
	}
	err = s.deliver(ctx, msg)
	if err == nil || msg.IsDelivered() { // what goes wrong afterwards changes nothing
		return nil
	}
	var se *gomail.SendError
	sent := errors.As(err, &se)
	switch {
	case sent && se.ErrorCode() >= 500:
		return fmt.Errorf("sending mail to %s: %w: the server said %d", m.To, chatadmin.ErrMailRefused, se.ErrorCode())
	case sent && se.Reason == gomail.ErrSMTPDataClose && se.ErrorCode() == 0:
		return fmt.Errorf("sending mail to %s: %w", m.To, chatadmin.ErrMailUnknown)
	case sent && se.ErrorCode() > 0:
		return fmt.Errorf("sending mail to %s: the server said %d, try again later", m.To, se.ErrorCode())
	case ctx.Err() != nil:
		return fmt.Errorf("sending mail to %s: %w", m.To, ctx.Err())
	case errors.Is(err, errTimeout):
		return fmt.Errorf("sending mail to %s: %w of %s", m.To, errTimeout, s.timeout)
	case sent:
		return fmt.Errorf("sending mail to %s: the connection broke before the mail was handed over", m.To)
	}
	return fmt.Errorf("sending mail to %s: %w", m.To, err)
}

var errTimeout = errors.New("the server did not take the mail within the timeout")

// deliver hands a message over within the timeout. go-mail looks at ctx only
// while it dials, and leaves connections open on which it could not log in: so
// the connection is dialled here, by a client of its own, and closed in any
// case.
func (s *Mailer) deliver(ctx context.Context, msg *gomail.Msg) error {
	ctx, cancel := context.WithTimeoutCause(ctx, s.timeout, errTimeout)
	defer cancel()
	dial := func(dialing context.Context, network, address string) (net.Conn, error) {
		// dialing ends as soon as the server lets the mail in
		c, err := (&net.Dialer{}).DialContext(dialing, network, address)
		if err != nil {
			return nil, err
		}
		context.AfterFunc(ctx, func() { _ = c.Close() }) // cancel closes it, at the latest
		if !s.implicitTLS {
			return c, nil
		}
		encrypted := tls.Client(c, s.tls)
		return encrypted, encrypted.HandshakeContext(dialing)
	}
	client, err := gomail.NewClient(s.host, append(s.opts[:len(s.opts):len(s.opts)], gomail.WithDialContextFunc(dial))...)
	if err != nil {
		return err
	}
	if err = client.DialAndSendWithContext(ctx, msg); err != nil && ctx.Err() != nil {
		err = errors.Join(context.Cause(ctx), err)
	}
	return err
}
