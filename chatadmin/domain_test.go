package chatadmin_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
)

func TestCreateDomain(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	for name, n := range chatadmintest.InOrder(map[string]chatadmin.NewDomain{
		"no name":   {Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "a@b.example"}},
		"no preset": {Name: "B", Admin: chatadmin.NewUser{Login: "a@b.example"}},
		"no admin":  {Name: "B", Preset: chatadmin.OfficeChat},
		"bad plan":  {Name: "B", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "a@b.example"}, Subscription: chatadmin.Subscription{Plan: "gold"}},
		"bad country": {Name: "B", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "a@b.example"},
			Settings: func(s *chatadmin.Settings) { s.DefaultCountry = "Netherlands" }},
	}) {
		_, _, err := w.Admin.CreateDomain(ctx, n)
		require.ErrorIs(t, err, chatadmin.ErrInvalid, name)
	}
	require.Len(t, collect(t, func() ([]chatadmin.Domain, error) { return all(w.Admin.Domains(ctx)) }), 1, "nothing half-made")
	set := collectSettings(t, w)
	require.Equal(t, chatadmin.Subscription{Plan: chatadmin.Enterprise, Annual: true}, set.Subscription, "who sets none has everything")
	require.Equal(t, chatadmin.DomainActive, set.State)
	require.True(t, w.Boss.Admin)
	require.Equal(t, chatadmin.Pending, w.Boss.Status)
	require.Zero(t, w.send(), "NoInvitation")
	d, _, err := w.Admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "B", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "first@b.example"}})
	require.NoError(t, err)
	n, err := w.Admin.SendInvitations(ctx, d.ID)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Len(t, w.Mail.To("first@b.example"), 1, "the first admin is invited like everybody")
}

func collectSettings(t *testing.T, w *world) chatadmin.Settings {
	t.Helper()
	_, set, err := w.Host.View(ctx, "")
	require.NoError(t, err)
	return set
}

// A domain whose ID was given is created once, however often and however many
// ask for it.
func TestCreateDomainOnce(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	n := chatadmin.NewDomain{ID: w.Admin.NewID(), Name: "B", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "a@b.example"}}
	errs := chatadmintest.AtOnce(20, func(int) error {
		_, _, err := w.Admin.CreateDomain(ctx, n)
		return err
	})
	made := 0
	for _, err := range errs {
		if err == nil {
			made++
			continue
		}
		require.ErrorIs(t, err, chatadmin.ErrExists)
	}
	require.Equal(t, 1, made)
	there, err := w.Store.Domains(ctx, []chatadmin.ID{n.ID})
	require.NoError(t, err)
	require.Len(t, there, 1)
	users := 0
	for _, err := range w.Admin.AsHost(n.ID).Users(ctx, chatadmin.UserQuery{}) {
		require.NoError(t, err)
		users++
	}
	require.Equal(t, 1, users)
}

func TestSettings(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	for name, f := range chatadmintest.InOrder(map[string]func(*chatadmin.Settings) error{
		"login rules": func(s *chatadmin.Settings) error { s.Login.MaxLength = 3; return nil },
		"preset":      func(s *chatadmin.Settings) error { s.Preset = chatadmin.Engage; return nil },
		"country":     func(s *chatadmin.Settings) error { s.DefaultCountry = "N"; return nil },
		"state":       func(s *chatadmin.Settings) error { s.State = "asleep"; return nil },
		"version":     func(s *chatadmin.Settings) error { s.Version = 2; return nil },
	}) {
		_, err := w.Host.ChangeSettings(ctx, f)
		require.ErrorIs(t, err, chatadmin.ErrInvalid, name)
	}
	own := errors.New("the host's own reason")
	_, err := w.S.ChangeSettings(ctx, func(*chatadmin.Settings) error { return own })
	require.ErrorIs(t, err, own)
	for name, f := range chatadmintest.InOrder(map[string]func(*chatadmin.Settings){
		"state":        func(s *chatadmin.Settings) { s.State = chatadmin.DomainClosing },
		"subscription": func(s *chatadmin.Settings) { s.Subscription.Annual = false },
		"modules":      func(s *chatadmin.Settings) { s.Modules = append(s.Modules, "webcare") },
	}) {
		_, err = w.S.ChangeSettings(ctx, func(s *chatadmin.Settings) error { f(s); return nil })
		require.ErrorIs(t, err, chatadmin.ErrForbidden, name)
	}
	_, err = w.Host.ChangeSettings(ctx, func(s *chatadmin.Settings) error { s.Modules = []string{"webcare"}; return nil })
	require.NoError(t, err)
	_, err = w.S.ChangeSettings(ctx, func(s *chatadmin.Settings) error { s.DefaultCountry = "NL"; return nil })
	require.NoError(t, err, "what was bought stays as it is")
	_, err = w.S.ChangeSettings(ctx, func(s *chatadmin.Settings) error {
		s.Roles = append(s.Roles, chatadmin.Role{ID: "god", Name: "god", Level: 99, Permissions: chatadmin.Permissions()})
		return nil
	})
	require.NoError(t, err)
	require.Empty(t, collectSettings(t, w).Roles, "roles have calls of their own")

	// A suspended domain: nobody but the host changes or reads anything.
	_, err = w.Host.ChangeSettings(ctx, func(s *chatadmin.Settings) error { s.State = chatadmin.DomainSuspended; return nil })
	require.NoError(t, err)
	_, err = w.S.User(ctx, w.Boss.ID)
	require.ErrorIs(t, err, chatadmin.ErrSuspended)
	w.User("ann@acme.example")
}

