package sqlstore

import (
	"context"
	"fmt"

	"chatadmin.example/sdk/chatadmin"
)

// removal is one call of DeleteContent. Rows are found by an index and deleted by their physical place, kind by kind: of messages none comes back to the client, of files the keys.
type removal struct {
	*tx
	left  int // of the limit
	n     chatadmin.ContentCount
	blobs []string
}

// chats deletes the chats of users: some are looked up, emptied and deleted, and then the next, so that no batch looks through those that are empty already.
func (r *removal) chats(ctx context.Context, cq chatadmin.ContentQuery) error {
	for r.left > 0 {
		q := (&query{d: r.s.d}).chatsOf(cq).add(fmt.Sprintf(" LIMIT %d", chatadmin.MaxBatch))
		ids, err := fetch(ctx, r.reader, "looking for chats", q, func(id *chatadmin.ID) []any { return []any{(*string)(id)} })
		if err != nil || len(ids) == 0 {
			return err
		}
		if err := r.contents(ctx, chatadmin.ContentQuery{Domain: cq.Domain, Containers: distinct(ids)}); err != nil {
			return err
		}
	}
	return nil
}

// contents deletes what a query selects, what lies in a chat before the chat.
func (r *removal) contents(ctx context.Context, cq chatadmin.ContentQuery) error {
	for _, kind := range []chatadmin.ContentKind{chatadmin.Message, chatadmin.File, chatadmin.Chat} {
		for more := true; more && r.left > 0; {
			n, err := r.batch(ctx, cq, kind)
			if err != nil {
				return err
			}
			add(&r.n, kind, n)
			r.left -= int(n)
			if more, err = r.more(ctx, cq, kind); err != nil {
				return err
			}
		}
	}
	return nil
}

// batch deletes the next rows of one kind.
func (r *removal) batch(ctx context.Context, cq chatadmin.ContentQuery, kind chatadmin.ContentKind) (int64, error) {
	place, from, to := "rowid", "IN (", ")"
	if r.s.d == PostgreSQL {
		place, from, to = "ctid", "= ANY(ARRAY(", "))"
	}
	if r.s.serializable { // the option for databases that have no such places
		place = "id"
	}
	q := (&query{d: r.s.d}).add("DELETE FROM {{p}}content WHERE "+place+" "+from).found(place, cq, kind, r.left).add(to)
	if kind != chatadmin.File {
		return r.exec(ctx, q.text.String(), q.args)
	}
	keys, err := fetch(ctx, r.reader, "deleting content", q.add(" RETURNING blob"), func(key *string) []any { return []any{key} })
	for _, key := range keys {
		if key != "" {
			r.blobs = append(r.blobs, key)
		}
	}
	return int64(len(keys)), err
}

// more looks whether rows are left where the limit was not reached: another transaction may have deleted the very rows that a batch had found, and not the ones behind them.
func (r *removal) more(ctx context.Context, cq chatadmin.ContentQuery, kind chatadmin.ContentKind) (bool, error) {
	if r.left == 0 || r.s.d == SQLite { // where nobody else writes meanwhile
		return false, nil
	}
	rows, err := fetch(ctx, r.reader, "deleting content", (&query{d: r.s.d}).found("1", cq, kind, 1), func(n *int) []any { return []any{n} })
	return len(rows) > 0, err
}

// window is from how many times the rows of a batch SQLite chooses those that lie next to each other: a batch that takes what lies in a hundred groups as it comes writes nearly every page of the
// table and its indexes, one that takes the oldest rows of a thousand groups a tenth of them.
const window = 10

// found selects the places of up to limit rows of one kind, or whatever columns of them. PostgreSQL looks key by key along an index: a plan for all of them together may be to read the table from its beginning, where each batch finds more dead rows than
// the one before. The order is that of the index, and keeps the planner to it.
func (q *query) found(columns string, cq chatadmin.ContentQuery, kind chatadmin.ContentKind, limit int) *query {
	if q.d == SQLite {
		if len(cq.Containers) > 1 || len(cq.Authors) > 1 {
			q.add("SELECT rowid FROM (SELECT rowid FROM {{p}}content WHERE ").content(cq)
			return q.add(" AND kind = ? LIMIT ?) ORDER BY rowid LIMIT ?", int64(kind), window*limit, limit)
		}
		return q.add("SELECT rowid FROM {{p}}content WHERE ").content(cq).add(" AND kind = ? LIMIT ?", int64(kind), limit)
	}
	var keys []chatadmin.ID
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
	q.add("SELECT " + columns + " FROM {{p}}content WHERE ").content(cq)
	if key != "" {
		q.add(" AND " + key + " = k.id")
	}
	q.add(fmt.Sprintf(" AND kind >= %d AND kind <= %[1]d ORDER BY %s LIMIT ?", kind, order), limit) // "kind = …" would make the order pointless
	if key != "" {
		q.add(") c LIMIT ?", limit)
	}
	return q
}
