package portal_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/twofa"
)

// Groups are created, renamed, filled and emptied.
func TestGroups(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann@acme.example")
	require.Contains(t, plain(w.get("/groups").text), "All Of Us 2 Default Shipped")
	at := w.post("/groups/new", "name", "Chess")
	require.Contains(t, plain(w.get(at).text), "1 member · created by Bea Boss")
	taken := w.do(w.Boss.ID, "POST", "/admin/groups/new", values("name", "CHESS"))
	require.Equal(t, http.StatusConflict, taken.Code)
	require.Contains(t, taken.text, `value="CHESS"`)

	w.post(at+"/members", "login", "ANN@acme.example")
	require.Contains(t, w.get(at).text, "ann@acme.example")
	require.Equal(t, http.StatusNotFound, w.do(w.Boss.ID, "POST", "/admin"+at+"/members", values("login", "nobody@acme.example")).Code)
	w.post(at+"/members/admin", "user", string(ann.ID))
	require.Equal(t, 2, strings.Count(w.get(at).text, ">Group admin<"))
	w.post(at+"/members/member", "user", string(ann.ID))
	require.Equal(t, 1, strings.Count(w.get(at).text, ">Group admin<"))
	w.post(at+"/settings", "name", "Checkers", "posting", "admins")
	require.Contains(t, plain(w.get(at).text), "Checkers More Tools")
	require.Contains(t, plain(w.get("/groups?q=check").text), "Only admins post")
	w.post(at + "/archive")
	require.Contains(t, plain(w.get(at).text), "Archived")
	require.NotContains(t, w.get("/groups?q=heck").text, "Checkers", "archived ones are not among those in use")
	require.Contains(t, w.get("/groups?q=heck&show=archived").text, "Checkers")
	require.Contains(t, w.get("/groups?show=all").text, "Checkers")
	w.post(at + "/unarchive")
	require.Contains(t, w.get("/groups?q=heck").text, "Checkers")
	w.post(at+"/members/remove", "user", string(ann.ID))
	require.NotContains(t, w.get(at).text, "ann@acme.example")
	w.post(at + "/members/remove")
	require.NotContains(t, plain(w.get("/groups?default=1").text), "Checkers")
}

// Marking a group as default and deleting one show their plan and are runs.
func TestGroupPlans(t *testing.T) {
	w := newWorld(t)
	for i := range 3 {
		w.user(fmt.Sprintf("u%d@acme.example", i))
	}
	at := w.post("/groups/new", "name", "Chess")
	review := w.get(at + "/default")
	require.Contains(t, plain(review.text), "3 would be added")
	run := w.post(at+"/default", "plan", review.hidden(t, "plan"))
	w.work()
	require.Contains(t, plain(w.get(run).text), "Default group Done")
	require.Contains(t, plain(w.get(at).text), "4 members")
	require.NotContains(t, w.get(at).text, at+"/delete", "a default group cannot be deleted")
	require.Equal(t, http.StatusConflict, w.do(w.Boss.ID, "GET", "/admin"+at+"/delete", nil).Code)
	require.Equal(t, at, w.post(at+"/undefault"))

	review = w.get(at + "/delete")
	require.Contains(t, plain(review.text), "4 members")
	other := w.post("/groups/new", "name", "Other")
	require.Equal(t, http.StatusBadRequest, w.do(w.Boss.ID, "POST", "/admin"+other+"/delete", values("plan", review.hidden(t, "plan"))).Code, "the plan is about another group")
	run = w.post(at+"/delete", "plan", review.hidden(t, "plan"))
	w.work()
	require.Contains(t, plain(w.get(run).text), "Deletion of a group Done")
	require.Equal(t, http.StatusNotFound, w.do(w.Boss.ID, "GET", "/admin"+at, nil).Code)
}

