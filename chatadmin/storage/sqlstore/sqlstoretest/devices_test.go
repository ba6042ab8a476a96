package sqlstoretest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/devices"
)

// fleet is a domain with a phone, and the registries of two processes.
type fleet struct {
	t      *testing.T
	db     database
	domain storage.ID
	boss   storage.User
	ann    storage.User
	r      [2]*devices.Registry
	s      [2]*chatadmin.Scope // of the boss
}

func newFleet(t *testing.T, db database) *fleet {
	t.Helper()
	f := &fleet{t: t, db: db}
	first := chatadmintest.Must(chatadmin.New(db.open(t), nil))
	d, boss, err := first.CreateDomain(t.Context(), chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example", NoInvitation: true}})
	require.NoError(t, err)
	f.domain, f.boss = d.ID, boss
	f.r[0], f.s[0] = chatadmintest.Must(devices.New(first, nil)), first.As(d.ID, boss.ID)
	f.restart(1)
	f.ann = f.user("ann@acme.example")
	return f
}

// restart opens the database anew for one of the two.
func (f *fleet) restart(n int) {
	a := chatadmintest.Must(chatadmin.New(f.db.open(f.t), nil))
	f.r[n], f.s[n] = chatadmintest.Must(devices.New(a, nil)), a.As(f.domain, f.boss.ID)
}

func (f *fleet) user(login string) storage.User {
	f.t.Helper()
	u, err := f.s[0].CreateUser(f.t.Context(), chatadmin.NewUser{Login: login, NoInvitation: true})
	require.NoError(f.t, err)
	return u
}

func (f *fleet) register(n int, user storage.ID, key string) (devices.Registered, error) {
	return f.r[n].Register(f.t.Context(), f.s[n].Admin().AsHost(f.domain), user, devices.Registration{Key: key, Type: devices.IOS, Push: secret.Hide("p")})
}

func (f *fleet) events(kind string) []chatadmin.AuditEvent {
	f.t.Helper()
	var all []chatadmin.AuditEvent
	for e, err := range f.s[0].Events(f.t.Context(), storage.EventQuery{Kind: kind}) {
		require.NoError(f.t, err)
		all = append(all, e)
	}
	return all
}

// A hundred check-ins, then a hundred answers that contradict each other, by
// two processes: one transition of each, and everybody is told the same.
func TestDevicesRaceAnswer(t *testing.T) {
	databases(t, func(t *testing.T, db database) {
		f := newFleet(t, db)
		out, err := f.register(0, f.ann.ID, "phone")
		require.NoError(t, err)
		d, err := f.r[0].Wipe(t.Context(), f.s[0], out.Device.ID)
		require.NoError(t, err)
		token, delivered := out.WipeToken.Plain(), 0
		for _, err := range chatadmintest.AtOnce(100, func(n int) error {
			cs, err := f.r[n%2].CheckIn(t.Context(), token)
			if err == nil && (len(cs) != 1 || cs[0].ID != d.Command.ID) {
				err = fmt.Errorf("delivered: %v", cs)
			}
			return err
		}) {
			if err == nil {
				delivered++
			} else {
				require.ErrorIs(t, err, storage.ErrBusy)
			}
		}
		require.Positive(t, delivered)
		require.Len(t, f.events(devices.KindDeliverWipe), 1)
		states := make([]devices.Wipe, 100)
		for n, err := range chatadmintest.AtOnce(100, func(n int) error {
			c, err := f.r[n%2].Acknowledge(t.Context(), token, d.Command.ID, devices.Outcome{Failed: n%3 == 0})
			states[n] = c.State
			return err
		}) {
			if err != nil {
				require.ErrorIs(t, err, storage.ErrBusy)
				states[n] = 0
			}
		}
		slices.Sort(states)
		states = slices.DeleteFunc(slices.Compact(states), func(w devices.Wipe) bool { return w == devices.None })
		require.Len(t, states, 1, "%v", states)
		require.Len(t, f.events(devices.KindAnswerWipe), 1)
		history, err := f.r[1].History(t.Context(), f.s[1], out.Device.ID)
		require.NoError(t, err)
		require.Len(t, history, 1)
		require.Equal(t, states[0], history[0].State)
	})
}

// Disabling, enabling, wiping, cancelling, registering and answering at once,
// by two processes: the audit log tells one order, in which each change begins
// where the one before it ended, and in which nothing revives a device with a
// wipe pending.
func TestDevicesRaceAdmins(t *testing.T) {
	databases(t, func(t *testing.T, db database) {
		f := newFleet(t, db)
		out, err := f.register(0, f.ann.ID, "phone")
		require.NoError(t, err)
		sel, token := devices.These(out.Device.ID), out.WipeToken.Plain()
		for range 3 {
			chatadmintest.AtOnce(100, func(n int) error {
				r, s := f.r[n%2], f.s[n%2]
				var err error
				switch n / 2 % 6 {
				case 0:
					_, err = r.Disable(t.Context(), s, sel)
				case 1:
					_, err = r.Enable(t.Context(), s, sel, &devices.EnableOptions{CancelWipe: n%4 < 2})
				case 2:
					_, err = r.Wipe(t.Context(), s, out.Device.ID)
				case 3:
					_, err = r.CancelWipe(t.Context(), s, out.Device.ID)
				case 4:
					if n%8 == 0 {
						_, err = f.register(n%2, f.ann.ID, "phone")
					}
				case 5:
					var cs []devices.Command
					if cs, err = r.CheckIn(t.Context(), token); len(cs) > 0 {
						_, err = r.Acknowledge(t.Context(), token, cs[0].ID, devices.Outcome{Failed: n%3 == 0})
					}
				}
				if err != nil && !errors.Is(err, devices.ErrState) && !errors.Is(err, devices.ErrRefused) && !errors.Is(err, devices.ErrStale) && !errors.Is(err, storage.ErrBusy) {
					t.Error(err)
				}
				return err
			})
		}
		events := f.events("device.")
		slices.SortFunc(events, func(a, b chatadmin.AuditEvent) int { return cmp.Compare(a.Rev, b.Rev) })
		now := map[string]string{"wipe": "none"}
		require.Greater(t, len(events), 10)
		for _, e := range events {
			for _, c := range e.Changes[out.Device.ID] {
				require.Equal(t, now[c.Field], c.Before, "%s of %s", c.Field, e.Kind)
				now[c.Field] = c.After
			}
			require.False(t, now["status"] == "enabled" && (now["wipe"] == "requested" || now["wipe"] == "delivered"), e.Kind)
		}
		ds, _, err := f.r[0].DevicesPage(t.Context(), f.s[0], devices.Query{}, storage.Page{Limit: 10})
		require.NoError(t, err)
		require.Equal(t, []string{ds[0].Status.String(), ds[0].Wipe.String(), ds[0].Reasons.String()}, []string{now["status"], now["wipe"], now["disabled_by"]})
	})
}

// Registering and deactivating at once, by two processes: whichever comes
// first, nobody without access has a device that is let in, and no user has
// more devices than allowed.
func TestDevicesRaceRegister(t *testing.T) {
	databases(t, func(t *testing.T, db database) {
		f := newFleet(t, db)
		for round := range 8 {
			u := f.user(fmt.Sprintf("racer%d@acme.example", round))
			outs := make([]devices.Registered, 30)
			var wg sync.WaitGroup
			for n := range outs {
				wg.Go(func() {
					if n == 10 {
						_, err := f.s[1].DeactivateUsers(t.Context(), u.ID)
						for errors.Is(err, storage.ErrBusy) {
							_, err = f.s[1].DeactivateUsers(t.Context(), u.ID)
						}
						if err != nil {
							t.Error(err)
						}
						return
					}
					outs[n], _ = f.register(n%2, u.ID, fmt.Sprint("phone", n))
				})
			}
			wg.Wait()
			for _, out := range outs {
				_, err := f.r[0].Authorize(t.Context(), out.Token.Plain())
				require.ErrorIs(t, err, devices.ErrRefused)
			}
			enabled, _, err := f.r[0].DevicesPage(t.Context(), f.s[0], devices.Query{User: u.ID, Status: devices.Enabled}, storage.Page{Limit: 100})
			require.NoError(t, err)
			require.Empty(t, enabled)
			listed, _, err := f.r[0].DevicesPage(t.Context(), f.s[0], devices.Query{User: u.ID}, storage.Page{Limit: 100})
			require.NoError(t, err)
			require.LessOrEqual(t, len(listed), 20)
		}
	})
}

// A wipe goes its way although the process ends after each step.
func TestDevicesRestart(t *testing.T) {
	databases(t, func(t *testing.T, db database) {
		f := newFleet(t, db)
		out, err := f.register(0, f.ann.ID, "phone")
		require.NoError(t, err)
		_, err = f.r[1].Authorize(t.Context(), out.Token.Plain())
		require.NoError(t, err)
		for range 2 {
			f.restart(0)
			_, err = f.r[0].Wipe(t.Context(), f.s[0], out.Device.ID)
			require.NoError(t, err)
		}
		for n := range 2 {
			_, err = f.r[n].Authorize(t.Context(), out.Token.Plain())
			require.ErrorIs(t, err, devices.ErrRefused)
		}
		var command storage.ID
		for range 2 {
			f.restart(0)
			cs, err := f.r[0].CheckIn(t.Context(), out.WipeToken.Plain())
			require.NoError(t, err)
			require.Len(t, cs, 1)
			command = cs[0].ID
		}
		require.NoError(t, f.r[0].Remove(t.Context(), f.s[0], devices.Of(f.ann.ID)))
		f.restart(0)
		_, err = f.r[0].Acknowledge(t.Context(), out.WipeToken.Plain(), command, devices.Outcome{})
		require.NoError(t, err)
		f.restart(0)
		_, err = f.r[0].CheckIn(t.Context(), out.WipeToken.Plain())
		require.ErrorIs(t, err, devices.ErrRefused)
		require.Len(t, f.events(devices.KindDeliverWipe), 1)
		require.Len(t, f.events(devices.KindAnswerWipe), 1)
		require.Len(t, f.events(devices.KindWipe), 1)
	})
}

// A device that was removed before it answered its wipe comes back with it when
// its client registers again, in whichever process; or the wipe is taken back.
func TestDevicesRemoved(t *testing.T) {
	databases(t, func(t *testing.T, db database) {
		f := newFleet(t, db)
		out, err := f.register(0, f.ann.ID, "phone")
		require.NoError(t, err)
		for range 2 {
			_, err = f.r[0].Wipe(t.Context(), f.s[0], out.Device.ID)
			require.NoError(t, err)
			require.NoError(t, f.r[0].Remove(t.Context(), f.s[0], devices.Of(f.ann.ID)))
			allowed, err := f.r[1].DeviceAllowed(t.Context(), f.domain, f.ann.ID, "phone")
			require.NoError(t, err)
			require.False(t, allowed)
			again, err := f.register(1, f.ann.ID, "phone")
			require.NoError(t, err)
			require.Equal(t, []any{out.Device.ID, devices.Disabled, devices.Requested}, []any{again.Device.ID, again.Device.Status, again.Device.Wipe})
		}
		require.NoError(t, f.r[0].Remove(t.Context(), f.s[0], devices.Of(f.ann.ID)))
		_, err = f.r[1].CancelWipe(t.Context(), f.s[1], out.Device.ID)
		require.NoError(t, err)
		fresh, err := f.register(0, f.ann.ID, "phone")
		require.NoError(t, err)
		require.Equal(t, devices.Enabled, fresh.Device.Status)
	})
}

// What a database does not take as text is nothing that a device, a user or a
// name is called.
func TestDevicesOddText(t *testing.T) {
	databases(t, func(t *testing.T, db database) {
		f := newFleet(t, db)
		for _, odd := range []string{"a\x00", "a\xff"} {
			for _, q := range []devices.Query{{Search: odd}, {Key: odd}, {User: storage.ID(odd)}} {
				found, _, err := f.r[0].DevicesPage(t.Context(), f.s[0], q, storage.Page{Limit: 10})
				require.NoError(t, err)
				require.Empty(t, found)
			}
			allowed, err := f.r[0].DeviceAllowed(t.Context(), f.domain, f.ann.ID, odd)
			require.NoError(t, err)
			require.True(t, allowed, "not registered")
			_, err = f.register(0, storage.ID(odd), "phone")
			require.ErrorIs(t, err, chatadmin.ErrNotFound)
			_, err = f.r[0].CancelWipe(t.Context(), f.s[0], storage.ID(odd))
			require.ErrorIs(t, err, chatadmin.ErrNotFound)
			_, err = f.r[0].History(t.Context(), f.s[0], storage.ID(odd))
			require.ErrorIs(t, err, chatadmin.ErrNotFound)
		}
	})
}

// fill adds devices to users past the library: three for each.
func (f *fleet) fill(n int, users []storage.ID) {
	f.t.Helper()
	out, err := f.register(0, f.ann.ID, "pattern")
	require.NoError(f.t, err)
	store := f.db.open(f.t)
	rows, err := store.Devices(f.t.Context(), f.domain, []storage.ID{out.Device.ID})
	require.NoError(f.t, err)
	for from := 0; from < n; from += storage.MaxBatch {
		changes := make([]storage.Write[storage.Device], min(storage.MaxBatch, n-from))
		for i := range changes {
			d := rows[0]
			d.ID, d.Key, d.User = f.s[0].Admin().NewID(), fmt.Sprintf("%07d", (from+i)*7919%n), users[(from+i)/3%len(users)]
			changes[i].Row = d
		}
		require.NoError(f.t, store.Update(f.t.Context(), storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
			conflicts, err := tx.ChangeDevices(ctx, changes)
			if len(conflicts) > 0 {
				return fmt.Errorf("%v", conflicts)
			}
			return err
		}))
	}
}

