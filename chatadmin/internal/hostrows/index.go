package hostrows

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"chatadmin.example/sdk/chatadmin/storage"
)

// Index is a source outside every store, such as a search index.
type Index struct {
	mu   sync.Mutex
	rows []*Row
	// Fail, if set, is asked after each deletion: an error of it is what the
	// caller gets, although rows are gone.
	Fail func() error
}

// Add adds rows.
func (x *Index) Add(rows ...Row) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, r := range rows {
		x.rows = append(x.rows, &r)
	}
}

// All are the rows that are there.
func (x *Index) All() (all []Row) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, r := range x.rows {
		all = append(all, *r)
	}
	return all
}

// chat finds the chat that a row lies in.
func (x *Index) chat(r *Row) *Row {
	for _, c := range x.rows {
		if c.Peer != "" && c.ID == r.Container {
			return c
		}
	}
	return nil
}

// Count implements storage.Outside.
func (x *Index) Count(_ context.Context, q storage.ContentQuery) (n int64, _ error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, r := range x.rows {
		if Selects(q, r, x.chat(r)) {
			n++
		}
	}
	return n, nil
}

// Delete implements storage.Outside. What lies in chats goes before the chats.
func (x *Index) Delete(_ context.Context, q storage.ContentQuery, p storage.Page) (int64, storage.Cursor, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	place := func(r *Row) storage.Cursor {
		if r.Peer != "" {
			return storage.Cursor("2" + r.ID)
		}
		return storage.Cursor("1" + r.ID)
	}
	var found []*Row
	for _, r := range x.rows {
		if place(r) > p.After && Selects(q, r, x.chat(r)) {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(a, b *Row) int { return cmp.Compare(place(a), place(b)) })
	next := storage.Cursor("")
	if len(found) > p.Limit {
		found = found[:p.Limit]
		next = place(found[p.Limit-1])
	}
	x.rows = slices.DeleteFunc(x.rows, func(r *Row) bool { return slices.Contains(found, r) })
	if x.Fail != nil {
		if err := x.Fail(); err != nil {
			return 0, "", err
		}
	}
	return int64(len(found)), next, nil
}

// BlobsInUse implements storage.Outside.
func (x *Index) BlobsInUse(_ context.Context, keys []string) (used []string, _ error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, r := range x.rows {
		if r.Blob != "" && slices.Contains(keys, r.Blob) && !slices.Contains(used, r.Blob) {
			used = append(used, r.Blob)
		}
	}
	return used, nil
}
