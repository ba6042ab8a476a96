package devices_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/csvimport"
	"chatadmin.example/sdk/devices"
)

const disabled, enabled = devices.Disabled, devices.Enabled

func TestRegister(t *testing.T) {
	w := newWorld(t)
	one := w.register(w.ann, "phone")
	require.True(t, w.authorized(one))
	require.Equal(t, []any{enabled, int64(1), devices.None}, []any{one.Device.Status, one.Device.Generation, one.Device.Wipe})
	got, err := w.r.Authorize(ctx, one.Token.Plain())
	require.NoError(t, err)
	require.Equal(t, devices.Session{Domain: w.domain, User: w.ann.ID, Device: one.Device.ID, Key: "phone", Type: devices.IOS, Generation: 1}, got)

	// Two people may share a phone.
	shared := w.register(w.boss, "phone")
	require.NotEqual(t, one.Device.ID, shared.Device.ID)

	// Registering anew is a new generation, and the credentials of the one before are dead.
	again := w.register(w.ann, "phone")
	require.Equal(t, one.Device.ID, again.Device.ID)
	require.EqualValues(t, 2, again.Device.Generation)
	require.False(t, w.authorized(one))
	require.True(t, w.authorized(again) && w.authorized(shared))
	_, err = w.r.CheckIn(ctx, one.WipeToken.Plain())
	require.ErrorIs(t, err, devices.ErrRefused)

	// One credential does not serve as the other.
	_, err = w.r.Authorize(ctx, again.WipeToken.Plain())
	require.ErrorIs(t, err, devices.ErrRefused)
	_, err = w.r.CheckIn(ctx, again.Token.Plain())
	require.ErrorIs(t, err, devices.ErrRefused)

	for _, bad := range []devices.Registration{
		{}, {Key: "x"}, {Key: "a b", Type: devices.IOS}, {Key: "ü", Type: devices.IOS}, {Key: strings.Repeat("x", 129), Type: devices.IOS}, {Key: "x", Type: 99}, {Key: "x\x00", Type: devices.IOS},
		{Key: "x", Type: devices.IOS, Name: "a\nb"}, {Key: "x", Type: devices.IOS, Name: "\xff"}, {Key: "x", Type: devices.IOS, Name: strings.Repeat("n", 101)},
		{Key: "x", Type: devices.IOS, Version: strings.Repeat("1", 51)}, {Key: "x", Type: devices.IOS, Push: strings.Repeat("p", 1025)}, {Key: "x", Type: devices.IOS, Push: "a b"},
	} {
		_, err := w.r.Register(ctx, w.host, w.ann.ID, bad)
		require.ErrorIs(t, err, chatadmin.ErrInvalid, "%+v", bad)
		var field *chatadmin.FieldError
		require.ErrorAs(t, err, &field)
	}
	_, err = w.r.Register(ctx, w.host, "nobody", devices.Registration{Key: "x", Type: devices.IOS})
	require.ErrorIs(t, err, chatadmin.ErrNotFound)
}

