package devices_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/devices"
)

// What ends a user's access ends that of their devices, and what gives it back
// brings back those that were not disabled otherwise; each must sign in anew.
func TestUserAccess(t *testing.T) {
	for name, c := range map[string]struct {
		out, in func(w *world) error
	}{
		"deactivate": {func(w *world) error { _, err := w.S.DeactivateUsers(ctx, w.ann.ID); return err }, func(w *world) error { _, err := w.S.ActivateUsers(ctx, w.ann.ID); return err }},
		"deny":       {func(w *world) error { _, err := w.S.DenyAccess(ctx, w.ann.ID); return err }, func(w *world) error { _, err := w.S.GrantAccess(ctx, w.ann.ID); return err }},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			phone, tablet, foreign := w.register(w.ann, "phone"), w.register(w.ann, "tablet"), w.register(w.Boss, "phone")
			_, err := w.r.Disable(ctx, w.S, devices.These(tablet.Device.ID))
			require.NoError(t, err)
			require.NoError(t, c.out(w))
			require.False(t, w.authorized(phone))
			require.True(t, w.authorized(foreign))
			require.Equal(t, devices.ByUser, w.device(phone.Device.ID).Reasons)
			require.Equal(t, devices.ByAdmin|devices.ByUser, w.device(tablet.Device.ID).Reasons)
			_, err = w.r.Enable(ctx, w.S, devices.These(phone.Device.ID), nil)
			require.ErrorIs(t, err, devices.ErrState, "the user comes first")
			_, err = w.r.Register(ctx, w.Host, w.ann.ID, devices.Registration{Key: "phone", Type: devices.IOS})
			require.ErrorIs(t, err, chatadmin.ErrForbidden)

			require.NoError(t, c.in(w))
			require.Equal(t, enabled, w.device(phone.Device.ID).Status)
			require.Equal(t, disabled, w.device(tablet.Device.ID).Status, "disabled by itself")
			require.False(t, w.authorized(phone))
			require.True(t, w.authorized(w.register(w.ann, "phone")))
			require.Equal(t, disabled, w.register(w.ann, "tablet").Device.Status)
			e := w.Events(devices.KindDisable)[0]
			require.ElementsMatch(t, []chatadmin.ID{phone.Device.ID, tablet.Device.ID, w.ann.ID}, e.Targets)
			require.Equal(t, w.Boss.ID, e.Actor)
		})
	}
}

// Both at once: access comes back when neither holds any more. A wipe is not
// swallowed on the way.
func TestUserAccessTwice(t *testing.T) {
	w := newWorld(t)
	phone := w.register(w.ann, "phone")
	_, err := w.S.DenyAccess(ctx, w.ann.ID)
	require.NoError(t, err)
	_, err = w.S.DeactivateUsers(ctx, w.ann.ID)
	require.NoError(t, err)
	_, err = w.S.GrantAccess(ctx, w.ann.ID)
	require.NoError(t, err)
	require.Equal(t, disabled, w.device(phone.Device.ID).Status)
	command := w.wipe(phone.Device.ID)
	_, err = w.S.ActivateUsers(ctx, w.ann.ID)
	require.NoError(t, err)
	require.Equal(t, devices.ByWipe, w.device(phone.Device.ID).Reasons)
	require.Equal(t, command.ID, w.checkIn(phone)[0].ID)
}

// remove marks a user as being deleted, or not, as deleting users does.
func (w *world) deleting(id chatadmin.ID, e chatadmin.StatusEvent) {
	w.T.Helper()
	require.NoError(w.T, w.Host.Change(ctx, chatadmin.Op{Kind: "user.delete", Fence: storage.Exclusive}, func(ctx context.Context, work *chatadmin.Writer) error {
		us, err := work.Users(ctx, w.Domain, []chatadmin.ID{id})
		if err != nil || len(us) == 0 {
			return errors.Join(err, chatadmin.ErrNotFound)
		}
		now, err := chatadmin.Transition(us[0], e)
		if err != nil {
			return err
		}
		p, wrong := work.Settings.Prepare(now)
		require.Empty(w.T, wrong)
		return work.WriteUsers(ctx, "user.delete", []chatadmin.UserWrite{{Was: us[0], Now: p}})
	}))
}

