package portaltest

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// uploads uploads a file on the page "Import Users", and returns the address of
// its review.
func (b *browser) uploads(url, name, text string) string {
	b.t.Helper()
	file := filepath.Join(b.t.TempDir(), name)
	require.NoError(b.t, os.WriteFile(file, []byte(text), 0o600))
	b.do(chromedp.Navigate(url + "/admin/imports"))
	b.do(chromedp.Click(chromedp.CSS(`input[name=mode][value=update]`)), chromedp.SetUploadFiles(chromedp.CSS("#file"), []string{file}))
	b.click("Upload and review")
	b.sees("Import Now")
	return run(b, chromedp.Location())
}

// rows is a file that creates n users.
func rows(name string, n int) string {
	var b strings.Builder
	b.WriteString("email/login\n")
	for i := range n {
		fmt.Fprintf(&b, "%s%d@acme.example\n", name, i)
	}
	return b.String()
}

// halfUpload sends the first half of a file, and keeps the connection.
func halfUpload(t *testing.T, p *program, spool string) {
	t.Helper()
	before, err := os.ReadDir(spool)
	require.NoError(t, err)
	at, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = at.Close() })
	head := "--x\r\nContent-Disposition: form-data; name=\"mode\"\r\n\r\nupdate\r\n--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"half.csv\"\r\n\r\nemail/login\n"
	_, err = io.WriteString(at, "POST /admin/imports HTTP/1.1\r\nHost: localhost\r\nCookie: session="+sessionOfBoss+
		"\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 1000000\r\n\r\n"+head+strings.Repeat("\n", 500_000))
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		now, err := os.ReadDir(spool)
		return err == nil && len(now) > len(before)
	}, time.Minute, 10*time.Millisecond)
}

// The server is killed while an import runs, another file waits for its review
// and a third is being received, and is started again. The page that somebody
// looks at shows the end of the import without being loaded again; a second
// import that was begun meanwhile follows it; the file that waited is imported;
// the half file is discarded. Nothing stays in the spool.
func TestServerKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	spool := filepath.Join(dir, "spool")
	const first = 2100 // three batches
	p := startProgram(t, dir, "127.0.0.1:0", 1000, 0)
	b := openBrowser(t)
	b.do(chromedp.Navigate(p.url + "/enter?to=/imports&user=" + string(p.boss)))
	review := b.uploads(p.url, "review.csv", rows("c", 2))
	second := b.uploads(p.url, "second.csv", rows("b", 2))
	b.uploads(p.url, "first.csv", rows("a", first))
	b.click("Import Now")
	p.waits("held")
	b.sees("1,000 of 2,100 rows are done.")
	other := b.tab()
	other.do(chromedp.Navigate(second))
	other.click("Import Now")
	other.sees("The import begins in a moment.")
	halfUpload(t, p, spool)
	p.kill()

	again := startProgram(t, dir, strings.TrimPrefix(p.url, "http://"), 0, 15*time.Minute)
	require.Equal(t, p.boss, again.boss)
	b.sees("The import is done.")
	require.Equal(t, "first.csv", run(b, chromedp.Text(chromedp.CSS("h1 bdi"))))
	b.sees("2,100")
	other.sees("The import is done.")

	b.do(chromedp.Navigate(review))
	b.click("Import Now")
	b.sees("The import is done.")
	b.do(chromedp.Navigate(p.url + "/admin/imports"))
	b.sees("Not complete")
	b.click("half.csv")
	b.sees("This file has not arrived completely.")
	for range 4 {
		b.click("Discard")
		b.sees("discarded")
		if left, err := os.ReadDir(spool); err == nil && len(left) > 0 {
			b.do(chromedp.Click(chromedp.CSS("main table a")))
			b.sees("Discard")
		}
	}
	left, err := os.ReadDir(spool)
	require.NoError(t, err)
	require.Empty(t, left)
	b.do(chromedp.Navigate(p.url + "/admin/runs"))
	require.Equal(t, 3, run(b, chromedp.Evaluate[int](`document.querySelectorAll("main tbody tr").length`)), "each import has run once")
}
