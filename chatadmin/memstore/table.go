package memstore

// table holds rows by key, and orders of them. A row is replaced, never changed.
type table[K comparable, T any] struct {
	rows   map[K]*T
	orders []*order[T]
	log    []replaced[K, T] // what the running transaction has replaced, in this order
}

// replaced is one put of the running transaction.
type replaced[K comparable, T any] struct {
	k        K
	was, now *T
}

// put replaces the row of a key, or removes it where row is nil.
func (t *table[K, T]) put(x *tx, k K, row *T) {
	if len(t.log) == 0 {
		x.touched = append(x.touched, t)
	}
	was := t.rows[k]
	t.set(k, was, row)
	t.log = append(t.log, replaced[K, T]{k, was, row})
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

// rollback undoes what the transaction has replaced.
func (t *table[K, T]) rollback() {
	for i := len(t.log) - 1; i >= 0; i-- {
		t.set(t.log[i].k, t.log[i].now, t.log[i].was)
	}
	t.commit()
}

// commit forgets how to undo it.
func (t *table[K, T]) commit() {
	clear(t.log)
	t.log = t.log[:0]
}

func newTable[K comparable, T any]() table[K, T] { return table[K, T]{rows: map[K]*T{}} }
