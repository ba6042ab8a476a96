package sqlstoretest

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/sqlstore"
)

// A primary whose synchronous standby is gone: a commit waits, without a limit
// of ours. A limit that the host sets ends the wait with ErrCommitUnknown, not
// the commit: what is read back then is written here, and safe nowhere else.
func TestCommitWaitsForTheStandby(t *testing.T) {
	postgres(t) // or skips
	c, err := startCluster()
	require.NoError(t, err)
	t.Cleanup(c.stop)
	db := database{d: sqlstore.PostgreSQL, dsn: c.dsn()}
	pool := db.pool(t)
	s := db.open(t)
	standby := func(names string) {
		t.Helper()
		for _, q := range []string{"ALTER SYSTEM SET synchronous_standby_names = '" + names + "'", "SELECT pg_reload_conf()"} {
			_, err := pool.Exec(q)
			require.NoError(t, err)
		}
		require.Eventually(t, func() bool {
			var is string
			return pool.QueryRow("SELECT setting FROM pg_settings WHERE name = 'synchronous_standby_names'").Scan(&is) == nil && is == names
		}, 10*time.Second, 10*time.Millisecond)
	}
	standby("gone")
	done := make(chan error, 1)
	// The server heeds the setting a moment after it shows it: commits are made
	// until one waits.
	var waits atomic.Bool
	go func() {
		var err error
		for err == nil && !waits.Load() {
			err = s.Update(t.Context(), storage.Fence{}, func(ctx context.Context, tx storage.Tx) error { return increment(ctx, tx, "waits") })
		}
		done <- err
	}()
	require.Eventually(t, func() bool {
		n := 0
		err := pool.QueryRow("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'").Scan(&n)
		return err == nil && n > 0
	}, 10*time.Second, 10*time.Millisecond)
	waits.Store(true)
	db.options.CommitTimeout = 100 * time.Millisecond
	db.options.NoMigrate = true
	err = db.open(t).Update(t.Context(), storage.Fence{}, func(ctx context.Context, tx storage.Tx) error { return increment(ctx, tx, "limited") })
	require.ErrorIs(t, err, storage.ErrCommitUnknown)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Eventually(t, func() bool { // its session ends by itself
		_, n, err := countIn(t.Context(), s, "limited")
		return err == nil && n == 1
	}, 10*time.Second, 10*time.Millisecond, "written here, whatever the standby has")
	select {
	case err := <-done:
		require.Fail(t, "the first commit did not wait", "%v", err)
	default:
	}
	standby("")
	require.NoError(t, <-done)
}

// Whatever the database, COMMIT is sent without a deadline, even when that of
// the caller has come near.
func TestCommitHasNoDeadline(t *testing.T) {
	databases(t, func(t *testing.T, db database) {
		for _, limit := range []time.Duration{0, time.Hour} {
			db.options.CommitTimeout = limit
			pool, w := db.watched(t, nil)
			s, err := sqlstore.Open(t.Context(), pool, db.d, &db.options)
			require.NoError(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			commits := 0
			for _, s := range w.during(func() {
				require.NoError(t, s.Update(ctx, storage.Fence{}, func(ctx context.Context, tx storage.Tx) error { return increment(ctx, tx, "n") }))
			}) {
				if s.text == "COMMIT" {
					commits++
					require.Equal(t, limit > 0, s.deadline)
				}
			}
			cancel()
			require.Equal(t, 1, commits)
		}
	})
}
