package storetest_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"chatadmin.example/sdk/chatadmin/storage"
)

// rowLocks is a store that locks each record it writes until the transaction
// ends, and nothing else. It undoes nothing, but for a transaction that has
// waited too long for a row: that one runs again, as after a deadlock.
type rowLocks struct {
	unsorted bool // it locks the rows of a call in the order given
	tells    bool // it returns a deadlock instead of running again

	mu    sync.Mutex
	owner map[storage.Key]*lockingTx
}

var errDeadlock = errors.New("deadlock found when trying to get lock")

func (l *rowLocks) update(ctx context.Context, s storage.Store, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
	if fence.Mode != storage.NoFence {
		return s.Update(ctx, fence, f)
	}
	for {
		x := &lockingTx{autocommit: autocommit{s, s}, locks: l}
		err := f(ctx, x)
		if errors.Is(err, errDeadlock) && !l.tells {
			err = storage.ErrRetry
		}
		if err != nil {
			x.undo(ctx)
		}
		l.release(x)
		if !errors.Is(err, storage.ErrRetry) {
			return err
		}
	}
}

func (l *rowLocks) release(x *lockingTx) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for k, by := range l.owner {
		if by == x {
			delete(l.owner, k)
		}
	}
}

// lock waits for a row, and gives up in favour of the elder after a while: the
// one that holds more rows waits longer.
func (l *rowLocks) lock(x *lockingTx, k storage.Key, patience time.Duration) error {
	for until := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		l.mu.Lock()
		free := l.owner[k] == nil || l.owner[k] == x
		if free {
			l.owner[k] = x
		}
		l.mu.Unlock()
		if free {
			return nil
		}
		if time.Now().After(until) {
			return errDeadlock
		}
	}
}

// lockingTx writes records at once, and remembers what was there.
type lockingTx struct {
	autocommit
	locks *rowLocks
	was   []storage.Record
}

func (x *lockingTx) ChangeRecords(ctx context.Context, c []storage.Write[storage.Record]) ([]storage.Conflict, error) {
	keys := make([]storage.Key, len(c))
	for i := range c {
		keys[i] = c[i].Row.Key
	}
	if !x.locks.unsorted {
		slices.SortFunc(keys, func(a, b storage.Key) int {
			if a.ID < b.ID {
				return -1
			}
			return 1
		})
	}
	patience := 3 * time.Second
	if len(x.was) > 0 {
		patience = 100 * time.Millisecond
	}
	for _, k := range keys {
		if err := x.locks.lock(x, k, patience); err != nil {
			return nil, err
		}
	}
	rs, err := x.Records(ctx, keys)
	if err != nil {
		return nil, err
	}
	x.was = append(x.was, rs...)
	return x.autocommit.ChangeRecords(ctx, c)
}

// undo writes back what was there, the earliest last.
func (x *lockingTx) undo(ctx context.Context) {
	for _, was := range slices.Backward(x.was) {
		rs, err := x.Records(ctx, []storage.Key{was.Key})
		if err == nil && len(rs) == 1 && rs[0].Rev != was.Rev {
			_, _ = x.autocommit.ChangeRecords(ctx, []storage.Write[storage.Record]{{Row: was, Was: rs[0].Rev}})
		}
	}
}

func locking(unsorted, tells bool) func(*mutant) {
	l := &rowLocks{unsorted: unsorted, tells: tells, owner: map[storage.Key]*lockingTx{}}
	return updating(l.update)
}

// forgiving refuses calls that are too large without failing the transaction.
type forgiving struct{ storage.Tx }

func (x forgiving) ChangeUsers(ctx context.Context, c []storage.Write[storage.User]) ([]storage.Conflict, error) {
	if len(c) > storage.MaxBatch {
		return nil, storage.ErrBatch
	}
	return x.Tx.ChangeUsers(ctx, c)
}
