package portal_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/fields"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// opened is the form of a page as a browser sends it, with some fields changed.
func (w *world) opened(page string) func(changes ...string) url.Values {
	w.T.Helper()
	was := w.get(page).hidden(w.T, "was")
	return func(changes ...string) url.Values {
		form, err := url.ParseQuery(was)
		require.NoError(w.T, err)
		form.Set("was", was)
		for name, value := range values(changes...) {
			require.True(w.T, form.Has(name), "the form has no field %q", name)
			form[name] = value
		}
		return form
	}
}

// saved sends a form to an action, which is to take it.
func (w *world) saved(action string, form url.Values) {
	w.T.Helper()
	did := w.do(w.Boss.ID, http.MethodPost, "/admin"+action, form)
	require.Equal(w.T, http.StatusSeeOther, did.Code, plain(did.text))
}

// Two people open the same form and change different fields of it: neither
// undoes what the other has changed. Of the same field, the later counts.
func TestTwoWhoEditAtOnce(t *testing.T) {
	for _, preset := range []chatadmin.Preset{chatadmin.OfficeChat, chatadmin.ESChat, chatadmin.Engage} {
		t.Run(string(preset), func(t *testing.T) {
			w := newWorldOn(t, memstore.New(nil), preset)
			_, err := w.options.Fields.Declare(ctx, w.S, fields.Field{Name: "Site", Kind: fields.Text}, nil)
			require.NoError(t, err)
			u := w.user("ann@acme.example", func(n *chatadmin.NewUser) { n.FirstName, n.LastName = "Ann", "Lee" })
			at := "/users/" + string(u.ID) + "/edit"
			one, two := w.opened(at), w.opened(at)
			w.saved(at, one("title", "Head", "last_name", "Low", "own:Site", "West"))
			w.saved(at, two("first_name", "Anna"))
			got, err := w.S.User(ctx, u.ID)
			require.NoError(t, err)
			require.Equal(t, []string{"Head", "Anna", "Low", "Anna Low"}, []string{got.Title, got.FirstName, got.LastName, got.DisplayName})
			_, set, err := w.S.View(ctx, "")
			require.NoError(t, err)
			site, err := w.options.Fields.Values(&set, &got)
			require.NoError(t, err)
			require.Equal(t, map[string]string{"Site": "West"}, site)

			w.saved(at, two("title", "Chief"))
			got, err = w.S.User(ctx, u.ID)
			require.NoError(t, err)
			require.Equal(t, []string{"Chief", "Anna"}, []string{got.Title, got.FirstName}, "what was left as it was is left as it is")
		})
	}
}

// A form that was refused is shown again with what was entered, and is still
// compared with what it showed at first.
func TestRefusedFormRemembersWhatItShowed(t *testing.T) {
	w := newWorld(t)
	u := w.user("ann@acme.example")
	at := "/users/" + string(u.ID) + "/edit"
	form := w.opened(at)
	w.saved(at, w.opened(at)("title", "Head"))
	refused := w.do(w.Boss.ID, http.MethodPost, "/admin"+at, form("login", "x", "first_name", "Anna"))
	require.Equal(t, http.StatusBadRequest, refused.Code)
	require.Contains(t, refused.text, `value="Anna"`)
	require.Equal(t, form().Get("was"), refused.hidden(t, "was"))
	w.saved(at, form("first_name", "Anna"))
	got, err := w.S.User(ctx, u.ID)
	require.NoError(t, err)
	require.Equal(t, []string{"Head", "Anna"}, []string{got.Title, got.FirstName})
	for _, was := range []string{"", "%zz", "title=Head", "\x00"} { // what cannot be read leaves nothing as it was
		w.saved(at, values("title", "T", "was", was))
		w.saved(at, values("title", "Head2", "was", was))
		got, err = w.S.User(ctx, u.ID)
		require.NoError(t, err)
		require.Equal(t, "Head2", got.Title)
	}
}

// So it is with groups, roles and the preferences of everybody.
func TestTwoWhoEditSettings(t *testing.T) {
	w := newWorldOn(t, memstore.New(nil), chatadmin.Engage)
	g := w.post("/groups/new", "name", "Chess")
	one, two := w.opened(g), w.opened(g)
	w.saved(g+"/settings", one("name", "Chess club"))
	w.saved(g+"/settings", two("posting", "admins"))
	group, err := w.S.Group(ctx, chatadmin.ID(g[len("/groups/"):]))
	require.NoError(t, err)
	require.Equal(t, "Chess club", group.Name)
	require.Contains(t, w.get(g).text, `<option value="admins" selected>`)

	w.Role("Clerk", 10, chatadmin.PermUsersRead)
	one, two = w.opened("/roles/edit?id=clerk"), w.opened("/roles/edit?id=clerk")
	first, second := one(), two("level", "5")
	first["permission"] = append(first["permission"], string(chatadmin.PermUsersEdit))
	for _, form := range []url.Values{first, second} {
		form.Set("id", "clerk")
		form.Set("name", "Clerk")
		w.saved("/roles/save", form)
	}
	_, set, err := w.S.View(ctx, "")
	require.NoError(t, err)
	role, _ := set.Role("clerk")
	require.Equal(t, chatadmin.Role{ID: "clerk", Name: "Clerk", Level: 5, Permissions: []chatadmin.Permission{chatadmin.PermUsersRead, chatadmin.PermUsersEdit}}, role)

	one, two = w.opened("/preferences"), w.opened("/preferences")
	w.saved("/preferences", one("language", "nl"))
	w.saved("/preferences", two("notify_assigned", "off"))
	policy, err := w.options.Preferences.Policy(ctx, w.S)
	require.NoError(t, err)
	require.Equal(t, []string{"nl", "off"}, []string{policy.Defaults.Get("language"), policy.Defaults.Get("notify_assigned")})
}
