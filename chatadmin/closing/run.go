package closing

import (
	"context"
	"fmt"
	"strings"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// place is how far a closing is.
type place struct {
	Stage   stage                  `json:"stage"`
	Outside chatadmin.OutsidePlace `json:"outside,omitzero"` // what the host keeps outside the database
	After   chatadmin.Cursor       `json:"after,omitempty"`  // of what is written
	// Seen is 1 and what was gone when the last look found something left; 0:
	// none did.
	Seen int64 `json:"seen,omitempty"`
}

// stage is a part of a closing. Children go before their parents.
type stage int

const (
	written stage = iota // messages, files, chats, and what the host keeps
	blobs                // contents of files are released
	groups               // with their memberships
	devices
	queued // events for the host become the host's own
	records
	users
	auditEvents
	last // the domain, if nothing is left; else once more from the first
)

// batch is one transaction of a closing.
type batch struct {
	domain  chatadmin.ID
	run     chatadmin.ID // whose record stays until the end
	removed map[string]int64
	rows    int // how many were deleted
}

func (b *batch) gone(kind string, n int64) {
	b.removed[kind] += n
	b.rows += int(n)
}

// step prepares the next transaction.
func (c *Closings) step(ctx context.Context, s *chatadmin.Scope, run *Run, limit int) (step, error) {
	if run.State == chatadmin.RunScheduled {
		return c.start(s), nil
	}
	if run.Data.At.Stage == blobs {
		if _, err := c.admin.ReleaseBlobs(ctx, s.Domain()); err != nil {
			return step{}, err
		}
	}
	if c.admin.HasOutside() && run.Data.At.Stage == written && !run.Data.At.Outside.Done {
		return c.outside(ctx, s, run, limit)
	}
	outside := map[string]int64{} // that is left at the end
	if run.Data.At.Stage == last {
		var err error
		if outside, err = c.admin.CountOutside(ctx, all(s.Domain())); err != nil {
			return step{}, err
		}
	}
	// Exclusive: a row is added before this transaction, which sees it, or later,
	// when its parent is gone.
	op := chatadmin.Op{Kind: KindClose, Fence: storage.Exclusive, Targets: []chatadmin.ID{s.Domain()}}
	return step{Op: op, Do: func(ctx context.Context, w *chatadmin.Writer, run *Run) error {
		if err := unheld(ctx, w, s.Domain()); err != nil {
			return fmt.Errorf("closing %s waits: %w", run.ID, err)
		}
		b := &batch{domain: s.Domain(), run: run.ID, removed: run.Data.Removed}
		at := &run.Data.At
		for at.Stage < last && b.rows < limit {
			more, err := c.stage(ctx, w, b, at, limit-b.rows)
			if err != nil {
				return err
			}
			if more {
				break
			}
			// contents of files are released outside of transactions
			if *at = (place{Stage: at.Stage + 1, Seen: at.Seen}); at.Stage == blobs {
				break
			}
		}
		run.Done = sum(run.Data.Removed)
		if at.Stage < last || b.rows > 0 {
			return nil
		}
		return c.end(ctx, w, b, run, outside)
	}}, nil
}

// all selects everything that is written in a domain.
func all(domain chatadmin.ID) storage.ContentQuery {
	return storage.ContentQuery{Domain: domain, All: true}
}

// outside deletes the next page of what the host keeps outside the database,
// and returns the step that writes that down.
func (c *Closings) outside(ctx context.Context, s *chatadmin.Scope, run *Run, limit int) (step, error) {
	if _, _, err := c.view(ctx, s); err != nil {
		return step{}, err
	}
	if err := unheld(ctx, c.admin.Store(), s.Domain()); err != nil {
		return step{}, fmt.Errorf("closing %s waits: %w", run.ID, err)
	}
	n, at, err := c.admin.DeleteOutside(ctx, all(s.Domain()), run.Data.At.Outside, limit)
	op := chatadmin.Op{Kind: KindClose, Fence: storage.Exclusive, Targets: []chatadmin.ID{s.Domain()}}
	return step{Op: op, Do: func(_ context.Context, _ *chatadmin.Writer, run *Run) error {
		chatadmin.Counts(run.Data.Removed).Add(n)
		run.Data.At.Outside, run.Done = at, sum(run.Data.Removed)
		return nil
	}}, err
}

// stage deletes about limit rows of a stage, and reports whether more may be
// left.
func (c *Closings) stage(ctx context.Context, w *chatadmin.Writer, b *batch, at *place, limit int) (bool, error) {
	switch at.Stage {
	case written:
		return b.data(ctx, w, at, limit)
	case blobs:
		return false, c.released(ctx, w)
	case groups:
		return b.groups(ctx, w, limit)
	case devices:
		q := storage.DeviceQuery{Domain: b.domain}
		return deleted(ctx, b, Devices, q, min(limit, chatadmin.MaxBatch), w.ListDevices, w.ChangeDevices, func(d storage.Device) storage.Rev { return d.Rev })
	case queued:
		return w.HandOverEvents(ctx, limit)
	case records:
		return b.records(ctx, w, min(limit, chatadmin.MaxBatch))
	case users:
		return b.users(ctx, w, limit)
	case auditEvents:
		return b.events(ctx, w, min(limit, chatadmin.MaxBatch))
	}
	return false, nil
}

// released refuses to go on while contents of files wait to be deleted.
func (c *Closings) released(ctx context.Context, w *chatadmin.Writer) error {
	waiting, err := w.BlobsQueued(ctx)
	switch {
	case err != nil || !waiting:
		return err
	case c.admin.Options().Blobs == nil:
		return fmt.Errorf("the contents of files cannot be deleted without Options.Blobs: %w", chatadmin.ErrUnavailable)
	}
	return fmt.Errorf("some contents of files could not be deleted yet: see RefusedBlobs, try again later, or give them up with ForgetBlobs: %w",
		chatadmin.ErrUnavailable)
}

// end looks through all tables once more. If nothing is left, it deletes the
// domain itself and writes the receipt. Otherwise it goes round again.
func (c *Closings) end(ctx context.Context, w *chatadmin.Writer, b *batch, run *Run, outside map[string]int64) error {
	left, err := c.left(ctx, w, b, outside)
	if err != nil {
		return err
	}
	at := &run.Data.At
	if len(left) > 0 {
		gone := sum(run.Data.Removed)
		if at.Seen == 1+gone {
			return fmt.Errorf("closing %s: %s are left, and another round has deleted none", run.ID, strings.Join(left, ", "))
		}
		*at = place{Seen: 1 + gone}
		return nil
	}
	run.State = chatadmin.RunDone
	receipt := receipts.New("", string(run.ID), "", Receipt{Run: run.ID, Domain: b.domain, Reason: run.Data.Reason,
		Removed: run.Data.Removed, Asked: run.Asked, Begun: run.Begun, Ended: w.Now()})
	receipt.Due = w.Now().Add(sweeps[0])
	if err := receipts.Put(ctx, w, &receipt); err != nil {
		return err
	}
	return w.DeleteDomain(ctx, KindClosed)
}
