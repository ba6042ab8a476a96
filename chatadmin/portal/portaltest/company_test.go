package portaltest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/compliance"
	"chatadmin.example/sdk/chatadmin/fields"
	"chatadmin.example/sdk/chatadmin/provisioning"
	"chatadmin.example/sdk/chatadmin/signin"
	"chatadmin.example/sdk/chatadmin/support"
	"chatadmin.example/sdk/devices"
	"chatadmin.example/sdk/integrations"
	"chatadmin.example/sdk/integrations/slack/slacktest"
)

// userPages fills an Office Chat company, and returns the pages of users.
func (s *site) userPages() []visit {
	us := s.people(12)
	user, selected := "/users/"+string(us[0].ID), "&user="+string(us[0].ID)+"&user="+string(us[1].ID)
	t, ctx := s.t, s.t.Context()
	s.phones(us)
	_, err := s.s.DenyAccess(ctx, us[1].ID)
	require.NoError(t, err)
	_, err = s.s.DeactivateUsers(ctx, us[2].ID)
	require.NoError(t, err)
	for range 3 {
		_, err = s.o.Gate.SignIn(ctx, s.domain, signin.Attempt{Login: us[3].Login}, func(context.Context, chatadmin.User) (bool, error) { return false, nil })
		require.NoError(t, err)
	}
	for _, f := range []fields.Field{{Name: "Cost centre", Kind: fields.Number}, {Name: "Site", Kind: fields.Choice, Choices: []string{"North", "South"}}} {
		_, err = s.o.Fields.Declare(ctx, s.s, f, nil)
		require.NoError(t, err)
	}
	s.post(user+"/edit", "own:Site", "North", "own:Cost centre", "4711")
	s.post("/users/invite", "login", "invited@acme.example", "kind", "network", "invite", "1")
	s.finish()
	bad := []string{"login", "no address", "phone", "x", "kind", "network"}
	return []visit{
		at("GET /users", "/users"), at("GET /users", "/users?q=nobody"), at("GET /users", "/users?status=locked"), at("GET /users/{id}", user), at("GET /users/{id}/edit", user+"/edit"),
		at("GET /users/invite", "/users/invite"), answer("POST /users/invite", "/users/invite", bad...), answer("POST /users/{id}/edit", user+"/edit", bad...),
		at("GET /users/invitations", "/users/invitations"), at("GET /users/signins", "/users/signins"),
		at("GET /users/tools", "/users/tools?tool=delete"+selected), at("GET /users/tools", "/users/tools?tool=deactivate"+selected),
		at("GET /users/tools", "/users/tools?tool=role"+selected),
		at("GET /fields", "/fields"), answer("POST /fields", "/fields", "name", "", "kind", "text"), at("GET /fields/find", "/fields/find?field=Site&value=North"),
		at("GET /fields/remove", "/fields/remove?name=Cost+centre"),
		{pattern: "GET /users/idle", path: func() string {
			s.ahead.Add(int64(100 * 24 * time.Hour))
			return "/users/idle?for=90&unused=1"
		}},
	}
}

// phones registers a device of each type.
func (s *site) phones(us []chatadmin.User) {
	for i, u := range us[:4] {
		_, err := s.o.Devices.Register(s.t.Context(), s.admin.AsHost(s.domain), u.ID, devices.Registration{Key: fmt.Sprintf("DEVICE-%d", i), Type: devices.Type(i + 1), Name: "A phone"})
		require.NoError(s.t, err)
	}
}

// securityPages are those of devices, roles, runs and the audit log, and of
// people who are not signed in.
func (s *site) securityPages() []visit {
	us := s.people(4)
	t, ctx := s.t, s.t.Context()
	s.phones(us)
	list, err := s.o.Devices.PlanWipe(ctx, s.s, devices.Of(us[0].ID))
	require.NoError(t, err)
	wiped, err := s.o.Devices.ApplyWipe(ctx, s.s, list, nil)
	require.NoError(t, err)
	_, err = s.s.CreateRole(ctx, chatadmin.Role{Name: "Help desk", Level: 10, Permissions: []chatadmin.Permission{chatadmin.PermUsersRead}})
	require.NoError(t, err)
	s.post("/users/invite", "login", "invited@acme.example", "kind", "network", "invite", "1")
	s.finish()
	token := s.query("invited@acme.example")
	return []visit{
		at("GET /security/devices", "/security/devices"), at("GET /security/devices/wipe", "/security/devices/wipe?device="+string(device(t, s, us[1].ID))),
		at("GET /security/browser", "/security/browser"), at("GET /security/browser/review", "/security/browser/review?mode=authenticator&days=30"),
		at("GET /roles", "/roles"), at("GET /roles/new", "/roles/new"), at("GET /roles/edit", "/roles/edit?id=help+desk"),
		answer("POST /roles/save", "/roles/save", "id", "", "name", "Other", "level", "nine"),
		at("GET /runs", "/runs"), at("GET /runs/{id}", "/runs/"+string(wiped.ID)), at("GET /audit", "/audit"), at(notFound, "/none"),
		at("GET /signin", "/signin"), answer("POST /signin", "/signin", "login", "boss@acme.example", "password", "wrong"),
		{pattern: "GET /users/refused", path: func() string { s.finish(); return "/users/refused" }}, // what has just been
		at("GET /activate", "/activate?"+token),
		answer("POST /activate", "/activate", "token", strings.TrimPrefix(token, "token="), "password", "short", "again", "shirt"),
	}
}

