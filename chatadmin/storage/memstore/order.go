package memstore

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/google/btree"

	"chatadmin.example/sdk/chatadmin/storage"
)

// sortKey is a row's place in an order: up to four strings, compared as bytes one after the other.
type sortKey [4]string

type item[T any] struct {
	key sortKey
	row *T
}

// order keeps rows by a key; rows without one (its first part is empty) are left out. It is made when it is first asked for: an import that lists nothing does not pay for
// it.
type order[T any] struct {
	key  func(*T) sortKey
	desc bool // all parts behind the first descend
	all  func(yield func(*T))
	mu   sync.Mutex
	tree *btree.BTreeG[item[T]]
}

func newOrder[K comparable, T any](t *table[K, T], key func(*T) sortKey) *order[T] {
	o := &order[T]{key: key, all: t.rows.each}
	t.orders = append(t.orders, o)
	return o
}

func (o *order[T]) less(a, b item[T]) bool {
	for i := range a.key {
		if a.key[i] != b.key[i] {
			return (a.key[i] < b.key[i]) != (o.desc && i > 0)
		}
	}
	return false
}

// replace follows a change of the table. The caller holds the store's lock.
func (o *order[T]) replace(was, now *T) {
	if o.tree == nil {
		return
	}
	var from, to sortKey
	if was != nil {
		from = o.key(was)
	}
	if now != nil {
		to = o.key(now)
	}
	if from[0] != "" && from != to {
		o.tree.Delete(item[T]{key: from})
	}
	if to[0] != "" {
		o.tree.ReplaceOrInsert(item[T]{to, now})
	}
}

// walk walks the rows within a span, behind a key where one is given, until yield says no. The caller holds the store's lock, at least for reading.
func (o *order[T]) walk(in span, after *sortKey, yield func(sortKey, *T) bool) {
	o.mu.Lock() // two readers may come for the first time at once
	if o.tree == nil {
		tree := btree.NewG(64, o.less)
		o.all(func(row *T) {
			if k := o.key(row); k[0] != "" {
				tree.ReplaceOrInsert(item[T]{k, row})
			}
		})
		o.tree = tree
	}
	o.mu.Unlock()
	start := in.start(o.desc)
	if after != nil {
		start = *after
	}
	o.tree.AscendGreaterOrEqual(item[T]{key: start}, func(it item[T]) bool {
		if after != nil && it.key == *after {
			return true
		}
		return in.holds(it.key) && yield(it.key, it.row)
	})
}

// span are the keys that begin with the given parts, and whose next part begins with prefix.
type span struct {
	parts  []string
	prefix string
}

func within(parts ...string) span { return span{parts: parts} }

func (s span) start(desc bool) sortKey {
	var k sortKey
	n := copy(k[:], s.parts)
	if desc {
		for i := n; i < len(k); i++ {
			k[i] = "\xff" // before everything
		}
	} else if n < len(k) {
		k[n] = s.prefix
	}
	return k
}

func (s span) holds(k sortKey) bool {
	for i, part := range s.parts {
		if k[i] != part {
			return false
		}
	}
	return s.prefix == "" || strings.HasPrefix(k[len(s.parts)], s.prefix)
}

// page collects up to p.Limit rows of a span that match.
func page[T any](o *order[T], in span, p storage.Page, match func(*T) bool) ([]T, storage.Cursor, error) {
	return bulk(o, in, p, storage.MaxBatch, match)
}

// bulk is a page whose limit is up to most.
func bulk[T any](o *order[T], in span, p storage.Page, most int, match func(*T) bool) ([]T, storage.Cursor, error) {
	if p.Limit < 1 || p.Limit > most {
		return nil, "", fmt.Errorf("a page of %d rows: %w", p.Limit, storage.ErrBatch)
	}
	after, err := parseCursor(p.After)
	if err != nil {
		return nil, "", err
	}
	var rows []T
	var last sortKey
	var next storage.Cursor
	o.walk(in, after, func(k sortKey, row *T) bool {
		if match != nil && !match(row) {
			return true
		}
		if len(rows) == p.Limit {
			next = makeCursor(last)
			return false
		}
		rows, last = append(rows, *row), k
		return true
	})
	return rows, next, nil
}

// sortTime writes a time so that it sorts as a string.
func sortTime(t time.Time) string { return fmt.Sprintf("%016x", uint64(t.UnixMilli())^(1<<63)) }
