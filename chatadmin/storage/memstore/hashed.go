package memstore

import "hash/maphash"

// hashed is a map for a million keys of text. A lookup goes to one place in memory, and growing reads no key again: with maps of Go, which go to four and read each key wherever it
// lies, a user cost a third more among a million than among ten thousand.
//
// A value lies at the place that its hash says, or as near behind as there was room.
type hashed[K comparable, V any] struct {
	hash  func(K) uint64
	key   func(V) K
	slots []slot[V] // a power of two, at most two thirds of them taken
	taken int

	touched uint64 // what touch has read, so that it is read
}

// slot is free where its hash is 0.
type slot[V any] struct {
	hash  uint64
	value V
}

func newHashed[K comparable, V any](hash func(K) uint64, key func(V) K) *hashed[K, V] {
	return &hashed[K, V]{hash: hash, key: key, slots: make([]slot[V], 16)}
}

var seed = maphash.MakeSeed()

func hashText[S ~string](s S) uint64 { return maphash.String(seed, string(s)) }

// find is where a key is, or would be put.
func (m *hashed[K, V]) find(k K) (at int, hash uint64) {
	hash = m.hash(k) | 1<<63
	for at = m.home(hash); m.slots[at].hash != 0 && (m.slots[at].hash != hash || m.key(m.slots[at].value) != k); {
		at = m.after(at)
	}
	return at, hash
}

// touch reads the place of a key, so that it is in the processor's cache: for many keys this takes far less time than it takes to find one after the other, which waits for each.
func (m *hashed[K, V]) touch(k K) { m.touched ^= m.slots[m.home(m.hash(k))].hash }

func (m *hashed[K, V]) home(hash uint64) int { return int(hash) & (len(m.slots) - 1) }

func (m *hashed[K, V]) after(at int) int { return (at + 1) & (len(m.slots) - 1) }

// get is the zero value where there is none.
func (m *hashed[K, V]) get(k K) V {
	at, _ := m.find(k)
	return m.slots[at].value
}

func (m *hashed[K, V]) set(k K, v V) {
	at, hash := m.find(k)
	if m.slots[at].hash == 0 {
		if m.taken++; 3*m.taken > 2*len(m.slots) {
			m.grow()
			at, _ = m.find(k)
		}
	}
	m.slots[at] = slot[V]{hash, v}
}

func (m *hashed[K, V]) grow() {
	old := m.slots
	m.slots = make([]slot[V], 2*len(old))
	for _, s := range old {
		if s.hash == 0 {
			continue
		}
		at := m.home(s.hash)
		for m.slots[at].hash != 0 {
			at = m.after(at)
		}
		m.slots[at] = s
	}
}

// delete closes the gap, with those behind that are further from their place than the gap is.
func (m *hashed[K, V]) delete(k K) {
	gap, _ := m.find(k)
	if m.slots[gap].hash == 0 {
		return
	}
	m.taken--
	for at := m.after(gap); m.slots[at].hash != 0; at = m.after(at) {
		if mask := len(m.slots) - 1; (at-m.home(m.slots[at].hash))&mask >= (at-gap)&mask {
			m.slots[gap], gap = m.slots[at], at
		}
	}
	m.slots[gap] = slot[V]{}
}

func (m *hashed[K, V]) each(yield func(V)) {
	for i := range m.slots {
		if m.slots[i].hash != 0 {
			yield(m.slots[i].value)
		}
	}
}