// Devices are found, disabled, enabled and wiped.
func TestDevices(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann@acme.example")
	d := w.device(ann.ID, "A1B2")
	w.device(w.Boss.ID, "C3D4")
	find := func() string { return w.get("/security/devices?q=ann").text }
	require.NotContains(t, find(), "C3D4")
	require.Contains(t, plain(find()), "iOS Phone A1B2")
	require.Contains(t, find(), "Disable Access")
	w.post("/security/devices/disable", "device", string(d.ID))
	require.Contains(t, find(), "Enable Access")
	require.Contains(t, w.get("/security/devices?status=disabled").text, "A1B2")
	require.NotContains(t, w.get("/security/devices?type=mac").text, "A1B2")
	w.post("/security/devices/enable", "device", string(d.ID))

	review := w.get("/security/devices/wipe?device=" + string(d.ID))
	require.Contains(t, plain(review.text), "1 devices")
	run := w.post("/security/devices/wipe", "plan", review.hidden(t, "plan"))
	w.work()
	require.Contains(t, plain(w.get(run).text), "Wipe of devices Done")
	require.Contains(t, find(), "Wipe requested")
	require.Contains(t, w.get("/users/"+string(ann.ID)).text, "Wipe requested")
	refused := w.do(w.Boss.ID, "POST", "/admin/security/devices/enable", values("device", string(d.ID)))
	require.Equal(t, http.StatusConflict, refused.Code)
	w.post("/security/devices/cancel", "device", string(d.ID))
	w.post("/security/devices/remove", "device", string(d.ID))
	require.NotContains(t, find(), "A1B2")
	require.Equal(t, http.StatusBadRequest, w.do(w.Boss.ID, "POST", "/admin/security/devices/disable", nil).Code)
	require.Equal(t, http.StatusBadRequest, w.do(w.Boss.ID, "GET", "/admin/security/devices?status=x", nil).Code)
}

// The two-factor settings are planned, reviewed and put in force.
func TestBrowserAccess(t *testing.T) {
	w := newWorld(t)
	form := plain(w.get("/security/browser").text)
	for _, want := range []string{"Two factor authentication settings", "Enable 2FA token via email", "Enable 2FA token via Authenticator app", "Authentication validity period", "Save Settings"} {
		require.Contains(t, form, want)
	}
	review := w.get("/security/browser/review?mode=authenticator&days=30&recovery=1")
	require.Contains(t, plain(review.text), "30 days (before: 0 days)")
	w.post("/security/browser", "plan", review.hidden(t, "plan"))
	p, err := w.options.TwoFactor.Policy(ctx, w.S)
	require.NoError(t, err)
	require.Equal(t, twofa.Policy{Mode: twofa.Authenticator, Validity: 30 * 24 * time.Hour, Recovery: true}, p)
	require.Contains(t, w.get("/security/browser").text, `value="30"`)
	require.Contains(t, plain(w.get("/users/"+string(w.Boss.ID)).text), "Sets up an authenticator app")
	for _, bad := range []string{"mode=x&days=1", "mode=off&days=-1", "mode=off&days=91", "mode=off&days=", "mode=off&days=1e9", "days=3"} {
		require.Equal(t, http.StatusBadRequest, w.do(w.Boss.ID, "GET", "/admin/security/browser/review?"+bad, nil).Code, bad)
	}
	off := w.get("/security/browser/review?mode=off&days=0")
	w.post("/security/browser", "plan", off.hidden(t, "plan"))
	stale := w.do(w.Boss.ID, "POST", "/admin/security/browser", values("plan", review.hidden(t, "plan")))
	require.Equal(t, http.StatusConflict, stale.Code)
}

// Roles are defined, changed and deleted. One that exists is not overwritten by
// a new one of its name.
func TestRoles(t *testing.T) {
	w := newWorld(t)
	require.Contains(t, plain(w.get("/roles").text), "Domain admin Built in 100")
	w.post("/roles/save", "id", "", "name", "Help/desk", "level", "20", "permission", "users.read", "permission", "users.access")
	require.Contains(t, plain(w.get("/roles").text), "Help/desk 20 2 permissions")
	page := w.get("/roles/edit?id=help%2Fdesk")
	require.Contains(t, page.text, `value="users.read" checked`)
	require.NotContains(t, page.text, `value="users.edit" checked`)
	again := w.do(w.Boss.ID, "POST", "/admin/roles/save", values("id", "", "name", "HELP/desk", "level", "1"))
	require.Equal(t, http.StatusConflict, again.Code)
	w.post("/roles/save", "id", "help/desk", "name", "Help/desk", "level", "30", "permission", "users.read")
	require.Contains(t, plain(w.get("/roles").text), "Help/desk 30 1 permission")
	bad := w.do(w.Boss.ID, "POST", "/admin/roles/save", values("id", "", "name", "Other", "level", "nine"))
	require.Equal(t, http.StatusBadRequest, bad.Code)
	w.post("/roles/delete", "id", "help/desk")
	require.NotContains(t, w.get("/roles").text, "Help/desk")
	require.Equal(t, http.StatusNotFound, w.do(w.Boss.ID, "GET", "/admin/roles/edit?id=none", nil).Code)
	w.get("/roles/edit?id=admin")
	w.get("/roles/new")
}

