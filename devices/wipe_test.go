package devices_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/devices"
)

func TestWipe(t *testing.T) {
	w := newWorld(t)
	out := w.register(w.ann, "phone")
	require.Empty(t, w.checkIn(out))
	command := w.wipe(out.Device.ID)
	require.Equal(t, w.Boss.ID, command.AskedBy)
	require.False(t, w.authorized(out), "asking disables at once")
	d := w.device(out.Device.ID)
	require.Equal(t, []any{disabled, devices.ByWipe, devices.Requested}, []any{d.Status, d.Reasons, d.Wipe})
	require.Equal(t, command, w.wipe(out.Device.ID), "asking again is the same command")

	require.ErrorIs(t, w.ack(out, command.ID), devices.ErrState, "not delivered yet")
	for range 3 { // the same command until it answers
		got := w.checkIn(out)
		require.Len(t, got, 1)
		require.Equal(t, command.ID, got[0].ID)
	}
	require.Len(t, w.Events(devices.KindDeliverWipe), 1, "it was delivered once")
	require.ErrorIs(t, w.ack(out, "another"), devices.ErrStale)
	_, err := w.r.CancelWipe(ctx, w.S, out.Device.ID)
	require.ErrorIs(t, err, devices.ErrState, "too late")
	_, err = w.r.Enable(ctx, w.S, devices.These(out.Device.ID), &devices.EnableOptions{CancelWipe: true})
	require.ErrorIs(t, err, devices.ErrWipePending)

	require.NoError(t, w.ack(out, command.ID))
	require.NoError(t, w.ack(out, command.ID), "a replay is harmless")
	failed, err := w.r.Acknowledge(ctx, out.WipeToken.Plain(), command.ID, devices.Outcome{Failed: true})
	require.NoError(t, err)
	require.Equal(t, devices.Acknowledged, failed.State, "the first answer counts")
	require.Len(t, w.Events(devices.KindAnswerWipe), 1)
	require.Empty(t, w.checkIn(out))
	d = w.device(out.Device.ID)
	require.Equal(t, []any{disabled, devices.Wiped, devices.Acknowledged}, []any{d.Status, d.Reasons, d.Wipe})
	require.Equal(t, command.ID, w.wipe(out.Device.ID).ID, "wiped already")

	// It registers again: a new generation, to which nothing old applies.
	again := w.register(w.ann, "phone")
	require.True(t, w.authorized(again))
	require.EqualValues(t, 2, again.Device.Generation)
	require.Equal(t, devices.None, w.device(out.Device.ID).Wipe)
	require.ErrorIs(t, w.ack(out, command.ID), devices.ErrRefused, "the old credential")
	require.ErrorIs(t, w.ack(again, command.ID), devices.ErrStale, "the old command")
	require.True(t, w.authorized(again))
	history, err := w.r.History(ctx, w.S, out.Device.ID)
	require.NoError(t, err)
	require.Len(t, history, 1)
	require.Equal(t, []any{devices.Acknowledged, w.Boss.ID, int64(1)}, []any{history[0].State, history[0].AskedBy, history[0].Generation})
	second := w.wipe(out.Device.ID)
	require.NotEqual(t, command.ID, second.ID)
	history, err = w.r.History(ctx, w.S, out.Device.ID)
	require.NoError(t, err)
	require.Len(t, history, 2)
	require.Equal(t, second, history[1])
}

func TestWipeFailed(t *testing.T) {
	w := newWorld(t)
	out := w.register(w.ann, "phone")
	command := w.wipe(out.Device.ID)
	w.checkIn(out)
	got, err := w.r.Acknowledge(ctx, out.WipeToken.Plain(), command.ID, devices.Outcome{Failed: true, Detail: "disk\nfull " + strings.Repeat("x", 100)})
	require.NoError(t, err)
	require.Equal(t, devices.Failed, got.State)
	require.Less(t, len(got.Failure), 70)
	require.NotContains(t, got.Failure, "\n")
	require.Empty(t, w.pending(0))
	d := w.device(out.Device.ID)
	require.Equal(t, []any{disabled, devices.ByAdmin, devices.Failed}, []any{d.Status, d.Reasons, d.Wipe})
	require.Equal(t, disabled, w.register(w.ann, "phone").Device.Status, "an administrator decides")
	second := w.wipe(out.Device.ID)
	require.NotEqual(t, command.ID, second.ID)
	require.Equal(t, devices.Requested, w.device(out.Device.ID).Wipe)
}

