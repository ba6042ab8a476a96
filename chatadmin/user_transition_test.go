package chatadmin_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
)

// The whole table: every event in every state.
func TestTransition(t *testing.T) {
	const refused = chatadmin.Status(0)
	for _, c := range []struct {
		event                        chatadmin.StatusEvent
		pending, active, deactivated chatadmin.Status
	}{
		{chatadmin.SignedIn, chatadmin.Active, chatadmin.Active, refused},
		{chatadmin.Deactivate, chatadmin.Deactivated, chatadmin.Deactivated, chatadmin.Deactivated},
		{chatadmin.Activate, chatadmin.Pending, chatadmin.Active, chatadmin.Active}, // the last was active before
		{chatadmin.DenyAccess, chatadmin.Pending, chatadmin.Active, chatadmin.Deactivated},
		{chatadmin.GrantAccess, chatadmin.Pending, chatadmin.Active, chatadmin.Deactivated},
		{chatadmin.BeginDeletion, chatadmin.Pending, chatadmin.Active, chatadmin.Deactivated},
		{chatadmin.CancelDeletion, chatadmin.Pending, chatadmin.Active, chatadmin.Deactivated},
		{chatadmin.StatusEvent(99), refused, refused, refused},
	} {
		for _, denied := range []bool{false, true} {
			for _, deleting := range []bool{false, true} {
				for from, want := range map[chatadmin.Status]chatadmin.Status{chatadmin.Pending: c.pending, chatadmin.Active: c.active, chatadmin.Deactivated: c.deactivated} {
					t.Run(fmt.Sprintf("event %d from %s, denied %v, deleting %v", c.event, from, denied, deleting), func(t *testing.T) {
						u := chatadmin.User{ID: "u", Status: from, Denied: denied, Deleting: deleting}
						if from == chatadmin.Deactivated {
							before := u
							before.Status, before.Deleting = chatadmin.Active, false
							was, err := chatadmin.Transition(before, chatadmin.Deactivate)
							require.NoError(t, err)
							u.Attrs = was.Attrs
						}
						if c.event == chatadmin.SignedIn && denied || deleting && c.event != chatadmin.BeginDeletion && c.event != chatadmin.CancelDeletion {
							want = refused
						}
						now, err := chatadmin.Transition(u, c.event)
						if want == refused {
							require.ErrorIs(t, err, chatadmin.ErrTransition)
							require.Equal(t, u, now)
							return
						}
						require.NoError(t, err)
						require.Equal(t, want, now.Status)
						require.Equal(t, c.event == chatadmin.DenyAccess || denied && c.event != chatadmin.GrantAccess, now.Denied)
						require.Equal(t, c.event == chatadmin.BeginDeletion || deleting && c.event != chatadmin.CancelDeletion, now.Deleting)
						again, err := chatadmin.Transition(now, c.event)
						require.NoError(t, err)
						require.Equal(t, now, again, "asking twice is harmless")
					})
				}
			}
		}
	}
}

func TestReactivationRestoresTheStatusBefore(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	for _, before := range []chatadmin.Status{chatadmin.Pending, chatadmin.Active} {
		u := w.User(before.String() + "@acme.example")
		w.PutUser(u.ID, func(u *chatadmin.User) { u.Status = before })
		us, err := w.S.DeactivateUsers(ctx, u.ID)
		require.NoError(t, err)
		require.Equal(t, chatadmin.Deactivated, us[0].Status)
		us, err = w.S.ActivateUsers(ctx, u.ID)
		require.NoError(t, err)
		require.Equal(t, before, us[0].Status)
		require.Equal(t, before, w.Row(u.ID).Status)
	}
}

// What a change of users takes with it is told to OnUserChange functions within
// the transaction, whichever call it was.
func TestUserChangeFunctions(t *testing.T) {
	var seen []chatadmin.UserChange
	var fail error
	w := newWorld(t, chatadmin.OfficeChat, func(o *chatadmin.Options) {
		o.OnUserChange = []chatadmin.UserChangeFunc{func(_ context.Context, _ *chatadmin.Writer, c []chatadmin.UserChange) error {
			seen = append(seen, c...)
			return fail
		}}
	})
	u := w.User("ann@acme.example")
	for _, c := range []struct {
		do    func(context.Context, ...chatadmin.ID) ([]chatadmin.User, error)
		loses bool
	}{
		{w.S.DenyAccess, true}, {w.S.DeactivateUsers, false /* denied already */}, {w.S.GrantAccess, false}, {w.S.ActivateUsers, false}, {w.S.DeactivateUsers, true},
	} {
		seen = nil
		_, err := c.do(ctx, u.ID)
		require.NoError(t, err)
		require.Len(t, seen, 1)
		require.Equal(t, c.loses, seen[0].LosesAccess())
		seen = nil
		_, err = c.do(ctx, u.ID)
		require.NoError(t, err)
		require.Empty(t, seen, "nothing changed")
	}
	fail = fmt.Errorf("cannot end sessions")
	before := w.Row(u.ID)
	_, err := w.S.ActivateUsers(ctx, u.ID)
	require.ErrorIs(t, err, fail)
	require.Equal(t, before, w.Row(u.ID))
}
