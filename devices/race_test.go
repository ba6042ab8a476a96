package devices_test

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/devices"
)

// twoHandles is a world, and the registry of another process over the same
// data.
func twoHandles(t *testing.T, c *memstore.Chaos) (*world, *devices.Registry, *chatadmin.Scope) {
	right := memstore.New(nil)
	w := newWorldOn(t, right)
	admin := chatadmintest.Must(chatadmin.New(right.Handle(&memstore.Options{Chaos: c}), &chatadmin.Options{Now: w.Clock.Now}))
	return w, chatadmintest.Must(devices.New(admin, nil)), admin.As(w.Domain, w.Boss.ID)
}

// A hundred answers at once, over two handles: one transition, one event.
func TestRaceAcknowledge(t *testing.T) {
	for name, c := range map[string]*memstore.Chaos{"reliable": nil, "chaos": {Rerun: 0.3, UnknownKept: 0.3, UnknownLost: 0.1}} {
		t.Run(name, func(t *testing.T) {
			w, second, _ := twoHandles(t, c)
			out := w.register(w.ann, "phone")
			command := w.wipe(out.Device.ID)
			chatadmintest.AtOnce(100, func(n int) error { // told a hundred times at once
				r := []*devices.Registry{w.r, second}[n%2]
				_, err := r.CheckIn(ctx, out.WipeToken.Plain())
				return err
			})
			require.Len(t, w.Events(devices.KindDeliverWipe), 1)
			ended := map[devices.Wipe]int{}
			states := make([]devices.Wipe, 100)
			for n, err := range chatadmintest.AtOnce(100, func(n int) error {
				r := []*devices.Registry{w.r, second}[n%2]
				c, err := r.Acknowledge(ctx, out.WipeToken.Plain(), command.ID, devices.Outcome{Failed: n%3 == 0})
				states[n] = c.State
				return err
			}) {
				if err == nil {
					ended[states[n]]++
				} else {
					require.ErrorIs(t, err, chatadmin.ErrBusy)
				}
			}
			require.Len(t, ended, 1, "all were told the same: %v", ended)
			require.Len(t, w.Events(devices.KindAnswerWipe), 1)
			history, err := w.r.History(ctx, w.S, out.Device.ID)
			require.NoError(t, err)
			require.Len(t, history, 1)
		})
	}
}

// Disabling, enabling, wiping, cancelling, registering and answering at once:
// the audit log tells one order, in which each change begins where the one
// before it ended.
func TestRaceAdmins(t *testing.T) {
	w, second, other := twoHandles(t, nil)
	out := w.register(w.ann, "phone")
	sel := devices.These(out.Device.ID)
	var last atomic.Pointer[devices.Registered]
	last.Store(&out)
	for range 10 {
		for _, err := range chatadmintest.AtOnce(100, func(n int) error {
			r, s := w.r, w.S
			if n%2 == 1 {
				r, s = second, other
			}
			var err error
			switch n / 2 % 6 {
			case 0:
				_, err = r.Disable(ctx, s, sel)
			case 1:
				_, err = r.Enable(ctx, s, sel, &devices.EnableOptions{CancelWipe: n%4 < 2})
			case 2:
				_, err = r.Wipe(ctx, s, out.Device.ID)
			case 3:
				_, err = r.CancelWipe(ctx, s, out.Device.ID)
			case 4:
				var again devices.Registered
				if again, err = r.Register(ctx, s.Admin().AsHost(w.Domain), w.ann.ID, devices.Registration{Key: "phone", Type: devices.IOS}); err == nil {
					last.Store(&again)
				}
			case 5:
				var cs []devices.Command
				if cs, err = r.CheckIn(ctx, last.Load().WipeToken.Plain()); len(cs) > 0 {
					_, err = r.Acknowledge(ctx, last.Load().WipeToken.Plain(), cs[0].ID, devices.Outcome{Failed: n%3 == 0})
				}
			}
			return err
		}) {
			if err != nil {
				require.True(t, errors.Is(err, devices.ErrState) || errors.Is(err, devices.ErrRefused) || errors.Is(err, devices.ErrStale) || errors.Is(err, chatadmin.ErrBusy), "%v", err)
			}
		}
	}
	oneOrder(t, w.Events("device."), w.device(out.Device.ID))
}

