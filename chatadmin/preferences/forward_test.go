package preferences_test

import (
	"bytes"
	"net/mail"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/preferences"
	"chatadmin.example/sdk/chatadmin/smtpmail"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/chatadmin/texts"
)

func forwarded() preferences.Message {
	return preferences.Message{Author: "@customer", Platform: preferences.Twitter, Text: "My order is late.\r\nAgain!", Link: "https://desk.example/m/7?a=1&b=2", To: "logistics@acme.example", Comment: "Can you look?"}
}

// sent is the mail as it leaves by the host's Mailer.
func sent(t *testing.T, m chatadmin.Mail) (*mail.Message, string) {
	t.Helper()
	dir := t.TempDir()
	out, err := smtpmail.NewDir(dir, "desk@desk.example", nil)
	require.NoError(t, err)
	m.ID = "7"
	require.NoError(t, out.Send(ctx, m))
	data, err := os.ReadFile(filepath.Join(dir, "7.eml"))
	require.NoError(t, err)
	msg, err := mail.ReadMessage(bytes.NewReader(data))
	require.NoError(t, err)
	return msg, string(data)
}

func TestForward(t *testing.T) {
	w := newWorld(t)
	u := w.Row(w.ann)
	for _, c := range []struct {
		mode          preferences.Forward
		from, replyTo string
	}{
		{preferences.CanRespond, "<desk@desk.example>", "<ann@acme.example>"},
		{preferences.NoReply, "<noreply@desk.example>", ""},
	} {
		f, err := w.p.Forward(&preferences.Values{Forward: c.mode}, &u, forwarded())
		require.NoError(t, err)
		require.Empty(t, f.Mailto)
		msg, _ := sent(t, f.Mail)
		require.Equal(t, []string{c.from, c.replyTo, "<logistics@acme.example>", "Forwarded: message of @customer (twitter)"},
			[]string{msg.Header.Get("From"), msg.Header.Get("Reply-To"), msg.Header.Get("To"), msg.Header.Get("Subject")})
		require.Contains(t, f.Mail.Text, "Person has forwarded a message to you.\n\nCan you look?\n\n> My order is late.\n> Again!\n\nhttps://desk.example/m/7?a=1&b=2")
		require.Equal(t, c.mode == preferences.NoReply, strings.Contains(f.Mail.Text, "nobody reads"))
	}
	f, err := w.p.Forward(&preferences.Values{Forward: preferences.OwnClient}, &u, forwarded())
	require.NoError(t, err)
	require.Equal(t, "mailto:logistics@acme.example?subject=Forwarded%3A%20message%20of%20%40customer%20%28twitter%29"+
		"&body=Can%20you%20look%3F%0D%0A%0D%0Ahttps%3A%2F%2Fdesk.example%2Fm%2F7%3Fa%3D1%26b%3D2", f.Mailto)
	m := forwarded()
	m.To, m.Comment = "", ""
	f, err = w.p.Forward(&preferences.Values{Forward: preferences.OwnClient}, &u, m)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(f.Mailto, "mailto:?subject="))
}

// The mail speaks the language of the user.
func TestForwardWords(t *testing.T) {
	w := newWorld(t)
	u := w.Row(w.ann)
	for tag, subject := range chatadmintest.InOrder(map[string]string{"": "Forwarded", "en-GB": "Forwarded", "fr": "Transféré", "de-AT": "Weitergeleitet", "es": "Reenviado", "nl": "Doorgestuurd"}) {
		f, err := w.p.Forward(&preferences.Values{Forward: preferences.NoReply, Language: tag}, &u, forwarded())
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(f.Mail.Subject, subject), f.Mail.Subject)
		require.NotContains(t, f.Mail.Subject+f.Mail.Text, "%!")
	}
	more := []texts.Language{{Tag: "de", Texts: map[string]texts.Text{"forward.subject": {"": "WG: %[1]s (%[2]s)"}}}}
	admin, err := chatadmin.New(memstore.New(nil), &chatadmin.Options{Texts: more})
	require.NoError(t, err)
	own, err := preferences.New(admin, nil)
	require.NoError(t, err)
	f, err := own.Forward(&preferences.Values{Forward: preferences.CanRespond, Language: "de"}, &u, forwarded())
	require.NoError(t, err)
	require.Equal(t, "WG: @customer (twitter)", f.Mail.Subject)
}

