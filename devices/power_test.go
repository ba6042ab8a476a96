package devices_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/devices"
)

// Each call that acts on somebody's device follows the one rule of who may act
// on whom.
func TestPowerOverUsers(t *testing.T) {
	const own = 40
	for name, target := range map[string]chatadmin.Role{
		"below":                 {Level: own - 1, Permissions: []chatadmin.Permission{chatadmin.PermDevices}},
		"the same":              {Level: own, Permissions: []chatadmin.Permission{chatadmin.PermDevices}},
		"with more permissions": {Level: own, Permissions: []chatadmin.Permission{chatadmin.PermDevices, chatadmin.PermAudit}},
		"below, with more":      {Level: 0, Permissions: []chatadmin.Permission{chatadmin.PermUsersEdit}},
		"above":                 {Level: own + 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			clerk, err := w.Host.CreateRole(ctx, chatadmin.Role{Name: "clerk", Level: own, Permissions: []chatadmin.Permission{chatadmin.PermDevices}})
			require.NoError(t, err)
			target.Name = "target"
			role, err := w.Host.CreateRole(ctx, target)
			require.NoError(t, err)
			u := w.user("bob@acme.example", role.ID)
			s := w.Admin.As(w.Domain, w.user("clerk@acme.example", clerk.ID).ID)
			may := name == "below" || name == "the same"
			for n, call := range []func(devices.Registered) error{
				func(out devices.Registered) error {
					_, err := w.r.Disable(ctx, s, devices.These(out.Device.ID))
					return err
				},
				func(out devices.Registered) error { _, err := w.r.Enable(ctx, s, devices.Of(u.ID), nil); return err },
				func(out devices.Registered) error { _, err := w.r.Wipe(ctx, s, out.Device.ID); return err },
				func(out devices.Registered) error { return w.r.Remove(ctx, s, devices.These(out.Device.ID)) },
				func(out devices.Registered) error {
					_, err := w.r.PlanWipe(ctx, s, devices.These(out.Device.ID))
					return err
				},
				func(out devices.Registered) error {
					plan, err := w.r.PlanWipe(ctx, w.Host, devices.These(out.Device.ID))
					require.NoError(t, err)
					plan.Actor = s.Actor()
					_, err = w.r.ApplyWipe(ctx, s, plan, nil)
					return err
				},
			} {
				err := call(w.register(u, fmt.Sprint("phone", n)))
				if may {
					require.NoError(t, err, "call %d", n)
				} else {
					require.ErrorIs(t, err, chatadmin.ErrForbidden, "call %d", n)
				}
			}
		})
	}
}
