package devices_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/devices"
)

var ctx = context.Background()

// world is a domain with an admin and a user with a phone.
type world struct {
	*chatadmintest.World
	r   *devices.Registry
	ann chatadmin.User
}

func newWorld(t testing.TB, o ...func(*chatadmin.Options, *devices.Options)) *world {
	return newWorldOn(t, memstore.New(nil), o...)
}

func newWorldOn(t testing.TB, store chatadmin.Store, o ...func(*chatadmin.Options, *devices.Options)) *world {
	t.Helper()
	w, pushes := &world{}, &chatadmintest.Pushes{}
	do := &devices.Options{Pusher: pushes}
	w.World = chatadmintest.NewWorld(t, &chatadmintest.WorldOptions{Store: store, Admin: func(ao *chatadmin.Options) {
		ao.Mailer, ao.Blobs, ao.LinkBase = nil, nil, ""
		for _, f := range o {
			f(ao, do)
		}
	}, Extend: func(a *chatadmin.Admin) { w.r = chatadmintest.Must(devices.New(a, do)) }})
	w.Pushes = pushes
	w.ann = w.user("ann@acme.example")
	return w
}

func (w *world) user(login string, role ...string) chatadmin.User {
	w.T.Helper()
	n := chatadmin.NewUser{Login: login, NoInvitation: true}
	if len(role) > 0 {
		n.Role = role[0]
	}
	u, err := w.Host.CreateUser(ctx, n)
	require.NoError(w.T, err)
	return u
}

// register registers a phone of a user.
func (w *world) register(u chatadmin.User, key string) devices.Registered {
	w.T.Helper()
	out, err := w.r.Register(ctx, w.Host, u.ID, devices.Registration{Key: key, Type: devices.IOS, Name: "Phone of " + u.Login, Version: "1.0", Push: secret.Hide("push-" + key)})
	require.NoError(w.T, err)
	return out
}

func (w *world) authorized(out devices.Registered) bool {
	w.T.Helper()
	_, err := w.r.Authorize(ctx, out.Token.Plain())
	if err != nil {
		require.ErrorIs(w.T, err, devices.ErrRefused)
	}
	return err == nil
}

// device is a device as the list shows it.
func (w *world) device(id chatadmin.ID) devices.Device {
	w.T.Helper()
	for d, err := range w.r.Devices(ctx, w.Host, devices.Query{}) {
		require.NoError(w.T, err)
		if d.ID == id {
			return d
		}
	}
	require.Fail(w.T, "no such device")
	return devices.Device{}
}

func (w *world) wipe(id chatadmin.ID) devices.Command {
	w.T.Helper()
	d, err := w.r.Wipe(ctx, w.S, id)
	require.NoError(w.T, err)
	return d.Command
}

func (w *world) checkIn(out devices.Registered) []devices.Command {
	w.T.Helper()
	cs, err := w.r.CheckIn(ctx, out.WipeToken.Plain())
	require.NoError(w.T, err)
	return cs
}

func (w *world) ack(out devices.Registered, command chatadmin.ID) error {
	_, err := w.r.Acknowledge(ctx, out.WipeToken.Plain(), command, devices.Outcome{})
	return err
}

func (w *world) pending(atLeast time.Duration) []devices.Device {
	w.T.Helper()
	ds, err := all(w.r.Pending(ctx, w.Host, atLeast))
	require.NoError(w.T, err)
	return ds
}

func all[T any](seq func(func(T, error) bool)) ([]T, error) {
	var vs []T
	for v, err := range seq {
		if err != nil {
			return nil, err
		}
		vs = append(vs, v)
	}
	return vs, nil
}
