package storetest_test

import (
	"context"
	"slices"
	"strings"
	"sync"

	ca "chatadmin.example/sdk/chatadmin"
)

// fenced is an Update whose only guard is a lock that the mutant takes in its
// own way; nothing else keeps two transactions apart.
func fenced(enter func(*sync.RWMutex, ca.Mode) (leave func())) func(context.Context, ca.Store, ca.Fence, func(context.Context, ca.Tx) error) error {
	var lock sync.RWMutex
	return func(ctx context.Context, s ca.Store, fence ca.Fence, f func(context.Context, ca.Tx) error) error {
		if fence.Mode == ca.NoFence {
			return s.Update(ctx, fence, f)
		}
		defer enter(&lock, fence.Mode)()
		return noTransactions(ctx, s, fence, f)
	}
}

func exclusiveOnly(l *sync.RWMutex, mode ca.Mode) func() {
	if mode == ca.Shared {
		return func() {}
	}
	l.Lock()
	return l.Unlock
}

func sharedOnly(l *sync.RWMutex, _ ca.Mode) func() {
	l.RLock()
	return l.RUnlock
}

// oldSnapshot has a fence that holds, and reads what was there before it.
func oldSnapshot() func(context.Context, ca.Store, ca.Fence, func(context.Context, ca.Tx) error) error {
	var lock sync.Mutex
	return func(ctx context.Context, s ca.Store, fence ca.Fence, f func(context.Context, ca.Tx) error) error {
		if fence.Mode == ca.NoFence {
			return s.Update(ctx, fence, f)
		}
		rows, _, err := s.ListRecords(ctx, ca.RecordQuery{Domain: fence.Domain}, ca.Page{Limit: ca.MaxBatch})
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
		ca.Tx
		rows []ca.Record
	}
	foldedRoles  struct{ ca.Reader }
	trimmedKinds struct{ ca.Reader }
	chatsBefore  struct{ ca.Tx }
)

func (x oldRecords) ListRecords(_ context.Context, q ca.RecordQuery, _ ca.Page) ([]ca.Record, ca.Cursor, error) {
	return slices.DeleteFunc(slices.Clone(x.rows), func(r ca.Record) bool { return r.Kind != q.Kind }), "", nil
}

// ListUsers compares roles without case.
func (r foldedRoles) ListUsers(ctx context.Context, q ca.UserQuery, p ca.Page) ([]ca.User, ca.Cursor, error) {
	role := q.Role
	q.Role = ""
	us, next, err := r.Reader.ListUsers(ctx, q, p)
	if role != "" {
		us = slices.DeleteFunc(us, func(u ca.User) bool { return !strings.EqualFold(u.Role, role) })
	}
	return us, next, err
}

// ListEvents compares kinds without the blanks at their end.
func (r trimmedKinds) ListEvents(ctx context.Context, q ca.EventQuery, p ca.Page) ([]ca.Event, ca.Cursor, error) {
	q.Kind = strings.TrimRight(q.Kind, " ")
	return r.Reader.ListEvents(ctx, q, p)
}

// InsertContent writes the chats of a call before the rest.
func (x chatsBefore) InsertContent(ctx context.Context, c []ca.Content) ([]ca.Conflict, error) {
	c = slices.Clone(c)
	slices.SortStableFunc(c, func(a, b ca.Content) int {
		switch isA, isB := a.Kind == ca.Chat, b.Kind == ca.Chat; {
		case isA == isB:
			return 0
		case isA:
			return -1
		}
		return 1
	})
	return x.Tx.InsertContent(ctx, c)
}
