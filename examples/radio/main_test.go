package main

import (
	"bytes"
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin/provisioning"
)

func TestRadio(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(context.Background(), &out))
	require.Equal(t, `admin: Bus.57 is in Buses
admin: Dispatch is in Buses
phone +31612345678: a text message has come
radio-57: signed in as Bus.57, trusted true
radio-1: signed in as Dispatch, trusted true
Bus.57: has Ann Jones as a contact
Bus.57: granted
Dispatch: interrupts
Bus.57: busy
Dispatch: over
Bus.57: granted
`, out.String())
}

// A radio that knows neither code nor IMEI stays outside.
func TestStranger(t *testing.T) {
	h, err := newHost(t.Context(), &bytes.Buffer{})
	require.NoError(t, err)
	_, err = h.signInByCode(t.Context(), "stolen", "Boss", "")
	require.ErrorIs(t, err, provisioning.ErrCode)
	_, err = h.signInByIMEI(t.Context(), "stolen", "490154203237518")
	require.ErrorIs(t, err, provisioning.ErrCode)
}
