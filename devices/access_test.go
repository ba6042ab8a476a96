package devices_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/csvimport"
	"chatadmin.example/sdk/devices"
)

// Only hashes are kept, and nothing that is printed shows a credential.
// A hundred registrations at once, of devices of one user: the limit holds.
func TestDisableAndEnable(t *testing.T) {
	w := newWorld(t)
	out := w.register(w.ann, "phone")
	id := devices.These(out.Device.ID)
	for range 2 {
		ds, err := w.r.Disable(ctx, w.S, id)
		require.NoError(t, err)
		require.Equal(t, disabled, ds[0].Status)
		require.Equal(t, devices.ByAdmin, ds[0].Reasons)
		require.False(t, w.authorized(out))
	}
	require.Len(t, w.Events(devices.KindDisable), 1, "asking for what is the case changes nothing")

	stays := w.register(w.ann, "phone")
	require.Equal(t, disabled, stays.Device.Status)
	require.Empty(t, stays.Token)
	require.EqualValues(t, 1, stays.Device.Generation)

	_, err := w.r.Enable(ctx, w.S, id, nil)
	require.NoError(t, err)
	require.Equal(t, enabled, w.device(out.Device.ID).Status)
	require.False(t, w.authorized(out), "revoked credentials do not come back")
	require.True(t, w.authorized(w.register(w.ann, "phone")))
	require.Len(t, w.Events(devices.KindEnable), 1)
	e := w.Events(devices.KindDisable)[0]
	require.Equal(t, w.Boss.ID, e.Actor)
	require.Equal(t, []chatadmin.ID{out.Device.ID, w.ann.ID}, e.Targets)
	require.Equal(t, []chatadmin.FieldChange{{Field: "disabled_by", After: "admin"}, {Field: "status", Before: "enabled", After: "disabled"}}, e.Changes[out.Device.ID])
}

// Many, by device and by user: all or none.
func TestMany(t *testing.T) {
	w := newWorld(t)
	bob := w.user("bob@acme.example")
	a, b, c := w.register(w.ann, "a"), w.register(w.ann, "b"), w.register(bob, "c")
	_, err := w.r.Disable(ctx, w.S, devices.These(a.Device.ID, "none", c.Device.ID))
	require.ErrorIs(t, err, chatadmin.ErrNotFound)
	require.True(t, w.authorized(a) && w.authorized(b) && w.authorized(c))
	ds, err := w.r.Disable(ctx, w.S, devices.Selection{Users: []chatadmin.ID{w.ann.ID, bob.ID}, Devices: []chatadmin.ID{a.Device.ID}})
	require.NoError(t, err)
	require.Len(t, ds, 3)
	require.False(t, w.authorized(a) || w.authorized(b) || w.authorized(c))
	w.wipe(c.Device.ID)
	_, err = w.r.Enable(ctx, w.S, devices.Of(w.ann.ID, bob.ID), nil)
	require.ErrorIs(t, err, devices.ErrWipePending)
	require.Equal(t, disabled, w.device(a.Device.ID).Status, "one that cannot keeps all")
	_, err = w.r.Enable(ctx, w.S, devices.Of(w.ann.ID), nil)
	require.NoError(t, err)
	require.Equal(t, enabled, w.device(a.Device.ID).Status)
	for _, sel := range []devices.Selection{{}, devices.Of(make([]chatadmin.ID, 1001)...), devices.These(make([]chatadmin.ID, 501)...)} {
		_, err = w.r.Disable(ctx, w.S, sel)
		require.ErrorIs(t, err, chatadmin.ErrInvalid)
	}
}

// A phone whose client was installed anew registers while its wipe is pending:
// the wipe is not lost, and the phone gets what it needs to answer it. Removing
// the device takes it off the list; the wipe is still fetched and answered,
// once.
func TestDeviceAllowed(t *testing.T) {
	w := newWorld(t)
	allowed := func(key string) bool {
		ok, err := w.r.DeviceAllowed(ctx, w.Domain, w.ann.ID, key)
		require.NoError(t, err)
		return ok
	}
	require.True(t, allowed("phone"), "not registered yet")
	out := w.register(w.ann, "phone")
	require.True(t, allowed("phone"))
	_, err := w.r.Disable(ctx, w.S, devices.These(out.Device.ID))
	require.NoError(t, err)
	require.False(t, allowed("phone"))
	require.True(t, allowed("other") && allowed(""))
	other, err := w.r.DeviceAllowed(ctx, w.Domain, w.Boss.ID, "phone")
	require.NoError(t, err)
	require.True(t, other, "somebody else's registration")
	_, err = w.r.Enable(ctx, w.S, devices.These(out.Device.ID), nil)
	require.NoError(t, err)
	out = w.register(w.ann, "phone")
	command := w.wipe(out.Device.ID)
	require.False(t, allowed("phone"))
	w.checkIn(out)
	require.NoError(t, w.ack(out, command.ID))
	require.True(t, allowed("phone"), "it was wiped, and may register again")
}

