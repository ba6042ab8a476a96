package sqlstore

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"chatadmin.example/sdk/chatadmin/storage"
)

// removal is one call of DeleteContent. Rows are found by an index and deleted
// by their physical place, kind by kind: of messages none comes back to the
// client, of files the keys.
//
// A batch is quick where its rows lie next to each other: what one user has
// written does, in the order of the index. What lies in many groups is strewn
// over the table; of that, SQLite takes the oldest rows of many groups
// together, and so writes fewer pages. PostgreSQL takes the files of a user
// with the messages among which they lie, since it cleans up each page that an
// earlier transaction has left, and so each page is left by one alone.
type removal struct {
	*tx
	left  int // of the limit
	more  bool
	n     storage.ContentCount
	blobs []string
}

// together is from about how many rows SQLite chooses those of a batch.
const together = 10 * storage.MaxBulk

// chats deletes the chats of users: some are looked up, emptied and deleted,
// and then the next, so that no batch looks through those that are empty
// already.
func (r *removal) chats(ctx context.Context, cq storage.ContentQuery) error {
	for r.left > 0 {
		q := (&query{d: r.s.d}).chatsOf(cq.Domain, cq.ChatsOf).add(fmt.Sprintf(" LIMIT %d", storage.MaxBatch))
		ids, err := fetch(ctx, r.reader, "looking for chats", q, func(id *storage.ID) []any { return []any{(*string)(id)} })
		if err != nil || len(ids) == 0 {
			return err
		}
		if err := r.contents(ctx, storage.ContentQuery{Domain: cq.Domain, Containers: distinct(ids)}); err != nil {
			return err
		}
	}
	return nil
}

// contents deletes what a query selects, what lies in a chat before the chat.
func (r *removal) contents(ctx context.Context, cq storage.ContentQuery) error {
	if r.s.d == PostgreSQL && !r.s.serializable && len(cq.Authors) > 0 && len(cq.Containers) == 0 {
		if err := r.abreast(ctx, cq); err != nil || r.more {
			return err
		}
	}
	for _, kind := range []storage.ContentKind{storage.Message, storage.File, storage.Chat} {
		for more := true; more && r.left > 0; {
			n, err := r.batch(ctx, cq, kind)
			if err != nil {
				return err
			}
			add(&r.n, kind, n)
			r.left -= int(n)
			if more, err = r.remain(ctx, cq, kind); err != nil {
				return err
			}
		}
	}
	return nil
}

// batch deletes the next rows of one kind.
func (r *removal) batch(ctx context.Context, cq storage.ContentQuery, kind storage.ContentKind) (int64, error) {
	place, from, to := r.place()
	q := (&query{d: r.s.d}).add("DELETE FROM {{p}}content WHERE " + place + " " + from)
	if r.s.d == SQLite && (len(cq.Containers) > 1 || len(cq.Authors) > 1) {
		q.add("SELECT rowid FROM (").along(place, cq, kind, together).add(") ORDER BY rowid LIMIT ?", r.left)
	} else {
		q.along(place, cq, kind, r.left)
	}
	q.add(to)
	if kind != storage.File {
		return r.exec(ctx, q.text.String(), q.args)
	}
	return r.files(ctx, q)
}

// place is the column that says where a row lies, and what stands around a
// selection of such places.
func (r *removal) place() (column, from, to string) {
	switch {
	case r.s.d == SQLite:
		return "rowid", "IN (", ")"
	case r.s.serializable: // the option for databases that have no such places
		return "id", "= ANY(ARRAY(", "))"
	}
	return "ctid", "= ANY(ARRAY(", "))"
}

// chatsLeft is the cursor of a deletion of everything that has come to the
// chats.
const chatsLeft storage.Cursor = "chats"

// all deletes everything of a domain: messages and files, the oldest first, and
// then the chats, which are empty.
func (r *removal) all(ctx context.Context, cq storage.ContentQuery, after storage.Cursor) (storage.Cursor, error) {
	if after != chatsLeft {
		lying := cq
		lying.Before = time.UnixMilli(1 << 60)
		next, err := r.aged(ctx, lying, after)
		if err != nil || next != "" {
			return next, err
		}
	}
	for more := true; more && r.left > 0; {
		n, err := r.batch(ctx, cq, storage.Chat)
		if err != nil {
			return "", err
		}
		r.n.Chats += n
		r.left -= int(n)
		if more, err = r.remain(ctx, cq, storage.Chat); err != nil {
			return "", err
		}
	}
	if r.left == 0 {
		return chatsLeft, nil
	}
	return "", nil
}