func TestCancelWipe(t *testing.T) {
	w := newWorld(t)
	out := w.register(w.ann, "phone")
	id := devices.These(out.Device.ID)
	_, err := w.r.CancelWipe(ctx, w.S, out.Device.ID)
	require.ErrorIs(t, err, devices.ErrState)
	w.wipe(out.Device.ID)
	_, err = w.r.Enable(ctx, w.S, id, nil)
	require.ErrorIs(t, err, devices.ErrWipePending)
	require.ErrorIs(t, err, devices.ErrState)
	_, err = w.r.Disable(ctx, w.S, id)
	require.NoError(t, err)
	require.Len(t, w.checkInTwice(out), 1, "disabling does not swallow it")

	out = w.register(w.Boss, "other")
	w.wipe(out.Device.ID)
	for range 2 {
		d, err := w.r.CancelWipe(ctx, w.S, out.Device.ID)
		require.NoError(t, err)
		require.Equal(t, []any{disabled, devices.ByAdmin, devices.Cancelled}, []any{d.Status, d.Reasons, d.Wipe})
	}
	require.Empty(t, w.checkIn(out))
	w.wipe(out.Device.ID)
	ds, err := w.r.Enable(ctx, w.S, devices.These(out.Device.ID), &devices.EnableOptions{CancelWipe: true})
	require.NoError(t, err)
	require.Equal(t, []any{enabled, devices.Cancelled}, []any{ds[0].Status, ds[0].Wipe})
	require.Equal(t, w.Boss.ID, ds[0].Command.EndedBy)
	require.True(t, w.authorized(w.register(w.Boss, "other")))
	history, err := w.r.History(ctx, w.S, out.Device.ID)
	require.NoError(t, err)
	require.Len(t, history, 2)
}

func (w *world) checkInTwice(out devices.Registered) []devices.Command {
	w.T.Helper()
	w.checkIn(out)
	return w.checkIn(out)
}

func TestRegisterWhileWipePending(t *testing.T) {
	for _, delivered := range []bool{false, true} {
		w := newWorld(t)
		out := w.register(w.ann, "phone")
		command := w.wipe(out.Device.ID)
		if delivered {
			w.checkIn(out)
		}
		again := w.register(w.ann, "phone")
		require.Equal(t, disabled, again.Device.Status)
		require.EqualValues(t, 1, again.Device.Generation, "not a new generation before it has answered")
		require.Empty(t, again.Token)
		got := w.checkIn(again)
		require.Len(t, got, 1)
		require.Equal(t, command.ID, got[0].ID)
		require.NoError(t, w.ack(again, command.ID))
		last := w.register(w.ann, "phone")
		require.True(t, w.authorized(last))
		require.EqualValues(t, 2, last.Device.Generation)
		require.Empty(t, w.checkIn(last))
	}
}

func TestAdminDisabledBesidesWipe(t *testing.T) {
	w := newWorld(t)
	out := w.register(w.ann, "phone")
	_, err := w.r.Disable(ctx, w.S, devices.These(out.Device.ID))
	require.NoError(t, err)
	command := w.wipe(out.Device.ID)
	w.checkIn(out)
	require.NoError(t, w.ack(out, command.ID))
	require.Equal(t, disabled, w.register(w.ann, "phone").Device.Status)
	_, err = w.r.Enable(ctx, w.S, devices.These(out.Device.ID), nil)
	require.NoError(t, err)
	require.True(t, w.authorized(w.register(w.ann, "phone")))
}

