package devices_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/devices"
)

// target is what the calls of the matrix are about.
type target struct {
	w      *world
	phone  devices.Registered
	plan   *devices.WipePlan
	phones devices.Selection
}

func newTarget(t *testing.T) *target {
	x := &target{w: newWorld(t)}
	x.phone = x.w.register(x.w.ann, "phone")
	x.phones = devices.These(x.phone.Device.ID)
	var err error
	x.plan, err = x.w.r.PlanWipe(ctx, x.w.Host, x.phones)
	require.NoError(t, err)
	return x
}

// matrix has a line for each call that an actor makes.
var matrix = map[string]struct {
	chatadmintest.Call
	do func(x *target, ctx context.Context, s *chatadmin.Scope) error
}{
	"Register": {chatadmintest.Call{HostOnly: true}, func(x *target, ctx context.Context, s *chatadmin.Scope) error {
		_, err := x.w.r.Register(ctx, s, x.w.ann.ID, devices.Registration{Key: "new", Type: devices.Android})
		return err
	}},
	"DevicesPage": {chatadmintest.Call{Need: chatadmin.PermDevices, NoTarget: true}, func(x *target, ctx context.Context, s *chatadmin.Scope) error {
		_, _, err := x.w.r.DevicesPage(ctx, s, devices.Query{}, chatadmin.Page{Limit: 10})
		return err
	}},
	"Devices": {chatadmintest.Call{Need: chatadmin.PermDevices, NoTarget: true}, func(x *target, ctx context.Context, s *chatadmin.Scope) error {
		_, err := all(x.w.r.Devices(ctx, s, devices.Query{User: x.w.ann.ID}))
		return err
	}},
	"Pending": {chatadmintest.Call{Need: chatadmin.PermDevices, NoTarget: true}, func(x *target, ctx context.Context, s *chatadmin.Scope) error {
		_, err := all(x.w.r.Pending(ctx, s, 0))
		return err
	}},
	"History": {chatadmintest.Call{Need: chatadmin.PermDevices}, func(x *target, ctx context.Context, s *chatadmin.Scope) error {
		_, err := x.w.r.History(ctx, s, x.phone.Device.ID)
		return err
	}},
	"Disable": {chatadmintest.Call{Need: chatadmin.PermDevices}, func(x *target, ctx context.Context, s *chatadmin.Scope) error {
		_, err := x.w.r.Disable(ctx, s, x.phones)
		return err
	}},
	"Enable": {chatadmintest.Call{Need: chatadmin.PermDevices}, func(x *target, ctx context.Context, s *chatadmin.Scope) error {
		_, err := x.w.r.Enable(ctx, s, devices.Of(x.w.ann.ID), nil)
		return err
	}},
	"Remove": {chatadmintest.Call{Need: chatadmin.PermDevices}, func(x *target, ctx context.Context, s *chatadmin.Scope) error {
		return x.w.r.Remove(ctx, s, x.phones)
	}},
	"Wipe": {chatadmintest.Call{Need: chatadmin.PermDevices}, func(x *target, ctx context.Context, s *chatadmin.Scope) error {
		_, err := x.w.r.Wipe(ctx, s, x.phone.Device.ID)
		return err
	}},
	"CancelWipe": {chatadmintest.Call{Need: chatadmin.PermDevices}, func(x *target, ctx context.Context, s *chatadmin.Scope) error {
		if d := x.w.device(x.phone.Device.ID); d.Wipe == devices.None && s.Actor() != "" && s.Domain() == x.w.Domain {
			if _, err := x.w.r.Wipe(ctx, s, x.phone.Device.ID); err != nil {
				return err
			}
		}
		_, err := x.w.r.CancelWipe(ctx, s, x.phone.Device.ID)
		return err
	}},
	"PlanWipe": {chatadmintest.Call{Need: chatadmin.PermDevices}, func(x *target, ctx context.Context, s *chatadmin.Scope) error {
		_, err := x.w.r.PlanWipe(ctx, s, x.phones)
		return err
	}},
	"ApplyWipe": {chatadmintest.Call{Need: chatadmin.PermDevices}, func(x *target, ctx context.Context, s *chatadmin.Scope) error {
		p := *x.plan
		p.Actor = s.Actor()
		now, err := x.w.r.PlanWipe(ctx, x.w.Host, devices.These(x.phone.Device.ID))
		if err != nil {
			return err
		}
		p.Basis = now.Basis
		_, err = x.w.r.ApplyWipe(ctx, s, &p, nil)
		return err
	}},
	"WipeRuns": {chatadmintest.Call{Need: chatadmin.PermDevices, NoTarget: true}, func(x *target, ctx context.Context, s *chatadmin.Scope) error {
		_, err := all(x.w.r.WipeRuns(ctx, s))
		return err
	}},
}

