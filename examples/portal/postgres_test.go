package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/examples/internal/postgrestest"
)

// The portal is the same on PostgreSQL: the company is seeded once, and found
// again.
func TestPostgreSQL(t *testing.T) {
	database := postgrestest.Start(t)
	for range 2 {
		at, err := net.Listen("tcp", "localhost:0")
		require.NoError(t, err)
		h, err := open(t.Context(), t.TempDir(), database, "http://"+at.Addr().String(), chatadmin.OfficeChat)
		require.NoError(t, err)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- h.run(ctx, at) }()
		jar, err := cookiejar.New(nil)
		require.NoError(t, err)
		web := &http.Client{Jar: jar}
		for path, want := range map[string]string{"/admin/users": "ann.adams@acme.example", "/admin/security/devices": "Wipe requested", "/admin/groups": "Groups"} {
			for _, url := range []string{h.link(), h.public + path} {
				res, err := web.Get(url)
				require.NoError(t, err)
				text, err := io.ReadAll(res.Body)
				require.NoError(t, err)
				require.NoError(t, res.Body.Close())
				require.Equal(t, http.StatusOK, res.StatusCode)
				if url != h.link() {
					require.Contains(t, string(text), want)
				}
			}
		}
		stop()
		require.NoError(t, <-ended)
		require.NoError(t, h.close())
	}
}
