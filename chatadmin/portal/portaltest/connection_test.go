package portaltest

import (
	"bytes"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// line is a connection to a site that can be cut.
type line struct {
	url   string
	cutAt atomic.Int64 // bytes of a request; 0 is never
	cuts  atomic.Int64
}

// newLine listens on an address of its own, and hands on what comes.
func newLine(t *testing.T, to string) *line {
	t.Helper()
	at, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l := &line{url: "http://" + at.Addr().String()}
	var open sync.WaitGroup
	t.Cleanup(func() { _ = at.Close(); open.Wait() })
	open.Go(func() {
		for {
			browser, err := at.Accept()
			if err != nil {
				return // the test has ended
			}
			server, err := net.Dial("tcp", to)
			if err != nil {
				_ = browser.Close()
				continue
			}
			open.Go(func() { l.carry(browser.(*net.TCPConn), server.(*net.TCPConn)) })
			t.Cleanup(func() { _ = browser.Close(); _ = server.Close() })
		}
	})
	return l
}

// carry copies both ways until one end has nothing more to say, or the line is
// cut.
func (l *line) carry(browser, server *net.TCPConn) {
	var back sync.WaitGroup
	back.Go(func() { _, _ = io.Copy(browser, server); _ = browser.CloseWrite() })
	buffer := make([]byte, 32<<10)
	for sent := int64(0); ; {
		n, err := browser.Read(buffer)
		if n > 0 {
			sent += int64(n)
			if _, err := server.Write(buffer[:n]); err != nil {
				break
			}
		}
		if at := l.cutAt.Load(); at > 0 && sent > at {
			l.cuts.Add(1)
			_ = browser.SetLinger(0) // both sides get a reset
			_ = server.SetLinger(0)
			break
		}
		if err != nil {
			break
		}
	}
	_ = server.Close()
	_ = browser.Close()
	back.Wait()
}

// spooled are the files in the spool.
func (s *site) spooled() []string {
	s.t.Helper()
	entries, err := os.ReadDir(s.spool)
	require.NoError(s.t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// An upload whose connection is lost leaves nothing behind. The browser still
// has the form, and sends it again.
func TestLostConnection(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	l := newLine(t, strings.TrimPrefix(s.url, "http://"))
	file := filepath.Join(t.TempDir(), "large.csv")
	require.NoError(t, os.WriteFile(file, append([]byte("email/login,title\nann@acme.example,Head\n"), bytes.Repeat([]byte("\n"), 4<<20)...), 0o600))
	b := openBrowser(t)
	b.do(chromedp.Navigate(l.url + "/enter?to=/imports&user=" + string(s.boss.ID)))
	b.do(chromedp.Click(chromedp.CSS(`input[name=mode][value=update]`)), chromedp.SetUploadFiles(chromedp.CSS("#file"), []string{file}))
	l.cutAt.Store(1 << 20)
	b.click("Upload and review")
	require.Eventually(t, func() bool {
		return strings.HasPrefix(run(b, chromedp.Evaluate[string]("location.href")), "chrome-error:")
	}, time.Minute, 10*time.Millisecond, "the browser says that the connection was lost")
	require.Positive(t, l.cuts.Load())
	require.Eventually(t, func() bool { return len(s.spooled()) == 0 }, time.Minute, 10*time.Millisecond, "the half file is removed")

	l.cutAt.Store(0)
	b.do(chromedp.Navigate(l.url + "/admin/imports"))
	require.NotContains(t, run(b, chromedp.Text(chromedp.CSS("main"))), "large.csv", "nothing is left of it")
	b.do(chromedp.Click(chromedp.CSS(`input[name=mode][value=update]`)), chromedp.SetUploadFiles(chromedp.CSS("#file"), []string{file}))
	b.click("Upload and review")
	b.sees("Import Now")
	require.Len(t, s.spooled(), 1)
	b.click("Import Now")
	b.sees("The import is done.")
	_, err := s.s.UserByLogin(t.Context(), "ann@acme.example")
	require.NoError(t, err)
}
