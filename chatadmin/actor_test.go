package chatadmin_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
)

// An actor who has no access any more is told apart from one who lacks a
// permission: the host signs the first one out.
func TestActorWithoutAccess(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	for name, end := range chatadmintest.InOrder(map[string]func(chatadmin.ID) error{
		"deactivated": func(id chatadmin.ID) error { return second(w.S.DeactivateUsers(ctx, id)) },
		"denied":      func(id chatadmin.ID) error { return second(w.S.DenyAccess(ctx, id)) },
		"deleting": func(id chatadmin.ID) error {
			w.PutUser(id, func(u *chatadmin.User) { u.Deleting = true })
			return nil
		},
	}) {
		u := w.User(name + "@acme.example")
		calls := map[string]func() error{
			"change": func() error { return second(w.As(u).CreateUser(ctx, chatadmin.NewUser{Login: "new@acme.example"})) },
			"read":   func() error { return second(w.As(u).User(ctx, w.Boss.ID)) },
			"list":   func() error { return second(all(w.As(u).Events(ctx, chatadmin.EventQuery{}))) },
		}
		for call, f := range calls {
			err := f()
			require.ErrorIs(t, err, chatadmin.ErrForbidden, call)
			require.NotErrorIs(t, err, chatadmin.ErrActor, call)
		}
		require.NoError(t, end(u.ID), name)
		for call, f := range calls {
			err := f()
			require.ErrorIs(t, err, chatadmin.ErrActor, "%s, %s", name, call)
			require.ErrorIs(t, err, chatadmin.ErrForbidden, "%s, %s", name, call)
			require.Equal(t, "actor", chatadmin.Code(err))
		}
	}
	for _, s := range []*chatadmin.Scope{w.Admin.As(w.Domain, ""), w.Admin.As(w.Domain, "nobody"), w.Admin.As(w.Domain, chatadmin.HostActor)} {
		require.ErrorIs(t, second(s.User(ctx, w.Boss.ID)), chatadmin.ErrActor)
	}
}
