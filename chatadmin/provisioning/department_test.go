package provisioning_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/provisioning"
)

func names(ds []provisioning.Department) (all []string) {
	for _, d := range ds {
		all = append(all, d.Name)
	}
	return all
}

// A department has a name that nobody else has, in whatever spelling.
func TestDepartmentNames(t *testing.T) {
	w := newWorld(t)
	buses := w.department("  Buses ")
	require.Equal(t, "Buses", buses.Name)
	for name, want := range chatadmintest.InOrder(map[string]string{"": "name missing", " \u00a0": "name missing", "a\x00b": "name bad_text", "a\u202eb": "name bad_text", "buses": "name taken", "BUSES": "name taken"}) {
		_, err := w.p.CreateDepartment(ctx, w.S, name)
		require.Equal(t, []string{want}, codes(t, err), "%q", name)
	}
	found, err := w.p.DepartmentNamed(ctx, w.S, "bUsEs")
	require.NoError(t, err)
	require.Equal(t, buses, found)
	_, err = w.p.DepartmentNamed(ctx, w.S, "Trams")
	require.ErrorIs(t, err, chatadmin.ErrNotFound)

	won := 0
	for _, err := range chatadmintest.AtOnce(100, func(i int) error {
		_, err := w.p.CreateDepartment(ctx, w.S, []string{"Ferries", "FERRIES"}[i%2])
		return err
	}) {
		if err == nil {
			won++
		} else if !errors.Is(err, chatadmin.ErrExists) {
			t.Error(err)
		}
	}
	require.Equal(t, 1, won)
	require.Len(t, list(t, w.p.Departments(ctx, w.S)), 2)
}

// Renaming takes the members along. While it is under way both names are
// those of the department, and contacts are complete.
func TestRenameDepartment(t *testing.T) {
	w := newWorld(t)
	d := w.department("Buses")
	w.department("Trams")
	ann := w.user("ann", in("Buses"))
	for i := range 1500 {
		w.user(fmt.Sprintf("driver.%d", i), in("Buses"))
	}
	stopped, stop := context.WithCancel(ctx)
	run, err := w.p.RenameDepartment(stopped, w.S, d.ID, "City Buses", func(chatadmin.Progress) { stop() })
	require.ErrorIs(t, err, context.Canceled)
	require.EqualValues(t, 1501, run.Total)

	require.Len(t, w.contacts(ann.ID), 1500, "in the middle of it")
	_, err = w.p.RenameDepartment(ctx, w.S, d.ID, "Coaches", nil)
	require.ErrorIs(t, err, provisioning.ErrDepartmentBusy)
	require.ErrorIs(t, w.p.DeleteDepartment(ctx, w.S, d.ID), provisioning.ErrDepartmentBusy)
	_, err = w.p.CreateDepartment(ctx, w.S, "Buses")
	require.ErrorIs(t, err, chatadmin.ErrExists)
	u := w.user("late", in("buses"))
	require.Equal(t, "City Buses", u.Department, "the old name still means the department")
	title := "Driver"
	old, err := w.p.EditUser(ctx, w.S, last(t, w, "Buses").ID, provisioning.UserEdit{UserEdit: chatadmin.UserEdit{Title: &title}})
	require.NoError(t, err)
	require.Equal(t, "Buses", old.Department, "an edit of another field leaves it to the run")

	w.Restart()
	_, err = w.S.ResumeRun(ctx, run.ID, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"City Buses", "Trams"}, names(list(t, w.p.Departments(ctx, w.S))))
	require.Len(t, w.contacts(ann.ID), 1501)
	require.Equal(t, "City Buses", w.is(ann.ID).Department)
	w.department("Buses") // free again

	_, err = w.p.RenameDepartment(ctx, w.S, d.ID, "City Buses", nil)
	require.ErrorIs(t, err, provisioning.ErrSameName)
	_, err = w.p.RenameDepartment(ctx, w.S, d.ID, "TRAMS", nil)
	require.Equal(t, []string{"name taken"}, codes(t, err))
	run, err = w.p.RenameDepartment(ctx, w.S, d.ID, "CITY buses", nil)
	require.NoError(t, err, "another spelling of its own name")
	require.Equal(t, chatadmin.RunDone, run.State)
	require.Equal(t, "CITY buses", w.is(ann.ID).Department)
	found, err := w.p.DepartmentNamed(ctx, w.S, "City Buses")
	require.NoError(t, err)
	require.Equal(t, provisioning.Department{ID: d.ID, Name: "CITY buses"}, found)
}

