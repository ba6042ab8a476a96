package chatadmin

import (
	"fmt"
	"time"
)

// ClockError is returned by a worker's call that deletes what has become due, if
// its clock has moved further since its last run than a worker pauses: a clock
// that is ahead makes everything due at once. Nothing was deleted. If the clock is
// right, since the worker did not run for a while, a person goes on as Do says.
type ClockError struct {
	Task string    // such as "retention"
	Last time.Time // run of the worker; zero if it is not known
	Now  time.Time // by the clock
	Do   string    // if the clock is right
}

func (e *ClockError) Error() string {
	last := "there is no earlier run to compare it with"
	if !e.Last.IsZero() {
		last = "the last run was at " + e.Last.Format(time.RFC3339)
	}
	return fmt.Sprintf("%s: the clock says %s, but %s: put the clock right, or, if it is right, %s", e.Task, e.Now.Format(time.RFC3339), last, e.Do)
}

// Unwrap is ErrState.
func (e *ClockError) Unwrap() error { return ErrState }

// ErrorCode is "clock".
func (e *ClockError) ErrorCode() string { return "clock" }
