package main

import (
	"bytes"
	"context"
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/storetest"
)

// The store obeys the contract, although its users lie in a table of the host.
func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Backend {
		path := filepath.Join(t.TempDir(), "host.db")
		require.NoError(t, script(t.Context(), pool(t, path), "people.sql"))
		open := func() storage.Store {
			s, err := Open(context.Background(), pool(t, path))
			require.NoError(t, err)
			return s
		}
		return storetest.Backend{Store: open(), Again: open}
	})
}

func pool(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", dsn(path))
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func TestRun(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out, filepath.Join(t.TempDir(), "host.db")))
	require.Equal(t, `imported: 1 created, 1 updated

username             full_name    job          payroll
ann@acme.example     Ann Smith    Engineer     NL-0042
bob@acme.example     Bob Jones    Head Clerk   NL-0043
boss@acme.example    The Boss                  
eve@acme.example     Eve Adams    Engineer     
4 members: Admin Announcements
4 members: All Of Us
`, out.String())
}

// What the host's own code changes gets a revision that the library has not
// seen, and taking away an admin changes the fence.
func TestHostsOwnChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "host.db")
	require.NoError(t, run(t.Context(), &bytes.Buffer{}, path))
	db := pool(t, path)
	s, err := Open(t.Context(), db)
	require.NoError(t, err)
	look := func() (boss chatadmin.User, fence storage.Rev) {
		us, err := s.UsersByLogin(t.Context(), "acme", []string{"boss@acme.example"})
		require.NoError(t, err)
		ds, err := s.Domains(t.Context(), []chatadmin.ID{"acme"})
		require.NoError(t, err)
		return us[0], ds[0].Fence
	}
	before, fence := look()
	_, err = db.Exec("UPDATE people SET job = 'Founder' WHERE username = 'boss@acme.example'")
	require.NoError(t, err)
	now, same := look()
	require.Equal(t, "Founder", now.Title)
	require.Greater(t, now.Rev, before.Rev)
	require.Equal(t, fence, same)
	before.Rev++
	require.NoError(t, s.Update(t.Context(), storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
		conflicts, err := tx.ChangeUsers(ctx, []storage.Write[chatadmin.User]{{Row: before, Was: before.Rev - 1}})
		require.Equal(t, []storage.Conflict{{Reason: storage.Stale}}, conflicts)
		return err
	}))
	_, err = db.Exec("UPDATE people SET chat_admin = 0 WHERE username = 'boss@acme.example'")
	require.NoError(t, err)
	_, other := look()
	require.NotEqual(t, fence, other)
	_, err = db.Exec("UPDATE people SET payroll = 'NL-0044' WHERE chat_rev = 0")
	require.NoError(t, err)
}
