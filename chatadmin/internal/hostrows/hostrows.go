// Package hostrows is, for tests, what a host keeps of its own: messages and
// private chats that are no content of the store. They lie in records, so that
// any store has them in its transactions.
package hostrows

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"chatadmin.example/sdk/chatadmin/storage"
)

// Row is a message, file or private chat.
type Row struct {
	ID        storage.ID `json:"-"`
	Domain    storage.ID `json:"-"`
	Container storage.ID `json:"in,omitempty"`
	Author    storage.ID `json:"by,omitempty"`
	Peer      storage.ID `json:"peer,omitempty"` // with it the row is a chat
	At        time.Time  `json:"at,omitzero"`
	Blob      string     `json:"blob,omitempty"`
}

const (
	chatKind = "host.chat"
	rowKind  = "host.row"
)

func (r *Row) kind() string {
	if r.Peer != "" {
		return chatKind
	}
	return rowKind
}

// Insert adds rows behind the shared fence. Whose author, container or peer is
// being deleted is left out: added is how many were not.
func Insert(ctx context.Context, s storage.Store, domain storage.ID, rows ...Row) (added int, err error) {
	err = s.Update(ctx, storage.Fence{Domain: domain, Mode: storage.Shared}, func(ctx context.Context, tx storage.Tx) error {
		added = 0
		for _, r := range rows {
			ok, err := alive(ctx, tx, r)
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
			data, err := json.Marshal(r)
			if err != nil {
				return err
			}
			row := storage.Record{Key: storage.Key{Kind: r.kind(), Domain: r.Domain, ID: string(r.ID)}, Rev: 1, Data: data}
			conflicts, err := tx.ChangeRecords(ctx, []storage.Write[storage.Record]{{Row: row}})
			if err != nil {
				return err
			}
			added += 1 - len(conflicts)
		}
		return nil
	})
	return added, err
}

// alive is what a host looks up in the transaction that writes: the people and
// the group or chat of a row are there, and not being deleted.
func alive(ctx context.Context, tx storage.Tx, r Row) (bool, error) {
	people := []storage.ID{r.Author}
	if r.Peer != "" {
		people = append(people, r.Peer)
	} else if r.Container != "" {
		gs, err := tx.Groups(ctx, r.Domain, []storage.ID{r.Container})
		if err != nil {
			return false, err
		}
		if len(gs) == 0 {
			chats, err := read(ctx, tx, storage.RecordQuery{Kind: chatKind, Domain: r.Domain})
			if err != nil {
				return false, err
			}
			chat, ok := chats[r.Container]
			if !ok {
				return false, nil
			}
			people = append(people, chat.Author, chat.Peer)
		} else if gs[0].Deleting {
			return false, nil
		}
	}
	people = slices.DeleteFunc(people, func(id storage.ID) bool { return id == "" })
	slices.Sort(people)
	people = slices.Compact(people)
	us, err := tx.Users(ctx, r.Domain, people)
	gone := func(u storage.User) bool { return u.Deleting }
	return len(us) == len(people) && !slices.ContainsFunc(us, gone), err
}

// read reads rows by ID.
func read(ctx context.Context, r storage.Reader, q storage.RecordQuery) (map[storage.ID]*Row, error) {
	rows := map[storage.ID]*Row{}
	for p := (storage.Page{Limit: storage.MaxBatch}); ; {
		page, next, err := r.ListRecords(ctx, q, p)
		if err != nil {
			return nil, err
		}
		for _, rec := range page {
			row := &Row{ID: storage.ID(rec.ID), Domain: rec.Domain}
			if err := json.Unmarshal(rec.Data, row); err != nil {
				return nil, err
			}
			rows[row.ID] = row
		}
		if p.After = next; next == "" {
			return rows, nil
		}
	}
}

// All are the rows of a domain, chats among them.
func All(ctx context.Context, r storage.Reader, domain storage.ID) ([]Row, error) {
	var all []Row
	for _, kind := range []string{rowKind, chatKind} {
		rows, err := read(ctx, r, storage.RecordQuery{Kind: kind, Domain: domain})
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			all = append(all, *row)
		}
	}
	return all, nil
}

// Messages and Chats are sources of the rows in a store. Chats come behind
// Messages.
type (
	Messages struct{}
	Chats    struct{}
)

// Sources are both.
func Sources() []storage.Source {
	return []storage.Source{{Name: "posts", Inside: Messages{}}, {Name: "talks", Inside: Chats{}}}
}

// Selects reports whether a query selects a row, whose chat is given if it lies
// in one. It is what the contract of a source says.
func Selects(q storage.ContentQuery, r, chat *Row) bool {
	if r.Peer != "" {
		chat = r
	}
	within := func(ids []storage.ID, id storage.ID) bool { return id != "" && slices.Contains(ids, id) }
	inChat := func(ids []storage.ID) bool {
		return chat != nil && (within(ids, chat.Author) || within(ids, chat.Peer))
	}
	in, by := r.Container, r.Author
	if r.Peer != "" {
		in, by = r.ID, ""
	}
	some := len(q.Containers)+len(q.Authors)+len(q.ChatsOf) > 0 || !q.Before.IsZero() || q.All
	return some && r.Domain == q.Domain &&
		(len(q.Containers) == 0 || within(q.Containers, in)) &&
		(len(q.Authors) == 0 || within(q.Authors, by)) &&
		(len(q.ChatsOf) == 0 || inChat(q.ChatsOf)) &&
		(q.Before.IsZero() || r.Peer == "" && !r.At.IsZero() && r.At.Before(q.Before)) &&
		!within(q.ExceptContainers, in) && !within(q.ExceptUsers, by) && !inChat(q.ExceptUsers)
}

