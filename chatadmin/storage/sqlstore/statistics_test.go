package sqlstore

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A table is analysed at 4,096 rows, at eight times as many, and so on; each table by itself.
func TestGrowth(t *testing.T) {
	var g growth
	at := map[string][]int64{}
	for n := int64(500); n <= 1000000; n += 500 {
		more := map[string]int64{"memberships": 500}
		if n%1000 == 0 {
			more["users"] = 500
		}
		for _, name := range g.add(more) {
			at[name] = append(at[name], g.rows[name])
		}
	}
	require.Equal(t, map[string][]int64{"memberships": {4500, 33000, 262500}, "users": {4500, 33000, 262500}}, at)
	require.Empty(t, g.add(nil))
	require.Equal(t, []string{"events"}, g.add(map[string]int64{"events": 1 << 40}))
}
