package support

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"chatadmin.example/sdk/chatadmin"
)

// Draft is what somebody reports.
type Draft struct {
	Platform Platform
	User     chatadmin.ID // who reports; "" is the actor
	// From is the address for answers; "" is the user's own.
	From string
	// Ticket is the number of an existing ticket that the report belongs to: up
	// to 64 letters, digits and any of # . _ -
	Ticket string
	// Client is what the client says of itself, such as its version and device.
	Client string
	// Description says what went wrong, in at most 16 KiB. Secrets are taken out
	// of it as out of the logs.
	Description string
	Logs        []Log
}

const (
	maxDescription = 16 << 10
	maxClient      = 256
	maxTicket      = 64
)

// Codes of wrong fields, besides those of package chatadmin.
const (
	CodeBadPlatform = "bad_platform"
	CodeBadTicket   = "bad_ticket"
)

// Preview is a report as it would leave.
type Preview struct {
	ID       chatadmin.ID `json:"id"`
	Platform Platform     `json:"platform"`
	From     string       `json:"from"` // answers go there
	To       string       `json:"to"`
	Subject  string       `json:"subject"`
	Text     string       `json:"text"`
	Files    []File       `json:"files"`
	Size     int64        `json:"size"` // of the zip, in bytes
}

// Bundle is a report that is ready to leave. Nothing can be changed in it any
// more.
type Bundle struct {
	domain, user chatadmin.ID
	r            report
	zip          *pieces
}

// Preview shows the report. The beginning of each file is there; WriteTo gives
// all of them.
func (b *Bundle) Preview() Preview {
	return Preview{b.r.ID, b.r.Platform, b.r.From, b.r.To, b.r.Subject, b.r.Text, slices.Clone(b.r.Files), b.r.Size}
}

// WriteTo writes the zip with the logs, such as into a file where no mail can
// be sent.
func (b *Bundle) WriteTo(w io.Writer) (int64, error) { return io.Copy(w, b.zip.reader()) }

// Prepare checks a report, takes secrets out of it and packs its logs. Nothing
// leaves and nothing is stored: show the preview, then call Send, or write the
// zip into a file.
//
// It returns *chatadmin.FieldErrors that name all wrong fields, ErrTooLarge if
// the logs are too large, and ErrNoRecipient. Users report for themselves;
// reporting for others needs chatadmin.PermSupport.
func (x *Support) Prepare(ctx context.Context, s *chatadmin.Scope, d Draft) (*Bundle, error) {
	b, err := x.begin(ctx, s, d)
	if err != nil {
		return nil, err
	}
	p := x.packer(ctx)
	for _, l := range d.Logs {
		if err := p.addLog(l); err != nil {
			return nil, err
		}
	}
	return x.finish(b, p)
}

func (x *Support) packer(ctx context.Context) *packer {
	return newPacker(ctx, new(pieces), &ZipOptions{Redact: x.o.Redact, MaxBytes: x.o.MaxBytes, MaxZip: x.o.MaxZip, Now: x.admin.Now})
}

