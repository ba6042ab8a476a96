package devices

import (
	"hash/maphash"
	"sync/atomic"
	"time"
)

// limiter allows each key so many calls in a minute. It has a fixed size,
// whatever the number of keys: those that share a place share its calls, which
// at this size seldom matters.
type limiter struct {
	most   uint64
	seed   maphash.Seed
	places [1 << 15]atomic.Uint64 // the minute, and in the low 16 bits the calls in it
}

func newLimiter(most int) *limiter {
	return &limiter{most: uint64(min(most, 1<<16-1)), seed: maphash.MakeSeed()}
}

// allow counts a call. Where it is one too many, it says how long to wait.
func (l *limiter) allow(key string, now time.Time) (wait time.Duration, ok bool) {
	place := &l.places[maphash.String(l.seed, key)%uint64(len(l.places))]
	minute := uint64(now.Unix() / 60)
	for {
		was := place.Load()
		calls := was & 0xffff
		if was>>16 != minute {
			calls = 0
		}
		if calls >= l.most {
			return now.Truncate(time.Minute).Add(time.Minute).Sub(now), false
		}
		if place.CompareAndSwap(was, minute<<16|calls+1) {
			return 0, true
		}
	}
}