func TestRemove(t *testing.T) {
	w := newWorld(t)
	out := w.register(w.ann, "phone")
	first := w.wipe(out.Device.ID)
	w.checkIn(out)
	require.NoError(t, w.ack(out, first.ID))
	out = w.register(w.ann, "phone")
	command := w.wipe(out.Device.ID)
	require.NoError(t, w.r.Remove(ctx, w.S, devices.Of(w.ann.ID)))
	ds, err := all(w.r.Devices(ctx, w.Host, devices.Query{}))
	require.NoError(t, err)
	require.Empty(t, ds)
	removed := w.Events(devices.KindRemove)[0]
	require.Equal(t, []chatadmin.FieldChange{{Field: "status", Before: "disabled"}}, removed.Changes[out.Device.ID])
	owned, _, err := w.Store.ListRecords(ctx, storage.RecordQuery{Domain: w.Domain, Owner: out.Device.ID}, chatadmin.Page{Limit: 10})
	require.NoError(t, err)
	require.Empty(t, owned)
	left := w.pending(0)
	require.Len(t, left, 1)
	require.Equal(t, devices.Device{ID: out.Device.ID, Status: disabled, Generation: 2, Wipe: devices.Requested, Command: command}, left[0])
	require.Len(t, w.checkInTwice(out), 1)
	require.NoError(t, w.ack(out, command.ID))
	require.Empty(t, w.pending(0))
	require.ErrorIs(t, w.ack(out, command.ID), devices.ErrRefused, "nothing is left of it")
	fresh := w.register(w.ann, "phone")
	w.nothingLeft(out.Device.ID)
	require.NotEqual(t, out.Device.ID, fresh.Device.ID)
	require.True(t, w.authorized(fresh))

	// One that has no wipe pending leaves nothing.
	require.NoError(t, w.r.Remove(ctx, w.S, devices.These(fresh.Device.ID)))
	w.nothingLeft(fresh.Device.ID)
	_, err = w.r.CheckIn(ctx, fresh.WipeToken.Plain())
	require.ErrorIs(t, err, devices.ErrRefused)
}

// A lost phone is wiped and taken off the list. Whoever holds it registers it
// again: it is not let in before it has answered, whatever has become of its
// old credentials.
func TestRemovedRegistersAgain(t *testing.T) {
	for name, c := range map[string]struct {
		before func(w *world, out devices.Registered)
		state  devices.Wipe
	}{
		"requested": {func(*world, devices.Registered) {}, devices.Requested},
		"delivered": {func(w *world, out devices.Registered) { w.checkIn(out) }, devices.Delivered},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.register(w.ann, "phone")
			out := w.register(w.ann, "phone")
			command := w.wipe(out.Device.ID)
			c.before(w, out)
			require.NoError(t, w.r.Remove(ctx, w.S, devices.These(out.Device.ID)))
			allowed := func() bool {
				ok, err := w.r.DeviceAllowed(ctx, w.Domain, w.ann.ID, "phone")
				require.NoError(t, err)
				return ok
			}
			require.False(t, allowed())
			require.True(t, w.authorized(w.register(w.Boss, "phone")), "another's registration")
			for range 2 { // removed once more, it comes back once more
				again := w.register(w.ann, "phone")
				require.Empty(t, again.Token)
				require.Equal(t, []any{out.Device.ID, int64(2), disabled, devices.ByWipe, c.state, command.ID},
					[]any{again.Device.ID, again.Device.Generation, again.Device.Status, again.Device.Reasons, again.Device.Wipe, again.Device.Command.ID})
				require.Equal(t, c.state, w.device(out.Device.ID).Wipe, "on the list")
				_, err := w.r.CheckIn(ctx, out.WipeToken.Plain())
				require.ErrorIs(t, err, devices.ErrRefused, "the new credential takes the place of the old one")
				_, err = w.r.Enable(ctx, w.S, devices.These(out.Device.ID), nil)
				require.ErrorIs(t, err, devices.ErrWipePending)
				require.NoError(t, w.r.Remove(ctx, w.S, devices.These(out.Device.ID)))
			}
			again := w.register(w.ann, "phone")
			require.Equal(t, command.ID, w.checkIn(again)[0].ID)
			require.NoError(t, w.ack(again, command.ID))
			require.Empty(t, w.pending(0))
			require.True(t, allowed())
			last := w.register(w.ann, "phone")
			require.True(t, w.authorized(last))
			require.EqualValues(t, 3, last.Device.Generation)
		})
	}
}

