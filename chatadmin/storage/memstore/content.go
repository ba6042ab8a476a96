package memstore

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"chatadmin.example/sdk/chatadmin/storage"
)

func (r reader) hasPrefix(q storage.UserQuery, u *storage.User) bool {
	if q.ByName {
		return strings.HasPrefix(u.NameKey, q.Prefix)
	}
	return strings.HasPrefix(u.LoginKey, q.Prefix)
}

// CountContent implements storage.Reader.
func (r reader) CountContent(ctx context.Context, q storage.ContentQuery) (storage.ContentCount, error) {
	var n storage.ContentCount
	err := r.eachContent(ctx, q, func(c *storage.Content) bool {
		add(&n, c)
		return true
	})
	return n, err
}

func add(n *storage.ContentCount, c *storage.Content) {
	switch c.Kind {
	case storage.Chat:
		n.Chats++
	case storage.Message:
		n.Messages++
	case storage.File:
		n.Files++
	}
}

// eachContent walks what a query selects, what lies in a chat before the chat,
// until yield says no.
func (r reader) eachContent(ctx context.Context, q storage.ContentQuery, yield func(*storage.Content) bool) error {
	for _, ids := range [][]storage.ID{q.Containers, q.Authors, q.ChatsOf} {
		if len(ids) > storage.MaxBatch {
			return fmt.Errorf("%d IDs in a query: %w", len(ids), storage.ErrBatch)
		}
	}
	if len(q.Containers)+len(q.Authors)+len(q.ChatsOf) == 0 && q.Before.IsZero() && !q.All ||
		len(q.ExceptContainers) > storage.MaxBulk || len(q.ExceptUsers) > storage.MaxBulk {
		return fmt.Errorf("a query for content: %w", storage.ErrBatch)
	}
	more := true
	visit := func(_ sortKey, c *storage.Content) bool {
		if r.isContent(q, c) {
			more = yield(c)
		}
		return more
	}
	walkAll := func(o *order[storage.Content], ids []storage.ID) {
		for i, id := range ids {
			if more && !slices.Contains(ids[:i], id) {
				o.walk(within(string(q.Domain), string(id)), nil, visit)
			}
		}
	}
	switch {
	case len(q.Containers) > 0:
		walkAll(r.data.contentContainer, q.Containers)
	case len(q.Authors) > 0:
		for _, kind := range []string{"1", "2"} { // first what lies somewhere, then the chats
			for i, id := range q.Authors {
				if more && !slices.Contains(q.Authors[:i], id) {
					r.data.contentAuthor.walk(within(string(q.Domain), string(id), kind), nil, visit)
				}
			}
		}
	case len(q.ChatsOf) > 0:
		walkAll(r.data.contentContainer, r.chatsOf(q))
	case q.Before.IsZero():
		for _, chats := range []bool{false, true} {
			r.data.contentAt.walk(within(string(q.Domain)), nil, func(_ sortKey, c *storage.Content) bool {
				if more && (c.Kind == storage.Chat) == chats {
					visit(sortKey{}, c)
				}
				return more
			})
		}
	default:
		r.data.contentAt.walk(within(string(q.Domain)), nil, func(_ sortKey, c *storage.Content) bool {
			return c.At.Before(q.Before) && visit(sortKey{}, c)
		})
	}
	return ctx.Err()
}

// chatsOf finds the chats with one of q.ChatsOf on either side.
func (r reader) chatsOf(q storage.ContentQuery) []storage.ID {
	var ids []storage.ID
	r.data.contentAt.walk(within(string(q.Domain)), nil, func(_ sortKey, c *storage.Content) bool {
		if c.Kind == storage.Chat && (slices.Contains(q.ChatsOf, c.Author) || slices.Contains(q.ChatsOf, c.Peer)) {
			ids = append(ids, c.ID)
		}
		return true
	})
	return ids
}