// commands adds records of commands past the library.
func (f *fleet) commands(n int) {
	f.t.Helper()
	store := f.db.open(f.t)
	for from := 0; from < n; from += storage.MaxBatch {
		changes := make([]storage.Write[storage.Record], storage.MaxBatch)
		for i := range changes {
			changes[i].Row = storage.Record{Key: storage.Key{Kind: "device.command", Domain: f.domain, ID: fmt.Sprint("c", from+i)}, Rev: 1, Due: time.Now().Add(time.Duration(from+i) * time.Minute),
				Data: []byte(`{"v":1,"state":"requested"}`)}
		}
		require.NoError(f.t, store.Update(f.t.Context(), storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
			_, err := tx.ChangeRecords(ctx, changes)
			return err
		}))
	}
}

func (f *fleet) users(n int) []storage.ID {
	f.t.Helper()
	ids := make([]storage.ID, n)
	for i := range ids {
		ids[i] = f.user(fmt.Sprintf("user%d@acme.example", i)).ID
	}
	return ids
}

// A thousand users with three devices each are deactivated in one transaction,
// and no request of theirs is let in after it.
func TestDevicesThousandUsers(t *testing.T) {
	databases(t, func(t *testing.T, db database) {
		f := newFleet(t, db)
		ids := f.users(1000)
		f.fill(3000, ids)
		one, err := f.register(0, ids[500], "mine")
		require.NoError(t, err)
		_, err = f.r[0].Authorize(t.Context(), one.Token.Plain())
		require.NoError(t, err)
		began := time.Now()
		_, err = f.s[0].DeactivateUsers(t.Context(), ids...)
		require.NoError(t, err)
		t.Logf("a thousand users with 3,001 devices: %s", time.Since(began))
		_, err = f.r[1].Authorize(t.Context(), one.Token.Plain())
		require.ErrorIs(t, err, devices.ErrRefused)
		for status, want := range map[devices.Status]int{devices.Disabled: 3001, devices.Enabled: 1} {
			n := 0
			for _, err := range f.r[0].Devices(t.Context(), f.s[0], devices.Query{Status: status}) {
				require.NoError(t, err)
				n++
			}
			require.Equal(t, want, n)
		}
	})
}
