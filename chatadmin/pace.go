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

// Pace chooses how many rows the batches of a long deletion have, 250 to
// MaxBulk, so that no transaction keeps others waiting for long, however slow
// the database is. The zero value begins with a quarter of MaxBulk. It is for
// one goroutine.
type Pace struct {
	rows  int
	began time.Time
}

// Next is the size of the batch that begins now, by how long the one before it
// took.
func (p *Pace) Next(now time.Time) int {
	took := now.Sub(p.began)
	switch {
	case p.began.IsZero():
		p.rows = storage.MaxBulk / 4
	case took > slow:
		p.rows = max(int(float64(p.rows)*slow.Seconds()/2/took.Seconds()), smallestPace)
	case took < quick:
		p.rows = min(p.rows*2, storage.MaxBulk)
	}
	p.began = now
	return p.rows
}
