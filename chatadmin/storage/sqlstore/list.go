package sqlstore

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"chatadmin.example/sdk/chatadmin/storage"
)

// listing is one list: its condition, and the columns that order it, all
// ascending or all descending.
type listing struct {
	where *query // without "WHERE"
	order []string
	desc  bool
	// narrows it by what no index serves: each page then looks through
	// searchRows rows at most
	search func(*query)
	// the rows are few, and read by another index than that of the order
	few bool
}

// searchRows is how many rows one page looks through where no index serves the
// query. A page that has looked so far ends there, however few it found.
const searchRows = 2000

// list reads a page behind its cursor, which holds the ordering columns of the
// last row.
func list[T any](ctx context.Context, r reader, t *table[T], l listing, p storage.Page) ([]T, storage.Cursor, error) {
	what := "listing " + t.what
	if p.Limit < 1 || p.Limit > storage.MaxBatch {
		return nil, "", r.fail(ctx, what, fmt.Errorf("a page of %d rows: %w", p.Limit, storage.ErrBatch))
	}
	var after []any
	if p.After != "" {
		var err error
		if after, err = l.parse(p.After); err != nil {
			return nil, "", r.fail(ctx, what, err)
		}
	}
	full := func(rows []T) ([]T, storage.Cursor) {
		rows = rows[:p.Limit]
		return rows, cursor(t.pick(t.args(&rows[p.Limit-1]), l.order))
	}
	if l.search == nil {
		q := l.query(r, t, t.reads, after)
		if l.few {
			// what has an OFFSET is read by itself, whatever the order and the
			// place outside
			fence := map[Dialect]string{PostgreSQL: " OFFSET 0) w WHERE true", SQLite: " LIMIT -1 OFFSET 0) w WHERE true"}[r.s.d]
			q = r.where("SELECT " + t.reads + " FROM (").append(l.query(r, t, "*", nil)).add(fence)
			l.behind(q, after)
		}
		rows, err := fetch(ctx, r, what, q.add(l.by()+" LIMIT ?", p.Limit+1), t.dest)
		if err == nil && len(rows) > p.Limit {
			rows, next := full(rows)
			return rows, next, nil
		}
		return rows, "", err
	}
	// The inner query has the rows that are looked through, and is read only
	// until the page is full.
	q := r.where("SELECT "+t.reads+" FROM (").append(l.query(r, t, "*", after)).add(l.by()+" LIMIT ?) w WHERE true", searchRows)
	l.search(q)
	rows, err := fetch(ctx, r, what, q.add(l.by()+" LIMIT ?", p.Limit+1), t.dest)
	if err == nil && len(rows) > p.Limit {
		rows, next := full(rows)
		return rows, next, nil
	}
	if err != nil {
		return nil, "", err
	}
	// Otherwise the page is up to a place that is found first: rows may come
	// and go between two statements.
	last, err := fetch(ctx, r, what, l.query(r, t, t.reads, after).add(l.by()+" LIMIT 1 OFFSET ?", searchRows-1), t.dest)
	if err != nil {
		return nil, "", err
	}
	var end storage.Cursor
	q = l.query(r, t, t.reads, after)
	if len(last) > 0 {
		values := t.pick(t.args(&last[0]), l.order)
		end = cursor(values)
		l.bound(q, map[bool]string{false: " <= ", true: " >= "}[l.desc], values)
	}
	l.search(q)
	rows, err = fetch(ctx, r, what, q.add(l.by()+" LIMIT ?", p.Limit+1), t.dest)
	if err == nil && len(rows) > p.Limit {
		rows, end = full(rows)
	}
	return rows, end, err
}

// query selects the rows behind a place.
func (l listing) query(r reader, t interface{ from() string }, columns string, after []any) *query {
	q := r.where("SELECT " + columns + " FROM " + t.from() + " WHERE ").append(l.where)
	return l.behind(q, after)
}

// behind narrows a query by the place that a page begins behind, if any.
func (l listing) behind(q *query, after []any) *query {
	if after != nil {
		l.bound(q, map[bool]string{false: " > ", true: " < "}[l.desc], after)
	}
	return q
}

// bound narrows a query by a place in the order.
func (l listing) bound(q *query, compare string, values []any) {
	q.add(" AND ("+strings.Join(l.order, ", ")+")"+compare+"(?"+strings.Repeat(", ?", len(values)-1)+")", values...)
}

// by is the order.
func (l listing) by() string {
	direction := ""
	if l.desc {
		direction = " DESC"
	}
	return " ORDER BY " + strings.Join(l.order, direction+", ") + direction
}

func cursor(values []any) storage.Cursor {
	text, _ := json.Marshal(values) // strings and numbers cannot fail
	return storage.Cursor(base64.RawURLEncoding.EncodeToString(text))
}

func (l listing) parse(c storage.Cursor) ([]any, error) {
	text, err := base64.RawURLEncoding.DecodeString(string(c))
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	var values []any
	if err != nil || d.Decode(&values) != nil || len(values) != len(l.order) {
		return nil, storage.ErrCursor
	}
	for i, v := range values {
		switch n := v.(type) {
		case string:
			if strings.IndexByte(n, 0) >= 0 {
				return nil, storage.ErrCursor
			}
		case json.Number:
			if values[i], err = n.Int64(); err != nil {
				return nil, storage.ErrCursor
			}
		default:
			return nil, storage.ErrCursor
		}
	}
	return values, nil
}

