package smtpmail_test

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/chatadmin/smtpmail"
)

// server is an SMTP server on loopback that keeps what it gets and fails where
// it is told to.
type server struct {
	addr     string
	cert     tls.Certificate
	pool     *x509.CertPool
	security smtpmail.Security
	// answers by verb; "DOT" is the end of the data; "HANGUP" closes the
	// connection, "SILENCE" waits until the client does
	fail   map[string]string
	got    chan delivery
	silent chan struct{} // one for each silence that begins
	ended  chan struct{} // one for each connection that is over
}

type delivery struct {
	from, to, auth, data string
	encrypted            bool
}

func serve(t *testing.T, security smtpmail.Security, fail map[string]string) *server {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	s := &server{addr: l.Addr().String(), cert: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool: pool, security: security, fail: fail,
		got: make(chan delivery, 10), silent: make(chan struct{}, 100), ended: make(chan struct{}, 100)}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go s.talk(c)
		}
	}()
	return s
}

func (s *server) talk(c net.Conn) {
	defer func() {
		_ = c.Close()
		s.ended <- struct{}{}
	}()
	var d delivery
	if s.security == smtpmail.ImplicitTLS {
		c, d.encrypted = tls.Server(c, &tls.Config{Certificates: []tls.Certificate{s.cert}}), true
	}
	tp := textproto.NewConn(c)
	say := func(verb, answer string) bool {
		if a, ok := s.fail[verb]; ok {
			answer = a
		}
		switch answer {
		case "SILENCE":
			s.silent <- struct{}{}
			_, _ = io.Copy(io.Discard, c)
			return false
		case "HANGUP":
			return false
		}
		return tp.PrintfLine("%s", answer) == nil
	}
	if !say("CONNECT", "220 test ESMTP") {
		return
	}
	for {
		line, err := tp.ReadLine()
		if err != nil {
			return
		}
		verb, arg, _ := strings.Cut(line, " ")
		answer := "250 ok"
		switch verb = strings.ToUpper(verb); verb {
		case "EHLO":
			answer = "250-test\r\n250-AUTH PLAIN\r\n250 8BITMIME"
			if s.security == smtpmail.StartTLS && !d.encrypted {
				answer = "250-test\r\n250-STARTTLS\r\n250 8BITMIME"
			}
		case "STARTTLS":
			if !say(verb, "220 go ahead") {
				return
			}
			secure := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{s.cert}})
			tp, d.encrypted = textproto.NewConn(secure), true
			continue
		case "AUTH":
			d.auth, answer = arg, "235 welcome"
		case "MAIL":
			d.from = arg
		case "RCPT":
			d.to = arg
		case "DATA":
			if !say(verb, "354 send") || s.fail[verb] != "" {
				continue
			}
			lines, err := tp.ReadDotLines()
			if err != nil {
				return
			}
			d.data = strings.Join(lines, "\r\n") + "\r\n"
			if s.fail["DOT"] == "" {
				s.got <- d
			}
			verb = "DOT"
		case "QUIT":
			answer = "221 bye"
		}
		if !say(verb, answer) || verb == "QUIT" {
			return
		}
	}
}

func (s *server) mailer(t *testing.T, o smtpmail.Options) *smtpmail.Mailer {
	o.TLSConfig = &tls.Config{RootCAs: s.pool, ServerName: "127.0.0.1"}
	o.HELO = "client.example"
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	o.Now = func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }
	m, err := smtpmail.New(s.addr, "admin@chat.example", &o)
	require.NoError(t, err)
	return m
}

var letter = chatadmin.Mail{ID: "invitation-42", To: "ann@example.com", Subject: "Einladung für Zoë: 100 % & mehr, und noch ein langes Ende, damit umgebrochen wird ✓",
	Text: "Hello Zoë,\n\n.a line that begins with a dot\n" + strings.Repeat("long ", 300) + "\nhttps://chat.example/activate?token=a=b\n"}

func TestConversation(t *testing.T) {
	s := serve(t, smtpmail.StartTLS, nil)
	m := s.mailer(t, smtpmail.Options{FromName: "Chat Ädmin", Username: "user", Password: secret.Hide("secret-password")})
	require.NoError(t, m.Send(context.Background(), letter))
	d := <-s.got
	require.True(t, d.encrypted)
	require.Contains(t, d.from, "<admin@chat.example>")
	require.Equal(t, "TO:<ann@example.com>", d.to)
	require.Equal(t, "PLAIN "+base64.StdEncoding.EncodeToString([]byte("\x00user\x00secret-password")), d.auth)
	check(t, d.data, "Chat Ädmin")
}

