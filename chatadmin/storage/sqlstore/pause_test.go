package sqlstore

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// Pauses are random, grow, and stay below half a second and a bit.
func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := map[time.Duration]bool{}
		longest := [20]time.Duration{}
		for range 200 {
			for n := range longest {
				begin := time.Now()
				if err := pause(t.Context(), n); err != nil {
					t.Fatal(err)
				}
				took := time.Since(begin)
				seen[took] = true
				longest[n] = max(longest[n], took)
			}
		}
		if len(seen) < 3000 {
			t.Errorf("of 4000 pauses %d differ", len(seen))
		}
		for n, took := range longest {
			if limit := 2 * time.Millisecond << min(n, 8); took > limit || took < limit/2 {
				t.Errorf("the longest pause after attempt %d took %s, of at most %s", n, took, limit)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
		defer cancel()
		begin := time.Now()
		if err := pause(ctx, 8); err != context.DeadlineExceeded || time.Since(begin) > time.Nanosecond {
			t.Errorf("%v after %s", err, time.Since(begin))
		}
	})
}
