package portaltest

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/devices"
	"chatadmin.example/sdk/twofa"
)

// A device is disabled, enabled and wiped in the words of the help page. The
// device hears of it, and the list says what it has answered.
func TestDevicesByHelpPage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	us := s.people(2)
	var phone devices.Registered
	for i, u := range us {
		r, err := s.o.Devices.Register(t.Context(), s.admin.AsHost(s.domain), u.ID, devices.Registration{Key: []string{"A1B2", "C3D4"}[i], Type: devices.IOS, Name: "Phone"})
		require.NoError(t, err)
		phone = r
	}
	b := openBrowser(t)
	b.window(1280, 900)
	b.enter(s, s.boss.ID, "/users")
	b.menu("User Devices")
	b.do(chromedp.SendKeys(chromedp.CSS("#search"), "user01"), chromedp.WaitNotPresent(chromedp.Search(`//td[text()="A1B2"]`)))
	b.click("Actions")
	b.click("Disable Access")
	b.sees("1 device is disabled.")
	b.sees("C3D4")
	require.Equal(t, "/admin/security/devices?q=user01&status=&type=", run(b, chromedp.Evaluate[string]("location.pathname + location.search")), "the search stays")
	_, err := s.o.Devices.Authorize(t.Context(), phone.Token.Plain())
	require.Error(t, err)
	find := func() {
		b.do(chromedp.Navigate(s.url + "/admin/security/devices?q=user01"))
		b.click("Actions")
	}
	find()
	b.click("Enable Access")
	b.sees("1 device is enabled.")
	find()
	b.click("Wipe")
	b.sees("All content of the network is removed from these devices")
	b.click("Wipe")
	b.sees("The wipe of 1 device was asked for.")
	b.click("Show its progress")
	b.sees("Wipe of devices")
	b.do(chromedp.WaitVisible(chromedp.Search(`//span[contains(@class, "badge") and text()="Done"]`)))

	commands, err := s.o.Devices.CheckIn(t.Context(), phone.WipeToken.Plain())
	require.NoError(t, err)
	require.Len(t, commands, 1)
	find()
	b.sees("Wipe delivered")
	_, err = s.o.Devices.Acknowledge(t.Context(), phone.WipeToken.Plain(), commands[0].ID, devices.Outcome{})
	require.NoError(t, err)
	find()
	b.sees("Wiped")
	b.quiet("devices")
}

// Two-factor authentication is switched on, and reset for a user, in the words
// of the help page.
func TestTwoFactorByHelpPage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	us := s.people(2)
	b := openBrowser(t)
	b.window(1280, 900)
	b.enter(s, s.boss.ID, "/users")
	b.menu("Browser access")
	b.sees("Two factor authentication settings")
	b.do(chromedp.SendKeys(field("Type of authentication"), "Enable 2FA token via Authenticator app"),
		chromedp.SetValue(field("Authentication validity period"), "30"))
	b.click("Save Settings")
	b.sees("Review the settings")
	b.click("Confirm")
	b.sees("The settings are saved.")
	policy, err := s.o.TwoFactor.Policy(t.Context(), s.s)
	require.NoError(t, err)
	require.Equal(t, twofa.Policy{Mode: twofa.Authenticator, Validity: 30 * 24 * time.Hour}, policy)

	b.menu("Users")
	b.do(chromedp.Click(chromedp.CSS(`tbody input[value="` + string(us[0].ID) + `"]`)))
	b.click("User Tools")
	b.click("Reset QR code")
	b.sees("These users set up two-factor authentication from the beginning when they sign in next.")
	b.click("Reset QR code")
	b.sees("The QR code of 1 user was reset.")
	b.quiet("two-factor authentication")
	e, err := s.o.TwoFactor.Explain(t.Context(), s.s, us[0].ID, signin.Web, signin.Password)
	require.NoError(t, err)
	require.False(t, e.Enrolled)
}

// A group is marked as default in the words of the help page, with its plan;
// new members are in it.
func TestDefaultGroupByHelpPage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.people(3)
	g, err := s.s.CreateGroup(t.Context(), "News")
	require.NoError(t, err)
	b := openBrowser(t)
	b.window(1280, 900)
	b.enter(s, s.boss.ID, "/users")
	b.menu("Groups")
	b.click("News")
	b.click("More Tools")
	b.click("Mark as default")
	b.sees("would be added")
	b.click("Mark as default")
	b.do(chromedp.WaitVisible(chromedp.Search(`//span[contains(@class, "badge") and text()="Done"]`)))
	b.quiet("a default group")
	late := s.user("late")
	is, err := s.admin.Store().Memberships(t.Context(), s.domain, []storage.Pair{{Group: g.ID, User: late.ID}})
	require.NoError(t, err)
	require.Len(t, is, 1)
}
