package sqlstore

import (
	"context"
	"fmt"

	"chatadmin.example/sdk/chatadmin"
)

// InsertContent implements chatadmin.Tx.
func (x *tx) InsertContent(ctx context.Context, c []chatadmin.Content) ([]chatadmin.Conflict, error) {
	changes := make([]chatadmin.Change[chatadmin.Content], len(c))
	for i := range c {
		changes[i].Row = c[i]
	}
	return change(ctx, x, contentRows, changes, func(ctx context.Context, new []int) (parents, error) { return x.contentParents(ctx, c, new) })
}

func (x *tx) contentParents(ctx context.Context, c []chatadmin.Content, new []int) (parents, error) {
	users, err := x.lookup(ctx, "users", append(new, new...), twice(len(new), func(i int) chatadmin.ID { return c[i].Author }, func(i int) chatadmin.ID { return c[i].Peer }))
	if err != nil {
		return nil, err
	}
	container := func(i int) chatadmin.ID { return c[i].Container }
	groups, err := x.lookup(ctx, "groups", new, container)
	if err != nil {
		return nil, err
	}
	chats, err := x.chats(ctx, c)
	if err != nil {
		return nil, err
	}
	earlier := map[chatadmin.ID]int{} // chats of this call
	for i := range c {
		if _, ok := earlier[c[i].ID]; !ok && c[i].Kind == chatadmin.Chat {
			earlier[c[i].ID] = i
		}
	}
	var lacks parents
	lacks = func(i int) string {
		r := &c[i]
		if field := missing(users, r.Domain, r.Author, "author"); field != "" {
			return field
		}
		if r.Kind == chatadmin.Chat {
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
func twice(n int, first, second func(int) chatadmin.ID) func(int) chatadmin.ID {
	calls := 0
	return func(i int) chatadmin.ID {
		if calls++; calls <= n {
			return first(i)
		}
		return second(i)
	}
}

// chats finds the chats that content is to lie in, between users who are both there.
func (x *tx) chats(ctx context.Context, c []chatadmin.Content) (map[chatadmin.ID]chatadmin.ID, error) {
	var ids []chatadmin.ID
	for i := range c {
		if c[i].Kind != chatadmin.Chat && c[i].Container != "" {
			ids = append(ids, c[i].Container)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	q := (&query{d: x.s.d}).add("SELECT c.domain, c.id FROM {{p}}content c JOIN {{p}}users a ON a.id = c.author AND a.domain = c.domain AND NOT a.deleting "+
		"JOIN {{p}}users p ON p.id = c.peer AND p.domain = c.domain AND NOT p.deleting WHERE c.kind = ? AND ", int64(chatadmin.Chat)).in("c.id", strs(distinct(ids)))
	return x.pairs(ctx, "looking for chats", q)
}

// content is the condition of a query.
func (r reader) content(q chatadmin.ContentQuery) (*query, error) {
	for _, ids := range [][]chatadmin.ID{q.Containers, q.Authors, q.ChatsOf} {
		if len(ids) > chatadmin.MaxBatch {
			return nil, fmt.Errorf("%d IDs in a query: %w", len(ids), chatadmin.ErrBatch)
		}
	}
	if len(q.Containers)+len(q.Authors)+len(q.ChatsOf) == 0 && q.Before.IsZero() || len(q.ExceptContainers) > chatadmin.MaxDelete || len(q.ExceptAuthors) > chatadmin.MaxDelete {
		return nil, fmt.Errorf("a query for content: %w", chatadmin.ErrBatch)
	}
	w := r.where("domain = ?", string(q.Domain)).and(!q.Before.IsZero(), "at < ?", millis(q.Before))
	if len(q.Containers) > 0 {
		w.add(" AND ").in("container", strs(q.Containers))
	}
	if len(q.Authors) > 0 {
		w.add(" AND ").in("author", strs(q.Authors))
	}
	if len(q.ChatsOf) > 0 {
		w.add(fmt.Sprintf(" AND container IN (SELECT id FROM {{p}}content WHERE domain = ? AND kind = %d AND ", chatadmin.Chat), string(q.Domain)).in("author", strs(q.ChatsOf))
		w.add(fmt.Sprintf(" UNION ALL SELECT id FROM {{p}}content WHERE domain = ? AND kind = %d AND ", chatadmin.Chat), string(q.Domain)).in("peer", strs(q.ChatsOf)).add(")")
	}
	if len(q.ExceptContainers) > 0 {
		w.add(" AND NOT ").in("container", strs(q.ExceptContainers))
	}
	if len(q.ExceptAuthors) > 0 {
		w.add(" AND NOT ").in("author", strs(q.ExceptAuthors))
	}
	return w, nil
}

type kindCount struct {
	kind uint8
	n    int64
}

// CountContent implements chatadmin.Reader.
func (r reader) CountContent(ctx context.Context, cq chatadmin.ContentQuery) (chatadmin.ContentCount, error) {
	var n chatadmin.ContentCount
	w, err := r.content(cq)
	if err != nil {
		return n, r.fail(ctx, "counting content", err)
	}
	q := (&query{d: r.s.d}).add("SELECT kind, count(*) FROM {{p}}content WHERE ")
	q.text.WriteString(w.text.String())
	q.args = w.args
	q.add(" GROUP BY kind")
	rows, err := fetch(ctx, r, "counting content", r.s.prefixed(q), func(k *kindCount) []any { return []any{&k.kind, &k.n} })
	for _, k := range rows {
		add(&n, chatadmin.ContentKind(k.kind), k.n)
	}
	return n, err
}

func add(n *chatadmin.ContentCount, kind chatadmin.ContentKind, by int64) {
	switch kind {
	case chatadmin.Chat:
		n.Chats += by
	case chatadmin.Message:
		n.Messages += by
	case chatadmin.File:
		n.Files += by
	}
}

// DeleteContent implements chatadmin.Tx. What is deleted is not found again, so every call begins at the start, and the cursor only says that there may be more. Rows are found by their
// physical place.
func (x *tx) DeleteContent(ctx context.Context, cq chatadmin.ContentQuery, p chatadmin.Page) (n chatadmin.ContentCount, blobs []string, next chatadmin.Cursor, err error) {
	if err = x.writable(ctx, 0); err != nil {
		return n, nil, "", err
	}
	w, err := x.content(cq)
	if err == nil && (p.Limit < 1 || p.Limit > chatadmin.MaxDelete) {
		err = fmt.Errorf("%d rows: %w", p.Limit, chatadmin.ErrBatch)
	}
	if err != nil {
		return n, nil, "", x.fail(ctx, "deleting content", err)
	}
	left := p.Limit
	for _, chats := range []string{"kind <> 1", "kind = 1"} { // what lies in a chat goes before the chat
		if left == 0 {
			break
		}
		place, from, to := "rowid", "IN (", ")"
		if x.s.d == PostgreSQL {
			place, from, to = "ctid", "= ANY(ARRAY(", "))"
		}
		if x.s.serializable { // the option for databases that have no such places
			place = "id"
		}
		q := (&query{d: x.s.d}).add("DELETE FROM {{p}}content WHERE " + place + " " + from + "SELECT " + place + " FROM {{p}}content WHERE ")
		q.text.WriteString(w.text.String())
		q.args = append(q.args, w.args...)
		q.add(" AND "+chats+" LIMIT ?"+to+" RETURNING kind, blob", left)
		type gone struct {
			kind uint8
			blob string
		}
		rows, err := fetch(ctx, x.reader, "deleting content", x.s.prefixed(q), func(g *gone) []any { return []any{&g.kind, &g.blob} })
		if err != nil {
			return n, nil, "", err
		}
		for _, g := range rows {
			if add(&n, chatadmin.ContentKind(g.kind), 1); g.blob != "" {
				blobs = append(blobs, g.blob)
			}
		}
		left -= len(rows)
	}
	if left == 0 {
		next = "more"
	}
	return n, blobs, next, nil
}
