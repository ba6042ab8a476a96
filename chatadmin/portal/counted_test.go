package portal_test

import (
	"context"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// counted is a store that counts the calls that read.
type counted struct {
	chatadmin.Store
	n int
}

func (c *counted) Domains(ctx context.Context, ids []storage.ID) ([]storage.Domain, error) {
	c.n++
	return c.Store.Domains(ctx, ids)
}

func (c *counted) Users(ctx context.Context, d storage.ID, ids []storage.ID) ([]storage.User, error) {
	c.n++
	return c.Store.Users(ctx, d, ids)
}

func (c *counted) UsersByLogin(ctx context.Context, d storage.ID, keys []string) ([]storage.User, error) {
	c.n++
	return c.Store.UsersByLogin(ctx, d, keys)
}

func (c *counted) Groups(ctx context.Context, d storage.ID, ids []storage.ID) ([]storage.Group, error) {
	c.n++
	return c.Store.Groups(ctx, d, ids)
}

func (c *counted) Memberships(ctx context.Context, d storage.ID, ps []storage.Pair) ([]storage.Membership, error) {
	c.n++
	return c.Store.Memberships(ctx, d, ps)
}

func (c *counted) Devices(ctx context.Context, d storage.ID, ids []storage.ID) ([]storage.Device, error) {
	c.n++
	return c.Store.Devices(ctx, d, ids)
}

func (c *counted) Records(ctx context.Context, keys []storage.Key) ([]storage.Record, error) {
	c.n++
	return c.Store.Records(ctx, keys)
}

func (c *counted) ListUsers(ctx context.Context, q storage.UserQuery, p storage.Page) ([]storage.User, storage.Cursor, error) {
	c.n++
	return c.Store.ListUsers(ctx, q, p)
}

func (c *counted) ListGroups(ctx context.Context, q storage.GroupQuery, p storage.Page) ([]storage.Group, storage.Cursor, error) {
	c.n++
	return c.Store.ListGroups(ctx, q, p)
}

func (c *counted) ListMemberships(ctx context.Context, q storage.MemberQuery, p storage.Page) ([]storage.Membership, storage.Cursor, error) {
	c.n++
	return c.Store.ListMemberships(ctx, q, p)
}

func (c *counted) ListDevices(ctx context.Context, q storage.DeviceQuery, p storage.Page) ([]storage.Device, storage.Cursor, error) {
	c.n++
	return c.Store.ListDevices(ctx, q, p)
}

func (c *counted) ListRecords(ctx context.Context, q storage.RecordQuery, p storage.Page) ([]storage.Record, storage.Cursor, error) {
	c.n++
	return c.Store.ListRecords(ctx, q, p)
}

func (c *counted) ListEvents(ctx context.Context, q storage.EventQuery, p storage.Page) ([]storage.Event, storage.Cursor, error) {
	c.n++
	return c.Store.ListEvents(ctx, q, p)
}

func (c *counted) CountMembers(ctx context.Context, d storage.ID, groups []storage.ID) (map[storage.ID]int64, error) {
	c.n++
	return c.Store.CountMembers(ctx, d, groups)
}

func (c *counted) CountMemberships(ctx context.Context, q storage.MemberQuery) (int64, error) {
	c.n++
	return c.Store.CountMemberships(ctx, q)
}