// others are the exported methods that no actor makes, and why.
var others = map[string]string{
	"Authorize":     "the device, by its session credential",
	"CheckIn":       "the device, by its wipe credential",
	"Acknowledge":   "the device, by its wipe credential",
	"DeviceAllowed": "the host, as part of signing in",
	"FlushActivity": "the host's worker",
	"SendPushes":    "the host's worker",
	"Handler":       "the host, while setting up",
	"ResumeWipe":    "whoever began the run, which TestResumeWipe proves",
	"WipeRun":       "whoever began the run, or has the permission, which TestResumeWipe proves",
}

func TestPermissions(t *testing.T) {
	registry := reflect.TypeFor[*devices.Registry]()
	for i := range registry.NumMethod() {
		name := registry.Method(i).Name
		_, listed := matrix[name]
		_, other := others[name]
		require.True(t, listed != other, "Registry.%s has no line in the matrix", name)
		scoped := slices.Contains(parameters(registry.Method(i).Type), reflect.TypeFor[*chatadmin.Scope]())
		require.Equal(t, listed || name == "ResumeWipe" || name == "WipeRun", scoped, "Registry.%s takes a scope, or does not, against its line", name)
	}
	require.Len(t, matrix, registry.NumMethod()-len(others))
	for name, c := range matrix {
		t.Run(name, func(t *testing.T) {
			var x *target
			c.Open = func(t *testing.T) (*chatadmin.Admin, chatadmin.ID) {
				x = newTarget(t)
				return x.w.Admin, x.w.Domain
			}
			c.Do = func(ctx context.Context, s *chatadmin.Scope) error { return c.do(x, ctx, s) }
			chatadmintest.Authorise(t, c.Call)
		})
	}
}

func parameters(f reflect.Type) []reflect.Type {
	var ts []reflect.Type
	for i := range f.NumIn() {
		ts = append(ts, f.In(i))
	}
	return ts
}

// What users may do with their own devices, and with no others.
func TestOwnDevices(t *testing.T) {
	w := newWorld(t)
	bob := w.user("bob@acme.example")
	mine, theirs := w.register(w.ann, "mine"), w.register(bob, "theirs")
	me := w.Admin.As(w.Domain, w.ann.ID)
	ds, _, err := w.r.DevicesPage(ctx, me, devices.Query{User: w.ann.ID}, chatadmin.Page{Limit: 10})
	require.NoError(t, err)
	require.Len(t, ds, 1)
	_, err = w.r.Register(ctx, me, w.ann.ID, devices.Registration{Key: "second", Type: devices.Mac})
	require.NoError(t, err)
	_, err = w.r.Register(ctx, me, bob.ID, devices.Registration{Key: "second", Type: devices.Mac})
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
	_, err = w.r.Disable(ctx, me, devices.These(mine.Device.ID))
	require.NoError(t, err)
	require.False(t, w.authorized(mine))
	for _, sel := range []devices.Selection{devices.These(theirs.Device.ID), devices.These("none"), devices.Of(bob.ID), devices.These(mine.Device.ID, theirs.Device.ID), devices.Of("none")} {
		_, err = w.r.Disable(ctx, me, sel)
		require.ErrorIs(t, err, chatadmin.ErrForbidden, "%v: what is not one's own looks alike", sel)
	}
	require.True(t, w.authorized(theirs))
	for _, err := range []error{
		func() error { _, err := w.r.Enable(ctx, me, devices.These(mine.Device.ID), nil); return err }(),
		func() error { _, err := w.r.Wipe(ctx, me, mine.Device.ID); return err }(),
		func() error { _, err := w.r.History(ctx, me, mine.Device.ID); return err }(),
		func() error { return w.r.Remove(ctx, me, devices.These(mine.Device.ID)) }(),
		func() error {
			_, _, err := w.r.DevicesPage(ctx, me, devices.Query{User: bob.ID}, chatadmin.Page{Limit: 1})
			return err
		}(),
	} {
		require.ErrorIs(t, err, chatadmin.ErrForbidden)
	}
}

