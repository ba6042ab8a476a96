package sqlstore

import (
	"context"
	"fmt"
	"math/rand/v2"

	"chatadmin.example/sdk/chatadmin"
)

// ChangeDomains implements chatadmin.Tx.
func (x *tx) ChangeDomains(ctx context.Context, c []chatadmin.Change[chatadmin.Domain]) ([]chatadmin.Conflict, error) {
	made := make([]chatadmin.Change[chatadmin.Domain], len(c))
	for i := range c { // a new domain begins with a fence of its own; updates leave it alone
		made[i] = c[i]
		made[i].Row.Fence = chatadmin.NextRev(0, x.s.now(), uint16(rand.Uint32()))
	}
	return change(ctx, x, domainRows, made, nil)
}

// ChangeUsers implements chatadmin.Tx.
func (x *tx) ChangeUsers(ctx context.Context, c []chatadmin.Change[chatadmin.User]) ([]chatadmin.Conflict, error) {
	return change(ctx, x, userRows, c, func(ctx context.Context, new []int) (parents, error) {
		return x.inDomain(ctx, new, func(i int) chatadmin.ID { return c[i].Row.Domain })
	})
}

// ChangeGroups implements chatadmin.Tx.
func (x *tx) ChangeGroups(ctx context.Context, c []chatadmin.Change[chatadmin.Group]) ([]chatadmin.Conflict, error) {
	return change(ctx, x, groupRows, c, func(ctx context.Context, new []int) (parents, error) {
		return x.inDomain(ctx, new, func(i int) chatadmin.ID { return c[i].Row.Domain })
	})
}

func (x *tx) inDomain(ctx context.Context, new []int, domain func(int) chatadmin.ID) (parents, error) {
	there, err := x.lookup(ctx, "domains", new, domain)
	return func(i int) string { return missing(there, domain(i), domain(i), "domain") }, err
}

// lookup finds which of the parents of new rows are there, and their domains. Those that this transaction has written itself need no look.
func (x *tx) lookup(ctx context.Context, name string, new []int, parent func(int) chatadmin.ID) (map[chatadmin.ID]chatadmin.ID, error) {
	var ids []chatadmin.ID
	wrote := x.wrote[name]
	known := true
	for _, i := range new {
		if id := parent(i); id != "" {
			ids = append(ids, id)
			known = known && wrote[id] != ""
		}
	}
	switch {
	case len(ids) == 0:
		return nil, nil
	case known:
		return wrote, nil
	}
	return x.alive(ctx, name, ids)
}

func missing(there map[chatadmin.ID]chatadmin.ID, domain, id chatadmin.ID, field string) string {
	if in, ok := there[id]; ok && in == domain {
		return ""
	}
	return field
}

// ChangeMemberships implements chatadmin.Tx.
func (x *tx) ChangeMemberships(ctx context.Context, c []chatadmin.Change[chatadmin.Membership]) ([]chatadmin.Conflict, error) {
	return change(ctx, x, memberRows, c, func(ctx context.Context, new []int) (parents, error) {
		groups, err := x.lookup(ctx, "groups", new, func(i int) chatadmin.ID { return c[i].Row.Group })
		if err != nil {
			return nil, err
		}
		users, err := x.lookup(ctx, "users", new, func(i int) chatadmin.ID { return c[i].Row.User })
		return func(i int) string {
			m := &c[i].Row
			if field := missing(groups, m.Domain, m.Group, "group"); field != "" {
				return field
			}
			return missing(users, m.Domain, m.User, "user")
		}, err
	})
}

// ChangeDevices implements chatadmin.Tx.
func (x *tx) ChangeDevices(ctx context.Context, c []chatadmin.Change[chatadmin.Device]) ([]chatadmin.Conflict, error) {
	return change(ctx, x, deviceRows, c, func(ctx context.Context, new []int) (parents, error) {
		users, err := x.lookup(ctx, "users", new, func(i int) chatadmin.ID { return c[i].Row.User })
		return func(i int) string { return missing(users, c[i].Row.Domain, c[i].Row.User, "user") }, err
	})
}

// ChangeRecords implements chatadmin.Tx.
func (x *tx) ChangeRecords(ctx context.Context, c []chatadmin.Change[chatadmin.Record]) ([]chatadmin.Conflict, error) {
	return change(ctx, x, recordRows, c, func(ctx context.Context, new []int) (parents, error) {
		owner := func(i int) chatadmin.ID { return c[i].Row.Owner }
		var owners []map[chatadmin.ID]chatadmin.ID
		for _, name := range []string{"users", "groups", "devices"} {
			there, err := x.lookup(ctx, name, new, owner)
			if err != nil {
				return nil, err
			}
			if owners = append(owners, there); there == nil {
				break // nobody has an owner
			}
		}
		return func(i int) string {
			if owner(i) == "" {
				return ""
			}
			for _, there := range owners {
				if missing(there, c[i].Row.Domain, owner(i), "owner") == "" {
					return ""
				}
			}
			return "owner"
		}, nil
	})
}

