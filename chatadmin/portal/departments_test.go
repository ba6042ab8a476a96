package portal_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
)

// Departments are created, renamed with their members, emptied by a plan and
// deleted.
func TestDepartments(t *testing.T) {
	w := newWorldOn(t, nil, chatadmin.ESChat)
	require.Contains(t, plain(w.get("/departments").text), "There are no departments.")
	w.post("/departments", "name", "Buses")
	w.post("/departments", "name", "Trams")
	taken := w.do(w.Boss.ID, "POST", "/admin/departments", values("name", "BUSES"))
	require.Equal(t, http.StatusConflict, taken.Code)
	require.Contains(t, taken.text, `value="BUSES"`)
	at := "/departments/" + strings.TrimSuffix(between(t, w.get("/departments").text, `/departments/`, `"><bdi>Buses`), `"`)
	trams := strings.TrimSuffix(between(t, w.get("/departments").text, `/departments/`, `"><bdi>Trams`), `"`)

	login := func(name, dept string) chatadmin.ID {
		to := w.post("/users/invite", "login", name, "first_name", "John", "last_name", "Smith", "department", dept, "email", name+"@acme.example", "kind", "network")
		return chatadmin.ID(strings.TrimPrefix(to, "/users/"))
	}
	ann, ben := login("Bus.57", "Buses"), login("Bus.58", "Buses")
	require.Contains(t, plain(w.get(at).text), "Bus.57 0 Pending")
	require.Contains(t, plain(w.get("/users/"+string(ann)+"/contacts").text), "John Smith Bus.58")
	require.Equal(t, http.StatusOK, w.do(ann, "GET", "/admin/users/"+string(ann)+"/contacts", nil).Code, "one's own")
	require.Equal(t, http.StatusForbidden, w.do(ann, "GET", "/admin/users/"+string(ben)+"/contacts", nil).Code)
	w.post(at+"/admin", "user", string(ann), "admin", "1")
	require.Contains(t, plain(w.get(at).text), "Take department admin away")
	w.post(at+"/admin", "user", string(ann))
	require.NotContains(t, plain(w.get(at).text), "Take department admin away")

	run := w.post(at+"/rename", "name", "Coaches")
	w.work()
	require.Contains(t, plain(w.get(run).text), "Departments Done")
	require.Contains(t, plain(w.get(at).text), "Bus.58")
	full := w.do(w.Boss.ID, "POST", "/admin"+at+"/delete", nil)
	require.Equal(t, http.StatusConflict, full.Code)
	review := w.get(at + "/empty?to=" + trams)
	require.Contains(t, plain(review.text), "From Coaches Move all members to Trams Members 2")
	require.Equal(t, http.StatusBadRequest, w.do(w.Boss.ID, "POST", "/admin/departments/"+trams+"/empty", values("plan", review.hidden(t, "plan"))).Code, "of another department")
	w.post(at+"/empty", "plan", review.hidden(t, "plan"))
	w.work()
	require.Contains(t, plain(w.get("/departments/"+trams).text), "Bus.57")
	w.post(at + "/delete")
	require.NotContains(t, w.get("/departments").text, "Coaches")
	require.Equal(t, http.StatusNotFound, w.do(w.Boss.ID, "GET", "/admin"+at, nil).Code)
}

// The form of a user has the fields of a radio, and tells everything that is
// wrong at once.
func TestRadioForm(t *testing.T) {
	w := newWorldOn(t, nil, chatadmin.ESChat)
	_, err := w.S.ChangeSettings(ctx, func(set *chatadmin.Settings) error { set.DefaultCountry = "NL"; return nil })
	require.NoError(t, err)
	w.post("/departments", "name", "Buses")
	form := plain(w.get("/users/invite").text)
	for _, want := range []string{"Department", "Send Text", "Priority", "Client Type", "Maximal Contact", "RTP Gateway"} {
		require.Contains(t, form, want)
	}
	user := func(fields ...string) url.Values {
		f := values("login", "Bus.57", "first_name", "John", "last_name", "Smith", "department", "Buses", "kind", "network", "invite", "1",
			"phone", "06 12345678", "send_text", "yes", "priority", "2", "client_type", "unknown", "maximal_contacts", "yes", "imei", "")
		for i := 0; i < len(fields); i += 2 {
			f.Set(fields[i], fields[i+1])
		}
		return f
	}
	none := w.do(w.Boss.ID, "POST", "/admin/users/invite", user())
	require.Equal(t, http.StatusBadRequest, none.Code)
	require.Contains(t, plain(none.text), "Your company is not set to accept text messages")
	require.Contains(t, none.text, `<option value="2" selected>`, "what was chosen is still there")
	w.post("/departments/settings", "texts", "1")
	bad := w.do(w.Boss.ID, "POST", "/admin/users/invite", user("last_name", "S", "department", "None", "imei", "12", "phone", "+1 212 555 0100"))
	require.Equal(t, http.StatusBadRequest, bad.Code)
	require.GreaterOrEqual(t, strings.Count(bad.text, `class="error"`), 4, plain(bad.text))
	made := w.do(w.Boss.ID, "POST", "/admin/users/invite", user())
	require.Equal(t, http.StatusSeeOther, made.Code, plain(made.text))
	at := strings.TrimPrefix(made.Header().Get("Location"), "/admin")
	page := plain(w.get(at).text)
	require.Contains(t, page, "Trusted No Activation Method Automatic Send Text Yes Priority 2 Client Type Unknown Maximal Contact Yes")
	w.post(at+"/edit", "priority", "5", "imei", "35 209900 176148 1")
	require.Contains(t, plain(w.get(at).text), "Manual (352099001761481) Send Text Yes Priority 5")
	wrong := w.do(w.Boss.ID, "POST", "/admin"+at+"/edit", values("priority", "9", "client_type", "toaster"))
	require.Equal(t, http.StatusBadRequest, wrong.Code)
}

