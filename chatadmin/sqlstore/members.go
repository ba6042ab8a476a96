package sqlstore

import (
	"context"
	"fmt"

	"chatadmin.example/sdk/chatadmin"
)

// membersRows is how many users one call of AddMembers looks at: where few of them are to be added, it ends there.
const membersRows = 10000

// AddMembers implements chatadmin.Tx. Who is a member already is found while inserting, so the page need not leave them out.
func (x *tx) AddMembers(ctx context.Context, q chatadmin.UserQuery, m chatadmin.Membership, p chatadmin.Page) ([]chatadmin.ID, chatadmin.Cursor, error) {
	if err := x.writable(ctx, 0); err != nil {
		return nil, "", err
	}
	if p.Limit < 1 || p.Limit > chatadmin.MaxBatch {
		return nil, "", x.fail(ctx, "adding members", fmt.Errorf("a page of %d rows: %w", p.Limit, chatadmin.ErrBatch))
	}
	if q.Domain != m.Domain {
		return nil, "", nil
	}
	notOf := q.NotMemberOf
	q.WithDeleting, q.NotMemberOf = false, ""
	// What lies behind the cursor, in order.
	behind := x.where("SELECT * FROM {{p}}users WHERE domain = ?", string(q.Domain))
	if p.After != "" {
		from, err := listing{order: []string{"id"}}.parse(p.After)
		if err != nil {
			return nil, "", x.fail(ctx, "adding members", err)
		}
		behind.add(" AND id > ?", from...)
	}
	behind.add(" ORDER BY id")
	page := x.where("SELECT id FROM (").append(behind).add(" LIMIT ?) AS u WHERE ", membersRows).append(x.users(q))
	if notOf != "" && notOf != m.Group {
		look := "" // user by user: PostgreSQL might join all members of the group for each page
		if x.s.d == PostgreSQL {
			look = " OFFSET 0"
		}
		page.add(" AND NOT EXISTS (SELECT 1 FROM {{p}}memberships m WHERE m.grp = ? AND m.usr = u.id"+look+")", string(notOf))
	}
	page.add(" ORDER BY id LIMIT ?", p.Limit)
	insert := x.where("INSERT INTO {{p}}memberships (grp, usr, domain, rev, admin) SELECT g.id, p.id, g.domain, CAST(? AS bigint), CAST(? AS boolean) FROM {{p}}groups g, (", int64(m.Rev), m.Admin)
	if x.s.d == PostgreSQL {
		insert.add("SELECT id FROM page")
	} else {
		insert.append(page)
	}
	insert.add(") p WHERE g.id = ? AND g.domain = ? AND NOT g.deleting ON CONFLICT DO NOTHING RETURNING usr", string(m.Group), string(m.Domain))
	behind.add(" LIMIT 1 OFFSET ?", membersRows-1) // where a page ends that found less than it may
	add := x.addInTurn
	if x.s.d == PostgreSQL {
		add = x.addAtOnce
	}
	added, last, err := add(ctx, page, insert, behind, p.Limit)
	if err != nil {
		return nil, "", err
	}
	x.inserted["memberships"] += int64(len(added))
	if last == "" {
		return added, "", nil
	}
	return added, cursor([]any{last}), nil
}

// addAtOnce does it all in one statement, so that the page, its end and who is added are of one snapshot, and nobody is carried to the client and back.
func (x *tx) addAtOnce(ctx context.Context, page, insert, end *query, limit int) (added []chatadmin.ID, last string, err error) {
	type row struct {
		id         string
		added, end bool
	}
	q := x.where("WITH page AS MATERIALIZED (").append(page).add("), added AS (").append(insert).
		add(") SELECT p.id, added.usr IS NOT NULL, false FROM page p LEFT JOIN added ON added.usr = p.id UNION ALL SELECT e.id, false, true FROM (").append(end).
		add(") e WHERE (SELECT count(*) FROM page) < ? ORDER BY 1", limit)
	rows, err := fetch(ctx, x.reader, "adding members", q, func(r *row) []any { return []any{&r.id, &r.added, &r.end} })
	for i, r := range rows {
		if r.added {
			added = append(added, chatadmin.ID(r.id))
		}
		if r.end || i == limit-1 {
			last = r.id
		}
	}
	return added, last, err
}

// addInTurn is for SQLite, whose statements all see the same state: nobody else writes meanwhile.
func (x *tx) addInTurn(ctx context.Context, page, insert, end *query, limit int) (added []chatadmin.ID, last string, err error) {
	const what = "adding members"
	added, err = fetch(ctx, x.reader, what, insert, func(id *chatadmin.ID) []any { return []any{(*string)(id)} })
	if err != nil {
		return nil, "", err
	}
	type bounds struct {
		last string
		rows int
	}
	of, err := fetch(ctx, x.reader, what, x.where("SELECT coalesce(max(id), ''), count(*) FROM (").append(page).add(")"), func(b *bounds) []any { return []any{&b.last, &b.rows} })
	if err != nil {
		return nil, "", err
	}
	if of[0].rows == limit {
		return added, of[0].last, nil
	}
	ends, err := fetch(ctx, x.reader, what, x.where("SELECT id FROM (").append(end).add(")"), func(id *string) []any { return []any{id} })
	if len(ends) > 0 {
		last = ends[0]
	}
	return added, last, err
}
