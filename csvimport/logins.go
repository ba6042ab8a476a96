package csvimport

import "math/bits"

// logins tells in which row a login stands first. It is an open hash table, at
// most three quarters full: looking a login up and adding it is one walk that
// meets a line or two of the processor's cache, where a map of a million of
// them costs several, and a fifth of the time of a whole plan.
type logins struct {
	slots []standing
	n     int
	last  uint32 // what touch has read, so that it is read
}

// standing is a slot of the table; row is 0 where it is free, else one more
// than the number of the row. It has 16 bytes.
type standing struct {
	key key
	row uint32
}

// expect makes room for so many logins at once.
func (t *logins) expect(n int) {
	old := t.slots
	t.slots = make([]standing, max(64, max(n, t.n)*4/3+2))
	for _, s := range old {
		if s.row != 0 {
			*t.find(s.key) = s
		}
	}
}

// find returns the slot in which a login stands or belongs.
func (t *logins) find(k key) *standing {
	i := t.place(k)
	for ; t.slots[i].row != 0 && t.slots[i].key != k; i++ {
		if i == uint64(len(t.slots))-1 {
			i = ^uint64(0)
		}
	}
	return &t.slots[i]
}

// place is the slot where the walk for a login begins.
func (t *logins) place(k key) uint64 {
	i, _ := bits.Mul64(uint64(k[0])<<32|uint64(k[1]), uint64(len(t.slots)))
	return i
}

// touch brings the slots of many logins into the processor's cache, all at
// once, where looking up one after the other waits for each.
func (t *logins) touch(keys []key) {
	if len(t.slots) == 0 {
		return
	}
	for _, k := range keys {
		t.last ^= t.slots[t.place(k)].row
	}
}

// first returns the row in which a login stands first, if it does.
func (t *logins) first(k key) (row uint32, ok bool) {
	if len(t.slots) == 0 {
		return 0, false
	}
	s := t.find(k)
	return s.row - 1, s.row != 0
}

// claim returns the row in which a login stands first: this one, unless it
// stood before.
func (t *logins) claim(k key, row uint32) uint32 {
	if 4*(t.n+1) > 3*len(t.slots) {
		t.expect(t.n + t.n/2)
	}
	s := t.find(k)
	if s.row == 0 {
		*s = standing{k, row + 1}
		t.n++
	}
	return s.row - 1
}
