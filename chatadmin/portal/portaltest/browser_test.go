package portaltest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
)

// browser is a tab of Chromium. What its console says fails the test.
type browser struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	problems []string
}

type action = chromedp.Action[chromedp.Void]

var chromium = sync.OnceValues(func() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if at, err := exec.LookPath(name); err == nil {
			return at, nil
		}
	}
	return "", errors.New("a browser is needed: apt-get install chromium")
})

// shared is the one browser of all tests.
var shared = struct {
	start sync.Once
	ctx   context.Context
	stop  func()
	err   error
}{stop: func() {}}

func TestMain(m *testing.M) {
	if os.Getenv(serverDir) != "" { // this program is the server of a test
		if err := runServer(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	code := m.Run()
	shared.stop()
	os.Exit(code)
}

// startBrowser starts the browser. It lives as long as the program.
func startBrowser(path string) {
	dir, err := os.MkdirTemp("", "portaltest-")
	if err != nil {
		shared.err = err
		return
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.UserDataDir(dir), chromedp.WSURLReadTimeout(2*time.Minute))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	shared.ctx, shared.err = ctx, chromedp.Do(ctx)
	shared.stop = func() { cancel(); stop(); _ = os.RemoveAll(dir) }
}

// openBrowser opens a tab with cookies of its own.
func openBrowser(t *testing.T) *browser {
	t.Helper()
	at, err := chromium()
	if err != nil && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	require.NoError(t, err)
	shared.start.Do(func() { startBrowser(at) })
	require.NoError(t, shared.err)
	return newTab(t, shared.ctx, chromedp.WithNewBrowserContext())
}

// enter signs somebody in, and opens a page of the portal.
func (b *browser) enter(s *site, user chatadmin.ID, path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(s.url + "/enter?user=" + string(user) + "&to=" + url.QueryEscape(path)))
}

// tab opens another tab of the same person.
func (b *browser) tab() *browser {
	b.t.Helper()
	return newTab(b.t, b.ctx)
}

func newTab(t *testing.T, parent context.Context, options ...chromedp.ContextOption) *browser {
	t.Helper()
	ctx, cancel := chromedp.NewContext(parent, options...)
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: ctx}
	require.NoError(t, chromedp.Do(ctx))
	console := chromedp.Console(ctx)
	var listening sync.WaitGroup
	listening.Go(func() {
		for m, err := range console {
			if err != nil {
				return
			}
			b.hear(m)
		}
	})
	t.Cleanup(func() { cancel(); listening.Wait() })
	return b
}

// hear keeps what should not be in a console: errors, exceptions, and
// violations of the Content-Security-Policy.
func (b *browser) hear(m chromedp.ConsoleMessage) {
	switch m.Type {
	case "error", "warning", chromedp.ConsoleException:
	default:
		return
	}
	if strings.Contains(m.URL, "favicon.ico") {
		return
	}
	b.mu.Lock()
	b.problems = append(b.problems, fmt.Sprintf("%s %s %s %s", m.Type, m.Source, m.Text, m.URL))
	b.mu.Unlock()
}

// quiet fails the test if the console has said something.
func (b *browser) quiet(where string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	require.Empty(b.t, b.problems, where)
}

// run runs an action that returns a value, for a minute at most.
func run[T any](b *browser, a chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
	defer cancel()
	v, err := chromedp.Run(ctx, a)
	if err != nil {
		ctx, cancel := context.WithTimeout(b.ctx, 10*time.Second)
		defer cancel()
		text, _ := chromedp.Run(ctx, chromedp.Text(chromedp.CSS("body")))
		b.t.Fatalf("%v; the page says: %s", err, strings.Join(strings.Fields(text), " "))
	}
	return v
}

// do runs actions, each for a minute at most.
func (b *browser) do(actions ...action) {
	b.t.Helper()
	for _, a := range actions {
		run(b, a)
	}
}

// sees waits until the page says something.
func (b *browser) sees(text string) {
	b.t.Helper()
	b.do(chromedp.WaitVisible(chromedp.Search(fmt.Sprintf("//main//*[contains(normalize-space(.), %q)]", text))))
}

// refused waits for the page that says what somebody may not do, and why.
func (b *browser) refused() {
	b.t.Helper()
	b.sees("This did not work")
	require.Regexp(b.t, "not permitted|You may not do this", run(b, chromedp.Text(chromedp.CSS("main"))))
}

// click clicks a link or button by what it says.
func (b *browser) click(text string) {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.Search(fmt.Sprintf("//main//a[normalize-space(.)=%[1]q] | //main//button[normalize-space(.)=%[1]q] | //main//summary[normalize-space(.)=%[1]q]", text)), chromedp.NodeVisible))
}

// shoot keeps a picture of the page in the folder that the environment names,
// for people to look at.
func (b *browser) shoot(name string) {
	b.t.Helper()
	if dir := os.Getenv("PORTAL_SCREENSHOTS"); dir != "" {
		require.NoError(b.t, os.WriteFile(filepath.Join(dir, name+".png"), run(b, chromedp.FullScreenshot(100)), 0o600))
	}
}