func TestImplicitTLS(t *testing.T) {
	s := serve(t, smtpmail.ImplicitTLS, nil)
	m := s.mailer(t, smtpmail.Options{Security: smtpmail.ImplicitTLS, Username: "user", Password: secret.Hide("secret-password")})
	require.NoError(t, m.Send(context.Background(), letter))
	d := <-s.got
	require.True(t, d.encrypted)
	require.Equal(t, "PLAIN "+base64.StdEncoding.EncodeToString([]byte("\x00user\x00secret-password")), d.auth)
	stranger, err := smtpmail.New(s.addr, "admin@chat.example", &smtpmail.Options{Security: smtpmail.ImplicitTLS})
	require.NoError(t, err)
	require.Error(t, stranger.Send(context.Background(), letter), "nobody vouches for the certificate")
	require.Empty(t, s.got)
}

// A name that New takes is the one that is shown.
func TestFromName(t *testing.T) {
	s := serve(t, smtpmail.StartTLS, nil)
	for _, name := range []string{"", "Acme", `Acme "Chat"`, `Acme\Chat`, `Acme \`, "Acme (Chat)", "Ä, B <x>", `Ä "x"`, `x" <evil@evil.example> (`, "a@b.example, c", "Ünï " + strings.Repeat("lang ", 30) + "✓"} {
		require.NoError(t, s.mailer(t, smtpmail.Options{FromName: name}).Send(context.Background(), letter), name)
		check(t, (<-s.got).data, name)
	}
	for _, name := range []string{"x\r\nBcc: y", "x\ny", "Acme\tChat", "Acme\x00", "\xff", "Acme \xc3"} {
		_, err := smtpmail.New(s.addr, "a@b.example", &smtpmail.Options{FromName: name})
		require.ErrorIs(t, err, chatadmin.ErrInvalid, "%q", name)
	}
}

// A mail that somebody answers is not called automatic; one from another address
// leaves with that address in its envelope as well.
func TestSenderAndAnswers(t *testing.T) {
	s := serve(t, smtpmail.StartTLS, nil)
	m := s.mailer(t, smtpmail.Options{FromName: "Acme"})
	for _, c := range []struct{ from, replyTo, auto string }{{"", "ann@acme.example", ""}, {"noreply@chat.example", "", "auto-generated"}} {
		x := letter
		x.From, x.ReplyTo = c.from, c.replyTo
		require.NoError(t, m.Send(context.Background(), x))
		got := <-s.got
		msg, err := mail.ReadMessage(strings.NewReader(got.data))
		require.NoError(t, err)
		from := cmp.Or(c.from, "admin@chat.example")
		require.Contains(t, got.from, from)
		require.Equal(t, `"Acme" <`+from+">", msg.Header.Get("From"))
		require.Equal(t, c.auto, msg.Header.Get("Auto-Submitted"))
		require.Equal(t, c.replyTo, strings.Trim(msg.Header.Get("Reply-To"), "<>"))
	}
}

func check(t *testing.T, data, name string) {
	msg, err := mail.ReadMessage(strings.NewReader(data))
	require.NoError(t, err)
	subject, err := (&mime.WordDecoder{}).DecodeHeader(msg.Header.Get("Subject"))
	require.NoError(t, err)
	require.Equal(t, letter.Subject, subject)
	from, err := msg.Header.AddressList("From")
	require.NoError(t, err)
	require.Equal(t, []*mail.Address{{Name: name, Address: "admin@chat.example"}}, from)
	require.Equal(t, "<ann@example.com>", msg.Header.Get("To"))
	require.Equal(t, "<invitation-42@chat.example>", msg.Header.Get("Message-Id"))
	require.Equal(t, "auto-generated", msg.Header.Get("Auto-Submitted"))
	date, err := msg.Header.Date()
	require.NoError(t, err)
	require.Equal(t, int64(1767323045), date.Unix())
	body, err := io.ReadAll(quotedprintable.NewReader(msg.Body))
	require.NoError(t, err)
	require.Equal(t, letter.Text, strings.ReplaceAll(string(body), "\r\n", "\n"))
	for line := range strings.SplitSeq(data, "\r\n") {
		require.LessOrEqual(t, len(line), 998)
	}
}