// aged deletes what is older than a time, the oldest first, and returns how far
// it has come. The next call goes on there: from the start, it would look once
// more through all that legal holds keep.
func (r *removal) aged(ctx context.Context, cq storage.ContentQuery, after storage.Cursor) (storage.Cursor, error) {
	at, err := strconv.ParseInt(string(after), 10, 64)
	if err != nil && after != "" {
		return "", r.fail(ctx, "deleting content", storage.ErrCursor)
	}
	place, from, to := r.place()
	for r.left > 0 {
		oldest := func(columns string, limit int) *query {
			return r.where("SELECT "+columns+" FROM {{p}}content WHERE ").content(cq).and(after != "", "at >= ?", at).add(" ORDER BY at LIMIT ?", limit)
		}
		q := r.where("DELETE FROM {{p}}content WHERE " + place + " " + from).append(oldest(place, r.left)).add(to + " RETURNING kind, at, blob")
		gone, err := fetch(ctx, r.reader, "deleting content", q, func(row *removed) []any { return []any{&row.kind, &row.at, &row.blob} })
		if err != nil {
			return "", err
		}
		if len(gone) == 0 {
			// or another transaction has deleted the very rows that were found,
			// and not those behind them
			rows, err := fetch(ctx, r.reader, "deleting content", oldest("1", 1), func(n *int) []any { return []any{n} })
			if err != nil || len(rows) == 0 {
				return "", err
			}
			continue
		}
		at = gone[0].at
		for _, row := range gone {
			add(&r.n, storage.ContentKind(row.kind), 1)
			at = max(at, row.at)
			if row.blob != "" {
				r.blobs = append(r.blobs, row.blob)
			}
		}
		r.left -= len(gone)
		after = storage.Cursor(strconv.FormatInt(at, 10))
	}
	return after, nil
}

type removed struct {
	kind uint8
	at   int64
	blob string
}

// files runs the deletion of files, and keeps the keys of their contents.
func (r *removal) files(ctx context.Context, q *query) (int64, error) {
	keys, err := fetch(ctx, r.reader, "deleting content", q.add(" RETURNING blob"), func(key *string) []any { return []any{key} })
	for _, key := range keys {
		if key != "" {
			r.blobs = append(r.blobs, key)
		}
	}
	return int64(len(keys)), err
}

// abreast deletes the next messages, and those files that lie before the place
// of the last of them, for which a tenth of the limit is kept. The first
// statement leaves that place in a setting of the transaction: were it
// returned, each row would be. Where there are fewer messages it leaves the
// rest to others.
func (r *removal) abreast(ctx context.Context, cq storage.ContentQuery) error {
	limit := r.left - r.left/10
	q := (&query{d: r.s.d}).add("WITH m AS MATERIALIZED (SELECT array_agg(place) AS places FROM (").along("ctid AS place", cq, storage.Message, limit).
		add(") s) DELETE FROM {{p}}content WHERE ctid = ANY((SELECT places FROM m)::tid[]) " +
			"AND (SELECT set_config('chatadmin.place', places[cardinality(places)]::text, true) FROM m) IS NOT NULL")
	n, err := r.exec(ctx, q.text.String(), q.args)
	add(&r.n, storage.Message, n)
	r.left -= int(n)
	if err != nil || int(n) < limit {
		return err
	}
	r.more = true
	if r.left == 0 {
		return nil
	}
	q = (&query{d: r.s.d}).add("DELETE FROM {{p}}content WHERE ctid = ANY(ARRAY(SELECT place FROM (").along("ctid AS place", cq, storage.File, r.left).
		add(") s WHERE place <= (SELECT nullif(current_setting('chatadmin.place'), '')::tid)))")
	n, err = r.files(ctx, q)
	add(&r.n, storage.File, n)
	r.left -= int(n)
	return err
}

// remain looks whether rows are left where the limit was not reached: another
// transaction may have deleted the very rows that a batch had found, and not
// the ones behind them.
func (r *removal) remain(ctx context.Context, cq storage.ContentQuery, kind storage.ContentKind) (bool, error) {
	if r.left == 0 || r.s.d == SQLite { // where nobody else writes meanwhile
		return false, nil
	}
	rows, err := fetch(ctx, r.reader, "deleting content", (&query{d: r.s.d}).along("1", cq, kind, 1), func(n *int) []any { return []any{n} })
	return len(rows) > 0, err
}

// kind narrows to one kind, for PostgreSQL so that it does not see that all
// rows have the same, since then it would take their order for pointless.
func (q *query) kind(kind storage.ContentKind) *query {
	if q.d == SQLite {
		return q.add(" AND kind = ?", int64(kind))
	}
	return q.add(fmt.Sprintf(" AND kind >= %d AND kind <= %[1]d", kind))
}

// along selects up to limit rows of one kind along an index, key by key. For
// PostgreSQL the order, which is that of the index, keeps the planner to it:
// otherwise it may read the table from its beginning, where each batch finds
// more dead rows than the one before.
func (q *query) along(columns string, cq storage.ContentQuery, kind storage.ContentKind, limit int) *query {
	if q.d == SQLite {
		return q.add("SELECT "+columns+" FROM {{p}}content WHERE ").content(cq).kind(kind).add(" LIMIT ?", limit)
	}
	var keys []storage.ID
	key, order := "", "kind"
	switch {
	case len(cq.Containers) > 0:
		key, keys, cq.Containers = "container", cq.Containers, nil
	case len(cq.Authors) > 0:
		key, keys, cq.Authors = "author", cq.Authors, nil
	case len(cq.ChatsOf) == 0:
		order = "at"
	}
	if key != "" {
		q.add("SELECT c.* FROM unnest(?::text[]) AS k(id), LATERAL (", strs(distinct(keys)))
	}
	q.add("SELECT " + columns + " FROM {{p}}content WHERE ").content(cq).kind(kind)
	if key != "" {
		q.add(" AND " + key + " = k.id")
	}
	q.add(" ORDER BY "+order+" LIMIT ?", limit)
	if key != "" {
		q.add(") c LIMIT ?", limit)
	}
	return q
}
