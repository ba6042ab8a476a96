package main

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/mail"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// serve is a mail server that takes one mail.
func serve(t *testing.T) (address string, got <-chan string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	mails := make(chan string, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }()
		tp := textproto.NewConn(c)
		_ = tp.PrintfLine("220 test ESMTP")
		for {
			line, err := tp.ReadLine()
			if err != nil {
				return
			}
			switch verb, _, _ := strings.Cut(strings.ToUpper(line), " "); verb {
			case "DATA":
				_ = tp.PrintfLine("354 go ahead")
				data, err := io.ReadAll(tp.DotReader())
				if err != nil {
					return
				}
				mails <- string(data)
				_ = tp.PrintfLine("250 taken")
			case "QUIT":
				_ = tp.PrintfLine("221 bye")
				return
			default:
				_ = tp.PrintfLine("250 ok")
			}
		}
	}()
	return l.Addr().String(), mails
}

// Support gets the logs without their secrets, as a parser of mail reads them.
func TestReport(t *testing.T) {
	server, got := serve(t)
	log := filepath.Join(t.TempDir(), "client.log")
	require.NoError(t, os.WriteFile(log, []byte("GET /?token=abc\n"), 0o600))
	var out bytes.Buffer
	require.NoError(t, report(t.Context(), &out, server, "help@vendor.example", "It hangs.", []string{log}))
	require.Contains(t, out.String(), "client.log:\nGET /?token=[redacted]\n")
	require.Contains(t, out.String(), ": sent\n")

	var data string
	select {
	case data = <-got:
	case <-time.After(10 * time.Second):
		require.Fail(t, "no mail came")
	}
	msg, err := mail.ReadMessage(strings.NewReader(data))
	require.NoError(t, err)
	require.Equal(t, "<boss@acme.example>", msg.Header.Get("Reply-To"))
	_, params, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	require.NoError(t, err)
	parts := multipart.NewReader(msg.Body, params["boundary"])
	text, err := parts.NextPart()
	require.NoError(t, err)
	body, err := io.ReadAll(text)
	require.NoError(t, err)
	require.Contains(t, string(body), "It hangs.")
	file, err := parts.NextPart()
	require.NoError(t, err)
	packed, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, file))
	require.NoError(t, err)
	z, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
	require.NoError(t, err)
	r, err := z.File[0].Open()
	require.NoError(t, err)
	content, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Equal(t, "GET /?token=[redacted]\n", string(content))

	munpack, err := exec.LookPath("munpack") // another reader of mail
	if err != nil {
		require.Empty(t, os.Getenv("CI"), "munpack is needed (Debian: apt-get install mpack)")
		t.Skip("munpack is not installed (Debian: apt-get install mpack)")
	}
	dir := t.TempDir()
	x := exec.Command(munpack, "-q", "-f")
	x.Dir, x.Stdin = dir, strings.NewReader(data)
	said, err := x.CombinedOutput()
	require.NoError(t, err, string(said))
	name := file.FileName()
	require.NotEmpty(t, name)
	again, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(t, err)
	require.True(t, bytes.Equal(packed, again))
}
