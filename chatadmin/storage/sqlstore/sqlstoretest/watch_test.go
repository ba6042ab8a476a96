package sqlstoretest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin/storage/sqlstore"
)

// statement is one that went to the database. One of a prepared statement of SQLite stays within the process and costs no round trip.
type statement struct {
	text     string
	args     []driver.NamedValue
	prepared bool
	deadline bool // its context has one
}

// watch is a driver.Connector that sees every statement before the database does.
type watch struct {
	driver driver.Driver
	dsn    string
	before func(statement) error // an error goes to the store instead of the statement; errSkip: the statement is left out and said to be done
	after  func(statement) error // an error goes to the store although the statement was carried out

	mu   sync.Mutex
	seen []statement
	errs []error // of the database
}

// watched returns a pool whose statements are seen.
func (db database) watched(t testing.TB, before func(statement) error) (*sql.DB, *watch) {
	t.Helper()
	w, err := newWatch(db.d, db.dsn, before)
	require.NoError(t, err)
	pool := sql.OpenDB(w)
	pool.SetMaxOpenConns(24)
	t.Cleanup(func() { _ = pool.Close() })
	return pool, w
}

func newWatch(d sqlstore.Dialect, dsn string, before func(statement) error) (*watch, error) {
	name := "sqlite"
	if d == sqlstore.PostgreSQL {
		name = "pgx"
	}
	pool, err := sql.Open(name, dsn)
	if err != nil {
		return nil, err
	}
	defer func() { _ = pool.Close() }()
	return &watch{driver: pool.Driver(), dsn: dsn, before: before}, nil
}

func (w *watch) Driver() driver.Driver { return w.driver }

func (w *watch) Connect(context.Context) (driver.Conn, error) {
	c, err := w.driver.Open(w.dsn)
	if err != nil {
		return nil, err
	}
	return &watchedConn{c, w}, nil
}

func (w *watch) note(s statement) error {
	w.mu.Lock()
	w.seen = append(w.seen, s)
	w.mu.Unlock()
	if w.before == nil {
		return nil
	}
	return w.before(s)
}

// during returns the statements of f.
func (w *watch) during(f func()) []statement {
	w.mu.Lock()
	w.seen = nil
	w.mu.Unlock()
	f()
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.seen)
}

// roundTrips are the statements that are not prepared ones of SQLite.
func roundTrips(all []statement) (texts []string) {
	for _, s := range all {
		if !s.prepared {
			texts = append(texts, strings.Join(strings.Fields(s.text), " "))
		}
	}
	return texts
}

var errSkip = errors.New("left out")

// exec carries out a statement that is seen.
func (w *watch) exec(s statement, run func() (driver.Result, error)) (driver.Result, error) {
	switch err := w.note(s); {
	case errors.Is(err, errSkip):
		return driver.RowsAffected(0), nil
	case err != nil:
		return nil, err
	}
	res, err := run()
	if err == nil && w.after != nil {
		err = w.after(s)
	} else if err != nil {
		w.mu.Lock()
		w.errs = append(w.errs, err)
		w.mu.Unlock()
	}
	return res, err
}

type watchedConn struct {
	driver.Conn
	w *watch
}

func (c *watchedConn) PrepareContext(ctx context.Context, text string) (driver.Stmt, error) {
	s, err := c.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	return &watchedStmt{s, text, c.w}, nil
}

func (c *watchedConn) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	_, deadline := ctx.Deadline()
	return c.w.exec(statement{text, args, false, deadline}, func() (driver.Result, error) { return c.Conn.(driver.ExecerContext).ExecContext(ctx, text, args) })
}

func (c *watchedConn) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	if err := c.w.note(statement{text: text, args: args}); err != nil {
		return nil, err
	}
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, text, args)
}

func (c *watchedConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	return c.Conn.(driver.ConnBeginTx).BeginTx(ctx, o)
}

func (c *watchedConn) CheckNamedValue(v *driver.NamedValue) error {
	if n, ok := c.Conn.(driver.NamedValueChecker); ok {
		return n.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

func (c *watchedConn) ResetSession(ctx context.Context) error {
	if r, ok := c.Conn.(driver.SessionResetter); ok {
		return r.ResetSession(ctx)
	}
	return nil
}

func (c *watchedConn) IsValid() bool {
	v, ok := c.Conn.(driver.Validator)
	return !ok || v.IsValid()
}

type watchedStmt struct {
	driver.Stmt
	text string
	w    *watch
}

func (s *watchedStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.w.exec(statement{text: s.text, args: args, prepared: true}, func() (driver.Result, error) { return s.Stmt.(driver.StmtExecContext).ExecContext(ctx, args) })
}

func (s *watchedStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	if err := s.w.note(statement{text: s.text, args: args, prepared: true}); err != nil {
		return nil, err
	}
	return s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
}
