package smtpmail_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"math/rand/v2"
	"mime"
	"mime/multipart"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/smtpmail"
)

func attachment(name, kind string, content []byte) chatadmin.Attachment {
	return chatadmin.Attachment{Name: name, Type: kind, Size: int64(len(content)), Open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content)), nil
	}}
}

func noise(n int) []byte {
	r, b := rand.New(rand.NewPCG(1, 2)), make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// A mail with attachments arrives whole, as two other readers of mail see it:
// the standard library and munpack.
func TestAttachments(t *testing.T) {
	s := serve(t, smtpmail.StartTLS, nil)
	files := map[string][]byte{"logs.zip": noise(1 << 20), "empty.txt": {}, "one byte.bin": {'.'}}
	m := letter
	m.ReplyTo = "bob@example.org"
	for _, name := range []string{"logs.zip", "empty.txt", "one byte.bin"} {
		m.Attachments = append(m.Attachments, attachment(name, "application/octet-stream", files[name]))
	}
	require.NoError(t, s.mailer(t, smtpmail.Options{}).Send(context.Background(), m))
	data := (<-s.got).data

	msg, err := mail.ReadMessage(strings.NewReader(data))
	require.NoError(t, err)
	require.Equal(t, "<bob@example.org>", msg.Header.Get("Reply-To"))
	kind, params, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	require.NoError(t, err)
	require.Equal(t, "multipart/mixed", kind)
	parts := multipart.NewReader(msg.Body, params["boundary"])
	text, err := parts.NextPart()
	require.NoError(t, err)
	body, err := io.ReadAll(text)
	require.NoError(t, err)
	require.Equal(t, letter.Text, strings.ReplaceAll(string(body), "\r\n", "\n"))
	for range files {
		p, err := parts.NextPart()
		require.NoError(t, err)
		got, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, p))
		require.NoError(t, err)
		require.True(t, bytes.Equal(files[p.FileName()], got), p.FileName())
	}
	_, err = parts.NextPart()
	require.ErrorIs(t, err, io.EOF)

	munpack, err := exec.LookPath("munpack")
	if err != nil {
		require.Empty(t, os.Getenv("CI"), "munpack is needed (Debian: apt-get install mpack)")
		t.Skip("munpack is not installed (Debian: apt-get install mpack)")
	}
	dir := t.TempDir()
	x := exec.Command(munpack, "-q", "-f")
	x.Dir, x.Stdin = dir, strings.NewReader(strings.ReplaceAll(data, "\r\n", "\n"))
	out, err := x.CombinedOutput()
	require.NoError(t, err, string(out))
	got, err := os.ReadFile(filepath.Join(dir, "logs.zip"))
	require.NoError(t, err)
	require.True(t, bytes.Equal(files["logs.zip"], got))
}

// What is wrong with an attachment is seen before anything is sent.
func TestAttachmentsRefused(t *testing.T) {
	s := serve(t, smtpmail.StartTLS, nil)
	broken := errors.New("the disk is gone")
	for name, change := range map[string]func(*chatadmin.Attachment){
		"no name":              func(a *chatadmin.Attachment) { a.Name = "" },
		"line break in name":   func(a *chatadmin.Attachment) { a.Name = "a.zip\r\nBcc: eve@example.com" },
		"quote in name":        func(a *chatadmin.Attachment) { a.Name = `a"; x="b` },
		"folder in name":       func(a *chatadmin.Attachment) { a.Name = "../a.zip" },
		"Windows folder":       func(a *chatadmin.Attachment) { a.Name = `C:\a.zip` },
		"parent":               func(a *chatadmin.Attachment) { a.Name = ".." },
		"not UTF-8":            func(a *chatadmin.Attachment) { a.Name = "\xff.zip" },
		"long name":            func(a *chatadmin.Attachment) { a.Name = strings.Repeat("a", 201) },
		"type":                 func(a *chatadmin.Attachment) { a.Type = "zip" },
		"line break in type":   func(a *chatadmin.Attachment) { a.Type = "application/zip\r\nX: y" },
		"too large":            func(a *chatadmin.Attachment) { a.Size = chatadmin.MaxAttachments + 1 },
		"negative":             func(a *chatadmin.Attachment) { a.Size = -1 },
		"no content":           func(a *chatadmin.Attachment) { a.Open = nil },
		"fewer than announced": func(a *chatadmin.Attachment) { a.Size++ },
		"more than announced":  func(a *chatadmin.Attachment) { a.Size-- },
		"cannot be opened": func(a *chatadmin.Attachment) {
			a.Open = func(context.Context) (io.ReadCloser, error) { return nil, broken }
		},
	} {
		bad := letter
		bad.Attachments = []chatadmin.Attachment{attachment("logs.zip", "application/zip", []byte("zip"))}
		change(&bad.Attachments[0])
		err := s.mailer(t, smtpmail.Options{}).Send(context.Background(), bad)
		if name == "cannot be opened" {
			require.ErrorIs(t, err, broken)
			continue
		}
		require.ErrorIs(t, err, chatadmin.ErrInvalid, name)
	}
	half := attachment("a.zip", "application/zip", make([]byte, chatadmin.MaxAttachments/2+1))
	two := letter
	two.Attachments = []chatadmin.Attachment{half, half}
	require.ErrorContains(t, s.mailer(t, smtpmail.Options{}).Send(context.Background(), two), "attach less")
	answers := letter
	answers.ReplyTo = "bob@example.org\r\nBcc: eve@example.com"
	require.ErrorIs(t, s.mailer(t, smtpmail.Options{}).Send(context.Background(), answers), chatadmin.ErrInvalid)
	require.Empty(t, s.got)
}
