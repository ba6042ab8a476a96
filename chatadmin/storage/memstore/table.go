package memstore

// table holds rows by key, and orders of them. A row is replaced, never changed.
type table[K comparable, T any] struct {
	rows   rows[K, T]
	orders []*order[T]
	log    []replaced[K, T] // what the running transaction has replaced, in this order
}

// rows find a row by its key; where there is none it is nil.
type rows[K comparable, T any] interface {
	get(K) *T
	set(K, *T)
	each(func(*T))
}

// replaced is one put of the running transaction.
type replaced[K comparable, T any] struct {
	k        K
	was, now *T
}

func newTable[K comparable, T any](hash func(K) uint64, key func(*T) K) table[K, T] {
	return table[K, T]{rows: keyed[K, T]{newHashed(hash, key)}}
}

func (t *table[K, T]) get(k K) *T { return t.rows.get(k) }

// put replaces the row of a key, or removes it where row is nil.
func (t *table[K, T]) put(x *tx, k K, was, row *T) {
	if len(t.log) == 0 {
		x.touched = append(x.touched, t)
	}
	t.set(k, was, row)
	t.log = append(t.log, replaced[K, T]{k, was, row})
}

func (t *table[K, T]) set(k K, was, now *T) {
	for _, o := range t.orders {
		o.replace(was, now)
	}
	t.rows.set(k, now)
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

// keyed is how most tables find their rows.
type keyed[K comparable, T any] struct{ *hashed[K, *T] }

func (m keyed[K, T]) set(k K, row *T) {
	if row == nil {
		m.delete(k)
	} else {
		m.hashed.set(k, row)
	}
}
