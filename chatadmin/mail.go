package chatadmin

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"unicode"
)

// Mail is one e-mail to one person, as plain text. The sender is the Mailer's
// affair, unless From is set.
type Mail struct {
	// stable: becomes the Message-ID, so that what is sent twice can be
	// recognised
	ID      string
	To      string // one bare address such as ann@example.com
	From    string // in place of the Mailer's own address; one that it may send from
	ReplyTo string // the address to which answers go; "" is the sender
	Subject string // one line
	Text    string // lines end in \n
}

// String leaves the text out, which may hold a code or a link that lets
// somebody in.
func (m Mail) String() string { return fmt.Sprintf("mail %s to %s: %s", m.ID, m.To, m.Subject) }

// Format prints String whatever the verb.
func (m Mail) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, m.String()) }

// LogValue is String.
func (m Mail) LogValue() slog.Value { return slog.StringValue(m.String()) }

// Mailer hands mails over for delivery. An error means that the mail was not
// accepted, unless it wraps ErrMailUnknown; it wraps ErrMailRefused where
// trying again is pointless. chatadmin/smtpmail is one; chatadmintest.Mailbox
// is one for tests.
type Mailer interface {
	Send(ctx context.Context, m Mail) error
}

var (
	ErrMailRefused = ErrInvalid.New("mail_refused", "the mail was refused for good")
	ErrMailUnknown = ErrUnavailable.New("mail_unknown", "it is not known whether the mail was accepted")
)

// Check refuses what could smuggle in a header or a second recipient: a line
// break or other control character in ID or Subject, and addresses that are not
// exactly one bare address each. The library checks each mail before it calls the
// Mailer, and a Mailer may do it again.
func (m Mail) Check() error {
	if err := CheckEmail(m.To); err != nil {
		return fmt.Errorf("mail to %q: %w", m.To, err)
	}
	for name, addr := range map[string]string{"sender": m.From, "address for answers": m.ReplyTo} {
		if addr == "" {
			continue
		}
		if err := CheckEmail(addr); err != nil {
			return fmt.Errorf("mail to %q: the %s %q: %w", m.To, name, addr, err)
		}
	}
	for name, s := range map[string]string{"subject": m.Subject, "id": m.ID} {
		if strings.ContainsFunc(s, unicode.IsControl) {
			return fmt.Errorf("mail to %q: the %s has a line break or control character: %w", m.To, name, ErrInvalid)
		}
	}
	return nil
}
