package chatadmin_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// removals are all the ways in which an admin can be lost.
func removals() map[string]func(*chatadmin.Scope, chatadmin.ID) error {
	guest := chatadmin.Guest
	return map[string]func(*chatadmin.Scope, chatadmin.ID) error{
		"deactivate": func(s *chatadmin.Scope, id chatadmin.ID) error { _, err := s.DeactivateUsers(ctx, id); return err },
		"deny":       func(s *chatadmin.Scope, id chatadmin.ID) error { _, err := s.DenyAccess(ctx, id); return err },
		"demote": func(s *chatadmin.Scope, id chatadmin.ID) error {
			_, err := s.AssignRole(ctx, chatadmin.RoleMember, id)
			return err
		},
		"guest": func(s *chatadmin.Scope, id chatadmin.ID) error {
			_, err := s.EditUser(ctx, id, chatadmin.UserEdit{Kind: &guest})
			return err
		},
		"delete": func(s *chatadmin.Scope, id chatadmin.ID) error {
			return s.Change(ctx, chatadmin.Op{Kind: "test.delete", Fence: storage.Exclusive, Targets: []chatadmin.ID{id}}, func(ctx context.Context, w *chatadmin.Writer) error {
				us, err := w.Users(ctx, s.Domain(), []chatadmin.ID{id})
				if err != nil || len(us) == 0 {
					return errors.Join(err, chatadmin.ErrNotFound)
				}
				now, err := chatadmin.Transition(us[0], chatadmin.BeginDeletion)
				if err != nil {
					return err
				}
				p, _ := w.Settings.Prepare(now)
				return w.WriteUsers(ctx, "test.delete", []chatadmin.UserWrite{{Was: us[0], Now: p}})
			})
		},
	}
}

func TestLastAdmin(t *testing.T) {
	for name, remove := range removals() {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, chatadmin.OfficeChat)
			second := w.User("second@acme.example", withRole(chatadmin.RoleAdmin))
			for _, s := range []*chatadmin.Scope{w.Host, w.S} {
				w.PutUser(second.ID, func(u *chatadmin.User) { u.Denied = true }) // does not count
				before := w.Row(w.Boss.ID)
				err := remove(s, w.Boss.ID)
				if name == "guest" {
					require.ErrorIs(t, err, chatadmin.ErrInvalid, "an admin cannot be a guest at all")
				} else {
					require.ErrorIs(t, err, chatadmin.ErrLastAdmin)
				}
				require.Equal(t, before, w.Row(w.Boss.ID))
				w.PutUser(second.ID, func(u *chatadmin.User) { u.Denied = false })
			}
			if name != "guest" {
				require.NoError(t, remove(w.Host, w.Boss.ID), "a second one counts although they have never signed in")
				require.ErrorIs(t, remove(w.Host, second.ID), chatadmin.ErrLastAdmin)
			}
		})
	}
}

// All admins at once are asked for in one call: none goes.
func TestLastAdminInOneCall(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	second := w.User("second@acme.example", withRole(chatadmin.RoleAdmin))
	_, err := w.Host.DeactivateUsers(ctx, w.Boss.ID, second.ID)
	require.ErrorIs(t, err, chatadmin.ErrLastAdmin)
	require.Equal(t, chatadmin.Pending, w.Row(second.ID).Status)
}

// A hundred admins are removed at the same moment, in every way, over two
// handles: one remains.
func TestLastAdminRace(t *testing.T) {
	store := memstore.New(nil)
	w := newWorldOn(t, store, chatadmin.OfficeChat)
	scopes := [2]*chatadmin.Scope{w.Host, chatadmintest.Must(chatadmin.New(store.Handle(nil), nil)).AsHost(w.Domain)}
	ids := append(w.users(99), w.Boss.ID)
	_, err := w.Host.AssignRole(ctx, chatadmin.RoleAdmin, ids...)
	require.NoError(t, err)
	ways := removals()
	names := []string{"deactivate", "deny", "demote", "delete"}
	errs := chatadmintest.AtOnce(100, func(n int) error { return ways[names[n%len(names)]](scopes[n%2], ids[n]) })
	refused := 0
	for n, err := range errs {
		if err != nil {
			require.ErrorIs(t, err, chatadmin.ErrLastAdmin, "%s", names[n%len(names)])
			refused++
		}
	}
	require.Equal(t, 1, refused)
	left, err := w.Host.AdminsInForce(ctx)
	require.NoError(t, err)
	require.Len(t, left, 1)
}