func find(ctx context.Context, r storage.Reader, kind string, q storage.ContentQuery) ([]*Row, error) {
	chats, err := read(ctx, r, storage.RecordQuery{Kind: chatKind, Domain: q.Domain})
	if err != nil {
		return nil, err
	}
	rows := chats
	if kind != chatKind {
		if rows, err = read(ctx, r, storage.RecordQuery{Kind: kind, Domain: q.Domain}); err != nil {
			return nil, err
		}
	}
	var found []*Row
	for _, row := range rows {
		if Selects(q, row, chats[row.Container]) {
			found = append(found, row)
		}
	}
	slices.SortFunc(found, func(a, b *Row) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	return found, nil
}

func remove(ctx context.Context, tx storage.Tx, kind string, q storage.ContentQuery, p storage.Page) (n int64, blobs []string, next storage.Cursor, err error) {
	rows, err := find(ctx, tx, kind, q)
	if err != nil {
		return 0, nil, "", err
	}
	rows = slices.DeleteFunc(rows, func(r *Row) bool { return r.ID <= storage.ID(p.After) })
	if len(rows) > p.Limit {
		rows = rows[:p.Limit]
		next = storage.Cursor(rows[p.Limit-1].ID)
	}
	for batch := range slices.Chunk(rows, storage.MaxBatch) {
		writes := make([]storage.Write[storage.Record], len(batch))
		for i, row := range batch {
			writes[i] = storage.Write[storage.Record]{Row: storage.Record{Key: storage.Key{Kind: kind, Domain: row.Domain, ID: string(row.ID)}}, Was: 1, Delete: true}
			if row.Blob != "" {
				blobs = append(blobs, row.Blob)
			}
		}
		conflicts, err := tx.ChangeRecords(ctx, writes)
		if err == nil && len(conflicts) > 0 {
			err = storage.ErrRetry
		}
		if err != nil {
			return 0, nil, "", err
		}
	}
	return int64(len(rows)), blobs, next, nil
}

// Count implements storage.Inside.
func (Messages) Count(ctx context.Context, r storage.Reader, q storage.ContentQuery) (int64, error) {
	rows, err := find(ctx, r, rowKind, q)
	return int64(len(rows)), err
}

// Delete implements storage.Inside.
func (Messages) Delete(ctx context.Context, tx storage.Tx, q storage.ContentQuery, p storage.Page) (int64, []string, storage.Cursor, error) {
	return remove(ctx, tx, rowKind, q, p)
}

// BlobsInUse implements storage.Inside.
func (Messages) BlobsInUse(ctx context.Context, r storage.Reader, keys []string) (used []string, err error) {
	rows, err := read(ctx, r, storage.RecordQuery{Kind: rowKind})
	for _, row := range rows {
		if row.Blob != "" && slices.Contains(keys, row.Blob) && !slices.Contains(used, row.Blob) {
			used = append(used, row.Blob)
		}
	}
	return used, err
}

// Count implements storage.Inside.
func (Chats) Count(ctx context.Context, r storage.Reader, q storage.ContentQuery) (int64, error) {
	rows, err := find(ctx, r, chatKind, q)
	return int64(len(rows)), err
}

// Delete implements storage.Inside.
func (Chats) Delete(ctx context.Context, tx storage.Tx, q storage.ContentQuery, p storage.Page) (int64, []string, storage.Cursor, error) {
	return remove(ctx, tx, chatKind, q, p)
}

// BlobsInUse implements storage.Inside.
func (Chats) BlobsInUse(context.Context, storage.Reader, []string) ([]string, error) { return nil, nil }

// FirstOnly is Delete of a source that looks at the first rows of the domain
// alone, whether the query selects them or not, and always begins at the start:
// it does not get past what is held.
func FirstOnly(ctx context.Context, tx storage.Tx, q storage.ContentQuery, limit int) (int64, []string, storage.Cursor, error) {
	all, err := find(ctx, tx, rowKind, storage.ContentQuery{Domain: q.Domain, All: true})
	if err != nil {
		return 0, nil, "", err
	}
	if len(all) <= limit {
		return remove(ctx, tx, rowKind, q, storage.Page{Limit: limit})
	}
	mine, err := find(ctx, tx, rowKind, q)
	if err != nil {
		return 0, nil, "", err
	}
	n := 0
	for n < limit && n < len(mine) && n < len(all) && mine[n].ID == all[n].ID {
		n++
	}
	if n == 0 {
		return 0, nil, "more", nil
	}
	gone, blobs, _, err := remove(ctx, tx, rowKind, q, storage.Page{Limit: n})
	return gone, blobs, "more", err
}
