package devices_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/devices"
)

// fleet registers phones of many users and returns them with their users.
func (w *world) fleet(n int) (phones []devices.Registered, users []chatadmin.ID) {
	for i := range n {
		u := w.user(fmt.Sprintf("user%d@acme.example", i))
		phones, users = append(phones, w.register(u, fmt.Sprint("phone", i))), append(users, u.ID)
	}
	return phones, users
}

func TestPlanWipe(t *testing.T) {
	w := newWorld(t)
	phones, users := w.fleet(4)
	w.wipe(phones[0].Device.ID)
	_, err := w.r.Disable(ctx, w.S, devices.These(phones[1].Device.ID))
	require.NoError(t, err)
	_, err = w.r.Register(ctx, w.Host, w.Boss.ID, devices.Registration{Key: "mine", Type: devices.Mac})
	require.NoError(t, err)
	plan, err := w.r.PlanWipe(ctx, w.S, devices.Selection{Users: append(users, w.Boss.ID), Devices: []chatadmin.ID{phones[2].Device.ID}})
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"devices": 4, "users": 4, "enabled": 3, "without_push": 1, "left_alone": 1}, plan.Counts)
	require.Len(t, plan.Warnings, 2)
	require.Empty(t, w.Events(devices.KindWipe)[1:], "planning changes nothing")

	text, err := json.Marshal(plan)
	require.NoError(t, err)
	var kept devices.WipePlan
	require.NoError(t, json.Unmarshal(text, &kept))
	require.Equal(t, *plan, kept)
	run, err := w.r.ApplyWipe(ctx, w.S, &kept, nil)
	require.NoError(t, err)
	require.Equal(t, chatadmin.RunDone, run.State)
	require.Equal(t, devices.WipeResult{Devices: plan.Devices, Asked: 4}, run.Data)
	require.Len(t, w.pending(0), 5)
	for _, p := range phones {
		require.False(t, w.authorized(p))
	}
	plan, err = w.r.PlanWipe(ctx, w.S, devices.Of(w.Boss.ID))
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"devices": 0, "users": 0, "enabled": 0, "without_push": 0, "left_alone": 1}, plan.Counts)
	require.Empty(t, plan.Warnings, "one's own is left alone too")
	for _, sel := range []devices.Selection{{}, devices.These("none"), devices.Of("none")} {
		_, err := w.r.PlanWipe(ctx, w.S, sel)
		require.Error(t, err)
	}
}

// Whatever matters and has changed makes a plan stale; what does not, does not.
func TestPlanStale(t *testing.T) {
	for name, c := range map[string]struct {
		change func(w *world, out devices.Registered) error
		want   error
	}{
		"active": {func(w *world, out devices.Registered) error {
			w.Clock.Advance(1e12)
			w.authorized(out)
			_, err := w.r.FlushActivity(ctx)
			return err
		}, nil},
		"disabled": {func(w *world, out devices.Registered) error {
			_, err := w.r.Disable(ctx, w.S, devices.These(out.Device.ID))
			return err
		}, nil},
		"registered": {func(w *world, _ devices.Registered) error { w.register(w.ann, "phone"); return nil }, chatadmin.ErrPlanStale},
		"wiped":      {func(w *world, out devices.Registered) error { w.wipe(out.Device.ID); return nil }, chatadmin.ErrPlanStale},
		"removed": {func(w *world, out devices.Registered) error {
			return w.r.Remove(ctx, w.S, devices.These(out.Device.ID))
		}, chatadmin.ErrPlanStale},
		"settings": {func(w *world, _ devices.Registered) error {
			_, err := w.S.ChangeSettings(ctx, func(set *chatadmin.Settings) error { set.DefaultCountry = "NL"; return nil })
			return err
		}, chatadmin.ErrPlanStale},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			out, other := w.register(w.ann, "phone"), w.register(w.Boss, "other")
			plan, err := w.r.PlanWipe(ctx, w.S, devices.These(out.Device.ID, other.Device.ID))
			require.NoError(t, err)
			require.NoError(t, c.change(w, out))
			_, err = w.r.ApplyWipe(ctx, w.S, plan, nil)
			require.ErrorIs(t, err, c.want)
			require.Equal(t, c.want != nil, w.authorized(other), "a stale plan changes nothing")
			p := *plan
			_, err = w.r.ApplyWipe(ctx, w.Host, &p, nil)
			require.ErrorIs(t, err, chatadmin.ErrInvalid, "somebody else's plan")
		})
	}
}