// The wipe of a device that was removed can be taken back until it is
// delivered, by whoever has power over who asked for it. After that the phone
// is a new one.
func TestRemovedCancelWipe(t *testing.T) {
	w := newWorld(t)
	role, err := w.Host.CreateRole(ctx, chatadmin.Role{Name: "devices", Level: 50, Permissions: []chatadmin.Permission{chatadmin.PermDevices}})
	require.NoError(t, err)
	clerk := w.Admin.As(w.Domain, w.user("clerk@acme.example", role.ID).ID)
	out, late := w.register(w.ann, "phone"), w.register(w.ann, "late")
	w.wipe(out.Device.ID)
	w.wipe(late.Device.ID)
	require.NoError(t, w.r.Remove(ctx, w.S, devices.Of(w.ann.ID)))
	w.checkIn(late)
	for _, change := range []func() error{
		func() error { _, err := w.r.Wipe(ctx, w.S, out.Device.ID); return err },
		func() error { _, err := w.r.Disable(ctx, w.S, devices.These(out.Device.ID)); return err },
		func() error {
			_, err := w.r.Enable(ctx, w.S, devices.These(out.Device.ID), &devices.EnableOptions{CancelWipe: true})
			return err
		},
		func() error { return w.r.Remove(ctx, w.S, devices.These(out.Device.ID)) },
	} {
		require.ErrorIs(t, change(), chatadmin.ErrNotFound, "it is not on the list")
	}
	_, err = w.r.CancelWipe(ctx, clerk, out.Device.ID)
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
	require.Len(t, w.pending(0), 2)
	d, err := w.r.CancelWipe(ctx, w.S, out.Device.ID)
	require.NoError(t, err)
	require.Equal(t, []any{out.Device.ID, disabled, devices.Cancelled, w.Boss.ID}, []any{d.ID, d.Status, d.Wipe, d.Command.EndedBy})
	e := w.Events(devices.KindCancelWipe)
	require.Len(t, e, 1)
	require.Equal(t, []chatadmin.ID{out.Device.ID}, e[0].Targets)
	_, err = w.r.CancelWipe(ctx, w.S, out.Device.ID)
	require.ErrorIs(t, err, chatadmin.ErrNotFound)
	_, err = w.r.CheckIn(ctx, out.WipeToken.Plain())
	require.ErrorIs(t, err, devices.ErrRefused)
	_, err = w.r.CancelWipe(ctx, w.S, late.Device.ID)
	require.ErrorIs(t, err, devices.ErrState, "too late")
	fresh := w.register(w.ann, "phone")
	require.True(t, w.authorized(fresh))
	require.NotEqual(t, out.Device.ID, fresh.Device.ID)
	w.nothingLeft(out.Device.ID)
}

// A device of a user who is being deleted can be removed as well: they do not
// register it again, and nothing leads to it.
func TestRemoveOfDeleted(t *testing.T) {
	w := newWorld(t)
	out := w.register(w.ann, "phone")
	w.deleting(w.ann.ID, chatadmin.BeginDeletion)
	require.NoError(t, w.r.Remove(ctx, w.S, devices.These(out.Device.ID)))
	require.Len(t, w.pending(0), 1)
	require.Len(t, w.checkIn(out), 1)
	w.erase(w.Store, w.ann.ID)
	rs, _, err := w.Store.ListRecords(ctx, storage.RecordQuery{Domain: w.Domain, Kind: "device.removed"}, chatadmin.Page{Limit: 10})
	require.NoError(t, err)
	require.Empty(t, rs)
}

// What leads to a removed device has the client's own device id in it, and goes
// with the user; the wipe does not.
func TestRemovedThenUserDeleted(t *testing.T) {
	w := newWorld(t)
	out := w.register(w.ann, "phone")
	w.wipe(out.Device.ID)
	require.NoError(t, w.r.Remove(ctx, w.S, devices.These(out.Device.ID)))
	w.deleting(w.ann.ID, chatadmin.BeginDeletion)
	w.erase(w.Store, w.ann.ID)
	rs, _, err := w.Store.ListRecords(ctx, storage.RecordQuery{Domain: w.Domain}, chatadmin.Page{Limit: 1000})
	require.NoError(t, err)
	for _, r := range rs {
		require.NotContains(t, r.ID+string(r.Owner)+string(r.Data), string(w.ann.ID), "%s", r.Kind)
	}
	require.Len(t, w.checkIn(out), 1)
}

