package csvimport

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// The table says what a map says, whatever is alike in the keys, and however it
// grows.
func TestLogins(t *testing.T) {
	const all = ^uint32(0)
	for name, mask := range map[string]key{"all different": {all, all, all}, "the same slot": {0, 0, all}, "slots near the end": {all, 3, all}, "few keys": {7, 7, 7}} {
		for _, expected := range []int{0, 10, 5000} {
			var table logins
			rnd := rand.New(rand.NewPCG(1, uint64(expected)))
			want := map[key]uint32{}
			if expected > 0 {
				table.expect(expected)
			}
			for row := range uint32(3000) {
				k := key{rnd.Uint32() & mask[0], rnd.Uint32() & mask[1], rnd.Uint32() & mask[2]}
				if name == "slots near the end" {
					k[0] |= 0xffffff00
				}
				first, ok := table.first(k)
				at, there := want[k]
				require.Equal(t, there, ok, name)
				if !there {
					want[k], at = row, row
				} else {
					require.Equal(t, at, first, name)
				}
				require.Equal(t, at, table.claim(k, row), name)
				if row == 1000 {
					table.expect(expected)
				}
			}
			for k, at := range want {
				first, ok := table.first(k)
				require.True(t, ok)
				require.Equal(t, at, first)
			}
		}
	}
}

// Lines are told from rows although only those are kept where the one does not
// follow from the other.
func TestLineOfARow(t *testing.T) {
	x := newIndex()
	rnd := rand.New(rand.NewPCG(2, 1))
	lines := map[uint32]uint32{}
	line := 1
	for row := range 2000 {
		if line++; rnd.IntN(10) == 0 {
			line += rnd.IntN(4) // a cell of several lines, or blank ones
		}
		if rnd.IntN(20) > 0 { // the others have no login
			x.claim(key{rnd.Uint32(), rnd.Uint32(), rnd.Uint32()}, row, line)
			lines[uint32(row)] = uint32(line)
		}
	}
	for row, line := range lines {
		require.Equal(t, line, x.lineOf(row), row)
	}
	require.Less(t, len(x.lines), 400)
}