func TestFaults(t *testing.T) {
	for name, c := range map[string]struct {
		fail             map[string]string
		refused, unknown bool
	}{
		"no such mailbox":        {map[string]string{"RCPT": "550 no such user"}, true, false},
		"sender refused":         {map[string]string{"MAIL": "553 not you"}, true, false},
		"refused after the data": {map[string]string{"DOT": "554 spam"}, true, false},
		"mailbox busy":           {map[string]string{"RCPT": "451 later"}, false, false},
		"busy after the data":    {map[string]string{"DOT": "452 full"}, false, false},
		"lost before the data":   {map[string]string{"MAIL": "HANGUP"}, false, false},
		"lost after the data":    {map[string]string{"DOT": "HANGUP"}, false, true},
		"no banner":              {map[string]string{"CONNECT": "HANGUP"}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, smtpmail.StartTLS, c.fail)
			err := s.mailer(t, smtpmail.Options{Username: "user", Password: secret.Hide("secret-password")}).Send(context.Background(), letter)
			require.Error(t, err)
			require.Equal(t, c.refused, errors.Is(err, chatadmin.ErrMailRefused), err)
			require.Equal(t, c.unknown, errors.Is(err, chatadmin.ErrMailUnknown), err)
			require.NotContains(t, err.Error(), "secret-password")
			require.NotContains(t, err.Error(), "Zoë")
		})
	}
	s := serve(t, smtpmail.StartTLS, map[string]string{"QUIT": "HANGUP", "RSET": "HANGUP"})
	require.NoError(t, s.mailer(t, smtpmail.Options{}).Send(context.Background(), letter), "what happens after the mail was taken is no matter")
}

func TestEncryptionIsMandatory(t *testing.T) {
	s := serve(t, smtpmail.Plaintext, nil)
	require.Error(t, s.mailer(t, smtpmail.Options{}).Send(context.Background(), letter))
	require.Empty(t, s.got)
	require.NoError(t, s.mailer(t, smtpmail.Options{Security: smtpmail.Plaintext}).Send(context.Background(), letter))
	require.False(t, (<-s.got).encrypted)
}

func TestCancelled(t *testing.T) {
	s := serve(t, smtpmail.StartTLS, nil)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.Error(t, s.mailer(t, smtpmail.Options{}).Send(ctx, letter))
	require.Empty(t, s.got)
}

// Whenever the server falls silent, the end of ctx ends the mail and the
// connection, and so does the timeout.
func TestSilentServer(t *testing.T) {
	for _, verb := range []string{"CONNECT", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "DOT"} {
		t.Run(verb, func(t *testing.T) {
			o := smtpmail.Options{Security: smtpmail.ImplicitTLS, Username: "user", Password: secret.Hide("secret-password"), Timeout: time.Minute}
			if verb == "STARTTLS" {
				o.Security = smtpmail.StartTLS
			}
			s := serve(t, o.Security, map[string]string{verb: "SILENCE"})
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			failed := make(chan error, 1)
			m := s.mailer(t, o)
			go func() { failed <- m.Send(ctx, letter) }()
			soon(t, s.silent)
			cancel()
			err := soon(t, failed)
			require.Equal(t, verb == "DOT", errors.Is(err, chatadmin.ErrMailUnknown), err)
			require.Equal(t, verb != "DOT", errors.Is(err, context.Canceled), err)
			soon(t, s.ended)

			o.Timeout = 200 * time.Millisecond
			m = s.mailer(t, o)
			go func() { failed <- m.Send(context.Background(), letter) }()
			err = soon(t, failed)
			require.Equal(t, verb == "DOT", errors.Is(err, chatadmin.ErrMailUnknown), err)
			if verb != "DOT" {
				require.ErrorContains(t, err, "within the timeout of 200ms", "of the whole mail, not of one answer")
			}
			soon(t, s.ended)
		})
	}
}

