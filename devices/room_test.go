package devices_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/devices"
)

// most makes a world in which a user may have so many devices.
func most(t *testing.T, n int) *world {
	return newWorld(t, func(_ *chatadmin.Options, o *devices.Options) { o.MaxPerUser = n })
}

func (w *world) tryRegister(key string) error {
	_, err := w.r.Register(ctx, w.Host, w.ann.ID, devices.Registration{Key: key, Type: devices.IOS})
	return err
}

// ofAnn are the devices of a user, by the client's own device id.
func (w *world) ofAnn() map[string]devices.Device {
	w.T.Helper()
	ds, err := all(w.r.Devices(ctx, w.Host, devices.Query{User: w.ann.ID}))
	require.NoError(w.T, err)
	byKey := map[string]devices.Device{}
	for _, d := range ds {
		byKey[d.Key] = d
	}
	return byKey
}

// A user who has as many devices as they may gets room by what they can do
// themselves, and by each wipe: but for what an administrator has disabled.
func TestRoomForAnotherDevice(t *testing.T) {
	me := func(w *world) *chatadmin.Scope { return w.Admin.As(w.Domain, w.ann.ID) }
	disable := func(w *world, s *chatadmin.Scope, id chatadmin.ID) {
		_, err := w.r.Disable(ctx, s, devices.These(id))
		require.NoError(w.T, err)
	}
	answer := func(w *world, out devices.Registered, failed bool) {
		c := w.wipe(out.Device.ID)
		w.checkIn(out)
		_, err := w.r.Acknowledge(ctx, out.WipeToken.Plain(), c.ID, devices.Outcome{Failed: failed})
		require.NoError(w.T, err)
	}
	for name, c := range map[string]struct {
		then func(w *world, out devices.Registered)
		room bool
	}{
		"nothing":                      {func(*world, devices.Registered) {}, false},
		"disabled by its user":         {func(w *world, out devices.Registered) { disable(w, me(w), out.Device.ID) }, true},
		"disabled by an administrator": {func(w *world, out devices.Registered) { disable(w, w.S, out.Device.ID) }, false},
		"by both": {func(w *world, out devices.Registered) {
			disable(w, w.S, out.Device.ID)
			disable(w, me(w), out.Device.ID)
		}, false},
		"enabled again": {func(w *world, out devices.Registered) {
			disable(w, me(w), out.Device.ID)
			_, err := w.r.Enable(ctx, w.S, devices.These(out.Device.ID), nil)
			require.NoError(w.T, err)
		}, false},
		"a wipe is asked for": {func(w *world, out devices.Registered) { w.wipe(out.Device.ID) }, true},
		"a wipe is delivered": {func(w *world, out devices.Registered) { w.wipe(out.Device.ID); w.checkIn(out) }, true},
		"wiped":               {func(w *world, out devices.Registered) { answer(w, out, false) }, true},
		"the wipe has failed": {func(w *world, out devices.Registered) { answer(w, out, true) }, false},
		"the wipe was cancelled": {func(w *world, out devices.Registered) {
			w.wipe(out.Device.ID)
			_, _ = w.r.CancelWipe(ctx, w.S, out.Device.ID)
		}, false},
		"a wipe, and disabled by an administrator": {func(w *world, out devices.Registered) {
			w.wipe(out.Device.ID)
			disable(w, w.S, out.Device.ID)
		}, true},
		"removed": {func(w *world, out devices.Registered) {
			require.NoError(w.T, w.r.Remove(ctx, w.S, devices.These(out.Device.ID)))
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := most(t, 3)
			var out devices.Registered
			for n := range 3 {
				out = w.register(w.ann, fmt.Sprint("phone", n))
			}
			c.then(w, out)
			err := w.tryRegister("new")
			if !c.room {
				require.ErrorIs(t, err, devices.ErrTooMany)
				return
			}
			require.NoError(t, err)
			require.Equal(t, devices.Enabled, w.ofAnn()["new"].Status)
			require.ErrorIs(t, w.tryRegister("newer"), devices.ErrTooMany, "one place, not more")
		})
	}
}

// A device that its user has disabled is let in by an administrator alone.
func TestOwnDisabledStaysSo(t *testing.T) {
	w := newWorld(t)
	out := w.register(w.ann, "phone")
	_, err := w.r.Disable(ctx, w.Admin.As(w.Domain, w.ann.ID), devices.These(out.Device.ID))
	require.NoError(t, err)
	require.Equal(t, []any{devices.Disabled, devices.ByOwner}, []any{w.device(out.Device.ID).Status, w.device(out.Device.ID).Reasons})
	require.False(t, w.authorized(out))
	ok, err := w.r.DeviceAllowed(ctx, w.Domain, w.ann.ID, "phone")
	require.NoError(t, err)
	require.False(t, ok)
	require.Equal(t, devices.Disabled, w.register(w.ann, "phone").Device.Status, "registering does not enable it")
	_, err = w.S.DeactivateUsers(ctx, w.ann.ID)
	require.NoError(t, err)
	_, err = w.S.ActivateUsers(ctx, w.ann.ID)
	require.NoError(t, err)
	require.Equal(t, devices.Disabled, w.register(w.ann, "phone").Device.Status, "nor does the user's access")
	_, err = w.r.Enable(ctx, w.S, devices.These(out.Device.ID), nil)
	require.NoError(t, err)
	require.True(t, w.authorized(w.register(w.ann, "phone")))
}

