package portal_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/erase"
	"chatadmin.example/sdk/chatadmin/signin"
)

// The list shows users, searches, filters, and goes on page by page.
func TestUsers(t *testing.T) {
	w := newWorld(t)
	for i := range 60 {
		w.user(fmt.Sprintf("user%02d@acme.example", i), func(n *chatadmin.NewUser) { n.DisplayName = fmt.Sprintf("Zoe %02d", 59-i) })
	}
	guest := w.user("guest@else.example", func(n *chatadmin.NewUser) { n.Kind = chatadmin.Guest })
	page := w.get("/users")
	require.Contains(t, page.text, "boss@acme.example")
	require.Contains(t, page.text, "user10@acme.example")
	require.NotContains(t, page.text, "user59@acme.example")
	at := between(t, page.text, `<a href="/admin`, `" rel="next"`)
	second := w.get(strings.ReplaceAll(at, "&amp;", "&"))
	require.Contains(t, second.text, "user59@acme.example")
	require.NotContains(t, second.text, "boss@acme.example")
	require.Contains(t, second.text, `rel="first"`)

	require.NotContains(t, w.get("/users?q=USER07").text, "user08@")
	require.Contains(t, w.get("/users?q=USER07").text, "user07@")
	require.Contains(t, w.get("/users?q=ER07@ac").text, "user07@", "any part of it")
	require.Contains(t, w.get("/users?q=zoe+59&sort=name").text, "user00@")
	require.Regexp(t, `(?s)guest@else.*user59@.*user58@`, w.get("/users?sort=newest").text)
	_, err := w.S.DenyAccess(ctx, guest.ID)
	require.NoError(t, err)
	require.Contains(t, w.get("/users?status=denied").text, string(guest.ID))
	require.NotContains(t, w.get("/users?status=denied").text, "user07@")
	require.Contains(t, w.get("/users?kind=guest").text, string(guest.ID))
	require.NotContains(t, w.get("/users?kind=guest").text, "user07@")
	require.Contains(t, plain(w.get("/users?status=deactivated").text), "No users are found.")
	require.Contains(t, plain(w.get("/users?role=admin").text), "Bea Boss")
	for _, odd := range []string{"/users?status=%00", "/users?kind=x", "/users?role=x", "/users?q=%ff%00", "/users?sort=%22"} {
		w.get(odd)
	}
}

// lockOut fails to sign in, so often that it locks.
func (w *world) lockOut(login string) {
	w.T.Helper()
	for range 3 {
		_, err := w.options.Gate.SignIn(ctx, w.Domain, signin.Attempt{Login: login, Client: signin.Web}, func(context.Context, chatadmin.User) (bool, error) { return false, nil })
		require.NoError(w.T, err)
	}
}

// The list shows who is locked out of sign-in, page by page, in an order of its
// own. Without a gate nobody is, and there is no such filter.
func TestLockedUsers(t *testing.T) {
	w := newWorld(t)
	for i := range 60 {
		w.user(fmt.Sprintf("user%02d@acme.example", i))
	}
	w.user("free@acme.example")
	w.user("guest@else.example", func(n *chatadmin.NewUser) { n.Kind = chatadmin.Guest })
	require.Contains(t, plain(w.get("/users?status=locked").text), "No users are found.")
	w.lockOut("guest@else.example")
	for i := range 60 {
		w.Clock.Advance(time.Second)
		w.lockOut(fmt.Sprintf("user%02d@acme.example", i))
	}
	page := w.get("/users?status=locked")
	require.Contains(t, page.text, `<option value="locked" selected>`)
	require.Contains(t, page.text, "The order that is chosen above does not count here.")
	require.NotContains(t, w.get("/users").text, "does not count here")
	require.NotContains(t, page.text, "free@")
	require.Regexp(t, "(?s)user59@.*user58@.*user10@", page.text)
	require.NotContains(t, page.text, "user09@")
	second := w.get(strings.ReplaceAll(between(t, page.text, `<a href="/admin`, `" rel="next"`), "&amp;", "&"))
	require.Regexp(t, "(?s)user09@.*user00@.*guest@", second.text)
	require.NotContains(t, second.text, `rel="next"`)

	require.Contains(t, w.get("/users?status=locked&q=USER07").text, "user07@")
	require.NotContains(t, w.get("/users?status=locked&q=USER07").text, "user08@")
	require.Contains(t, w.get("/users?status=locked&kind=guest&role=member").text, "guest@else.example")
	require.NotContains(t, w.get("/users?status=locked&kind=guest").text, "user07@")
	require.Contains(t, plain(w.get("/users?status=locked&role=admin").text), "No users are found.")
	w.Clock.Advance(15*time.Minute - time.Second)
	require.NotContains(t, w.get("/users?status=locked").text, "user58@")
	require.Contains(t, w.get("/users?status=locked").text, "user59@")

	w.options.Gate, w.options.SignIn = nil, nil
	w.rebuild()
	require.NotContains(t, w.get("/users").text, `value="locked"`)
	w.get("/users?status=locked")
}

