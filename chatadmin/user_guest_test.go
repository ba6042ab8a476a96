package chatadmin_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// turn are the ways in which the kind of users changes: all of them write users
// by Writer.WriteUsers, as an import does.
func turn() map[string]func(w *world, to chatadmin.Kind, users ...chatadmin.ID) error {
	return map[string]func(w *world, to chatadmin.Kind, users ...chatadmin.ID) error{
		"EditUser": func(w *world, to chatadmin.Kind, users ...chatadmin.ID) error {
			for _, u := range users {
				if _, err := w.S.EditUser(ctx, u, chatadmin.UserEdit{Kind: &to}); err != nil {
					return err
				}
			}
			return nil
		},
		"WriteUsers": func(w *world, to chatadmin.Kind, users ...chatadmin.ID) error {
			op := chatadmin.Op{Kind: "host.write", Need: chatadmin.PermUsersEdit, Fence: storage.Shared, Targets: users}
			return w.S.Change(ctx, op, func(ctx context.Context, work *chatadmin.Writer) error {
				us, err := work.Users(ctx, w.Domain, users)
				if err != nil {
					return err
				}
				writes := make([]chatadmin.UserWrite, len(us))
				for i, u := range us {
					now := u
					now.Kind = to
					p, wrong := work.Settings.Prepare(now)
					require.Empty(w.T, wrong)
					writes[i] = chatadmin.UserWrite{Was: u, Now: p}
				}
				return work.WriteUsers(ctx, "host.write", writes)
			})
		},
	}
}

// A network user who is turned into a guest leaves the default groups in the
// same transaction, and comes back to them with their kind.
func TestTurnedGuestLeavesDefaultGroups(t *testing.T) {
	for name, change := range turn() {
		for _, guests := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				w := newWorld(t, chatadmin.OfficeChat)
				_, err := w.Host.ChangeSettings(ctx, func(s *chatadmin.Settings) error { s.GuestsInDefaultGroups = guests; return nil })
				require.NoError(t, err)
				own, extra := w.Group("Own"), w.Group("Extra")
				ann, out := w.User("ann@acme.example"), w.User("out@acme.example")
				_, err = w.S.AddMembers(ctx, own.ID, ann.ID)
				require.NoError(t, err)
				w.mark(extra.ID)
				_, err = w.S.DeactivateUsers(ctx, out.ID)
				require.NoError(t, err)
				defaults := append(w.shipped(), extra)
				in := func(want bool, users ...chatadmin.ID) {
					for _, g := range w.shipped() {
						for _, u := range users {
							require.Equal(t, want, has(w.Members(g.ID), u), "%s in %s", u, g.Name)
						}
					}
				}
				in(true, ann.ID, out.ID, w.Boss.ID)
				require.NoError(t, change(w, chatadmin.Guest, ann.ID, out.ID))
				in(guests, ann.ID, out.ID)
				in(true, w.Boss.ID)
				require.Contains(t, w.Members(own.ID), ann.ID, "other groups stay")
				if !guests {
					require.GreaterOrEqual(t, len(w.Events(chatadmin.KindMemberRemove)), len(defaults)-1, "one for each group")
				} else {
					require.Empty(t, w.Events(chatadmin.KindMemberRemove))
				}
				// Back again; who is deactivated is back with the access.
				require.NoError(t, change(w, chatadmin.Network, ann.ID, out.ID))
				in(true, ann.ID)
				in(guests, out.ID)
				_, err = w.S.ActivateUsers(ctx, out.ID)
				require.NoError(t, err)
				in(true, ann.ID, out.ID)
			})
		}
	}
}

func has(ids []chatadmin.ID, id chatadmin.ID) bool {
	for _, i := range ids {
		if i == id {
			return true
		}
	}
	return false
}

// A guest in a default group that is not for guests, such as one from before
// the policy changed, is not stuck in it.
func TestGuestIsNotStuck(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	_, err := w.Host.ChangeSettings(ctx, func(s *chatadmin.Settings) error { s.GuestsInDefaultGroups = true; return nil })
	require.NoError(t, err)
	a, b, g := w.User("a@acme.example", guest), w.User("b@acme.example", guest), w.shipped()[0]
	require.ErrorIs(t, w.As(a).Leave(ctx, g.ID), chatadmin.ErrDefaultGroup)
	_, err = w.S.RemoveMembers(ctx, g.ID, b.ID)
	require.ErrorIs(t, err, chatadmin.ErrDefaultGroup)
	_, err = w.Host.ChangeSettings(ctx, func(s *chatadmin.Settings) error { s.GuestsInDefaultGroups = false; return nil })
	require.NoError(t, err)
	require.NoError(t, w.As(a).Leave(ctx, g.ID))
	_, err = w.S.RemoveMembers(ctx, g.ID, b.ID, w.Boss.ID)
	require.ErrorIs(t, err, chatadmin.ErrDefaultGroup, "all or none")
	_, err = w.S.RemoveMembers(ctx, g.ID, b.ID)
	require.NoError(t, err)
	require.Equal(t, sorted(w.Boss.ID), w.Members(g.ID))
}