// Whoever disables and registers again and again has at most twice as many
// devices as they may: the oldest of those that they have disabled go.
func TestDisablingIsBounded(t *testing.T) {
	w := most(t, 4)
	me := w.Admin.As(w.Domain, w.ann.ID)
	kept := w.register(w.ann, "kept")
	_, err := w.r.Disable(ctx, w.S, devices.These(kept.Device.ID)) // by an administrator: it never goes
	require.NoError(t, err)
	wiped := w.register(w.ann, "wiped")
	command := w.wipe(wiped.Device.ID)
	for n := range 60 {
		w.Clock.Advance(time.Minute)
		out := w.register(w.ann, fmt.Sprint("phone", n))
		require.True(t, w.authorized(out))
		if n%3 == 2 { // all three at once
			_, err := w.r.Disable(ctx, me, devices.Of(w.ann.ID))
			require.NoError(t, err)
		}
		require.LessOrEqual(t, len(w.ofAnn()), 2+4+3)
	}
	ds := w.ofAnn()
	require.Contains(t, ds, "kept")
	require.Contains(t, ds, "phone59")
	require.Contains(t, ds, "phone56", "the newest are kept")
	require.NotContains(t, ds, "phone0")
	require.Len(t, w.checkIn(wiped), 1, "and so is a wipe")
	require.NoError(t, w.ack(wiped, command.ID))
	require.NotEmpty(t, w.Events(devices.KindRemove))
	rs, _, err := w.Store.ListRecords(ctx, storage.RecordQuery{Domain: w.Domain, Kind: "device.history"}, chatadmin.Page{Limit: 1000})
	require.NoError(t, err)
	require.Len(t, rs, 1)
}

// The same with a hundred at once, over two handles.
func TestRaceDisableAndRegister(t *testing.T) {
	w, second, other := twoHandles(t, nil)
	first := w.register(w.ann, "first")
	for round := range 3 {
		for _, err := range chatadmintest.AtOnce(100, func(n int) error {
			r := []*devices.Registry{w.r, second}[n%2]
			admin := []*chatadmin.Admin{w.Admin, other.Admin()}[n%2]
			if n%3 == 0 {
				_, err := r.Disable(ctx, admin.As(w.Domain, w.ann.ID), devices.Of(w.ann.ID))
				return err
			}
			_, err := r.Register(ctx, admin.AsHost(w.Domain), w.ann.ID, devices.Registration{Key: fmt.Sprintf("phone%d-%d", round, n), Type: devices.IOS})
			return err
		}) {
			if err != nil {
				require.True(t, errors.Is(err, devices.ErrTooMany) || errors.Is(err, chatadmin.ErrBusy) || errors.Is(err, chatadmin.ErrNotFound), "%v", err)
			}
		}
		enabled := 0
		for _, d := range w.ofAnn() {
			if d.Status == devices.Enabled {
				enabled++
			}
		}
		require.LessOrEqual(t, enabled, 20)
		require.LessOrEqual(t, len(w.ofAnn()), 40)
	}
	require.NotContains(t, w.ofAnn(), first.Device.Key)
}

// A device whose wipe was pending when it was removed comes back to be wiped,
// however many there are; a wiped one is let in again where there is room.
func TestWipedAtTheLimit(t *testing.T) {
	w := most(t, 2)
	removed, wiped := w.register(w.ann, "removed"), w.register(w.ann, "wiped")
	command := w.wipe(removed.Device.ID)
	require.NoError(t, w.r.Remove(ctx, w.S, devices.These(removed.Device.ID)))
	done := w.wipe(wiped.Device.ID)
	w.checkIn(wiped)
	require.NoError(t, w.ack(wiped, done.ID))
	w.register(w.ann, "one")
	w.register(w.ann, "two")
	again := w.register(w.ann, "removed")
	require.Equal(t, command.ID, w.checkIn(again)[0].ID)
	require.ErrorIs(t, w.tryRegister("wiped"), devices.ErrTooMany)
	_, err := w.r.Disable(ctx, w.Admin.As(w.Domain, w.ann.ID), devices.These(w.ofAnn()["one"].ID))
	require.NoError(t, err)
	require.True(t, w.authorized(w.register(w.ann, "wiped")))
	require.NoError(t, w.tryRegister("two"), "those that are there register anew")
}