// The audit log says who did what to whom, and is narrowed by each of its
// filters.
func TestAudit(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann@acme.example")
	w.post("/users/tools/deny", "user", string(ann.ID))
	w.post("/users/"+string(ann.ID)+"/edit", "title", "Head")
	page := plain(w.get("/audit").text)
	for _, want := range []string{"User edited", "Access denied", "User created", "Domain created", "The application", "title: → Head"} {
		require.Contains(t, page, want)
	}
	require.NotContains(t, plain(w.get("/audit?kind=group.").text), "User created Details")
	require.NotContains(t, w.get("/audit?target=ann@acme.example").text, "event.domain.create")
	require.Contains(t, plain(w.get("/audit?actor=boss@acme.example").text), "User edited")
	require.Contains(t, plain(w.get("/audit?to=2026-02-28").text), "No events are found.")
	require.Contains(t, plain(w.get("/audit?from=2026-03-01&to=2026-03-01").text), "User edited")
	require.Contains(t, plain(w.get("/audit?from=yesterday").text), "yesterday is not a date.")
	require.Contains(t, plain(w.get("/audit?kind=user.deny").text), "Access denied")
}

// A run of somebody who lost their right is taken over and goes on.
func TestRunTakenOver(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann@acme.example", func(n *chatadmin.NewUser) { n.Role = chatadmin.RoleAdmin })
	ben := w.user("ben@acme.example")
	plan, err := w.options.Deletions.Plan(ctx, w.Admin.As(w.Domain, ann.ID), []chatadmin.ID{ben.ID}, nil)
	require.NoError(t, err)
	run, err := w.options.Deletions.Apply(ctx, w.Admin.As(w.Domain, ann.ID).Detached(), plan, "left", nil)
	require.NoError(t, err)
	_, err = w.S.AssignRole(ctx, chatadmin.RoleMember, ann.ID)
	require.NoError(t, err)
	_, err = w.Admin.Work(ctx)
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
	at := "/runs/" + string(run.ID)
	page := w.get(at)
	require.Contains(t, page.text, "It could not continue")
	require.NotContains(t, page.text, at+"/resume")
	require.Equal(t, http.StatusForbidden, w.do(w.Boss.ID, "POST", "/admin"+at+"/resume", nil).Code, "it is not hers yet")
	require.Equal(t, http.StatusConflict, w.do(w.Boss.ID, "POST", "/admin"+at+"/cancel", nil).Code, "it has begun")
	require.Equal(t, at, w.post(at+"/takeover"))
	w.work()
	require.Contains(t, plain(w.get(at).text), "Deletion of users Done")
	require.Contains(t, plain(w.get("/runs").text), "Deletion of users Bea Boss")
	require.Contains(t, plain(w.get("/runs?state=running").text), "Nothing is running")
}

// A first password is set by the link of an invitation. Opening the link uses
// nothing up.
func TestActivation(t *testing.T) {
	w := newWorld(t)
	w.post("/users/invite", "login", "ann@acme.example", "kind", "network", "invite", "1")
	w.work()
	link := strings.Fields(w.Mail.To("ann@acme.example")[0].Text[strings.Index(w.Mail.To("ann@acme.example")[0].Text, "https://"):])[0]
	at := strings.TrimPrefix(link, "https://chat.example")
	for range 3 {
		page := w.do("", "GET", at, nil)
		require.Equal(t, http.StatusOK, page.Code)
		require.Contains(t, page.text, "ann@acme.example")
	}
	token := w.do("", "GET", at, nil).hidden(t, "token")
	for _, bad := range [][]string{{"password", "correct horse", "again", "other"}, {"password", "short", "again", "short"}} {
		a := w.do("", "POST", "/admin/activate", values(append(bad, "token", token)...))
		require.Equal(t, http.StatusBadRequest, a.Code)
		require.Contains(t, a.text, `role="alert"`)
	}
	done := w.do("", "POST", "/admin/activate", values("token", token, "password", "correct horse", "again", "correct horse"))
	require.Contains(t, plain(done.text), "Your account is active.")
	used := w.do("", "POST", "/admin/activate", values("token", token, "password", "another horse", "again", "another horse"))
	require.Equal(t, http.StatusNotFound, used.Code)
	require.Equal(t, http.StatusNotFound, w.do("", "GET", at, nil).Code)
	require.Equal(t, http.StatusBadRequest, w.do("", "GET", "/admin/activate?token=x", nil).Code)
}

