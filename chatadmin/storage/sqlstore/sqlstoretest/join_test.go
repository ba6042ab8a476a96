package sqlstoretest

import (
	"context"
	"database/sql"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/chatadmin/storage/sqlstore"
)

// What the library does in the host's transaction is committed or undone with
// it.
func TestJoin(t *testing.T) {
	databases(t, func(t *testing.T, db database) {
		c := newCompany(t, db, 0)
		pool := db.pool(t)
		_, err := pool.Exec(db.sql("CREATE TABLE {{p}}host (login text)"))
		require.NoError(t, err)
		both := func(end func(*sql.Tx) error, login string) error {
			tx, err := pool.Begin()
			require.NoError(t, err)
			_, err = tx.Exec(db.sql("INSERT INTO {{p}}host (login) VALUES ('" + login + "')"))
			require.NoError(t, err)
			store, err := sqlstore.Join(tx, db.d, &db.options)
			require.NoError(t, err)
			s := c.joined(t, store)
			if _, err := s.CreateUser(t.Context(), chatadmin.NewUser{Login: login, NoInvitation: true}); err != nil {
				_ = tx.Rollback()
				return err
			}
			_, err = s.CreateUser(t.Context(), chatadmin.NewUser{Login: "boss@acme.example"})
			require.ErrorIs(t, err, chatadmin.ErrExists, "a refusal does not end the host's transaction")
			_, err = s.DeactivateUsers(t.Context(), c.admins[:]...)
			require.ErrorIs(t, err, chatadmin.ErrLastAdmin)
			return end(tx)
		}
		count := func() (n int) {
			require.NoError(t, pool.QueryRow(db.sql("SELECT count(*) FROM {{p}}host")).Scan(&n))
			return n
		}
		require.NoError(t, both((*sql.Tx).Rollback, "undone@acme.example"))
		require.Zero(t, count())
		_, err = c.scope(c.store, 0).UserByLogin(t.Context(), "undone@acme.example")
		require.ErrorIs(t, err, chatadmin.ErrNotFound)
		require.NoError(t, both((*sql.Tx).Commit, "kept@acme.example"))
		require.Equal(t, 1, count())
		_, err = c.scope(c.store, 0).UserByLogin(t.Context(), "kept@acme.example")
		require.NoError(t, err)
		require.ErrorIs(t, both((*sql.Tx).Commit, "kept@acme.example"), chatadmin.ErrExists)

		tx, err := pool.Begin()
		require.NoError(t, err)
		defer func() { _ = tx.Rollback() }()
		store, err := sqlstore.Join(tx, db.d, &db.options)
		require.NoError(t, err)
		own := errors.New("the host's own error")
		require.ErrorIs(t, store.Update(t.Context(), storage.Fence{}, func(ctx context.Context, _ storage.Tx) error {
			_, err := store.Domains(ctx, []storage.ID{c.domain})
			require.ErrorIs(t, err, storage.ErrNested)
			return own
		}), own)
		require.ErrorIs(t, store.Update(t.Context(), storage.Fence{}, func(context.Context, storage.Tx) error { return storage.ErrRetry }), storage.ErrBusy)
		require.ErrorIs(t, store.Update(t.Context(), storage.Fence{Domain: "none", Mode: storage.Shared}, func(context.Context, storage.Tx) error { return nil }), storage.ErrNoDomain)
	})
}

// Above READ COMMITTED the snapshot of the host's transaction may be older than
// the fence: refused.
func TestJoinIsolation(t *testing.T) {
	db := postgresPrefix(t)
	c := newCompany(t, db, 0)
	for level, want := range map[sql.IsolationLevel]error{sql.LevelReadCommitted: nil, sql.LevelRepeatableRead: sqlstore.ErrIsolation, sql.LevelSerializable: sqlstore.ErrIsolation} {
		tx, err := db.pool(t).BeginTx(t.Context(), &sql.TxOptions{Isolation: level})
		require.NoError(t, err)
		store, err := sqlstore.Join(tx, db.d, &db.options)
		require.NoError(t, err)
		_, err = c.joined(t, store).CreateUser(t.Context(), chatadmin.NewUser{Login: "x@acme.example", NoInvitation: true})
		require.ErrorIs(t, err, want)
		require.NoError(t, tx.Rollback())
	}
}

// What the host writes in the store's transaction is kept or undone with it,
// and a statement of the host that fails is never taken for a commit.
func TestConn(t *testing.T) {
	databases(t, func(t *testing.T, db database) {
		c := newCompany(t, db, 0)
		pool := db.pool(t)
		_, err := pool.Exec(db.sql("CREATE TABLE {{p}}host (login text)"))
		require.NoError(t, err)
		count := func() (n int) {
			require.NoError(t, pool.QueryRow(db.sql("SELECT count(*) FROM {{p}}host")).Scan(&n))
			return n
		}
		update := func(f func(ctx context.Context, q sqlstore.Querier) error) error {
			return c.store.Update(t.Context(), storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
				q, err := sqlstore.Conn(tx)
				require.NoError(t, err)
				if err := increment(ctx, tx, "n"); err != nil {
					return err
				}
				_, err = q.ExecContext(ctx, db.sql("INSERT INTO {{p}}host (login) VALUES ('ann')"))
				require.NoError(t, err)
				return f(ctx, q)
			})
		}
		own := errors.New("the host's own error")
		require.ErrorIs(t, update(func(context.Context, sqlstore.Querier) error { return own }), own)
		require.Zero(t, count())
		require.NoError(t, update(func(ctx context.Context, q sqlstore.Querier) error {
			var n int
			require.NoError(t, q.QueryRowContext(ctx, db.sql("SELECT count(*) FROM {{p}}host")).Scan(&n))
			require.Equal(t, 1, n)
			return nil
		}))
		require.Equal(t, 1, count())
		err = update(func(ctx context.Context, q sqlstore.Querier) error {
			_, err := q.ExecContext(ctx, "SELECT nothing FROM nowhere")
			require.Error(t, err)
			return nil // swallowed
		})
		if db.d == sqlstore.PostgreSQL {
			require.ErrorContains(t, err, "aborted")
			require.Equal(t, 1, count())
		} else {
			require.NoError(t, err, "a statement that fails leaves a transaction of SQLite as it was")
			require.Equal(t, 2, count())
		}
		require.NoError(t, c.scope(c.store, 0).Change(t.Context(), chatadmin.Op{Kind: "host.insert"}, func(ctx context.Context, w *chatadmin.Writer) error {
			q, err := sqlstore.Conn(w.Tx)
			require.NoError(t, err)
			_, err = q.ExecContext(ctx, db.sql("DELETE FROM {{p}}host"))
			return err
		}))
		require.Zero(t, count(), "within a change of the library too")
		var late storage.Tx
		require.NoError(t, c.store.Update(t.Context(), storage.Fence{}, func(_ context.Context, tx storage.Tx) error { late = tx; return nil }))
		_, err = sqlstore.Conn(late)
		require.ErrorIs(t, err, sqlstore.ErrNoConn)
		require.NoError(t, memstore.New(nil).Update(t.Context(), storage.Fence{}, func(_ context.Context, tx storage.Tx) error {
			_, err := sqlstore.Conn(tx)
			require.ErrorIs(t, err, sqlstore.ErrNoConn)
			return nil
		}))
	})
}

// joined is the scope of an administrator within a transaction of the host.
func (c *company) joined(t testing.TB, store storage.Store) *chatadmin.Scope {
	t.Helper()
	admin, err := c.scope(c.store, 0).Admin().Join(store)
	require.NoError(t, err)
	return admin.As(c.domain, c.admins[0])
}
