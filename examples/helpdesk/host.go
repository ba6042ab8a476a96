package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"chatadmin.example/sdk/chatadmin"
)

// printer is a Mailer that prints the heads of mails. A host has smtpmail.New.
type printer struct{ out io.Writer }

// Send implements chatadmin.Mailer.
func (p printer) Send(_ context.Context, m chatadmin.Mail) error {
	if err := m.Check(); err != nil {
		return err
	}
	sender := ""
	if m.From != "" {
		sender += ", from " + m.From
	}
	if m.ReplyTo != "" {
		sender += ", answers to " + m.ReplyTo
	}
	lines := strings.Count(m.Text, "\n") + 1
	_, err := fmt.Fprintf(p.out, "mail to %s%s: %s (%d lines)\n", m.To, sender, m.Subject, lines)
	return err
}
