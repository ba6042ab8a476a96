package chatadmin_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// actsOnUser are the calls of Scope that do something to another user.
func actsOnUser() map[string]func(s *chatadmin.Scope, group, user chatadmin.ID) error {
	title := "Head"
	return map[string]func(s *chatadmin.Scope, group, user chatadmin.ID) error{
		"EditUser": func(s *chatadmin.Scope, _, user chatadmin.ID) error {
			return second(s.EditUser(ctx, user, chatadmin.UserEdit{Title: &title}))
		},
		"EditUser, address": func(s *chatadmin.Scope, _, user chatadmin.ID) error {
			address := string(s.Admin().NewID()) + "@evil.example"
			return second(s.EditUser(ctx, user, chatadmin.UserEdit{Email: &address}))
		},
		"ResendInvitation":  func(s *chatadmin.Scope, _, user chatadmin.ID) error { return s.ResendInvitation(ctx, user) },
		"RevokeInvitations": func(s *chatadmin.Scope, _, user chatadmin.ID) error { return second(s.RevokeInvitations(ctx, user)) },
		"SignOutUsers":      func(s *chatadmin.Scope, _, user chatadmin.ID) error { return s.SignOutUsers(ctx, user) },
		"DeactivateUsers":   func(s *chatadmin.Scope, _, user chatadmin.ID) error { return second(s.DeactivateUsers(ctx, user)) },
		"ActivateUsers":     func(s *chatadmin.Scope, _, user chatadmin.ID) error { return second(s.ActivateUsers(ctx, user)) },
		"DenyAccess":        func(s *chatadmin.Scope, _, user chatadmin.ID) error { return second(s.DenyAccess(ctx, user)) },
		"GrantAccess":       func(s *chatadmin.Scope, _, user chatadmin.ID) error { return second(s.GrantAccess(ctx, user)) },
		"AssignRole": func(s *chatadmin.Scope, _, user chatadmin.ID) error {
			return second(s.AssignRole(ctx, chatadmin.RoleMember, user))
		},
		"SetGroupAdmin": func(s *chatadmin.Scope, group, user chatadmin.ID) error {
			return s.SetGroupAdmin(ctx, group, true, user)
		},
		"RemoveMembers": func(s *chatadmin.Scope, group, user chatadmin.ID) error {
			return second(s.RemoveMembers(ctx, group, user))
		},
		"WriteUsers": func(s *chatadmin.Scope, _, user chatadmin.ID) error { // of a host
			op := chatadmin.Op{Kind: "host.write", Fence: storage.Exclusive, Targets: []chatadmin.ID{user}}
			return s.Change(ctx, op, func(ctx context.Context, w *chatadmin.Writer) error {
				us, err := w.Users(ctx, s.Domain(), []chatadmin.ID{user})
				if err != nil {
					return err
				}
				x, err := chatadmin.TransitionWrite(us[0], chatadmin.DenyAccess)
				if err != nil {
					return err
				}
				return w.WriteUsers(ctx, "host.write", []chatadmin.UserWrite{x})
			})
		},
	}
}

// Acting on somebody needs a level not below theirs and every permission they
// have, whatever the call: all calls × all permissions × levels × with and
// without.
func TestPowerOverOthers(t *testing.T) {
	needed := []chatadmin.Permission{chatadmin.PermUsersEdit, chatadmin.PermUsersAccess, chatadmin.PermRoles, chatadmin.PermGroups}
	for name, call := range actsOnUser() {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, chatadmin.OfficeChat)
			g := w.Group("G")
			for _, p := range chatadmin.Permissions() {
				for _, level := range []int{0, 40, 41} {
					theirs := w.Role(fmt.Sprintf("%s %d", p, level), level, p)
					for _, has := range []bool{true, false} {
						own := slices.DeleteFunc(slices.Clone(needed), func(n chatadmin.Permission) bool { return n == p && !has })
						if has && !slices.Contains(own, p) {
							own = append(own, p)
						}
						if !has && slices.Contains(needed, p) {
							continue // the call itself needs it
						}
						login := fmt.Sprintf("%s.%d.%t@acme.example", p, level, has)
						actor := w.As(w.User("actor."+login, withRole(w.Role(fmt.Sprintf("%s %d %t", p, level, has), 40, own...))))
						target := w.User(login, withRole(theirs))
						_, err := w.Host.AddMembers(ctx, g.ID, target.ID)
						require.NoError(t, err)
						err = call(actor, g.ID, target.ID)
						if level <= 40 && (has || p == chatadmin.PermGroupCreate) {
							require.NoError(t, err, login)
							continue
						}
						require.ErrorIs(t, err, chatadmin.ErrForbidden, login)
						require.Equal(t, target, w.Row(target.ID), "nothing of %s has changed", login)
					}
				}
			}
		})
	}
}

