package portaltest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/devices"
)

// Every page, in both themes, on a narrow window and on a wide one: axe-core
// finds nothing, the console is silent, and nothing sticks out.
func TestPages(t *testing.T) {
	s := newSite(t)
	us := s.people(12)
	for i, u := range us[:4] {
		_, err := s.o.Devices.Register(t.Context(), s.admin.AsHost(s.domain), u.ID, devices.Registration{Key: fmt.Sprintf("DEVICE-%d", i), Type: devices.Type(i + 1), Name: "A phone"})
		require.NoError(t, err)
	}
	_, err := s.s.DenyAccess(t.Context(), us[1].ID)
	require.NoError(t, err)
	g, err := s.s.CreateGroup(t.Context(), "Chess")
	require.NoError(t, err)
	_, err = s.s.AddMembers(t.Context(), g.ID, us[0].ID, us[1].ID)
	require.NoError(t, err)
	list, err := s.o.Devices.PlanWipe(t.Context(), s.s, devices.Of(us[0].ID))
	require.NoError(t, err)
	wiped, err := s.o.Devices.ApplyWipe(t.Context(), s.s, list, nil)
	require.NoError(t, err)
	_, err = s.s.SetRole(t.Context(), chatadmin.Role{Name: "Help desk", Level: 10, Permissions: []chatadmin.Permission{chatadmin.PermUsersRead}})
	require.NoError(t, err)

	b := openBrowser(t)
	b.do(chromedp.Navigate(s.url + "/enter?user=" + string(s.boss.ID)))
	b.upload(s, t.TempDir())
	review := run(b, chromedp.Location())
	selected := "user=" + string(us[0].ID) + "&user=" + string(us[1].ID)
	pages := []struct{ name, path string }{
		{"users", "/users"}, {"user", "/users/" + string(us[0].ID)}, {"edit", "/users/" + string(us[0].ID) + "/edit"}, {"invite", "/users/invite"},
		{"import", "/imports"}, {"review", strings.TrimPrefix(review, s.url+"/admin")}, {"delete", "/users/tools?tool=delete&" + selected},
		{"deactivate", "/users/tools?tool=deactivate&" + selected}, {"role-of", "/users/tools?tool=role&" + selected},
		{"groups", "/groups"}, {"group", "/groups/" + string(g.ID)}, {"new-group", "/groups/new"}, {"default", "/groups/" + string(g.ID) + "/default"},
		{"devices", "/security/devices"}, {"wipe", "/security/devices/wipe?device=" + string(device(t, s, us[1].ID))}, {"browser", "/security/browser"},
		{"browser-review", "/security/browser/review?mode=authenticator&days=30"}, {"roles", "/roles"}, {"role", "/roles/edit?id=help+desk"},
		{"runs", "/runs"}, {"run", "/runs/" + string(wiped.ID)}, {"audit", "/audit"}, {"none", "/users?q=nobody"}, {"signin", "/signin"},
	}
	for _, look := range []struct {
		theme    string
		width    int64
		language string
		axe      bool // else only the width is looked at
	}{{"light", 320, "en", false}, {"light", 360, "en", true}, {"dark", 360, "en", false}, {"light", 1280, "en", true}, {"dark", 1280, "en", true},
		{"light", 320, "de", true}, {"light", 320, "fr", false}, {"light", 320, "nl", false}, {"light", 320, "es", false}} {
		b.look(look.width, 900, look.theme)
		b.speak(look.language)
		for _, p := range pages {
			where := fmt.Sprintf("%s-%s-%d-%s", p.name, look.theme, look.width, look.language)
			b.do(chromedp.Navigate(s.url+"/admin"+p.path), chromedp.WaitVisible(chromedp.CSS("main h1")))
			require.Equal(t, look.language, run(b, chromedp.Evaluate[string]("document.documentElement.lang")), where)
			require.Contains(t, run(b, chromedp.Title()), "Admin Portal", where)
			b.fits(where)
			if look.axe {
				b.accessible(where)
			}
			b.shoot(where)
			b.quiet(where)
		}
	}
}

func device(t *testing.T, s *site, user chatadmin.ID) chatadmin.ID {
	t.Helper()
	for d, err := range s.o.Devices.Devices(t.Context(), s.s, devices.Query{User: user}) {
		require.NoError(t, err)
		return d.ID
	}
	t.Fatal("the user has no device")
	return ""
}
