package csvimport

// logins tells in which row a login stands first. It is an open hash table over a list: looking a login up and adding it is one walk that meets one line of the
// processor's cache, where a map of a million of them costs several, and a fifth of the time of a whole plan.
type logins struct {
	all   []standing
	slots []slot // a power of two, at most half of them taken
}

type standing struct {
	key key
	at  place
}

// slot is a place of the table; n is 0 where it is free, else one more than the number of the login in the list.
type slot struct{ print, n uint32 }

// expect makes room for so many logins at once.
func (t *logins) expect(n int) {
	all := make([]standing, len(t.all), max(n, len(t.all)))
	copy(all, t.all)
	t.all = all
	t.spread(n)
}

// spread makes a table for n logins and takes over those that are there.
func (t *logins) spread(n int) {
	size := 64
	for size < 2*max(n, len(t.all)+1) {
		size *= 2
	}
	t.slots = make([]slot, size)
	for i, s := range t.all {
		_, free := t.find(s.key)
		t.slots[free] = slot{s.key.print(), uint32(i + 1)}
	}
}

func (k key) print() uint32 { return uint32(k[1]) }

// find returns where a login stands first, or else the slot in which it belongs.
func (t *logins) find(k key) (found *standing, free uint64) {
	mask := uint64(len(t.slots) - 1)
	for i := k[0] & mask; ; i = (i + 1) & mask {
		switch s := t.slots[i]; {
		case s.n == 0:
			return nil, i
		case s.print == k.print() && t.all[s.n-1].key == k:
			return &t.all[s.n-1], i
		}
	}
}

// first returns where a login stands first, if it does.
func (t *logins) first(k key) (at place, ok bool) {
	if len(t.slots) == 0 {
		return place{}, false
	}
	s, _ := t.find(k)
	if s == nil {
		return place{}, false
	}
	return s.at, true
}

// claim returns where a login stands first: here, unless it stood before.
func (t *logins) claim(k key, here place) place {
	if 2*(len(t.all)+1) > len(t.slots) {
		t.spread(2 * (len(t.all) + 1))
	}
	s, free := t.find(k)
	if s != nil {
		return s.at
	}
	t.all = append(t.all, standing{k, here})
	t.slots[free] = slot{k.print(), uint32(len(t.all))}
	return here
}
