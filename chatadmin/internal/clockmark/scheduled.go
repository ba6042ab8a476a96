package clockmark

import (
	"context"
	"fmt"
	"time"

	"chatadmin.example/sdk/chatadmin"
)

const (
	// LongestPause is how long a worker may not have run and still believes its
	// clock, before it begins a scheduled run.
	LongestPause = 7 * 24 * time.Hour
	// Skew is by how much the clocks of a host's machines may differ.
	Skew = time.Hour
	// LongestGrace is the longest grace period of a scheduled run.
	LongestGrace = 365 * 24 * time.Hour
)

// Scheduling is what Begins must know of a kind of scheduled runs.
type Scheduling struct {
	Task  string // of the mark
	What  string // one run of the kind, such as "deletion"
	Doing string // what chatadmin.ClockError names, such as "deletions that are due"
}

// Begins reports whether a worker begins a scheduled run now. It calls again if
// the run was scheduled by a clock that was ahead; see Restart. It returns a
// *chatadmin.ClockError if a person must say that the clock is right.
func (k Scheduling) Begins(ctx context.Context, s *chatadmin.Scope, run *chatadmin.Run, again func() error) (bool, error) {
	if err := k.Timely(run); err != nil {
		return false, err
	}
	now := s.Admin().Now()
	switch {
	case run.Asked.After(now.Add(Skew)):
		return false, again()
	case run.Due.After(now):
		return false, nil
	}
	mark, err := Read(ctx, s.Admin().Store(), s.Domain(), k.Task)
	if err != nil {
		return false, err
	}
	if mark.Doubted(now, run) {
		return false, &chatadmin.ClockError{Task: k.Doing, Last: mark.At, Now: now, Do: fmt.Sprintf("resume %s %s yourself", k.What, run.ID)}
	}
	return true, nil
}

// Timely refuses a run whose time cannot be. An hour beyond the longest grace
// period is for the end of daylight saving time.
func (k Scheduling) Timely(run *chatadmin.Run) error {
	if grace := run.Due.Sub(run.Asked); grace < 0 || grace > LongestGrace+time.Hour {
		return fmt.Errorf("%s %s is due %s, but was asked for %s, and no grace period is as long: cancel it and schedule it anew: %w",
			k.What, run.ID, run.Due.Format(time.RFC3339), run.Asked.Format(time.RFC3339), chatadmin.ErrInvalid)
	}
	return nil
}

// Doubted reports whether a person must say that the clock is right before a
// run begins that is due.
func (m *Mark) Doubted(now time.Time, run *chatadmin.Run) bool {
	return m.Jumped(now, LongestPause) || !m.Known() && now.Sub(run.Due) > LongestPause
}

// Restart begins the grace period anew of a run that was scheduled by a clock
// that was ahead, and reports whether it did.
func Restart(run *chatadmin.Run, now time.Time) bool {
	if run.State != chatadmin.RunScheduled || !run.Asked.After(now.Add(Skew)) {
		return false
	}
	run.Asked, run.Due = now, now.Add(run.Due.Sub(run.Asked))
	return true
}
