package provisioning_test

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/provisioning"
)

// target is what the calls of the matrix are about.
type target struct {
	w    *world
	user chatadmin.ID
	dept provisioning.Department
	plan *provisioning.EmptyPlan
}

// newTarget makes a domain whose logins are those of the actors of
// chatadmintest.
func newTarget(t *testing.T) *target {
	w := newWorld(t)
	d, _, err := w.Admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Cast", Preset: chatadmin.ESChat, Admin: chatadmin.NewUser{Login: "boss@cast.example", NoInvitation: true},
		Settings: func(set *chatadmin.Settings) { set.Login = chatadmin.LoginPolicy{IsEmail: true, MaxLength: 254} }})
	require.NoError(t, err)
	w.Domain, w.Host = d.ID, w.Admin.AsHost(d.ID)
	w.S = w.Host
	x := &target{w: w}
	u, err := w.p.CreateUser(ctx, w.S, provisioning.NewUser{NewUser: chatadmin.NewUser{Login: "ann@cast.example"}})
	require.NoError(t, err)
	x.user, x.dept = u.ID, w.department("Buses")
	_, err = w.p.EditUser(ctx, w.S, u.ID, provisioning.UserEdit{UserEdit: chatadmin.UserEdit{Department: to("Buses")}})
	require.NoError(t, err)
	x.plan, err = w.p.PlanEmpty(ctx, w.S, x.dept.ID, "")
	require.NoError(t, err)
	return x
}

