package chatadmin_test

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// target is what a call of the matrix is about: of the actor's own domain, of
// another one, or of none.
type target struct {
	user, group, job, hold chatadmin.ID
	login                  string
	plan, deletion         *chatadmin.Plan
}

// call is one line of the matrix: an exported method of Scope, what it needs,
// and how to call it.
type call struct {
	need       chatadmin.Permission // "": nothing but access
	groupAdmin bool                 // an admin of the group may too
	member     bool                 // a member of the group may too
	noTarget   bool                 // is about nothing that another domain could have
	do         func(s *chatadmin.Scope, on target) error
}

func matrix() map[string]call {
	title, role := "Head", chatadmin.Role{Name: "night watch", Level: 0}
	return map[string]call{
		"CreateUser": {need: chatadmin.PermUsersCreate, noTarget: true, do: func(s *chatadmin.Scope, _ target) error {
			_, err := s.CreateUser(ctx, chatadmin.NewUser{Login: "new@acme.example"})
			return err
		}},
		"EditUser": {need: chatadmin.PermUsersEdit, do: func(s *chatadmin.Scope, on target) error {
			_, err := s.EditUser(ctx, on.user, chatadmin.UserEdit{Title: &title})
			return err
		}},
		"CreateUserBy": {need: chatadmin.PermUsersCreate, noTarget: true, do: func(s *chatadmin.Scope, _ target) error {
			_, err := s.CreateUserBy(ctx, chatadmin.NewUser{Login: "new@acme.example"}, chatadmin.UserForm{})
			return err
		}},
		"EditUserBy": {need: chatadmin.PermUsersEdit, do: func(s *chatadmin.Scope, on target) error {
			_, err := s.EditUserBy(ctx, on.user, chatadmin.UserEdit{Title: &title}, chatadmin.UserForm{})
			return err
		}},
		"ActivateUsers": {need: chatadmin.PermUsersEdit, do: func(s *chatadmin.Scope, on target) error {
			_, err := s.ActivateUsers(ctx, on.user)
			return err
		}},
		"DeactivateUsers": {need: chatadmin.PermUsersEdit, do: func(s *chatadmin.Scope, on target) error {
			_, err := s.DeactivateUsers(ctx, on.user)
			return err
		}},
		"ResendInvitation": {need: chatadmin.PermUsersEdit, do: func(s *chatadmin.Scope, on target) error { return s.ResendInvitation(ctx, on.user) }},
		"InviteUsers":      {need: chatadmin.PermUsersEdit, do: func(s *chatadmin.Scope, on target) error { return second(s.InviteUsers(ctx, on.user)) }},
		"RevokeInvitations": {need: chatadmin.PermUsersEdit, do: func(s *chatadmin.Scope, on target) error {
			return second(s.RevokeInvitations(ctx, on.user))
		}},
		"Invitations": {need: chatadmin.PermUsersRead, noTarget: true, do: func(s *chatadmin.Scope, _ target) error {
			return second(all(s.Invitations(ctx, chatadmin.InvitationQuery{})))
		}},
		"InvitationsPage": {need: chatadmin.PermUsersRead, noTarget: true, do: func(s *chatadmin.Scope, _ target) error {
			_, _, err := s.InvitationsPage(ctx, chatadmin.InvitationQuery{}, chatadmin.Page{Limit: 1})
			return err
		}},
		"DenyAccess": {need: chatadmin.PermUsersAccess, do: func(s *chatadmin.Scope, on target) error {
			_, err := s.DenyAccess(ctx, on.user)
			return err
		}},
		"GrantAccess": {need: chatadmin.PermUsersAccess, do: func(s *chatadmin.Scope, on target) error {
			_, err := s.GrantAccess(ctx, on.user)
			return err
		}},
		"SignOutUsers": {need: chatadmin.PermUsersAccess, do: func(s *chatadmin.Scope, on target) error { return s.SignOutUsers(ctx, on.user) }},
		"AssignRole": {need: chatadmin.PermRoles, do: func(s *chatadmin.Scope, on target) error {
			_, err := s.AssignRole(ctx, chatadmin.RoleMember, on.user)
			return err
		}},
		"CreateRole": {need: chatadmin.PermRoles, noTarget: true, do: func(s *chatadmin.Scope, _ target) error {
			_, err := s.CreateRole(ctx, role)
			return err
		}},
		"EditRole": {need: chatadmin.PermRoles, noTarget: true, do: func(s *chatadmin.Scope, _ target) error {
			_, err := s.EditRole(ctx, "unused", chatadmin.RoleEdit{Level: new(1)})
			return err
		}},
		"DeleteRole": {need: chatadmin.PermRoles, noTarget: true, do: func(s *chatadmin.Scope, _ target) error { return s.DeleteRole(ctx, "unused") }},
		"User": {need: chatadmin.PermUsersRead, do: func(s *chatadmin.Scope, on target) error {
			_, err := s.User(ctx, on.user)
			return err
		}},
		"UserByLogin": {need: chatadmin.PermUsersRead, do: func(s *chatadmin.Scope, on target) error {
			_, err := s.UserByLogin(ctx, on.login)
			return err
		}},
		"Users": {need: chatadmin.PermUsersRead, noTarget: true, do: func(s *chatadmin.Scope, _ target) error {
			_, err := all(s.Users(ctx, chatadmin.UserQuery{}))
			return err
		}},
		"UsersPage": {need: chatadmin.PermUsersRead, noTarget: true, do: func(s *chatadmin.Scope, _ target) error {
			_, _, err := s.UsersPage(ctx, chatadmin.UserQuery{}, chatadmin.Page{})
			return err
		}},
		"AdminsInForce": {noTarget: true, do: func(s *chatadmin.Scope, _ target) error {
			_, err := s.AdminsInForce(ctx)
			return err
		}},
		"Invitation": {need: chatadmin.PermUsersRead, do: func(s *chatadmin.Scope, on target) error {
			_, err := s.Invitation(ctx, on.user)
			return err
		}},
		"CreateGroup": {need: chatadmin.PermGroupCreate, noTarget: true, do: func(s *chatadmin.Scope, _ target) error {
			_, err := s.CreateGroup(ctx, "New")
			return err
		}},
		"EditGroup": {need: chatadmin.PermGroups, groupAdmin: true, do: func(s *chatadmin.Scope, on target) error {
			name := "Edited"
			_, err := s.EditGroup(ctx, on.group, chatadmin.GroupEdit{Name: &name})
			return err
		}},
		"RenameGroup": {need: chatadmin.PermGroups, groupAdmin: true, do: func(s *chatadmin.Scope, on target) error {
			_, err := s.RenameGroup(ctx, on.group, "Renamed")
			return err
		}},
		"SetPosting": {need: chatadmin.PermGroups, groupAdmin: true, do: func(s *chatadmin.Scope, on target) error {
			_, err := s.SetPosting(ctx, on.group, chatadmin.AdminsPost)
			return err
		}},
		"ArchiveGroup": {need: chatadmin.PermGroups, groupAdmin: true, do: func(s *chatadmin.Scope, on target) error {
			_, err := s.ArchiveGroup(ctx, on.group)
			return err
		}},
		"UnarchiveGroup": {need: chatadmin.PermGroups, groupAdmin: true, do: func(s *chatadmin.Scope, on target) error {
			_, err := s.UnarchiveGroup(ctx, on.group)
			return err
		}},
		"MayPost": {need: chatadmin.PermUsersRead, do: func(s *chatadmin.Scope, on target) error {
			_, err := s.MayPost(ctx, on.group, on.user)
			return err
		}},
		"AddMembers": {need: chatadmin.PermGroups, groupAdmin: true, do: func(s *chatadmin.Scope, on target) error {
			_, err := s.AddMembers(ctx, on.group, on.user)
			return err
		}},
		"RemoveMembers": {need: chatadmin.PermGroups, groupAdmin: true, do: func(s *chatadmin.Scope, on target) error {
			_, err := s.RemoveMembers(ctx, on.group, on.user)
			return err
		}},
		"SetGroupAdmin": {need: chatadmin.PermGroups, groupAdmin: true, do: func(s *chatadmin.Scope, on target) error {
			return s.SetGroupAdmin(ctx, on.group, false, on.user)
		}},
		"Leave": {do: func(s *chatadmin.Scope, on target) error { return s.Leave(ctx, on.group) }},
		"PlanDeleteGroup": {need: chatadmin.PermGroups, groupAdmin: true, do: func(s *chatadmin.Scope, on target) error {
			_, err := s.PlanDeleteGroup(ctx, on.group)
			return err
		}},
		"ApplyDeleteGroup": {need: chatadmin.PermGroups, groupAdmin: true, do: func(s *chatadmin.Scope, on target) error {
			p := *on.deletion
			p.Actor = s.Actor()
			_, err := s.ApplyDeleteGroup(ctx, &p, nil)
			return err
		}},
		"ResumeDeleteGroup": {need: chatadmin.PermGroups, do: func(s *chatadmin.Scope, on target) error {
			_, err := s.ResumeDeleteGroup(ctx, on.job, nil)
			return err
		}},
		"Group": {need: chatadmin.PermUsersRead, member: true, do: func(s *chatadmin.Scope, on target) error {
			_, err := s.Group(ctx, on.group)
			return err
		}},
		"Groups": {need: chatadmin.PermUsersRead, noTarget: true, do: func(s *chatadmin.Scope, _ target) error {
			_, err := all(s.Groups(ctx, chatadmin.GroupQuery{}))
			return err
		}},
		"GroupsPage": {need: chatadmin.PermUsersRead, noTarget: true, do: func(s *chatadmin.Scope, _ target) error {
			_, _, err := s.GroupsPage(ctx, chatadmin.GroupQuery{}, chatadmin.Page{})
			return err
		}},
		"Members": {need: chatadmin.PermUsersRead, member: true, do: func(s *chatadmin.Scope, on target) error {
			ms, err := all(s.Members(ctx, on.group))
			return found(len(ms), err)
		}},
		"MembersPage": {need: chatadmin.PermUsersRead, member: true, do: func(s *chatadmin.Scope, on target) error {
			ms, _, err := s.MembersPage(ctx, on.group, chatadmin.Page{})
			return found(len(ms), err)
		}},
		"GroupMembersPage": {need: chatadmin.PermUsersRead, member: true, do: func(s *chatadmin.Scope, on target) error {
			ms, _, err := s.GroupMembersPage(ctx, on.group, chatadmin.Page{})
			return found(len(ms), err)
		}},
		"GroupsOf": {need: chatadmin.PermUsersRead, do: func(s *chatadmin.Scope, on target) error {
			ms, err := all(s.GroupsOf(ctx, on.user))
			return found(len(ms), err)
		}},
		"CountMembers": {need: chatadmin.PermUsersRead, member: true, do: func(s *chatadmin.Scope, on target) error {
			n, err := s.CountMembers(ctx, on.group)
			return found(int(n), err)
		}},
		"PlanDefaultGroup": {need: chatadmin.PermDefault, do: func(s *chatadmin.Scope, on target) error {
			_, err := s.PlanDefaultGroup(ctx, on.group)
			return err
		}},
		"ApplyDefaultGroup": {need: chatadmin.PermDefault, do: func(s *chatadmin.Scope, on target) error {
			p := *on.plan
			p.Actor = s.Actor()
			_, err := s.ApplyDefaultGroup(ctx, &p, nil)
			return err
		}},
		"ResumeDefaultGroup": {need: chatadmin.PermDefault, do: func(s *chatadmin.Scope, on target) error {
			_, err := s.ResumeDefaultGroup(ctx, on.job, nil)
			return err
		}},
		"UnmarkDefaultGroup": {need: chatadmin.PermDefault, do: func(s *chatadmin.Scope, on target) error {
			_, err := s.UnmarkDefaultGroup(ctx, on.group)
			return err
		}},
		"ChangeSettings": {need: chatadmin.PermDomain, noTarget: true, do: func(s *chatadmin.Scope, _ target) error {
			_, err := s.ChangeSettings(ctx, func(set *chatadmin.Settings) error { set.DefaultCountry = "NL"; return nil })
			return err
		}},
		"RenameDomain": {need: chatadmin.PermDomain, noTarget: true, do: func(s *chatadmin.Scope, _ target) error {
			_, err := s.RenameDomain(ctx, "Acme Ltd")
			return err
		}},
		"Events": {need: chatadmin.PermAudit, noTarget: true, do: func(s *chatadmin.Scope, _ target) error {
			_, err := all(s.Events(ctx, chatadmin.EventQuery{}))
			return err
		}},
		"EventsPage": {need: chatadmin.PermAudit, noTarget: true, do: func(s *chatadmin.Scope, _ target) error {
			_, _, err := s.EventsPage(ctx, chatadmin.EventQuery{}, chatadmin.Page{})
			return err
		}},
		"AddHold": {need: chatadmin.PermHolds, do: func(s *chatadmin.Scope, on target) error {
			_, err := s.AddHold(ctx, chatadmin.Hold{User: on.user, Reason: "lawsuit"})
			return err
		}},
		"ReleaseHold": {need: chatadmin.PermHolds, do: func(s *chatadmin.Scope, on target) error {
			_, err := s.ReleaseHold(ctx, on.hold)
			return err
		}},
		"Holds": {need: chatadmin.PermHolds, noTarget: true, do: func(s *chatadmin.Scope, _ target) error {
			_, err := all(s.Holds(ctx))
			return err
		}},
		"HoldsPage": {need: chatadmin.PermHolds, noTarget: true, do: func(s *chatadmin.Scope, _ target) error {
			_, _, err := s.HoldsPage(ctx, chatadmin.Page{})
			return err
		}},
		"Run": {need: chatadmin.PermDefault, do: func(s *chatadmin.Scope, on target) error {
			run, _, err := s.Run(ctx, on.job)
			if err != nil && run.ID != "" {
				return fmt.Errorf("refused, and told all the same: %v", err)
			}
			return err
		}},
		"Runs": {need: chatadmin.PermDefault, noTarget: true, do: func(s *chatadmin.Scope, _ target) error {
			runs, err := all(s.Runs(ctx, chatadmin.RunQuery{}))
			if err == nil && len(runs) == 0 {
				return chatadmin.ErrForbidden // they are left out of the list
			}
			return err
		}},
		"RunsPage": {need: chatadmin.PermDefault, noTarget: true, do: func(s *chatadmin.Scope, _ target) error {
			runs, _, err := s.RunsPage(ctx, chatadmin.RunQuery{}, chatadmin.Page{})
			if err == nil && len(runs) == 0 {
				return chatadmin.ErrForbidden // they are left out of the page
			}
			return err
		}},
		"ResumeRun": {need: chatadmin.PermDefault, do: func(s *chatadmin.Scope, on target) error {
			_, err := s.ResumeRun(ctx, on.job, nil)
			return err
		}},
		"TakeOverRun": {need: chatadmin.PermDefault, do: func(s *chatadmin.Scope, on target) error {
			_, err := s.TakeOverRun(ctx, on.job)
			return err
		}},
		"CancelRun": {need: chatadmin.PermDefault, do: func(s *chatadmin.Scope, on target) error {
			_, err := s.CancelRun(ctx, on.job)
			if errors.Is(err, chatadmin.ErrTransition) { // it has ended
				return nil
			}
			return err
		}},
		"Damaged": {need: chatadmin.PermDomain, noTarget: true, do: func(s *chatadmin.Scope, _ target) error {
			_, err := all(s.Damaged(ctx))
			return err
		}},
		"Repair": {need: chatadmin.PermDomain, do: func(s *chatadmin.Scope, on target) error {
			return s.Repair(ctx, "run", string(on.job))
		}},
	}
}

