package memstore

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"chatadmin.example/sdk/chatadmin"
)

func (r reader) hasPrefix(q chatadmin.UserQuery, u *chatadmin.User) bool {
	if q.ByName {
		return strings.HasPrefix(u.NameKey, q.Prefix)
	}
	return strings.HasPrefix(u.LoginKey, q.Prefix)
}

// CountContent implements chatadmin.Reader.
func (r reader) CountContent(ctx context.Context, q chatadmin.ContentQuery) (chatadmin.ContentCount, error) {
	var n chatadmin.ContentCount
	err := r.eachContent(ctx, q, func(c *chatadmin.Content) bool {
		add(&n, c)
		return true
	})
	return n, err
}

func add(n *chatadmin.ContentCount, c *chatadmin.Content) {
	switch c.Kind {
	case chatadmin.Chat:
		n.Chats++
	case chatadmin.Message:
		n.Messages++
	case chatadmin.File:
		n.Files++
	}
}

// eachContent walks what a query selects, what lies in a chat before the chat, until yield says no.
func (r reader) eachContent(ctx context.Context, q chatadmin.ContentQuery, yield func(*chatadmin.Content) bool) error {
	for _, ids := range [][]chatadmin.ID{q.Containers, q.Authors, q.ChatsOf} {
		if len(ids) > chatadmin.MaxBatch {
			return fmt.Errorf("%d IDs in a query: %w", len(ids), chatadmin.ErrBatch)
		}
	}
	if len(q.Containers)+len(q.Authors)+len(q.ChatsOf) == 0 && q.Before.IsZero() ||
		len(q.ExceptContainers) > chatadmin.MaxBulk || len(q.ExceptUsers) > chatadmin.MaxBulk {
		return fmt.Errorf("a query for content: %w", chatadmin.ErrBatch)
	}
	more := true
	visit := func(_ sortKey, c *chatadmin.Content) bool {
		if r.isContent(q, c) {
			more = yield(c)
		}
		return more
	}
	walkAll := func(o *order[chatadmin.Content], ids []chatadmin.ID) {
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
	default:
		r.data.contentAt.walk(within(string(q.Domain)), nil, func(_ sortKey, c *chatadmin.Content) bool {
			return c.At.Before(q.Before) && visit(sortKey{}, c)
		})
	}
	return ctx.Err()
}

// chatsOf finds the chats with one of q.ChatsOf on either side.
func (r reader) chatsOf(q chatadmin.ContentQuery) []chatadmin.ID {
	var ids []chatadmin.ID
	r.data.contentAt.walk(within(string(q.Domain)), nil, func(_ sortKey, c *chatadmin.Content) bool {
		if c.Kind == chatadmin.Chat && (slices.Contains(q.ChatsOf, c.Author) || slices.Contains(q.ChatsOf, c.Peer)) {
			ids = append(ids, c.ID)
		}
		return true
	})
	return ids
}

func (r reader) isContent(q chatadmin.ContentQuery, c *chatadmin.Content) bool {
	return (len(q.Containers) == 0 || slices.Contains(q.Containers, container(c))) && (len(q.Authors) == 0 || slices.Contains(q.Authors, c.Author)) &&
		(len(q.ChatsOf) == 0 || r.inChatOf(q.ChatsOf, c)) && (q.Before.IsZero() || c.Kind != chatadmin.Chat && c.At.Before(q.Before)) &&
		!slices.Contains(q.ExceptContainers, container(c)) && !slices.Contains(q.ExceptUsers, c.Author) && (len(q.ExceptUsers) == 0 || !r.inChatOf(q.ExceptUsers, c))
}

// inChatOf reports whether c lies in a chat with one of the users on either side, or is one.
func (r reader) inChatOf(users []chatadmin.ID, c *chatadmin.Content) bool {
	chat := r.data.content.get(container(c))
	return chat != nil && chat.Kind == chatadmin.Chat && (slices.Contains(users, chat.Author) || slices.Contains(users, chat.Peer))
}

// BlobsInUse implements chatadmin.Reader.
func (r reader) BlobsInUse(ctx context.Context, keys []string) ([]string, error) {
	if err := batch(ctx, len(keys)); err != nil {
		return nil, err
	}
	var used []string
	for i, key := range keys {
		if key == "" || slices.Contains(keys[:i], key) {
			continue
		}
		r.data.contentBlob.walk(within(key), nil, func(sortKey, *chatadmin.Content) bool {
			used = append(used, key)
			return false
		})
	}
	return used, nil
}

// InsertContent implements chatadmin.Tx.
func (x *tx) InsertContent(ctx context.Context, c []chatadmin.Content) ([]chatadmin.Conflict, error) {
	changes := make([]chatadmin.Change[chatadmin.Content], len(c))
	for i := range c {
		changes[i].Row = c[i]
	}
	return change(ctx, x, changes, rules[chatadmin.ID, chatadmin.Content]{table: &x.data.content,
		key:    func(c *chatadmin.Content) chatadmin.ID { return c.ID },
		domain: func(c *chatadmin.Content) chatadmin.ID { return c.Domain },
		rev:    func(*chatadmin.Content) chatadmin.Rev { return 0 },
		parent: func(c *chatadmin.Content) string {
			switch {
			case !x.isUserOf(c.Domain, c.Author):
				return "author"
			case c.Kind == chatadmin.Chat:
				if !x.isUserOf(c.Domain, c.Peer) {
					return "peer"
				}
			case !x.isGroup(c.Domain, c.Container):
				chat := x.data.content.get(c.Container)
				if chat == nil || chat.Domain != c.Domain || chat.Kind != chatadmin.Chat || !x.isUserOf(c.Domain, chat.Author) || !x.isUserOf(c.Domain, chat.Peer) {
					return "container"
				}
			}
			return ""
		}})
}

// DeleteContent implements chatadmin.Tx. What is deleted is not found again, so that every call begins at the start, and the cursor only says that there is more.
func (x *tx) DeleteContent(ctx context.Context, q chatadmin.ContentQuery, p chatadmin.Page) (n chatadmin.ContentCount, blobs []string, next chatadmin.Cursor, err error) {
	if err = x.writable(ctx, 0); err != nil {
		return n, nil, "", err
	}
	if p.Limit < 1 || p.Limit > chatadmin.MaxBulk {
		x.failed = chatadmin.ErrBatch
		return n, nil, "", x.failed
	}
	if _, err = parseCursor(p.After); err != nil {
		x.failed = err
		return n, nil, "", err
	}
	var rows []*chatadmin.Content
	if err = x.eachContent(ctx, q, func(c *chatadmin.Content) bool {
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