// Whoever administers devices has no power over those of somebody whose role
// stands above theirs.
func TestRolesAbove(t *testing.T) {
	w := newWorld(t)
	role, err := w.Host.CreateRole(ctx, chatadmin.Role{Name: "devices", Level: 50, Permissions: []chatadmin.Permission{chatadmin.PermDevices}})
	require.NoError(t, err)
	s := w.Admin.As(w.Domain, w.user("clerk@acme.example", role.ID).ID)
	high, low := w.register(w.Boss, "high"), w.register(w.ann, "low")
	both := devices.These(low.Device.ID, high.Device.ID)
	for name, err := range map[string]error{
		"disable": func() error { _, err := w.r.Disable(ctx, s, both); return err }(),
		"enable":  func() error { _, err := w.r.Enable(ctx, s, both, nil); return err }(),
		"wipe":    func() error { _, err := w.r.Wipe(ctx, s, high.Device.ID); return err }(),
		"cancel":  func() error { _, err := w.r.CancelWipe(ctx, s, high.Device.ID); return err }(),
		"remove":  w.r.Remove(ctx, s, both),
		"plan":    func() error { _, err := w.r.PlanWipe(ctx, s, both); return err }(),
	} {
		require.ErrorIs(t, err, chatadmin.ErrForbidden, name)
	}
	require.True(t, w.authorized(high) && w.authorized(low), "all or none")
	_, err = w.r.Disable(ctx, s, devices.These(low.Device.ID))
	require.NoError(t, err)
}

// failing fails its reads of devices.
type failing struct {
	chatadmin.Store
	err error
}

func (f *failing) ListDevices(ctx context.Context, q storage.DeviceQuery, p chatadmin.Page) ([]storage.Device, chatadmin.Cursor, error) {
	if f.err != nil {
		return nil, "", f.err
	}
	return f.Store.ListDevices(ctx, q, p)
}

func (f *failing) Devices(ctx context.Context, d chatadmin.ID, ids []chatadmin.ID) ([]storage.Device, error) {
	if f.err != nil {
		return nil, f.err
	}
	return f.Store.Devices(ctx, d, ids)
}

// Who disables their own devices learns what is wrong: only what belongs to
// others looks forbidden.
func TestOwnDevicesErrors(t *testing.T) {
	store := &failing{Store: memstore.New(nil)}
	w := newWorldOn(t, store)
	me := w.Admin.As(w.Domain, w.ann.ID)
	disable := func(sel devices.Selection) error {
		_, err := w.r.Disable(ctx, me, sel)
		return err
	}
	require.ErrorIs(t, disable(devices.Of(w.ann.ID)), chatadmin.ErrNotFound, "one has none")
	require.ErrorIs(t, disable(devices.Selection{}), chatadmin.ErrInvalid)
	require.ErrorIs(t, disable(devices.These(make([]chatadmin.ID, 501)...)), chatadmin.ErrInvalid)
	out := w.register(w.ann, "phone")
	store.err = errors.New("the database is down")
	for _, sel := range []devices.Selection{devices.These(out.Device.ID), devices.Of(w.ann.ID)} {
		err := disable(sel)
		require.ErrorIs(t, err, store.err)
		require.NotErrorIs(t, err, chatadmin.ErrForbidden)
	}
}
