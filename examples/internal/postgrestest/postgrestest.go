// Package postgrestest starts a PostgreSQL server for the tests of examples.
package postgrestest

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// Start starts a server of its own, which ends with the test, and returns its
// address.
func Start(t testing.TB) string {
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
