package portal_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/compliance"
	"chatadmin.example/sdk/chatadmin/portal"
	"chatadmin.example/sdk/chatadmin/provisioning"
	"chatadmin.example/sdk/chatadmin/support"
	"chatadmin.example/sdk/twofa"
)

// target is what the actions of the matrix are about.
type target struct {
	user, group, device, run, upload, department, report, field, hold, agreement string
	plan                                                                         map[string]string // by pattern
}

// target makes something for each action, in the domain of the boss.
func (w *world) target() target {
	w.T.Helper()
	w.targets++
	n := w.targets
	var dept provisioning.Department
	if w.preset == chatadmin.ESChat {
		var err error
		dept, err = w.options.Provisioning.CreateDepartment(ctx, w.S, fmt.Sprintf("Target %d", n))
		require.NoError(w.T, err)
		w.department = dept.Name
	}
	ann := w.user(fmt.Sprintf("target%d@acme.example", n))
	group := strings.TrimPrefix(w.post("/groups/new", "name", fmt.Sprintf("Target %d", n)), "/groups/")
	w.post("/groups/"+group+"/members", "login", ann.Login)
	on := target{user: string(ann.ID), group: group, plan: map[string]string{}}
	if w.preset != chatadmin.ESChat { // where a device activates its user
		on.device = string(w.device(ann.ID, fmt.Sprintf("T%d", n)).ID)
	}
	require.NoError(w.T, w.options.Integrations.EnableService(ctx, w.S, "slack", nil))
	require.NoError(w.T, w.options.Integrations.EnableService(ctx, w.S, "afas", []byte(`{"environment": "12345"}`)))
	w.post("/groups/" + group + "/integrations/slack/enable")
	w.post("/account/integrations/afas/enable")
	on.field = fmt.Sprintf("Field %d", n)
	w.post("/fields", "name", on.field, "kind", "text")
	w.work()
	on.plan["POST /fields/remove"] = w.get("/fields/remove?name="+url.QueryEscape(on.field)).hidden(w.T, "plan")
	on.report = string(w.report(ann.ID).ID)
	h, err := w.S.AddHold(ctx, chatadmin.Hold{User: w.user(fmt.Sprintf("held%d@acme.example", n)).ID, Reason: "a case"})
	require.NoError(w.T, err)
	on.hold = string(h.ID)
	if w.agreement == "" {
		a, err := w.options.Agreements.Request(ctx, w.S, compliance.Form{NewDomain: "Acme Health", AdminEmail: "boss@acme.example", Acknowledge: "Yes"})
		require.NoError(w.T, err)
		w.agreement = string(a.ID)
	}
	on.agreement = w.agreement
	require.NoError(w.T, w.options.Retention.SetDays(ctx, w.S, 90))
	on.plan["POST /compliance/retention/run"] = w.get("/compliance/retention/review?days=90").hidden(w.T, "plan")
	switch w.preset {
	case chatadmin.Engage:
		return on
	case chatadmin.ESChat:
		on.department = string(dept.ID)
		on.plan["POST /departments/{id}/empty"] = w.get("/departments/"+on.department+"/empty").hidden(w.T, "plan")
		return on
	}
	on.upload = strings.TrimPrefix(w.uploaded(people), "/imports/")
	on.plan["POST /users/tools/delete"] = w.get("/users/tools?tool=delete&user="+on.user).hidden(w.T, "plan")
	on.plan["POST /groups/{id}/default"] = w.get("/groups/"+group+"/default").hidden(w.T, "plan")
	on.plan["POST /groups/{id}/delete"] = w.get("/groups/"+group+"/delete").hidden(w.T, "plan")
	on.plan["POST /security/devices/wipe"] = w.get("/security/devices/wipe?device="+on.device).hidden(w.T, "plan")
	on.plan["POST /security/browser"] = w.get("/security/browser/review?mode=off&days=1").hidden(w.T, "plan")
	on.plan["POST /imports/{id}/start"] = w.get("/imports/"+on.upload).hidden(w.T, "plan")
	plan, err := w.options.Deletions.Plan(ctx, w.S, []chatadmin.ID{w.user(fmt.Sprintf("gone%d@acme.example", n)).ID}, nil)
	require.NoError(w.T, err)
	run, err := w.options.Deletions.Apply(ctx, w.S.Detached(), plan, "left", nil)
	require.NoError(w.T, err)
	on.run = string(run.ID)
	return on
}

