package chatadmin

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"unicode"
	"unicode/utf8"
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
	// Attachments are files that go with the mail. Only mails of package
	// support have any.
	Attachments []Attachment
}

// Attachment is a file that goes with a mail.
type Attachment struct {
	Name string // of the file alone, such as "logs.zip"
	Type string // the media type, such as "application/zip"; ASCII, without parameters
	Size int64  // how many bytes Open yields
	// Open returns the content. It is called anew each time the mail is sent.
	Open func(context.Context) (io.ReadCloser, error)
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

// Check refuses what could smuggle in a header or a second recipient: a line
// break or other control character in ID, Subject or the name of a file, and
// addresses that are not exactly one bare address each. It refuses attachments
// that are larger than MaxAttachments, too. The library checks each mail before
// it calls the Mailer, and a Mailer may do it again.
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
	if err := m.checkAttachments(); err != nil {
		return fmt.Errorf("mail to %q: %w", m.To, err)
	}
	for name, s := range map[string]string{"subject": m.Subject, "id": m.ID} {
		if strings.ContainsFunc(s, unicode.IsControl) {
			return fmt.Errorf("mail to %q: the %s has a line break or control character: %w", m.To, name, ErrInvalid)
		}
	}
	return nil
}

func (m Mail) checkAttachments() error {
	left := int64(MaxAttachments)
	for _, a := range m.Attachments {
		kind, sub, _ := strings.Cut(a.Type, "/")
		switch {
		case a.Name == "" || len(a.Name) > 200 || !utf8.ValidString(a.Name) || a.Name == ".." || strings.ContainsAny(a.Name, `/\:"`) || strings.ContainsFunc(a.Name, unicode.IsControl):
			return fmt.Errorf("the attachment %q has no usable name: give that of a file, without a folder: %w", Cut(a.Name), ErrInvalid)
		case !mediaName(kind) || !mediaName(sub):
			return fmt.Errorf("the attachment %q has the type %q: write it like application/zip: %w", a.Name, Cut(a.Type), ErrInvalid)
		case a.Open == nil:
			return fmt.Errorf("the attachment %q has no content: %w", a.Name, ErrInvalid)
		case a.Size < 0 || a.Size > left:
			return fmt.Errorf("the attachments have more than %d bytes: attach less: %w", MaxAttachments, ErrInvalid)
		}
		left -= a.Size
	}
	return nil
}

// mediaName reports whether s is one side of a media type.
func mediaName(s string) bool {
	return s != "" && len(s) <= 127 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.+-_") == ""
}
