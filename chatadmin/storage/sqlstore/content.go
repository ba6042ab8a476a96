package sqlstore

import (
	"context"
	"fmt"

	"chatadmin.example/sdk/chatadmin/storage"
)

// InsertContent implements storage.Tx.
func (x *tx) InsertContent(ctx context.Context, c []storage.Content) ([]storage.Conflict, error) {
	changes := make([]storage.Write[storage.Content], len(c))
	for i := range c {
		changes[i].Row = c[i]
	}
	return change(ctx, x, contentRows, changes, func(ctx context.Context, new []int) (parents, error) { return x.contentParents(ctx, c, new) })
}

func (x *tx) contentParents(ctx context.Context, c []storage.Content, new []int) (parents, error) {
	users, err := x.lookup(ctx, "users", append(new, new...), twice(len(new), func(i int) storage.ID { return c[i].Author }, func(i int) storage.ID { return c[i].Peer }))
	if err != nil {
		return nil, err
	}
	container := func(i int) storage.ID { return c[i].Container }
	groups, err := x.lookup(ctx, "groups", new, container)
	if err != nil {
		return nil, err
	}
	chats, err := x.chats(ctx, c)
	if err != nil {
		return nil, err
	}
	earlier := map[storage.ID]int{} // chats of this call
	for i := range c {
		if _, ok := earlier[c[i].ID]; !ok && c[i].Kind == storage.Chat {
			earlier[c[i].ID] = i
		}
	}
	var lacks parents
	lacks = func(i int) string {
		r := &c[i]
		if field := missing(users, r.Domain, r.Author, "author"); field != "" {
			return field
		}
		if r.Kind == storage.Chat {
			return missing(users, r.Domain, r.Peer, "peer")
		}
		if missing(groups, r.Domain, r.Container, "group") == "" || missing(chats, r.Domain, r.Container, "chat") == "" {
			return ""
		}
		if at, ok := earlier[r.Container]; ok && at < i && c[at].Domain == r.Domain && lacks(at) == "" {
			return ""
		}
		return "container"
	}
	return lacks, nil
}

// twice asks the first function n times, and then the second.
func twice(n int, first, second func(int) storage.ID) func(int) storage.ID {
	calls := 0
	return func(i int) storage.ID {
		if calls++; calls <= n {
			return first(i)
		}
		return second(i)
	}
}

