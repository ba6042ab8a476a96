package sqlstore

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"chatadmin.example/sdk/chatadmin/storage"
)

// AddMembers implements storage.Tx. It goes through the next p.Limit users of the domain, whether q takes them or not; who was added comes back as one text, since a row for each
// would take longer than writing them.
func (x *tx) AddMembers(ctx context.Context, q storage.UserQuery, m storage.Membership, p storage.Page) ([]storage.ID, storage.Cursor, error) {
	const what = "adding members"
	if err := x.writable(ctx, 0); err != nil {
		return nil, "", err
	}
	after := []any{""}
	var err error
	if p.After != "" {
		after, err = listing{order: []string{"id"}}.parse(p.After)
	}
	if err == nil && (p.Limit < 1 || p.Limit > storage.MaxBulk) {
		err = fmt.Errorf("%d users: %w", p.Limit, storage.ErrBatch)
	}
	if err != nil {
		return nil, "", x.fail(ctx, what, err)
	}
	if q.Domain != m.Domain {
		return nil, "", nil
	}
	if x.s.serializable { // the more is looked at, the sooner somebody else's joining makes it a lost race
		p.Limit = min(p.Limit, storage.MaxBatch)
	}
	q.WithDeleting = false
	if q.NotMemberOf == m.Group { // they are left out in any case
		q.NotMemberOf = ""
	}
	who := x.users(q).add(" AND EXISTS (SELECT 1 FROM {{p}}groups WHERE id = ? AND domain = ? AND NOT deleting)", string(m.Group), string(m.Domain))
	// Whether anybody behind the cursor is a member is asked once, and only then each user is looked up. Rows are compared and ordered in whole keys, so that one index alone serves: of a new
	// group or a small domain PostgreSQL knows nothing, and might look through those of everybody. The last page runs on into another domain, but for SERIALIZABLE, where that is a conflict.
	page := x.where("SELECT id, (").append(who).add(" AND NOT (coalesce((SELECT grp FROM {{p}}memberships WHERE (grp, usr) > (?, ?) ORDER BY grp, usr LIMIT 1), '') = ? AND "+
		"EXISTS (SELECT 1 FROM {{p}}memberships m WHERE m.grp = ? AND m.usr = {{p}}users.id LIMIT 1 OFFSET 0))) AS adds, domain = ? AS own FROM {{p}}users WHERE (domain, id) > (?, ?)",
		string(m.Group), after[0], string(m.Group), string(m.Group), string(q.Domain), string(q.Domain), after[0]).
		and(x.s.serializable, "domain <= ?", string(q.Domain)).add(" ORDER BY domain, id LIMIT " + strconv.Itoa(p.Limit))
	insert := x.where("INSERT INTO {{p}}memberships (grp, usr, domain, rev, admin) SELECT CAST(? AS text), id, CAST(? AS text), CAST(? AS bigint), CAST(? AS boolean) FROM ",
		string(m.Group), string(m.Domain), int64(m.Rev), m.Admin)
	r, err := x.add(ctx, page, insert)
	if err == nil && x.s.d == SQLite && r.adds > 0 { // nobody else writes meanwhile
		insert.add("{{p}}users WHERE ").append(who).add(" AND id > ? AND id <= ? ON CONFLICT DO NOTHING", after[0], r.last)
		var n int64
		if n, err = x.exec(ctx, insert.text.String(), insert.args); err == nil && n != r.adds {
			err = x.fail(ctx, what, ErrConstraint)
		}
	}
	if err != nil {
		return nil, "", err
	}
	x.inserted["memberships"] += int64(len(r.added))
	if r.rows < p.Limit {
		return r.added, "", nil
	}
	return r.added, cursor([]any{r.last}), nil
}

// addition is what came of a page of users: how many were to be added, and who was.
type addition struct {
	rows  int
	last  string
	adds  int64
	added []storage.ID
}

// add looks at a page and, on PostgreSQL, adds who is to be added in the same statement, so that all is of one snapshot.
func (x *tx) add(ctx context.Context, page, insert *query) (r addition, err error) {
	const what = "adding members"
	sum := func(added string) *query {
		return x.where("SELECT count(*) FILTER (WHERE own), coalesce(max(id) FILTER (WHERE own), ''), count(*) FILTER (WHERE adds), coalesce(" + x.s.d.lines("id") + " FILTER (WHERE " + added + "), '') FROM ")
	}
	scan := func(q *query) (addition, error) {
		found, err := fetch(ctx, x.reader, what, q, func(r *addition) []any { return []any{&r.rows, &r.last, &r.adds, idList{&r.added}} })
		if err != nil {
			return addition{}, err
		}
		slices.Sort(found[0].added)
		return found[0], nil
	}
	if x.s.d == SQLite {
		return scan(sum("adds").add("(").append(page).add(")"))
	}
	// ON CONFLICT takes half as long again. It is needed only where somebody else adds one of the same users at the same time.
	if _, err = x.exec(ctx, "SAVEPOINT members", nil); err != nil {
		return r, err
	}
	both := func(conflict, added string) *query {
		return x.where("WITH page AS MATERIALIZED (").append(page).add("), added AS (").append(insert).add("page WHERE adds" + conflict + ") ").append(sum(added)).add("page")
	}
	if r, err = scan(both("", "adds")); taken(err) {
		x.failed = nil // the savepoint is undone
		if _, err = x.exec(ctx, "ROLLBACK TO SAVEPOINT members", nil); err == nil {
			r, err = scan(both(" ON CONFLICT DO NOTHING RETURNING usr", "id IN (SELECT usr FROM added)"))
		}
		if err == nil && int64(len(r.added)) < r.adds {
			var left addition // nobody, since the others are members by now
			if left, err = scan(sum("adds").add("(").append(page).add(") p")); err == nil && left.adds > 0 {
				err = x.fail(ctx, what, ErrConstraint)
			}
		}
	}
	if err == nil {
		_, err = x.exec(ctx, "RELEASE SAVEPOINT members", nil)
	}
	return r, err
}
