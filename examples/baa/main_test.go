package main

import (
	"bytes"
	"io"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/textproto"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// mailServer takes mails until the test ends.
type mailServer struct {
	net.Listener
	mu    sync.Mutex
	mails []string
}

func serve(t *testing.T) *mailServer {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	s := &mailServer{Listener: l}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.talk(textproto.NewConn(c))
		}
	}()
	return s
}

// talk is one conversation.
func (s *mailServer) talk(c *textproto.Conn) {
	defer func() { _ = c.Close() }()
	_ = c.PrintfLine("220 test ESMTP")
	for {
		line, err := c.ReadLine()
		if err != nil {
			return
		}
		switch verb, _, _ := strings.Cut(strings.ToUpper(line), " "); verb {
		case "DATA":
			_ = c.PrintfLine("354 go ahead")
			data, err := io.ReadAll(c.DotReader())
			if err != nil {
				return
			}
			s.mu.Lock()
			s.mails = append(s.mails, string(data))
			s.mu.Unlock()
			_ = c.PrintfLine("250 taken")
		case "QUIT":
			_ = c.PrintfLine("221 bye")
			return
		default:
			_ = c.PrintfLine("250 ok")
		}
	}
}

// The agreement comes to its end, and the vendor gets the request as the help
// page asks for it.
func TestWalk(t *testing.T) {
	server := serve(t)
	var out bytes.Buffer
	require.NoError(t, walk(t.Context(), &out, server.Addr().String(), "vendor@chat.example"))
	for _, line := range []string{"special server: a place for \"Acme Health\" is ready", "vendor    provision    provisioned", "customer  invite       staff_invited",
		"payment: a card is on file, $999 for a year for 60 seats", "signatures: envelope-1 goes to lawyer@acme.example", "customer  sign         signed",
		"accounting: what was paid is transferred", "vendor    finish       old_closed", "Acme Health keeps messages for 7 days, for good: true"} {
		require.Contains(t, out.String(), line)
	}
	require.Equal(t, 1, strings.Count(out.String(), "special server"), "each effect once")

	server.mu.Lock()
	defer server.mu.Unlock()
	var subjects []string
	for _, data := range server.mails {
		msg, err := mail.ReadMessage(strings.NewReader(data))
		require.NoError(t, err)
		subjects = append(subjects, msg.Header.Get("Subject"))
		if msg.Header.Get("Subject") != "Office Chat BAA Agreement" {
			continue
		}
		require.Equal(t, "<vendor@chat.example>", msg.Header.Get("To"))
		require.Equal(t, "<boss@acme.example>", msg.Header.Get("Reply-To"))
		text, err := io.ReadAll(quotedprintable.NewReader(msg.Body))
		require.NoError(t, err)
		require.Contains(t, string(text), "A number of user seats needed (you start with 50): 60")
	}
	require.Contains(t, subjects, "Office Chat BAA Agreement")
	require.Len(t, subjects, 2, "and the invitation to the new domain")
}