func TestRoles(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	w.Role("Clerk", 20, chatadmin.PermUsersRead, chatadmin.PermUsersCreate, chatadmin.PermUsersEdit, chatadmin.PermRoles, chatadmin.PermGroupCreate)
	w.Role("Reader", 10, chatadmin.PermUsersRead)
	w.Role("Auditor", 10, chatadmin.PermAudit)
	w.Role("Chief", 30, chatadmin.PermUsersRead)
	clerk := w.User("clerk@acme.example", withRole("Clerk"))
	chief := w.User("chief@acme.example", withRole("CHIEF"))
	ann := w.User("ann@acme.example")
	s := w.As(clerk)

	// Nobody grants what they lack, or what stands above them, in whatever way.
	for role, ok := range chatadmintest.InOrder(map[string]bool{"Reader": true, "Clerk": true, "member": true, "Auditor": false, "Chief": false, chatadmin.RoleAdmin: false}) {
		_, err := s.AssignRole(ctx, role, ann.ID)
		_, err2 := s.CreateUser(ctx, chatadmin.NewUser{Login: "with." + role + "@acme.example", Role: role, NoInvitation: true})
		if ok {
			require.NoError(t, err, role)
			require.NoError(t, err2, role)
		} else {
			require.ErrorIs(t, err, chatadmin.ErrForbidden, role)
			require.ErrorIs(t, err2, chatadmin.ErrForbidden, role)
		}
	}
	_, err := s.AssignRole(ctx, "no such role", ann.ID)
	require.ErrorIs(t, err, chatadmin.ErrNotFound)
	_, err = s.CreateUser(ctx, chatadmin.NewUser{Login: "x@acme.example", Role: "no such role"})
	require.ErrorIs(t, err, chatadmin.ErrInvalid)

	// Nobody acts on somebody above them, in whatever way.
	title := "x"
	for name, err := range map[string]error{
		"edit":       second(s.EditUser(ctx, chief.ID, chatadmin.UserEdit{Title: &title})),
		"deactivate": second(s.DeactivateUsers(ctx, chief.ID)),
		"activate":   second(s.ActivateUsers(ctx, chief.ID)),
		"demote":     second(s.AssignRole(ctx, "member", chief.ID)),
		"the boss":   second(s.DeactivateUsers(ctx, ann.ID, w.Boss.ID)),
	} {
		require.ErrorIs(t, err, chatadmin.ErrForbidden, name)
	}
	require.Equal(t, chatadmin.Pending, w.Row(ann.ID).Status, "all or none")

	// Nor makes or changes a role above themselves.
	for _, r := range []chatadmin.Role{{Name: "New", Level: 21}, {Name: "New", Level: 1, Permissions: []chatadmin.Permission{chatadmin.PermAudit}}} {
		_, err := s.CreateRole(ctx, r)
		require.ErrorIs(t, err, chatadmin.ErrForbidden, "%v", r)
		_, err = s.EditRole(ctx, "Reader", chatadmin.RoleEdit{Level: &r.Level, Permissions: &r.Permissions})
		require.ErrorIs(t, err, chatadmin.ErrForbidden, "%v", r)
	}
	low := 1
	_, err = s.EditRole(ctx, "Chief", chatadmin.RoleEdit{Level: &low})
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
	require.ErrorIs(t, s.DeleteRole(ctx, "Auditor"), chatadmin.ErrForbidden)
	require.ErrorIs(t, w.S.DeleteRole(ctx, "Chief"), chatadmin.ErrInvalid, "somebody has it")
	require.ErrorIs(t, w.S.DeleteRole(ctx, "none"), chatadmin.ErrNotFound)
	require.ErrorIs(t, w.S.DeleteRole(ctx, chatadmin.RoleMember), chatadmin.ErrNotFound)
	require.NoError(t, w.S.DeleteRole(ctx, "AUDITOR"))

	for _, r := range []chatadmin.Role{{}, {Name: "Member"}, {Name: "admin"}, {Name: "Domain Admin"}, {Name: "x", Level: 100}, {Name: "x", Level: -1},
		{Name: "x", Permissions: []chatadmin.Permission{"everything"}}, {Name: "a\nb"}} {
		_, err := w.S.CreateRole(ctx, r)
		require.ErrorIs(t, err, chatadmin.ErrInvalid, "%+v", r)
	}

	// What is not given stays, and a name is taken whatever its case.
	reader, err := s.EditRole(ctx, "READER", chatadmin.RoleEdit{Level: &low})
	require.NoError(t, err)
	require.Equal(t, chatadmin.Role{ID: "reader", Name: "Reader", Level: 1, Permissions: []chatadmin.Permission{chatadmin.PermUsersRead}}, reader)
	none := []chatadmin.Permission{}
	reader, err = s.EditRole(ctx, "reader", chatadmin.RoleEdit{Permissions: &none})
	require.NoError(t, err)
	require.Equal(t, chatadmin.Role{ID: "reader", Name: "Reader", Level: 1, Permissions: none}, reader)
	_, err = s.CreateRole(ctx, chatadmin.Role{Name: "READER"})
	require.ErrorIs(t, err, chatadmin.ErrExists)
	for _, name := range []string{"none", chatadmin.RoleMember, chatadmin.RoleAdmin, ""} {
		_, err = w.S.EditRole(ctx, name, chatadmin.RoleEdit{Level: &low})
		require.ErrorIs(t, err, chatadmin.ErrNotFound, name)
	}
	for _, e := range []chatadmin.RoleEdit{{Level: new(100)}, {Level: new(-1)}, {Permissions: &[]chatadmin.Permission{"everything"}}} {
		_, err = w.S.EditRole(ctx, "reader", e)
		require.ErrorIs(t, err, chatadmin.ErrInvalid)
	}

	// What a role may is looked up at each call.
	w.Role("Clerk", 20, chatadmin.PermUsersRead)
	_, err = s.EditUser(ctx, ann.ID, chatadmin.UserEdit{Title: &title})
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
}