func between(t testing.TB, s, from, to string) string {
	t.Helper()
	before, _, ok := strings.Cut(s, to)
	i := strings.LastIndex(before, from)
	require.True(t, ok && i >= 0, "%s…%s in %s", from, to, plain(s))
	return before[i+len(from):]
}

// Who has not signed in is listed with their invitation, and invited anew if
// they have no working link.
func TestInvitations(t *testing.T) {
	w := newWorld(t)
	ann, ben := w.user("ann@acme.example"), w.user("ben@acme.example", func(n *chatadmin.NewUser) { n.NoInvitation = false })
	w.work()
	require.Contains(t, plain(w.get("/users/invitations").text), "ann@acme.example Not invited")
	require.Contains(t, plain(w.get("/users/invitations").text), "ben@acme.example Sent 20")
	require.NotContains(t, w.get("/users/invitations?state=none").text, "ben@")
	require.Contains(t, plain(w.get("/users/invitations?state=expired").text), "Nobody is waiting.")
	require.Equal(t, http.StatusBadRequest, w.do(w.Boss.ID, "GET", "/admin/users/invitations?state=x", nil).Code)
	w.post("/users/invitations", "user", string(ann.ID), "user", string(ben.ID))
	w.work()
	require.Len(t, w.Mail.To("ann@acme.example"), 1)
	require.Len(t, w.Mail.To("ben@acme.example"), 1, "the link before works")
	w.Clock.Advance(60 * 24 * time.Hour)
	require.Contains(t, plain(w.get("/users/invitations?state=expired").text), "ben@acme.example The link has expired")
	require.Equal(t, "/users/invitations", w.post("/users/invitations"))
	require.Equal(t, "/users/invitations", w.post("/users/invitations/revoke", "user", string(ann.ID), "user", string(ben.ID)))
	require.Contains(t, plain(w.get("/users/invitations").text), "ben@acme.example Not invited")
	reader := w.withRole("reader", 5, chatadmin.PermUsersRead)
	require.NotContains(t, w.do(reader.ID, "GET", "/admin/users/invitations", nil).text, `name="user"`)
}

// Names that are markup, run from right to left or are long are shown as they
// are.
func TestOddNames(t *testing.T) {
	w := newWorld(t)
	for i, name := range []string{`<script>alert(1)</script>`, `" onload="alert(1)`, "שלום עולם", strings.Repeat("W", 250), "👩‍👧 Ω'", "{{.Me}}", "%s%d"} {
		u := w.user(fmt.Sprintf("odd%d@acme.example", i), func(n *chatadmin.NewUser) { n.DisplayName, n.Title = name, name })
		for _, path := range []string{"/users?q=odd", "/users/" + string(u.ID), "/users/" + string(u.ID) + "/edit", "/users/tools?tool=delete&user=" + string(u.ID)} {
			page := w.get(path).text
			require.NotContains(t, page, "<script>alert")
			require.NotContains(t, page, `" onload="`)
			require.NotContains(t, page, "%!")
			require.NotContains(t, page, "ZgotmplZ")
		}
	}
}

// Every tool is reviewed first, and does what the library does.
func TestTools(t *testing.T) {
	w := newWorld(t)
	ann, ben := w.user("ann@acme.example"), w.user("ben@acme.example")
	use := func(tool string, more ...string) string {
		t.Helper()
		review := w.get("/users/tools?tool=" + tool + "&user=" + string(ann.ID) + "&user=" + string(ben.ID) + "&user=" + string(ann.ID))
		require.Equal(t, 1, strings.Count(review.text, `value="`+string(ann.ID)+`"`), "%s", review.text)
		to := w.post("/users/tools/"+tool, append(more, "user", string(ann.ID), "user", string(ben.ID))...)
		require.Equal(t, "/users", to)
		return tool
	}
	now := func() chatadmin.User {
		u, err := w.S.User(ctx, ann.ID)
		require.NoError(t, err)
		return u
	}
	use("deactivate")
	require.Equal(t, chatadmin.Deactivated, now().Status)
	use("activate")
	require.Equal(t, chatadmin.Pending, now().Status)
	use("deny")
	require.True(t, now().Denied)
	use("grant")
	require.False(t, now().Denied)
	use("reset")
	use("resend")
	w.work()
	require.Len(t, w.Mail.To("ann@acme.example"), 1)
	again := w.do(w.Boss.ID, http.MethodPost, "/admin/users/tools/resend", values("user", string(ann.ID)))
	require.Equal(t, http.StatusTooManyRequests, again.Code)
	use("role", "role", chatadmin.RoleAdmin)
	require.True(t, now().Admin)

	w.lockOut(ann.Login)
	const locked = `<span class="badge bad">Locked</span>`
	require.Contains(t, w.get("/users").text, locked)
	require.Contains(t, w.get("/users/"+string(ann.ID)).text, locked)
	use("unlock")
	use("signout")
	require.NotContains(t, w.get("/users").text, locked)

	require.Equal(t, "/users", w.post("/users/tools/deactivate"))
	require.Equal(t, http.StatusSeeOther, w.do(w.Boss.ID, "GET", "/admin/users/tools?tool=deactivate", nil).Code)
	require.Equal(t, http.StatusNotFound, w.do(w.Boss.ID, "GET", "/admin/users/tools?tool=explode&user="+string(ann.ID), nil).Code)
}

