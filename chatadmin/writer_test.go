package chatadmin_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// Settings that were read before spare the host the reading; they authorise
// nobody else, and nothing behind a fence goes by them.
func TestSettingsReadBefore(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	ann := w.User("ann@acme.example")
	_, read, err := w.Host.View(ctx, "")
	require.NoError(t, err)
	read.DefaultCountry = "XX" // tells it from the stored ones
	read.Roles = append(read.Roles, chatadmin.Role{ID: chatadmin.RoleMember, Permissions: chatadmin.Permissions()})
	for _, c := range []struct {
		name    string
		s       *chatadmin.Scope
		fence   storage.Mode
		country string
	}{{"the host", w.Host, storage.NoFence, "XX"}, {"the host behind a fence", w.Host, storage.Shared, ""}, {"the host alone in the domain", w.Host, storage.Exclusive, ""}, {"a user", w.S, storage.NoFence, ""}} {
		t.Run(c.name, func(t *testing.T) {
			err := c.s.Change(ctx, chatadmin.Op{Kind: "test", Fence: c.fence, Settings: &read}, func(_ context.Context, w *chatadmin.Writer) error {
				require.Equal(t, c.country, w.Settings.DefaultCountry)
				require.NoError(t, w.Require(chatadmin.PermTwoFactor))
				return nil
			})
			require.NoError(t, err)
		})
	}
	err = w.Admin.As(w.Domain, ann.ID).Change(ctx, chatadmin.Op{Kind: "test", Need: chatadmin.PermTwoFactor, Settings: &read}, func(context.Context, *chatadmin.Writer) error { return nil })
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
}
