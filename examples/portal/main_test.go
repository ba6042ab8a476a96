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
)

// The program serves a company, its link signs in, and with a folder of its own
// it finds everything again.
func TestPortal(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		at, err := net.Listen("tcp", "localhost:0")
		require.NoError(t, err)
		h, err := open(t.Context(), dir, "file:"+dir+"/chat.db", "http://"+at.Addr().String(), chatadmin.OfficeChat)
		require.NoError(t, err)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- h.run(ctx, at) }()
		jar, err := cookiejar.New(nil)
		require.NoError(t, err)
		web := &http.Client{Jar: jar}
		get := func(url string) (int, string) {
			res, err := web.Get(url)
			require.NoError(t, err)
			defer func() { _ = res.Body.Close() }()
			text, err := io.ReadAll(res.Body)
			require.NoError(t, err)
			return res.StatusCode, string(text)
		}
		_, text := get(h.public + "/admin/users")
		require.Contains(t, text, "Sign in")
		status, _ := get(h.public + "/enter?token=x")
		require.Equal(t, http.StatusForbidden, status)
		_, text = get(h.link())
		require.Contains(t, text, "ann.adams@acme.example")
		_, text = get(h.public + "/admin/imports")
		require.Contains(t, text, "new-colleagues.csv")
		_, text = get(h.public + "/admin/security/devices")
		require.Contains(t, text, "Wipe requested")
		res, err := web.Post(h.public+"/logout", "", nil)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		_, text = get(h.public + "/admin/users")
		require.Contains(t, text, "Sign in")
		stop()
		require.NoError(t, <-ended)
		require.NoError(t, h.close())
	}
}

// The companies of the other products are served with what is theirs.
func TestProducts(t *testing.T) {
	for product, page := range map[chatadmin.Preset][2]string{
		chatadmin.ESChat: {"/departments", "Buses"}, chatadmin.Engage: {"/preferences", "Recipient can respond"},
	} {
		dir := t.TempDir()
		at, err := net.Listen("tcp", "localhost:0")
		require.NoError(t, err)
		h, err := open(t.Context(), dir, "file:"+dir+"/chat.db", "http://"+at.Addr().String(), product)
		require.NoError(t, err)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- h.run(ctx, at) }()
		jar, err := cookiejar.New(nil)
		require.NoError(t, err)
		web := &http.Client{Jar: jar}
		for _, url := range []string{h.link(), h.public + "/admin" + page[0]} {
			res, err := web.Get(url)
			require.NoError(t, err)
			text, err := io.ReadAll(res.Body)
			require.NoError(t, err)
			require.NoError(t, res.Body.Close())
			require.Equal(t, http.StatusOK, res.StatusCode)
			if url != h.link() {
				require.Contains(t, string(text), page[1])
			}
		}
		stop()
		require.NoError(t, <-ended)
		require.NoError(t, h.close())
	}
}

// Without a folder it leaves nothing behind.
func TestServe(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	ctx, stop := context.WithCancel(t.Context())
	stop()
	require.ErrorIs(t, serve(ctx, "localhost:0", "", "", chatadmin.OfficeChat), context.Canceled)
	require.ErrorContains(t, serve(t.Context(), "no such host:x", "", "", chatadmin.OfficeChat), "lookup")
}