// report is a problem report of a user, which was sent.
func (w *world) report(user chatadmin.ID) support.Report {
	w.T.Helper()
	b, err := w.options.Support.Prepare(ctx, w.S, support.Draft{Platform: support.IOS, User: user, From: "ann@acme.example", Description: "It hangs.", Ticket: "T-1",
		Logs: []support.Log{{Name: "client.log", Open: func() (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader("password=hunter2\nstarted\n")), nil
		}}}})
	require.NoError(w.T, err)
	r, err := w.options.Support.Send(ctx, w.S, b)
	require.NoError(w.T, err)
	w.work()
	return r
}

// request makes the request of a route about a target.
func (on target) request(pattern string) (method, path string, form url.Values) {
	method, path, _ = strings.Cut(pattern, " ")
	id := on.user
	switch {
	case strings.HasPrefix(path, "/groups/"):
		id = on.group
	case strings.HasPrefix(path, "/runs/"):
		id = on.run
	case strings.HasPrefix(path, "/imports/"):
		id = on.upload
	case strings.HasPrefix(path, "/departments/"):
		id = on.department
	case strings.HasPrefix(path, "/support/"):
		id = on.report
	case strings.HasPrefix(path, "/compliance/"):
		id = on.agreement
	}
	service := "slack"
	if strings.HasPrefix(path, "/account/") {
		service = "afas"
	}
	path = strings.NewReplacer("{id}", id, "{service}", service, "{$}", "").Replace(path)
	fields := values("user", on.user, "device", on.device, "plan", on.plan[pattern], "reason", "left", "role", chatadmin.RoleAdmin, "name", "Another "+on.group,
		"posting", "admins", "login", "new@acme.example", "kind", "network", "id", "help", "level", "1", "title", "Head", "token", "x",
		"environment", "1", "platform", "ios", "state", "in_work", "message", "none",
		"days", "90", "hold", on.hold, "step", "cancel")
	switch pattern {
	case "POST /support/levels":
		fields.Set("level", "debug")
	case "POST /fields":
		fields.Set("kind", "text")
	case "POST /compliance/holds":
		fields.Del("group")
	case "POST /compliance/baa":
		fields.Set("new_domain", "Acme Health")
		fields.Set("admin_email", "boss@acme.example")
		fields.Set("acknowledge", "Yes")
		fields.Set("seats", "50")
	}
	if strings.HasSuffix(pattern, "/members") {
		fields.Set("login", "boss@acme.example")
	}
	if strings.HasSuffix(pattern, "/edit") {
		fields.Del("login")
	}
	if method == http.MethodGet {
		q := url.Values{"user": {on.user}, "device": {on.device}, "tool": {"deny"}, "mode": {string(twofa.Off)}, "days": {"90"}, "for": {"90"}, "id": {"member"}, "token": {"x"}, "name": {on.field}}
		return method, "/admin" + path + "?" + q.Encode(), nil
	}
	return method, "/admin" + path, fields
}

// needs is the permission that the library asks for, where the route does not
// say it itself: those that a group's admin, the user or the owner of a run
// have as well.
var needs = map[string]chatadmin.Permission{
	"POST /groups/{id}/settings":       chatadmin.PermGroups,
	"POST /groups/{id}/members":        chatadmin.PermGroups,
	"POST /groups/{id}/members/remove": chatadmin.PermGroups,
	"POST /groups/{id}/members/admin":  chatadmin.PermGroups,
	"POST /groups/{id}/members/member": chatadmin.PermGroups,
	"GET /groups/{id}":                 chatadmin.PermUsersRead,
	"GET /groups/{id}/delete":          chatadmin.PermGroups,
	"POST /groups/{id}/delete":         chatadmin.PermGroups,
	"GET /users/invite":                chatadmin.PermUsersCreate,
	"POST /users/invite":               chatadmin.PermUsersCreate,
	"GET /users/{id}/edit":             chatadmin.PermUsersEdit,
	"POST /users/{id}/edit":            chatadmin.PermUsersEdit,
	"GET /users/{id}":                  chatadmin.PermUsersRead,
	"GET /runs/{id}":                   chatadmin.PermUsersDelete,
	"POST /runs/{id}/resume":           chatadmin.PermUsersDelete,
	"POST /runs/{id}/takeover":         chatadmin.PermUsersDelete,
	"POST /runs/{id}/cancel":           chatadmin.PermUsersDelete,
	"GET /groups/{id}/integrations":    chatadmin.PermGroups,
	"POST /groups/{id}/archive":        chatadmin.PermGroups,
	"POST /groups/{id}/unarchive":      chatadmin.PermGroups,
	"GET /support/reports/{id}":        chatadmin.PermSupport,
	"GET /users/{id}/contacts":         chatadmin.PermUsersRead,
}