// Only hashes are kept, and nothing that is printed shows a credential.
func TestSecretsStayHidden(t *testing.T) {
	w := newWorld(t)
	out := w.register(w.ann, "phone")
	w.wipe(out.Device.ID)
	rows, err := w.store.Devices(ctx, w.domain, []chatadmin.ID{out.Device.ID})
	require.NoError(t, err)
	records, _, err := w.store.ListRecords(ctx, chatadmin.RecordQuery{Domain: w.domain}, chatadmin.Page{Limit: 1000})
	require.NoError(t, err)
	events, _, err := w.store.ListEvents(ctx, chatadmin.EventQuery{Domain: w.domain}, chatadmin.Page{Limit: 1000})
	require.NoError(t, err)
	text := fmt.Sprintf("%+v %#v %s", out, out, must(json.Marshal([]any{rows, records, events, out})))
	for _, r := range records {
		text += string(r.Data)
	}
	for _, e := range events {
		text += string(e.Data)
	}
	for _, token := range []chatadmin.Token{out.Token, out.WipeToken} {
		secret := token.Plain()[strings.LastIndexByte(token.Plain(), '.')+1:]
		require.Len(t, secret, 43)
		require.NotContains(t, text, secret)
	}
	require.NotContains(t, text, "push-phone", "push tokens stand in the row alone")
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestLimitPerUser(t *testing.T) {
	w := newWorld(t, func(_ *chatadmin.Options, o *devices.Options) { o.MaxPerUser = 3 })
	for n := range 3 {
		w.register(w.ann, fmt.Sprint("phone", n))
	}
	_, err := w.r.Register(ctx, w.host, w.ann.ID, devices.Registration{Key: "phone3", Type: devices.IOS})
	require.ErrorIs(t, err, devices.ErrTooMany)
	again := w.register(w.ann, "phone1")
	require.NoError(t, w.r.Remove(ctx, w.s, devices.These(again.Device.ID)))
	w.register(w.ann, "phone3")
}

// A hundred registrations at once, of devices of one user: the limit holds.
func TestRaceLimit(t *testing.T) {
	w := newWorld(t, func(_ *chatadmin.Options, o *devices.Options) { o.MaxPerUser = 5 })
	done := 0
	for _, err := range race(func(n int) error {
		_, err := w.r.Register(ctx, w.host, w.ann.ID, devices.Registration{Key: fmt.Sprint("phone", n), Type: devices.IOS})
		return err
	}) {
		if err == nil {
			done++
		} else {
			require.True(t, errors.Is(err, devices.ErrTooMany) || errors.Is(err, chatadmin.ErrBusy), "%v", err)
		}
	}
	ds, err := all(w.r.All(ctx, w.host, devices.Query{}))
	require.NoError(t, err)
	require.Len(t, ds, done)
	require.LessOrEqual(t, done, 5)
	require.Positive(t, done)
}

func TestDisableAndEnable(t *testing.T) {
	w := newWorld(t)
	out := w.register(w.ann, "phone")
	id := devices.These(out.Device.ID)
	for range 2 {
		ds, err := w.r.Disable(ctx, w.s, id)
		require.NoError(t, err)
		require.Equal(t, disabled, ds[0].Status)
		require.Equal(t, devices.ByAdmin, ds[0].Reasons)
		require.False(t, w.authorized(out))
	}
	require.Len(t, w.events(devices.KindDisable), 1, "asking for what is the case changes nothing")

	stays := w.register(w.ann, "phone")
	require.Equal(t, disabled, stays.Device.Status)
	require.Empty(t, stays.Token)
	require.EqualValues(t, 1, stays.Device.Generation)

	_, err := w.r.Enable(ctx, w.s, id, nil)
	require.NoError(t, err)
	require.Equal(t, enabled, w.device(out.Device.ID).Status)
	require.False(t, w.authorized(out), "revoked credentials do not come back")
	require.True(t, w.authorized(w.register(w.ann, "phone")))
	require.Len(t, w.events(devices.KindEnable), 1)
	e := w.events(devices.KindDisable)[0]
	require.Equal(t, w.boss.ID, e.Actor)
	require.Equal(t, []chatadmin.ID{out.Device.ID, w.ann.ID}, e.Targets)
	require.Equal(t, []chatadmin.FieldChange{{Field: "disabled_by", After: "admin"}, {Field: "status", Before: "enabled", After: "disabled"}}, e.Changes[out.Device.ID])
}

// Many, by device and by user: all or none.
func TestMany(t *testing.T) {
	w := newWorld(t)
	bob := w.user("bob@acme.example")
	a, b, c := w.register(w.ann, "a"), w.register(w.ann, "b"), w.register(bob, "c")
	_, err := w.r.Disable(ctx, w.s, devices.These(a.Device.ID, "none", c.Device.ID))
	require.ErrorIs(t, err, chatadmin.ErrNotFound)
	require.True(t, w.authorized(a) && w.authorized(b) && w.authorized(c))
	ds, err := w.r.Disable(ctx, w.s, devices.Selection{Users: []chatadmin.ID{w.ann.ID, bob.ID}, Devices: []chatadmin.ID{a.Device.ID}})
	require.NoError(t, err)
	require.Len(t, ds, 3)
	require.False(t, w.authorized(a) || w.authorized(b) || w.authorized(c))
	w.wipe(c.Device.ID)
	_, err = w.r.Enable(ctx, w.s, devices.Of(w.ann.ID, bob.ID), nil)
	require.ErrorIs(t, err, devices.ErrWipePending)
	require.Equal(t, disabled, w.device(a.Device.ID).Status, "one that cannot keeps all")
	_, err = w.r.Enable(ctx, w.s, devices.Of(w.ann.ID), nil)
	require.NoError(t, err)
	require.Equal(t, enabled, w.device(a.Device.ID).Status)
	for _, sel := range []devices.Selection{{}, devices.Of(make([]chatadmin.ID, 1001)...), devices.These(make([]chatadmin.ID, 501)...)} {
		_, err = w.r.Disable(ctx, w.s, sel)
		require.ErrorIs(t, err, chatadmin.ErrInvalid)
	}
}

func TestWipe(t *testing.T) {
	w := newWorld(t)
	out := w.register(w.ann, "phone")
	require.Empty(t, w.checkIn(out))
	command := w.wipe(out.Device.ID)
	require.Equal(t, w.boss.ID, command.AskedBy)
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
	require.Len(t, w.events(devices.KindDeliverWipe), 1, "it was delivered once")
	require.ErrorIs(t, w.ack(out, "another"), devices.ErrStale)
	_, err := w.r.CancelWipe(ctx, w.s, out.Device.ID)
	require.ErrorIs(t, err, devices.ErrState, "too late")
	_, err = w.r.Enable(ctx, w.s, devices.These(out.Device.ID), &devices.EnableOptions{CancelWipe: true})
	require.ErrorIs(t, err, devices.ErrState)

	require.NoError(t, w.ack(out, command.ID))
	require.NoError(t, w.ack(out, command.ID), "a replay is harmless")
	failed, err := w.r.Acknowledge(ctx, out.WipeToken.Plain(), command.ID, devices.Outcome{Failed: true})
	require.NoError(t, err)
	require.Equal(t, devices.Acknowledged, failed.State, "the first answer counts")
	require.Len(t, w.events(devices.KindAnswerWipe), 1)
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
	history, err := w.r.History(ctx, w.s, out.Device.ID)
	require.NoError(t, err)
	require.Len(t, history, 1)
	require.Equal(t, []any{devices.Acknowledged, w.boss.ID, int64(1)}, []any{history[0].State, history[0].AskedBy, history[0].Generation})
	second := w.wipe(out.Device.ID)
	require.NotEqual(t, command.ID, second.ID)
	history, err = w.r.History(ctx, w.s, out.Device.ID)
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
	_, err := w.r.CancelWipe(ctx, w.s, out.Device.ID)
	require.ErrorIs(t, err, devices.ErrState)
	w.wipe(out.Device.ID)
	_, err = w.r.Enable(ctx, w.s, id, nil)
	require.ErrorIs(t, err, devices.ErrWipePending)
	require.ErrorIs(t, err, devices.ErrState)
	_, err = w.r.Disable(ctx, w.s, id)
	require.NoError(t, err)
	require.Len(t, w.checkInTwice(out), 1, "disabling does not swallow it")

	out = w.register(w.boss, "other")
	w.wipe(out.Device.ID)
	for range 2 {
		d, err := w.r.CancelWipe(ctx, w.s, out.Device.ID)
		require.NoError(t, err)
		require.Equal(t, []any{disabled, devices.ByAdmin, devices.Cancelled}, []any{d.Status, d.Reasons, d.Wipe})
	}
	require.Empty(t, w.checkIn(out))
	w.wipe(out.Device.ID)
	ds, err := w.r.Enable(ctx, w.s, devices.These(out.Device.ID), &devices.EnableOptions{CancelWipe: true})
	require.NoError(t, err)
	require.Equal(t, []any{enabled, devices.Cancelled}, []any{ds[0].Status, ds[0].Wipe})
	require.Equal(t, w.boss.ID, ds[0].Command.EndedBy)
	require.True(t, w.authorized(w.register(w.boss, "other")))
	history, err := w.r.History(ctx, w.s, out.Device.ID)
	require.NoError(t, err)
	require.Len(t, history, 2)
}

func (w *world) checkInTwice(out devices.Registered) []devices.Command {
	w.t.Helper()
	w.checkIn(out)
	return w.checkIn(out)
}

// A phone whose client was installed anew registers while its wipe is pending: the wipe is not lost, and the phone gets what it needs to answer it.
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
	_, err := w.r.Disable(ctx, w.s, devices.These(out.Device.ID))
	require.NoError(t, err)
	command := w.wipe(out.Device.ID)
	w.checkIn(out)
	require.NoError(t, w.ack(out, command.ID))
	require.Equal(t, disabled, w.register(w.ann, "phone").Device.Status)
	_, err = w.r.Enable(ctx, w.s, devices.These(out.Device.ID), nil)
	require.NoError(t, err)
	require.True(t, w.authorized(w.register(w.ann, "phone")))
}

