package devices_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/devices"
)

// A call without a scope, a plan, a credential or an ID is refused, and does
// not panic.
func TestNothingGiven(t *testing.T) {
	w := newWorld(t)
	out := w.register(w.ann, "phone")
	id, sel := out.Device.ID, devices.These(out.Device.ID)
	for _, s := range []*chatadmin.Scope{nil, {}} {
		for name, call := range map[string]func() error{
			"Register": func() error {
				_, err := w.r.Register(ctx, s, w.ann.ID, devices.Registration{Key: "x", Type: devices.IOS})
				return err
			},
			"DevicesPage": func() error {
				_, _, err := w.r.DevicesPage(ctx, s, devices.Query{}, chatadmin.Page{Limit: 1})
				return err
			},
			"Devices":    func() error { _, err := all(w.r.Devices(ctx, s, devices.Query{User: w.ann.ID})); return err },
			"Pending":    func() error { _, err := all(w.r.Pending(ctx, s, 0)); return err },
			"History":    func() error { _, err := w.r.History(ctx, s, id); return err },
			"Disable":    func() error { _, err := w.r.Disable(ctx, s, sel); return err },
			"Enable":     func() error { _, err := w.r.Enable(ctx, s, sel, nil); return err },
			"Wipe":       func() error { _, err := w.r.Wipe(ctx, s, id); return err },
			"CancelWipe": func() error { _, err := w.r.CancelWipe(ctx, s, id); return err },
			"Remove":     func() error { return w.r.Remove(ctx, s, sel) },
			"PlanWipe":   func() error { _, err := w.r.PlanWipe(ctx, s, sel); return err },
			"ApplyWipe":  func() error { _, err := w.r.ApplyWipe(ctx, s, &devices.WipePlan{}, nil); return err },
			"ResumeWipe": func() error { _, err := w.r.ResumeWipe(ctx, s, "x", nil); return err },
			"WipeRun":    func() error { _, err := w.r.WipeRun(ctx, s, "x"); return err },
			"WipeRuns":   func() error { _, err := all(w.r.WipeRuns(ctx, s)); return err },
		} {
			require.NotPanics(t, func() { require.ErrorIs(t, call(), chatadmin.ErrForbidden, name) }, name)
		}
	}
	require.NotPanics(t, func() {
		_, err := w.r.ApplyWipe(ctx, w.S, nil, nil)
		require.ErrorIs(t, err, chatadmin.ErrInvalid)
		_, err = w.r.Authorize(ctx, "")
		require.ErrorIs(t, err, devices.ErrRefused)
		_, err = w.r.CheckIn(ctx, "")
		require.ErrorIs(t, err, devices.ErrRefused)
		_, err = w.r.Acknowledge(ctx, "", "", devices.Outcome{})
		require.ErrorIs(t, err, devices.ErrRefused)
		_, err = w.r.Wipe(ctx, w.S, "")
		require.ErrorIs(t, err, chatadmin.ErrNotFound)
		_, err = w.r.Register(ctx, w.Host, "", devices.Registration{Key: "x", Type: devices.IOS})
		require.ErrorIs(t, err, chatadmin.ErrNotFound)
		_, err = w.r.SendPushes(ctx, "")
		require.NoError(t, err)
	})
	require.True(t, w.authorized(out))
}