func (r reader) isContent(q storage.ContentQuery, c *storage.Content) bool {
	return (len(q.Containers) == 0 || slices.Contains(q.Containers, container(c))) && (len(q.Authors) == 0 || slices.Contains(q.Authors, c.Author)) &&
		(len(q.ChatsOf) == 0 || r.inChatOf(q.ChatsOf, c)) && (q.Before.IsZero() || c.Kind != storage.Chat && c.At.Before(q.Before)) &&
		!slices.Contains(q.ExceptContainers, container(c)) && !slices.Contains(q.ExceptUsers, c.Author) && (len(q.ExceptUsers) == 0 || !r.inChatOf(q.ExceptUsers, c))
}

// inChatOf reports whether c lies in a chat with one of the users on either
// side, or is one.
func (r reader) inChatOf(users []storage.ID, c *storage.Content) bool {
	chat := r.data.content.get(container(c))
	return chat != nil && chat.Kind == storage.Chat && (slices.Contains(users, chat.Author) || slices.Contains(users, chat.Peer))
}

// BlobsInUse implements storage.Reader.
func (r reader) BlobsInUse(ctx context.Context, keys []string) ([]string, error) {
	if err := batch(ctx, len(keys)); err != nil {
		return nil, err
	}
	var used []string
	for i, key := range keys {
		if key == "" || slices.Contains(keys[:i], key) {
			continue
		}
		r.data.contentBlob.walk(within(key), nil, func(sortKey, *storage.Content) bool {
			used = append(used, key)
			return false
		})
	}
	return used, nil
}

// InsertContent implements storage.Tx.
func (x *tx) InsertContent(ctx context.Context, c []storage.Content) ([]storage.Conflict, error) {
	changes := make([]storage.Write[storage.Content], len(c))
	for i := range c {
		changes[i].Row = c[i]
	}
	return change(ctx, x, changes, rules[storage.ID, storage.Content]{table: &x.data.content,
		key:    func(c *storage.Content) storage.ID { return c.ID },
		domain: func(c *storage.Content) storage.ID { return c.Domain },
		rev:    func(*storage.Content) storage.Rev { return 0 },
		parent: func(c *storage.Content) string {
			switch {
			case !x.isUserOf(c.Domain, c.Author):
				return "author"
			case c.Kind == storage.Chat:
				if !x.isUserOf(c.Domain, c.Peer) {
					return "peer"
				}
			case !x.isGroup(c.Domain, c.Container):
				chat := x.data.content.get(c.Container)
				if chat == nil || chat.Domain != c.Domain || chat.Kind != storage.Chat || !x.isUserOf(c.Domain, chat.Author) || !x.isUserOf(c.Domain, chat.Peer) {
					return "container"
				}
			}
			return ""
		}})
}

// DeleteContent implements storage.Tx. What is deleted is not found again, so
// that every call begins at the start, and the cursor only says that there is
// more.
func (x *tx) DeleteContent(ctx context.Context, q storage.ContentQuery, p storage.Page) (n storage.ContentCount, blobs []string, next storage.Cursor, err error) {
	if err = x.writable(ctx, 0); err != nil {
		return n, nil, "", err
	}
	if p.Limit < 1 || p.Limit > storage.MaxBulk {
		x.failed = storage.ErrBatch
		return n, nil, "", x.failed
	}
	if _, err = parseCursor(p.After); err != nil {
		x.failed = err
		return n, nil, "", err
	}
	var rows []*storage.Content
	if err = x.eachContent(ctx, q, func(c *storage.Content) bool {
		if len(rows) == p.Limit {
			next = makeCursor(sortKey{"more"})
			return false
		}
		rows = append(rows, c)
		return true
	}); err != nil {
		x.failed = err
		return n, nil, "", err
	}
	for _, c := range rows {
		add(&n, c)
		if c.Blob != "" {
			blobs = append(blobs, c.Blob)
		}
		x.data.content.put(x, c.ID, c, nil)
	}
	return n, blobs, next, nil
}
