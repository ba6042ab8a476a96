package sqlstore

import (
	"context"
	"database/sql"

	"chatadmin.example/sdk/chatadmin/class"
	"chatadmin.example/sdk/chatadmin/storage"
)

// Querier is what *sql.Tx, *sql.Conn and *sql.DB have in common.
type Querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Conn lets a host that wraps a store of this package write tables of its own
// in the same transaction. t is the Tx that the store gave to the function of
// Update, and what Conn returns is for that function, until it returns. Within
// a change of the library Writer.Tx serves as well. Errors must be returned from
// it: on PostgreSQL a statement that fails ends the transaction, and Update
// then fails whatever the function says. The Tx of another store is ErrNoConn.
func Conn(t storage.Tx) (Querier, error) {
	if w, ok := t.(interface{ Unwrap() storage.Tx }); ok { // the library's own, around that of the store
		t = w.Unwrap()
	}
	x, ok := t.(*tx)
	if !ok || x.over {
		return nil, ErrNoConn
	}
	x.lent = true
	return x.c.(Querier), nil // a *sql.Conn, or a *sql.Tx
}

// ErrNoConn: what Conn was given is not a transaction of this package that is
// going on.
var ErrNoConn = class.Invalid.New("no_conn", "this is no transaction of sqlstore")

// intact looks whether the statements of a host have ended the transaction, of
// which a commit would say nothing.
func (x *tx) intact(ctx context.Context) error {
	if !x.lent || x.s.d != PostgreSQL {
		return nil
	}
	_, err := x.exec(ctx, "SELECT 1", nil)
	return err
}