// Removing the device takes it off the list; the wipe is still fetched and answered, once.
func TestRemove(t *testing.T) {
	w := newWorld(t)
	out := w.register(w.ann, "phone")
	first := w.wipe(out.Device.ID)
	w.checkIn(out)
	require.NoError(t, w.ack(out, first.ID))
	out = w.register(w.ann, "phone")
	command := w.wipe(out.Device.ID)
	require.NoError(t, w.r.Remove(ctx, w.s, devices.Of(w.ann.ID)))
	ds, err := all(w.r.All(ctx, w.host, devices.Query{}))
	require.NoError(t, err)
	require.Empty(t, ds)
	removed := w.events(devices.KindRemove)[0]
	require.Equal(t, []chatadmin.FieldChange{{Field: "status", Before: "disabled"}}, removed.Changes[out.Device.ID])
	owned, _, err := w.store.ListRecords(ctx, chatadmin.RecordQuery{Domain: w.domain, Owner: out.Device.ID}, chatadmin.Page{Limit: 10})
	require.NoError(t, err)
	require.Empty(t, owned)
	left := w.pending(0)
	require.Len(t, left, 1)
	require.Equal(t, devices.Device{ID: out.Device.ID, Status: disabled, Generation: 2, Wipe: devices.Requested, Command: command}, left[0])
	require.Len(t, w.checkInTwice(out), 1)
	require.NoError(t, w.ack(out, command.ID))
	require.Empty(t, w.pending(0))
	require.ErrorIs(t, w.ack(out, command.ID), devices.ErrRefused, "nothing is left of it")
	w.nothingLeft(out.Device.ID)
	fresh := w.register(w.ann, "phone")
	require.NotEqual(t, out.Device.ID, fresh.Device.ID)
	require.True(t, w.authorized(fresh))

	// One that has no wipe pending leaves nothing.
	require.NoError(t, w.r.Remove(ctx, w.s, devices.These(fresh.Device.ID)))
	w.nothingLeft(fresh.Device.ID)
	_, err = w.r.CheckIn(ctx, fresh.WipeToken.Plain())
	require.ErrorIs(t, err, devices.ErrRefused)
}

