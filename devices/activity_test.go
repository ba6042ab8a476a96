package devices_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/memstore"
	"chatadmin.example/sdk/devices"
)

// writes counts transactions.
type writes struct {
	chatadmin.Store
	n, reads int
}

func (s *writes) Update(ctx context.Context, fence chatadmin.Fence, f func(context.Context, chatadmin.Tx) error) error {
	s.n++
	return s.Store.Update(ctx, fence, f)
}

func (s *writes) Devices(ctx context.Context, domain chatadmin.ID, ids []chatadmin.ID) ([]chatadmin.Device, error) {
	s.reads++
	return s.Store.Devices(ctx, domain, ids)
}

// A request is one read and no write. However many a device makes, its last activity is written once in five minutes.
func TestActivity(t *testing.T) {
	store := &writes{Store: memstore.New(nil)}
	w := newWorldOn(t, store)
	out := w.register(w.ann, "phone")
	began := w.clock.Now()
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
		w.clock.Advance(time.Minute)
	}
	require.Equal(t, 600, store.reads)
	require.Equal(t, 11, written, "after 5, 10, … 55 minutes")
	require.Equal(t, written, store.n)
	require.Equal(t, began.Add(55*time.Minute), w.device(out.Device.ID).LastSeen)

	// What was disabled after it was noted stays disabled; a device that is gone is no fault; a check-in is an activity too.
	w.clock.Advance(time.Hour)
	w.authorized(out)
	_, err := w.r.Disable(ctx, w.s, devices.These(out.Device.ID))
	require.NoError(t, err)
	require.Equal(t, 1, flush())
	require.Equal(t, disabled, w.device(out.Device.ID).Status)
	w.clock.Advance(time.Hour)
	w.checkIn(out)
	require.Equal(t, 1, flush())
	require.Equal(t, w.clock.Now(), w.device(out.Device.ID).LastSeen)
	w.clock.Advance(time.Hour)
	w.checkIn(out)
	require.NoError(t, w.r.Remove(ctx, w.s, devices.These(out.Device.ID)))
	require.Zero(t, flush())
	require.Empty(t, w.events("device.seen"))
}
