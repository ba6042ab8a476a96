package ownusers

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

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
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)")
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// What the host's own code changes gets a revision that the library has not
// seen, and taking away an admin changes the fence.
func TestHostsOwnChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "host.db")
	db := pool(t, path)
	require.NoError(t, script(t.Context(), db, "people.sql"))
	s, err := Open(t.Context(), db)
	require.NoError(t, err)
	admin, err := chatadmin.New(s, nil)
	require.NoError(t, err)
	d, _, err := admin.CreateDomain(t.Context(), chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example"}})
	require.NoError(t, err)
	look := func() (boss chatadmin.User, fence storage.Rev) {
		us, err := s.UsersByLogin(t.Context(), d.ID, []string{"boss@acme.example"})
		require.NoError(t, err)
		ds, err := s.Domains(t.Context(), []chatadmin.ID{d.ID})
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
