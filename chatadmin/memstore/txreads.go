package memstore

import (
	"context"

	"chatadmin.example/sdk/chatadmin"
)

// The reads of a transaction: an error fails the transaction, even if the
// function swallows it.

func keep[T any](x *tx, v T, err error) (T, error) {
	if err != nil && x.failed == nil {
		x.failed = err
	}
	return v, err
}

func keepPage[T any](x *tx, rows []T, next chatadmin.Cursor, err error) ([]T, chatadmin.Cursor, error) {
	rows, err = keep(x, rows, err)
	return rows, next, err
}

func (x *tx) Domains(ctx context.Context, ids []chatadmin.ID) ([]chatadmin.Domain, error) {
	v, err := x.reader.Domains(ctx, ids)
	return keep(x, v, err)
}

func (x *tx) Users(ctx context.Context, domain chatadmin.ID, ids []chatadmin.ID) ([]chatadmin.User, error) {
	v, err := x.reader.Users(ctx, domain, ids)
	return keep(x, v, err)
}

func (x *tx) UsersByLogin(ctx context.Context, domain chatadmin.ID, keys []string) ([]chatadmin.User, error) {
	v, err := x.reader.UsersByLogin(ctx, domain, keys)
	return keep(x, v, err)
}

func (x *tx) Groups(ctx context.Context, domain chatadmin.ID, ids []chatadmin.ID) ([]chatadmin.Group, error) {
	v, err := x.reader.Groups(ctx, domain, ids)
	return keep(x, v, err)
}

func (x *tx) Memberships(ctx context.Context, domain chatadmin.ID, pairs []chatadmin.Pair) ([]chatadmin.Membership, error) {
	v, err := x.reader.Memberships(ctx, domain, pairs)
	return keep(x, v, err)
}

func (x *tx) Devices(ctx context.Context, domain chatadmin.ID, ids []chatadmin.ID) ([]chatadmin.Device, error) {
	v, err := x.reader.Devices(ctx, domain, ids)
	return keep(x, v, err)
}

func (x *tx) Records(ctx context.Context, keys []chatadmin.Key) ([]chatadmin.Record, error) {
	v, err := x.reader.Records(ctx, keys)
	return keep(x, v, err)
}

func (x *tx) CountUsers(ctx context.Context, q chatadmin.UserQuery) (int64, error) {
	v, err := x.reader.CountUsers(ctx, q)
	return keep(x, v, err)
}

func (x *tx) CountMemberships(ctx context.Context, q chatadmin.MemberQuery) (int64, error) {
	v, err := x.reader.CountMemberships(ctx, q)
	return keep(x, v, err)
}

func (x *tx) CountMembers(ctx context.Context, domain chatadmin.ID, groups []chatadmin.ID) (map[chatadmin.ID]int64, error) {
	v, err := x.reader.CountMembers(ctx, domain, groups)
	return keep(x, v, err)
}

func (x *tx) CountContent(ctx context.Context, q chatadmin.ContentQuery) (chatadmin.ContentCount, error) {
	v, err := x.reader.CountContent(ctx, q)
	return keep(x, v, err)
}

func (x *tx) BlobsInUse(ctx context.Context, keys []string) ([]string, error) {
	v, err := x.reader.BlobsInUse(ctx, keys)
	return keep(x, v, err)
}

func (x *tx) ListDomains(ctx context.Context, p chatadmin.Page) ([]chatadmin.Domain, chatadmin.Cursor, error) {
	rows, next, err := x.reader.ListDomains(ctx, p)
	return keepPage(x, rows, next, err)
}

func (x *tx) ListUsers(ctx context.Context, q chatadmin.UserQuery, p chatadmin.Page) ([]chatadmin.User, chatadmin.Cursor, error) {
	rows, next, err := x.reader.ListUsers(ctx, q, p)
	return keepPage(x, rows, next, err)
}

func (x *tx) ListGroups(ctx context.Context, q chatadmin.GroupQuery, p chatadmin.Page) ([]chatadmin.Group, chatadmin.Cursor, error) {
	rows, next, err := x.reader.ListGroups(ctx, q, p)
	return keepPage(x, rows, next, err)
}

func (x *tx) ListMemberships(ctx context.Context, q chatadmin.MemberQuery, p chatadmin.Page) ([]chatadmin.Membership, chatadmin.Cursor, error) {
	rows, next, err := x.reader.ListMemberships(ctx, q, p)
	return keepPage(x, rows, next, err)
}

func (x *tx) ListDevices(ctx context.Context, q chatadmin.DeviceQuery, p chatadmin.Page) ([]chatadmin.Device, chatadmin.Cursor, error) {
	rows, next, err := x.reader.ListDevices(ctx, q, p)
	return keepPage(x, rows, next, err)
}

func (x *tx) ListRecords(ctx context.Context, q chatadmin.RecordQuery, p chatadmin.Page) ([]chatadmin.Record, chatadmin.Cursor, error) {
	rows, next, err := x.reader.ListRecords(ctx, q, p)
	return keepPage(x, rows, next, err)
}

func (x *tx) ListEvents(ctx context.Context, q chatadmin.EventQuery, p chatadmin.Page) ([]chatadmin.Event, chatadmin.Cursor, error) {
	rows, next, err := x.reader.ListEvents(ctx, q, p)
	return keepPage(x, rows, next, err)
}
