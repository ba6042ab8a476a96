package devices_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/devices"
)

// damages are the ways in which what is kept cannot be read.
var damages = map[string]func(good string) string{
	"empty":         func(string) string { return "" },
	"truncated":     func(good string) string { return good[:len(good)-2] },
	"{}":            func(string) string { return `{}` },
	"null":          func(string) string { return `null` },
	"a list":        func(string) string { return `[]` },
	"newer":         func(good string) string { return strings.Replace(good, `"v":1`, `"v":2`, 1) },
	"wrong version": func(good string) string { return strings.Replace(good, `"v":1`, `"v":"1"`, 1) },
	"wrong types": func(string) string {
		return `{"v":1,"disabled_by":7,"push":[],"wipe":{},"id":[],"device":{},"state":3,"tries":"x"}`
	},
	"unknown values": func(string) string {
		return `{"v":1,"disabled_by":"nobody","id":"a b","device":"a b","generation":-1,"state":"burnt","tries":-1}`
	},
}

// ward is a world with everything that is kept of devices, of ann and of bob.
type ward struct {
	*world
	bob chatadmin.User
	// of ann: let in; to be wiped; removed, to be wiped; wiped once
	phone, tablet, gone, old devices.Registered
	his, lost                devices.Registered // of bob: let in; to be wiped
	history                  chatadmin.ID       // the command of old
}

func newWard(t *testing.T) *ward {
	w := &ward{world: newWorld(t)}
	w.bob = w.user("bob@acme.example")
	w.phone, w.tablet, w.gone, w.old = w.register(w.ann, "phone"), w.register(w.ann, "tablet"), w.register(w.ann, "gone"), w.register(w.ann, "old")
	w.his, w.lost = w.register(w.bob, "his"), w.register(w.bob, "lost")
	w.history = w.wipe(w.old.Device.ID).ID
	w.checkIn(w.old)
	require.NoError(t, w.ack(w.old, w.history))
	w.old = w.register(w.ann, "old")
	w.wipe(w.tablet.Device.ID)
	w.wipe(w.gone.Device.ID)
	w.wipe(w.lost.Device.ID)
	require.NoError(t, w.r.Remove(ctx, w.S, devices.These(w.gone.Device.ID)))
	return w
}

// spoilt is something that is damaged.
type spoilt struct {
	row func(w *ward) chatadmin.ID      // of a device; nil: a record
	key func(w *ward) (kind, id string) // of a record
	// calls on ann that are refused, and by what; others are not
	goes map[string]error
	// holds proves that what protects is in force.
	holds func(t *testing.T, w *ward)
	// mended proves what is left after a repair.
	mended func(t *testing.T, w *ward)
}

func record(kind string, id func(w *ward) string) func(w *ward) (string, string) {
	return func(w *ward) (string, string) { return kind, id(w) }
}

// stillWiped proves that a device is wiped: it is not let in nor enabled, is
// listed, and told what to do until it has answered.
func stillWiped(out func(w *ward) devices.Registered) func(t *testing.T, w *ward) {
	return func(t *testing.T, w *ward) {
		t.Helper()
		d := out(w)
		require.False(t, w.authorized(d))
		_, err := w.r.Enable(ctx, w.Host, devices.These(d.Device.ID), nil)
		require.Error(t, err)
		require.Contains(t, ids(w.pending(0)), d.Device.ID)
		got := w.checkIn(d)
		require.Len(t, got, 1)
		require.Equal(t, got, w.checkIn(d), "the same again")
		require.NoError(t, w.ack(d, got[0].ID))
		require.NotContains(t, ids(w.pending(0)), d.Device.ID)
		require.False(t, w.authorized(d))
	}
}

func ids(ds []devices.Device) (all []chatadmin.ID) {
	for _, d := range ds {
		all = append(all, d.ID)
	}
	return all
}

