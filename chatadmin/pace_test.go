package chatadmin_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
)

// Batches grow while they are quick. One that took much too long is followed by
// one that is much smaller, not by half of it.
func TestPace(t *testing.T) {
	var p chatadmin.Pace
	now := time.UnixMilli(1700000000000)
	require.Equal(t, 2500, p.Next(now))
	for _, c := range []struct {
		took time.Duration
		want int
	}{
		{100 * time.Millisecond, 5000}, {200 * time.Millisecond, 10000}, {200 * time.Millisecond, 10000}, {400 * time.Millisecond, 10000},
		{800 * time.Millisecond, 3750}, {249 * time.Millisecond, 7500}, {2400 * time.Millisecond, 937}, {time.Minute, 250}, {time.Minute, 250},
		{time.Millisecond, 500},
	} {
		now = now.Add(c.took)
		require.Equal(t, c.want, p.Next(now), "after %v", c.took)
	}
}

// A batch that has lost its race is followed by one of half the size, which
// grows again once it gets through. At 250 rows there is nothing left to try.
func TestPaceLost(t *testing.T) {
	var p chatadmin.Pace
	now := time.UnixMilli(1700000000000)
	require.Equal(t, 2500, p.Next(now))
	for _, want := range []int{1250, 625, 312, 250} {
		require.True(t, p.Lost())
		now = now.Add(time.Minute)
		require.Equal(t, want, p.Next(now))
	}
	require.False(t, p.Lost())
	require.Equal(t, 500, p.Next(now.Add(time.Millisecond)))
}
