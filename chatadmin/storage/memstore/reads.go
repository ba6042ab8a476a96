package memstore

import (
	"context"

	"chatadmin.example/sdk/chatadmin/storage"
)

// The Store's own reads: each takes the lock for itself, and refuses to be called from within a transaction.

func read[T any](ctx context.Context, s *Store, f func(reader) (T, error)) (T, error) {
	if err := s.enter(ctx); err != nil {
		var zero T
		return zero, err
	}
	s.data.mu.RLock()
	defer s.data.mu.RUnlock()
	return f(reader{s.data, s.chaos})
}

type pageOf[T any] struct {
	rows []T
	next storage.Cursor
}

func readPage[T any](ctx context.Context, s *Store, f func(reader) ([]T, storage.Cursor, error)) ([]T, storage.Cursor, error) {
	p, err := read(ctx, s, func(r reader) (p pageOf[T], err error) {
		p.rows, p.next, err = f(r)
		return p, err
	})
	return p.rows, p.next, err
}

// Domains implements storage.Reader.
func (s *Store) Domains(ctx context.Context, ids []storage.ID) ([]storage.Domain, error) {
	return read(ctx, s, func(r reader) ([]storage.Domain, error) { return r.Domains(ctx, ids) })
}

// Users implements storage.Reader.
func (s *Store) Users(ctx context.Context, domain storage.ID, ids []storage.ID) ([]storage.User, error) {
	return read(ctx, s, func(r reader) ([]storage.User, error) { return r.Users(ctx, domain, ids) })
}

// UsersByLogin implements storage.Reader.
func (s *Store) UsersByLogin(ctx context.Context, domain storage.ID, loginKeys []string) ([]storage.User, error) {
	return read(ctx, s, func(r reader) ([]storage.User, error) { return r.UsersByLogin(ctx, domain, loginKeys) })
}

// Groups implements storage.Reader.
func (s *Store) Groups(ctx context.Context, domain storage.ID, ids []storage.ID) ([]storage.Group, error) {
	return read(ctx, s, func(r reader) ([]storage.Group, error) { return r.Groups(ctx, domain, ids) })
}

// Memberships implements storage.Reader.
func (s *Store) Memberships(ctx context.Context, domain storage.ID, pairs []storage.Pair) ([]storage.Membership, error) {
	return read(ctx, s, func(r reader) ([]storage.Membership, error) { return r.Memberships(ctx, domain, pairs) })
}

// Devices implements storage.Reader.
func (s *Store) Devices(ctx context.Context, domain storage.ID, ids []storage.ID) ([]storage.Device, error) {
	return read(ctx, s, func(r reader) ([]storage.Device, error) { return r.Devices(ctx, domain, ids) })
}

// Records implements storage.Reader.
func (s *Store) Records(ctx context.Context, keys []storage.Key) ([]storage.Record, error) {
	return read(ctx, s, func(r reader) ([]storage.Record, error) { return r.Records(ctx, keys) })
}

// ListDomains implements storage.Reader.
func (s *Store) ListDomains(ctx context.Context, p storage.Page) ([]storage.Domain, storage.Cursor, error) {
	return readPage(ctx, s, func(r reader) ([]storage.Domain, storage.Cursor, error) { return r.ListDomains(ctx, p) })
}

// ListUsers implements storage.Reader.
func (s *Store) ListUsers(ctx context.Context, q storage.UserQuery, p storage.Page) ([]storage.User, storage.Cursor, error) {
	return readPage(ctx, s, func(r reader) ([]storage.User, storage.Cursor, error) { return r.ListUsers(ctx, q, p) })
}

// ListGroups implements storage.Reader.
func (s *Store) ListGroups(ctx context.Context, q storage.GroupQuery, p storage.Page) ([]storage.Group, storage.Cursor, error) {
	return readPage(ctx, s, func(r reader) ([]storage.Group, storage.Cursor, error) { return r.ListGroups(ctx, q, p) })
}

// ListMemberships implements storage.Reader.
func (s *Store) ListMemberships(ctx context.Context, q storage.MemberQuery, p storage.Page) ([]storage.Membership, storage.Cursor, error) {
	return readPage(ctx, s, func(r reader) ([]storage.Membership, storage.Cursor, error) { return r.ListMemberships(ctx, q, p) })
}

// ListDevices implements storage.Reader.
func (s *Store) ListDevices(ctx context.Context, q storage.DeviceQuery, p storage.Page) ([]storage.Device, storage.Cursor, error) {
	return readPage(ctx, s, func(r reader) ([]storage.Device, storage.Cursor, error) { return r.ListDevices(ctx, q, p) })
}

// ListRecords implements storage.Reader.
func (s *Store) ListRecords(ctx context.Context, q storage.RecordQuery, p storage.Page) ([]storage.Record, storage.Cursor, error) {
	return readPage(ctx, s, func(r reader) ([]storage.Record, storage.Cursor, error) { return r.ListRecords(ctx, q, p) })
}

// ListEvents implements storage.Reader.
func (s *Store) ListEvents(ctx context.Context, q storage.EventQuery, p storage.Page) ([]storage.Event, storage.Cursor, error) {
	return readPage(ctx, s, func(r reader) ([]storage.Event, storage.Cursor, error) { return r.ListEvents(ctx, q, p) })
}

// CountUsers implements storage.Reader.
func (s *Store) CountUsers(ctx context.Context, q storage.UserQuery) (int64, error) {
	return read(ctx, s, func(r reader) (int64, error) { return r.CountUsers(ctx, q) })
}

// CountMemberships implements storage.Reader.
func (s *Store) CountMemberships(ctx context.Context, q storage.MemberQuery) (int64, error) {
	return read(ctx, s, func(r reader) (int64, error) { return r.CountMemberships(ctx, q) })
}

// CountMembers implements storage.Reader.
func (s *Store) CountMembers(ctx context.Context, domain storage.ID, groups []storage.ID) (map[storage.ID]int64, error) {
	return read(ctx, s, func(r reader) (map[storage.ID]int64, error) { return r.CountMembers(ctx, domain, groups) })
}

// CountContent implements storage.Reader.
func (s *Store) CountContent(ctx context.Context, q storage.ContentQuery) (storage.ContentCount, error) {
	return read(ctx, s, func(r reader) (storage.ContentCount, error) { return r.CountContent(ctx, q) })
}

// BlobsInUse implements storage.Reader.
func (s *Store) BlobsInUse(ctx context.Context, keys []string) ([]string, error) {
	return read(ctx, s, func(r reader) ([]string, error) { return r.BlobsInUse(ctx, keys) })
}