// chats finds the chats that content is to lie in, between users who are both
// there.
func (x *tx) chats(ctx context.Context, c []storage.Content) (map[storage.ID]storage.ID, error) {
	var ids []storage.ID
	for i := range c {
		if c[i].Kind != storage.Chat && c[i].Container != "" {
			ids = append(ids, c[i].Container)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	q := (&query{d: x.s.d}).add("SELECT c.domain, c.id FROM {{p}}content c JOIN {{p}}users a ON a.id = c.author AND a.domain = c.domain AND NOT a.deleting "+
		"JOIN {{p}}users p ON p.id = c.peer AND p.domain = c.domain AND NOT p.deleting WHERE c.kind = ? AND ", int64(storage.Chat)).in("c.id", strs(distinct(ids)))
	return x.pairs(ctx, "looking for chats", q)
}

// checked refuses a query that is too large or selects nothing in particular.
func checked(q storage.ContentQuery) error {
	for _, ids := range [][]storage.ID{q.Containers, q.Authors, q.ChatsOf} {
		if len(ids) > storage.MaxBatch {
			return fmt.Errorf("%d IDs in a query: %w", len(ids), storage.ErrBatch)
		}
	}
	if len(q.Containers)+len(q.Authors)+len(q.ChatsOf) == 0 && q.Before.IsZero() && !q.All || len(q.ExceptContainers) > storage.MaxBulk || len(q.ExceptUsers) > storage.MaxBulk {
		return fmt.Errorf("a query for content: %w", storage.ErrBatch)
	}
	return nil
}

// content appends the condition of a query.
func (q *query) content(c storage.ContentQuery) *query {
	q.add("domain = ?", string(c.Domain)).and(!c.Before.IsZero(), "kind <> 1 AND at < ?", millis(c.Before))
	if len(c.Containers) > 0 {
		q.add(" AND ").in("container", strs(c.Containers))
	}
	if len(c.Authors) > 0 {
		q.add(" AND ").in("author", strs(c.Authors))
	}
	if len(c.ChatsOf) > 0 {
		q.add(" AND container IN (").chatsOf(c.Domain, c.ChatsOf).add(")")
	}
	if len(c.ExceptContainers) > 0 {
		q.add(" AND NOT ").in("container", strs(c.ExceptContainers))
	}
	if len(c.ExceptUsers) > 0 {
		q.add(" AND NOT ").in("author", strs(c.ExceptUsers)).
			add(" AND NOT EXISTS (SELECT 1 FROM {{p}}content k WHERE k.id = {{p}}content.container AND k.domain = ? AND k.kind = 1 AND (", string(c.Domain)).
			// looked up row by row: they may have a million chats
			in("k.author", strs(c.ExceptUsers)).add(" OR ").in("k.peer", strs(c.ExceptUsers)).add("))")
	}
	return q
}

// chatsOf selects the chats of users; one of two of them comes twice.
func (q *query) chatsOf(domain storage.ID, users []storage.ID) *query {
	for i, side := range []string{"author", "peer"} {
		if i > 0 {
			q.add(" UNION ALL ")
		}
		q.add("SELECT id FROM {{p}}content WHERE kind = 1 AND domain = ? AND ", string(domain)).in(side, strs(users))
	}
	return q
}

type kindCount struct {
	kind uint8
	n    int64
}

// CountContent implements storage.Reader.
func (r reader) CountContent(ctx context.Context, cq storage.ContentQuery) (storage.ContentCount, error) {
	var n storage.ContentCount
	if err := checked(cq); err != nil {
		return n, r.fail(ctx, "counting content", err)
	}
	q := (&query{d: r.s.d}).add("SELECT kind, count(*) FROM {{p}}content WHERE ").content(cq).add(" GROUP BY kind")
	rows, err := fetch(ctx, r, "counting content", q, func(k *kindCount) []any { return []any{&k.kind, &k.n} })
	for _, k := range rows {
		add(&n, storage.ContentKind(k.kind), k.n)
	}
	return n, err
}

// BlobsInUse implements storage.Reader. Each key is looked up by itself and
// stops at the first row: a file that was passed on may have a million rows.
func (r reader) BlobsInUse(ctx context.Context, keys []string) ([]string, error) {
	const what = "looking for blobs"
	if len(keys) > storage.MaxBatch {
		return nil, r.fail(ctx, what, fmt.Errorf("%d keys: %w", len(keys), storage.ErrBatch))
	}
	if len(keys) == 0 {
		return nil, r.enter(ctx)
	}
	q := r.where("SELECT k.value FROM ").values(distinct(keys)).
		add(" WHERE (SELECT 1 FROM {{p}}content WHERE blob <> '' AND blob = k.value LIMIT 1) = 1")
	return fetch(ctx, r, what, q, func(key *string) []any { return []any{key} })
}

func add(n *storage.ContentCount, kind storage.ContentKind, by int64) {
	switch kind {
	case storage.Chat:
		n.Chats += by
	case storage.Message:
		n.Messages += by
	case storage.File:
		n.Files += by
	}
}

// DeleteContent implements storage.Tx. What is deleted is not found again, so
// that a call begins at the start, and the cursor only says that there may be
// more; by age it goes on at the time that the last one has come to.
func (x *tx) DeleteContent(ctx context.Context, cq storage.ContentQuery, p storage.Page) (n storage.ContentCount, blobs []string, next storage.Cursor, err error) {
	if err = x.writable(ctx, 0); err != nil {
		return n, nil, "", err
	}
	err = checked(cq)
	if err == nil && (p.Limit < 1 || p.Limit > storage.MaxBulk) {
		err = fmt.Errorf("%d rows: %w", p.Limit, storage.ErrBatch)
	}
	if err != nil {
		return n, nil, "", x.fail(ctx, "deleting content", err)
	}
	r := removal{tx: x, left: p.Limit}
	if len(cq.Containers)+len(cq.Authors)+len(cq.ChatsOf) == 0 {
		if cq.Before.IsZero() {
			next, err = r.all(ctx, cq, p.After)
		} else {
			next, err = r.aged(ctx, cq, p.After)
		}
		return r.n, r.blobs, next, err
	}
	plain := len(cq.Containers)+len(cq.Authors)+len(cq.ExceptContainers)+len(cq.ExceptUsers) == 0 && cq.Before.IsZero()
	if len(cq.ChatsOf) > 0 && plain {
		err = r.chats(ctx, cq)
	} else {
		err = r.contents(ctx, cq)
	}
	if r.left == 0 || r.more {
		next = "more"
	}
	return r.n, r.blobs, next, err
}
