package devices

import (
	"context"
	"errors"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// tombstone leads from a user and the client's own device id to the device that was
// taken off the list while its wipe was pending. It belongs to the user and
// goes with them: the command, which outlives both, does not say whose device
// it was.
type tombstone struct {
	Device chatadmin.ID `json:"device"`
}

func (t *tombstone) check() error {
	if t.Device == "" || notOpaque(t.Device) {
		return errors.New("it names no device")
	}
	return nil
}

// tombstoneLook is when it is looked whether the wipe at the end of a tombstone was
// answered, and then as often: such a tombstone is not needed any more.
const tombstoneLook = 30 * 24 * time.Hour

func tombstoneID(user chatadmin.ID, deviceKey string) string { return string(user) + "." + deviceKey }

// leaveTrail makes a device that is being removed found again, if its wipe is
// pending. A user who is being deleted does not register again, and gets no
// record any more.
func leaveTombstone(ctx context.Context, w *chatadmin.Writer, h *entry) error {
	if !h.state().Pending() {
		return nil
	}
	e, err := trails.Get(ctx, w, w.Domain.ID, tombstoneID(h.user, h.row.Key))
	if err != nil && !errors.Is(err, chatadmin.ErrNotFound) && !errors.Is(err, chatadmin.ErrDamaged) {
		return err
	}
	e.Owner, e.Due, e.Value = h.user, w.Now().Add(tombstoneLook), tombstone{Device: h.id}
	if err := trails.Put(ctx, w, &e); !errors.Is(err, chatadmin.ErrNotFound) {
		return err
	}
	return nil
}

// followTrail finds what is left of a user's device that was removed while its
// wipe was pending, or nil, and the tombstone to it, if any. A tombstone that cannot be
// read is an error: it may lead to a wipe.
func findTombstone(ctx context.Context, r storage.Reader, domain, user chatadmin.ID, deviceKey string) (*entry, *chatadmin.Entry[tombstone], error) {
	e, err := trails.Get(ctx, r, domain, tombstoneID(user, deviceKey))
	if errors.Is(err, chatadmin.ErrNotFound) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	hs, err := load(ctx, r, domain, []chatadmin.ID{e.Value.Device})
	if err != nil || len(hs) == 0 || !hs[0].state().Pending() {
		return nil, &e, err
	}
	return hs[0], &e, nil
}

// takeBack makes a device whose wipe has outlived it a device again, of the
// same generation, which has yet to answer. It is nil where there is none.
func takeBack(ctx context.Context, w *chatadmin.Writer, user chatadmin.ID, deviceKey string) (*entry, error) {
	h, e, err := findTombstone(ctx, w, w.Domain.ID, user, deviceKey)
	if err != nil {
		return nil, err
	}
	if e != nil {
		if err := trails.Delete(ctx, w, e); err != nil {
			return nil, err
		}
	}
	if h != nil {
		h.row = storage.Device{ID: h.id, Status: uint8(Disabled), Generation: h.command.Generation}
		h.data.Reasons = ByWipe
	}
	return h, nil
}

// pruneTombstones deletes the tombstones of a domain that lead to no pending wipe any
// more, and returns how many. The others are looked at again later.
func (r *Registry) pruneTombstones(ctx context.Context, domain chatadmin.ID) (total int, err error) {
	q := storage.RecordQuery{Kind: tombstoneKind, Domain: domain, DueBy: r.admin.Now()}
	for p := (chatadmin.Page{Limit: batch}); ; {
		due, next, err := r.admin.Store().ListRecords(ctx, q, p)
		if err != nil {
			return total, err
		}
		n := 0
		err = r.admin.Bookkeep(ctx, domain, func(ctx context.Context, w *chatadmin.Writer) (err error) {
			n, err = pruneTombstones(ctx, w, domain, due)
			return err
		})
		if err != nil && !errors.Is(err, chatadmin.ErrCommitUnknown) { // the next round finds out
			return total, err
		}
		total += n
		if p.After = next; next == "" {
			return total, nil
		}
	}
}

// pruneTombstones deletes those of the tombstones whose wipe was answered.
func pruneTombstones(ctx context.Context, w *chatadmin.Writer, domain chatadmin.ID, due []storage.Record) (n int, err error) {
	leads := make([]chatadmin.ID, len(due)) // "" where it cannot be read
	var ids []chatadmin.ID
	for i, r := range due {
		if t, err := trails.Decode(r); err == nil {
			leads[i] = t.Device
			ids = append(ids, t.Device)
		}
	}
	hs, err := load(ctx, w, domain, ids)
	if err != nil {
		return 0, err
	}
	keep := map[chatadmin.ID]bool{"": true}
	for _, h := range hs {
		keep[h.id] = h.state().Pending()
	}
	changes := make([]storage.Write[storage.Record], len(due))
	for i, r := range due {
		changes[i] = storage.Write[storage.Record]{Row: r, Was: r.Rev, Delete: !keep[leads[i]]}
		if changes[i].Row.Due = w.Now().Add(tombstoneLook); changes[i].Delete {
			n++
		}
	}
	for i := range changes {
		if changes[i].Row.Rev, err = w.NextRev(changes[i].Was); err != nil {
			return 0, err
		}
	}
	_, err = w.ChangeRecords(ctx, changes) // one that changed meanwhile is looked at again
	return n, err
}