var spoils = map[string]spoilt{
	"row": {
		row:  func(w *ward) chatadmin.ID { return w.phone.Device.ID },
		goes: map[string]error{"Register": chatadmin.ErrDamaged, "Enable": chatadmin.ErrDamaged},
		holds: func(t *testing.T, w *ward) {
			require.False(t, w.authorized(w.phone))
			ok, err := w.r.DeviceAllowed(ctx, w.Domain, w.ann.ID, "phone")
			require.NoError(t, err)
			require.False(t, ok)
			d := w.device(w.phone.Device.ID)
			require.True(t, d.Damaged)
			require.Equal(t, disabled, d.Status)
		},
		mended: func(t *testing.T, w *ward) {
			d := w.device(w.phone.Device.ID)
			require.False(t, d.Damaged || w.authorized(w.phone))
			require.Equal(t, devices.ByAdmin, d.Reasons)
			_, err := w.r.Enable(ctx, w.S, devices.These(d.ID), nil)
			require.NoError(t, err)
			require.True(t, w.authorized(w.register(w.ann, "phone")))
		},
	},
	"row of a device to be wiped": {
		row:    func(w *ward) chatadmin.ID { return w.tablet.Device.ID },
		holds:  stillWiped(func(w *ward) devices.Registered { return w.tablet }),
		mended: stillWiped(func(w *ward) devices.Registered { return w.tablet }),
	},
	"command": {
		key:    record("device.command", func(w *ward) string { return string(w.tablet.Device.ID) }),
		holds:  stillWiped(func(w *ward) devices.Registered { return w.tablet }),
		mended: stillWiped(func(w *ward) devices.Registered { return w.tablet }),
	},
	"command of a removed device": {
		key: record("device.command", func(w *ward) string { return string(w.gone.Device.ID) }),
		holds: func(t *testing.T, w *ward) {
			require.Contains(t, ids(w.pending(0)), w.gone.Device.ID)
			again := w.register(w.ann, "gone")
			require.Equal(t, w.gone.Device.ID, again.Device.ID)
			stillWiped(func(*ward) devices.Registered { return again })(t, w)
		},
		mended: func(t *testing.T, w *ward) {
			again := w.register(w.ann, "gone")
			stillWiped(func(*ward) devices.Registered { return again })(t, w)
		},
	},
	"command that has ended": {
		key:   record("device.command", func(w *ward) string { return string(w.old.Device.ID) }),
		holds: func(t *testing.T, w *ward) { require.True(t, w.authorized(w.old)) },
		mended: func(t *testing.T, w *ward) {
			require.True(t, w.authorized(w.old))
			w.wipe(w.old.Device.ID)
			stillWiped(func(w *ward) devices.Registered { return w.old })(t, w)
		},
	},
	"history": {
		key:   record("device.history", func(w *ward) string { return string(w.history) }),
		holds: func(t *testing.T, w *ward) { require.True(t, w.authorized(w.old)) },
		mended: func(t *testing.T, w *ward) {
			all, err := w.r.History(ctx, w.S, w.old.Device.ID)
			require.NoError(t, err)
			require.Empty(t, all)
		},
	},
	"push": {
		key: record("device.push", func(w *ward) string {
			return string(w.device(w.tablet.Device.ID).Command.ID)
		}),
		holds: stillWiped(func(w *ward) devices.Registered { return w.tablet }),
	},
	"trail": {
		key: record("device.removed", func(w *ward) string { return string(w.ann.ID) + ".gone" }),
		holds: func(t *testing.T, w *ward) {
			ok, err := w.r.DeviceAllowed(ctx, w.Domain, w.ann.ID, "gone")
			require.NoError(t, err)
			require.False(t, ok, "it may lead to a wipe")
			_, err = w.r.Register(ctx, w.Host, w.ann.ID, devices.Registration{Key: "gone", Type: devices.IOS})
			require.ErrorIs(t, err, chatadmin.ErrDamaged)
			stillWiped(func(w *ward) devices.Registered { return w.gone })(t, w)
		},
		mended: func(t *testing.T, w *ward) {
			require.True(t, w.authorized(w.register(w.ann, "gone")))
			got := w.checkIn(w.gone)
			require.Len(t, got, 1, "the wipe by itself is still pending")
		},
	},
	"user": {
		key:   record("device.user", func(w *ward) string { return string(w.ann.ID) }),
		holds: func(t *testing.T, w *ward) { require.True(t, w.authorized(w.phone)) },
	},
}

