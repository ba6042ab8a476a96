package memstore

import (
	"context"

	"chatadmin.example/sdk/chatadmin"
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
	next chatadmin.Cursor
}

func readPage[T any](ctx context.Context, s *Store, f func(reader) ([]T, chatadmin.Cursor, error)) ([]T, chatadmin.Cursor, error) {
	p, err := read(ctx, s, func(r reader) (p pageOf[T], err error) {
		p.rows, p.next, err = f(r)
		return p, err
	})
	return p.rows, p.next, err
}

// Domains implements chatadmin.Reader.
func (s *Store) Domains(ctx context.Context, ids []chatadmin.ID) ([]chatadmin.Domain, error) {
	return read(ctx, s, func(r reader) ([]chatadmin.Domain, error) { return r.Domains(ctx, ids) })
}

// Users implements chatadmin.Reader.
func (s *Store) Users(ctx context.Context, domain chatadmin.ID, ids []chatadmin.ID) ([]chatadmin.User, error) {
	return read(ctx, s, func(r reader) ([]chatadmin.User, error) { return r.Users(ctx, domain, ids) })
}

// UsersByLogin implements chatadmin.Reader.
func (s *Store) UsersByLogin(ctx context.Context, domain chatadmin.ID, loginKeys []string) ([]chatadmin.User, error) {
	return read(ctx, s, func(r reader) ([]chatadmin.User, error) { return r.UsersByLogin(ctx, domain, loginKeys) })
}

// Groups implements chatadmin.Reader.
func (s *Store) Groups(ctx context.Context, domain chatadmin.ID, ids []chatadmin.ID) ([]chatadmin.Group, error) {
	return read(ctx, s, func(r reader) ([]chatadmin.Group, error) { return r.Groups(ctx, domain, ids) })
}

// Memberships implements chatadmin.Reader.
func (s *Store) Memberships(ctx context.Context, domain chatadmin.ID, pairs []chatadmin.Pair) ([]chatadmin.Membership, error) {
	return read(ctx, s, func(r reader) ([]chatadmin.Membership, error) { return r.Memberships(ctx, domain, pairs) })
}

// Devices implements chatadmin.Reader.
func (s *Store) Devices(ctx context.Context, domain chatadmin.ID, ids []chatadmin.ID) ([]chatadmin.Device, error) {
	return read(ctx, s, func(r reader) ([]chatadmin.Device, error) { return r.Devices(ctx, domain, ids) })
}

// Records implements chatadmin.Reader.
func (s *Store) Records(ctx context.Context, keys []chatadmin.Key) ([]chatadmin.Record, error) {
	return read(ctx, s, func(r reader) ([]chatadmin.Record, error) { return r.Records(ctx, keys) })
}

// ListDomains implements chatadmin.Reader.
func (s *Store) ListDomains(ctx context.Context, p chatadmin.Page) ([]chatadmin.Domain, chatadmin.Cursor, error) {
	return readPage(ctx, s, func(r reader) ([]chatadmin.Domain, chatadmin.Cursor, error) { return r.ListDomains(ctx, p) })
}

// ListUsers implements chatadmin.Reader.
func (s *Store) ListUsers(ctx context.Context, q chatadmin.UserQuery, p chatadmin.Page) ([]chatadmin.User, chatadmin.Cursor, error) {
	return readPage(ctx, s, func(r reader) ([]chatadmin.User, chatadmin.Cursor, error) { return r.ListUsers(ctx, q, p) })
}

// ListGroups implements chatadmin.Reader.
func (s *Store) ListGroups(ctx context.Context, q chatadmin.GroupQuery, p chatadmin.Page) ([]chatadmin.Group, chatadmin.Cursor, error) {
	return readPage(ctx, s, func(r reader) ([]chatadmin.Group, chatadmin.Cursor, error) { return r.ListGroups(ctx, q, p) })
}

// ListMemberships implements chatadmin.Reader.
func (s *Store) ListMemberships(ctx context.Context, q chatadmin.MemberQuery, p chatadmin.Page) ([]chatadmin.Membership, chatadmin.Cursor, error) {
	return readPage(ctx, s, func(r reader) ([]chatadmin.Membership, chatadmin.Cursor, error) { return r.ListMemberships(ctx, q, p) })
}

// ListDevices implements chatadmin.Reader.
func (s *Store) ListDevices(ctx context.Context, q chatadmin.DeviceQuery, p chatadmin.Page) ([]chatadmin.Device, chatadmin.Cursor, error) {
	return readPage(ctx, s, func(r reader) ([]chatadmin.Device, chatadmin.Cursor, error) { return r.ListDevices(ctx, q, p) })
}

// ListRecords implements chatadmin.Reader.
func (s *Store) ListRecords(ctx context.Context, q chatadmin.RecordQuery, p chatadmin.Page) ([]chatadmin.Record, chatadmin.Cursor, error) {
	return readPage(ctx, s, func(r reader) ([]chatadmin.Record, chatadmin.Cursor, error) { return r.ListRecords(ctx, q, p) })
}

// ListEvents implements chatadmin.Reader.
func (s *Store) ListEvents(ctx context.Context, q chatadmin.EventQuery, p chatadmin.Page) ([]chatadmin.Event, chatadmin.Cursor, error) {
	return readPage(ctx, s, func(r reader) ([]chatadmin.Event, chatadmin.Cursor, error) { return r.ListEvents(ctx, q, p) })
}

// CountUsers implements chatadmin.Reader.
func (s *Store) CountUsers(ctx context.Context, q chatadmin.UserQuery) (int64, error) {
	return read(ctx, s, func(r reader) (int64, error) { return r.CountUsers(ctx, q) })
}

// CountMemberships implements chatadmin.Reader.
func (s *Store) CountMemberships(ctx context.Context, q chatadmin.MemberQuery) (int64, error) {
	return read(ctx, s, func(r reader) (int64, error) { return r.CountMemberships(ctx, q) })
}

// CountMembers implements chatadmin.Reader.
func (s *Store) CountMembers(ctx context.Context, domain chatadmin.ID, groups []chatadmin.ID) (map[chatadmin.ID]int64, error) {
	return read(ctx, s, func(r reader) (map[chatadmin.ID]int64, error) { return r.CountMembers(ctx, domain, groups) })
}

// CountContent implements chatadmin.Reader.
func (s *Store) CountContent(ctx context.Context, q chatadmin.ContentQuery) (chatadmin.ContentCount, error) {
	return read(ctx, s, func(r reader) (chatadmin.ContentCount, error) { return r.CountContent(ctx, q) })
}

// BlobsInUse implements chatadmin.Reader.
func (s *Store) BlobsInUse(ctx context.Context, keys []string) ([]string, error) {
	return read(ctx, s, func(r reader) ([]string, error) { return r.BlobsInUse(ctx, keys) })
}