// A wiped device that an administrator has enabled is disabled by the next
// wipe, at once; there is nothing new for it to do, and it may register again.
func TestWipeAfterEnable(t *testing.T) {
	for name, wipe := range map[string]func(w *world, id chatadmin.ID) error{
		"one": func(w *world, id chatadmin.ID) error { _, err := w.r.Wipe(ctx, w.S, id); return err },
		"planned": func(w *world, id chatadmin.ID) error {
			plan, err := w.r.PlanWipe(ctx, w.S, devices.These(id))
			require.NoError(w.T, err)
			require.EqualValues(w.T, 1, plan.Counts["devices"])
			_, err = w.r.ApplyWipe(ctx, w.S, plan, nil)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			out := w.register(w.ann, "phone")
			command := w.wipe(out.Device.ID)
			w.checkIn(out)
			require.NoError(t, w.ack(out, command.ID))
			ds, err := w.r.Enable(ctx, w.S, devices.These(out.Device.ID), nil)
			require.NoError(t, err)
			require.Equal(t, enabled, ds[0].Status)
			require.NoError(t, wipe(w, out.Device.ID))
			d := w.device(out.Device.ID)
			require.Equal(t, []any{disabled, devices.Wiped, devices.Acknowledged, command.ID}, []any{d.Status, d.Reasons, d.Wipe, d.Command.ID})
			require.True(t, w.authorized(w.register(w.ann, "phone")))
		})
	}
}

// nothingLeft: no record speaks of a device any more.
func (w *world) nothingLeft(id chatadmin.ID) {
	w.T.Helper()
	rs, _, err := w.Store.ListRecords(ctx, storage.RecordQuery{Domain: w.Domain}, chatadmin.Page{Limit: 1000})
	require.NoError(w.T, err)
	for _, r := range rs {
		require.NotContains(w.T, r.ID+" "+string(r.Owner)+" "+string(r.Data), string(id), "%s", r.Kind)
	}
}

func TestPendingForDays(t *testing.T) {
	w := newWorld(t)
	const day = 24 * time.Hour
	old, young := w.register(w.ann, "old"), w.register(w.Boss, "young")
	w.wipe(old.Device.ID)
	w.Clock.Advance(5 * day)
	w.wipe(young.Device.ID)
	w.Clock.Advance(2 * day)
	for atLeast, want := range chatadmintest.InOrder(map[time.Duration][]string{0: {"old", "young"}, 2 * day: {"old", "young"}, 3 * day: {"old"}, 7 * day: {"old"}, 8 * day: nil}) {
		var keys []string
		for _, d := range w.pending(atLeast) {
			keys = append(keys, d.Key)
		}
		require.Equal(t, want, keys, "%s", atLeast)
	}
	require.Equal(t, "ann@acme.example", w.pending(7 * day)[0].Login)
	w.checkIn(old)
	require.Len(t, w.pending(7*day), 1, "delivered is not answered")
}

func TestVeto(t *testing.T) {
	no := errors.New("not this one")
	var seen []chatadmin.Intent
	w := newWorld(t, func(o *chatadmin.Options, _ *devices.Options) {
		o.Before = func(_ context.Context, i chatadmin.Intent) error {
			if seen = append(seen, i); i.Kind == devices.KindWipe {
				return no
			}
			return nil
		}
	})
	out := w.register(w.ann, "phone")
	_, err := w.r.Wipe(ctx, w.S, out.Device.ID)
	require.ErrorIs(t, err, chatadmin.ErrVetoed)
	require.ErrorIs(t, err, no)
	require.Equal(t, chatadmin.Intent{Domain: w.Domain, Actor: w.Boss.ID, Kind: "device.wipe", Targets: []chatadmin.ID{out.Device.ID}}, seen[len(seen)-1])
	require.True(t, w.authorized(out))
	plan, err := w.r.PlanWipe(ctx, w.S, devices.These(out.Device.ID))
	require.NoError(t, err)
	_, err = w.r.ApplyWipe(ctx, w.S, plan, nil)
	require.ErrorIs(t, err, chatadmin.ErrVetoed)
	require.True(t, w.authorized(out))
}