// oneOrder follows the fields of one device through the audit log.
func oneOrder(t *testing.T, events []chatadmin.AuditEvent, d devices.Device) {
	t.Helper()
	slices.SortFunc(events, func(a, b chatadmin.AuditEvent) int { return cmp.Compare(a.Rev, b.Rev) })
	now := map[string]string{"wipe": "none"}
	require.Greater(t, len(events), 20)
	for _, e := range events {
		for _, c := range e.Changes[d.ID] {
			require.Equal(t, now[c.Field], c.Before, "%s of %s", c.Field, e.Kind)
			now[c.Field] = c.After
		}
		require.Equal(t, now["disabled_by"] == "", now["status"] == "enabled", "%s", e.Kind)
		require.False(t, now["status"] == "enabled" && (now["wipe"] == "requested" || now["wipe"] == "delivered"), "%s revived a device with a wipe pending", e.Kind)
	}
	require.Equal(t, d.Status.String(), now["status"])
	require.Equal(t, d.Wipe.String(), now["wipe"])
	require.Equal(t, d.Reasons.String(), now["disabled_by"])
}

// broken fails when it is told to: before the commit, or after it.
type broken struct {
	chatadmin.Store
	before, after error
}

func (b *broken) Update(ctx context.Context, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
	if b.before != nil {
		return b.before
	}
	if err := b.Store.Update(ctx, fence, f); err != nil {
		return err
	}
	return b.after
}

// The server dies over an answer, before or after it was written down: the
// phone answers again, and one transition comes of it.
func TestCrashOverAnswer(t *testing.T) {
	for name, c := range map[string]func(*broken, error){"before": func(b *broken, err error) { b.before = err }, "after": func(b *broken, err error) { b.after = err }} {
		t.Run(name, func(t *testing.T) {
			crash := errors.New("the server is gone")
			store := &broken{Store: memstore.New(nil)}
			w := newWorldOn(t, store)
			out := w.register(w.ann, "phone")
			command := w.wipe(out.Device.ID)
			c(store, crash)
			_, err := w.r.CheckIn(ctx, out.WipeToken.Plain())
			require.ErrorIs(t, err, crash)
			c(store, nil)
			require.Len(t, w.checkIn(out), 1, "told again")
			require.Len(t, w.checkIn(out), 1)
			c(store, crash)
			require.ErrorIs(t, w.ack(out, command.ID), crash)
			c(store, nil)
			require.NoError(t, w.ack(out, command.ID))
			require.Len(t, w.Events(devices.KindAnswerWipe), 1)
			require.Equal(t, devices.Acknowledged, w.device(out.Device.ID).Wipe)
		})
	}
}

// everySecond does not confirm every second commit.
type everySecond struct {
	chatadmin.Store
	n int
}

func (e *everySecond) Update(ctx context.Context, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
	err := e.Store.Update(ctx, fence, f)
	if e.n++; err == nil && e.n%2 == 1 {
		return chatadmin.ErrCommitUnknown
	}
	return err
}

// What the host's worker and jobs do comes out right where every transaction
// runs twice, and where commits are not confirmed.
func TestWorkersOnUnreliableStore(t *testing.T) {
	for name, c := range map[string]func(*memstore.Store) chatadmin.Store{
		"runs again": func(s *memstore.Store) chatadmin.Store {
			return s.Handle(&memstore.Options{Chaos: &memstore.Chaos{Rerun: 1}})
		},
		"not confirmed": func(s *memstore.Store) chatadmin.Store { return &everySecond{Store: s} },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorldOn(t, c(memstore.New(nil)))
			out := w.register(w.ann, "phone")
			w.Clock.Advance(time.Hour)
			require.True(t, w.authorized(out))
			_, err := w.r.FlushActivity(ctx)
			require.NoError(t, err)
			require.Equal(t, w.Clock.Now(), w.device(out.Device.ID).LastSeen)
			plan, err := w.r.PlanWipe(ctx, w.S, devices.Of(w.ann.ID))
			require.NoError(t, err)
			run, err := w.r.ApplyWipe(ctx, w.S, plan, nil)
			require.NoError(t, err)
			require.Equal(t, []int64{1, 0}, []int64{run.Data.Asked, run.Data.Skipped})
			for range 2 {
				_, err = w.r.SendPushes(ctx, w.Domain)
				require.NoError(t, err)
				require.Len(t, w.Pushes.All(), 1)
			}
			require.NoError(t, w.r.Remove(ctx, w.S, devices.Of(w.ann.ID)))
			out = w.register(w.ann, "phone")
			command := w.checkIn(out)[0].ID
			require.NoError(t, w.ack(out, command))
			require.True(t, w.authorized(w.register(w.ann, "phone")))
		})
	}
}
