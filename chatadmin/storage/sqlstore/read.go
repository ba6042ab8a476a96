package sqlstore

import (
	"context"
	"fmt"
	"strings"

	"chatadmin.example/sdk/chatadmin/storage"
)

// byKey reads rows of one domain by a column.
func byKey[T any](ctx context.Context, r reader, t *table[T], domain storage.ID, column string, keys []string) ([]T, error) {
	if len(keys) > storage.MaxBatch {
		return nil, r.fail(ctx, "reading "+t.what, fmt.Errorf("%d keys: %w", len(keys), storage.ErrBatch))
	}
	if len(keys) == 0 {
		return nil, r.enter(ctx)
	}
	q := (&query{d: r.s.d}).add(t.selects + " WHERE ")
	if t.domain != "" {
		q.add("domain = ? AND ", string(domain))
	}
	return fetch(ctx, r, "reading "+t.what, q.in(column, keys), t.dest)
}

// Domains implements storage.Reader.
func (r reader) Domains(ctx context.Context, ids []storage.ID) ([]storage.Domain, error) {
	return byKey(ctx, r, domainRows, "", "id", strs(ids))
}

// Users implements storage.Reader.
func (r reader) Users(ctx context.Context, domain storage.ID, ids []storage.ID) ([]storage.User, error) {
	return byKey(ctx, r, userRows, domain, "id", strs(ids))
}

// UsersByLogin implements storage.Reader.
func (r reader) UsersByLogin(ctx context.Context, domain storage.ID, loginKeys []string) ([]storage.User, error) {
	return byKey(ctx, r, userRows, domain, "login_key", loginKeys)
}

// Groups implements storage.Reader.
func (r reader) Groups(ctx context.Context, domain storage.ID, ids []storage.ID) ([]storage.Group, error) {
	return byKey(ctx, r, groupRows, domain, "id", strs(ids))
}

// Devices implements storage.Reader.
func (r reader) Devices(ctx context.Context, domain storage.ID, ids []storage.ID) ([]storage.Device, error) {
	return byKey(ctx, r, deviceRows, domain, "id", strs(ids))
}

// Memberships implements storage.Reader. Pairs are asked for group by group: mostly there is one.
func (r reader) Memberships(ctx context.Context, domain storage.ID, pairs []storage.Pair) ([]storage.Membership, error) {
	groups := map[string][]string{}
	var order []string
	for _, p := range pairs {
		if groups[string(p.Group)] == nil {
			order = append(order, string(p.Group))
		}
		groups[string(p.Group)] = append(groups[string(p.Group)], string(p.User))
	}
	return byParts(ctx, r, memberRows, len(pairs), order, func(q *query, group string) {
		q.add("domain = ? AND grp = ? AND ", string(domain), group).in("usr", groups[group])
	})
}

// Records implements storage.Reader.
func (r reader) Records(ctx context.Context, keys []storage.Key) ([]storage.Record, error) {
	ids := map[string][]string{}
	var order []string
	for _, k := range keys {
		part := k.Kind + "\x00" + string(k.Domain)
		if ids[part] == nil {
			order = append(order, part)
		}
		ids[part] = append(ids[part], k.ID)
	}
	return byParts(ctx, r, recordRows, len(keys), order, func(q *query, part string) {
		kind, domain, _ := strings.Cut(part, "\x00")
		q.add("kind = ? AND domain = ? AND ", kind, domain).in("id", ids[part])
	})
}

// byParts reads rows whose keys share their beginning in few parts, one after the other.
func byParts[T any](ctx context.Context, r reader, t *table[T], n int, parts []string, where func(*query, string)) ([]T, error) {
	if n > storage.MaxBatch {
		return nil, r.fail(ctx, "reading "+t.what, fmt.Errorf("%d keys: %w", n, storage.ErrBatch))
	}
	if n == 0 {
		return nil, r.enter(ctx)
	}
	q := (&query{d: r.s.d}).add(t.selects + " WHERE ")
	for i, part := range parts {
		if i > 0 {
			q.add(" OR ")
		}
		q.add("(")
		where(q, part)
		q.add(")")
	}
	return fetch(ctx, r, "reading "+t.what, q, t.dest)
}
