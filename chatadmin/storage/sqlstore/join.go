package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"chatadmin.example/sdk/chatadmin/class"
	"chatadmin.example/sdk/chatadmin/storage"
)

// ErrIsolation is what a store made by Join says where it needs a fence and the
// host's transaction is above READ COMMITTED: its snapshot may be older than
// the fence.
var ErrIsolation = class.Invalid.New("isolation", "a fence within a transaction of the host needs READ COMMITTED")

// joined is a store within a transaction of the host.
type joinedStore struct {
	reader
	tx *sql.Tx
}

// Join makes a store of the host's own transaction, for chatadmin.Admin.Join:
// what the library changes through it is committed or undone together with the
// rest, by the host. Do not
// use it for what must be kept though the host rolls back, such as counting
// failed sign-ins. On PostgreSQL the transaction must be at READ COMMITTED
// where a fence is needed; the fence is held until the transaction ends. On
// SQLite it should have begun with BEGIN IMMEDIATE. o must name the same prefix
// as the one that made the tables. Like the transaction it is for one
// goroutine.
func Join(tx *sql.Tx, d Dialect, o *Options) (storage.Store, error) {
	s, err := newStore(nil, d, o)
	if err != nil {
		return nil, err
	}
	s.reader.c = tx
	return &joinedStore{reader{s: s, c: tx}, tx}, nil
}

// Joined reports that the store is one of a transaction: chatadmin.New refuses
// it, since no package would take part. See chatadmin.Admin.Join.
func (*joinedStore) Joined() bool { return true }

// Update implements storage.Store, within a savepoint.
func (j *joinedStore) Update(ctx context.Context, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
	if err := j.enter(ctx); err != nil {
		return err
	}
	if err := j.lock(ctx, fence); err != nil {
		return err
	}
	for n := 0; ; n++ {
		err := j.attempt(ctx, fence, f)
		if !errors.Is(err, storage.ErrRetry) && !errors.Is(err, errRaced) {
			return err
		}
		if n == 3 {
			return fmt.Errorf("%w: %w", err, storage.ErrBusy)
		}
	}
}

func (j *joinedStore) attempt(ctx context.Context, fence storage.Fence, f func(context.Context, storage.Tx) error) (err error) {
	if _, err := j.tx.ExecContext(ctx, "SAVEPOINT chatadmin"); err != nil {
		return while(ctx, "joining a transaction", err)
	}
	x := j.s.newTx(j.tx)
	ended := false
	defer func() {
		x.close()
		if !ended {
			ctx := context.WithoutCancel(ctx)
			if _, undo := j.tx.ExecContext(ctx, "ROLLBACK TO SAVEPOINT chatadmin"); undo == nil {
				_, undo = j.tx.ExecContext(ctx, "RELEASE SAVEPOINT chatadmin")
				// the transaction is the host's: it will see that it cannot go
				// on
				_ = undo
			}
		}
	}()
	if err := x.run(ctx, fence, f); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, err := j.tx.ExecContext(ctx, "RELEASE SAVEPOINT chatadmin"); err != nil {
		return while(ctx, "joining a transaction", err)
	}
	ended = true
	return nil
}

func (j *joinedStore) lock(ctx context.Context, fence storage.Fence) error {
	if j.s.d == SQLite || fence.Mode == storage.NoFence {
		return nil
	}
	var level string
	if err := j.tx.QueryRowContext(ctx, "SHOW transaction_isolation").Scan(&level); err != nil {
		return while(ctx, "joining a transaction", err)
	}
	if !strings.EqualFold(level, "read committed") {
		return fmt.Errorf("%w: this one is %s", ErrIsolation, level)
	}
	shared := ""
	if fence.Mode == storage.Shared {
		shared = "_shared"
	}
	if _, err := j.tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock"+shared+"($1)", j.s.lockKey(string(fence.Domain))); err != nil {
		return while(ctx, "waiting for the domain's fence", err)
	}
	return nil
}
