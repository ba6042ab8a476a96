package sqlstore

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"chatadmin.example/sdk/chatadmin"
)

// AddMembers implements chatadmin.Tx. It goes through the next p.Limit users of the domain, whether q takes them or not; who was added comes back as one text, since a row for each
// would take longer than writing them.
func (x *tx) AddMembers(ctx context.Context, q chatadmin.UserQuery, m chatadmin.Membership, p chatadmin.Page) ([]chatadmin.ID, chatadmin.Cursor, error) {
	const what = "adding members"
	if err := x.writable(ctx, 0); err != nil {
		return nil, "", err
	}
	after := []any{""}
	var err error
	if p.After != "" {
		after, err = listing{order: []string{"id"}}.parse(p.After)
	}
	if err == nil && (p.Limit < 1 || p.Limit > chatadmin.MaxBulk) {
		err = fmt.Errorf("%d users: %w", p.Limit, chatadmin.ErrBatch)
	}
	if err != nil {
		return nil, "", x.fail(ctx, what, err)
	}
	if q.Domain != m.Domain {
		return nil, "", nil
	}
	q.WithDeleting = false
	if q.NotMemberOf == m.Group { // they are left out in any case
		q.NotMemberOf = ""
	}
	who := x.users(q).add(" AND EXISTS (SELECT 1 FROM {{p}}groups WHERE id = ? AND domain = ? AND NOT deleting)", string(m.Group), string(m.Domain))
	// Whether anybody behind the cursor is a member is asked once, and only then each user is looked up. Rows are compared and ordered in whole keys, so that one index alone serves: of a new
	// group or a small domain PostgreSQL knows nothing, and might look through those of everybody. The last page runs on into another domain.
	page := x.where("SELECT id, (").append(who).add(" AND NOT (coalesce((SELECT grp FROM {{p}}memberships WHERE (grp, usr) > (?, ?) ORDER BY grp, usr LIMIT 1), '') = ? AND "+
		"EXISTS (SELECT 1 FROM {{p}}memberships m WHERE m.grp = ? AND m.usr = {{p}}users.id LIMIT 1 OFFSET 0))) AS adds, domain = ? AS own FROM {{p}}users WHERE (domain, id) > (?, ?) ORDER BY domain, id LIMIT "+strconv.Itoa(p.Limit),
		string(m.Group), after[0], string(m.Group), string(m.Group), string(q.Domain), string(q.Domain), after[0])
	insert := x.where("INSERT INTO {{p}}memberships (grp, usr, domain, rev, admin) SELECT CAST(? AS text), id, CAST(? AS text), CAST(? AS bigint), CAST(? AS boolean) FROM ",
		string(m.Group), string(m.Domain), int64(m.Rev), m.Admin)
	type result struct {
		rows       int
		last, adds string
	}
	look := x.where("SELECT count(*) FILTER (WHERE own), coalesce(max(id) FILTER (WHERE own), ''), coalesce(" + x.s.d.commas("id") + " FILTER (WHERE adds), '') FROM ")
	if x.s.d == PostgreSQL { // all of one snapshot; without ON CONFLICT, which costs half as much again: who is added by somebody else at the same time makes it a lost race
		look = x.where("WITH page AS MATERIALIZED (").append(page).add("), added AS (").append(insert).add("page WHERE adds) ").append(look).add("page")
	} else {
		look.add("(").append(page).add(")")
	}
	found, err := fetch(ctx, x.reader, what, look, func(r *result) []any { return []any{&r.rows, &r.last, &r.adds} })
	if taken(err) {
		x.failed = errRaced
		return nil, "", errRaced
	}
	if err != nil || found[0].rows == 0 {
		return nil, "", err
	}
	r := found[0]
	var added []chatadmin.ID
	for id := range strings.SplitSeq(r.adds, ",") {
		if id != "" {
			added = append(added, chatadmin.ID(id))
		}
	}
	slices.Sort(added)
	if x.s.d == SQLite && len(added) > 0 { // nobody else writes meanwhile
		insert.add("{{p}}users WHERE ").append(who).add(" AND id > ? AND id <= ? ON CONFLICT DO NOTHING", after[0], r.last)
		n, err := x.exec(ctx, insert.text.String(), insert.args)
		if err == nil && n != int64(len(added)) {
			err = x.fail(ctx, what, errRaced)
		}
		if err != nil {
			return nil, "", err
		}
	}
	x.inserted["memberships"] += int64(len(added))
	if r.rows < p.Limit {
		return added, "", nil
	}
	return added, cursor([]any{r.last}), nil
}
