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

// Conn gives a host the connection of the library's store or transaction, for
// tables of its own in the same database: to a source (storage.Inside), and to a
// host that wraps a store of this package. Of a transaction it is for the
// function of Update, until that returns; within a change of the library
// Writer.Tx serves as well. Errors must be returned from it: on PostgreSQL a
// statement that fails ends the transaction, and Update then fails whatever the
// function says. Of a store it is the pool. What belongs to another store is
// ErrNoConn.
func Conn(r storage.Reader) (Querier, error) {
	switch r := r.(type) {
	case *tx:
		if r.over {
			return nil, ErrNoConn
		}
		r.lent = true
		return r.c.(Querier), nil // a *sql.Conn, or a *sql.Tx
	case *Store:
		return r.db, nil
	case *joinedStore:
		return r.tx, nil
	case interface{ Unwrap() storage.Tx }: // the library's own, around that of the store
		return Conn(r.Unwrap())
	case interface{ Unwrap() storage.Store }:
		return Conn(r.Unwrap())
	}
	return nil, ErrNoConn
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
