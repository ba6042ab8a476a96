package sqlstore

import (
	"context"
	"fmt"
	"strings"

	"chatadmin.example/sdk/chatadmin"
)

// byKey reads rows of one domain by a column.
func byKey[T any](ctx context.Context, r reader, t *table[T], domain chatadmin.ID, column string, keys []string) ([]T, error) {
	if len(keys) > chatadmin.MaxBatch {
		return nil, r.fail(ctx, "reading "+t.what, fmt.Errorf("%d keys: %w", len(keys), chatadmin.ErrBatch))
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

// Domains implements chatadmin.Reader.
func (r reader) Domains(ctx context.Context, ids []chatadmin.ID) ([]chatadmin.Domain, error) {
	return byKey(ctx, r, domainRows, "", "id", strs(ids))
}

// Users implements chatadmin.Reader.
func (r reader) Users(ctx context.Context, domain chatadmin.ID, ids []chatadmin.ID) ([]chatadmin.User, error) {
	return byKey(ctx, r, userRows, domain, "id", strs(ids))
}

// UsersByLogin implements chatadmin.Reader.
func (r reader) UsersByLogin(ctx context.Context, domain chatadmin.ID, loginKeys []string) ([]chatadmin.User, error) {
	return byKey(ctx, r, userRows, domain, "login_key", loginKeys)
}

// Groups implements chatadmin.Reader.
func (r reader) Groups(ctx context.Context, domain chatadmin.ID, ids []chatadmin.ID) ([]chatadmin.Group, error) {
	return byKey(ctx, r, groupRows, domain, "id", strs(ids))
}

// Devices implements chatadmin.Reader.
func (r reader) Devices(ctx context.Context, domain chatadmin.ID, ids []chatadmin.ID) ([]chatadmin.Device, error) {
	return byKey(ctx, r, deviceRows, domain, "id", strs(ids))
}

// Memberships implements chatadmin.Reader. Pairs are asked for group by group: mostly there is one.
func (r reader) Memberships(ctx context.Context, domain chatadmin.ID, pairs []chatadmin.Pair) ([]chatadmin.Membership, error) {
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

// Records implements chatadmin.Reader.
func (r reader) Records(ctx context.Context, keys []chatadmin.Key) ([]chatadmin.Record, error) {
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
	if n > chatadmin.MaxBatch {
		return nil, r.fail(ctx, "reading "+t.what, fmt.Errorf("%d keys: %w", n, chatadmin.ErrBatch))
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
