package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/smtpmail"
)

// errMail marks the error of a command that did what it should, but for a mail.
var errMail = errors.New("a mail did not leave")

// mailError says which mails did not leave.
type mailError struct {
	failed int
	last   error
	next   string // what to do
}

func (e *mailError) Error() string {
	return fmt.Sprintf("the command is done, but %s not leave: %s: put it right, and %s", count(e.failed,
		"mail did", "mails did"), e.last, e.next)
}

// Is makes it errMail.
func (e *mailError) Is(target error) bool { return target == errMail }

// postman sends mails and counts those that did not leave. The library queues
// them again, so its calls return no error.
type postman struct {
	mailer chatadmin.Mailer
	next   string // what to do about mails that did not leave

	mu     sync.Mutex
	failed int
	last   error
}

// Send implements chatadmin.Mailer.
func (p *postman) Send(ctx context.Context, m chatadmin.Mail) error {
	err := p.mailer.Send(ctx, m)
	if err != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.failed++
		p.last = err
	}
	return err
}

// err says which mails did not leave. p may be nil.
func (p *postman) err() error {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed == 0 {
		return nil
	}
	return &mailError{p.failed, p.last, cmp.Or(p.next, "try again in a few minutes with invitations send")}
}

// openMail makes the mailer that the flags ask for, nil for none.
func (c *cli) openMail(o *chatadmin.Options) (err error) {
	const from = "admin@chat.example"
	var mailer chatadmin.Mailer
	switch {
	case c.mailDir != "":
		mailer, err = smtpmail.NewDir(c.mailDir, from, o.Now)
	case c.smtp != "":
		mailer, err = smtpmail.New(c.smtp, from, &smtpmail.Options{Security: smtpmail.Plaintext, Now: o.Now})
	default:
		return nil
	}
	if err != nil {
		return err
	}
	c.post = &postman{mailer: mailer}
	o.Mailer = c.post
	return nil
}

// sendMail sends what a command has queued, and returns how many mails left.
func (c *cli) sendMail(ctx context.Context, s *chatadmin.Scope) (sent int, err error) {
	if c.post == nil {
		return 0, nil
	}
	if sent, err = c.admin.SendInvitations(ctx, s.Domain()); err != nil {
		return sent, err
	}
	codes, err := c.radios.SendActivations(ctx, s.Domain())
	if err != nil {
		return sent, err
	}
	sent += codes
	notices, err := c.twofa.SendNotices(ctx, s.Domain())
	return sent + notices, err
}

// unsent tells that no mail leaves.
func (c *cli) unsent() {
	if c.post == nil {
		_, _ = fmt.Fprintln(c.err, "admincli: no mail is sent: give --mail-dir or --smtp")
	}
}