// spoil damages it, past the library.
func (x spoilt) spoil(w *ward, damage func(string) string) {
	if x.row == nil {
		kind, id := x.key(w)
		rs, err := w.Store.Records(ctx, []storage.Key{{Kind: kind, Domain: w.Domain, ID: id}})
		require.NoError(w.T, err)
		require.Len(w.T, rs, 1)
		rs[0].Data = []byte(damage(string(rs[0].Data)))
		w.PutRecord(rs[0])
		return
	}
	id := x.row(w)
	require.NoError(w.T, w.Store.Update(ctx, storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
		ds, err := tx.Devices(ctx, w.Domain, []chatadmin.ID{id})
		if err != nil || len(ds) != 1 {
			return errors.Join(err, chatadmin.ErrNotFound)
		}
		c := storage.Write[storage.Device]{Row: ds[0], Was: ds[0].Rev}
		c.Row.Data, c.Row.Rev = []byte(damage(string(ds[0].Data))), storage.NextRev(c.Was, w.Clock.Now(), 1)
		cs, err := tx.ChangeDevices(ctx, []storage.Write[storage.Device]{c})
		if err == nil && len(cs) > 0 {
			err = fmt.Errorf("%v", cs)
		}
		return err
	}))
}

// name is how the library lists it.
func (x spoilt) name(w *ward) (kind, id string) {
	if x.row != nil {
		return "device", string(x.row(w))
	}
	return x.key(w)
}

// onUsers are the calls about a user and their devices, of which one is named.
var onUsers = map[string]func(w *ward, u chatadmin.User, key string, id chatadmin.ID) error{
	"Register": func(w *ward, u chatadmin.User, key string, _ chatadmin.ID) error {
		_, err := w.r.Register(ctx, w.Host, u.ID, devices.Registration{Key: key, Type: devices.IOS})
		return err
	},
	"Register another": func(w *ward, u chatadmin.User, _ string, _ chatadmin.ID) error {
		_, err := w.r.Register(ctx, w.Host, u.ID, devices.Registration{Key: "another", Type: devices.IOS})
		return err
	},
	"List": func(w *ward, u chatadmin.User, _ string, _ chatadmin.ID) error {
		_, _, err := w.r.DevicesPage(ctx, w.Admin.As(w.Domain, u.ID), devices.Query{User: u.ID}, chatadmin.Page{Limit: 10})
		return err
	},
	"Enable": func(w *ward, _ chatadmin.User, _ string, id chatadmin.ID) error {
		_, err := w.r.Enable(ctx, w.S, devices.These(id), nil)
		return err
	},
	"Disable": func(w *ward, _ chatadmin.User, _ string, id chatadmin.ID) error {
		_, err := w.r.Disable(ctx, w.S, devices.These(id))
		return err
	},
	"Disable all": func(w *ward, u chatadmin.User, _ string, _ chatadmin.ID) error {
		_, err := w.r.Disable(ctx, w.S, devices.Of(u.ID))
		return err
	},
	"Disable own": func(w *ward, u chatadmin.User, _ string, _ chatadmin.ID) error {
		_, err := w.r.Disable(ctx, w.Admin.As(w.Domain, u.ID), devices.Of(u.ID))
		return err
	},
	"Wipe": func(w *ward, _ chatadmin.User, _ string, id chatadmin.ID) error {
		_, err := w.r.Wipe(ctx, w.S, id)
		return err
	},
	"Wipe many": func(w *ward, u chatadmin.User, _ string, _ chatadmin.ID) error {
		plan, err := w.r.PlanWipe(ctx, w.S, devices.Of(u.ID))
		if err == nil {
			_, err = w.r.ApplyWipe(ctx, w.S, plan, nil)
		}
		return err
	},
	"Remove": func(w *ward, u chatadmin.User, _ string, _ chatadmin.ID) error {
		return w.r.Remove(ctx, w.S, devices.Of(u.ID))
	},
	"History": func(w *ward, _ chatadmin.User, _ string, id chatadmin.ID) error {
		_, err := w.r.History(ctx, w.S, id)
		return err
	},
	"DeactivateUsers": func(w *ward, u chatadmin.User, _ string, _ chatadmin.ID) error {
		_, err := w.S.DeactivateUsers(ctx, u.ID)
		return err
	},
	"DeactivateUsers and back": func(w *ward, u chatadmin.User, _ string, _ chatadmin.ID) error {
		_, err := w.S.DeactivateUsers(ctx, u.ID)
		if err == nil {
			_, err = w.S.ActivateUsers(ctx, u.ID)
		}
		return err
	},
	"DenyAccess": func(w *ward, u chatadmin.User, _ string, _ chatadmin.ID) error {
		_, err := w.S.DenyAccess(ctx, u.ID)
		return err
	},
	"deletion": func(w *ward, u chatadmin.User, _ string, _ chatadmin.ID) error {
		w.deleting(u.ID, chatadmin.BeginDeletion)
		w.erase(w.Store, u.ID)
		return nil
	},
}