// found makes an empty list look like a thing that does not exist: lists about
// what is not there are empty.
func found(n int, err error) error {
	if err == nil && n == 0 {
		return chatadmin.ErrNotFound
	}
	return err
}

// building are the methods on which calls are built; they ask for the
// permission that their caller names.
var building = []string{"Domain", "Actor", "Admin", "Detached", "Change", "PlanHeader", "View", "ViewAs", "SetPolicy"}

func TestPermissions(t *testing.T) {
	calls := matrix()
	scope := reflect.TypeFor[*chatadmin.Scope]()
	for i := range scope.NumMethod() {
		name := scope.Method(i).Name
		_, listed := calls[name]
		require.True(t, listed != slices.Contains(building, name), "Scope.%s has no line in the matrix", name)
	}
	for name, c := range calls {
		t.Run(name, func(t *testing.T) { testCall(t, name, c) })
	}
}

func testCall(t *testing.T, name string, c call) {
	others := slices.DeleteFunc(chatadmin.Permissions(), func(p chatadmin.Permission) bool { return p == c.need })
	for _, a := range []struct {
		name  string
		actor func(*world, target) *chatadmin.Scope
		want  error
	}{
		{"host", func(w *world, _ target) *chatadmin.Scope { return w.Host }, nil},
		{"domain admin", func(w *world, _ target) *chatadmin.Scope { return w.S }, nil},
		{"role with the permission", func(w *world, _ target) *chatadmin.Scope {
			return w.As(w.User("with@acme.example", withRole(w.Role("with", 50, permissionsFor(c)...))))
		}, nil},
		{"role with all other permissions", func(w *world, _ target) *chatadmin.Scope {
			return w.As(w.User("without@acme.example", withRole(w.Role("without", 99, others...))))
		}, forbiddenIf(c.need != "")},
		{"member", func(w *world, _ target) *chatadmin.Scope { return w.As(w.User("member@acme.example")) },
			forbiddenIf(c.need != "" && c.need != chatadmin.PermGroupCreate)},
		{"member of the group", func(w *world, on target) *chatadmin.Scope {
			u := w.User("in@acme.example")
			_, err := w.Host.AddMembers(ctx, on.group, u.ID)
			require.NoError(w.T, err)
			return w.As(u)
		}, forbiddenIf(c.need != "" && c.need != chatadmin.PermGroupCreate && !c.member)},
		{"admin of the group", func(w *world, on target) *chatadmin.Scope {
			u := w.User("groupadmin@acme.example")
			_, err := w.Host.AddMembers(ctx, on.group, u.ID)
			require.NoError(w.T, err)
			require.NoError(w.T, w.Host.SetGroupAdmin(ctx, on.group, true, u.ID))
			return w.As(u)
		}, forbiddenIf(c.need != "" && c.need != chatadmin.PermGroupCreate && !c.groupAdmin && !c.member)},
		{"deactivated admin", func(w *world, _ target) *chatadmin.Scope {
			u := w.User("was@acme.example", withRole(chatadmin.RoleAdmin))
			_, err := w.Host.DeactivateUsers(ctx, u.ID)
			require.NoError(w.T, err)
			return w.As(u)
		}, chatadmin.ErrForbidden},
		{"denied admin", func(w *world, _ target) *chatadmin.Scope {
			u := w.User("was@acme.example", withRole(chatadmin.RoleAdmin))
			_, err := w.Host.DenyAccess(ctx, u.ID)
			require.NoError(w.T, err)
			return w.As(u)
		}, chatadmin.ErrForbidden},
		{"admin being deleted", func(w *world, _ target) *chatadmin.Scope {
			u := w.User("was@acme.example", withRole(chatadmin.RoleAdmin))
			w.PutUser(u.ID, func(u *chatadmin.User) { u.Deleting = true })
			return w.As(u)
		}, chatadmin.ErrForbidden},
		{"demoted admin", func(w *world, _ target) *chatadmin.Scope {
			u := w.User("was@acme.example", withRole(chatadmin.RoleAdmin))
			_, err := w.Host.AssignRole(ctx, chatadmin.RoleMember, u.ID)
			require.NoError(w.T, err)
			return w.As(u)
		}, forbiddenIf(c.need != "" && c.need != chatadmin.PermGroupCreate)},
		{"another domain's admin", func(w *world, _ target) *chatadmin.Scope {
			_, boss := w.Open("Other", chatadmin.OfficeChat)
			return w.Admin.As(w.Domain, boss.ID)
		}, chatadmin.ErrForbidden},
		{"nobody", func(w *world, _ target) *chatadmin.Scope { return w.Admin.As(w.Domain, "") }, chatadmin.ErrForbidden},
		{"a user called host", func(w *world, _ target) *chatadmin.Scope { return w.Admin.As(w.Domain, chatadmin.HostActor) }, chatadmin.ErrForbidden},
		{"admin of a suspended domain", func(w *world, _ target) *chatadmin.Scope {
			_, err := w.Host.ChangeSettings(ctx, func(set *chatadmin.Settings) error { set.State = chatadmin.DomainSuspended; return nil })
			require.NoError(w.T, err)
			return w.S
		}, chatadmin.ErrSuspended},
	} {
		t.Run(a.name, func(t *testing.T) {
			w := newWorld(t, chatadmin.OfficeChat)
			on := w.target(w.Domain, w.Boss, strings.Contains(name, "DeleteGroup"))
			s := a.actor(w, on)
			if name == "Leave" && s.Actor() == chatadmin.HostActor {
				require.ErrorIs(t, c.do(s, on), chatadmin.ErrInvalid)
				return
			}
			before := len(w.Events(""))
			err := c.do(s, on)
			// A plan is bound to the settings it was made under: what the
			// actor's role or the suspension changed outdates it, after the
			// right was checked.
			if strings.HasPrefix(name, "Apply") && errors.Is(err, chatadmin.ErrPlanStale) {
				err = nil
			}
			if a.want == nil {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, a.want)
			require.Len(t, w.Events(""), before, "a refused call leaves no trace of a change")
		})
	}
	if !c.noTarget {
		t.Run("another domain's ID", func(t *testing.T) { testOtherDomain(t, name, c) })
	}
}

