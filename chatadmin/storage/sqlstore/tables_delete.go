package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"chatadmin.example/sdk/chatadmin/storage"
)

// tableSource is a table as a source.
type tableSource struct {
	s *Store
	t *mapped
}

var _ storage.Inside = (*tableSource)(nil)

// reading is the connection of the store or transaction that a source is given.
func (m *tableSource) reading(r storage.Reader) (reader, error) {
	switch r := r.(type) {
	case *Store:
		return r.reader, nil
	case *joinedStore:
		return r.reader, nil
	case *tx:
		return r.reader, nil
	case interface{ Unwrap() storage.Tx }:
		return m.reading(r.Unwrap())
	case interface{ Unwrap() storage.Store }:
		return m.reading(r.Unwrap())
	case storage.Tx:
		return reader{}, ErrNoConn
	}
	return m.s.reader, nil // what wraps the store outside a transaction
}

// Count implements storage.Inside.
func (m *tableSource) Count(ctx context.Context, r storage.Reader, cq storage.ContentQuery) (int64, error) {
	in, err := m.reading(r)
	if err != nil {
		return 0, err
	}
	if err := checked(cq); err != nil {
		return 0, in.fail(ctx, m.what("counting"), err)
	}
	q := (&query{d: in.s.d}).add("SELECT count(*) FROM " + quoted(m.t.Table.Table) + " m WHERE ")
	if !m.t.where(q, cq) {
		return 0, nil
	}
	n, err := fetch(ctx, in, m.what("counting"), q, func(n *int64) []any { return []any{n} })
	if err != nil {
		return 0, err
	}
	return n[0], nil
}

func (m *tableSource) what(doing string) string { return doing + " rows of " + m.t.Table.Table }

// BlobsInUse implements storage.Inside. Each key is looked up by itself and
// stops at the first row.
func (m *tableSource) BlobsInUse(ctx context.Context, r storage.Reader, keys []string) ([]string, error) {
	in, err := m.reading(r)
	if err != nil || m.t.Blob == "" || len(keys) == 0 {
		return nil, err
	}
	q := in.where("SELECT k.value FROM ").values(distinct(keys)).
		add(fmt.Sprintf(" WHERE EXISTS (SELECT 1 FROM %s m WHERE m.%s = k.value)", quoted(m.t.Table.Table), quoted(m.t.Blob)))
	return fetch(ctx, in, "looking for blobs", q, func(key *string) []any { return []any{key} })
}

// Delete implements storage.Inside. What is deleted is not found again, so a
// page begins at the start, and the cursor only says that there may be more. By
// age, with something that is held, it goes on at the time that the last page
// has come to: from the start it would look once more through all that is kept.
func (m *tableSource) Delete(ctx context.Context, tx storage.Tx, cq storage.ContentQuery, p storage.Page) (int64, []string, storage.Cursor, error) {
	in, err := m.reading(tx)
	if err != nil {
		return 0, nil, "", err
	}
	if err = checked(cq); err == nil && (p.Limit < 1 || p.Limit > storage.MaxBulk) {
		err = fmt.Errorf("%d rows: %w", p.Limit, storage.ErrBatch)
	}
	if err != nil {
		return 0, nil, "", in.fail(ctx, m.what("deleting"), err)
	}
	b := tableBatch{tableSource: m, in: in, cq: cq, page: p}
	if m.t.At != "" && !b.knowsIDs() && len(cq.Containers)+len(cq.Authors)+len(cq.ChatsOf) == 0 {
		if b.byAge = len(cq.ExceptUsers)+len(cq.ExceptContainers) > 0; b.byAge && p.After != "" {
			if b.after, err = m.t.cursor(p.After, in.s.d); err != nil {
				return 0, nil, "", in.fail(ctx, m.what("deleting"), err)
			}
		}
	}
	restore, err := b.along(ctx)
	if err != nil {
		return 0, nil, "", err
	}
	n, blobs, next, err := b.run(ctx)
	if err == nil {
		err = restore()
	}
	return n, blobs, next, err
}

