package storetest_test

import (
	"context"
	"slices"
	"sync"

	"chatadmin.example/sdk/chatadmin/storage"
)

// fenced is an Update whose only guard is a lock that the mutant takes in its
// own way; nothing else keeps two transactions apart.
func fenced(enter func(*sync.RWMutex, storage.Mode) (leave func())) func(context.Context, storage.Store, storage.Fence, func(context.Context, storage.Tx) error) error {
	var lock sync.RWMutex
	return func(ctx context.Context, s storage.Store, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
		if fence.Mode == storage.NoFence {
			return s.Update(ctx, fence, f)
		}
		defer enter(&lock, fence.Mode)()
		return noTransactions(ctx, s, fence, f)
	}
}

func exclusiveOnly(l *sync.RWMutex, mode storage.Mode) func() {
	if mode == storage.Shared {
		return func() {}
	}
	l.Lock()
	return l.Unlock
}

func sharedOnly(l *sync.RWMutex, _ storage.Mode) func() {
	l.RLock()
	return l.RUnlock
}

// oldSnapshot has a fence that holds, and reads what was there before it.
func oldSnapshot() func(context.Context, storage.Store, storage.Fence, func(context.Context, storage.Tx) error) error {
	var lock sync.Mutex
	return func(ctx context.Context, s storage.Store, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
		if fence.Mode == storage.NoFence {
			return s.Update(ctx, fence, f)
		}
		rows, _, err := s.ListRecords(ctx, storage.RecordQuery{Domain: fence.Domain}, storage.Page{Limit: storage.MaxBatch})
		if err != nil {
			return err
		}
		lock.Lock()
		defer lock.Unlock()
		return f(ctx, oldRecords{autocommit{s, s}, rows})
	}
}

type (
	oldRecords struct {
		storage.Tx
		rows []storage.Record
	}
	chatsBefore struct{ storage.Tx }
)

func (x oldRecords) ListRecords(_ context.Context, q storage.RecordQuery, _ storage.Page) ([]storage.Record, storage.Cursor, error) {
	return slices.DeleteFunc(slices.Clone(x.rows), func(r storage.Record) bool { return r.Kind != q.Kind }), "", nil
}

// InsertContent writes the chats of a call before the rest.
func (x chatsBefore) InsertContent(ctx context.Context, c []storage.Content) ([]storage.Conflict, error) {
	c = slices.Clone(c)
	slices.SortStableFunc(c, func(a, b storage.Content) int {
		switch isA, isB := a.Kind == storage.Chat, b.Kind == storage.Chat; {
		case isA == isB:
			return 0
		case isA:
			return -1
		}
		return 1
	})
	return x.Tx.InsertContent(ctx, c)
}
