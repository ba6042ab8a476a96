package support

import (
	"context"
	"fmt"
	"io"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/internal/mailqueue"
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
		Mail: func(_ context.Context, e *chatadmin.Entry[report]) (chatadmin.Mail, error) {
			if e.Value.State != Waiting {
				return e.Value.acknowledgement(), nil
			}
			return x.mail(domain, &e.Value), nil
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

// acknowledgement is the mail to the sender of a report.
func (r *report) acknowledgement() chatadmin.Mail {
	subject := "We have received your problem report"
	if r.Ticket != "" {
		subject += " [" + r.Ticket + "]"
	}
	logs := "."
	switch n := len(r.Files); n {
	case 0:
	case 1:
		logs = ", with 1 log file."
	default:
		logs = fmt.Sprintf(", with %d log files.", n)
	}
	return chatadmin.Mail{ID: "report-received-" + string(r.ID), To: r.From, Subject: subject, Text: fmt.Sprintf(
		"Hello,\n\nyour report of %s about a problem on %s has arrived%s\nWe will investigate and fix the problem.\n\nReport: %s\n",
		r.At.Format("2 January 2006, 15:04 MST"), r.Platform, logs, r.ID)}
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