// People sign in on the page of the portal, with an authenticator, and come
// back to the page that they wanted.
func TestSignIn(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.passwords.Set(ctx, w.Boss, "correct horse"))
	asked := w.do("", "GET", "/admin/users?q=ann", nil)
	require.Equal(t, "/admin/signin?next=%2Fadmin%2Fusers%3Fq%3Dann", asked.Header().Get("Location"))
	form := w.do("", "GET", asked.Header().Get("Location"), nil)
	require.Equal(t, "/admin/users?q=ann", form.hidden(t, "next"))
	wrong := w.do("", "POST", "/admin/signin", values("login", "boss@acme.example", "password", "wrong"))
	require.Equal(t, http.StatusUnauthorized, wrong.Code)
	unknown := w.do("", "POST", "/admin/signin", values("login", "boss@acme.exampl", "password", "wrong"))
	require.Equal(t, plain(wrong.text), plain(unknown.text), "nobody learns who exists")
	for next, want := range map[string]string{"/admin/users?q=ann": "/admin/users?q=ann", "//evil.example": "/admin/", "https://evil.example": "/admin/", `/\evil.example`: "/admin/", "": "/admin/"} {
		in := w.do("", "POST", "/admin/signin", values("login", "boss@acme.example", "password", "correct horse", "next", next))
		require.Equal(t, want, in.Header().Get("Location"))
	}
	require.Equal(t, w.Boss.ID, w.session)

	plan, err := w.options.TwoFactor.Plan(ctx, w.S, twofa.Policy{Mode: twofa.Authenticator})
	require.NoError(t, err)
	require.NoError(t, w.options.TwoFactor.Apply(ctx, w.S, plan))
	w.session = ""
	first := w.do("", "POST", "/admin/signin", values("login", "boss@acme.example", "password", "correct horse", "next", "/admin/runs"))
	require.Equal(t, "/admin/signin/code", first.Header().Get("Location"))
	jar := first.Result().Cookies()
	with := func(method, at string, fields ...string) answer {
		r, err := http.NewRequest(method, at, strings.NewReader(values(fields...).Encode()))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for _, c := range jar {
			r.AddCookie(c)
		}
		return w.send("", r)
	}
	page := with("GET", "/admin/signin/code")
	require.Contains(t, page.text, "data:image/png;base64,")
	require.Equal(t, page.text, with("GET", "/admin/signin/code").text, "reloading shows the same code")
	secret := between(t, page.text, "<code>", "</code>")
	require.Equal(t, http.StatusUnauthorized, with("POST", "/admin/signin/code", "code", "000000").Code)
	code, err := totp.GenerateCode(secret, w.Clock.Now())
	require.NoError(t, err)
	in := with("POST", "/admin/signin/code", "code", code)
	require.Equal(t, "/admin/runs", in.Header().Get("Location"))
	require.Equal(t, w.Boss.ID, w.session)
	require.Equal(t, "/admin/signin", w.do("", "GET", "/admin/signin/code", nil).Header().Get("Location"), "without a challenge")
}

