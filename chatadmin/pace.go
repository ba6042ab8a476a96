package chatadmin

import (
	"time"

	"chatadmin.example/sdk/chatadmin/storage"
)

// A batch that took longer than slow is followed by one that should take half
// as long, and one that was quicker than quick by one of twice the size.
const (
	slow, quick  = 600 * time.Millisecond, 250 * time.Millisecond
	smallestPace = 250
)

// Pace chooses how many rows the batches of a run have, 250 to MaxBulk, so that
// no transaction keeps others waiting for long, however slow the database is,
// and none loses every race against those who write all the time. The zero
// value begins with a quarter of MaxBulk. It is for one goroutine.
type Pace struct {
	rows  int
	began time.Time
}

// Next is the size of the batch that begins now, by how long the one before it
// took.
func (p *Pace) Next(now time.Time) int {
	took := now.Sub(p.began)
	switch {
	case p.rows == 0:
		p.rows = storage.MaxBulk / 4
	case p.began.IsZero(): // the one before it has lost its race
	case took > slow:
		p.rows = max(int(float64(p.rows)*slow.Seconds()/2/took.Seconds()), smallestPace)
	case took < quick:
		p.rows = min(p.rows*2, storage.MaxBulk)
	}
	p.began = now
	return p.rows
}

// Lost makes the next batch half as large as the one that lost its race, and
// reports whether that can still help.
func (p *Pace) Lost() bool {
	if p.rows <= smallestPace {
		return false
	}
	p.rows, p.began = max(p.rows/2, smallestPace), time.Time{}
	return true
}