func forbiddenIf(b bool) error {
	if b {
		return chatadmin.ErrForbidden
	}
	return nil
}

func permissionsFor(c call) []chatadmin.Permission {
	if c.need == "" {
		return nil
	}
	return []chatadmin.Permission{c.need}
}

// target makes what the calls are about.
func (w *world) target(domain chatadmin.ID, boss chatadmin.User, deletion bool) target {
	w.T.Helper()
	host := w.Admin.AsHost(domain)
	u, err := host.CreateUser(ctx, chatadmin.NewUser{Login: "target@acme.example"})
	require.NoError(w.T, err)
	g, err := host.CreateGroup(ctx, "Target")
	require.NoError(w.T, err)
	_, err = host.AddMembers(ctx, g.ID, u.ID)
	require.NoError(w.T, err)
	_, err = host.CreateRole(ctx, chatadmin.Role{Name: "unused"})
	require.NoError(w.T, err)
	on := target{user: u.ID, login: u.Login, group: g.ID}
	on.plan, err = host.PlanDefaultGroup(ctx, g.ID)
	require.NoError(w.T, err)
	on.deletion, err = host.PlanDeleteGroup(ctx, g.ID)
	require.NoError(w.T, err)
	held, err := host.CreateGroup(ctx, "Held")
	require.NoError(w.T, err)
	hold, err := host.AddHold(ctx, chatadmin.Hold{Group: held.ID, Reason: "lawsuit"})
	require.NoError(w.T, err)
	on.hold = hold.ID
	// A finished job of each kind, which the host began.
	spare, err := host.CreateGroup(ctx, "Spare")
	require.NoError(w.T, err)
	var job chatadmin.Run
	if deletion {
		p, err := host.PlanDeleteGroup(ctx, spare.ID)
		require.NoError(w.T, err)
		job, err = host.ApplyDeleteGroup(ctx, p, nil)
		require.NoError(w.T, err)
	} else {
		p, err := host.PlanDefaultGroup(ctx, spare.ID)
		require.NoError(w.T, err)
		job, err = host.ApplyDefaultGroup(ctx, p, nil)
		require.NoError(w.T, err)
	}
	on.job = job.ID
	return on
}