// groupPages are those of groups and services.
func (s *site) groupPages() []visit {
	us := s.people(2)
	t, ctx := s.t, s.t.Context()
	g, err := s.s.CreateGroup(ctx, "Chess")
	require.NoError(t, err)
	_, err = s.s.AddMembers(ctx, g.ID, us[0].ID, us[1].ID)
	require.NoError(t, err)
	old, err := s.s.CreateGroup(ctx, "Summer party 2025")
	require.NoError(t, err)
	_, err = s.s.ArchiveGroup(ctx, old.ID)
	require.NoError(t, err)
	group := "/groups/" + string(g.ID)
	const of = "GET /groups/{id}/integrations/{service}"
	before := at(of, group+"/integrations/slack")
	for _, service := range []string{"slack", "mailchimp"} {
		s.post("/integrations/" + service + "/enable")
	}
	s.post("/integrations/afas/enable", "environment", "12345")
	provider := visit{"POST /groups/{id}/integrations/{service}/connect", func() string {
		s.post(group + "/integrations/mailchimp/enable")
		return group + "/integrations/mailchimp/connect"
	}, url.Values{}}
	connected := visit{pattern: of, path: func() string { s.slackInUse(g.ID, group); return group + "/integrations/slack" }}
	lists := visit{pattern: of, path: func() string {
		s.authorise(group + "/integrations/mailchimp")
		return group + "/integrations/mailchimp"
	}}
	return []visit{
		at("GET /groups", "/groups"), at("GET /groups", "/groups?show=archived"), at("GET /groups/{id}", group), at("GET /groups/{id}", "/groups/"+string(old.ID)),
		at("GET /groups/new", "/groups/new"), answer("POST /groups/new", "/groups/new", "name", "CHESS"),
		at("GET /groups/{id}/default", group+"/default"), at("GET /groups/{id}/delete", group+"/delete"),
		at("GET /integrations", "/integrations"), at("GET /groups/{id}/integrations", group+"/integrations"),
		before, connected, provider, lists, answer("POST /groups/{id}/integrations/{service}/save", group+"/integrations/mailchimp/save", "name", "News"),
		at("GET /account/integrations/{service}", "/account/integrations/afas"),
		{pattern: "GET /account/integrations/{service}", path: func() string {
			s.post("/account/integrations/afas/enable")
			return "/account/integrations/afas"
		}},
		at("GET /account", "/account"),
	}
}

// slackInUse connects Slack, and has a message given up.
func (s *site) slackInUse(group chatadmin.ID, at string) {
	t, ctx := s.t, s.t.Context()
	s.post(at + "/integrations/slack/enable")
	s.authorise(at + "/integrations/slack")
	choices, err := s.o.Integrations.Choices(ctx, s.s, integrations.Of{Service: "slack", Owner: group})
	require.NoError(t, err)
	s.post(at+"/integrations/slack/save", "channel", choices[0].ID)
	s.slack.SetFault(func(string) slacktest.Fault { return slacktest.Fault{Status: http.StatusServiceUnavailable} })
	_, err = s.o.Integrations.Tell(ctx, s.domain, integrations.Message{Op: integrations.Posted, Group: group, ID: "m1", Author: "Ann", Text: "Hello"})
	require.NoError(t, err)
	for range 30 {
		s.ahead.Add(int64(time.Hour))
		require.NoError(t, s.o.Integrations.Deliver(ctx))
	}
	s.slack.SetFault(nil)
}

