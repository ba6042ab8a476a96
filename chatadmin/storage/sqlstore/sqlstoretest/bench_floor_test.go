package sqlstoretest

import (
	"context"
	"database/sql"
	"fmt"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin/storage/sqlstore"
)

// imported are the tables that an import writes.
var imported = []string{"users", "memberships", "events", "records"}

// fill writes the rows of these tables into tables of their own, and returns what that took without reading them.
func (w *world) fill(b *testing.B) (c cost) {
	b.Helper()
	ctx := context.Background()
	w.floor = w.empty()
	pool := w.open(w.floor)
	defer func() { _ = pool.Close() }()
	_, err := sqlstore.Open(ctx, pool, w.floor.d, &w.floor.options)
	require.NoError(b, err)
	conn, err := pool.Conn(ctx)
	require.NoError(b, err)
	defer func() { _ = conn.Close() }()
	w.settle(b)
	write := insertRows
	if w.db.d == sqlstore.PostgreSQL {
		write = copyRows
	}
	_, err = conn.ExecContext(ctx, "BEGIN")
	require.NoError(b, err)
	for _, table := range imported {
		columns, rows := w.rows(b, table)
		gc := debug.SetGCPercent(-1) // a collection of these rows is none of the floor's business
		c.measure(func() { write(b, conn, w.floor.sql("{{p}}"+table), columns, rows) })
		debug.SetGCPercent(gc)
	}
	c.measure(func() {
		_, err = conn.ExecContext(ctx, "COMMIT")
		require.NoError(b, err)
	})
	debug.FreeOSMemory()
	return c
}

// rows reads a table as it lies there.
func (w *world) rows(b *testing.B, table string) (columns []string, all [][]any) {
	b.Helper()
	rows, err := w.pool.QueryContext(context.Background(), w.db.sql("SELECT * FROM {{p}}"+table))
	require.NoError(b, err)
	defer func() { _ = rows.Close() }()
	columns, err = rows.Columns()
	require.NoError(b, err)
	dest := make([]any, len(columns))
	for rows.Next() {
		row := make([]any, len(columns))
		for i := range row {
			dest[i] = &row[i]
		}
		require.NoError(b, rows.Scan(dest...))
		for i := range row {
			if v, ok := row[i].([]byte); ok && len(v) == 0 { // SQLite's driver takes nil for NULL
				row[i] = []byte{}
			}
		}
		all = append(all, row)
	}
	require.NoError(b, rows.Err())
	return columns, all
}

func copyRows(b *testing.B, conn *sql.Conn, table string, columns []string, rows [][]any) {
	b.Helper()
	require.NoError(b, conn.Raw(func(c any) error {
		n, err := c.(*stdlib.Conn).Conn().CopyFrom(context.Background(), pgx.Identifier{table}, columns, pgx.CopyFromRows(rows))
		if err == nil && n != int64(len(rows)) {
			err = fmt.Errorf("%d of %d rows", n, len(rows))
		}
		return err
	}))
}

func insertRows(b *testing.B, conn *sql.Conn, table string, columns []string, rows [][]any) {
	b.Helper()
	statement, err := conn.PrepareContext(context.Background(), "INSERT INTO "+table+" VALUES (?"+strings.Repeat(",?", len(columns)-1)+")")
	require.NoError(b, err)
	defer func() { _ = statement.Close() }()
	for _, row := range rows {
		if _, err := statement.ExecContext(context.Background(), row...); err != nil {
			b.Fatal(err)
		}
	}
}
