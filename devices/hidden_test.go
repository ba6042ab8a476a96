package devices_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/devices"
)

// The devices of a user who is being deleted are hidden, but from actors who
// may delete users. A wipe that is pending stays in its own list.
func TestDevicesOfADeletedUserAreHidden(t *testing.T) {
	w := newWorld(t)
	w.wipe(w.register(w.ann, "annes-phone").Device.ID)
	bob := w.user("bob@acme.example")
	w.register(bob, "bobs-phone")
	role := func(name string, more ...chatadmin.Permission) *chatadmin.Scope {
		r, err := w.Host.CreateRole(t.Context(), chatadmin.Role{Name: name, Level: 50, Permissions: append(more, chatadmin.PermDevices)})
		require.NoError(t, err)
		return w.Admin.As(w.Domain, w.user(name+"@acme.example", r.ID).ID)
	}
	keeper, eraser := role("keeper"), role("eraser", chatadmin.PermUsersDelete)
	require.NoError(t, w.Store.Update(t.Context(), storage.Fence{Domain: w.Domain, Mode: storage.Exclusive}, func(ctx context.Context, tx storage.Tx) error {
		us, err := tx.Users(ctx, w.Domain, []chatadmin.ID{w.ann.ID})
		if err != nil {
			return err
		}
		row := us[0]
		row.Rev, row.Deleting = row.Rev+1, true
		_, err = tx.ChangeUsers(ctx, []storage.Write[chatadmin.User]{{Row: row, Was: us[0].Rev}})
		return err
	}))
	for _, q := range []devices.Query{{}, {User: w.ann.ID}, {Search: "anne"}, {Key: "annes-phone"}} {
		for s, want := range map[*chatadmin.Scope]bool{keeper: false, eraser: true, w.Host: true} {
			ds, _, err := w.r.DevicesPage(t.Context(), s, q, chatadmin.Page{Limit: 100})
			require.NoError(t, err)
			found := false
			for _, d := range ds {
				found = found || d.User == w.ann.ID
			}
			require.Equal(t, want, found, "%+v", q)
		}
	}
	require.Len(t, w.pending(0), 1)
}
