package storetest_test

import (
	"context"
	"errors"
	"runtime"

	"chatadmin.example/sdk/chatadmin/storage"
)

// autocommit is a transaction that is none: each change is committed by itself,
// and others come in between.
type autocommit struct {
	storage.Reader
	s storage.Store
}

func alone[T any](a autocommit, ctx context.Context, f func(storage.Tx) (T, error)) (T, error) {
	runtime.Gosched()
	v, err := storage.UpdateValue(context.WithoutCancel(ctx), a.s, storage.Fence{}, func(_ context.Context, tx storage.Tx) (T, error) { return f(tx) })
	runtime.Gosched()
	return v, err
}

func (a autocommit) ChangeDomains(ctx context.Context, c []storage.Write[storage.Domain]) ([]storage.Conflict, error) {
	return alone(a, ctx, func(tx storage.Tx) ([]storage.Conflict, error) { return tx.ChangeDomains(ctx, c) })
}

func (a autocommit) ChangeUsers(ctx context.Context, c []storage.Write[storage.User]) ([]storage.Conflict, error) {
	return alone(a, ctx, func(tx storage.Tx) ([]storage.Conflict, error) { return tx.ChangeUsers(ctx, c) })
}

func (a autocommit) ChangeGroups(ctx context.Context, c []storage.Write[storage.Group]) ([]storage.Conflict, error) {
	return alone(a, ctx, func(tx storage.Tx) ([]storage.Conflict, error) { return tx.ChangeGroups(ctx, c) })
}

func (a autocommit) ChangeMemberships(ctx context.Context, c []storage.Write[storage.Membership]) ([]storage.Conflict, error) {
	return alone(a, ctx, func(tx storage.Tx) ([]storage.Conflict, error) { return tx.ChangeMemberships(ctx, c) })
}

func (a autocommit) ChangeDevices(ctx context.Context, c []storage.Write[storage.Device]) ([]storage.Conflict, error) {
	return alone(a, ctx, func(tx storage.Tx) ([]storage.Conflict, error) { return tx.ChangeDevices(ctx, c) })
}

func (a autocommit) ChangeRecords(ctx context.Context, c []storage.Write[storage.Record]) ([]storage.Conflict, error) {
	return alone(a, ctx, func(tx storage.Tx) ([]storage.Conflict, error) { return tx.ChangeRecords(ctx, c) })
}

func (a autocommit) ChangeEvents(ctx context.Context, c []storage.Write[storage.Event]) ([]storage.Conflict, error) {
	return alone(a, ctx, func(tx storage.Tx) ([]storage.Conflict, error) { return tx.ChangeEvents(ctx, c) })
}

func (a autocommit) InsertContent(ctx context.Context, c []storage.Content) ([]storage.Conflict, error) {
	return alone(a, ctx, func(tx storage.Tx) ([]storage.Conflict, error) { return tx.InsertContent(ctx, c) })
}

func (a autocommit) AddMembers(context.Context, storage.UserQuery, storage.Membership, storage.Page) ([]storage.ID, storage.Cursor, error) {
	return nil, "", errors.New("not needed by the tests that catch this mutant")
}

func (a autocommit) DeleteContent(context.Context, storage.ContentQuery, storage.Page) (storage.ContentCount, []string, storage.Cursor, error) {
	return storage.ContentCount{}, nil, "", errors.New("not needed by the tests that catch this mutant")
}

func noTransactions(ctx context.Context, s storage.Store, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
	return f(ctx, autocommit{s, s})
}
