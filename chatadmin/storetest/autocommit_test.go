package storetest_test

import (
	"context"
	"errors"
	"runtime"

	ca "chatadmin.example/sdk/chatadmin"
)

// autocommit is a transaction that is none: each change is committed by itself, and others come in between.
type autocommit struct {
	ca.Reader
	s ca.Store
}

func alone[T any](a autocommit, ctx context.Context, f func(ca.Tx) (T, error)) (T, error) {
	runtime.Gosched()
	v, err := ca.UpdateValue(context.WithoutCancel(ctx), a.s, ca.Fence{}, func(_ context.Context, tx ca.Tx) (T, error) { return f(tx) })
	runtime.Gosched()
	return v, err
}

func (a autocommit) ChangeDomains(ctx context.Context, c []ca.Change[ca.Domain]) ([]ca.Conflict, error) {
	return alone(a, ctx, func(tx ca.Tx) ([]ca.Conflict, error) { return tx.ChangeDomains(ctx, c) })
}

func (a autocommit) ChangeUsers(ctx context.Context, c []ca.Change[ca.User]) ([]ca.Conflict, error) {
	return alone(a, ctx, func(tx ca.Tx) ([]ca.Conflict, error) { return tx.ChangeUsers(ctx, c) })
}

func (a autocommit) ChangeGroups(ctx context.Context, c []ca.Change[ca.Group]) ([]ca.Conflict, error) {
	return alone(a, ctx, func(tx ca.Tx) ([]ca.Conflict, error) { return tx.ChangeGroups(ctx, c) })
}

func (a autocommit) ChangeMemberships(ctx context.Context, c []ca.Change[ca.Membership]) ([]ca.Conflict, error) {
	return alone(a, ctx, func(tx ca.Tx) ([]ca.Conflict, error) { return tx.ChangeMemberships(ctx, c) })
}

func (a autocommit) ChangeDevices(ctx context.Context, c []ca.Change[ca.Device]) ([]ca.Conflict, error) {
	return alone(a, ctx, func(tx ca.Tx) ([]ca.Conflict, error) { return tx.ChangeDevices(ctx, c) })
}

func (a autocommit) ChangeRecords(ctx context.Context, c []ca.Change[ca.Record]) ([]ca.Conflict, error) {
	return alone(a, ctx, func(tx ca.Tx) ([]ca.Conflict, error) { return tx.ChangeRecords(ctx, c) })
}

func (a autocommit) ChangeEvents(ctx context.Context, c []ca.Change[ca.Event]) ([]ca.Conflict, error) {
	return alone(a, ctx, func(tx ca.Tx) ([]ca.Conflict, error) { return tx.ChangeEvents(ctx, c) })
}

func (a autocommit) InsertContent(ctx context.Context, c []ca.Content) ([]ca.Conflict, error) {
	return alone(a, ctx, func(tx ca.Tx) ([]ca.Conflict, error) { return tx.InsertContent(ctx, c) })
}

func (a autocommit) AddMembers(context.Context, ca.UserQuery, ca.Membership, ca.Page) ([]ca.ID, ca.Cursor, error) {
	return nil, "", errors.New("not needed by the tests that catch this mutant")
}

func (a autocommit) DeleteContent(context.Context, ca.ContentQuery, ca.Page) (ca.ContentCount, []string, ca.Cursor, error) {
	return ca.ContentCount{}, nil, "", errors.New("not needed by the tests that catch this mutant")
}

func noTransactions(ctx context.Context, s ca.Store, fence ca.Fence, f func(context.Context, ca.Tx) error) error {
	return f(ctx, autocommit{s, s})
}
