package portaltest

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/provisioning"
)

// The admin of a group manages it, and nothing else. Once they are a member
// again, what they still see does nothing.
func TestGroupAdmin(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	group, ann := s.chess()
	ben := s.user("ben")
	_, err := s.s.AddMembers(t.Context(), group, ben.ID)
	require.NoError(t, err)
	b := openBrowser(t)
	b.window(1280, 900)
	b.enter(s, ann.ID, "/")
	b.sees("Your account")
	require.Zero(t, run(b, chromedp.Evaluate[int](`document.querySelectorAll("nav[aria-label=Menu] a").length`)), "no page of administrators is offered")
	b.click("Chess")
	b.do(chromedp.Clear(field("Name")), chromedp.SendKeys(field("Name"), "Checkers"))
	b.click("Save")
	b.do(chromedp.WaitVisible(chromedp.Search(`//h1[normalize-space(.)="Checkers"]`)))
	b.do(chromedp.Click(chromedp.CSS(`tbody input[value="` + string(ben.ID) + `"]`)))
	b.click("Member Tools")
	b.click("Make group admin")
	b.sees("Group admin")
	b.accessible("a group to its admin")
	b.quiet("the admin of a group")

	require.NoError(t, s.s.SetGroupAdmin(t.Context(), group, false, ann.ID))
	b.click("Save")
	b.refused()
	b.do(chromedp.Navigate(s.url + "/admin/groups/" + string(group)))
	b.sees("Checkers")
	require.NotContains(t, run(b, chromedp.Text(chromedp.CSS("main"))), "More Tools")
	b.do(chromedp.Navigate(s.url + "/admin/users"))
	b.refused()
}

// The admin of a department adds users to it, edits them, and reaches no other.
// Once they are no admin any more, what they still see does nothing.
func TestDepartmentAdmin(t *testing.T) {
	t.Parallel()
	s := newSiteOf(t, chatadmin.ESChat)
	ctx := t.Context()
	for _, name := range []string{"Buses", "Trams"} {
		_, err := s.o.Provisioning.CreateDepartment(ctx, s.s, name)
		require.NoError(t, err)
	}
	in := func(login, department, role string) chatadmin.User {
		u, err := s.o.Provisioning.CreateUser(ctx, s.s, provisioning.NewUser{NewUser: chatadmin.NewUser{Login: login, FirstName: "Ann", LastName: "Other",
			Email: "ann@acme.example", Department: department, Role: role, NoInvitation: true}})
		require.NoError(t, err)
		return u
	}
	reader, err := s.s.CreateRole(ctx, chatadmin.Role{Name: "Reader", Level: 5, Permissions: []chatadmin.Permission{chatadmin.PermUsersRead}})
	require.NoError(t, err)
	ann, tram := in("Bus.1", "Buses", reader.ID), in("Tram.1", "Trams", "")
	require.NoError(t, s.o.Provisioning.SetDepartmentAdmin(ctx, s.s, ann.ID, true))
	_, err = s.admin.AsHost(s.domain).ActivateUsers(ctx, ann.ID)
	require.NoError(t, err)
	b := openBrowser(t)
	b.window(1280, 900)
	b.enter(s, ann.ID, "/")
	add := func(login, department string) {
		b.do(chromedp.Navigate(s.url + "/admin/users"))
		b.click("Add")
		b.do(chromedp.SendKeys(field("User Login"), login), chromedp.SendKeys(field("First name"), "John"), chromedp.SendKeys(field("Last name"), "Smith"),
			chromedp.SendKeys(field("Email Address"), "john@acme.example"), chromedp.SetValue(field("Department"), department))
		b.click("Submit")
	}
	add("Bus.57", "Buses")
	b.sees("Bus.57")
	b.click("Edit")
	b.do(chromedp.Clear(field("Last name")), chromedp.SendKeys(field("Last name"), "Miller"))
	b.click("Save")
	b.do(chromedp.WaitVisible(chromedp.Search(`//h1[contains(., "Miller")]`)))
	b.accessible("a user to the admin of a department")
	b.quiet("the admin of a department")
	add("Tram.57", "Trams")
	b.refused()
	b.do(chromedp.Navigate(s.url + "/admin/users/" + string(tram.ID)))
	b.sees("Tram.1")
	require.NotContains(t, run(b, chromedp.Text(chromedp.CSS("main .head"))), "Edit")

	b.do(chromedp.Navigate(s.url + "/admin/users/invite"))
	b.sees("Create a New User")
	require.NoError(t, s.o.Provisioning.SetDepartmentAdmin(ctx, s.s, ann.ID, false))
	b.do(chromedp.SendKeys(field("User Login"), "Bus.58"), chromedp.SendKeys(field("First name"), "John"), chromedp.SendKeys(field("Last name"), "Smith"),
		chromedp.SendKeys(field("Email Address"), "john@acme.example"), chromedp.SetValue(field("Department"), "Buses"))
	b.click("Submit")
	b.refused()
	_, err = s.s.UserByLogin(ctx, "Bus.58")
	require.ErrorIs(t, err, chatadmin.ErrNotFound)
}

// An admin of a department who may read nothing adds users to it all the same.
func TestDepartmentAdminWhoReadsNothing(t *testing.T) {
	t.Parallel()
	s := newSiteOf(t, chatadmin.ESChat)
	ctx := t.Context()
	_, err := s.o.Provisioning.CreateDepartment(ctx, s.s, "Buses")
	require.NoError(t, err)
	_, err = s.o.Provisioning.CreateDepartment(ctx, s.s, "Trams")
	require.NoError(t, err)
	ann, err := s.o.Provisioning.CreateUser(ctx, s.s, provisioning.NewUser{NewUser: chatadmin.NewUser{Login: "Bus.1", FirstName: "Ann", LastName: "Other",
		Email: "ann@acme.example", Department: "Buses", NoInvitation: true}})
	require.NoError(t, err)
	require.NoError(t, s.o.Provisioning.SetDepartmentAdmin(ctx, s.s, ann.ID, true))
	_, err = s.admin.AsHost(s.domain).ActivateUsers(ctx, ann.ID)
	require.NoError(t, err)
	b := openBrowser(t)
	b.window(1280, 900)
	b.enter(s, ann.ID, "/account")
	b.menu("Users")
	b.sees("Create a New User")
	require.Equal(t, []string{"", "Buses"}, run(b, chromedp.Evaluate[[]string](`[...document.querySelector("#f-department").options].map((o) => o.value)`)))
	b.do(chromedp.SendKeys(field("User Login"), "Bus.57"), chromedp.SendKeys(field("First name"), "John"), chromedp.SendKeys(field("Last name"), "Smith"),
		chromedp.SendKeys(field("Email Address"), "john@acme.example"), chromedp.SetValue(field("Department"), "Buses"))
	b.click("Submit")
	b.sees("John Smith")
	b.quiet("the admin of a department")
	u, err := s.s.UserByLogin(ctx, "Bus.57")
	require.NoError(t, err)
	require.Equal(t, "Buses", u.Department)
}
