package portaltest

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/twofa"
)

// An authenticator is enrolled from the QR code as the browser draws it: a
// scanner reads the picture, and another program computes the code.
func TestEnrolment(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"zbarimg", "oathtool"} {
		if _, err := exec.LookPath(name); err != nil && os.Getenv("CI") == "" {
			t.Skip(err)
		}
	}
	s := newSite(t)
	_, err := s.s.CreateUser(t.Context(), chatadmin.NewUser{Login: "ann@acme.example", FirstName: "Ann", LastName: "Other"})
	require.NoError(t, err)
	_, err = s.admin.SendInvitations(t.Context(), s.domain)
	require.NoError(t, err)
	plan, err := s.o.TwoFactor.Plan(t.Context(), s.s, twofa.Policy{Mode: twofa.Authenticator, Validity: 24 * time.Hour})
	require.NoError(t, err)
	require.NoError(t, s.o.TwoFactor.Apply(t.Context(), s.s, plan))

	b := openBrowser(t)
	b.do(chromedp.Navigate(s.link("ann@acme.example")))
	b.do(chromedp.SendKeys(chromedp.CSS("#password"), "correct horse"), chromedp.SendKeys(chromedp.CSS("#again"), "correct horse"))
	b.click("Set password")
	b.sees("Your account is active.")
	b.do(chromedp.Navigate(s.url + "/admin/signin"))
	b.do(chromedp.SendKeys(chromedp.CSS("input[name=login]"), "ann@acme.example"), chromedp.SendKeys(chromedp.CSS("input[name=password]"), "correct horse"))
	b.click("Sign in")
	b.sees("Scan this QR code")
	b.accessible("the page with the QR code")
	picture := filepath.Join(t.TempDir(), "qr.png")
	require.NoError(t, os.WriteFile(picture, run(b, chromedp.Screenshot(chromedp.CSS("img.qr"))), 0o600))
	read, err := command(t, "zbarimg", "-q", "--raw", picture)
	require.NoError(t, err)
	uri, err := url.Parse(read)
	require.NoError(t, err)
	require.Equal(t, "otpauth", uri.Scheme)
	code, err := command(t, "oathtool", "--totp", "-b", uri.Query().Get("secret"))
	require.NoError(t, err)
	b.do(chromedp.SendKeys(chromedp.CSS("#code"), code))
	b.click("Continue")
	b.do(chromedp.WaitVisible(chromedp.CSS("header .who")))
	require.Contains(t, run(b, chromedp.Text(chromedp.CSS("header .who"))), "Ann Other")
	b.quiet("enrolment")
}

func command(t *testing.T, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).Output()
	return strings.TrimSpace(string(out)), err
}

// Names that are written to break a page are shown as they are, on pages that
// stay whole.
func TestNamesThatBreakPages(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	names := []string{`<script>window.ran=1</script>`, `" onload="window.ran=1`, "שלום עולם", "👩‍🚀 Ann 🚀", strings.Repeat("Wide", 60), `{{.}} ' & <b>`}
	g, err := s.s.CreateGroup(t.Context(), `<img src=x onerror="window.ran=1">`)
	require.NoError(t, err)
	var last chatadmin.User
	for i, name := range names {
		last, err = s.s.CreateUser(t.Context(), chatadmin.NewUser{Login: string(rune('a'+i)) + "@acme.example", DisplayName: name, Title: name, NoInvitation: true})
		require.NoError(t, err)
		_, err = s.s.AddMembers(t.Context(), g.ID, last.ID)
		require.NoError(t, err)
	}
	b := openBrowser(t)
	b.do(chromedp.Navigate(s.url + "/enter?to=/&user=" + string(s.boss.ID)))
	b.bringAxe()
	for _, path := range []string{"/users", "/users?q=%3Cscript%3E", "/users/" + string(last.ID), "/users/" + string(last.ID) + "/edit",
		"/users/tools?tool=delete&user=" + string(last.ID), "/groups", "/groups/" + string(g.ID), "/audit"} {
		b.window(1280, 900)
		b.do(chromedp.Navigate(s.url+"/admin"+path), chromedp.WaitVisible(chromedp.CSS("main h1")))
		require.False(t, run(b, chromedp.Evaluate[bool]("window.ran !== undefined")), path)
		b.fits(path)
		b.accessible(path)
		b.window(320, 900)
		b.fits(path)
		b.quiet(path)
	}
	b.do(chromedp.Navigate(s.url + "/admin/users"))
	for _, name := range names {
		require.Contains(t, run(b, chromedp.Text(chromedp.CSS("main"))), strings.TrimSpace(name))
	}
}

// What happens elsewhere while somebody looks at a page is told when they act:
// a second tab has done it, they were demoted, or their session has ended.
func TestMeanwhile(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	us := s.people(3)
	review := s.url + "/admin/users/tools?tool=deactivate&user=" + string(us[0].ID)
	b := openBrowser(t)
	b.do(chromedp.Navigate(s.url+"/enter?to=/&user="+string(s.boss.ID)), chromedp.Navigate(review))
	other := b.tab()
	other.do(chromedp.Navigate(review))
	other.click("Deactivate")
	other.sees("user was deactivated.")
	b.do(chromedp.DoubleClick(chromedp.CSS("main form button[type=submit]")))
	b.sees("deactivated.")
	b.do(chromedp.NavigateBack())
	b.sees("These users lose all access at once.")
	b.click("Deactivate")
	b.sees("deactivated.")
	count := 0
	for e, err := range s.s.Events(t.Context(), chatadmin.EventQuery{Kind: chatadmin.KindUserDeactivate}) {
		require.NoError(t, err)
		require.Equal(t, []chatadmin.ID{us[0].ID}, e.Targets)
		count++
	}
	require.Equal(t, 1, count, "it was done once")

	b.do(chromedp.Navigate(s.url + "/admin/users/tools?tool=deactivate&user=" + string(us[1].ID)))
	deputy, err := s.s.CreateUser(t.Context(), chatadmin.NewUser{Login: "deputy@acme.example", Role: chatadmin.RoleAdmin, NoInvitation: true})
	require.NoError(t, err)
	require.NotEmpty(t, deputy.ID)
	_, err = s.admin.AsHost(s.domain).ActivateUsers(t.Context(), deputy.ID)
	require.NoError(t, err)
	_, err = s.admin.AsHost(s.domain).AssignRole(t.Context(), chatadmin.RoleMember, s.boss.ID)
	require.NoError(t, err)
	b.click("Deactivate")
	b.refused()
	u, err := s.admin.AsHost(s.domain).User(t.Context(), us[1].ID)
	require.NoError(t, err)
	require.NotEqual(t, chatadmin.Deactivated, u.Status)

	s.mu.Lock()
	clear(s.sessions)
	s.mu.Unlock()
	b.do(chromedp.Navigate(s.url+"/admin/users"), chromedp.WaitVisible(chromedp.CSS("input[name=password]")))
}
