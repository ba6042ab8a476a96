package chatadmin

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"chatadmin.example/sdk/chatadmin/storage"
)

// guardedReader never asks a store for what no row can have, and finds nothing
// instead: anybody types logins, IDs stand in URLs, and a database that cannot
// hold such a text answers with an error of its own. It names every method of
// Reader, so that none is forgotten when one is added.
type guardedReader struct{ r storage.Reader }

// guardedStore is the store of an Admin.
type guardedStore struct {
	guardedReader
	store Store
}

// guardedTx is what a guardedStore gives to the function of Update.
type guardedTx struct {
	guardedReader
	bare
}

// bare lies deeper than guardedReader, whose methods hide those of the same
// name.
type bare struct{ storage.Tx }

// Unwrap is the Tx of the store itself, for a host that knows what it can do
// besides.
func (t guardedTx) Unwrap() storage.Tx { return t.Tx }

// Unwrap is the store itself.
func (g guardedStore) Unwrap() storage.Store { return g.store }

func guard(s Store) guardedStore { return guardedStore{guardedReader{s}, s} }

// Update implements Store.
func (g guardedStore) Update(ctx context.Context, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
	if fence.Mode != storage.NoFence && !storable(fence.Domain) {
		return storage.ErrNoDomain
	}
	return g.store.Update(ctx, fence, func(ctx context.Context, tx storage.Tx) error { return f(ctx, guardedTx{guardedReader{tx}, bare{tx}}) })
}

// storable reports whether a store can hold all of some texts: they are valid
// UTF-8 without NUL.
func storable[T ~string](texts ...T) bool {
	for _, s := range texts {
		if strings.IndexByte(string(s), 0) >= 0 || !utf8.ValidString(string(s)) {
			return false
		}
	}
	return true
}

func storableID(id ID) bool { return storable(id) }

// find reads by those keys that a row can have.
func find[K, T any](domain ID, keys []K, possible func(K) bool, read func([]K) ([]T, error)) ([]T, error) {
	if !storable(domain) || !keep(&keys, possible) {
		return nil, nil
	}
	return read(keys)
}

// keep leaves out of a list what is not possible, and reports whether what
// remains can be asked for: an empty list that was none before would ask for
// everything.
func keep[K any](list *[]K, possible func(K) bool) bool {
	impossible := func(k K) bool { return !possible(k) }
	if slices.ContainsFunc(*list, impossible) {
		*list = slices.DeleteFunc(slices.Clone(*list), impossible)
		return len(*list) > 0
	}
	return true
}

func (g guardedReader) Domains(ctx context.Context, ids []ID) ([]Domain, error) {
	return find("", ids, storableID, func(ids []ID) ([]Domain, error) { return g.r.Domains(ctx, ids) })
}

func (g guardedReader) Users(ctx context.Context, domain ID, ids []ID) ([]User, error) {
	return find(domain, ids, storableID, func(ids []ID) ([]User, error) { return g.r.Users(ctx, domain, ids) })
}

func (g guardedReader) UsersByLogin(ctx context.Context, domain ID, keys []string) ([]User, error) {
	possible := func(key string) bool { return storable(key) }
	return find(domain, keys, possible, func(keys []string) ([]User, error) { return g.r.UsersByLogin(ctx, domain, keys) })
}

func (g guardedReader) Groups(ctx context.Context, domain ID, ids []ID) ([]Group, error) {
	return find(domain, ids, storableID, func(ids []ID) ([]Group, error) { return g.r.Groups(ctx, domain, ids) })
}

func (g guardedReader) Memberships(ctx context.Context, domain ID, pairs []storage.Pair) ([]Membership, error) {
	possible := func(p storage.Pair) bool { return storable(p.Group, p.User) }
	return find(domain, pairs, possible, func(pairs []storage.Pair) ([]Membership, error) { return g.r.Memberships(ctx, domain, pairs) })
}

func (g guardedReader) Devices(ctx context.Context, domain ID, ids []ID) ([]storage.Device, error) {
	return find(domain, ids, storableID, func(ids []ID) ([]storage.Device, error) { return g.r.Devices(ctx, domain, ids) })
}

