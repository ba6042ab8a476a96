package chatadmin

import (
	"context"
	"time"

	"chatadmin.example/sdk/chatadmin/storage"
)

// isDue reports whether something is due. What is due later than this library
// ever puts things off was written by a clock that was wrong: it does not wait
// for that time.
func isDue(due, now time.Time, most time.Duration) bool {
	return !due.IsZero() && (!due.After(now) || due.After(now.Add(most+clockSkew)))
}

// clockSkew is how much the clocks of two processes may differ.
const clockSkew = 5 * time.Minute

// endOfTime is later than every time that is stored.
var endOfTime = time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)

// dueRecords lists at most limit records of q that are due: the earliest first
// or, where there is none, those that only a wrong clock puts off.
func dueRecords(ctx context.Context, r storage.Reader, q storage.RecordQuery, now time.Time, most time.Duration, limit int) ([]storage.Record, error) {
	q.DueBy = now
	due, _, err := storage.FirstPage(ctx, r.ListRecords, q, limit)
	if err != nil || len(due) > 0 {
		return due, err
	}
	q.DueBy = endOfTime
	for p := (Page{Limit: MaxBatch}); ; {
		page, next, err := r.ListRecords(ctx, q, p)
		if err != nil {
			return nil, err
		}
		for _, rec := range page {
			if isDue(rec.Due, now, most) && len(due) < limit {
				due = append(due, rec)
			}
		}
		if p.After = next; next == "" || len(due) >= limit {
			return due, nil
		}
	}
}
