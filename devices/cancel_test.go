package devices_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/devices"
)

// Who may take back whose wipe: of a device that is there and of one that was
// removed, by cancelling and by enabling. Where nobody is left who has asked
// for it, that is the host or a domain admin alone.
func TestWhoCancelsWhoseWipe(t *testing.T) {
	askers := []string{"host", "boss", "deleted", "deleting", "deactivated", "high", "clerk"}
	may := map[string][]string{ // by actor: whose wipes
		"host":  askers,
		"boss":  askers,
		"high":  {"deactivated", "high", "clerk"},
		"clerk": {"deactivated", "clerk"},
		"ann":   {},
	}
	for actor, allowed := range may {
		for _, asker := range askers {
			for _, removed := range []bool{false, true} {
				for _, enable := range []bool{false, true} {
					if removed && enable {
						continue // it is not on the list
					}
					t.Run(fmt.Sprintf("%s of %s, removed %t, enable %t", actor, asker, removed, enable), func(t *testing.T) {
						w := newWorld(t)
						scope := w.staff(asker)
						out := w.register(w.ann, "phone")
						_, err := w.r.Wipe(ctx, scope(asker), out.Device.ID)
						require.NoError(t, err)
						w.leave(asker, scope(asker).Actor())
						if removed {
							require.NoError(t, w.r.Remove(ctx, w.Host, devices.These(out.Device.ID)))
						}
						if enable {
							_, err = w.r.Enable(ctx, scope(actor), devices.These(out.Device.ID), &devices.EnableOptions{CancelWipe: true})
						} else {
							_, err = w.r.CancelWipe(ctx, scope(actor), out.Device.ID)
						}
						for _, a := range allowed {
							if a == asker {
								require.NoError(t, err)
								require.Empty(t, w.pending(0))
								return
							}
						}
						require.ErrorIs(t, err, chatadmin.ErrForbidden)
						require.Len(t, w.pending(0), 1)
						require.Len(t, w.checkIn(out), 1)
					})
				}
			}
		}
	}
}

// staff makes the people of the matrix, and returns their scopes by name.
func (w *world) staff(asker string) func(string) *chatadmin.Scope {
	role := func(name string, level int) string {
		r, err := w.Host.CreateRole(ctx, chatadmin.Role{Name: name, Level: level, Permissions: []chatadmin.Permission{chatadmin.PermDevices}})
		require.NoError(w.T, err)
		return r.ID
	}
	high, clerk := role("high", 60), role("clerk", 20)
	scopes := map[string]*chatadmin.Scope{"host": w.Host, "boss": w.S, "ann": w.Admin.As(w.Domain, w.ann.ID),
		"high": w.Admin.As(w.Domain, w.user("high@acme.example", high).ID), "clerk": w.Admin.As(w.Domain, w.user("clerk@acme.example", clerk).ID)}
	if scopes[asker] == nil { // whoever goes later has a low role
		scopes[asker] = w.Admin.As(w.Domain, w.user("gone@acme.example", clerk).ID)
	}
	return func(name string) *chatadmin.Scope { return scopes[name] }
}

// leave is what becomes of the asker before the wipe is taken back.
func (w *world) leave(asker string, id chatadmin.ID) {
	switch asker {
	case "deactivated":
		_, err := w.Host.DeactivateUsers(ctx, id)
		require.NoError(w.T, err)
	case "deleting":
		w.deleting(id, chatadmin.BeginDeletion)
	case "deleted":
		w.deleting(id, chatadmin.BeginDeletion)
		w.erase(w.Store, id)
	}
}
