package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
)

// The portal is the same on PostgreSQL: the company is seeded once, and found
// again.
func TestPostgreSQL(t *testing.T) {
	database := startPostgres(t)
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

// startPostgres starts a server of its own, which ends with the test.
func startPostgres(t *testing.T) string {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if path, err := exec.LookPath("initdb"); err == nil {
		found = append(found, path)
	}
	if len(found) == 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("PostgreSQL is needed")
		}
		t.Skip("no PostgreSQL: on Debian, apt-get install postgresql")
	}
	// The path of a socket has at most 107 bytes.
	dir, err := os.MkdirTemp("/tmp", "pg")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	var who *syscall.Credential
	if os.Getuid() == 0 { // it refuses to run as root
		u, err := user.Lookup("postgres")
		require.NoError(t, err)
		uid, err := strconv.Atoi(u.Uid)
		require.NoError(t, err)
		gid, err := strconv.Atoi(u.Gid)
		require.NoError(t, err)
		who = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		require.NoError(t, os.Chown(dir, uid, gid))
	}
	run := func(name string, args ...string) {
		cmd := exec.Command(filepath.Join(filepath.Dir(slices.Max(found)), name), args...)
		cmd.SysProcAttr, cmd.Dir = &syscall.SysProcAttr{Credential: who}, dir
		require.NoError(t, cmd.Run(), name) // without a pipe, which the server would keep open
	}
	run("initdb", "-D", dir+"/data", "-U", "chatadmin", "-A", "trust", "-E", "UTF8", "--locale=C")
	run("pg_ctl", "-D", dir+"/data", "-w", "-l", dir+"/log", "-o", "-c listen_addresses='' -c fsync=off -k "+dir, "start")
	t.Cleanup(func() { run("pg_ctl", "-D", dir+"/data", "-m", "immediate", "stop") })
	return fmt.Sprintf("postgres://chatadmin@/postgres?host=%s", dir)
}