// Every kind × every damage × every call: the call goes on, for the user whose
// it is and for all others, and the device is not let in.
func TestDamage(t *testing.T) {
	for name, x := range spoils {
		for how, damage := range damages {
			for _, call := range slices.Sorted(maps.Keys(onUsers)) {
				t.Run(name+"/"+how+"/"+call, func(t *testing.T) {
					w := newWard(t)
					x.spoil(w, damage)
					require.ErrorIs(t, onUsers[call](w, w.ann, "phone", w.phone.Device.ID), x.goes[call])
					require.NoError(t, onUsers[call](w, w.bob, "his", w.his.Device.ID))
					require.False(t, w.authorized(w.tablet) || w.authorized(w.gone) || w.authorized(w.lost))
					if name == "row" {
						require.False(t, w.authorized(w.phone))
					}
				})
			}
		}
	}
}

// What belongs to a domain goes on behind what cannot be read; what protects is
// in force; and an administrator finds and repairs it.
func TestDamageIsRepaired(t *testing.T) {
	for name, x := range spoils {
		for how, damage := range damages {
			if name == "user" && (how == "wrong types" || how == "unknown values") {
				continue // it has a version alone
			}
			t.Run(name+"/"+how, func(t *testing.T) {
				w := newWard(t)
				kind, id := x.name(w)
				x.spoil(w, damage)
				require.Equal(t, []string{kind + " " + id}, w.Damaged())
				listed, err := all(w.r.Devices(ctx, w.S, devices.Query{}))
				require.NoError(t, err)
				require.Len(t, listed, 5)
				require.Len(t, w.pending(0), 3)
				require.True(t, w.authorized(w.his))
				require.Len(t, w.checkIn(w.lost), 1)
				x.holds(t, w)

				w = newWard(t)
				kind, id = x.name(w)
				x.spoil(w, damage)
				did, err := w.Admin.Work(ctx)
				require.NoError(t, err)
				require.Contains(t, []int{1, 2}, did["device pushes"], "that of bob, and what can be read of ann")
				require.Len(t, w.Damaged(), 1)
				require.NoError(t, w.S.Repair(ctx, kind, id))
				require.Empty(t, w.Damaged())
				require.NoError(t, w.S.Repair(ctx, kind, w.none(kind, id)), "it can be read")
				require.Len(t, w.Events(chatadmin.KindRepair), 1)
				if x.mended != nil {
					x.mended(t, w)
				}
			})
		}
	}
}

// none is the ID of something of the kind that can be read, or of what was
// repaired.
func (w *ward) none(kind, id string) string {
	switch kind {
	case "device":
		return string(w.his.Device.ID)
	case "device.command":
		return string(w.lost.Device.ID)
	case "device.user":
		return string(w.bob.ID)
	}
	w.PutRecord(storage.Record{Key: storage.Key{Kind: kind, Domain: w.Domain, ID: "whole"}, Data: []byte(`{"v":1,"id":"x","device":"x","generation":1,"state":"cancelled"}`)})
	return "whole"
}

// A repair needs the permission for devices and power over the user, and says
// so of what is not there.
func TestRepairNeedsPower(t *testing.T) {
	w := newWard(t)
	spoils["row"].spoil(w, damages["null"])
	role, err := w.Host.CreateRole(ctx, chatadmin.Role{Name: "clerk", Level: 50, Permissions: []chatadmin.Permission{chatadmin.PermDomain, chatadmin.PermDevices}})
	require.NoError(t, err)
	lesser, err := w.Host.CreateRole(ctx, chatadmin.Role{Name: "lesser", Level: 50, Permissions: []chatadmin.Permission{chatadmin.PermDomain}})
	require.NoError(t, err)
	clerk, other := w.user("clerk@acme.example", role.ID), w.user("other@acme.example", lesser.ID)
	require.ErrorIs(t, w.Admin.As(w.Domain, other.ID).Repair(ctx, "device", string(w.phone.Device.ID)), chatadmin.ErrForbidden)
	_, err = w.Host.AssignRole(ctx, chatadmin.RoleAdmin, w.ann.ID)
	require.NoError(t, err)
	require.ErrorIs(t, w.Admin.As(w.Domain, clerk.ID).Repair(ctx, "device", string(w.phone.Device.ID)), chatadmin.ErrForbidden)
	require.ErrorIs(t, w.Host.Repair(ctx, "device", "none"), chatadmin.ErrNotFound)
	require.ErrorIs(t, w.Host.Repair(ctx, "device", "a b"), chatadmin.ErrNotFound)
	require.Len(t, w.Damaged(), 1)
	_, err = w.S.DenyAccess(ctx, w.ann.ID)
	require.NoError(t, err)
	require.NoError(t, w.S.Repair(ctx, "device", string(w.phone.Device.ID)))
	require.Equal(t, devices.ByAdmin|devices.ByUser, w.device(w.phone.Device.ID).Reasons)
}

