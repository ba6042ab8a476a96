package support

import (
	"context"
	"errors"
	"io"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/internal/mailqueue"
	"chatadmin.example/sdk/chatadmin/texts"
)

// Deliver sends the reports of a domain that wait, and acknowledgements, and
// returns how many mails it sent. chatadmin.Admin.Work calls it. A process that
// dies after the mail server has taken a mail, and before that was written
// down, leaves it waiting: it is sent once more after five minutes, under the
// same Message-ID. If the answer of the mail server is lost
// (chatadmin.ErrMailUnknown), the mail counts as sent. What the mail server
// refuses for now is tried again, up to 8 times within about four hours.
func (x *Support) Deliver(ctx context.Context, domain chatadmin.ID) (sent int, err error) {
	q := mailqueue.Queue[report]{Admin: x.admin, Kind: &reports, Settle: settle, Tries: func(r *report) *int { return &r.Tries },
		Mail: func(ctx context.Context, e *chatadmin.Entry[report]) (chatadmin.Mail, error) {
			if e.Value.State == Waiting {
				return x.mail(domain, &e.Value), nil
			}
			words, err := x.words(ctx, domain, e.Owner)
			if err != nil {
				return chatadmin.Mail{}, err
			}
			return e.Value.acknowledgement(words), nil
		}}
	return q.Deliver(ctx, domain)
}

// settle notes that a report has left, or why not, and deletes its zip. There
// is nothing to note of an acknowledgement.
func settle(ctx context.Context, w *chatadmin.Writer, e *chatadmin.Entry[report], failure error) error {
	r := &e.Value
	if r.State != Waiting {
		return nil
	}
	r.State, r.Changed = Sent, w.Now()
	if failure != nil {
		r.State, r.Problem = Failed, chatadmin.Cut(failure.Error())
	}
	for n := range r.Pieces {
		found, err := parts.GetMany(ctx, w, e.Domain, partID(r.ID, n))
		if err != nil {
			return err
		}
		for _, p := range found {
			if _, err := parts.TryDelete(ctx, w, &p); err != nil {
				return err
			}
		}
	}
	r.Pieces = 0
	return nil
}

// mail is the mail to support.
func (x *Support) mail(domain chatadmin.ID, r *report) chatadmin.Mail {
	m := chatadmin.Mail{ID: "report-" + string(r.ID), To: r.To, ReplyTo: r.From, Subject: r.Subject, Text: r.Text}
	if r.Pieces > 0 {
		m.Attachments = []chatadmin.Attachment{{Name: "logs.zip", Type: "application/zip", Size: r.Size, Open: func(ctx context.Context) (io.ReadCloser, error) {
			return io.NopCloser(&partReader{ctx: ctx, x: x, domain: domain, r: r}), nil
		}}}
	}
	return m
}

// words says texts to the user who reported.
func (x *Support) words(ctx context.Context, domain, user chatadmin.ID) (*texts.Printer, error) {
	s := x.admin.AsHost(domain)
	_, set, err := s.View(ctx, "")
	if err != nil {
		return nil, err
	}
	u, err := s.User(ctx, user)
	if err != nil && !errors.Is(err, chatadmin.ErrNotFound) { // gone meanwhile: in the domain's language
		return nil, err
	}
	return x.admin.Speak(&set, &u), nil
}

// acknowledgement is the mail to the sender of a report.
func (r *report) acknowledgement(words *texts.Printer) chatadmin.Mail {
	subject, logs := words.Sprintf("report.subject"), ""
	if r.Ticket != "" {
		subject += " [" + r.Ticket + "]"
	}
	if n := len(r.Files); n > 0 {
		logs = " " + words.Sprintf("report.logs", n)
	}
	return chatadmin.Mail{ID: "report-received-" + string(r.ID), To: r.From, Subject: subject,
		Text: words.Sprintf("report.text", words.Time(r.At), r.Platform.String(), logs, string(r.ID))}
}

// partReader reads the zip of a report piece by piece.
type partReader struct {
	ctx    context.Context
	x      *Support
	domain chatadmin.ID
	r      *report
	next   int
	rest   []byte
}

func (p *partReader) Read(b []byte) (int, error) {
	for len(p.rest) == 0 {
		if p.next == p.r.Pieces {
			return 0, io.EOF
		}
		e, err := parts.Get(p.ctx, p.x.admin.Store(), p.domain, partID(p.r.ID, p.next))
		if err != nil {
			return 0, err
		}
		p.next++
		p.rest = e.Value.Data
	}
	n := copy(b, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}
