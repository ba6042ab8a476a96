package support

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

const (
	lease    = 5 * time.Minute // one worker sends a mail meanwhile
	maxTries = 8
	// longestWait is longer than any mail is put off. What is due later was
	// written by a clock that was wrong.
	longestWait = 24 * time.Hour
)

var farFuture = time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)

func due(at, now time.Time) bool {
	return !at.IsZero() && (!at.After(now) || at.After(now.Add(longestWait)))
}

// Deliver sends the reports of a domain that wait, and acknowledgements, and
// returns how many mails it sent. chatadmin.Admin.Work calls it. A mail is sent
// at least once, each time under the same Message-ID: one in flight when the
// process dies is sent again after five minutes. What the mail server refuses
// for now is tried again, up to 8 times within about four hours.
func (x *Support) Deliver(ctx context.Context, domain chatadmin.ID) (sent int, err error) {
	tried := map[string]bool{} // one that cannot be claimed keeps no other from being sent
	for {
		ids, err := x.due(ctx, domain, tried)
		if err != nil || len(ids) == 0 {
			return sent, err
		}
		for _, id := range ids {
			tried[id] = true
			ok, err := x.deliver(ctx, domain, id)
			if ok {
				sent++
			}
			if err = errors.Join(err, ctx.Err()); err != nil {
				return sent, err
			}
		}
	}
}

// due are some reports with a mail that is due, other than those tried.
func (x *Support) due(ctx context.Context, domain chatadmin.ID, tried map[string]bool) (ids []string, err error) {
	now := x.admin.Now()
	for _, by := range []time.Time{now, farFuture} {
		q := storage.RecordQuery{Domain: domain, DueBy: by}
		for e, err := range reports.Each(ctx, x.admin.Store(), q) {
			if err != nil && e.Damaged == nil {
				return nil, err
			}
			if e.Damaged == nil && due(e.Due, now) && !tried[e.ID] {
				ids = append(ids, e.ID)
			}
			if len(ids) == 20 {
				return ids, nil
			}
		}
		if len(ids) > 0 {
			return ids, nil
		}
	}
	return nil, nil
}

// deliver sends one mail that is due, unless another worker does.
func (x *Support) deliver(ctx context.Context, domain chatadmin.ID, id string) (sent bool, err error) {
	var claimed *chatadmin.Entry[report]
	err = x.admin.Bookkeep(ctx, domain, func(ctx context.Context, w *chatadmin.Writer) error {
		claimed = nil
		e, err := reports.Get(ctx, w, domain, id)
		if err != nil || !due(e.Due, w.Now()) {
			return err
		}
		e.Value.Tries++
		e.Due = w.Now().Add(lease)
		n, err := reports.TryPut(ctx, w, &e)
		if n == 1 {
			claimed = &e
		}
		return err
	})
	switch {
	case errors.Is(err, chatadmin.ErrNotFound), errors.Is(err, chatadmin.ErrDamaged), errors.Is(err, chatadmin.ErrCommitUnknown):
		return false, nil // it is gone, or is due again after the lease
	case err != nil || claimed == nil:
		return false, err
	}
	r := &claimed.Value
	mail := x.mail(domain, r)
	if r.State != Waiting {
		mail = r.acknowledgement()
	}
	failure := x.admin.SendMail(ctx, mail)
	if failure != nil {
		x.admin.Options().Logger.WarnContext(ctx, "mail about a problem report not sent", "domain", domain, "report", r.ID, "try", r.Tries, "error", failure)
	}
	if err := x.settle(context.WithoutCancel(ctx), domain, claimed, failure); err != nil && !errors.Is(err, chatadmin.ErrCommitUnknown) {
		return false, err
	}
	return failure == nil || errors.Is(failure, chatadmin.ErrMailUnknown), nil
}

// settle writes down what became of a mail. A worker that was slower than its
// lease changes nothing.
func (x *Support) settle(ctx context.Context, domain chatadmin.ID, claimed *chatadmin.Entry[report], failure error) error {
	return x.admin.Bookkeep(ctx, domain, func(ctx context.Context, w *chatadmin.Writer) error {
		e, err := reports.Get(ctx, w, domain, claimed.ID)
		if errors.Is(err, chatadmin.ErrNotFound) || err == nil && !e.Due.Equal(claimed.Due) {
			return nil
		}
		if err != nil {
			return err
		}
		r := &e.Value
		sent := failure == nil || errors.Is(failure, chatadmin.ErrMailUnknown)
		over := sent || errors.Is(failure, chatadmin.ErrMailRefused) || errors.Is(failure, chatadmin.ErrInvalid) || r.Tries >= maxTries
		pieces := 0
		switch {
		case !over:
			e.Due = w.Now().Add(time.Minute << r.Tries)
		case r.State == Waiting:
			r.State, r.Changed, e.Due = Sent, w.Now(), time.Time{}
			if !sent {
				r.State, r.Problem = Failed, chatadmin.Cut(failure.Error())
			}
			pieces, r.Pieces = r.Pieces, 0
		default:
			e.Due = time.Time{}
		}
		if n, err := reports.TryPut(ctx, w, &e); err != nil || n == 0 {
			return err
		}
		for n := range pieces {
			found, err := parts.GetMany(ctx, w, domain, partID(r.ID, n))
			if err != nil {
				return err
			}
			for _, p := range found {
				if _, err := parts.TryDelete(ctx, w, &p); err != nil {
					return err
				}
			}
		}
		return nil
	})
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