// ChangeEvents implements chatadmin.Tx.
func (x *tx) ChangeEvents(ctx context.Context, c []chatadmin.Change[chatadmin.Event]) ([]chatadmin.Conflict, error) {
	return change(ctx, x, eventRows, c, nil)
}

// membersRows is how many users one call of AddMembers looks at: where most are members already, few of them are added.
const membersRows = 10000

// AddMembers implements chatadmin.Tx: one statement finds the page, another makes the members without carrying them to the client and back.
func (x *tx) AddMembers(ctx context.Context, q chatadmin.UserQuery, m chatadmin.Membership, p chatadmin.Page) ([]chatadmin.ID, chatadmin.Cursor, error) {
	if err := x.writable(ctx, 0); err != nil {
		return nil, "", err
	}
	if p.Limit < 1 || p.Limit > chatadmin.MaxBatch {
		return nil, "", x.fail(ctx, "adding members", fmt.Errorf("a page of %d rows: %w", p.Limit, chatadmin.ErrBatch))
	}
	from := []any{""}
	var err error
	if p.After != "" {
		if from, err = (listing{order: []string{"id"}}).parse(p.After); err != nil {
			return nil, "", x.fail(ctx, "adding members", err)
		}
	}
	id := func(id *string) []any { return []any{id} }
	last := (&query{d: x.s.d}).add("SELECT id FROM {{p}}users WHERE domain = ? AND id > ? ORDER BY id LIMIT 1 OFFSET ?", string(q.Domain), from[0], membersRows-1)
	end, err := fetch(ctx, x.reader, "adding members", x.s.prefixed(last), id)
	if err != nil {
		return nil, "", err
	}
	notOf := q.NotMemberOf
	q.WithDeleting, q.NotMemberOf = false, ""
	page := (&query{d: x.s.d}).add("SELECT id FROM {{p}}users WHERE ")
	where := x.users(q)
	page.text.WriteString(where.text.String())
	page.args = append(page.args, where.args...)
	page.add(" AND id > ?", from...)
	var next chatadmin.Cursor
	if len(end) > 0 {
		page.add(" AND id <= ?", end[0])
		next = cursor([]any{end[0]})
	}
	if notOf != "" { // the members are narrowed too, or each page might read them all
		page.add(" AND NOT EXISTS (SELECT 1 FROM {{p}}memberships m WHERE m.grp = ? AND m.usr = {{p}}users.id AND m.usr > ?", string(notOf), from[0])
		if len(end) > 0 {
			page.add(" AND m.usr <= ?", end[0])
		}
		page.add(")")
	}
	ids, err := fetch(ctx, x.reader, "adding members", x.s.prefixed(page.add(" ORDER BY id LIMIT ?", p.Limit+1)), id)
	if err != nil || len(ids) == 0 {
		return nil, next, err
	}
	if len(ids) > p.Limit {
		ids = ids[:p.Limit]
		next = cursor([]any{ids[len(ids)-1]})
	}
	insert := (&query{d: x.s.d}).add("INSERT INTO {{p}}memberships (grp, usr, domain, rev, admin) SELECT g.id, u.id, g.domain, "+x.cast("?", "bigint")+", "+x.cast("?", "boolean")+
		" FROM {{p}}groups g, {{p}}users u WHERE g.id = ? AND g.domain = ? AND NOT g.deleting AND u.domain = ? AND ",
		int64(m.Rev), m.Admin, string(m.Group), string(m.Domain), string(m.Domain)).in("u.id", ids)
	insert.add(" ORDER BY u.id ON CONFLICT DO NOTHING RETURNING usr")
	added, err := fetch(ctx, x.reader, "adding members", x.s.prefixed(insert), id)
	if err != nil {
		return nil, "", err
	}
	x.inserted["memberships"] += int64(len(added))
	out := make([]chatadmin.ID, len(added))
	for i, id := range added {
		out[i] = chatadmin.ID(id)
	}
	return out, next, nil
}

// cast tells PostgreSQL the type of a placeholder that stands among selected columns.
func (x *tx) cast(text, kind string) string {
	if x.s.d == PostgreSQL {
		return text + "::" + kind
	}
	return text
}
