package support_test

import (
	"bytes"
	"errors"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/smtpmail"
	"chatadmin.example/sdk/chatadmin/support"
)

// Whatever a draft holds, it is refused, or becomes a mail with exactly the
// headers that it should have.
func FuzzHeaders(f *testing.F) {
	f.Add("ann@x.example", "42", "v1", "It hangs.", "Acme")
	f.Add("ann@x.example\r\nBcc: eve@x.example", "1\r\nX: y", "a\nb", ".\r\n.\r\n", "Acme\r\nBcc: eve@x.example")
	f.Add("Ann <ann@x.example>", "", "\xff", "=?utf-8?q?x?=", "Ümläut=?utf-8?q?=0d=0a?=")
	w := newWorld(f)
	dir := f.TempDir()
	to, err := smtpmail.NewDir(dir, "chat@acme.example", w.Clock.Now)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, from, ticket, client, description, name string) {
		b, err := w.x.Prepare(ctx, w.ann, support.Draft{Platform: support.Mac, From: from, Ticket: ticket, Client: client, Description: description,
			Logs: []support.Log{text(name, "x\n")}})
		if err != nil {
			var wrong *chatadmin.FieldErrors
			require.True(t, errors.As(err, &wrong), "%v", err)
			return
		}
		p := b.Preview()
		require.False(t, strings.ContainsAny(p.Files[0].Name, "\r\n/\\:\x00") || !utf8.ValidString(p.Files[0].Name) || !filepath.IsLocal(p.Files[0].Name), "%q", p.Files[0].Name)
		require.NoError(t, to.Send(ctx, chatadmin.Mail{ID: "fuzz", To: p.To, ReplyTo: p.From, Subject: p.Subject, Text: p.Text}))
		data, err := os.ReadFile(filepath.Join(dir, "fuzz.eml"))
		require.NoError(t, err)
		msg, err := mail.ReadMessage(bytes.NewReader(data))
		require.NoError(t, err)
		for header := range msg.Header {
			require.Contains(t, []string{"From", "To", "Reply-To", "Subject", "Date", "Message-Id", "Auto-Submitted", "Mime-Version", "Content-Type", "Content-Transfer-Encoding"}, header)
		}
		answers, err := msg.Header.AddressList("Reply-To")
		require.NoError(t, err)
		require.Len(t, answers, 1)
		require.Equal(t, p.From, answers[0].Address)
	})
}
