package main

import (
	"bytes"
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/devices"
)

func TestDevice(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(context.Background(), &out))
	require.Equal(t, `phone: registered as generation 1, enabled
phone: "Hello!" was sent; 1 messages on the phone

The phone is lost, and offline.
admin: A1B2 of ann@acme.example is disabled, its wipe is requested

phone: "Anybody there?" was refused
phone: wiped itself: 0 messages left, acknowledged
phone: registered as generation 2, enabled
phone: "I am back." was sent; 1 messages on the phone

admin: the wipe of generation 1 was acknowledged
`, out.String())
}

// The API refuses whoever has no token, and the device side whoever has not
// signed in.
func TestRefused(t *testing.T) {
	h, err := newHost(t.Context())
	require.NoError(t, err)
	url, stop, err := h.serve()
	require.NoError(t, err)
	defer stop()
	for _, header := range []string{"Bearer ", "Bearer x", "", "x"} {
		r, err := http.NewRequest(http.MethodPost, url+"/api/messages", nil)
		require.NoError(t, err)
		r.Header.Set("Authorization", header)
		res, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		_ = res.Body.Close()
		require.Equal(t, http.StatusUnauthorized, res.StatusCode, "%q", header)
	}
	c, err := devices.NewClient(url+"/devices", nil)
	require.NoError(t, err)
	_, err = c.Register(t.Context(), nil, devices.RegisterRequest{DeviceID: "x", Type: "ios"})
	require.ErrorContains(t, err, "403")
}