// last is the last user of a department by login.
func last(t *testing.T, w *world, department string) (u chatadmin.User) {
	for _, u = range list(t, w.S.Users(ctx, chatadmin.UserQuery{Department: department})) {
	}
	return u
}

// A department is emptied by a plan, and deleted when it is empty.
func TestEmptyDepartment(t *testing.T) {
	w := newWorld(t)
	buses, trams := w.department("Buses"), w.department("Trams")
	for i := range 30 {
		w.user(fmt.Sprintf("driver.%d", i), in("Buses"))
	}
	require.ErrorIs(t, w.p.DeleteDepartment(ctx, w.S, buses.ID), provisioning.ErrNotEmpty)
	_, err := w.p.PlanEmpty(ctx, w.S, buses.ID, buses.ID)
	require.ErrorIs(t, err, provisioning.ErrSameName)
	plan, err := w.p.PlanEmpty(ctx, w.S, buses.ID, trams.ID)
	require.NoError(t, err)
	require.EqualValues(t, 30, plan.Users)

	_, err = w.p.RenameDepartment(ctx, w.S, trams.ID, "Metro", nil)
	require.NoError(t, err)
	_, err = w.p.ApplyEmpty(ctx, w.S, plan, nil)
	require.ErrorIs(t, err, chatadmin.ErrPlanStale)
	plan, err = w.p.PlanEmpty(ctx, w.S, buses.ID, trams.ID)
	require.NoError(t, err)
	stopped, stop := context.WithCancel(ctx)
	_, err = w.p.ApplyEmpty(stopped, w.S, plan, func(chatadmin.Progress) { stop() })
	require.ErrorIs(t, err, context.Canceled)
	_, err = w.p.CreateUser(ctx, w.S, form("late", in("Buses")))
	require.Equal(t, []string{"department no_department"}, codes(t, err), "it takes nobody any more")
	_, err = w.p.RenameDepartment(ctx, w.S, trams.ID, "Subway", nil)
	require.ErrorIs(t, err, provisioning.ErrDepartmentBusy, "the members are on their way there")
	w.Clock.Advance(3600e9)
	w.Work() // nobody resumed it

	require.Empty(t, list(t, w.S.Users(ctx, chatadmin.UserQuery{Department: "Buses"})))
	require.Len(t, list(t, w.S.Users(ctx, chatadmin.UserQuery{Department: "Metro"})), 30)
	require.NoError(t, w.p.DeleteDepartment(ctx, w.S, buses.ID))
	require.ErrorIs(t, w.p.DeleteDepartment(ctx, w.S, buses.ID), chatadmin.ErrNotFound)
	require.Equal(t, "Buses", w.department("Buses").Name)

	plan, err = w.p.PlanEmpty(ctx, w.S, trams.ID, "")
	require.NoError(t, err)
	_, err = w.p.ApplyEmpty(ctx, w.S, plan, nil)
	require.NoError(t, err)
	require.Empty(t, w.contacts(last(t, w, "").ID))
	_, err = w.p.ApplyEmpty(ctx, w.S, nil, nil)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
	kinds := map[string]int{}
	for e, err := range w.S.Events(ctx, chatadmin.EventQuery{Kind: "department."}) {
		require.NoError(t, err)
		kinds[e.Kind]++
	}
	require.Equal(t, map[string]int{provisioning.KindDepartmentCreate: 3, provisioning.KindDepartmentRename: 1, provisioning.KindDepartmentEmpty: 2,
		provisioning.KindDepartmentMove: 2, provisioning.KindDepartmentDone: 3, provisioning.KindDepartmentDelete: 1}, kinds)
}