// count counts the rows of a condition.
func count(ctx context.Context, r reader, name string, where *query) (int64, error) {
	q := r.where("SELECT count(*) FROM {{p}}" + name + " WHERE ").append(where)
	rows, err := fetch(ctx, r, "counting "+name, q, func(n *int64) []any { return []any{n} })
	if err != nil {
		return 0, err
	}
	return rows[0], nil
}

// where begins a condition.
func (r reader) where(text string, args ...any) *query { return (&query{d: r.s.d}).add(text, args...) }

// and narrows a condition where wanted.
func (q *query) and(wanted bool, text string, args ...any) *query {
	if wanted {
		q.add(" AND "+text, args...)
	}
	return q
}

// ListDomains implements storage.Reader.
func (r reader) ListDomains(ctx context.Context, p storage.Page) ([]storage.Domain, storage.Cursor, error) {
	return list(ctx, r, domainRows, listing{where: r.where("1 = 1"), order: []string{"id"}}, p)
}

func numbers[T ~uint8](vs []T) string {
	texts := make([]string, len(vs))
	for i, v := range vs {
		texts[i] = fmt.Sprintf("%d", uint8(v))
	}
	return strings.Join(texts, ", ")
}

// CountUsers implements storage.Reader.
func (r reader) CountUsers(ctx context.Context, q storage.UserQuery) (int64, error) {
	return count(ctx, r, "users", r.users(q))
}

func (r reader) members(q storage.MemberQuery) *query {
	w := r.where("domain = ?", string(q.Domain)).and(q.Group != "", "grp = ?", string(q.Group)).and(q.User != "", "usr = ?", string(q.User)).and(q.AdminOnly, "admin")
	if len(q.Groups) > 0 {
		w.add(" AND ").in("grp", strs(q.Groups))
	}
	return w
}

// ListMemberships implements storage.Reader.
func (r reader) ListMemberships(ctx context.Context, q storage.MemberQuery, p storage.Page) ([]storage.Membership, storage.Cursor, error) {
	if q.Group == "" && q.User == "" && len(q.Groups) == 0 || len(q.Groups) > storage.MaxBatch {
		return nil, "", r.fail(ctx, "listing memberships", fmt.Errorf("of nobody and nothing: %w", storage.ErrBatch))
	}
	order := []string{"usr"}
	switch {
	case len(q.Groups) > 0:
		order = []string{"grp", "usr"}
	case q.Group == "":
		order[0] = "grp"
	}
	return list(ctx, r, memberRows, listing{where: r.members(q), order: order}, p)
}

// CountMemberships implements storage.Reader.
func (r reader) CountMemberships(ctx context.Context, q storage.MemberQuery) (int64, error) {
	return count(ctx, r, "memberships", r.members(q))
}

type groupCount struct {
	group storage.ID
	n     int64
}

// CountMembers implements storage.Reader.
func (r reader) CountMembers(ctx context.Context, domain storage.ID, groups []storage.ID) (map[storage.ID]int64, error) {
	const what = "counting members"
	if len(groups) > storage.MaxBatch {
		return nil, r.fail(ctx, what, fmt.Errorf("%d groups: %w", len(groups), storage.ErrBatch))
	}
	counts := make(map[storage.ID]int64, len(groups))
	if len(groups) == 0 {
		return counts, nil
	}
	q := r.where("SELECT grp, count(*) FROM {{p}}memberships WHERE domain = ? AND ", string(domain)).in("grp", strs(groups)).add(" GROUP BY grp")
	rows, err := fetch(ctx, r, what, q, func(c *groupCount) []any { return []any{(*string)(&c.group), &c.n} })
	for _, c := range rows {
		counts[c.group] = c.n
	}
	return counts, err
}

// ListRecords implements storage.Reader.
func (r reader) ListRecords(ctx context.Context, q storage.RecordQuery, p storage.Page) ([]storage.Record, storage.Cursor, error) {
	if q.Kind == "" && q.Domain == "" || (q.Owner != "" || len(q.Owners) > 0) && q.Domain == "" || len(q.Owners) > storage.MaxBatch {
		return nil, "", r.fail(ctx, "listing records", fmt.Errorf("of no kind and no domain: %w", storage.ErrBatch))
	}
	order := []string{"kind", "id"}
	// then not by an index of the domain, which would have the order and every
	// record
	owned := q.Owner != "" || len(q.Owners) > 0
	w := r.where("1 = 1").and(q.Domain != "" && !owned, "domain = ? AND domain <> ''", string(q.Domain)).and(owned, "domain || '' = ? AND owner <> ''", string(q.Domain)).
		and(q.Kind != "", "kind = ?", q.Kind).and(q.Owner != "", "owner = ?", string(q.Owner))
	if len(q.Owners) > 0 {
		w.add(" AND ").in("owner", strs(q.Owners))
	}
	switch {
	case !q.DueBy.IsZero():
		w.add(fmt.Sprintf(" AND due <> %d AND due <= ?", noTime), millis(q.DueBy))
		order = []string{"due", "id"}
		if q.Kind == "" {
			order = []string{"due", "kind", "id"}
		}
	case q.Kind != "":
		order = []string{"id"}
	}
	if q.Domain == "" {
		order = append(order, "domain")
	}
	return list(ctx, r, recordRows, listing{where: w, order: order}, p)
}
