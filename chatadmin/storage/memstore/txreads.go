package memstore

import (
	"context"

	"chatadmin.example/sdk/chatadmin/storage"
)

// The reads of a transaction: an error fails the transaction, even if the
// function swallows it.

func keep[T any](x *tx, v T, err error) (T, error) {
	if err != nil && x.failed == nil {
		x.failed = err
	}
	return v, err
}

func keepPage[T any](x *tx, rows []T, next storage.Cursor, err error) ([]T, storage.Cursor, error) {
	rows, err = keep(x, rows, err)
	return rows, next, err
}

func (x *tx) Domains(ctx context.Context, ids []storage.ID) ([]storage.Domain, error) {
	v, err := x.reader.Domains(ctx, ids)
	return keep(x, v, err)
}

func (x *tx) Users(ctx context.Context, domain storage.ID, ids []storage.ID) ([]storage.User, error) {
	v, err := x.reader.Users(ctx, domain, ids)
	return keep(x, v, err)
}

func (x *tx) UsersByLogin(ctx context.Context, domain storage.ID, keys []string) ([]storage.User, error) {
	v, err := x.reader.UsersByLogin(ctx, domain, keys)
	return keep(x, v, err)
}

func (x *tx) Groups(ctx context.Context, domain storage.ID, ids []storage.ID) ([]storage.Group, error) {
	v, err := x.reader.Groups(ctx, domain, ids)
	return keep(x, v, err)
}

func (x *tx) Memberships(ctx context.Context, domain storage.ID, pairs []storage.Pair) ([]storage.Membership, error) {
	v, err := x.reader.Memberships(ctx, domain, pairs)
	return keep(x, v, err)
}

func (x *tx) Devices(ctx context.Context, domain storage.ID, ids []storage.ID) ([]storage.Device, error) {
	v, err := x.reader.Devices(ctx, domain, ids)
	return keep(x, v, err)
}

func (x *tx) Records(ctx context.Context, keys []storage.Key) ([]storage.Record, error) {
	v, err := x.reader.Records(ctx, keys)
	return keep(x, v, err)
}

func (x *tx) CountUsers(ctx context.Context, q storage.UserQuery) (int64, error) {
	v, err := x.reader.CountUsers(ctx, q)
	return keep(x, v, err)
}

func (x *tx) CountMemberships(ctx context.Context, q storage.MemberQuery) (int64, error) {
	v, err := x.reader.CountMemberships(ctx, q)
	return keep(x, v, err)
}

func (x *tx) CountMembers(ctx context.Context, domain storage.ID, groups []storage.ID) (map[storage.ID]int64, error) {
	v, err := x.reader.CountMembers(ctx, domain, groups)
	return keep(x, v, err)
}

func (x *tx) CountContent(ctx context.Context, q storage.ContentQuery) (storage.ContentCount, error) {
	v, err := x.reader.CountContent(ctx, q)
	return keep(x, v, err)
}

func (x *tx) BlobsInUse(ctx context.Context, keys []string) ([]string, error) {
	v, err := x.reader.BlobsInUse(ctx, keys)
	return keep(x, v, err)
}

func (x *tx) ListDomains(ctx context.Context, p storage.Page) ([]storage.Domain, storage.Cursor, error) {
	rows, next, err := x.reader.ListDomains(ctx, p)
	return keepPage(x, rows, next, err)
}

func (x *tx) ListUsers(ctx context.Context, q storage.UserQuery, p storage.Page) ([]storage.User, storage.Cursor, error) {
	rows, next, err := x.reader.ListUsers(ctx, q, p)
	return keepPage(x, rows, next, err)
}

func (x *tx) ListGroups(ctx context.Context, q storage.GroupQuery, p storage.Page) ([]storage.Group, storage.Cursor, error) {
	rows, next, err := x.reader.ListGroups(ctx, q, p)
	return keepPage(x, rows, next, err)
}

func (x *tx) ListMemberships(ctx context.Context, q storage.MemberQuery, p storage.Page) ([]storage.Membership, storage.Cursor, error) {
	rows, next, err := x.reader.ListMemberships(ctx, q, p)
	return keepPage(x, rows, next, err)
}

func (x *tx) ListDevices(ctx context.Context, q storage.DeviceQuery, p storage.Page) ([]storage.Device, storage.Cursor, error) {
	rows, next, err := x.reader.ListDevices(ctx, q, p)
	return keepPage(x, rows, next, err)
}

func (x *tx) ListRecords(ctx context.Context, q storage.RecordQuery, p storage.Page) ([]storage.Record, storage.Cursor, error) {
	rows, next, err := x.reader.ListRecords(ctx, q, p)
	return keepPage(x, rows, next, err)
}

func (x *tx) ListEvents(ctx context.Context, q storage.EventQuery, p storage.Page) ([]storage.Event, storage.Cursor, error) {
	rows, next, err := x.reader.ListEvents(ctx, q, p)
	return keepPage(x, rows, next, err)
}
