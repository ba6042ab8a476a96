package memstore

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// Keys whose hashes are equal, all of them or a few, are kept apart like in any map.
func TestHashed(t *testing.T) {
	type row struct{ key, value int }
	for name, hash := range map[string]func(int) uint64{
		"all equal":  func(int) uint64 { return 7 },
		"at the end": func(k int) uint64 { return ^uint64(k % 3) },
		"some equal": func(k int) uint64 { return uint64(k % 5) },
		"none equal": func(k int) uint64 { return uint64(k) },
	} {
		t.Run(name, func(t *testing.T) {
			m, want := newHashed(hash, func(r row) int { return r.key }), map[int]row{}
			rnd := rand.New(rand.NewPCG(1, 2))
			for range 10000 {
				k := rnd.IntN(20)
				if rnd.IntN(3) == 0 {
					m.delete(k)
					delete(want, k)
				} else {
					r := row{k, rnd.Int()}
					m.set(k, r)
					want[k] = r
				}
				for k := range 20 {
					require.Equal(t, want[k], m.get(k))
				}
				got := map[int]row{}
				m.each(func(r row) {
					require.NotContains(t, got, r.key)
					got[r.key] = r
				})
				require.Equal(t, want, got)
			}
		})
	}
}