// A custom role without rights of its own over somebody cannot take their place
// by redirecting the mail that lets them in.
func TestPendingPeerIsNotTakenOver(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	editor := w.As(w.User("editor@acme.example", withRole(w.Role("editor", 0, chatadmin.PermUsersEdit))))
	peer, err := w.Host.CreateUser(ctx, chatadmin.NewUser{Login: "peer@acme.example", Role: w.Role("keeper", 0, chatadmin.PermUsersDelete, chatadmin.PermHolds)})
	require.NoError(t, err)
	address := "editor+mine@acme.example"
	_, err = editor.EditUser(ctx, peer.ID, chatadmin.UserEdit{Email: &address})
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
	require.ErrorContains(t, err, "users.delete", "the text says what is missing")
	require.ErrorIs(t, editor.ResendInvitation(ctx, peer.ID), chatadmin.ErrForbidden)
	w.send()
	require.Empty(t, w.Mail.To(address))
	// On themselves they may act, and on members.
	title := "Editor"
	_, err = editor.EditUser(ctx, editor.Actor(), chatadmin.UserEdit{Title: &title})
	require.NoError(t, err)
	_, err = editor.EditUser(ctx, w.User("ann@acme.example").ID, chatadmin.UserEdit{Title: &title})
	require.NoError(t, err)
}

// What is stored of a role is not believed beyond what a custom role can have.
func TestDamagedRoleIsBounded(t *testing.T) {
	set := chatadmin.Settings{Roles: []chatadmin.Role{{ID: "god", Name: "god", Level: 1000, Permissions: []chatadmin.Permission{"everything", chatadmin.PermAudit}}}}
	r, ok := set.Role("god")
	require.True(t, ok)
	require.Equal(t, chatadmin.Role{ID: "god", Name: "god", Level: 99, Permissions: []chatadmin.Permission{chatadmin.PermAudit}}, r)
	admin, _ := set.Role(chatadmin.RoleAdmin)
	require.NoError(t, set.MayActOn("a", admin, &chatadmin.User{ID: "b", Role: "god"}))
	require.ErrorIs(t, set.MayActOn("b", r, &chatadmin.User{ID: "a", Role: chatadmin.RoleAdmin}), chatadmin.ErrForbidden)
	require.ErrorIs(t, set.MayActOn("", r, &chatadmin.User{Role: chatadmin.RoleAdmin}), chatadmin.ErrForbidden, "nobody is not themselves")
}

// Guests create no groups through the member role, unless the domain says so.
func TestGuestsCreateNoGroups(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	member, g := w.As(w.User("member@acme.example")), w.As(w.User("guest@acme.example", guest))
	_, err := member.CreateGroup(ctx, "Members")
	require.NoError(t, err)
	_, err = g.CreateGroup(ctx, "Guests")
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
	with := w.As(w.User("with@acme.example", guest, withRole(w.Role("founder", 0, chatadmin.PermGroupCreate))))
	_, err = with.CreateGroup(ctx, "Founders")
	require.NoError(t, err, "a role of the domain's own says so by name")
	_, _, role, err := g.ViewAs(ctx, "")
	require.NoError(t, err)
	require.Empty(t, role.Permissions, "there is nothing else that guests have as members")
	_, err = w.S.ChangeSettings(ctx, func(s *chatadmin.Settings) error { s.GuestsCreateGroups = true; return nil })
	require.NoError(t, err)
	_, err = g.CreateGroup(ctx, "Guests")
	require.NoError(t, err)
}