// nothingLeft: no record speaks of a device any more.
func (w *world) nothingLeft(id chatadmin.ID) {
	w.t.Helper()
	rs, _, err := w.store.ListRecords(ctx, chatadmin.RecordQuery{Domain: w.domain}, chatadmin.Page{Limit: 1000})
	require.NoError(w.t, err)
	for _, r := range rs {
		require.NotContains(w.t, r.ID+" "+string(r.Owner)+" "+string(r.Data), string(id), "%s", r.Kind)
	}
}

func TestPendingForDays(t *testing.T) {
	w := newWorld(t)
	const day = 24 * time.Hour
	old, young := w.register(w.ann, "old"), w.register(w.boss, "young")
	w.wipe(old.Device.ID)
	w.clock.Advance(5 * day)
	w.wipe(young.Device.ID)
	w.clock.Advance(2 * day)
	for atLeast, want := range map[time.Duration][]string{0: {"old", "young"}, 2 * day: {"old", "young"}, 3 * day: {"old"}, 7 * day: {"old"}, 8 * day: nil} {
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
	_, err := w.r.Wipe(ctx, w.s, out.Device.ID)
	require.ErrorIs(t, err, chatadmin.ErrVetoed)
	require.ErrorIs(t, err, no)
	require.Equal(t, chatadmin.Intent{Domain: w.domain, Actor: w.boss.ID, Kind: "device.wipe", Targets: []chatadmin.ID{out.Device.ID}}, seen[len(seen)-1])
	require.True(t, w.authorized(out))
	plan, err := w.r.PlanWipe(ctx, w.s, devices.These(out.Device.ID))
	require.NoError(t, err)
	_, err = w.r.ApplyWipe(ctx, w.s, plan, nil)
	require.ErrorIs(t, err, chatadmin.ErrVetoed)
	require.True(t, w.authorized(out))
}

func TestDeviceAllowed(t *testing.T) {
	w := newWorld(t)
	allowed := func(key string) bool {
		ok, err := w.r.DeviceAllowed(ctx, w.domain, w.ann.ID, key)
		require.NoError(t, err)
		return ok
	}
	require.True(t, allowed("phone"), "not registered yet")
	out := w.register(w.ann, "phone")
	require.True(t, allowed("phone"))
	_, err := w.r.Disable(ctx, w.s, devices.These(out.Device.ID))
	require.NoError(t, err)
	require.False(t, allowed("phone"))
	require.True(t, allowed("other") && allowed(""))
	other, err := w.r.DeviceAllowed(ctx, w.domain, w.boss.ID, "phone")
	require.NoError(t, err)
	require.True(t, other, "somebody else's registration")
	_, err = w.r.Enable(ctx, w.s, devices.These(out.Device.ID), nil)
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
	out := w.register(w.ann, "phone")
	require.True(t, w.authorized(out))
	state := func(st chatadmin.DomainState) {
		_, err := w.host.ChangeSettings(ctx, func(set *chatadmin.Settings) error { set.State = st; return nil })
		require.NoError(t, err)
	}
	state(chatadmin.DomainSuspended)
	require.True(t, w.authorized(out), "within the time for which it is believed active")
	w.clock.Advance(5 * time.Second)
	require.False(t, w.authorized(out))
	_, err := w.r.Register(ctx, w.host, w.ann.ID, devices.Registration{Key: "x", Type: devices.IOS})
	require.ErrorIs(t, err, chatadmin.ErrSuspended)
	state(chatadmin.DomainActive)
	w.clock.Advance(5 * time.Second)
	require.True(t, w.authorized(out))
}

// The status decides, even where something else than the library has set it and left the credential.
func TestStatusWrittenByTheHost(t *testing.T) {
	w := newWorld(t)
	out := w.register(w.ann, "phone")
	require.NoError(t, w.store.Update(ctx, chatadmin.Fence{}, func(ctx context.Context, tx chatadmin.Tx) error {
		rows, err := tx.Devices(ctx, w.domain, []chatadmin.ID{out.Device.ID})
		if err != nil {
			return err
		}
		c := chatadmin.Change[chatadmin.Device]{Row: rows[0], Was: rows[0].Rev}
		c.Row.Rev, c.Row.Status = c.Was+1, uint8(disabled)
		_, err = tx.ChangeDevices(ctx, []chatadmin.Change[chatadmin.Device]{c})
		return err
	}))
	require.False(t, w.authorized(out))
}

func TestBadTokens(t *testing.T) {
	w := newWorld(t)
	out := w.register(w.ann, "phone")
	good := out.Token.Plain()
	for _, bad := range []string{"", "x", "..", good + "x", good[1:], good[:len(good)-1], strings.ToUpper(good), strings.Replace(good, string(w.domain), "other", 1), good + good,
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
		_, err := csvimport.Run(ctx, w.s, strings.NewReader("login,enabled\n"+c.row+"\n"), csvimport.UpdateExisting, nil)
		require.NoError(t, err)
		require.Equal(t, c.status, w.device(out.Device.ID).Status)
		require.False(t, w.authorized(out), "credentials that were revoked do not come back")
	}
	require.True(t, w.authorized(w.register(w.ann, "phone")))
}