func init() {
	for _, action := range []string{"", "/enable", "/connect", "/save", "/disconnect", "/retry", "/discard"} {
		method := "POST "
		if action == "" {
			method = "GET "
		}
		needs[method+"/groups/{id}/integrations/{service}"+action] = chatadmin.PermGroups
	}
}

// of is the preset of the domains in which a page is.
func of(pattern string) chatadmin.Preset {
	switch {
	case strings.Contains(pattern, "/departments"), strings.HasSuffix(pattern, "/contacts"), strings.HasSuffix(pattern, "/activation"):
		return chatadmin.ESChat
	case strings.HasSuffix(pattern, " /preferences"):
		return chatadmin.Engage
	}
	return chatadmin.OfficeChat
}

// free are pages for everybody who is signed in: they show what the reader may
// see.
var free = []string{"GET /{$}", "GET /runs", "GET /account"}

// Every page and action is made by an actor with each single permission and by
// others, and is refused without a trace to everybody who lacks the right one.
// Nothing is done by GET.
func TestMatrix(t *testing.T) {
	for _, preset := range []chatadmin.Preset{chatadmin.OfficeChat, chatadmin.ESChat, chatadmin.Engage} {
		t.Run(string(preset), func(t *testing.T) { matrix(t, newWorldOn(t, nil, preset)) })
	}
}

func matrix(t *testing.T, w *world) {
	actors := map[string]chatadmin.ID{"nobody": ""}
	has := map[string]chatadmin.Permission{}
	for _, p := range chatadmin.Permissions() {
		name := "only " + string(p)
		actors[name], has[name] = w.withRole(strings.ReplaceAll(string(p), ".", "-"), 50, p).ID, p
	}
	member, guest := w.user("member@acme.example"), w.user("guest@else.example", func(n *chatadmin.NewUser) { n.Kind = chatadmin.Guest })
	out := w.user("out@acme.example", func(n *chatadmin.NewUser) { n.Role = chatadmin.RoleAdmin })
	denied := w.user("denied@acme.example", func(n *chatadmin.NewUser) { n.Role = chatadmin.RoleAdmin })
	actors["member"], actors["guest"], actors["deactivated admin"], actors["denied admin"] = member.ID, guest.ID, out.ID, denied.ID
	actors["stranger"] = "01a22ad9-0000-7000-8000-000000000000"
	has["member"] = chatadmin.PermGroupCreate
	_, err := w.S.DeactivateUsers(ctx, out.ID)
	require.NoError(t, err)
	_, err = w.S.DenyAccess(ctx, denied.ID)
	require.NoError(t, err)
	on := w.target()

	events := func() int {
		n := 0
		for _, err := range w.S.Events(ctx, chatadmin.EventQuery{}) {
			require.NoError(t, err)
			n++
		}
		return n
	}
	for _, r := range portal.Routes(w.portal) {
		method, path, form := on.request(r.Pattern)
		if r.Open || r.Staff || of(r.Pattern) != w.preset {
			continue // for people who are not signed in, or of another product
		}
		need := r.Need
		if need == "" {
			need = needs[r.Pattern]
		}
		for name, actor := range actors {
			before := events()
			a := w.do(actor, method, path, form)
			switch {
			case name == "nobody" && method == http.MethodGet:
				require.Equal(t, http.StatusSeeOther, a.Code, "%s by %s", r.Pattern, name)
			case name == "nobody", name == "deactivated admin", name == "denied admin", name == "stranger":
				require.Equal(t, http.StatusUnauthorized, a.Code, "%s by %s", r.Pattern, name)
			case need == "" && contains(free, r.Pattern):
				require.Less(t, a.Code, 400, "%s by %s", r.Pattern, name)
			case need == "" && strings.Contains(r.Pattern, " /account/"):
				own(t, a, r.Pattern+" by "+name)
				continue
			case need == "":
				t.Errorf("%s: the matrix does not know who may", r.Pattern)
			case has[name] != need:
				refusal := http.StatusForbidden
				switch {
				case r.Pattern == "POST /groups/{id}/delete": // the plan is the boss's
					refusal = http.StatusBadRequest
				case strings.HasSuffix(r.Pattern, "{service}/retry"), strings.HasSuffix(r.Pattern, "{service}/discard"): // there is no such message
					refusal = http.StatusNotFound
				}
				require.Equal(t, refusal, a.Code, "%s by %s: %s", r.Pattern, name, plain(a.text))
			}
			if has[name] != need || method == http.MethodGet {
				require.Equal(t, before, events(), "%s by %s left a trace", r.Pattern, name)
			}
		}
	}
}

