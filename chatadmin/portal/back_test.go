package portal_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
)

// lists is a company whose lists of users, devices, members and holds have a
// second page.
func lists(t *testing.T) (w *world, us []chatadmin.User, group string) {
	w = newWorld(t)
	group = w.post("/groups/new", "name", "Chess")
	for i := range 60 {
		u := w.user(fmt.Sprintf("user%02d@acme.example", i))
		us = append(us, u)
		w.device(u.ID, fmt.Sprintf("D%02d", i))
		_, err := w.S.AddHold(ctx, chatadmin.Hold{User: u.ID, Reason: "a case"})
		require.NoError(t, err)
		_, err = w.S.AddMembers(ctx, chatadmin.ID(strings.TrimPrefix(group, "/groups/")), u.ID)
		require.NoError(t, err)
	}
	return w, us, group
}

// second is the address of the second page of a list.
func (w *world) second(list string) string {
	w.T.Helper()
	return strings.ReplaceAll(between(w.T, w.get(list).text, `<a href="/admin`, `" rel="next"`), "&amp;", "&")
}

// sameList fails the test if an address is not that of a list as it was.
func sameList(t *testing.T, what, was, is string) {
	t.Helper()
	a, err := url.Parse(was)
	require.NoError(t, err)
	b, err := url.Parse(is)
	require.NoError(t, err)
	require.Equal(t, a.Path, b.Path, what)
	require.Equal(t, a.Query(), b.Query(), what)
}

// Who acts on a row of a list comes back to the same search, filters and page.
// The field of the page says where that is, and a review hands it on.
func TestActionsLeadBackToTheList(t *testing.T) {
	w, us, group := lists(t)
	last := us[59]
	var hold chatadmin.ID
	for h, err := range w.S.Holds(ctx) {
		require.NoError(t, err)
		hold = h.ID
	}
	for name, x := range map[string]struct {
		list, action string
		fields       []string
	}{
		"devices":     {w.second("/security/devices?q=acme&type=ios&status=enabled"), "/security/devices/disable", []string{"device", string(w.device(last.ID, "D59").ID)}},
		"no device":   {"/security/devices?q=", "/security/devices/remove", []string{"device", string(w.device(us[2].ID, "D02").ID)}},
		"invitations": {w.second("/users/invitations?state=none"), "/users/invitations", []string{"user", string(last.ID)}},
		"nobody":      {w.second("/users/invitations?state=none"), "/users/invitations/revoke", nil},
		"members":     {w.second(group), group + "/members/admin", []string{"user", string(last.ID)}},
		"name":        {w.second(group), group + "/settings", []string{"name", "Chess club", "posting", "admins"}},
		"holds":       {w.second("/compliance/holds"), "/compliance/holds/release", []string{"hold", string(hold)}},
	} {
		page := w.get(x.list)
		sameList(t, name, x.list, w.post(x.action, append(x.fields, "list", page.hidden(t, "list"))...))
	}
	for _, tool := range []string{"deactivate", "activate", "unlock", "resend"} {
		at := w.second("/users?sort=name&q=acme")
		review := w.get("/users/tools?" + values("tool", tool, "user", string(last.ID), "list", w.get(at).hidden(t, "list")).Encode())
		sameList(t, tool, "/admin"+at, strings.ReplaceAll(between(t, review.text, `<a href="`, `">Cancel`), "&amp;", "&"))
		sameList(t, tool, at, w.post("/users/tools/"+tool, "user", string(last.ID), "list", review.hidden(t, "list")))
		w.Clock.Advance(time.Hour)
	}
	refused := w.do(w.Boss.ID, http.MethodPost, "/admin/users/tools/role", values("role", "none", "user", string(last.ID), "list", "q=u%26a"))
	require.Equal(t, http.StatusNotFound, refused.Code)
	require.Contains(t, refused.text, `href="/admin/users?q=u%26a"`)
	require.Equal(t, "/users/"+string(last.ID), w.post("/users/tools/deactivate", "user", string(last.ID)), "from the page of the user back to that")
}

// What begins a run leads back to the list, too, with a link to the run.
func TestRunsThatListsBegin(t *testing.T) {
	w := newWorld(t)
	ann, ben := w.user("ann@acme.example"), w.user("ben@acme.example")
	d := w.device(ben.ID, "A1B2")
	follow := func(review, action string, fields ...string) string {
		page := w.get(review)
		did := w.do(w.Boss.ID, http.MethodPost, "/admin"+action, values(append(fields, "plan", page.hidden(t, "plan"), "list", page.hidden(t, "list"))...))
		require.Equal(t, http.StatusSeeOther, did.Code, plain(did.text))
		at := did.Header().Get("Location")
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
		require.NoError(t, err)
		r.AddCookie(did.Result().Cookies()[0])
		run := between(t, w.send(w.Boss.ID, r).text, `<a href="/admin`, `">Show its progress`)
		require.True(t, strings.HasPrefix(run, "/runs/"), run)
		w.get(run)
		return strings.TrimPrefix(at, "/admin")
	}
	list := "&list=" + url.QueryEscape("q=acme")
	require.Equal(t, "/security/devices?q=acme", follow("/security/devices/wipe?device="+string(d.ID)+list, "/security/devices/wipe"))
	require.Equal(t, "/users?q=acme", follow("/users/tools?tool=delete&user="+string(ann.ID)+list, "/users/tools/delete", "reason", "left"))
	w.work()
	w.Clock.Advance(100 * 24 * time.Hour)
	require.Equal(t, "/users/signins?q=acme", follow("/users/idle?for=90&unused=1"+list, "/users/idle"))
}

// The field that says where a list was can lead nowhere else.
func TestListsLeadNowhereElse(t *testing.T) {
	w := newWorld(t)
	for _, evil := range []string{"//evil.example", "https://evil.example/", `/\evil.example`, "\r\nSet-Cookie: a=b", "q=%0d%0aSet-Cookie:+a=b", "?x=1", "#x", "../../x",
		"@evil.example", "%zz=1&q=a", "q=" + strings.Repeat("a", 5000), "list=x", "q=a;b", "\xff\x00"} {
		at := w.post("/users/invitations", "list", evil)
		to, err := url.Parse("/admin" + at)
		require.NoError(t, err, "%q", evil)
		require.Equal(t, "/admin/users/invitations", to.Path, "%q", evil)
		require.Empty(t, to.Host+to.Scheme+to.Fragment, "%q", evil)
		require.NotContains(t, at, "\n", "%q", evil)
		require.Less(t, len(at), 3000, "%q", evil)
		refused := w.do(w.Boss.ID, http.MethodPost, "/admin/security/devices/disable", values("list", evil))
		require.Equal(t, http.StatusBadRequest, refused.Code)
		require.Regexp(t, `href="/admin/security/devices(\?[^"]*)?"`, refused.text, "%q", evil)
	}
}

// The members of a department are a list, too.
func TestDepartmentLeadsBackToItsMembers(t *testing.T) {
	w := newWorldOn(t, nil, chatadmin.ESChat)
	d, err := w.options.Provisioning.CreateDepartment(ctx, w.S, "Buses")
	require.NoError(t, err)
	w.department = d.Name
	var last chatadmin.User
	for i := range 60 {
		last = w.user(fmt.Sprintf("user%02d@acme.example", i))
	}
	at := w.second("/departments/" + string(d.ID))
	sameList(t, "department", at, w.post("/departments/"+string(d.ID)+"/admin", "user", string(last.ID), "admin", "1", "list", w.get(at).hidden(t, "list")))
}