// along keeps PostgreSQL to the order of an index, until the function that it
// returns is called. For a user with many rows the planner rather collects all
// of them in a bitmap and sorts them, once for each page.
func (b *tableBatch) along(ctx context.Context) (restore func() error, err error) {
	if b.in.s.d != PostgreSQL {
		return func() error { return nil }, nil
	}
	set := func(value string) (was string, err error) {
		q := (&query{d: PostgreSQL}).add("SELECT current_setting('enable_bitmapscan'), set_config('enable_bitmapscan', ?, true)", value)
		rows, err := fetch(ctx, b.in, b.what("deleting"), q, func(r *[2]string) []any { return []any{&r[0], &r[1]} })
		if err != nil {
			return "", err
		}
		return rows[0][0], nil
	}
	was, err := set("off")
	return func() error {
		_, err := set(was)
		return err
	}, err
}

// run deletes the page.
func (b *tableBatch) run(ctx context.Context) (int64, []string, storage.Cursor, error) {
	for {
		places, possible := b.places(b.page.Limit)
		if !possible {
			return 0, nil, "", nil
		}
		n, blobs, err := b.delete(ctx, places)
		if err != nil {
			return 0, nil, "", err
		}
		if n == int64(b.page.Limit) {
			return n, blobs, b.next(), nil
		}
		// Another transaction may have deleted the very rows that were found,
		// and not those behind them.
		more, err := b.more(ctx)
		switch {
		case err != nil:
			return 0, nil, "", err
		case !more:
			return n, blobs, "", nil
		case n > 0:
			return n, blobs, b.next(), nil
		}
	}
}

// tableBatch is one call of Delete.
type tableBatch struct {
	*tableSource
	in    reader
	cq    storage.ContentQuery
	page  storage.Page
	byAge bool
	after any            // the time that the page before has come to
	last  storage.Cursor // the time that it has come to
}

func (b *tableBatch) next() storage.Cursor {
	if b.byAge {
		return b.last
	}
	return "more"
}

// places selects where up to limit rows lie, along an index. For PostgreSQL the
// order, which is that of the index, keeps the planner to it: otherwise it may
// read the table from its beginning, where each page finds more dead rows than
// the one before. It does not see that all rows have the same key, or it would
// take their order for pointless.
func (b *tableBatch) places(limit int) (*query, bool) {
	t, cq := b.t, b.cq
	q := &query{d: b.in.s.d}
	q.add("SELECT c.place FROM ")
	column, possible := b.keys(q, &cq)
	if column == "" {
		q = (&query{d: b.in.s.d}).add("SELECT m." + t.place + " AS place FROM " + quoted(t.Table.Table) + " m WHERE ")
		if !t.where(q, cq) {
			return nil, false
		}
		if b.after != nil {
			q.add(" AND m."+quoted(t.At)+" >= ?", b.after)
		}
		if t.At != "" && len(cq.Containers)+len(cq.Authors)+len(cq.ChatsOf) == 0 {
			q.add(" ORDER BY m." + quoted(t.At))
		}
		return q.add(" LIMIT ?", limit), true
	}
	q.add(" AS key(id), LATERAL (SELECT m." + t.place + " AS place FROM " + quoted(t.Table.Table) + " m WHERE ")
	if !possible || !t.where(q, cq) {
		return nil, false
	}
	q.add(fmt.Sprintf(" AND %s >= key.id AND %[1]s <= key.id ORDER BY %[1]s LIMIT ?) c LIMIT ?", column), limit, limit)
	return q, true
}

// keys appends the keys by which rows are found one after the other, takes them
// out of the query, and returns the column that holds them: "" if there are
// none. Not possible: no row has any of them.
func (b *tableBatch) keys(q *query, cq *storage.ContentQuery) (name string, possible bool) {
	t := b.t
	var key column
	var ids []storage.ID
	switch {
	case q.d == SQLite:
		return "", true
	case len(cq.Containers) > 0 && t.Container != "":
		key, ids, cq.Containers = t.column("m", t.Container), cq.Containers, nil
	case len(cq.Authors) > 0 && t.Author != "":
		key, ids, cq.Authors = t.column("m", t.Author), cq.Authors, nil
	case len(cq.ChatsOf) > 0 && t.chats != nil && cq.Before.IsZero():
		t.chats.chatsOf(q.add("("), cq.Domain, cq.ChatsOf)
		q.add(")")
		cq.ChatsOf = nil
		return t.column("m", t.Container).name, true
	default:
		return "", true
	}
	values := key.possible(ids)
	q.add("unnest("+key.many()+")", values)
	return key.name, len(values) > 0
}

