package devices_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/devices"
)

var ctx = context.Background()

// world is a domain with an admin and a user with a phone.
type world struct {
	t      testing.TB
	store  chatadmin.Store
	clock  *chatadmintest.Clock
	push   *chatadmintest.Pushes
	admin  *chatadmin.Admin
	r      *devices.Registry
	domain chatadmin.ID
	boss   chatadmin.User
	ann    chatadmin.User
	host   *chatadmin.Scope
	s      *chatadmin.Scope // of the boss
}

func newWorld(t testing.TB, o ...func(*chatadmin.Options, *devices.Options)) *world {
	return newWorldOn(t, memstore.New(nil), o...)
}

func newWorldOn(t testing.TB, store chatadmin.Store, o ...func(*chatadmin.Options, *devices.Options)) *world {
	t.Helper()
	w := &world{t: t, store: store, clock: chatadmintest.NewClock(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)), push: &chatadmintest.Pushes{}}
	ao, do := &chatadmin.Options{Now: w.clock.Now}, &devices.Options{Pusher: w.push}
	for _, f := range o {
		f(ao, do)
	}
	w.admin = chatadmintest.Must(chatadmin.New(store, ao))
	w.r = chatadmintest.Must(devices.New(w.admin, do))
	d, boss, err := w.admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example", NoInvitation: true}})
	require.NoError(t, err)
	w.domain, w.boss = d.ID, boss
	w.host, w.s = w.admin.AsHost(d.ID), w.admin.As(d.ID, boss.ID)
	w.ann = w.user("ann@acme.example")
	return w
}

func (w *world) user(login string, role ...string) chatadmin.User {
	w.t.Helper()
	n := chatadmin.NewUser{Login: login, NoInvitation: true}
	if len(role) > 0 {
		n.Role = role[0]
	}
	u, err := w.host.CreateUser(ctx, n)
	require.NoError(w.t, err)
	return u
}

// register registers a phone of a user.
func (w *world) register(u chatadmin.User, key string) devices.Registered {
	w.t.Helper()
	out, err := w.r.Register(ctx, w.host, u.ID, devices.Registration{Key: key, Type: devices.IOS, Name: "Phone of " + u.Login, Version: "1.0", Push: secret.Hide("push-" + key)})
	require.NoError(w.t, err)
	return out
}

func (w *world) authorized(out devices.Registered) bool {
	w.t.Helper()
	_, err := w.r.Authorize(ctx, out.Token.Plain())
	if err != nil {
		require.ErrorIs(w.t, err, devices.ErrRefused)
	}
	return err == nil
}

// device is a device as the list shows it.
func (w *world) device(id chatadmin.ID) devices.Device {
	w.t.Helper()
	for d, err := range w.r.Devices(ctx, w.host, devices.Query{}) {
		require.NoError(w.t, err)
		if d.ID == id {
			return d
		}
	}
	require.Fail(w.t, "no such device")
	return devices.Device{}
}

func (w *world) wipe(id chatadmin.ID) devices.Command {
	w.t.Helper()
	d, err := w.r.Wipe(ctx, w.s, id)
	require.NoError(w.t, err)
	return d.Command
}

func (w *world) checkIn(out devices.Registered) []devices.Command {
	w.t.Helper()
	cs, err := w.r.CheckIn(ctx, out.WipeToken.Plain())
	require.NoError(w.t, err)
	return cs
}

func (w *world) ack(out devices.Registered, command chatadmin.ID) error {
	_, err := w.r.Acknowledge(ctx, out.WipeToken.Plain(), command, devices.Outcome{})
	return err
}

func (w *world) events(kind string) []chatadmin.AuditEvent {
	w.t.Helper()
	es, err := all(w.host.Events(ctx, chatadmin.EventQuery{Kind: kind}))
	require.NoError(w.t, err)
	return es
}

func (w *world) pending(atLeast time.Duration) []devices.Device {
	w.t.Helper()
	ds, err := all(w.r.Pending(ctx, w.host, atLeast))
	require.NoError(w.t, err)
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

// put writes a record past the library, as somebody with access to the database
// could.
func (w *world) put(r storage.Record) {
	w.t.Helper()
	require.NoError(w.t, w.store.Update(ctx, storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
		rs, err := tx.Records(ctx, []storage.Key{r.Key})
		if err != nil {
			return err
		}
		c := storage.Write[storage.Record]{Row: r}
		if len(rs) > 0 {
			c.Was = rs[0].Rev
		}
		c.Row.Rev = storage.NextRev(c.Was, w.clock.Now(), 1)
		conflicts, err := tx.ChangeRecords(ctx, []storage.Write[storage.Record]{c})
		if err == nil && len(conflicts) > 0 {
			err = fmt.Errorf("%v", conflicts)
		}
		return err
	}))
}

// damaged lists what cannot be read in the domain, by kind and ID.
func (w *world) damaged() (found []string) {
	w.t.Helper()
	for bad, err := range w.host.Damaged(ctx) {
		require.NoError(w.t, err)
		found = append(found, bad.Kind+" "+bad.ID)
	}
	return found
}