// erase deletes what belongs to the user, and the user, past the library.
func (w *world) erase(store chatadmin.Store, id chatadmin.ID) {
	w.T.Helper()
	owners := []chatadmin.ID{id}
	rows, _, err := store.ListDevices(ctx, storage.DeviceQuery{Domain: w.Domain, Users: owners}, chatadmin.Page{Limit: 100})
	require.NoError(w.T, err)
	require.NoError(w.T, store.Update(ctx, storage.Fence{Domain: w.Domain, Mode: storage.Exclusive}, func(ctx context.Context, tx storage.Tx) error {
		for _, d := range rows {
			owners = append(owners, d.ID)
			if _, err := tx.ChangeDevices(ctx, []storage.Write[storage.Device]{{Row: d, Was: d.Rev, Delete: true}}); err != nil {
				return err
			}
		}
		for _, owner := range owners {
			rs, _, err := tx.ListRecords(ctx, storage.RecordQuery{Domain: w.Domain, Owner: owner}, chatadmin.Page{Limit: 100})
			if err != nil {
				return err
			}
			for _, r := range rs {
				if _, err := tx.ChangeRecords(ctx, []storage.Write[storage.Record]{{Row: r, Was: r.Rev, Delete: true}}); err != nil {
					return err
				}
			}
		}
		us, err := tx.Users(ctx, w.Domain, []chatadmin.ID{id})
		if err != nil {
			return err
		}
		_, err = tx.ChangeUsers(ctx, []storage.Write[chatadmin.User]{{Row: us[0], Was: us[0].Rev, Delete: true}})
		return err
	}))
}

// Deleting a user wipes their devices. The wipe is delivered and answered after
// everything of the user is gone, and nothing personal is kept for it.
func TestUserDeleted(t *testing.T) {
	w := newWorld(t)
	phone, tablet, wiped, off := w.register(w.ann, "phone"), w.register(w.ann, "tablet"), w.register(w.ann, "wiped"), w.register(w.ann, "off")
	done := w.wipe(wiped.Device.ID)
	w.checkIn(wiped)
	require.NoError(t, w.ack(wiped, done.ID))
	earlier := w.wipe(tablet.Device.ID)
	_, err := w.r.Disable(ctx, w.S, devices.These(off.Device.ID))
	require.NoError(t, err)
	_, err = w.S.DeactivateUsers(ctx, w.ann.ID)
	require.NoError(t, err)
	w.deleting(w.ann.ID, chatadmin.BeginDeletion)
	require.False(t, w.authorized(phone))
	require.Equal(t, earlier.ID, w.device(tablet.Device.ID).Command.ID)
	require.Equal(t, devices.Acknowledged, w.device(wiped.Device.ID).Wipe, "wiped already")
	require.Equal(t, chatadmin.HostActor, w.device(phone.Device.ID).Command.AskedBy)

	w.erase(w.Store, w.ann.ID)
	rs, _, err := w.Store.ListRecords(ctx, storage.RecordQuery{Domain: w.Domain, Kind: "device.command"}, chatadmin.Page{Limit: 100})
	require.NoError(t, err)
	require.Len(t, rs, 3)
	for _, r := range rs {
		require.NotContains(t, string(r.Data), string(w.ann.ID))
		for _, personal := range []string{"phone", "tablet", "off", "ann", "push"} {
			require.NotContains(t, string(r.Data), `"`+personal)
		}
	}
	require.Len(t, w.pending(0), 3)
	for _, out := range []devices.Registered{phone, tablet, off} {
		got := w.checkInTwice(out)
		require.Len(t, got, 1)
		require.NoError(t, w.ack(out, got[0].ID))
		w.nothingLeft(out.Device.ID)
	}
	require.Empty(t, w.pending(0))
	_, err = w.r.CheckIn(ctx, wiped.WipeToken.Plain())
	require.ErrorIs(t, err, devices.ErrRefused)

	// The login is used again: it inherits nothing.
	again := w.user("ann@acme.example")
	fresh := w.register(again, "phone")
	require.True(t, w.authorized(fresh))
	require.EqualValues(t, 1, fresh.Device.Generation)
	require.Empty(t, w.checkIn(fresh))
}

