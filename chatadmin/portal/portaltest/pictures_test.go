package portaltest

import (
	"bytes"
	"flag"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the pictures of the README anew")

// The README shows two pages as they look: the list of users, and the review of
// an import. -update takes the pictures anew.
func TestPicturesOfReadme(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.people(6)
	b := openBrowser(t)
	b.window(960, 600)
	b.do(chromedp.Navigate(s.url+"/enter?to=/&user="+string(s.boss.ID)), chromedp.WaitVisible(chromedp.CSS("#search")))
	b.picture("portal-users.png")
	b.upload(s, t.TempDir())
	b.picture("portal-import.png")
	b.quiet("the pictures")
}

// picture takes a picture of the window, and looks at the one that is kept.
func (b *browser) picture(name string) {
	b.t.Helper()
	file := filepath.Join("../docs", name)
	taken := run(b, chromedp.CaptureScreenshot())
	if *update {
		require.NoError(b.t, os.WriteFile(file, taken, 0o644))
	}
	kept, err := os.ReadFile(file)
	require.NoError(b.t, err)
	require.Less(b.t, len(kept), 100_000, "%s is small", name)
	was, err := png.DecodeConfig(bytes.NewReader(kept))
	require.NoError(b.t, err)
	is, err := png.DecodeConfig(bytes.NewReader(taken))
	require.NoError(b.t, err)
	require.Equal(b.t, [2]int{was.Width, was.Height}, [2]int{is.Width, is.Height}, name)
}
