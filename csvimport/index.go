package csvimport

import (
	"hash/maphash"
	"math"
	"slices"
	"strconv"
)

// index is what an import must remember of the whole file while it reads it in
// batches: which login stands where, and who reports to whom. It holds hashes
// instead of logins, some 35 bytes a row, most of which is given back when the
// file was read.
type index struct {
	seeds  [2]maphash.Seed
	logins logins // until the whole file was read
	// Rows that do not stand in the line behind that of the row before
	lines []place
	// From the number of a row to that of its line, since the last of those
	shift int
	again map[uint32]place // rows whose login stood before, and where

	againNew map[uint32]place // rows whose new login stood before, and where
	// From the other login of a user who is renamed to that of the store
	aliases    map[key]alias
	otherLogin map[string]string // between the two

	letters []letter // of each row
	links   []link   // in file order
	// The link looked at last: they are asked for in that order too
	at int
}

// key is a login key, hashed with a secret seed: nobody can make a file whose
// keys collide, and by chance they do not.
type key [3]uint32

type place struct{ row, line uint32 }

// link is the manager of a row that is written.
type link struct {
	row          uint32
	at           uint32 // the row where the manager stands first, or nowhere
	user, target key
	// The user is in the store, so that somebody may report to them already
	exists  bool
	inStore bool  // so is the manager
	other   bool  // the row is written for other reasons too
	code    uint8 // linkSet, or why not
}

const nowhere = math.MaxUint32

const (
	linkSet uint8 = iota
	linkUnknown
	linkOwn
	linkCircle
	linkAbove
)

func (l link) note() string {
	return [...]string{"", CodeNoManager, CodeOwnManager, CodeManagerCircle, CodeForbidden}[l.code]
}

func newIndex() *index {
	return &index{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, again: map[uint32]place{},
		againNew: map[uint32]place{}, aliases: map[key]alias{}, otherLogin: map[string]string{}}
}

func (x *index) key(loginKey string) key {
	a, b := maphash.String(x.seeds[0], loginKey), maphash.String(x.seeds[1], loginKey)
	return key{uint32(a >> 32), uint32(a), uint32(b)}
}

// claim notes that a login stands in a row, and returns where it stands first.
func (x *index) claim(k key, row, line int) place {
	here := place{uint32(row), uint32(line)}
	if line-row != x.shift {
		x.shift = line - row
		x.lines = append(x.lines, here)
	}
	first := x.logins.claim(k, here.row)
	if first == here.row {
		return here
	}
	at := place{first, x.lineOf(first)}
	x.again[here.row] = at
	return at
}

// lineOf tells in which line a row with a login stands.
func (x *index) lineOf(row uint32) uint32 {
	i, found := slices.BinarySearchFunc(x.lines, row, func(p place, row uint32) int { return int(p.row) - int(row) })
	if !found {
		i--
	}
	return x.lines[i].line + row - x.lines[i].row
}

// firstOf tells where the login of a row stands first, also when the logins are
// forgotten.
func (x *index) firstOf(row int) place {
	if at, ok := x.again[uint32(row)]; ok {
		return at
	}
	return place{row: uint32(row)}
}

// forget gives back what only the reading of the whole file needs: most of the
// memory.
func (x *index) forget() { x.logins, x.lines = logins{}, nil }

// there finds the row where a login stands first, and reports whether it
// creates or finds the user.
func (x *index) there(k key) (row uint32, ok bool) {
	row, ok = x.logins.first(k)
	if !ok {
		return nowhere, false
	}
	l := x.letters[row]
	return row, l != letterFailed && l != letterNotCreated
}

// addLink notes the manager of a row. Rows are added in file order.
func (x *index) addLink(l link) {
	if l.user == l.target {
		l.code = linkOwn
	}
	x.links = append(x.links, l)
}

// link returns the link of a row, decided when the whole file had been read. It
// is quick where rows are asked for in their order.
func (x *index) link(row int) (link, bool) {
	if x.at < len(x.links) && int(x.links[x.at].row) < row {
		x.at++
	}
	if before := x.at > 0 && int(x.links[x.at-1].row) >= row; before || x.at < len(x.links) && int(x.links[x.at].row) < row {
		x.at, _ = x.linkOf(row)
	}
	if x.at == len(x.links) || int(x.links[x.at].row) != row {
		return link{}, false
	}
	return x.links[x.at], true
}

// linkOf finds the number of the first link of a row or of one behind it.
func (x *index) linkOf(row int) (int, bool) {
	return slices.BinarySearchFunc(x.links, row, func(l link, row int) int { return int(l.row) - row })
}

// expect makes room for so many rows at once.
func (x *index) expect(rows int) {
	rows = min(rows+rows/32, 1<<22)
	x.logins.expect(rows)
	x.links = slices.Grow(x.links, rows*len(x.links)/max(1, len(x.letters)))
	x.letters = slices.Grow(x.letters, rows)
}

func itoa(n uint32) string { return strconv.FormatUint(uint64(n), 10) }