// A deletion that is called off gives access back, but not to a device that may
// have been wiped already.
func TestDeletionCancelled(t *testing.T) {
	w := newWorld(t)
	phone := w.register(w.ann, "phone")
	w.deleting(w.ann.ID, chatadmin.BeginDeletion)
	w.deleting(w.ann.ID, chatadmin.CancelDeletion)
	require.Equal(t, devices.ByWipe, w.device(phone.Device.ID).Reasons)
	_, err := w.r.Enable(ctx, w.S, devices.These(phone.Device.ID), &devices.EnableOptions{CancelWipe: true})
	require.NoError(t, err)
	require.True(t, w.authorized(w.register(w.ann, "phone")))
}

// counting counts the calls that one transaction makes of the store.
type counting struct {
	chatadmin.Store
	calls, most int
}

type countingTx struct {
	storage.Tx
	c *counting
}

func (c *counting) Update(ctx context.Context, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
	return c.Store.Update(ctx, fence, func(ctx context.Context, tx storage.Tx) error {
		c.calls = 0
		err := f(ctx, countingTx{tx, c})
		c.most = max(c.most, c.calls)
		return err
	})
}

func (x countingTx) ChangeDevices(ctx context.Context, c []storage.Write[storage.Device]) ([]storage.Conflict, error) {
	x.c.calls++
	return x.Tx.ChangeDevices(ctx, c)
}

func (x countingTx) ListDevices(ctx context.Context, q storage.DeviceQuery, p chatadmin.Page) ([]storage.Device, chatadmin.Cursor, error) {
	x.c.calls++
	return x.Tx.ListDevices(ctx, q, p)
}

func (x countingTx) Records(ctx context.Context, keys []storage.Key) ([]storage.Record, error) {
	x.c.calls++
	return x.Tx.Records(ctx, keys)
}

// A thousand users with three devices each are deactivated in one transaction,
// in a few calls of the store; users who keep their access cost none.
func TestThousandUsers(t *testing.T) {
	store := &counting{Store: memstore.New(nil)}
	w := newWorldOn(t, store)
	ids := make([]chatadmin.ID, 1000)
	var phones []devices.Registered
	for i := range ids {
		u := w.user(fmt.Sprintf("user%d@acme.example", i))
		ids[i] = u.ID
		for k := range 3 {
			phones = append(phones, w.register(u, fmt.Sprintf("%d-%d", i, k)))
		}
	}
	title := "Head"
	store.most = 0
	_, err := w.S.EditUser(ctx, ids[0], chatadmin.UserEdit{Title: &title})
	require.NoError(t, err)
	require.Zero(t, store.most)
	for range 2 {
		store.most = 0
		_, err = w.S.DeactivateUsers(ctx, ids...)
		require.NoError(t, err)
		for _, p := range phones {
			require.False(t, w.authorized(p))
		}
	}
	store.most = 0
	_, err = w.S.ActivateUsers(ctx, ids...)
	require.NoError(t, err)
	require.LessOrEqual(t, store.most, 10)
	enabledNow, err := all(w.r.Devices(ctx, w.Host, devices.Query{Status: enabled}))
	require.NoError(t, err)
	require.Len(t, enabledNow, 3000)
	require.Len(t, w.Events(devices.KindDisable), 6, "each names five hundred devices and their users")
}

// Registering and deactivating at once: whichever comes first, nobody without
// access has a device that is let in.
func TestRaceRegisterDeactivate(t *testing.T) {
	one := memstore.New(nil)
	w := newWorldOn(t, one)
	admin := chatadmintest.Must(chatadmin.New(one.Handle(nil), &chatadmin.Options{Now: w.Clock.Now}))
	second := chatadmintest.Must(devices.New(admin, nil))
	for round := range 20 {
		u := w.user(fmt.Sprintf("racer%d@acme.example", round))
		outs := make([]devices.Registered, 100)
		errs := chatadmintest.AtOnce(100, func(n int) (err error) {
			switch {
			case n == 50:
				_, err = w.S.DeactivateUsers(ctx, u.ID)
			case n%2 == 0:
				outs[n], err = w.r.Register(ctx, w.Host, u.ID, devices.Registration{Key: fmt.Sprint(n % 10), Type: devices.IOS})
			default:
				outs[n], err = second.Register(ctx, admin.AsHost(w.Domain), u.ID, devices.Registration{Key: fmt.Sprint(n % 10), Type: devices.IOS})
			}
			return err
		})
		require.NoError(t, errs[50])
		for _, out := range outs {
			require.False(t, w.authorized(out))
		}
	}
}