// A row whose status contradicts the reasons is not let in.
func TestContradiction(t *testing.T) {
	w := newWard(t)
	for _, data := range []string{`{"v":1,"disabled_by":"admin"}`, `{"v":1,"disabled_by":"wipe","push":"x"}`} {
		x := spoilt{row: func(w *ward) chatadmin.ID { return w.phone.Device.ID }}
		x.spoil(w, func(string) string { return data })
		require.False(t, w.authorized(w.phone))
		require.Len(t, w.Damaged(), 1)
	}
}

// What can only be known of a device that cannot be read is enough to wipe it
// when its user is deleted.
func TestDeletedWithDamagedRow(t *testing.T) {
	for how, damage := range damages {
		t.Run(how, func(t *testing.T) {
			w := newWard(t)
			spoils["row"].spoil(w, damage)
			w.deleting(w.ann.ID, chatadmin.BeginDeletion)
			w.erase(w.Store, w.ann.ID)
			require.Contains(t, ids(w.pending(0)), w.phone.Device.ID, "nobody says that it was wiped")
			if how == "newer" || how == "wrong version" { // the credential can be read
				got := w.checkIn(w.phone)
				require.Len(t, got, 1)
				require.NoError(t, w.ack(w.phone, got[0].ID))
				return
			}
			_, err := w.r.CheckIn(ctx, w.phone.WipeToken.Plain())
			require.ErrorIs(t, err, devices.ErrRefused)
			_, err = w.r.CancelWipe(ctx, w.S, w.phone.Device.ID)
			require.NoError(t, err, "an administrator can put an end to it")
		})
	}
}

// A push that cannot be read waits for a newer version, and is not met again at
// once.
func TestDamagedPushWaits(t *testing.T) {
	w := newWard(t)
	x := spoils["push"]
	kind, id := x.key(w)
	x.spoil(w, damages["newer"])
	n, err := w.r.SendPushes(ctx, w.Domain)
	require.NoError(t, err)
	require.Equal(t, 1, n, "that of bob")
	rs, err := w.Store.Records(ctx, []storage.Key{{Kind: kind, Domain: w.Domain, ID: id}})
	require.NoError(t, err)
	require.Len(t, rs, 1)
	require.Contains(t, string(rs[0].Data), `"v":2`)
	require.Equal(t, w.Clock.Now().Add(time.Hour), rs[0].Due)
}

// A command that cannot be read is kept when the row goes that knows the
// credential: the device still learns of it.
func TestLostCommandOutlivesTheDevice(t *testing.T) {
	for how, damage := range damages {
		for name, end := range map[string]func(w *ward){
			"deleted": func(w *ward) {
				w.deleting(w.ann.ID, chatadmin.BeginDeletion)
				w.erase(w.Store, w.ann.ID)
			},
			"removed": func(w *ward) { require.NoError(t, w.r.Remove(ctx, w.S, devices.These(w.tablet.Device.ID))) },
		} {
			t.Run(name+"/"+how, func(t *testing.T) {
				w := newWard(t)
				spoils["command"].spoil(w, damage)
				end(w)
				require.Empty(t, w.Damaged())
				got := w.checkInTwice(w.tablet)
				require.Len(t, got, 1)
				require.NoError(t, w.ack(w.tablet, got[0].ID))
				require.NotContains(t, ids(w.pending(0)), w.tablet.Device.ID)
				if name == "deleted" { // else the way to it is pruned later
					w.nothingLeft(w.tablet.Device.ID)
				}
			})
		}
	}
}
