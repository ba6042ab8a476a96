package signin_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/signin"
)

// Admin.Work ends the sessions of a user whose access has ended. Without
// Options.Sessions nothing is queued, and there is nothing to do.
func TestWorkEndsSessions(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	ann := w.user("ann")
	_, err := w.host.DenyAccess(ctx, ann.ID)
	require.NoError(t, err)
	did, err := w.admin.Work(ctx)
	require.NoError(t, err)
	require.Equal(t, 1, did["sessions"])
	require.Equal(t, []told{{[]chatadmin.ID{ann.ID}, signin.AllSessions}}, w.sessions.told)

	w = newWorld(t, chatadmin.OfficeChat, func(o *signin.Options) { o.Sessions = nil })
	_, err = w.host.DenyAccess(ctx, w.user("ann").ID)
	require.NoError(t, err)
	did, err = w.admin.Work(ctx)
	require.NoError(t, err)
	require.NotContains(t, did, "sessions")
}