// What is not given has no pages, and no entry in the menu.
func TestNotGiven(t *testing.T) {
	w := newWorld(t)
	w.options.Deletions, w.options.Devices, w.options.TwoFactor, w.options.Gate, w.options.Imports = nil, nil, nil, nil, nil
	w.options.SignIn, w.options.SetPassword, w.options.SignInURL = nil, nil, "/login"
	w.rebuild()
	page := w.get("/users").text
	for _, no := range []string{"Security", "Reset QR code", "Delete", "Unlock"} {
		require.NotContains(t, plain(page), no)
	}
	for _, path := range []string{"/security/devices", "/security/browser", "/imports", "/import", "/activate", "/signin", "/users/tools?tool=delete&user=" + string(w.Boss.ID)} {
		require.Equal(t, http.StatusNotFound, w.do(w.Boss.ID, "GET", "/admin"+path, nil).Code, path)
	}
	require.Equal(t, "/login?next=%2Fadmin%2Fusers", w.do("", "GET", "/admin/users", nil).Header().Get("Location"))
	w.get("/users/" + string(w.Boss.ID))
	require.NotContains(t, w.get("/users/invite").text, "Import Users")
}

// A member has no pages of others, and sees their own.
func TestMember(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann@acme.example")
	home := w.do(ann.ID, "GET", "/admin/", nil)
	require.Equal(t, "/admin/account", home.Header().Get("Location"))
	require.Contains(t, plain(w.do(ann.ID, "GET", "/admin/account", nil).text), "Your account Name ann@acme.example")
	require.Equal(t, http.StatusOK, w.do(ann.ID, "GET", "/admin/users/"+string(ann.ID), nil).Code)
	require.Equal(t, http.StatusForbidden, w.do(ann.ID, "GET", "/admin/users/"+string(w.Boss.ID), nil).Code)
	require.Equal(t, "/admin/users", w.do(w.Boss.ID, "GET", "/admin/", nil).Header().Get("Location"))
	_, err := w.S.DeactivateUsers(ctx, ann.ID)
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, w.do(ann.ID, "GET", "/admin/", nil).Code)
	w.failing = true
	require.Equal(t, http.StatusInternalServerError, w.do(ann.ID, "GET", "/admin/", nil).Code)
}

// Every answer has the headers that keep others out.
func TestHeaders(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/users", "/users/none", "/nothing", "/activate?token=x"} {
		h := w.do(w.Boss.ID, "GET", "/admin"+path, nil).Header()
		csp := h.Get("Content-Security-Policy")
		require.Contains(t, csp, "default-src 'none'")
		require.NotContains(t, csp, "unsafe")
		require.Equal(t, []string{"no-store", "nosniff", "no-referrer", "DENY"}, []string{h.Get("Cache-Control"), h.Get("X-Content-Type-Options"), h.Get("Referrer-Policy"), h.Get("X-Frame-Options")})
	}
	css := between(t, w.get("/users").text, `stylesheet" href="`, `">
<script`)
	a := w.do("", "GET", css, nil)
	require.Contains(t, a.Header().Get("Cache-Control"), "immutable")
	require.Equal(t, http.StatusNotFound, w.do("", "GET", strings.Replace(css, "/assets/", "/assets/0", 1), nil).Code)
	for _, bad := range []string{"/admin/assets/x", "/admin/assets/..%2fportal.go", "/admin/assets/portal.css"} {
		require.Equal(t, http.StatusNotFound, w.do("", "GET", bad, nil).Code)
	}
}

// A form on another site does nothing.
func TestForeignForm(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann@acme.example")
	for _, header := range [][2]string{{"Origin", "https://evil.example"}, {"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "null"}} {
		r, err := http.NewRequest(http.MethodPost, "https://chat.example/admin/users/tools/deny", strings.NewReader("user="+string(ann.ID)))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set(header[0], header[1])
		require.Equal(t, http.StatusForbidden, w.send(w.Boss.ID, r).Code, header)
	}
	u, err := w.S.User(ctx, ann.ID)
	require.NoError(t, err)
	require.False(t, u.Denied)
}

// The audit log goes on page by page, to its beginning.
func TestAuditPages(t *testing.T) {
	w := newWorld(t)
	for i := range 60 {
		w.user(fmt.Sprintf("u%d@acme.example", i))
	}
	page := w.get("/audit").text
	require.NotContains(t, page, "Domain created")
	next := w.get(strings.ReplaceAll(between(t, page, `<a href="/admin`, `" rel="next"`), "&amp;", "&"))
	require.Contains(t, next.text, "Domain created")
	require.NotContains(t, next.text, `rel="next"`)
}
