package devices_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/devices"
)

// A push that a clock that was ahead has put off does not wait for that time,
// nor is a wipe hidden that it has asked for; the device fetches and answers
// it.
func TestClockAheadAndWipes(t *testing.T) {
	for _, by := range []time.Duration{12 * time.Hour, 400 * 24 * time.Hour} {
		for _, restarted := range []bool{false, true} {
			w := newWorld(t)
			out, tried := w.register(w.ann, "phone"), w.register(w.Boss, "tried")
			send := func() int {
				n, err := w.r.SendPushes(ctx, w.Domain)
				require.NoError(t, err)
				return n
			}
			w.wipe(tried.Device.ID)
			require.Equal(t, 1, send())
			_, err := w.r.CancelWipe(ctx, w.S, tried.Device.ID)
			require.NoError(t, err)

			w.Clock.Advance(by)
			w.wipe(tried.Device.ID)
			w.Pushes.FailNext(errors.New("away"))
			require.Zero(t, send())
			command := w.wipe(out.Device.ID)
			w.Clock.Advance(time.Minute - by)

			require.Len(t, w.pending(0), 2)
			if restarted {
				w.Admin = chatadmintest.Must(chatadmin.New(w.Store, &chatadmin.Options{Now: w.Clock.Now}))
				w.r = chatadmintest.Must(devices.New(w.Admin, &devices.Options{Pusher: w.Pushes}))
			}
			require.Equal(t, 2, send(), "%s", by)
			require.Zero(t, send())
			require.Equal(t, command.ID, w.checkIn(out)[0].ID)
			require.NoError(t, w.ack(out, command.ID))
			require.Len(t, w.pending(0), 1)

			// What waits plausibly waits.
			third := w.register(w.ann, "third")
			w.wipe(third.Device.ID)
			w.Pushes.FailNext(errors.New("away"))
			require.Zero(t, send())
			require.Zero(t, send())
			w.Clock.Advance(2 * time.Minute)
			require.Equal(t, 1, send())
		}
	}
}

// A clock that was ahead neither lets a suspended domain in for as long, nor
// keeps a device from calling.
func TestClockAheadAndCaches(t *testing.T) {
	w := newWorld(t)
	out := w.register(w.ann, "phone")
	w.Clock.Advance(365 * 24 * time.Hour)
	require.True(t, w.authorized(out))
	w.Clock.Advance(time.Minute - 365*24*time.Hour)
	_, err := w.Host.ChangeSettings(ctx, func(s *chatadmin.Settings) error { s.State = chatadmin.DomainSuspended; return nil })
	require.NoError(t, err)
	require.False(t, w.authorized(out))
}