// What an action has done is told once, by the page after it.
func TestNotice(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann@acme.example")
	did := w.do(w.Boss.ID, http.MethodPost, "/admin/users/tools/deactivate", values("user", string(ann.ID)))
	cookie := did.Result().Cookies()[0]
	require.True(t, cookie.HttpOnly && cookie.Secure && cookie.SameSite == http.SameSiteLaxMode && cookie.Path == "/admin/")
	r, err := http.NewRequest(http.MethodGet, "/admin/users", nil)
	require.NoError(t, err)
	r.AddCookie(cookie)
	next := w.send(w.Boss.ID, r)
	require.Contains(t, plain(next.text), "1 user was deactivated.")
	require.Equal(t, -1, next.Result().Cookies()[0].MaxAge)
	for _, forged := range []string{"", "e30", "bm9uc2Vuc2U", "eyJrIjoiPHNjcmlwdD4ifQ", strings.Repeat("A", 5000)} {
		r.Header.Set("Cookie", "portal_notice="+forged)
		page := w.send(w.Boss.ID, r)
		require.Equal(t, http.StatusOK, page.Code)
		require.NotContains(t, page.text, `role="status"`)
	}
}

// A deletion is planned, confirmed with a reason, and carried out by the
// worker. Its page has the receipt.
func TestDelete(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann@acme.example")
	g, err := w.Admin.As(w.Domain, ann.ID).CreateGroup(ctx, "Chess")
	require.NoError(t, err)
	review := w.get("/users/tools?tool=delete&user=" + string(ann.ID))
	require.Contains(t, plain(review.text), "Chess (1 member)")
	plan := review.hidden(t, "plan")

	short := w.do(w.Boss.ID, http.MethodPost, "/admin/users/tools/delete", values("plan", plan))
	require.Equal(t, http.StatusBadRequest, short.Code)
	run := w.post("/users/tools/delete", "plan", plan, "reason", "left the company")
	require.True(t, strings.HasPrefix(run, "/runs/"))
	require.Contains(t, plain(w.get(run).text), "Running")
	_, err = w.S.Group(ctx, g.ID)
	require.ErrorIs(t, err, chatadmin.ErrNotFound, "gone at once")
	w.work()
	done := plain(w.get(run).text)
	require.Contains(t, done, "Done")
	require.Contains(t, done, "1 groups")
	require.Equal(t, http.StatusNotFound, w.do(w.Boss.ID, "GET", "/admin/users/"+string(ann.ID), nil).Code)

	again := w.do(w.Boss.ID, http.MethodPost, "/admin/users/tools/delete", values("plan", plan, "reason", "again"))
	require.GreaterOrEqual(t, again.Code, 400)
	for _, bad := range []string{"", "null", "{}", "[]", "{", `{"users":[{"id":"x"}]}`} {
		a := w.do(w.Boss.ID, http.MethodPost, "/admin/users/tools/delete", values("plan", bad, "reason", "r"))
		require.Contains(t, []int{400, 404}, a.Code, "%q", bad)
	}

	self := w.get("/users/tools?tool=delete&user=" + string(w.Boss.ID))
	require.Contains(t, plain(self.text), "This stands in the way")
	require.NotContains(t, self.text, `name="reason"`)
}

// The page of a user says when they will be deleted, if that is scheduled.
func TestScheduledDeletion(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.options.Deletions.SetPolicy(ctx, w.S, erase.Policy{GraceDays: 10}))
	ann, ben := w.user("ann@acme.example"), w.user("ben@acme.example")
	review := w.get("/users/tools?tool=delete&user=" + string(ann.ID))
	w.post("/users/tools/delete", "plan", review.hidden(t, "plan"), "reason", "left")
	require.Contains(t, plain(w.get("/users/"+string(ann.ID)).text), "Will be deleted "+w.Clock.Now().Add(10*24*time.Hour).Format("2006-01-02 15:04")+" UTC")
	require.NotContains(t, w.get("/users/"+string(ben.ID)).text, "Will be deleted")
}