// The form of a user of a help desk has preferences, and the company decides
// what is in force for those who have not chosen.
func TestPreferences(t *testing.T) {
	w := newWorldOn(t, nil, chatadmin.Engage)
	form := plain(w.get("/users/invite").text)
	for _, want := range []string{"Messages & Communication", "Suffix", "Default Twitter account", "Sending e-mail", "Recipient can respond", "Which page after logging in", "Deutsch", "Send a message with username and password"} {
		require.Contains(t, strings.ReplaceAll(form, "&amp;", "&"), want)
	}
	to := w.post("/users/invite", "login", "alex", "email", "alex@acme.example", "first_name", "Alex", "last_name", "Other", "kind", "network",
		"suffix.twitter", "^AR", "forward", "own_client", "landing", "home", "notify_assigned", "on", "language", "de")
	edit := w.get(to + "/edit")
	require.Contains(t, edit.text, `value="^AR"`)
	require.Contains(t, edit.text, `<option value="own_client" selected>`)
	require.Contains(t, plain(edit.text), "alex . The login cannot be changed once it is saved.", "the login is immutable")
	bad := w.do(w.Boss.ID, "POST", "/admin"+to+"/edit", values("landing", "webcare", "availability", "asleep", "avatar", "x"))
	require.Equal(t, http.StatusBadRequest, bad.Code)
	require.Equal(t, 3, strings.Count(bad.text, `class="error"`), plain(bad.text))

	w.post("/preferences", "availability", "online", "forward", "no_reply", "suffix.twitter", "^us")
	require.Contains(t, w.get("/preferences").text, `<option value="online" selected>`)
	require.NotContains(t, w.get("/preferences").text, "suffix.twitter", "everybody has their own")
	wrong := w.do(w.Boss.ID, "POST", "/admin/preferences", values("language", "xx"))
	require.Equal(t, http.StatusBadRequest, wrong.Code)

	alex := chatadmin.ID(strings.TrimPrefix(to, "/users/"))
	own := w.do(alex, "GET", "/admin/account", nil)
	require.Contains(t, own.text, `<html lang="de">`, "the user reads German")
	require.Equal(t, http.StatusSeeOther, w.do(alex, "POST", "/admin/account/preferences", values("language", "nl", "availability", "online_live_chat", "forward", "can_respond")).Code)
	shown, err := w.options.Preferences.Of(ctx, w.S, alex)
	require.NoError(t, err)
	require.Equal(t, []string{"nl", "online_live_chat", "own_client"}, []string{shown.Own.Language, string(shown.Own.Availability), string(shown.Own.Forward)})
	refused := w.do(alex, "POST", "/admin/account/preferences", values("language", "xx"))
	require.Equal(t, http.StatusBadRequest, refused.Code)
}

// A domain declares fields, users have values in them, and are found by them.
func TestCustomFields(t *testing.T) {
	w := newWorld(t)
	w.post("/fields", "name", "Cost centre", "kind", "number")
	w.post("/fields", "name", "Site", "kind", "choice", "choices", "North\r\nSouth\r\n\r\n")
	w.work()
	require.Contains(t, plain(w.get("/fields").text), "Cost centre Number Remove field Site Choice North , South")
	for _, bad := range [][]string{{"name", "login", "kind", "text"}, {"name", "", "kind", "x"}, {"name", "Other", "kind", "choice"}} {
		a := w.do(w.Boss.ID, "POST", "/admin/fields", values(bad...))
		require.Equal(t, http.StatusBadRequest, a.Code)
		require.Contains(t, a.text, `class="error"`)
	}
	to := w.post("/users/invite", "login", "ann@acme.example", "kind", "network", "own:Cost centre", "+4711", "own:Site", "South")
	require.Contains(t, plain(w.get(to).text), "Cost centre 4711 Site South")
	bad := w.do(w.Boss.ID, "POST", "/admin"+to+"/edit", values("own:Cost centre", "many", "own:Site", "West"))
	require.Equal(t, http.StatusBadRequest, bad.Code)
	require.Equal(t, 2, strings.Count(bad.text, `class="error"`), plain(bad.text))
	require.Contains(t, bad.text, `value="many"`)
	found := w.get("/fields/find?field=Cost+centre&value=4711")
	require.Contains(t, found.text, "ann@acme.example")
	require.Contains(t, plain(w.get("/fields/find?field=Cost+centre&value=12").text), "No users are found.")
	require.Equal(t, http.StatusNotFound, w.do(w.Boss.ID, "GET", "/admin/fields/find?field=None&value=1", nil).Code)
	review := w.get("/fields/remove?name=Site")
	require.Contains(t, plain(review.text), "The value of 1 user is deleted with the field.")
	run := w.post("/fields/remove", "plan", review.hidden(t, "plan"))
	w.work()
	require.Contains(t, plain(w.get(run).text), "Custom fields Done")
	require.NotContains(t, w.get(to).text, "Site")
}

// A custom field cannot take the place of another input.
func TestCustomFieldNames(t *testing.T) {
	w := newWorld(t)
	for i, name := range []string{"kind of user", `"><script>`, "role 2", "invite"} {
		w.post("/fields", "name", name, "kind", "text")
		w.work()
		to := w.post("/users/invite", "login", fmt.Sprintf("u%d@acme.example", i), "kind", "network", "own:"+name, "<b>")
		page := w.get(to + "/edit").text
		require.Contains(t, page, `value="&lt;b&gt;"`)
		require.NotContains(t, page, "<script>alert")
		require.NotContains(t, page, `"><script>"`)
	}
}