func (g guardedReader) Records(ctx context.Context, keys []storage.Key) ([]storage.Record, error) {
	possible := func(k storage.Key) bool { return storable(k.Kind, string(k.Domain), k.ID) }
	return find("", keys, possible, func(keys []storage.Key) ([]storage.Record, error) { return g.r.Records(ctx, keys) })
}

func (g guardedReader) ListDomains(ctx context.Context, p Page) ([]Domain, Cursor, error) {
	return g.r.ListDomains(ctx, p)
}

func (g guardedReader) ListUsers(ctx context.Context, q UserQuery, p Page) ([]User, Cursor, error) {
	if !userQueryPossible(&q) {
		return nil, "", nil
	}
	return g.r.ListUsers(ctx, q, p)
}

func (g guardedReader) CountUsers(ctx context.Context, q UserQuery) (int64, error) {
	if !userQueryPossible(&q) {
		return 0, nil
	}
	return g.r.CountUsers(ctx, q)
}

func userQueryPossible(q *UserQuery) bool {
	if !storable(q.NotMemberOf) {
		q.NotMemberOf = "" // nobody is in a group that there cannot be
	}
	return storable(q.Domain, q.Manager, q.MemberOf) && storable(q.Prefix, q.Department, q.Role, q.Search)
}

func (g guardedReader) ListGroups(ctx context.Context, q GroupQuery, p Page) ([]Group, Cursor, error) {
	if !storable(string(q.Domain), string(q.Creator), q.Prefix, q.Search) {
		return nil, "", nil
	}
	return g.r.ListGroups(ctx, q, p)
}

func (g guardedReader) ListMemberships(ctx context.Context, q storage.MemberQuery, p Page) ([]Membership, Cursor, error) {
	if !memberQueryPossible(&q) {
		return nil, "", nil
	}
	return g.r.ListMemberships(ctx, q, p)
}

func (g guardedReader) CountMemberships(ctx context.Context, q storage.MemberQuery) (int64, error) {
	if !memberQueryPossible(&q) {
		return 0, nil
	}
	return g.r.CountMemberships(ctx, q)
}

func memberQueryPossible(q *storage.MemberQuery) bool {
	return storable(q.Domain, q.Group, q.User) && keep(&q.Groups, storableID)
}

func (g guardedReader) CountMembers(ctx context.Context, domain ID, groups []ID) (map[ID]int64, error) {
	if !storable(domain) || !keep(&groups, storableID) {
		return nil, nil
	}
	return g.r.CountMembers(ctx, domain, groups)
}

func (g guardedReader) ListDevices(ctx context.Context, q storage.DeviceQuery, p Page) ([]storage.Device, Cursor, error) {
	if !storable(string(q.Domain), q.Key, q.Search) || !keep(&q.Users, storableID) {
		return nil, "", nil
	}
	return g.r.ListDevices(ctx, q, p)
}

func (g guardedReader) ListRecords(ctx context.Context, q storage.RecordQuery, p Page) ([]storage.Record, Cursor, error) {
	if !storable(q.Kind, string(q.Domain), string(q.Owner)) || !keep(&q.Owners, storableID) {
		return nil, "", nil
	}
	return g.r.ListRecords(ctx, q, p)
}

func (g guardedReader) ListEvents(ctx context.Context, q EventQuery, p Page) ([]Event, Cursor, error) {
	if !storable(q.Domain, q.Actor, q.Target) || !storable(q.Kind) || !keep(&q.Targets, storableID) {
		return nil, "", nil
	}
	return g.r.ListEvents(ctx, q, p)
}

func (g guardedReader) CountContent(ctx context.Context, q storage.ContentQuery) (storage.ContentCount, error) {
	if !contentQueryPossible(&q) {
		return storage.ContentCount{}, nil
	}
	return g.r.CountContent(ctx, q)
}

func contentQueryPossible(q *storage.ContentQuery) bool {
	keep(&q.ExceptContainers, storableID)
	keep(&q.ExceptUsers, storableID)
	return storable(q.Domain) && keep(&q.Containers, storableID) && keep(&q.Authors, storableID) && keep(&q.ChatsOf, storableID)
}

func (g guardedReader) BlobsInUse(ctx context.Context, keys []string) ([]string, error) {
	possible := func(key string) bool { return storable(key) }
	return find("", keys, possible, func(keys []string) ([]string, error) { return g.r.BlobsInUse(ctx, keys) })
}
