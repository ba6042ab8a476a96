package devices_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/devices"
)

// A proof is asked before anything else, packages are told of each device that
// is let in, and either refuses the registration as a whole.
func TestRegistrationHooks(t *testing.T) {
	w := newWorld(t)
	var told []chatadmin.DeviceRegistration
	var refuse error
	w.Admin.Extend(chatadmin.Extension{OnDevice: func(_ context.Context, x *chatadmin.Writer, r chatadmin.DeviceRegistration) error {
		told = append(told, r)
		x.Audit("radio.seen", []chatadmin.ID{r.User.ID}, nil, nil)
		return refuse
	}})
	register := func(proof chatadmin.DeviceFunc) error {
		_, err := w.r.Register(ctx, w.Host, w.ann.ID, devices.Registration{Key: "radio", Type: devices.Android, Proof: proof})
		return err
	}
	events := func() (n int) {
		for _, err := range w.Host.Events(ctx, chatadmin.EventQuery{}) {
			require.NoError(t, err)
			n++
		}
		return n
	}
	before := events()

	no := errors.New("no")
	require.ErrorIs(t, register(func(_ context.Context, _ *chatadmin.Writer, r chatadmin.DeviceRegistration) error {
		require.Equal(t, w.ann, r.User)
		return no
	}), no)
	require.Empty(t, told)
	refuse = no
	require.ErrorIs(t, register(nil), no)
	require.Equal(t, before, events(), "a refused registration leaves nothing")
	all, _, err := w.r.DevicesPage(ctx, w.Host, devices.Query{}, chatadmin.Page{Limit: 10})
	require.NoError(t, err)
	require.Empty(t, all)

	refuse, told = nil, nil
	proved := 0
	require.NoError(t, register(func(context.Context, *chatadmin.Writer, chatadmin.DeviceRegistration) error { proved++; return nil }))
	require.Equal(t, 1, proved)
	all, _, err = w.r.DevicesPage(ctx, w.Host, devices.Query{}, chatadmin.Page{Limit: 10})
	require.NoError(t, err)
	require.Equal(t, []chatadmin.DeviceRegistration{{User: w.ann, Device: all[0].ID, Name: "radio", Type: "android"}}, told)

	_, err = w.r.Disable(ctx, w.Host, devices.These(all[0].ID))
	require.NoError(t, err)
	require.NoError(t, register(nil))
	require.Len(t, told, 1, "a device that stays shut out is not told of")
}