// officePages are those of imports, support and compliance.
func (s *site) officePages() []visit {
	us := s.people(6)
	t, ctx := s.t, s.t.Context()
	review := s.uploaded("people.csv", people+"User,user05@acme.example,,FALSE\n")
	done := s.uploaded("new.csv", "email/login\nnew@acme.example\n")
	s.start(done)
	s.finish()
	_, err := s.o.Support.SetLevel(ctx, s.s, support.IOS, support.None)
	require.NoError(t, err)
	b, err := s.o.Support.Prepare(ctx, s.s, support.Draft{Platform: support.IOS, User: us[0].ID, From: "ann@acme.example", Description: "It hangs.", Ticket: "T-1",
		Logs: []support.Log{{Name: "client.log", Open: func() (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader("password=hunter2\nstarted\n")), nil
		}}}})
	require.NoError(t, err)
	report, err := s.o.Support.Send(ctx, s.s, b)
	require.NoError(t, err)
	s.finish()
	_, err = s.s.AddHold(ctx, chatadmin.Hold{User: us[3].ID, Reason: "Case 104"})
	require.NoError(t, err)
	baa := at("GET /compliance/baa", "/compliance/baa")
	var a compliance.Agreement
	one := visit{pattern: "GET /compliance/baa/{id}", path: func() string {
		a, err = s.o.Agreements.Request(ctx, s.s, compliance.Form{NewDomain: "Acme Health", AdminEmail: "boss@acme.example", Acknowledge: "Yes"})
		require.NoError(t, err)
		s.finish()
		return "/compliance/baa/" + string(a.ID)
	}}
	cancelled := visit{pattern: "GET /compliance/baa/{id}", path: func() string {
		s.post("/compliance/baa/"+string(a.ID)+"/step", "step", "cancel")
		return "/compliance/baa/" + string(a.ID)
	}}
	return []visit{
		at("GET /imports", "/imports"), at("GET /imports/{id}", review), at("GET /imports/{id}", done),
		at("GET /imports/{id}", s.uploaded("wrong.csv", "colour\nred\n")),
		{pattern: "GET /import", path: func() string { return "/import?" + s.query("boss@acme.example") }},
		at("GET /support/levels", "/support/levels"), at("GET /support/reports", "/support/reports"), at("GET /support/reports/{id}", "/support/reports/"+string(report.ID)),
		at("GET /compliance/retention", "/compliance/retention"), at("GET /compliance/retention/review", "/compliance/retention/review?days=90"),
		{pattern: "GET /compliance/retention/review", path: func() string {
			s.post("/compliance/retention", "days", "90")
			return "/compliance/retention/review?days=90"
		}},
		at("GET /compliance/holds", "/compliance/holds"), answer("POST /compliance/holds", "/compliance/holds", "user", "nobody@acme.example"),
		baa, answer("POST /compliance/baa", "/compliance/baa", "acknowledge", "no"), one, cancelled,
	}
}

// closingPages are those of the host's staff, who close the domain.
func (s *site) closingPages() []visit {
	var at1 string
	apply := func(days string) string {
		page := s.source(s.session(s.boss.ID), s.url+"/admin/closing?days="+days)
		_, after, ok := strings.Cut(page, `name="plan" value="`)
		require.True(s.t, ok, page)
		plan, _, _ := strings.Cut(after, `"`)
		at1 = s.post("/closing", "plan", strings.NewReplacer("&#34;", `"`, "&#43;", "+").Replace(plan), "reason", "They have left.")
		s.finish()
		return at1
	}
	const run = "GET /closing/{id}"
	return []visit{
		at("GET /closing", "/closing?days=30"),
		{pattern: run, path: func() string { return apply("30") }},
		{pattern: run, path: func() string { s.post(at1 + "/cancel"); return at1 }},
		{pattern: run, path: func() string { return apply("0") }},
	}
}

// radioPages fills an ESChat company, and returns the pages that are its own.
func (s *site) radioPages() []visit {
	t, ctx := s.t, s.t.Context()
	_, err := s.s.ChangeSettings(ctx, func(set *chatadmin.Settings) error { set.DefaultCountry = "NL"; return nil })
	require.NoError(t, err)
	var ds []provisioning.Department
	for _, name := range []string{"Buses", "Trams", "Closed"} {
		d, err := s.o.Provisioning.CreateDepartment(ctx, s.s, name)
		require.NoError(t, err)
		ds = append(ds, d)
	}
	var us []chatadmin.User
	for i := range 4 {
		n := provisioning.NewUser{NewUser: chatadmin.NewUser{Login: fmt.Sprintf("Bus.%d", 50+i), FirstName: "Ann", LastName: "Other", Email: "ann@acme.example",
			Department: "Buses", NoInvitation: i == 0}}
		u, err := s.o.Provisioning.CreateUser(ctx, s.s, n)
		require.NoError(t, err)
		us = append(us, u)
	}
	require.NoError(t, s.o.Provisioning.SetDepartmentAdmin(ctx, s.s, us[0].ID, true))
	s.finish()
	user, department := "/users/"+string(us[1].ID), "/departments/"+string(ds[0].ID)
	return []visit{
		at("GET /users", "/users"), at("GET /users/{id}", user), at("GET /users/{id}/edit", user+"/edit"), at("GET /users/invite", "/users/invite"),
		answer("POST /users/invite", "/users/invite", "login", "x", "priority", "7", "imei", "1"),
		at("GET /users/{id}/contacts", user+"/contacts"), at("GET /departments", "/departments"), at("GET /departments/{id}", department),
		at("GET /departments/{id}", "/departments/"+string(ds[2].ID)), answer("POST /departments", "/departments", "name", "Buses"),
		at("GET /departments/{id}/empty", department+"/empty?to="+string(ds[1].ID)), at("GET /users/invitations", "/users/invitations"),
	}
}

// engagePages fills an Engage company, and returns the pages that are its own.
func (s *site) engagePages() []visit {
	u := s.user("ann")
	user := "/users/" + string(u.ID)
	return []visit{
		at("GET /users", "/users"), at("GET /users/{id}", user), at("GET /users/{id}/edit", user+"/edit"), at("GET /users/invite", "/users/invite"),
		answer("POST /users/invite", "/users/invite", "login", "x"),
		at("GET /preferences", "/preferences"), answer("POST /preferences", "/preferences", "forward", "x"), at("GET /account", "/account"),
	}
}
