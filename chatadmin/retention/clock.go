package retention

import (
	"context"
	"errors"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/internal/clockmark"
)

const (
	clockTask = "retention"
	// skew is by how much the clocks of a host's machines may differ.
	skew = time.Hour
)

// longestPause is how long a worker may not have run and still believes its clock,
// by the days of the policy: half of them, but at least two days and at most seven.
func longestPause(days int) time.Duration {
	return time.Duration(min(max(days/2, 2), 7)) * 24 * time.Hour
}

// lastRun reads when the clock was believed last. Where no worker has written it
// yet, it is the beginning of the newest run.
func (r *Retention) lastRun(ctx context.Context, domain chatadmin.ID) (clockmark.Mark, error) {
	m, err := clockmark.Read(ctx, r.admin.Store(), domain, clockTask)
	if err != nil || m.Known() {
		return m, err
	}
	for p := (chatadmin.Page{Limit: chatadmin.MaxBatch}); ; {
		page, next, err := r.admin.Store().ListRecords(ctx, chatadmin.RecordQuery{Kind: entryKind, Domain: domain}, p)
		if err != nil {
			return m, err
		}
		for _, rec := range page {
			if e, err := decode(rec); err == nil && e.Begun.After(m.At) {
				m.At, m.Before = e.Begun, e.Before
			}
		}
		if p.After = next; next == "" {
			return m, nil
		}
	}
}

// jumped reports whether a worker asks before it deletes.
func jumped(m clockmark.Mark, now time.Time, days int) bool {
	return now.Sub(m.At) > longestPause(days)
}

// believe writes down that a worker has run and that nothing was due.
func (r *Retention) believe(ctx context.Context, domain chatadmin.ID, at, before time.Time) error {
	err := r.admin.Keep(ctx, domain, func(ctx context.Context, w *chatadmin.Work) error { return move(ctx, w, domain, at, before) })
	if errors.Is(err, chatadmin.ErrCommitUnknown) {
		return nil // the next run writes it
	}
	return err
}

func move(ctx context.Context, w *chatadmin.Work, domain chatadmin.ID, at, before time.Time) error {
	m, err := clockmark.Read(ctx, w, domain, clockTask)
	if err != nil {
		return err
	}
	return m.Move(ctx, w, domain, clockTask, at, before)
}