// A connection over which no mail can go is closed.
func TestConnectionsAreClosed(t *testing.T) {
	for name, fail := range map[string]map[string]string{"no encryption": nil, "no welcome": {"EHLO": "554 no", "HELO": "554 no"}} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, smtpmail.Plaintext, fail)
			m := s.mailer(t, smtpmail.Options{})
			for range 20 {
				require.Error(t, m.Send(context.Background(), letter))
			}
			for range 20 {
				soon(t, s.ended)
			}
		})
	}
}

// soon waits for what comes without delay.
func soon[T any](t *testing.T, from <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-time.After(10 * time.Second):
		require.Fail(t, "nothing came")
	}
	return v
}

func TestNothingPrintsThePassword(t *testing.T) {
	o := smtpmail.Options{FromName: "Acme", Username: "user", Password: secret.Hide("hunter2")}
	m, err := smtpmail.New("localhost:25", "a@b.example", &o)
	require.NoError(t, err)
	var out bytes.Buffer
	for _, v := range []any{o, &o, m, []smtpmail.Options{o}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&out, verb, v)
		}
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
	}
	require.Contains(t, out.String(), `"v":"mail as \"Acme\"`)
	require.NotContains(t, out.String(), "hunter2")
	require.NotContains(t, out.String(), hex.EncodeToString([]byte("hunter2")))
}

func TestSmuggling(t *testing.T) {
	s := serve(t, smtpmail.StartTLS, nil)
	m := s.mailer(t, smtpmail.Options{})
	for _, change := range []func(*chatadmin.Mail){
		func(m *chatadmin.Mail) { m.To = "Bob <bob@example.com>" },
		func(m *chatadmin.Mail) { m.To = "bob@example.com, eve@example.com" },
		func(m *chatadmin.Mail) { m.To = "bob@example.com (comment)" },
		func(m *chatadmin.Mail) { m.To = "bob@example.com\r\nBcc: eve@example.com" },
		func(m *chatadmin.Mail) { m.To = "bob@example.com>\r\nRCPT TO:<eve@example.com" },
		func(m *chatadmin.Mail) { m.To = `"bob"@example.com` },
		func(m *chatadmin.Mail) { m.To = "" },
		func(m *chatadmin.Mail) { m.Subject = "hello\r\nBcc: eve@example.com" },
		func(m *chatadmin.Mail) { m.Subject = "hello\nX: y" },
		func(m *chatadmin.Mail) { m.ID = "a\r\nX: y" },
		func(m *chatadmin.Mail) { m.From = "Eve <eve@example.com>" },
		func(m *chatadmin.Mail) { m.From = "eve@example.com\r\nX: y" },
		func(m *chatadmin.Mail) { m.ReplyTo = "eve@example.com, bob@example.com" },
		func(m *chatadmin.Mail) { m.ReplyTo = "eve@example.com\r\nBcc: bob@example.com" },
	} {
		bad := letter
		change(&bad)
		require.ErrorIs(t, m.Send(context.Background(), bad), chatadmin.ErrInvalid, "%+v", bad)
	}
	require.Empty(t, s.got)
	for _, from := range []string{"Admin <a@b.example>", "a@b.example\r\nX: y", "a", ""} {
		_, err := smtpmail.New("localhost:25", from, nil)
		require.ErrorIs(t, err, chatadmin.ErrInvalid)
	}
	for _, addr := range []string{"localhost", ":25", "localhost:smtp", ""} {
		_, err := smtpmail.New(addr, "a@b.example", nil)
		require.ErrorIs(t, err, chatadmin.ErrInvalid, addr)
	}
}

func TestDir(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "mails")
	d, err := smtpmail.NewDir(dir, "admin@chat.example", func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) })
	require.NoError(t, err)
	require.NoError(t, d.Send(context.Background(), letter))
	path := filepath.Join(dir, "invitation-42.eml")
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	data, err := io.ReadAll(bufio.NewReader(f))
	require.NoError(t, err)
	check(t, string(data), "")
	outside := letter
	outside.ID = "../../x"
	require.NoError(t, d.Send(context.Background(), outside))
	names, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, names, 2, "no ID leads out of the folder")
	nameless := letter
	nameless.ID = ""
	require.NoError(t, d.Send(context.Background(), nameless))
	require.NoError(t, d.Send(context.Background(), nameless))
	require.NoError(t, d.Send(context.Background(), letter))
	names, err = os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, names, 4, "mails without an ID do not replace each other, the same mail does")
}
