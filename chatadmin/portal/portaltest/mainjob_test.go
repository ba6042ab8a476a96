package portaltest

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

const people = "name,email/login,title,Enabled\nAnn,ann@acme.example,Head,\nBen,ben@acme.example,,TRUE\nNobody,no.address,,\n"

// upload does what the help page says, up to the review of the file.
func (b *browser) upload(s *site, dir string) {
	b.t.Helper()
	file := filepath.Join(dir, "people.csv")
	require.NoError(b.t, os.WriteFile(file, []byte(people), 0o600))
	b.do(chromedp.Navigate(s.url + "/admin/"))
	b.sees("Users")
	b.click("Invite Users")
	b.click("Import Users")
	b.do(chromedp.Click(chromedp.CSS(`input[name=mode][value=update]`)), chromedp.SetUploadFiles(chromedp.CSS("#file"), []string{file}))
	b.click("Upload and review")
	b.sees("What was found in the rows")
}

// link is the address in the latest mail to somebody that has one.
func (s *site) link(to string) (found string) {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		for _, m := range s.mails.To(to) {
			if at := regexp.MustCompile(`http://\S+`).FindString(m.Text); at != "" {
				found = at
			}
		}
		return found != ""
	}, time.Minute, 10*time.Millisecond)
	return found
}

// From the file to people who have chosen a password, with JavaScript and
// without.
func TestMainJob(t *testing.T) {
	t.Parallel()
	for name, disabled := range map[string]bool{"with JavaScript": false, "without JavaScript": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			b := openBrowser(t)
			_, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: disabled})
			require.NoError(t, err)
			b.do(chromedp.Navigate(s.url + "/enter?to=/&user=" + string(s.boss.ID)))
			b.upload(s, t.TempDir())
			b.sees("This is not an e-mail address")
			b.click("Import Now")
			b.sees("The import is done.")
			require.Empty(t, s.mails.To("ann@acme.example"))

			b.do(chromedp.Navigate(s.link("boss@acme.example")))
			b.sees("2 users were created by the import")
			require.Empty(t, s.mails.To("ann@acme.example"), "opening the link sends nothing")
			b.click("Send the invitations")
			b.sees("invitations are on their way")
			activate := s.link("ann@acme.example")
			b.do(chromedp.Navigate(activate))
			b.sees("ann@acme.example")
			b.do(chromedp.SendKeys(chromedp.CSS("#password"), "correct horse"), chromedp.SendKeys(chromedp.CSS("#again"), "correct horse"))
			b.click("Set password")
			b.sees("Your account is active.")
			b.quiet("the main job")
		})
	}
}

// Users are found while typing, selected, and deactivated by the menu.
func TestUserTools(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	us := s.people(3)
	b := openBrowser(t)
	b.window(1280, 900)
	b.do(chromedp.Navigate(s.url+"/enter?to=/&user="+string(s.boss.ID)), chromedp.WaitVisible(chromedp.CSS("#search")))
	b.do(chromedp.SendKeys(chromedp.CSS("#search"), "user01"), chromedp.WaitNotPresent(chromedp.Search(`//bdi[text()="user00@acme.example"]`)))
	b.sees("user01@acme.example")
	b.do(chromedp.Click(chromedp.CSS("thead input[type=checkbox]")))
	b.click("User Tools")
	b.shoot("user-tools")
	b.accessible("the open menu")
	b.click("Deactivate")
	b.sees("These users lose all access at once.")
	b.click("Deactivate")
	b.sees("1 user was deactivated.")
	u, err := s.s.User(t.Context(), us[1].ID)
	require.NoError(t, err)
	require.Equal(t, "deactivated", u.Status.String())
	b.quiet("user tools")
}

// A deletion is planned, confirmed, and its page shows the receipt when the
// worker is done, without being reloaded by hand.
func TestDelete(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	us := s.people(2)
	b := openBrowser(t)
	b.do(chromedp.Navigate(s.url+"/enter?to=/&user="+string(s.boss.ID)), chromedp.Navigate(s.url+"/admin/users/"+string(us[0].ID)))
	b.click("User Tools")
	b.click("Delete")
	b.sees("What would be removed for good")
	b.do(chromedp.SendKeys(chromedp.CSS("#f-reason"), "left the company"))
	b.click("Delete")
	b.sees("The deletion of 1 user has begun.")
	b.do(chromedp.WaitVisible(chromedp.Search(`//span[contains(@class, "badge") and text()="Done"]`)))
	b.sees("Report")
	b.quiet("a deletion")
}