// matrix has a line for each call that an actor makes.
var matrix = map[string]struct {
	chatadmintest.Call
	do func(x *target, ctx context.Context, s *chatadmin.Scope) error
}{
	"CreateUser": {chatadmintest.Call{Need: chatadmin.PermUsersCreate, NoTarget: true}, func(x *target, ctx context.Context, s *chatadmin.Scope) error {
		_, err := x.w.p.CreateUser(ctx, s, provisioning.NewUser{NewUser: chatadmin.NewUser{Login: "new@cast.example"}})
		return err
	}},
	"EditUser": {chatadmintest.Call{Need: chatadmin.PermUsersEdit}, func(x *target, ctx context.Context, s *chatadmin.Scope) error {
		_, err := x.w.p.EditUser(ctx, s, x.user, provisioning.UserEdit{Fields: provisioning.Fields{Priority: to(2)}})
		return err
	}},
	"Profile": {chatadmintest.Call{Need: chatadmin.PermUsersRead}, func(x *target, ctx context.Context, s *chatadmin.Scope) error {
		_, err := x.w.p.Profile(ctx, s, x.user)
		return err
	}},
	"Contacts": {chatadmintest.Call{Need: chatadmin.PermUsersRead}, func(x *target, ctx context.Context, s *chatadmin.Scope) error {
		for _, err := range x.w.p.Contacts(ctx, s, x.user) {
			return err
		}
		return nil
	}},
	"ContactsPage": {chatadmintest.Call{Need: chatadmin.PermUsersRead}, func(x *target, ctx context.Context, s *chatadmin.Scope) error {
		_, _, err := x.w.p.ContactsPage(ctx, s, x.user, chatadmin.Page{Limit: 10})
		return err
	}},
	"Activation": {chatadmintest.Call{Need: chatadmin.PermUsersRead}, func(x *target, ctx context.Context, s *chatadmin.Scope) error {
		_, err := x.w.p.Activation(ctx, s, x.user)
		return err
	}},
	"ResendActivation": {chatadmintest.Call{Need: chatadmin.PermUsersEdit}, func(x *target, ctx context.Context, s *chatadmin.Scope) error {
		return x.w.p.ResendActivation(ctx, s, x.user)
	}},
	"Policy": {chatadmintest.Call{Need: chatadmin.PermUsersRead, NoTarget: true}, func(x *target, ctx context.Context, s *chatadmin.Scope) error {
		_, err := x.w.p.Policy(ctx, s)
		return err
	}},
	"SetPolicy": {chatadmintest.Call{Need: chatadmin.PermDomain, NoTarget: true}, func(x *target, ctx context.Context, s *chatadmin.Scope) error {
		return x.w.p.SetPolicy(ctx, s, provisioning.Policy{AcceptTexts: true})
	}},
	"Departments": {chatadmintest.Call{NoTarget: true}, func(x *target, ctx context.Context, s *chatadmin.Scope) error {
		for _, err := range x.w.p.Departments(ctx, s) {
			return err
		}
		return nil
	}},
	"DepartmentsPage": {chatadmintest.Call{NoTarget: true}, func(x *target, ctx context.Context, s *chatadmin.Scope) error {
		_, _, err := x.w.p.DepartmentsPage(ctx, s, chatadmin.Page{Limit: 10})
		return err
	}},
	"Department": {chatadmintest.Call{}, func(x *target, ctx context.Context, s *chatadmin.Scope) error {
		_, err := x.w.p.Department(ctx, s, x.dept.ID)
		return err
	}},
	"DepartmentNamed": {chatadmintest.Call{}, func(x *target, ctx context.Context, s *chatadmin.Scope) error {
		_, err := x.w.p.DepartmentNamed(ctx, s, "Buses")
		return err
	}},
	"CreateDepartment": {chatadmintest.Call{Need: chatadmin.PermUsersEdit, NoTarget: true}, func(x *target, ctx context.Context, s *chatadmin.Scope) error {
		_, err := x.w.p.CreateDepartment(ctx, s, "Trams")
		return err
	}},
	"RenameDepartment": {chatadmintest.Call{Need: chatadmin.PermUsersEdit}, func(x *target, ctx context.Context, s *chatadmin.Scope) error {
		_, err := x.w.p.RenameDepartment(ctx, s, x.dept.ID, "Coaches", nil)
		return err
	}},
	"PlanEmpty": {chatadmintest.Call{Need: chatadmin.PermUsersEdit}, func(x *target, ctx context.Context, s *chatadmin.Scope) error {
		_, err := x.w.p.PlanEmpty(ctx, s, x.dept.ID, "")
		return err
	}},
	"ApplyEmpty": {chatadmintest.Call{Need: chatadmin.PermUsersEdit}, func(x *target, ctx context.Context, s *chatadmin.Scope) error {
		p := *x.plan
		p.Actor = s.Actor()
		_, err := x.w.p.ApplyEmpty(ctx, s, &p, nil)
		return err
	}},
	"DeleteDepartment": {chatadmintest.Call{Need: chatadmin.PermUsersEdit}, func(x *target, ctx context.Context, s *chatadmin.Scope) error {
		err := x.w.p.DeleteDepartment(ctx, s, x.dept.ID)
		if errors.Is(err, provisioning.ErrNotEmpty) {
			return nil // it was permitted, and looked
		}
		return err
	}},
	"SetDepartmentAdmin": {chatadmintest.Call{Need: chatadmin.PermRoles}, func(x *target, ctx context.Context, s *chatadmin.Scope) error {
		return x.w.p.SetDepartmentAdmin(ctx, s, x.user, true)
	}},
}

// others are the exported methods that no actor makes, and why.
var others = map[string]string{
	"ByCode":          "the host, for whoever has a login and a code",
	"ByIMEI":          "the host, for whoever has a phone",
	"SendActivations": "the host's worker",
}

func TestPermissions(t *testing.T) {
	for typ, i := reflect.TypeFor[*provisioning.Provisioning](), 0; i < typ.NumMethod(); i++ {
		name := typ.Method(i).Name
		_, in := matrix[name]
		require.True(t, in != (others[name] != ""), "%s has no line in the matrix, or two", name)
	}
	for name, c := range matrix {
		t.Run(name, func(t *testing.T) {
			var x *target
			call := c.Call
			call.Open = func(t *testing.T) (*chatadmin.Admin, chatadmin.ID) {
				x = newTarget(t)
				return x.w.Admin, x.w.Domain
			}
			call.Do = func(ctx context.Context, s *chatadmin.Scope) error { return c.do(x, ctx, s) }
			chatadmintest.Authorise(t, call)
		})
	}
}
