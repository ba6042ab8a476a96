package devices_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/devices"
)

// writes counts transactions.
type writes struct {
	chatadmin.Store
	n, reads int
}

func (s *writes) Update(ctx context.Context, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
	s.n++
	return s.Store.Update(ctx, fence, f)
}

func (s *writes) Devices(ctx context.Context, domain chatadmin.ID, ids []chatadmin.ID) ([]storage.Device, error) {
	s.reads++
	return s.Store.Devices(ctx, domain, ids)
}

// A request is one read and no write. However many a device makes, its last
// activity is written once in five minutes.
func TestActivity(t *testing.T) {
	store := &writes{Store: memstore.New(nil)}
	w := newWorldOn(t, store)
	out := w.register(w.ann, "phone")
	began := w.Clock.Now()
	flush := func() int {
		n, err := w.r.FlushActivity(ctx)
		require.NoError(t, err)
		return n
	}
	store.n, store.reads = 0, 0
	written := 0
	for range 60 {
		for range 10 {
			require.True(t, w.authorized(out))
		}
		written += flush()
		w.Clock.Advance(time.Minute)
	}
	require.Equal(t, 600, store.reads)
	require.Equal(t, 11, written, "after 5, 10, … 55 minutes")
	require.Equal(t, written, store.n)
	require.Equal(t, began.Add(55*time.Minute), w.device(out.Device.ID).LastSeen)

	// What was disabled after it was noted stays disabled; a device that is
	// gone is no fault; a check-in is an activity too.
	w.Clock.Advance(time.Hour)
	w.authorized(out)
	_, err := w.r.Disable(ctx, w.S, devices.These(out.Device.ID))
	require.NoError(t, err)
	require.Equal(t, 1, flush())
	require.Equal(t, disabled, w.device(out.Device.ID).Status)
	w.Clock.Advance(time.Hour)
	w.checkIn(out)
	require.Equal(t, 1, flush())
	require.Equal(t, w.Clock.Now(), w.device(out.Device.ID).LastSeen)
	w.Clock.Advance(time.Hour)
	w.checkIn(out)
	require.NoError(t, w.r.Remove(ctx, w.S, devices.These(out.Device.ID)))
	require.Zero(t, flush())
	require.Empty(t, w.Events("device.seen"))
}

// What cannot be written, of one domain, is no loss to the others, and is
// written when it can be.
func TestFlushOfOneDomainFails(t *testing.T) {
	for range 8 { // domains come in any order
		var bad chatadmin.ID
		no := errors.New("not now")
		w := newWorld(t, func(o *chatadmin.Options, _ *devices.Options) {
			o.Before = func(_ context.Context, i chatadmin.Intent) error {
				if i.Kind == "device.seen" && i.Domain == bad {
					return no
				}
				return nil
			}
		})
		out := w.register(w.ann, "phone")
		d, boss, err := w.Admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Bad", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "b@bad.example", NoInvitation: true}})
		require.NoError(t, err)
		other, err := w.r.Register(ctx, w.Admin.AsHost(d.ID), boss.ID, devices.Registration{Key: "x", Type: devices.IOS})
		require.NoError(t, err)
		w.Clock.Advance(time.Hour)
		require.True(t, w.authorized(out) && w.authorized(other))
		seen := w.Clock.Now()
		bad = d.ID
		n, err := w.r.FlushActivity(ctx)
		require.ErrorIs(t, err, no)
		require.Equal(t, 1, n)
		require.Equal(t, seen, w.device(out.Device.ID).LastSeen)
		bad = ""
		w.Clock.Advance(time.Minute)
		n, err = w.r.FlushActivity(ctx)
		require.NoError(t, err)
		require.Equal(t, 1, n, "kept, though the device made no further request")
		rows, err := w.Store.Devices(ctx, d.ID, []chatadmin.ID{other.Device.ID})
		require.NoError(t, err)
		require.Equal(t, seen, rows[0].LastSeen)
	}
}

// A clock that was far ahead for a moment does not freeze the last activity,
// whether what it noted was flushed by it or later; one that is a little ahead
// costs no writes.
func TestClockAhead(t *testing.T) {
	const year = 365 * 24 * time.Hour
	flush := func(w *world) int {
		n, err := w.r.FlushActivity(ctx)
		require.NoError(w.T, err)
		return n
	}
	for name, flushed := range map[string]bool{"flushed": true, "noted": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			out := w.register(w.ann, "phone")
			w.Clock.Advance(year)
			require.True(t, w.authorized(out))
			if flushed {
				require.Equal(t, 1, flush(w))
			}
			w.Clock.Advance(time.Hour - year)
			require.True(t, w.authorized(out))
			require.Equal(t, 1, flush(w))
			require.Equal(t, w.Clock.Now(), w.device(out.Device.ID).LastSeen)
		})
	}
	w := newWorld(t)
	out := w.register(w.ann, "phone")
	w.Clock.Advance(-time.Minute)
	require.True(t, w.authorized(out))
	require.Zero(t, flush(w))
}
