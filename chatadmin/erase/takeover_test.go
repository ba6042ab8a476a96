package erase_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/erase"
)

// deletionOf is a deletion of somebody with a role that the host has asked for:
// scheduled, or begun and interrupted.
func (w *world) deletionOf(role, state string, c *erase.Choice) (chatadmin.User, *erase.Run) {
	w.T.Helper()
	u := w.user(string(w.id("victim")), func(n *chatadmin.NewUser) { n.Role = role })
	days := 0
	if state == "scheduled" {
		days = 30
	}
	require.NoError(w.T, w.d.SetPolicy(ctx, w.S, erase.Policy{GraceDays: days}))
	p, err := w.d.Plan(ctx, w.Host, []chatadmin.ID{u.ID}, c)
	require.NoError(w.T, err)
	c2, cancel := context.WithCancel(ctx)
	defer cancel()
	r, err := w.d.Apply(c2, w.Host, p, reason, func(chatadmin.Progress) { cancel() })
	if state == "scheduled" {
		require.NoError(w.T, err)
	} else {
		require.ErrorIs(w.T, err, context.Canceled)
	}
	return u, r
}

// Cancelling a deletion and taking it over is acting on the users: it needs a
// level not below theirs and every permission they have, whatever the state.
func TestPowerOverDeletions(t *testing.T) {
	w := newWorld(t, memory())
	role := func(level int, ps ...chatadmin.Permission) string {
		r, err := w.Host.CreateRole(ctx, chatadmin.Role{Name: fmt.Sprint("Role ", w.id("role")), Level: level, Permissions: ps})
		require.NoError(t, err)
		return r.ID
	}
	deleter := role(10, chatadmin.PermUsersDelete)
	low := w.As(w.user("low", func(n *chatadmin.NewUser) { n.Role = deleter }))
	for _, state := range []string{"scheduled", "begun"} {
		for name, c := range map[string]struct {
			role string
			may  bool
		}{
			"member":                   {chatadmin.RoleMember, true},
			"same role":                {deleter, true},
			"lower, same permission":   {role(9, chatadmin.PermUsersDelete), true},
			"above":                    {role(11), false},
			"same level, further ones": {role(10, chatadmin.PermUsersDelete, chatadmin.PermHolds), false},
			"lower, other permission":  {role(0, chatadmin.PermUsersEdit), false},
			"admin":                    {chatadmin.RoleAdmin, false},
		} {
			t.Run(state+" "+name, func(t *testing.T) {
				u, r := w.deletionOf(c.role, state, nil)
				if !c.may {
					_, err := w.d.TakeOver(ctx, low, r.ID)
					require.ErrorIs(t, err, chatadmin.ErrForbidden)
				}
				if _, err := w.d.Cancel(ctx, low, r.ID); state == "scheduled" && c.may {
					require.NoError(t, err)
					return
				}
				still, err := w.d.Run(ctx, w.S, r.ID)
				require.NoError(t, err)
				require.Equal(t, []any{r.State, r.By}, []any{still.State, still.By})
				if state == "scheduled" {
					_, err := w.d.Cancel(ctx, low, r.ID)
					require.ErrorIs(t, err, chatadmin.ErrForbidden)
					require.Equal(t, chatadmin.Deactivated, w.Row(u.ID).Status)
					_, err = w.d.Cancel(ctx, w.S, r.ID)
					require.NoError(t, err)
					require.Equal(t, chatadmin.Pending, w.Row(u.ID).Status)
					return
				}
				by := w.S
				if c.may {
					by = low
				}
				_, err = w.d.TakeOver(ctx, by, r.ID)
				require.NoError(t, err)
				done, err := w.d.Resume(ctx, by, r.ID, nil)
				require.NoError(t, err)
				require.Equal(t, chatadmin.RunDone, done.State)
			})
		}
	}
}

// Whoever may take a deletion over may carry it out: where default groups go,
// that needs the permission for them, too.
func TestTakenOverRuns(t *testing.T) {
	for _, permissions := range [][]chatadmin.Permission{{chatadmin.PermUsersDelete}, {chatadmin.PermUsersDelete, chatadmin.PermDefault}} {
		w := newWorld(t, memory())
		r, err := w.Host.CreateRole(ctx, chatadmin.Role{Name: "Clerk", Level: 10, Permissions: permissions})
		require.NoError(t, err)
		clerk := w.As(w.user("clerk", func(n *chatadmin.NewUser) { n.Role = r.ID }))
		u, d := w.deletionOf(chatadmin.RoleMember, "scheduled", &erase.Choice{DeleteDefault: true})
		_, err = w.d.TakeOver(ctx, clerk, d.ID)
		w.Clock.Advance(30 * 24 * hours)
		if may := slices.Contains(permissions, chatadmin.PermDefault); may {
			require.NoError(t, err)
		} else {
			require.ErrorIs(t, err, chatadmin.ErrForbidden)
		}
		done, err := w.d.RunDue(ctx, w.Domain)
		require.NoError(t, err)
		require.Len(t, done, 1)
		w.noTrace(u.ID)
	}
}

// The only one who is taken out is the actor: nobody takes over their own
// deletion.
func TestTakeOverOfOneself(t *testing.T) {
	w := newWorld(t, memory())
	second := w.user("second", admin)
	require.NoError(t, w.d.SetPolicy(ctx, w.S, erase.Policy{GraceDays: 30}))
	p, err := w.d.Plan(ctx, w.Host, []chatadmin.ID{w.user("bob").ID, second.ID}, nil)
	require.NoError(t, err)
	r, err := w.d.Apply(ctx, w.Host, p, reason, nil)
	require.NoError(t, err)
	for _, call := range []func(context.Context, *chatadmin.Scope, chatadmin.ID) (*erase.Run, error){w.d.TakeOver, w.d.Cancel} {
		_, err = call(ctx, w.As(second), r.ID)
		require.ErrorIs(t, err, chatadmin.ErrForbidden, "deactivated")
	}
}