// A run that ends at each of its transactions in turn is resumed, by who began
// it alone, and ends as one clean run: each device has one command.
func TestResumeWipe(t *testing.T) {
	w := newWorld(t)
	phones, users := w.fleet(1000)
	plan, err := w.r.PlanWipe(ctx, w.S, devices.Of(users...))
	require.NoError(t, err)
	stop := errors.New("stopped")
	cut, cancel := context.WithCancelCause(ctx)
	var seen []int64
	run, err := w.r.ApplyWipe(cut, w.S, plan, func(p chatadmin.Progress) { seen = append(seen, p.Done); cancel(stop) })
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, []int64{500}, seen)
	require.Equal(t, chatadmin.RunRunning, run.State)
	require.True(t, w.authorized(phones[len(phones)-1]))

	second := w.user("second@acme.example", chatadmin.RoleAdmin)
	for _, s := range []*chatadmin.Scope{w.Host, w.Admin.As(w.Domain, second.ID)} {
		_, err = w.r.ResumeWipe(ctx, s, run.ID, nil)
		require.ErrorIs(t, err, chatadmin.ErrForbidden)
		seen, err := w.r.WipeRun(ctx, s, run.ID)
		require.NoError(t, err)
		require.Equal(t, run.Run, seen.Run)
		listed, err := all(w.r.WipeRuns(ctx, s))
		require.NoError(t, err)
		require.Len(t, listed, 1)
	}
	me := w.Admin.As(w.Domain, users[0])
	_, err = w.r.WipeRun(ctx, me, run.ID)
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
	_, err = w.r.ResumeWipe(ctx, me, run.ID, nil)
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
	left := phones[750]
	require.NoError(t, w.r.Remove(ctx, w.S, devices.These(left.Device.ID)))
	run, err = w.r.ResumeWipe(ctx, w.S, run.ID, nil)
	require.NoError(t, err)
	require.Equal(t, []int64{999, 1}, []int64{run.Data.Asked, run.Data.Skipped})
	require.Len(t, w.pending(0), 999)
	require.Len(t, w.Events(devices.KindWipe), 2)
	again, err := w.r.ResumeWipe(ctx, w.S, run.ID, nil)
	require.NoError(t, err)
	require.Equal(t, run.Data, again.Data)
	require.Len(t, w.Events(devices.KindWipe), 2)
	_, err = w.r.ResumeWipe(ctx, w.S, "none", nil)
	require.ErrorIs(t, err, chatadmin.ErrNotFound)
}

// An administrator who is demoted in the middle stops the run.
func TestDemotedDuringRun(t *testing.T) {
	w := newWorld(t)
	phones, users := w.fleet(600)
	second := w.user("second@acme.example", chatadmin.RoleAdmin)
	s := w.Admin.As(w.Domain, second.ID)
	plan, err := w.r.PlanWipe(ctx, s, devices.Of(users...))
	require.NoError(t, err)
	_, err = w.r.ApplyWipe(ctx, s, plan, func(chatadmin.Progress) {
		_, err := w.Host.AssignRole(ctx, chatadmin.RoleMember, second.ID)
		require.NoError(t, err)
	})
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
	require.Len(t, w.pending(0), 500)
	require.True(t, w.authorized(phones[len(phones)-1]) || w.authorized(phones[99]))
}

// A plan that its actor may not carry out changes nothing: neither can it be
// made, nor is it begun when a user has risen since; who rises later is
// skipped.
func TestPlanOfSomebodyAbove(t *testing.T) {
	w := newWorld(t)
	role, err := w.Host.CreateRole(ctx, chatadmin.Role{Name: "devices", Level: 50, Permissions: []chatadmin.Permission{chatadmin.PermDevices}})
	require.NoError(t, err)
	s := w.Admin.As(w.Domain, w.user("clerk@acme.example", role.ID).ID)
	phones, users := w.fleet(501)
	rise := func(role string) {
		_, err := w.Host.AssignRole(ctx, role, users[500])
		require.NoError(t, err)
	}
	var all []chatadmin.ID
	for _, p := range phones {
		all = append(all, p.Device.ID)
	}
	rise(chatadmin.RoleAdmin)
	_, err = w.r.PlanWipe(ctx, s, devices.These(all...))
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
	rise(chatadmin.RoleMember)
	plan, err := w.r.PlanWipe(ctx, s, devices.These(all...))
	require.NoError(t, err)
	rise(chatadmin.RoleAdmin)
	run, err := w.r.ApplyWipe(ctx, s, plan, nil)
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
	require.Nil(t, run)
	require.Empty(t, w.pending(0))
	rise(chatadmin.RoleMember)
	run, err = w.r.ApplyWipe(ctx, s, plan, func(p chatadmin.Progress) {
		if p.Done == 500 {
			rise(chatadmin.RoleAdmin)
		}
	})
	require.NoError(t, err)
	require.Equal(t, chatadmin.RunDone, run.State)
	require.Equal(t, []int64{500, 1}, []int64{run.Data.Asked, run.Data.Skipped})
	require.True(t, w.authorized(phones[500]))
}

// afterCommit does something when a transaction is committed.
type afterCommit struct {
	chatadmin.Store
	then func() error
}

func (a *afterCommit) Update(ctx context.Context, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
	if err := a.Store.Update(ctx, fence, f); err != nil {
		return err
	}
	return a.then()
}

