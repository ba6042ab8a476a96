package compliance_test

import (
	"bytes"
	"errors"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/compliance"
	"chatadmin.example/sdk/chatadmin/smtpmail"
)

// Whatever a form holds, it is refused, or becomes a mail with exactly the
// headers and lines that it should have.
func FuzzHeaders(f *testing.F) {
	f.Add("Acme", "Acme Health", "ann@x.example", "lawyer@x.example", "business", "Yes", 50)
	f.Add("Acme\r\nBcc: eve@x.example", "a\nb", "ann@x.example\r\nBcc: eve@x.example", "Ann <ann@x.example>", "\xff", " yes", 49)
	f.Add("", "=?utf-8?q?x?=", "ann@x.example, eve@x.example", "", ".\r\n.\r\n", "YES", 0)
	f.Add("ACME", "x\u2028Request: y", "ünï@x.example", "a@b", "\u202e", "No", -1)
	w := newWorld(f)
	dir := f.TempDir()
	to, err := smtpmail.NewDir(dir, "chat@acme.example", w.Clock.Now)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, domain, name, admin, signer, plan, yes string, seats int) {
		a, err := w.x.Request(ctx, w.Host, compliance.Form{Domain: domain, NewDomain: name, AdminEmail: admin, SignerEmail: signer,
			Plan: plan, Acknowledge: yes, Seats: seats})
		if err != nil {
			var wrong *chatadmin.FieldErrors
			require.True(t, errors.As(err, &wrong), "%v", err)
			return
		}
		_, err = w.x.Advance(ctx, w.operator, a.ID, compliance.Cancel, compliance.Input{})
		require.NoError(t, err)
		m := w.x.Mail(a)
		require.Equal(t, 8, strings.Count(m.Text, "\n"))
		m.ID = "fuzz"
		require.NoError(t, to.Send(ctx, m))
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
		require.Equal(t, a.Form.AdminEmail, answers[0].Address)
		require.NoError(t, w.x.Forget(ctx, w.operator, a.ID))
	})
}