// cursor is the time that a page has come to, as the column holds it.
func (t *mapped) cursor(c storage.Cursor, d Dialect) (any, error) {
	switch {
	case t.Time != Timestamps:
		n, err := strconv.ParseInt(string(c), 10, 64)
		if err != nil {
			return nil, storage.ErrCursor
		}
		return n, nil
	case d == PostgreSQL:
		at, err := time.Parse(time.RFC3339Nano, string(c))
		if err != nil {
			return nil, storage.ErrCursor
		}
		return at, nil
	}
	return string(c), nil
}

// reached is the later of a cursor and the time of a row, as the database gives
// it. Rows come in the order of their time, but not from all databases.
func reached(last storage.Cursor, at any) storage.Cursor {
	switch at := at.(type) {
	case int64:
		if was, err := strconv.ParseInt(string(last), 10, 64); err != nil || at > was {
			return storage.Cursor(strconv.FormatInt(at, 10))
		}
	case time.Time:
		if was, err := time.Parse(time.RFC3339Nano, string(last)); err != nil || at.After(was) {
			return storage.Cursor(at.UTC().Format(time.RFC3339Nano))
		}
	case string:
		return max(last, storage.Cursor(at))
	}
	return last
}

// knowsIDs reports whether IDs are read before rows are deleted by them.
func (b *tableBatch) knowsIDs() bool { return b.t.view && b.in.s.d == SQLite || b.t.own != nil }

// gone is a row that was deleted.
type gone struct {
	at   any
	blob *string
}

// delete deletes or marks the rows at some places.
func (b *tableBatch) delete(ctx context.Context, places *query) (int64, []string, error) {
	t := b.t
	if b.knowsIDs() {
		return b.deleteByID(ctx, places)
	}
	q := b.removal()
	if q.d == PostgreSQL {
		q.add(t.place + " = ANY(ARRAY(").append(places).add("))")
	} else {
		q.add(t.place + " IN (").append(places).add(")")
	}
	blobs := t.Blob != "" && t.Mark == ""
	if !blobs && !b.byAge {
		n, err := b.in.x.exec(ctx, q.text.String(), q.args)
		return n, nil, err
	}
	if blobs && !b.byAge && q.d == PostgreSQL {
		return b.apart(ctx, places)
	}
	at, blob := "NULL", "NULL"
	switch {
	case b.byAge && q.d == SQLite && t.Time == Timestamps:
		at = "CAST(" + quoted(t.At) + " AS text)"
	case b.byAge:
		at = quoted(t.At)
	}
	if blobs {
		blob = quoted(t.Blob)
	}
	rows, err := fetch(ctx, b.in, b.what("deleting"), q.add(" RETURNING "+at+", "+blob), func(g *gone) []any { return []any{&g.at, &g.blob} })
	var keys []string
	for _, row := range rows {
		b.last = reached(b.last, row.at)
		if row.blob != nil && *row.blob != "" {
			keys = append(keys, *row.blob)
		}
	}
	return int64(len(rows)), keys, err
}

// apart deletes rows and leaves their keys of contents in a setting of the
// transaction: were they returned, each row would be, also those without one. A
// key whose row another transaction has just deleted is among them. That does no
// harm, since it is deleted only if no row names it.
func (b *tableBatch) apart(ctx context.Context, places *query) (int64, []string, error) {
	table, blob := quoted(b.t.Table.Table), quoted(b.t.Blob)
	q := (&query{d: PostgreSQL}).add("WITH p AS MATERIALIZED (").append(places).add(") DELETE FROM " + table + " WHERE " + b.t.place +
		" = ANY(ARRAY(SELECT place FROM p)) AND (SELECT set_config('chatadmin.blobs', coalesce(json_agg(m." + blob + "::text), '[]')::text, true) FROM " +
		table + " m WHERE m." + b.t.place + " = ANY(ARRAY(SELECT place FROM p)) AND m." + blob + "::text <> '') IS NOT NULL")
	n, err := b.in.x.exec(ctx, q.text.String(), q.args)
	if err != nil || n == 0 {
		return 0, nil, err
	}
	var keys []string
	_, err = fetch(ctx, b.in, b.what("deleting"), (&query{d: PostgreSQL}).add("SELECT current_setting('chatadmin.blobs')"), func(*struct{}) []any { return []any{jsonKeys{&keys}} })
	return n, keys, err
}

