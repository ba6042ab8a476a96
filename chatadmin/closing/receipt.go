package closing

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// Receipt says what the closing of a domain has deleted. It belongs to the host
// and outlives the domain. It holds no personal data but the reason that was
// given, so write nothing personal into that.
type Receipt struct {
	Run    chatadmin.ID `json:"run"`
	Domain chatadmin.ID `json:"domain"`
	Reason string       `json:"reason"`
	// Removed counts the rows that were deleted, by kind.
	Removed map[string]int64 `json:"removed"`

	Asked time.Time `json:"asked"` // when it was scheduled or begun
	Begun time.Time `json:"begun"`
	Ended time.Time `json:"ended"`

	// Sweeps is how often it was looked since whether a transaction that had
	// begun before has left something.
	Sweeps int `json:"sweeps,omitempty"`
}

var receipts = chatadmin.RecordKind[Receipt]{
	Name: "closed",
	ID:   func(r *Receipt) chatadmin.ID { return r.Run },
	Check: func(r *Receipt) error {
		if r.Domain == "" || r.Removed == nil || r.Sweeps < 0 {
			return errors.New("it names no domain")
		}
		return nil
	},
}

// Receipt reads the receipt of a closing by the ID of its run. It is for the
// host. It returns chatadmin.ErrNotFound if there is none.
func (c *Closings) Receipt(ctx context.Context, run chatadmin.ID) (Receipt, error) {
	e, err := receipts.Get(ctx, c.admin.Store(), "", string(run))
	return e.Value, err
}

// Receipts lists the receipts of all domains that were closed. It is for the
// host. One that cannot be read is yielded with a *chatadmin.DamagedError, and
// the list goes on; any other error ends it.
func (c *Closings) Receipts(ctx context.Context) iter.Seq2[Receipt, error] {
	return func(yield func(Receipt, error) bool) {
		for e, err := range receipts.Each(ctx, c.admin.Store(), storage.RecordQuery{}) {
			if !yield(e.Value, err) || err != nil && e.Damaged == nil {
				return
			}
		}
	}
}

// sweeps are when it is looked again for what late transactions have written.
// Records without an owner, such as a failed sign-in, are written without the
// domain's fence: one that was decided before the closing began can arrive when
// the domain is gone.
var sweeps = []time.Duration{10 * time.Minute, time.Hour, 24 * time.Hour}

// sweep deletes what came late to domains that are gone.
func (c *Closings) sweep(ctx context.Context, _ chatadmin.ID) (total int, err error) {
	var errs []error
	for e, err := range receipts.Each(ctx, c.admin.Store(), storage.RecordQuery{DueBy: c.admin.Now()}) {
		switch {
		case e.Damaged != nil:
			continue
		case err == nil:
			err = ctx.Err()
		}
		if err != nil {
			return total, errors.Join(append(errs, err)...)
		}
		n, err := c.sweepDomain(ctx, e.Value)
		if total += n; err != nil {
			errs = append(errs, fmt.Errorf("domain %s: %w", e.Value.Domain, err))
		}
	}
	return total, errors.Join(errs...)
}

// sweepDomain deletes the records and events that a domain which is gone still
// has, and counts them in its receipt.
func (c *Closings) sweepDomain(ctx context.Context, r Receipt) (total int, err error) {
	for more := true; more; {
		n := 0
		err := c.admin.Bookkeep(ctx, "", func(ctx context.Context, w *chatadmin.Writer) error {
			n = 0
			there, err := w.Domains(ctx, []chatadmin.ID{r.Domain})
			if err != nil || len(there) > 0 {
				more = false
				return err
			}
			e, err := receipts.Get(ctx, w, "", string(r.Run))
			if err != nil {
				return err
			}
			b := batch{domain: r.Domain, removed: e.Value.Removed}
			if more, err = b.records(ctx, w, chatadmin.MaxBatch); err == nil && !more {
				more, err = b.events(ctx, w, chatadmin.MaxBatch)
			}
			if err != nil {
				return err
			}
			if n = b.rows; !more {
				e.Due = time.Time{}
				if e.Value.Sweeps++; e.Value.Sweeps < len(sweeps) {
					e.Due = w.Now().Add(sweeps[e.Value.Sweeps])
				}
			}
			return receipts.Put(ctx, w, &e)
		})
		if err != nil {
			if errors.Is(err, chatadmin.ErrCommitUnknown) { // the next round finds out
				err = nil
			}
			return total, err
		}
		total += n
	}
	return total, nil
}
