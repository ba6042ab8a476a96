package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
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

// publications are what this host has scheduled, each with the user who did. The
// library counts them for the plan of a deletion, and cancels them with it.
type publications struct{ scheduled map[string]chatadmin.ID }

// selected are the publications that a query is about: those of its authors, or
// all, but for users whom a legal hold covers. Publications lie in no group or
// chat and have no age, so queries by these select none.
func (p *publications) selected(q storage.ContentQuery) (titles []string) {
	if len(q.Containers)+len(q.ChatsOf) > 0 || !q.Before.IsZero() {
		return nil
	}
	for title, author := range p.scheduled {
		if (q.All || slices.Contains(q.Authors, author)) && !slices.Contains(q.ExceptUsers, author) {
			titles = append(titles, title)
		}
	}
	slices.Sort(titles)
	return titles
}

// Count implements storage.Outside.
func (p *publications) Count(_ context.Context, q storage.ContentQuery) (int64, error) {
	return int64(len(p.selected(q))), nil
}

// Delete implements storage.Outside: what is cancelled is not published.
func (p *publications) Delete(_ context.Context, q storage.ContentQuery, page storage.Page) (int64, storage.Cursor, error) {
	titles, next := p.selected(q), storage.Cursor("")
	if len(titles) > page.Limit {
		titles, next = titles[:page.Limit], "more" // those before are gone: it begins anew
	}
	for _, title := range titles {
		delete(p.scheduled, title)
	}
	return int64(len(titles)), next, nil
}

// BlobsInUse implements storage.Outside: publications name no files.
func (p *publications) BlobsInUse(context.Context, []string) ([]string, error) { return nil, nil }