// jsonKeys scans an array of keys.
type jsonKeys struct{ keys *[]string }

func (k jsonKeys) Scan(src any) error {
	text, _ := src.(string)
	return json.Unmarshal([]byte(text), k.keys)
}

// removal begins a statement that deletes or marks rows. SQLite knows no alias of
// a view there.
func (b *tableBatch) removal() *query {
	q := &query{d: b.in.s.d}
	if b.t.Mark == "" {
		return q.add("DELETE FROM " + quoted(b.t.Table.Table) + " WHERE ")
	}
	return q.add("UPDATE "+quoted(b.t.Table.Table)+" SET "+quoted(b.t.Mark)+" = ? WHERE ", b.t.mark(b.in.s))
}

// mark is what marks a row as deleted now.
func (t *mapped) mark(s *Store) any {
	switch of := t.types[t.Mark]; {
	case of == "bool":
		return true
	case idForms[of] != numberID && s.d == SQLite:
		return s.now().UTC().Format("2006-01-02 15:04:05.999")
	case idForms[of] != numberID:
		return s.now().UTC()
	case t.Time == Seconds:
		return s.now().Unix()
	}
	return s.now().UnixMilli()
}

// deleteByID deletes rows whose IDs it has read before: of a view of SQLite,
// which does not tell how many its triggers have deleted, and of chats, whose
// members go first.
func (b *tableBatch) deleteByID(ctx context.Context, places *query) (int64, []string, error) {
	t := b.t
	id := column{"m." + quoted(t.Table.ID), t.types[t.Table.ID]}
	blob := "NULL"
	if t.Blob != "" && t.Mark == "" {
		blob = "m." + quoted(t.Blob)
	}
	type row struct {
		id   string
		blob *string
	}
	named := func(columns string, ids []storage.ID) *query {
		return (&query{d: b.in.s.d}).add("SELECT "+columns+" FROM "+quoted(t.Table.Table)+" m WHERE ").among(id, ids)
	}
	ids, err := fetch(ctx, b.in, b.what("finding"), (&query{d: b.in.s.d}).add("SELECT CAST(f.place AS text) FROM (").append(places).add(") f"),
		func(id *storage.ID) []any { return []any{(*string)(id)} })
	if err != nil || len(ids) == 0 {
		return 0, nil, err
	}
	rows, err := fetch(ctx, b.in, b.what("finding"), named("CAST("+id.name+" AS text), "+blob, ids), func(r *row) []any { return []any{&r.id, &r.blob} })
	if err != nil {
		return 0, nil, err
	}
	if t.own != nil && t.own.Members != "" {
		q := (&query{d: b.in.s.d}).add("DELETE FROM "+quoted(t.own.Members)+" AS mm WHERE ").among(t.memberColumn(t.own.MemberChat), ids)
		if _, err := b.in.x.exec(ctx, q.text.String(), q.args); err != nil {
			return 0, nil, err
		}
	}
	q := b.removal().among(column{quoted(t.Table.ID), id.of}, ids)
	n, err := b.in.x.exec(ctx, q.text.String(), q.args)
	if err != nil {
		return 0, nil, err
	}
	if t.view && q.d == SQLite {
		q := named("count(*)", ids)
		t.unmarked(q)
		left, err := fetch(ctx, b.in, b.what("counting"), q, func(n *int64) []any { return []any{n} })
		if err != nil {
			return 0, nil, err
		}
		n = int64(len(rows)) - left[0]
	}
	var keys []string
	for _, r := range rows {
		if r.blob != nil && *r.blob != "" && !slices.Contains(keys, *r.blob) {
			keys = append(keys, *r.blob)
		}
	}
	return n, keys, nil
}

// more looks whether rows are left.
func (b *tableBatch) more(ctx context.Context) (bool, error) {
	if b.in.s.d == SQLite { // where nobody else writes meanwhile
		return false, nil
	}
	places, possible := b.places(1)
	if !possible {
		return false, nil
	}
	rows, err := fetch(ctx, b.in, b.what("finding"), (&query{d: b.in.s.d}).add("SELECT 1 FROM (").append(places).add(") f"), func(n *int) []any { return []any{n} })
	return len(rows) > 0, err
}
