package support

import (
	"context"
	"errors"
	"fmt"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// count counts the reports of a user since a time.
type count struct {
	Since time.Time `json:"since"`
	N     int       `json:"n"`
}

var counts = chatadmin.RecordKind[count]{Name: "report-count", Need: chatadmin.PermSupport, Check: func(c *count) error {
	if c.N < 0 {
		return errors.New("it counts less than nothing")
	}
	return nil
}}

// Send queues a report as it was previewed. Its logs are kept with it until
// Deliver has sent it. Sending the same bundle again does nothing.
//
// It returns ErrNoMailer if no mail can be sent, and chatadmin.ErrThrottled if
// the user has sent as many reports in 24 hours as they may. Users send their
// own; for others it needs chatadmin.PermSupport.
func (x *Support) Send(ctx context.Context, s *chatadmin.Scope, b *Bundle) (Report, error) {
	if b == nil {
		return Report{}, fmt.Errorf("no report was given: call Prepare first: %w", chatadmin.ErrInvalid)
	}
	if b.domain != s.Domain() {
		return Report{}, fmt.Errorf("report %s was not prepared in this domain: %w", b.r.ID, chatadmin.ErrNotFound)
	}
	if x.admin.Options().Mailer == nil {
		return Report{}, ErrNoMailer
	}
	var sent Report
	op := chatadmin.Op{Kind: KindReport, Need: x.need(s, b.user), Fence: storage.Shared, Targets: []chatadmin.ID{b.user}}
	err := s.Change(ctx, op, func(ctx context.Context, w *chatadmin.Writer) error {
		is, err := reports.Get(ctx, w, s.Domain(), string(b.r.ID))
		switch {
		case err == nil:
			sent = is.Value.report(is.Owner)
			return nil
		case !errors.Is(err, chatadmin.ErrNotFound):
			return err
		}
		if err := x.mayFor(ctx, w, b.user); err != nil {
			return err
		}
		if err := x.count(ctx, w, b.user); err != nil {
			return err
		}
		r := b.r
		r.Files = make([]File, len(b.r.Files))
		for i, f := range b.r.Files {
			f.Sample = ""
			r.Files[i] = f
		}
		e := reports.New(s.Domain(), string(r.ID), b.user, r)
		e.Due = w.Now()
		if err := reports.Put(ctx, w, &e); err != nil {
			return err
		}
		for n, data := range b.zip.all {
			p := parts.New(s.Domain(), partID(r.ID, n), b.user, part{data})
			if err := parts.Put(ctx, w, &p); err != nil {
				return err
			}
		}
		sent = r.report(b.user)
		w.Audit(KindReport, []chatadmin.ID{b.user}, nil, map[string]string{"report": string(r.ID), "platform": string(r.Platform)})
		return nil
	})
	if err != nil {
		return Report{}, err
	}
	return sent, nil
}

const countedFor = 24 * time.Hour

// count counts one more report of a user, or refuses it.
func (x *Support) count(ctx context.Context, w *chatadmin.Writer, user chatadmin.ID) error {
	e, err := counts.Get(ctx, w, w.Domain.ID, string(user))
	if err != nil && e.Damaged == nil && !errors.Is(err, chatadmin.ErrNotFound) {
		return err
	}
	c := &e.Value
	// A time in the future was written by a clock that was wrong.
	if age := w.Now().Sub(c.Since); age >= countedFor || age < 0 {
		*c = count{Since: w.Now()}
	}
	if c.N >= x.o.PerDay {
		return fmt.Errorf("%d reports were sent in 24 hours; further ones are possible from %s on: %w", c.N,
			c.Since.Add(countedFor).Format("2 January 2006, 15:04 MST"), chatadmin.ErrThrottled)
	}
	c.N++
	e.Owner = user
	return counts.Put(ctx, w, &e)
}