// Whoever has all permissions can use every page and every action.
func TestEverythingWorks(t *testing.T) {
	for _, preset := range []chatadmin.Preset{chatadmin.OfficeChat, chatadmin.ESChat, chatadmin.Engage} {
		t.Run(string(preset), func(t *testing.T) { everything(t, newWorldOn(t, nil, preset)) })
	}
}

// elsewhere are actions with tests of their own: they need a provider, or an
// authenticator.
var elsewhere = []string{"/connect", "/save", "/retry", "/discard", "/recovery"}

func everything(t *testing.T, w *world) {
	for _, r := range portal.Routes(w.portal) {
		if r.Staff || of(r.Pattern) != w.preset || slices.ContainsFunc(elsewhere, func(action string) bool {
			return strings.HasSuffix(r.Pattern, action) && strings.Contains(r.Pattern, "POST")
		}) {
			continue
		}
		if r.Open || strings.HasPrefix(r.Pattern, "GET /import") && !strings.Contains(r.Pattern, "imports") || r.Pattern == "POST /import" || r.Pattern == "POST /imports" {
			continue // links of mails, and uploads, have tests of their own
		}
		if _, err := w.S.CreateRole(ctx, chatadmin.Role{Name: "help", Level: 1}); !errors.Is(err, chatadmin.ErrExists) { // it may be deleted below
			require.NoError(t, err)
		}
		on := w.target()
		switch r.Pattern {
		case "GET /imports/{id}/result", "POST /imports/{id}/invite":
			w.work() // the deletion changes the domain
			w.post("/imports/" + on.upload + "/plan")
			w.start("/imports/" + on.upload)
			w.work()
			require.Contains(t, plain(w.get("/imports/"+on.upload).text), "The import is done.")
		case "POST /users/idle":
			w.Clock.Advance(100 * 24 * time.Hour)
			on.plan[r.Pattern] = w.get("/users/idle?for=90&unused=1").hidden(t, "plan")
		case "POST /support/reports/{id}/state":
			w.post("/support/reports/" + on.report + "/acknowledge")
		case "POST /departments/{id}/delete":
			w.post("/departments/"+on.department+"/empty", "plan", on.plan["POST /departments/{id}/empty"])
			w.work()
		case "POST /users/{id}/activation":
			w.Clock.Advance(time.Hour)
		case "POST /runs/{id}/cancel": // only what is scheduled is cancelled
			continue
		case "POST /groups/{id}/undefault":
			w.post("/groups/"+on.group+"/default", "plan", on.plan["POST /groups/{id}/default"])
			w.work()
		case "POST /security/devices/cancel":
			w.post("/security/devices/wipe", "plan", on.plan["POST /security/devices/wipe"])
			w.work()
		}
		method, path, form := on.request(r.Pattern)
		a := w.do(w.Boss.ID, method, path, form)
		require.Less(t, a.Code, 400, "%s: %s", r.Pattern, plain(a.text))
		require.NotContains(t, a.text, "%!", r.Pattern)
		if r.Pattern != "POST /fields/remove" { // there may be 32
			w.post("/fields/remove", "plan", on.plan["POST /fields/remove"])
		}
		if strings.HasPrefix(r.Pattern, "POST /compliance/baa/") {
			w.agreement = "" // it is cancelled
		}
		w.work()
		w.do(w.Boss.ID, http.MethodPost, "/admin/imports/"+on.upload+"/discard", nil) // there may be 20 at a time
	}
}