func testOtherDomain(t *testing.T, name string, c call) {
	w := newWorld(t, chatadmin.OfficeChat)
	domain, boss := w.Open("Other", chatadmin.OfficeChat)
	other := w.target(domain, boss, strings.Contains(name, "DeleteGroup"))
	own := w.target(w.Domain, w.Boss, strings.Contains(name, "DeleteGroup"))
	none := own
	none.user, none.group, none.job, none.hold, none.login = "no-such-user", "no-such-group", "no-such-job", "no-such-hold", "nobody@acme.example"
	theirs := own
	theirs.user, theirs.group, theirs.job, theirs.hold, theirs.login = other.user, other.group, other.job, other.hold, "nobody@acme.example"
	for _, on := range []*target{&none, &theirs} {
		plan, deletion := *own.plan, *own.deletion
		plan.Subject, deletion.Subject = on.group, on.group
		on.plan, on.deletion = &plan, &deletion
	}
	before := len(w.Events(""))
	for _, s := range []*chatadmin.Scope{w.S, w.Host} {
		if name == "Leave" && s.Actor() == chatadmin.HostActor {
			continue
		}
		missing, foreign := c.do(s, none), c.do(s, theirs)
		require.ErrorIs(t, missing, chatadmin.ErrNotFound)
		require.ErrorIs(t, foreign, chatadmin.ErrNotFound)
		mask := strings.NewReplacer(string(theirs.user), "X", string(theirs.group), "X", string(theirs.job), "X", string(theirs.hold), "X", "no-such-hold", "X", "no-such-user", "X", "no-such-group", "X", "no-such-job", "X")
		require.Equal(t, mask.Replace(missing.Error()), mask.Replace(foreign.Error()), "the two must not be told apart")
	}
	require.Len(t, w.Events(""), before)
	rows, err := w.Store.(*memstore.Store).Users(ctx, domain, []chatadmin.ID{other.user})
	require.NoError(t, err)
	require.Equal(t, chatadmin.Pending, rows[0].Status)
}

// The table in the package documentation is the one that is tested.
func TestPermissionTable(t *testing.T) {
	text, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	listed := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^//\t([a-z.]+|\(none\)) {2,}(.*)$`).FindAllStringSubmatch(string(text), -1) {
		for _, word := range regexp.MustCompile(`[A-Z]\w+`).FindAllString(m[2], -1) {
			if listed[word] == "" || m[1] == "(none)" { // later mentions are remarks
				listed[word] = m[1]
			}
		}
	}
	for name, c := range matrix() {
		need := string(c.need)
		if need == "" {
			need = "(none)"
		}
		require.Equal(t, need, listed[name], "%s in doc.go", name)
	}
}