// An admin of a department fills in the form for its members, and for nobody
// else.
func TestDepartmentAdmin(t *testing.T) {
	w := newWorld(t)
	w.department("Buses")
	w.department("Trams")
	chief, bus, tram := w.user("chief", in("Buses")), w.user("bus", in("Buses")), w.user("tram", in("Trams"))
	boss, err := w.p.EditUser(ctx, w.S, w.Boss.ID, provisioning.UserEdit{UserEdit: chatadmin.UserEdit{Department: to("Buses")}})
	require.NoError(t, err)
	s := w.Admin.As(w.Domain, chief.ID)
	title := "Driver"
	edit := func(id chatadmin.ID) error {
		_, err := w.p.EditUser(ctx, s, id, provisioning.UserEdit{UserEdit: chatadmin.UserEdit{Title: &title}, Fields: provisioning.Fields{Priority: to(2)}})
		return err
	}
	require.ErrorIs(t, edit(bus.ID), chatadmin.ErrForbidden)
	require.ErrorIs(t, w.p.SetDepartmentAdmin(ctx, s, chief.ID, true), chatadmin.ErrForbidden)
	require.NoError(t, w.p.SetDepartmentAdmin(ctx, w.S, chief.ID, true))
	require.NoError(t, w.p.SetDepartmentAdmin(ctx, w.S, chief.ID, true))

	require.NoError(t, edit(bus.ID))
	require.Equal(t, 2, w.profile(bus.ID).Priority)
	require.ErrorIs(t, edit(tram.ID), chatadmin.ErrForbidden)
	require.ErrorIs(t, edit(boss.ID), chatadmin.ErrForbidden, "a domain admin stands above")
	require.ErrorIs(t, edit("nobody"), chatadmin.ErrNotFound)
	u, err := w.p.CreateUser(ctx, s, form("fresh"))
	require.NoError(t, err)
	require.Equal(t, "Buses", u.Department)
	for name, n := range chatadmintest.InOrder(map[string]provisioning.NewUser{"elsewhere": form("a.b.c", in("Trams")), "a guest": form("a.b.c", func(n *provisioning.NewUser) { n.Kind = chatadmin.Guest }),
		"an admin": form("a.b.c", func(n *provisioning.NewUser) { n.Role = chatadmin.RoleAdmin })}) {
		_, err := w.p.CreateUser(ctx, s, n)
		require.ErrorIs(t, err, chatadmin.ErrForbidden, name)
	}
	for name, e := range chatadmintest.InOrder(map[string]chatadmin.UserEdit{"moves": {Department: to("Trams")}, "leaves": {Department: to("")}, "turns guest": {Kind: to(chatadmin.Guest)}}) {
		_, err := w.p.EditUser(ctx, s, bus.ID, provisioning.UserEdit{UserEdit: e})
		require.ErrorIs(t, err, chatadmin.ErrForbidden, name)
	}
	_, err = w.p.Profile(ctx, s, bus.ID)
	require.NoError(t, err)
	_, err = w.p.Profile(ctx, s, tram.ID)
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
	_, err = w.S.EditUser(ctx, bus.ID, chatadmin.UserEdit{Title: &title})
	require.NoError(t, err)
	_, err = s.EditUser(ctx, bus.ID, chatadmin.UserEdit{Title: &title})
	require.ErrorIs(t, err, chatadmin.ErrForbidden, "the right is of this form alone")

	// It ends with the department, and does not come back by a name.
	_, err = w.p.EditUser(ctx, w.S, chief.ID, provisioning.UserEdit{UserEdit: chatadmin.UserEdit{Department: to("Trams")}})
	require.NoError(t, err)
	require.ErrorIs(t, edit(bus.ID), chatadmin.ErrForbidden)
	require.ErrorIs(t, edit(tram.ID), chatadmin.ErrForbidden)
	_, err = w.p.EditUser(ctx, w.S, chief.ID, provisioning.UserEdit{UserEdit: chatadmin.UserEdit{Department: to("Buses")}})
	require.NoError(t, err)
	require.NoError(t, edit(bus.ID))
	require.NoError(t, w.p.SetDepartmentAdmin(ctx, w.S, chief.ID, false))
	require.ErrorIs(t, edit(bus.ID), chatadmin.ErrForbidden)
}
