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
	add := x.addInTurn
	if x.s.d == PostgreSQL {
		add = x.addAtOnce
	}
	found, err := add(ctx, page, behind, m, p.Limit)
	if err != nil {
		return nil, "", err
	}
	var added []chatadmin.ID
	var next chatadmin.Cursor
	for i, u := range found {
		if u.added {
			added = append(added, chatadmin.ID(u.id))
		}
		if u.last || i == p.Limit-1 {
			next = cursor([]any{u.id})
		}
	}
	x.inserted["memberships"] += int64(len(added))
	return added, next, nil
}

// pageUser is a user of a page; the last one is where a page ended that has looked at membersRows users.
type pageUser struct {
	id          string
	added, last bool
}

// addAtOnce does it all in one statement, without carrying anybody to the client and back, and in one snapshot.
func (x *tx) addAtOnce(ctx context.Context, page, behind *query, m chatadmin.Membership, limit int) ([]pageUser, error) {
	q := x.where("WITH page AS MATERIALIZED (").append(page).
		add("), added AS (INSERT INTO {{p}}memberships (grp, usr, domain, rev, admin) SELECT g.id, p.id, g.domain, ?::bigint, ?::boolean FROM {{p}}groups g, page p "+
			"WHERE g.id = ? AND g.domain = ? AND NOT g.deleting ON CONFLICT DO NOTHING RETURNING usr)", int64(m.Rev), m.Admin, string(m.Group), string(m.Domain)).
		add(" SELECT p.id, added.usr IS NOT NULL, false FROM page p LEFT JOIN added ON added.usr = p.id UNION ALL SELECT l.id, false, true FROM (").append(behind).
		add(" LIMIT 1 OFFSET ?) l WHERE (SELECT count(*) FROM page) < ? ORDER BY 1", membersRows-1, limit)
	return fetch(ctx, x.reader, "adding members", q, func(u *pageUser) []any { return []any{&u.id, &u.added, &u.last} })
}

// addInTurn is for SQLite, whose statements all see the same state: nobody else writes meanwhile.
func (x *tx) addInTurn(ctx context.Context, page, behind *query, m chatadmin.Membership, limit int) ([]pageUser, error) {
	what, id := "adding members", func(u *pageUser) []any { return []any{&u.id} }
	found, err := fetch(ctx, x.reader, what, page, id)
	if err != nil {
		return nil, err
	}
	if len(found) > 0 {
		ids := make([]string, len(found))
		at := make(map[string]int, len(found))
		for i, u := range found {
			ids[i], at[u.id] = u.id, i
		}
		q := x.where("INSERT INTO {{p}}memberships (grp, usr, domain, rev, admin) SELECT g.id, u.id, g.domain, ?, ? FROM {{p}}groups g, {{p}}users u WHERE g.id = ? AND g.domain = ? AND NOT g.deleting AND ",
			int64(m.Rev), m.Admin, string(m.Group), string(m.Domain)).in("u.id", ids).add(" ON CONFLICT DO NOTHING RETURNING usr")
		added, err := fetch(ctx, x.reader, what, q, id)
		if err != nil {
			return nil, err
		}
		for _, u := range added {
			found[at[u.id]].added = true
		}
	}
	if len(found) == limit {
		return found, nil
	}
	last, err := fetch(ctx, x.reader, what, behind.add(" LIMIT 1 OFFSET ?", membersRows-1), id)
	for _, u := range last {
		found = append(found, pageUser{id: u.id, last: true})
	}
	return found, err
}