// A suspended domain lets nobody in.
func TestSuspendedDomain(t *testing.T) {
	w := newWorld(t)
	out, lost := w.register(w.ann, "phone"), w.register(w.Boss, "lost")
	require.True(t, w.authorized(out))
	state := func(st chatadmin.DomainState) {
		_, err := w.Host.ChangeSettings(ctx, func(set *chatadmin.Settings) error { set.State = st; return nil })
		require.NoError(t, err)
	}
	state(chatadmin.DomainSuspended)
	require.True(t, w.authorized(out), "within the time for which it is believed active")
	w.Clock.Advance(5 * time.Second)
	require.False(t, w.authorized(out))
	_, err := w.r.Register(ctx, w.Host, w.ann.ID, devices.Registration{Key: "x", Type: devices.IOS})
	require.ErrorIs(t, err, chatadmin.ErrSuspended)
	_, err = w.r.Wipe(ctx, w.Host, lost.Device.ID)
	require.NoError(t, err)
	require.NoError(t, w.ack(lost, w.checkIn(lost)[0].ID), "wiping goes on")
	state(chatadmin.DomainActive)
	w.Clock.Advance(5 * time.Second)
	require.True(t, w.authorized(out))
}

// The status decides, even where something else than the library has set it and
// left the credential.
func TestStatusWrittenByTheHost(t *testing.T) {
	w := newWorld(t)
	out := w.register(w.ann, "phone")
	require.NoError(t, w.Store.Update(ctx, storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
		rows, err := tx.Devices(ctx, w.Domain, []chatadmin.ID{out.Device.ID})
		if err != nil {
			return err
		}
		c := storage.Write[storage.Device]{Row: rows[0], Was: rows[0].Rev}
		c.Row.Rev, c.Row.Status = c.Was+1, uint8(disabled)
		_, err = tx.ChangeDevices(ctx, []storage.Write[storage.Device]{c})
		return err
	}))
	require.False(t, w.authorized(out))
}

func TestBadTokens(t *testing.T) {
	w := newWorld(t)
	out := w.register(w.ann, "phone")
	good := out.Token.Plain()
	for _, bad := range []string{"", "x", "..", good + "x", good[1:], good[:len(good)-1], strings.ToUpper(good), strings.Replace(good, string(w.Domain), "other", 1), good + good,
		"a\x00b." + strings.Repeat("x", 10) + "." + strings.Repeat("y", 43), "a.b\xff." + strings.Repeat("y", 43), strings.Repeat("d", 65) + ".x." + strings.Repeat("y", 43)} {
		_, err := w.r.Authorize(ctx, bad)
		require.ErrorIs(t, err, devices.ErrRefused, "%q", bad)
		_, err = w.r.CheckIn(ctx, bad)
		require.ErrorIs(t, err, devices.ErrRefused, "%q", bad)
		_, err = w.r.Acknowledge(ctx, bad, "c", devices.Outcome{})
		require.ErrorIs(t, err, devices.ErrRefused, "%q", bad)
	}
}

// A CSV file deactivates and activates: the devices follow.
func TestImport(t *testing.T) {
	w := newWorld(t)
	out := w.register(w.ann, "phone")
	for _, c := range []struct {
		row    string
		status devices.Status
	}{{"ann@acme.example,FALSE", disabled}, {"ann@acme.example,TRUE", enabled}} {
		_, err := chatadmintest.Must(csvimport.New(w.Admin, nil)).Import(ctx, w.S, strings.NewReader("login,enabled\n"+c.row+"\n"), csvimport.UpdateExisting, nil)
		require.NoError(t, err)
		require.Equal(t, c.status, w.device(out.Device.ID).Status)
		require.False(t, w.authorized(out), "credentials that were revoked do not come back")
	}
	require.True(t, w.authorized(w.register(w.ann, "phone")))
}