// Groups are handed over to a person who is named by login.
func TestDeleteHandsOver(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann@acme.example")
	g, err := w.Admin.As(w.Domain, ann.ID).CreateGroup(ctx, "Chess")
	require.NoError(t, err)
	at := "/users/tools?tool=delete&user=" + string(ann.ID) + "&transfer="
	require.Contains(t, plain(w.get(at+"nobody@acme.example").text), "Nobody has the login nobody@acme.example.")
	review := w.get(at + "boss@acme.example")
	require.Contains(t, plain(review.text), "Groups that would be handed over Chess")
	w.post("/users/tools/delete", "plan", review.hidden(t, "plan"), "reason", "left")
	w.work()
	kept, err := w.S.Group(ctx, g.ID)
	require.NoError(t, err)
	require.Equal(t, w.Boss.ID, kept.Creator)
}

// Users are created and edited by the rules of the domain, and all wrong fields
// are told at once.
func TestUserForms(t *testing.T) {
	w := newWorld(t)
	bad := w.do(w.Boss.ID, http.MethodPost, "/admin/users/invite", values("login", "no address", "kind", "network", "manager", "nobody@acme.example"))
	require.Equal(t, http.StatusBadRequest, bad.Code)
	require.Contains(t, bad.text, "Nobody has this login.")
	bad = w.do(w.Boss.ID, http.MethodPost, "/admin/users/invite", values("login", "no address", "kind", "network", "title", strings.Repeat("x", 300)))
	require.Contains(t, plain(bad.text), "2 fields need your attention.")
	require.Equal(t, 2, strings.Count(bad.text, `aria-invalid="true"`))

	at := w.post("/users/invite", "login", "ann@acme.example", "first_name", "Ann", "last_name", "Lee", "kind", "network", "invite", "1", "manager", "boss@acme.example", "role", "member")
	page := plain(w.get(at).text)
	for _, want := range []string{"Ann Lee", "ann@acme.example", "Bea Boss", "Waiting to be sent", "All Of Us"} {
		require.Contains(t, page, want)
	}
	w.work()
	require.Contains(t, plain(w.get(at).text), "Invitation Sent")
	taken := w.do(w.Boss.ID, http.MethodPost, "/admin/users/invite", values("login", "ANN@acme.example", "kind", "network"))
	require.Equal(t, http.StatusConflict, taken.Code)
	require.Contains(t, taken.text, `aria-invalid="true"`)

	form := w.get(at + "/edit")
	require.Contains(t, form.text, `value="boss@acme.example"`)
	require.Equal(t, at, w.post(at+"/edit", "login", "ann@acme.example", "first_name", "Anna", "last_name", "Lee", "display_name", "", "title", "Head", "kind", "guest", "manager", ""))
	page = plain(w.get(at).text)
	require.Contains(t, page, "Anna Lee")
	require.Contains(t, page, "Head")
	require.Contains(t, page, "Guest")
	require.NotContains(t, page, "Bea Boss Role")
	wrong := w.do(w.Boss.ID, http.MethodPost, "/admin"+at+"/edit", values("login", "x"))
	require.Equal(t, http.StatusBadRequest, wrong.Code)
	require.Contains(t, wrong.text, `value="x"`)
	same := w.do(w.Boss.ID, http.MethodPost, "/admin"+at+"/edit", values("manager", "ann@acme.example"))
	require.Equal(t, http.StatusBadRequest, same.Code)
}

// The forms of the other presets have what these want.
func TestFormsOfPresets(t *testing.T) {
	for preset, want := range map[chatadmin.Preset][]string{
		chatadmin.ESChat: {`name="login"`, `name="email"`},
		chatadmin.Engage: {`name="login"`, `name="email"`, "cannot be changed once it is saved"},
	} {
		w := newWorld(t)
		_, boss, err := w.Admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Other", Preset: preset, Admin: chatadmin.NewUser{
			Login: "Bea.Boss", Email: "bea@other.example", FirstName: "Bea", LastName: "Boss", NoInvitation: true}})
		require.NoError(t, err)
		w.Domain = boss.Domain
		page := w.do(boss.ID, "GET", "/admin/users/invite", nil)
		for _, s := range want {
			require.Contains(t, page.text, s, preset)
		}
		edit := w.do(boss.ID, "GET", "/admin/users/"+string(boss.ID)+"/edit", nil)
		require.Equal(t, preset != chatadmin.Engage, strings.Contains(edit.text, `name="login"`))
	}
}

// The list is downloaded as CSV.
func TestDownload(t *testing.T) {
	w := newWorld(t)
	a := w.get("/users/download")
	require.Contains(t, a.Header().Get("Content-Disposition"), "users.csv")
	require.Contains(t, a.text, "boss@acme.example")
	require.Contains(t, w.get("/users/download?format=import").text, "email/login")
}
