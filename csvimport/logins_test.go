package csvimport

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// The table says what a map says, whatever is alike in the keys, and however it grows.
func TestLogins(t *testing.T) {
	for name, mask := range map[string]key{"all different": {^uint64(0), ^uint64(0)}, "the same slots": {0, ^uint64(0)}, "the same prints": {^uint64(0), 0x3ff << 32}, "few keys": {7, 7}} {
		for _, expected := range []int{0, 10, 5000} {
			var table logins
			rnd := rand.New(rand.NewPCG(1, uint64(expected)))
			want := map[key]place{}
			if expected > 0 {
				table.expect(expected)
			}
			for row := range uint32(3000) {
				k := key{rnd.Uint64() & mask[0], rnd.Uint64() & mask[1]}
				first, ok := table.first(k)
				at, there := want[k]
				require.Equal(t, there, ok, name)
				require.Equal(t, at, first, name)
				here := place{row, row + 2}
				if !there {
					want[k], at = here, here
				}
				require.Equal(t, at, table.claim(k, here), name)
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