// An ID of another domain gives what an ID gives that does not exist, in every
// parameter of every page and action.
func TestOtherDomain(t *testing.T) {
	w := newWorld(t)
	theirs := w.target()
	other, boss, err := w.Admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Other", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example", NoInvitation: true}})
	require.NoError(t, err)
	none := theirs
	none.plan = map[string]string{}
	for _, id := range []*string{&none.user, &none.group, &none.device, &none.run, &none.upload, &none.report, &none.agreement} {
		*id = "01a22ad9-0000-7000-8000-" + (*id)[len(*id)-12:]
	}
	for pattern, plan := range theirs.plan {
		none.plan[pattern] = strings.NewReplacer(theirs.user, none.user, theirs.group, none.group, theirs.device, none.device).Replace(plan)
	}
	mine := w.Domain
	w.Domain = other.ID // of the session
	for _, r := range portal.Routes(w.portal) {
		if r.Open || r.Staff || !strings.Contains(r.Pattern, "{id}") && !strings.Contains(r.Pattern, "tools") && !strings.Contains(r.Pattern, "devices") {
			continue
		}
		method, path, form := theirs.request(r.Pattern)
		_, nonePath, noneForm := none.request(r.Pattern)
		a, b := w.do(boss.ID, method, path, form), w.do(boss.ID, method, nonePath, noneForm)
		require.Equal(t, b.Code, a.Code, r.Pattern)
		hide := func(s string) string {
			return strings.NewReplacer(theirs.user, "ID", theirs.group, "ID", theirs.device, "ID", theirs.run, "ID", theirs.upload, "ID", theirs.report, "ID", none.report, "ID", theirs.agreement, "ID", none.agreement, "ID",
				none.user, "ID", none.group, "ID", none.device, "ID", none.run, "ID", none.upload, "ID").Replace(s)
		}
		if form.Get("plan") == "" {
			require.Equal(t, hide(b.text), hide(a.text), r.Pattern)
		}
		require.NotContains(t, a.text, "Target", r.Pattern)
		if method == http.MethodPost {
			require.GreaterOrEqual(t, a.Code, 300, r.Pattern)
		}
	}
	w.Domain = mine
	u, err := w.S.User(ctx, chatadmin.ID(theirs.user))
	require.NoError(t, err)
	require.Equal(t, []any{chatadmin.Pending, false, false}, []any{u.Status, u.Denied, u.Admin})
	require.Contains(t, plain(w.get("/groups/"+theirs.group).text), "2 members")
}

// own looks at an answer to what everybody may do with their own account: it is
// refused for its input at most.
func own(t *testing.T, a answer, what string) {
	t.Helper()
	require.NotContains(t, []int{http.StatusForbidden, http.StatusUnauthorized}, a.Code, what)
	require.Less(t, a.Code, http.StatusInternalServerError, what)
}

func contains(all []string, s string) bool {
	for _, one := range all {
		if one == s {
			return true
		}
	}
	return false
}

// An admin of a group administers it without any permission, and nothing else.
func TestGroupAdmin(t *testing.T) {
	w := newWorld(t)
	ann := w.withRole("reader", 5, chatadmin.PermUsersRead)
	at := w.post("/groups/new", "name", "Chess")
	w.post(at+"/members", "login", ann.Login)
	chess := chatadmin.ID(strings.TrimPrefix(at, "/groups/"))
	member := w.user("member@acme.example", func(n *chatadmin.NewUser) { n.DisplayName = "Mia Member" })
	_, err := w.S.AddMembers(ctx, chess, member.ID)
	require.NoError(t, err)
	seen := w.do(member.ID, "GET", "/admin"+at, nil).text
	require.Contains(t, seen, "Mia Member", "members know each other")
	require.NotContains(t, seen, "member@acme.example</bdi></td>", "logins are for readers of the list")
	save := func() int {
		return w.do(ann.ID, "POST", "/admin"+at+"/settings", values("name", "Go", "posting", "admins")).Code
	}
	require.Equal(t, http.StatusForbidden, save())
	require.NotContains(t, w.do(ann.ID, "GET", "/admin"+at, nil).text, at+"/settings")
	w.post(at+"/members/admin", "user", string(ann.ID))
	require.Equal(t, http.StatusSeeOther, save())
	require.Contains(t, w.do(ann.ID, "GET", "/admin"+at, nil).text, at+"/settings")
	// Who administers the group and reads no lists adds those whose login they know.
	_, err = w.S.AddMembers(ctx, chess, w.Boss.ID)
	require.NoError(t, err)
	cid := w.user("cid@acme.example")
	add := func(login string) int {
		return w.do(member.ID, "POST", "/admin"+at+"/members", values("login", login)).Code
	}
	require.Equal(t, http.StatusForbidden, add(cid.Login), "a member adds nobody")
	require.Equal(t, http.StatusForbidden, add("nobody@acme.example"), "nor learns who exists")
	w.post(at+"/members/admin", "user", string(member.ID))
	require.Contains(t, w.do(member.ID, "GET", "/admin"+at, nil).text, `action="/admin`+at+`/members"`)
	require.Equal(t, http.StatusSeeOther, add("CID@acme.example"))
	require.Equal(t, http.StatusNotFound, add("nobody@acme.example"))
	require.Contains(t, w.get(at).text, "cid@acme.example")
	require.Equal(t, http.StatusForbidden, w.do(ann.ID, "POST", "/admin"+at+"/members/member", values("user", string(w.Boss.ID))).Code, "a domain admin stands above")
	require.Equal(t, http.StatusForbidden, w.do(ann.ID, "GET", "/admin"+at+"/default", nil).Code)
}
