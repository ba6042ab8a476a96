package csvimport_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/csvimport"
)

// refusing is a mailer that takes no mail.
type refusing struct{}

func (refusing) Send(context.Context, chatadmin.Mail) error { return errors.New("no room") }

// One sentence says who was invited, or where the link went.
func TestInvitationsInASentence(t *testing.T) {
	for name, c := range map[string]struct {
		file   string
		change func(*chatadmin.Options)
		o      csvimport.ImportOptions
		host   bool
		want   string
	}{
		"held back": {file: file(2), want: "2 people were created and are not invited yet: a link that invites them was mailed to boss@acme.example and works once, until 2026-03-08 09:00 UTC."},
		"one":       {file: file(1), want: "1 person was created and is not invited yet: a link that invites them was mailed to boss@acme.example and works once, until 2026-03-08 09:00 UTC."},
		"invited":   {file: file(2), o: csvimport.ImportOptions{SendInvitations: true}, want: "2 people were created; their invitations go out by mail."},
		"nobody":    {file: "login\nboss@acme.example\n", want: "Nobody was created, so nobody is invited."},
		"no mailer": {file: file(2), change: func(o *chatadmin.Options) { o.Mailer = nil }, o: csvimport.ImportOptions{SendInvitations: true},
			want: "2 people were created and not invited: no mailer is set up, so that no mail and no link went out."},
		"the host": {file: file(2), host: true, want: "2 people were created and are not invited yet: no link was mailed"},
		"refused":  {file: file(2), change: func(o *chatadmin.Options) { o.Mailer = refusing{} }, want: "2 people were created and are not invited yet: no link was mailed"},
	} {
		t.Run(name, func(t *testing.T) {
			change := c.change
			if change == nil {
				change = func(*chatadmin.Options) {}
			}
			w := newWorld(t, chatadmin.OfficeChat, change)
			s := w.S
			if c.host {
				s = w.Host
			}
			r, err := csvimport.ImportsOf(s).Import(ctx, s, strings.NewReader(c.file), csvimport.SkipExisting, &c.o)
			require.Equal(t, name == "refused", err != nil, "%v", err)
			require.Contains(t, r.Invitations.Text, c.want)
			if name == "invited" {
				require.Contains(t, w.Mail.To("boss@acme.example")[0].Text, c.want)
			}
			if name == "held back" {
				_, err := csvimport.ImportsOf(s).Release(ctx, s, w.token())
				require.NoError(t, err)
				again, err := csvimport.ImportsOf(s).Resume(ctx, s, r.ImportID, strings.NewReader(c.file), nil)
				require.NoError(t, err)
				require.Equal(t, "2 people were created and invited later.", again.Invitations.Text)
			}
		})
	}
}