// begin checks all of a draft but its logs.
func (x *Support) begin(ctx context.Context, s *chatadmin.Scope, d Draft) (*Bundle, error) {
	d.User = cmp.Or(d.User, s.Actor())
	domain, _, err := s.View(ctx, x.need(s, d.User))
	if err != nil {
		return nil, err
	}
	if d.User == chatadmin.HostActor {
		return nil, &chatadmin.FieldError{Field: "user", Code: chatadmin.CodeMissing, Reason: "say who reports the problem"}
	}
	us, err := x.admin.Store().Users(ctx, s.Domain(), []chatadmin.ID{d.User})
	if err != nil {
		return nil, err
	}
	if len(us) == 0 || us[0].Deleting {
		return nil, fmt.Errorf("user %q: %w", chatadmin.Cut(string(d.User)), chatadmin.ErrNotFound)
	}
	d.From = cmp.Or(strings.TrimSpace(d.From), us[0].Email)
	d.Ticket, d.Client = strings.TrimSpace(d.Ticket), strings.TrimSpace(d.Client)
	d.Description = strings.TrimSpace(strings.ReplaceAll(d.Description, "\r\n", "\n"))
	if wrong := d.faults(); len(wrong) > 0 {
		return nil, &chatadmin.FieldErrors{Fields: wrong}
	}
	to := x.o.Recipients[d.Platform]
	if to == "" {
		return nil, fmt.Errorf("%s: %w", d.Platform, ErrNoRecipient)
	}
	b := &Bundle{domain: s.Domain(), user: d.User, r: report{ID: x.admin.NewID(), Platform: d.Platform, From: d.From, To: to, Ticket: d.Ticket,
		Client: x.o.Redact.String(d.Client), Description: x.o.Redact.String(d.Description), State: Waiting, At: x.admin.Now()}}
	b.r.Changed = b.r.At
	b.r.Subject = "Problem report: " + d.Platform.String() + ", " + chatadmin.Cut(domain.Name)
	if d.Ticket != "" {
		b.r.Subject += " [" + d.Ticket + "]"
	}
	b.r.Text = b.r.words(chatadmin.Cut(us[0].DisplayName), chatadmin.Cut(domain.Name))
	return b, nil
}

// finish closes the zip.
func (x *Support) finish(b *Bundle, p *packer) (*Bundle, error) {
	b.zip = p.to.(*pieces)
	if len(p.files) == 0 { // a report without logs has no zip
		return b, nil
	}
	files, err := p.close()
	if err != nil {
		return nil, err
	}
	b.r.Files, b.r.Size, b.r.Pieces = files, b.zip.size, len(b.zip.all)
	var list strings.Builder
	list.WriteString("\nLogs:\n")
	for _, f := range files {
		n := 0
		for _, k := range f.Redacted {
			n += k
		}
		fmt.Fprintf(&list, "  %s, %d bytes, secrets taken out: %d\n", f.Name, f.Bytes, n)
	}
	b.r.Text += list.String()
	return b, nil
}

// faults are all that is wrong with a draft.
func (d *Draft) faults() (wrong []*chatadmin.FieldError) {
	add := func(field, value, code, reason string) {
		wrong = append(wrong, &chatadmin.FieldError{Field: field, Value: chatadmin.Cut(value), Code: code, Reason: reason})
	}
	if d.Platform.check() != nil {
		add("platform", string(d.Platform), CodeBadPlatform, "give ios, android, windows or mac")
	}
	switch {
	case d.From == "":
		add("from", "", chatadmin.CodeMissing, "the user has no e-mail address: give one for answers")
	case chatadmin.CheckEmail(d.From) != nil:
		add("from", d.From, chatadmin.CodeBadEmail, "this is not one bare e-mail address: write it like ann@example.com")
	}
	if len(d.Ticket) > maxTicket || strings.Trim(d.Ticket, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789#._-") != "" {
		add("ticket", d.Ticket, CodeBadTicket, "give the number of the ticket: letters, digits and # . _ - only")
	}
	for _, f := range []struct {
		name, text string
		most       int
		multiline  bool
	}{{"client", d.Client, maxClient, false}, {"description", d.Description, maxDescription, true}} {
		bad := func(r rune) bool {
			return unicode.IsControl(r) && !(f.multiline && (r == '\n' || r == '\t'))
		}
		switch {
		case len(f.text) > f.most:
			add(f.name, f.text, chatadmin.CodeTooLong, fmt.Sprintf("it has more than %d bytes", f.most))
		case !utf8.ValidString(f.text) || strings.ContainsFunc(f.text, bad):
			add(f.name, f.text, chatadmin.CodeBadText, "it has control characters or is not UTF-8")
		}
	}
	return wrong
}

// words is the text of the mail.
func (r *report) words(user, domain string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", cmp.Or(r.Description, "(no description)"))
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-12s%s\n", name+":", value)
		}
	}
	row("From", user+", "+r.From)
	row("Domain", domain)
	row("Platform", r.Platform.String())
	row("Client", r.Client)
	row("Ticket", r.Ticket)
	row("Report", string(r.ID))
	return b.String()
}
