package erasetest

import (
	"context"
	"errors"
	"sync/atomic"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// ErrCrash is returned by every call of a store after the process has died.
var ErrCrash = errors.New("the process has died")

// Crashing is a store whose nth call from now on is the last: every call behind
// it fails. What was committed until then is kept, and the caller learns
// nothing of it. Transactions count, and the changes in them, and lookups of
// records.
type Crashing struct {
	chatadmin.Store
	left atomic.Int64 // calls until the crash; below 0: never
	dead atomic.Bool
}

// alive counts a call.
func (c *Crashing) alive() error {
	if c.dead.Load() || c.left.Add(-1) == 0 {
		c.dead.Store(true)
		return ErrCrash
	}
	return nil
}

// In crashes at the nth call from now on; 0 never.
func (c *Crashing) In(n int) {
	c.dead.Store(false)
	c.left.Store(int64(n))
}

// Crashed reports whether the crash that In has asked for has come.
func (c *Crashing) Crashed() bool { return c.left.Load() <= 0 }

// Update implements chatadmin.Store.
func (c *Crashing) Update(ctx context.Context, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
	if err := c.alive(); err != nil {
		return err
	}
	err := c.Store.Update(ctx, fence, func(ctx context.Context, tx storage.Tx) error { return f(ctx, crashingTx{tx, c}) })
	if dead := c.alive(); err == nil && dead != nil { // committed, but nobody knows
		return dead
	}
	return err
}

// Records implements storage.Reader.
func (c *Crashing) Records(ctx context.Context, keys []storage.Key) ([]storage.Record, error) {
	return call(c, func() ([]storage.Record, error) { return c.Store.Records(ctx, keys) })
}

// Unwrap is the store itself, for sources in its database.
func (c *Crashing) Unwrap() storage.Store { return c.Store }

// Source is a source inside the database that the process reads and deletes
// from: its calls count, too.
func (c *Crashing) Source(s storage.Source) storage.Source {
	s.Inside = crashingSource{s.Inside, c}
	return s
}

type crashingSource struct {
	storage.Inside
	c *Crashing
}

func (s crashingSource) Count(ctx context.Context, r storage.Reader, q storage.ContentQuery) (int64, error) {
	return call(s.c, func() (int64, error) { return s.Inside.Count(ctx, r, q) })
}

// Delete may die before it deletes and behind it.
func (s crashingSource) Delete(ctx context.Context, tx storage.Tx, q storage.ContentQuery, p storage.Page) (n int64, blobs []string, next storage.Cursor, err error) {
	if err := s.c.alive(); err != nil {
		return 0, nil, "", err
	}
	if n, blobs, next, err = s.Inside.Delete(ctx, tx, q, p); err == nil {
		err = s.c.alive()
	}
	return n, blobs, next, err
}

type crashingTx struct {
	storage.Tx
	c *Crashing
}

func (x crashingTx) Unwrap() storage.Tx { return x.Tx }

func (x crashingTx) ChangeUsers(ctx context.Context, c []storage.Write[chatadmin.User]) ([]storage.Conflict, error) {
	return call(x.c, func() ([]storage.Conflict, error) { return x.Tx.ChangeUsers(ctx, c) })
}

func (x crashingTx) ChangeGroups(ctx context.Context, c []storage.Write[chatadmin.Group]) ([]storage.Conflict, error) {
	return call(x.c, func() ([]storage.Conflict, error) { return x.Tx.ChangeGroups(ctx, c) })
}

func (x crashingTx) ChangeMemberships(ctx context.Context, c []storage.Write[chatadmin.Membership]) ([]storage.Conflict, error) {
	return call(x.c, func() ([]storage.Conflict, error) { return x.Tx.ChangeMemberships(ctx, c) })
}

func (x crashingTx) ChangeDevices(ctx context.Context, c []storage.Write[storage.Device]) ([]storage.Conflict, error) {
	return call(x.c, func() ([]storage.Conflict, error) { return x.Tx.ChangeDevices(ctx, c) })
}

func (x crashingTx) ChangeRecords(ctx context.Context, c []storage.Write[storage.Record]) ([]storage.Conflict, error) {
	return call(x.c, func() ([]storage.Conflict, error) { return x.Tx.ChangeRecords(ctx, c) })
}

func (x crashingTx) ChangeEvents(ctx context.Context, c []storage.Write[chatadmin.Event]) ([]storage.Conflict, error) {
	return call(x.c, func() ([]storage.Conflict, error) { return x.Tx.ChangeEvents(ctx, c) })
}

func (x crashingTx) ListRecords(ctx context.Context, q storage.RecordQuery, p chatadmin.Page) ([]storage.Record, chatadmin.Cursor, error) {
	if err := x.c.alive(); err != nil {
		return nil, "", err
	}
	return x.Tx.ListRecords(ctx, q, p)
}

func (x crashingTx) DeleteContent(ctx context.Context, q storage.ContentQuery, p chatadmin.Page) (storage.ContentCount, []string, chatadmin.Cursor, error) {
	if err := x.c.alive(); err != nil {
		return storage.ContentCount{}, nil, "", err
	}
	return x.Tx.DeleteContent(ctx, q, p)
}

func call[T any](c *Crashing, f func() (T, error)) (T, error) {
	if err := c.alive(); err != nil {
		var zero T
		return zero, err
	}
	return f()
}
