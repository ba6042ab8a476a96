package sqlstoretest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/sqlstore"
	"chatadmin.example/sdk/csvimport"
)

// Ten processes create the tables at the same time; opening again changes
// nothing.
func TestMigrateAtOnce(t *testing.T) {
	databases(t, func(t *testing.T, db database) {
		var wg sync.WaitGroup
		for range 10 {
			pool := db.pool(t)
			wg.Go(func() {
				if _, err := sqlstore.Open(context.Background(), pool, db.d, &db.options); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		s := db.open(t)
		require.NoError(t, s.Check(t.Context()))
		require.NoError(t, s.Migrate(t.Context()))
	})
}

// Tables that are missing, too old, or too new are told as such.
func TestSchemaErrors(t *testing.T) {
	databases(t, func(t *testing.T, db database) {
		db.options.NoMigrate = true
		pool := db.pool(t)
		_, err := sqlstore.Open(t.Context(), pool, db.d, &db.options)
		var schema *sqlstore.SchemaError
		require.True(t, errors.As(err, &schema), "%v", err)
		require.Zero(t, schema.Found)
		db.options.NoMigrate = false
		_, err = sqlstore.Open(t.Context(), pool, db.d, &db.options)
		require.NoError(t, err)
		_, err = pool.Exec(db.sql("INSERT INTO {{p}}schema (version) VALUES (99)"))
		require.NoError(t, err)
		for _, check := range []bool{false, true} {
			db.options.NoMigrate = check
			_, err = sqlstore.Open(t.Context(), pool, db.d, &db.options)
			require.True(t, errors.As(err, &schema), "%v", err)
			require.Equal(t, 99, schema.Found)
			require.Contains(t, err.Error(), "update the application")
		}
		for _, bad := range []string{"a b", "x;", "ü", strings.Repeat("x", 31), `"`, "1x"} {
			_, err = sqlstore.Open(t.Context(), pool, db.d, &sqlstore.Options{Prefix: bad})
			require.ErrorContains(t, err, "prefix")
		}
		_, err = pool.Exec(db.sql("DROP TABLE {{p}}devices"))
		require.NoError(t, err)
		s, err := sqlstore.Open(t.Context(), pool, db.d, &sqlstore.Options{Prefix: db.options.Prefix, NoMigrate: true})
		require.Error(t, err)
		_, err = s.Devices(t.Context(), "d", []storage.ID{"x"})
		require.ErrorContains(t, err, "devices", "the error names what is missing")
		require.ErrorIs(t, err, sqlstore.ErrTables)
		_, _, err = s.ListRecords(t.Context(), storage.RecordQuery{Kind: "k"}, storage.Page{Limit: 1})
		require.NoError(t, err)
		_, err = pool.Exec(db.sql("ALTER TABLE {{p}}records RENAME COLUMN data TO renamed"))
		require.NoError(t, err)
		_, _, err = s.ListRecords(t.Context(), storage.RecordQuery{Kind: "k"}, storage.Page{Limit: 1})
		require.ErrorIs(t, err, sqlstore.ErrTables)
	})
	_, err := sqlstore.Open(t.Context(), sqliteFile(t).pool(t), 0, nil)
	require.Error(t, err)
}

// A pool that was closed is an error, not a panic, whatever is called.
func TestClosedPool(t *testing.T) {
	databases(t, func(t *testing.T, db database) {
		pool := db.pool(t)
		s, err := sqlstore.Open(t.Context(), pool, db.d, &db.options)
		require.NoError(t, err)
		require.NoError(t, pool.Close())
		_, err = s.Domains(t.Context(), []storage.ID{"x"})
		require.ErrorIs(t, err, sqlstore.ErrClosed)
		err = s.Update(t.Context(), storage.Fence{Domain: "x", Mode: storage.Shared}, func(context.Context, storage.Tx) error { return nil })
		require.ErrorIs(t, err, sqlstore.ErrClosed)
	})
}

// A context that ends in any phase of an import: the error says so, nothing is
// half-written, and the import is resumed.
func TestCancelledImport(t *testing.T) {
	t.Parallel()
	databases(t, func(t *testing.T, db database) {
		t.Parallel()
		const rows = 1500
		c := newCompany(t, db, rows)
		f, err := os.Open(c.file)
		require.NoError(t, err)
		defer func() { _ = f.Close() }()
		var id storage.ID
		finished := false
		cancelled, steps := 0, 20
		if slow {
			steps = 5
		}
		for looks := 3; !finished; looks += 1 + looks/steps { // after so many looks at the context it is cancelled
			ctx := &counting{Context: t.Context(), left: looks, done: make(chan struct{})}
			o := &csvimport.ImportOptions{Begun: func(i storage.ID) { id = i }}
			var err error
			if id == "" {
				_, err = importFile(ctx, c.scope(c.store, 0), f, csvimport.UpdateExisting, o)
			} else {
				_, err = resumeFile(ctx, c.scope(c.store, 0), id, f, o)
			}
			if finished = err == nil; !finished {
				cancelled++
				require.ErrorIs(t, err, context.Canceled, "after %d looks", looks)
			}
		}
		require.Greater(t, cancelled, 2*steps)
		require.Equal(t, c.clean(t, rows), describe(t, c.scope(c.store, 0)))
	})
}

// counting is a context that is cancelled when it has been looked at often
// enough.
type counting struct {
	context.Context
	mu   sync.Mutex
	left int
	done chan struct{}
}

func (c *counting) look() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left--; c.left == 0 {
		close(c.done)
	}
	return c.left <= 0
}

func (c *counting) Done() <-chan struct{} {
	c.look()
	return c.done
}

func (c *counting) Err() error {
	if c.look() {
		return context.Canceled
	}
	return nil
}

// A disk that is full, and a file that cannot be written: the import stops with
// the database's own words and is resumed when that is mended.
func TestFullDisk(t *testing.T) {
	const rows = 3000
	db := sqliteFile(t)
	c := newCompany(t, db, rows)
	f, err := os.Open(c.file)
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	var pages int
	require.NoError(t, db.pool(t).QueryRow("PRAGMA page_count").Scan(&pages))
	full := db
	full.dsn += fmt.Sprintf("&_pragma=max_page_count(%d)", pages+500)
	r, err := importFile(t.Context(), c.scope(full.open(t), 0), f, csvimport.UpdateExisting, nil)
	require.ErrorIs(t, err, sqlstore.ErrFull)
	require.NotErrorIs(t, err, storage.ErrCommitUnknown)
	id := r.ImportID
	again := c.scope(c.store, 0)
	importsOf(again) // declares the kind of run
	run, _, err := again.Run(t.Context(), id)
	require.NoError(t, err)
	require.Positive(t, r.Counts.Rows, "the counts of what is committed")
	require.Less(t, r.Counts.Rows, int64(rows))
	require.Equal(t, run.Done, r.Counts.Rows)
	readonly := db
	readonly.dsn = strings.Replace(db.dsn, "&_pragma=journal_mode(WAL)", "", 1) + "&mode=ro"
	readonly.options.NoMigrate = true
	_, err = resumeFile(t.Context(), c.scope(readonly.open(t), 0), id, f, nil)
	require.ErrorIs(t, err, sqlstore.ErrReadOnly)
	_, err = resumeFile(t.Context(), c.scope(c.store, 0), id, f, nil)
	require.NoError(t, err)
	require.Equal(t, c.clean(t, rows), describe(t, c.scope(c.store, 0)))
}

// A host's own unique index refuses a row: the error names it, nothing of the
// call is kept. A row that the host wrote by hand counts like any other.
func TestHostsOwnRows(t *testing.T) {
	databases(t, func(t *testing.T, db database) {
		c := newCompany(t, db, 0)
		pool := db.pool(t)
		_, err := pool.Exec(db.sql("CREATE UNIQUE INDEX host_title_" + strings.ReplaceAll(db.options.Prefix, "_", "") + " ON {{p}}users (title) WHERE title <> ''"))
		require.NoError(t, err)
		s := c.scope(c.store, 0)
		_, err = s.CreateUser(t.Context(), chatadmin.NewUser{Login: "ann@acme.example", Title: "King", NoInvitation: true})
		require.NoError(t, err)
		bob, err := s.CreateUser(t.Context(), chatadmin.NewUser{Login: "bob@acme.example", NoInvitation: true})
		require.NoError(t, err)
		king := "King"
		_, errCreate := s.CreateUser(t.Context(), chatadmin.NewUser{Login: "eve@acme.example", Title: "King", NoInvitation: true})
		_, errEdit := s.EditUser(t.Context(), bob.ID, chatadmin.UserEdit{Title: &king})
		for _, err := range []error{errCreate, errEdit} {
			require.ErrorIs(t, err, sqlstore.ErrConstraint)
			require.ErrorContains(t, err, "title")
			var refused *chatadmin.RefusedError
			require.ErrorAs(t, err, &refused)
			require.Contains(t, []string{"eve@acme.example", "bob@acme.example"}, refused.Login)
		}
		_, err = s.UserByLogin(t.Context(), "eve@acme.example")
		require.ErrorIs(t, err, chatadmin.ErrNotFound)

		_, err = pool.Exec(db.sql("INSERT INTO {{p}}users SELECT 'by-hand', domain, rev, 'hand@acme.example', name_key, 'hand@acme.example', 'hand@acme.example', display_name, first_name, last_name, " +
			"'', department, phone, phone_e164, role, manager, kind, status, admin, denied, deleting, attrs, created, search FROM {{p}}users WHERE login_key = 'bob@acme.example'"))
		require.NoError(t, err)
		_, err = s.CreateUser(t.Context(), chatadmin.NewUser{Login: "hand@acme.example", NoInvitation: true})
		require.ErrorIs(t, err, chatadmin.ErrExists)
		file := filepath.Join(t.TempDir(), "f.csv")
		require.NoError(t, os.WriteFile(file, []byte("login,title\nhand@acme.example,Queen\nnew@acme.example,\n"), 0o600))
		f, err := os.Open(file)
		require.NoError(t, err)
		defer func() { _ = f.Close() }()
		r, err := importFile(t.Context(), s, f, csvimport.UpdateExisting, nil)
		require.NoError(t, err)
		require.EqualValues(t, 1, r.Counts.Updated)
		require.EqualValues(t, 1, r.Counts.Created)
	})
}