// Whatever happens once the run is written, the caller learns by which ID it is
// resumed.
func TestInterruptedApply(t *testing.T) {
	for name, c := range map[string]func(cancel func()) error{
		"cancelled":     func(cancel func()) error { cancel(); return nil },
		"not confirmed": func(cancel func()) error { cancel(); return chatadmin.ErrCommitUnknown },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			out := w.register(w.ann, "phone")
			plan, err := w.r.PlanWipe(ctx, w.S, devices.These(out.Device.ID))
			require.NoError(t, err)
			cut, cancel := context.WithCancel(ctx)
			admin := chatadmintest.Must(chatadmin.New(&afterCommit{w.Store, func() error { return c(cancel) }}, &chatadmin.Options{Now: w.Clock.Now}))
			run, err := chatadmintest.Must(devices.New(admin, nil)).ApplyWipe(cut, admin.As(w.Domain, w.Boss.ID), plan, nil)
			require.ErrorIs(t, err, context.Canceled)
			require.Empty(t, w.pending(0))
			run, err = w.r.ResumeWipe(ctx, w.S, run.ID, nil)
			require.NoError(t, err)
			require.Equal(t, chatadmin.RunDone, run.State)
			require.Len(t, w.pending(0), 1)
		})
	}
}

func TestPushes(t *testing.T) {
	w := newWorld(t)
	out := w.register(w.ann, "phone")
	silent, err := w.r.Register(ctx, w.Host, w.Boss.ID, devices.Registration{Key: "silent", Type: devices.Mac})
	require.NoError(t, err)
	send := func() int {
		n, err := w.r.SendPushes(ctx, w.Domain)
		require.NoError(t, err)
		return n
	}
	require.Zero(t, send())
	w.wipe(out.Device.ID)
	w.wipe(silent.Device.ID)
	w.Pushes.FailNext(errors.New("the service is down"))
	require.Zero(t, send())
	require.Zero(t, send(), "not at once")
	w.Clock.Advance(2 * 60e9)
	require.Equal(t, 1, send())
	require.Equal(t, []chatadmin.Push{{Token: secret.Hide("push-phone"), Kind: "device.wipe"}}, w.Pushes.All())
	w.Clock.Advance(24 * 3600e9)
	require.Zero(t, send(), "once it is accepted")

	// What has become pointless is dropped; what is refused for ever is given
	// up, and the device learns of it by itself.
	_, err = w.r.CancelWipe(ctx, w.S, out.Device.ID)
	require.NoError(t, err)
	command := w.wipe(out.Device.ID)
	_, err = w.r.CancelWipe(ctx, w.S, out.Device.ID)
	require.NoError(t, err)
	require.Zero(t, send())
	command = w.wipe(out.Device.ID)
	for range 20 {
		w.Pushes.FailNext(errors.New("the token is unknown"))
		require.Zero(t, send())
		w.Clock.Advance(12 * 3600e9)
	}
	require.Len(t, w.Pushes.All(), 1)
	rs, _, err := w.Store.ListRecords(ctx, storage.RecordQuery{Domain: w.Domain, Kind: "device.push"}, chatadmin.Page{Limit: 10})
	require.NoError(t, err)
	require.Empty(t, rs)
	require.Equal(t, command.ID, w.checkIn(out)[0].ID)
}

func TestPushWithoutPusher(t *testing.T) {
	w := newWorld(t, func(_ *chatadmin.Options, o *devices.Options) { o.Pusher = nil })
	out := w.register(w.ann, "phone")
	w.wipe(out.Device.ID)
	n, err := w.r.SendPushes(ctx, w.Domain)
	require.NoError(t, err)
	require.Zero(t, n)
}

// Options.Before is asked before a push leaves, about the devices that get one;
// what it refuses waits.
func TestPushVetoed(t *testing.T) {
	no := errors.New("not now")
	var asked []chatadmin.Intent
	veto := true
	w := newWorld(t, func(o *chatadmin.Options, _ *devices.Options) {
		o.Before = func(_ context.Context, i chatadmin.Intent) error {
			if i.Kind != "device.push" {
				return nil
			}
			if asked = append(asked, i); veto {
				return no
			}
			return nil
		}
	})
	out, pointless := w.register(w.ann, "phone"), w.register(w.Boss, "other")
	w.wipe(out.Device.ID)
	w.wipe(pointless.Device.ID)
	_, err := w.r.CancelWipe(ctx, w.S, pointless.Device.ID)
	require.NoError(t, err)
	for range 3 {
		n, err := w.r.SendPushes(ctx, w.Domain)
		require.ErrorIs(t, err, chatadmin.ErrVetoed)
		require.ErrorIs(t, err, no)
		require.Zero(t, n)
	}
	require.Empty(t, w.Pushes.All())
	require.Equal(t, chatadmin.Intent{Domain: w.Domain, Actor: chatadmin.HostActor, Kind: "device.push", Targets: []chatadmin.ID{out.Device.ID}}, asked[2])
	veto = false
	n, err := w.r.SendPushes(ctx, w.Domain)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Len(t, w.Pushes.All(), 1)
	require.Len(t, asked, 4, "once for each attempt")
	w.wipe(pointless.Device.ID)
	_, err = w.r.CancelWipe(ctx, w.S, pointless.Device.ID)
	require.NoError(t, err)
	n, err = w.r.SendPushes(ctx, w.Domain)
	require.NoError(t, err)
	require.Zero(t, n)
	require.Len(t, asked, 4, "there is nothing to ask about")
}