// Of a hundred who create a role of the same name at once, one does; nobody's
// role is changed by another's. A role that is deleted does not come back by an
// edit.
func TestRoleRaces(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	won := -1
	for n, err := range chatadmintest.AtOnce(100, func(n int) error {
		_, err := w.S.CreateRole(ctx, chatadmin.Role{Name: "Clerk", Level: n % 99})
		return err
	}) {
		if err == nil {
			require.Negative(t, won, "one role was created twice")
			won = n
			continue
		}
		require.ErrorIs(t, err, chatadmin.ErrExists)
	}
	require.GreaterOrEqual(t, won, 0)
	_, set, err := w.S.View(ctx, "")
	require.NoError(t, err)
	r, _ := set.Role("clerk")
	require.Equal(t, won%99, r.Level)
	for n, err := range chatadmintest.AtOnce(100, func(n int) error {
		if n == 50 {
			return w.S.DeleteRole(ctx, "clerk")
		}
		_, err := w.S.EditRole(ctx, "clerk", chatadmin.RoleEdit{Level: &n})
		return err
	}) {
		if n == 50 {
			require.NoError(t, err)
		} else if err != nil {
			require.ErrorIs(t, err, chatadmin.ErrNotFound)
		}
	}
	_, set, err = w.S.View(ctx, "")
	require.NoError(t, err)
	require.Empty(t, set.Roles)
}

func second[T any](_ T, err error) error { return err }

// What a package keeps in the settings changes by its own call, under its own
// permission, and by nothing else.
func TestPolicies(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	w.Admin.Extend(chatadmin.Extension{Policy: chatadmin.Policy{Name: "owned"}})
	set := func(s *chatadmin.Scope, value string) error {
		return s.SetPolicy(ctx, "owned.set", chatadmin.PermTwoFactor, "owned", func(_ *chatadmin.Writer, was json.RawMessage) (json.RawMessage, []chatadmin.FieldChange, error) {
			return json.RawMessage(value), []chatadmin.FieldChange{{Field: "owned", Before: string(was), After: value}}, nil
		})
	}
	other := func(name, value string) error {
		_, err := w.S.ChangeSettings(ctx, func(s *chatadmin.Settings) error {
			if s.Policies == nil {
				s.Policies = map[string]json.RawMessage{}
			}
			s.Policies[name] = json.RawMessage(value)
			return nil
		})
		return err
	}
	require.NoError(t, set(w.S, "1"))
	require.NoError(t, set(w.S, "1"))
	require.Len(t, w.Events("owned.set"), 1, "asked for again, nothing changes")
	require.NoError(t, set(w.S, "2"))
	require.Equal(t, []chatadmin.FieldChange{{Field: "owned", Before: "1", After: "2"}}, w.Events("owned.set")[0].Changes[w.Domain])
	require.ErrorIs(t, other("owned", "3"), chatadmin.ErrInvalid)
	require.NoError(t, other("free", "1"))
	require.NoError(t, other("free", "2"), "written into the map as it was read")
	require.Len(t, w.Events(chatadmin.KindDomainEdit), 2)
	require.Equal(t, map[string]json.RawMessage{"owned": json.RawMessage("2"), "free": json.RawMessage("2")}, collectSettings(t, w).Policies)
	editor := w.As(w.User("editor@acme.example", withRole(w.Role("editor", 50, chatadmin.PermDomain))))
	require.ErrorIs(t, set(editor, "4"), chatadmin.ErrForbidden)
	keeper := w.As(w.User("keeper@acme.example", withRole(w.Role("keeper", 50, chatadmin.PermTwoFactor))))
	require.NoError(t, set(keeper, "4"))
}
