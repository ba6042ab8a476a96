package portaltest

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

// focused is what the element says that has the focus: its label, or its text.
const focused = `(() => {
  const e = document.activeElement;
  if (e === document.body) return "";
  const text = e.labels && e.labels.length ? e.labels[0].textContent : e.innerText;
  return (text || "").replace(/\s+/g, " ").trim();
})()`

// press presses keys.
func (b *browser) press(keys string) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(keys))
}

// reach presses the Tab key until the focus is on what says a text.
func (b *browser) reach(text string) {
	b.t.Helper()
	var seen []string
	for range 60 {
		b.press(kb.Tab)
		is := run(b, chromedp.Evaluate[string](focused))
		if is == text {
			require.True(b.t, run(b, chromedp.Evaluate[bool](`document.activeElement.matches(":focus-visible")`)), "the focus on %q can be seen", text)
			return
		}
		seen = append(seen, is)
	}
	b.t.Fatalf("the Tab key does not reach %q, but %q", text, seen)
}

// choose gives the field that has the focus a file, which the keyboard has
// opened the window for.
func (b *browser) choose(file string) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, page.SetInterceptFileChooserDialog, page.SetInterceptFileChooserDialogParams{Enabled: true})
	require.NoError(b.t, err)
	opened := run(b, chromedp.WaitEvent(page.FileChooserOpened, nil, chromedp.KeyEvent(" ")))
	_, err = chromedp.Call(b.ctx, dom.SetFileInputFiles, dom.SetFileInputFilesParams{Files: []string{file}, BackendNodeID: opened.BackendNodeID})
	require.NoError(b.t, err)
}

// The main job is done with the keyboard alone: from the file to invitations.
func TestKeyboard(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := openBrowser(t)
	_, err := chromedp.Call(b.ctx, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "people.csv")
	require.NoError(t, os.WriteFile(file, []byte(people), 0o600))
	b.window(1280, 900)
	b.enter(s, s.boss.ID, "/users")
	b.reach("Skip to the content")
	b.press(kb.Enter)
	b.reach("Download") // behind the menu
	b.reach("Invite Users")
	b.press(kb.Enter)
	b.sees("Invite one user")
	b.reach("Import Users")
	b.press(kb.Enter)
	b.sees("Choose file")
	b.reach("Skip existing users")
	b.press(kb.ArrowDown)
	require.Equal(t, "Update existing users", run(b, chromedp.Evaluate[string](focused)))
	b.reach("Choose file")
	b.choose(file)
	b.reach("Upload and review")
	b.press(kb.Enter)
	b.sees("What was found in the rows")
	b.reach("Import Now")
	b.press(kb.Enter)
	b.sees("The import is done.")
	b.reach("Invite 2 created users")
	b.press(kb.Enter)
	b.sees("invitations are on their way")
	require.Eventually(t, func() bool { return len(s.mails.To("ann@acme.example")) == 1 }, time.Minute, 10*time.Millisecond)

	// A menu is opened, used and closed.
	b.do(chromedp.Navigate(s.url + "/admin/users/" + string(s.boss.ID)))
	b.reach("User Tools")
	b.press(kb.Enter)
	b.press(kb.Tab)
	require.Equal(t, "Activate", run(b, chromedp.Evaluate[string](focused)))
	b.press(kb.Escape)
	require.Equal(t, "User Tools", run(b, chromedp.Evaluate[string](focused)), "the focus is back on the menu")
	b.quiet("the keyboard")
}
