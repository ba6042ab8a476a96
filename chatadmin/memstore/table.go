package memstore

// table holds rows by key, and orders of them. A row is replaced, never changed.
type table[K comparable, T any] struct {
	rows   map[K]*T
	orders []*order[T]
}

// put replaces the row of a key, or removes it where row is nil.
func (t *table[K, T]) put(x *tx, k K, row *T) {
	was := t.rows[k]
	t.set(k, was, row)
	x.undo = append(x.undo, func() { t.set(k, row, was) })
}

func (t *table[K, T]) set(k K, was, now *T) {
	for _, o := range t.orders {
		o.replace(was, now)
	}
	if now == nil {
		delete(t.rows, k)
	} else {
		t.rows[k] = now
	}
}

func newTable[K comparable, T any]() table[K, T] { return table[K, T]{rows: map[K]*T{}} }
