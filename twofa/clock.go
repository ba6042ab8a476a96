package twofa

import "time"

// forever is later than every time that is written.
var forever = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// clockSkew is how far apart the clocks of two processes may be. What lies
// further ahead than it could was written by a clock that was wrong.
const clockSkew = 5 * time.Minute

// waits reports whether something that was put off until a time still waits.
// Nothing is put off by more than most: a time that lies further ahead was
// written by a clock that was wrong, and is over.
func waits(until, now time.Time, most time.Duration) bool {
	return now.Before(until) && !until.After(now.Add(most+clockSkew))
}

// ahead reports whether a time at which something happened lies so far in the
// future that the clock was wrong.
func ahead(at, now time.Time) bool { return at.After(now.Add(clockSkew)) }

// paused reports whether no code is looked at, since too many in a row were
// wrong.
func (st *state) paused(now time.Time) bool { return waits(st.Until, now, pauseAfter(st.Wrong)) }

// pauseAfter is how long no code is looked at after so many wrong ones in a
// row.
func pauseAfter(wrong int) time.Duration {
	return min(pause<<min(max(wrong/maxWrong-1, 0), 10), maxPause)
}