// Nothing that a customer or a colleague has written becomes a header or another
// recipient.
func TestForwardInjection(t *testing.T) {
	w := newWorld(t)
	u := w.Row(w.ann)
	evil := "x\r\nBcc: thief@evil.example\r\n\r\nbody"
	for _, mode := range []preferences.Forward{preferences.CanRespond, preferences.NoReply} {
		m := forwarded()
		m.Author, m.Platform, m.Text, m.Comment = evil, preferences.Platform(evil), evil, evil
		f, err := w.p.Forward(&preferences.Values{Forward: mode}, &u, m)
		require.NoError(t, err)
		msg, raw := sent(t, f.Mail)
		require.Empty(t, msg.Header.Get("Bcc"))
		head, _, _ := strings.Cut(raw, "\r\n\r\n")
		require.NotContains(t, head, "\nBcc:")
	}
	for field, change := range chatadmintest.InOrder(map[string]func(*preferences.Message){
		"to bad_email":     func(m *preferences.Message) { m.To = "a@b.example\r\nBcc: thief@evil.example" },
		"to bad_email ":    func(m *preferences.Message) { m.To = "a@b.example, thief@evil.example" },
		"to missing":       func(m *preferences.Message) { m.To = "" },
		"link bad_link":    func(m *preferences.Message) { m.Link = "javascript:alert(1)" },
		"link bad_link ":   func(m *preferences.Message) { m.Link = "/m/7" },
		"link bad_link  ":  func(m *preferences.Message) { m.Link = "https://desk.example/\nx" },
		"comment too_long": func(m *preferences.Message) { m.Comment = strings.Repeat("x", 50_001) },
	}) {
		m := forwarded()
		change(&m)
		_, err := w.p.Forward(&preferences.Values{Forward: preferences.CanRespond}, &u, m)
		require.Equal(t, []string{strings.TrimSpace(field)}, told(t, err))
	}
	m := forwarded()
	m.To, m.Link = "nowhere", ""
	u.Email = ""
	_, err := w.p.Forward(&preferences.Values{Forward: preferences.CanRespond}, &u, m)
	require.Equal(t, []string{"email missing", "link bad_link", "to bad_email"}, told(t, err), "all at once")
	m = forwarded()
	m.Comment = strings.Repeat("x", 1_900)
	_, err = w.p.Forward(&preferences.Values{Forward: preferences.OwnClient}, &u, m)
	require.Equal(t, []string{"comment too_long"}, told(t, err))
	without, err := preferences.New(w.Admin, nil)
	require.NoError(t, err)
	_, err = without.Forward(&preferences.Values{Forward: preferences.NoReply}, &u, forwarded())
	require.Equal(t, []string{"forward bad_choice"}, told(t, err))
	_, err = without.Edit(ctx, w.S, w.ann, setter("forward", "no_reply"))
	require.Equal(t, []string{"forward bad_choice"}, told(t, err), "nor can it be chosen")
}

// What comes out of a mailto link is what went in, and nothing else.
func FuzzMailto(f *testing.F) {
	f.Add("ann@acme.example", "Hello & welcome?", "a+b=c\nünï ©%41")
	f.Add("a+b%c@x.example", "x\r\nBcc: y", "")
	f.Fuzz(func(t *testing.T, to, subject, body string) {
		link := preferences.Mailto(to, subject, body)
		for i := range len(link) {
			require.True(t, link[i] > ' ' && link[i] < 0x7f, "RFC 6068 links are visible ASCII: %q", link)
		}
		address, query, ok := strings.Cut(strings.TrimPrefix(link, "mailto:"), "?")
		require.True(t, ok)
		back, err := url.PathUnescape(address)
		require.NoError(t, err)
		require.Equal(t, to, back)
		fields := strings.Split(query, "&")
		require.Len(t, fields, 2)
		var got []string
		for i, name := range []string{"subject=", "body="} {
			require.True(t, strings.HasPrefix(fields[i], name))
			value, err := url.PathUnescape(strings.TrimPrefix(fields[i], name))
			require.NoError(t, err)
			got = append(got, value)
		}
		require.NotContains(t, got[0], "\n")
		require.NotContains(t, got[0], "\r")
		require.Equal(t, strings.Count(got[1], "\n"), strings.Count(got[1], "\r\n"), "lines end in CRLF")
		require.Equal(t, strings.Count(got[1], "\r"), strings.Count(got[1], "\r\n"))
	})
}
