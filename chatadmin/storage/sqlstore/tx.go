package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"chatadmin.example/sdk/chatadmin/storage"
)

// reader reads through the pool, or within a transaction.
type reader struct {
	s *Store
	c conn
	x *tx // nil outside a transaction
}

// enter refuses a call of the store from within its own transaction, which
// could wait for itself for ever, and a call of a transaction that is over.
func (r reader) enter(ctx context.Context) error {
	switch {
	case r.x == nil && ctx.Value(inTx{r.s}) != nil:
		return storage.ErrNested
	case r.x != nil && r.x.over:
		return errOver
	}
	return ctx.Err()
}

var errOver = errors.New("the transaction is over")

// failed keeps an error within a transaction, since nothing of it may be kept
// any more, and says what was going on.
func (r reader) fail(ctx context.Context, what string, err error) error {
	err = while(ctx, what, err)
	if r.x != nil && r.x.failed == nil {
		r.x.failed = err
	}
	return err
}

// fetch runs a query and scans each row into the places that dest gives.
func fetch[T any](ctx context.Context, r reader, what string, q *query, dest func(*T) []any) ([]T, error) {
	if err := r.enter(ctx); err != nil {
		return nil, r.fail(ctx, what, err)
	}
	rows, err := r.c.QueryContext(ctx, r.s.sql(q.text.String()), q.args...)
	if err != nil {
		return nil, r.fail(ctx, what, err)
	}
	defer func() { _ = rows.Close() }()
	var all []T
	for rows.Next() {
		all = append(all, *new(T))
		if err := rows.Scan(dest(&all[len(all)-1])...); err != nil {
			return nil, r.fail(ctx, what, err)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, r.fail(ctx, what, err)
	}
	return all, nil
}

// tx is one transaction.
type tx struct {
	reader
	stmts    map[string]*sql.Stmt // SQLite: prepared once for the transaction
	inserted map[string]int64     // by table
	// users, groups and devices that it has written and that are alive, by
	// table: the domain of each
	wrote map[string]map[storage.ID]storage.ID
	// the domain of the fence, as it was read behind it; nil when this
	// transaction has changed domains
	fenced *storage.Domain
	over   bool
	lent   bool // to the host, by Conn
	failed error
}

// Domains answers from the row that was read with the fence where it can:
// nearly every transaction asks for it first.
func (x *tx) Domains(ctx context.Context, ids []storage.ID) ([]storage.Domain, error) {
	if x.fenced == nil || x.lent || len(ids) != 1 || ids[0] != x.fenced.ID {
		return x.reader.Domains(ctx, ids)
	}
	if err := x.enter(ctx); err != nil {
		return nil, x.fail(ctx, "reading domains", err)
	}
	d := *x.fenced
	d.Data = slices.Clone(d.Data)
	return []storage.Domain{d}, nil
}

func (s *Store) newTx(c conn) *tx {
	x := &tx{reader: reader{s: s, c: c}, stmts: map[string]*sql.Stmt{}, inserted: map[string]int64{}, wrote: map[string]map[storage.ID]storage.ID{}}
	x.x = x
	return x
}

// close ends the use of the transaction.
func (x *tx) close() {
	x.over = true
	for _, s := range x.stmts {
		_ = s.Close()
	}
	clear(x.stmts)
}

// exec runs a statement that changes rows, and returns how many.
func (x *tx) exec(ctx context.Context, text string, args []any) (int64, error) {
	var res sql.Result
	var err error
	text = x.s.sql(text)
	if x.s.d == SQLite {
		stmt := x.stmts[text]
		if stmt == nil {
			if stmt, err = x.c.PrepareContext(ctx, text); err != nil {
				return 0, x.fail(ctx, "writing", err)
			}
			x.stmts[text] = stmt
		}
		res, err = stmt.ExecContext(ctx, args...)
	} else {
		res, err = x.c.ExecContext(ctx, text, args...)
	}
	if x.s.d.refuses(err) {
		err = fmt.Errorf("%w: %w", ErrConstraint, err)
	}
	if err != nil {
		return 0, x.fail(ctx, "writing", err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return 0, x.fail(ctx, "writing", err)
	}
	return n, nil
}

// writable refuses a call that is too late, too large, or made under a
// cancelled context.
func (x *tx) writable(ctx context.Context, items int) error {
	err := x.enter(ctx)
	if err == nil && items > storage.MaxBatch {
		err = fmt.Errorf("%d items: %w", items, storage.ErrBatch)
	}
	if err != nil {
		return x.fail(ctx, "writing", err)
	}
	return nil
}

// millis is a time as it is stored. The zero time is a number like any other:
// the beginning of the year 1.
func millis(t time.Time) int64 { return t.UnixMilli() }

// noTime is the zero time as it is stored.
var noTime = millis(time.Time{})

// at scans a time.
type at struct{ t *time.Time }

func (a at) Scan(src any) error {
	ms, ok := src.(int64)
	if !ok {
		return fmt.Errorf("a time is stored as %T", src)
	}
	*a.t = time.UnixMilli(ms).UTC()
	return nil
}

// blob scans bytes; none at all are nil.
type blob struct{ b *[]byte }

func (b blob) Scan(src any) error {
	*b.b = nil
	switch v := src.(type) {
	case []byte:
		if len(v) > 0 {
			*b.b = append([]byte(nil), v...)
		}
	case string:
		if v != "" {
			*b.b = []byte(v)
		}
	case nil:
	default:
		return fmt.Errorf("bytes are stored as %T", src)
	}
	return nil
}

// bytes are never NULL.
func bytes(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

func strs[T ~string](ids []T) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = string(id)
	}
	return out
}
