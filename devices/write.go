package devices

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// changed reports whether there is anything to write.
func (h *entry) changed() bool { return h.remove || h.rowChanged() || h.commandChanged() }

// rowChanged reports whether the row is to be written. A change of the command
// alone changes the row's revision too, so that everything about one device
// comes one after the other.
func (h *entry) rowChanged() bool {
	r, w := &h.row, &h.was
	return h.repaired || r.Name != w.Name || r.Version != w.Version || r.Type != w.Type || r.Status != w.Status || r.Generation != w.Generation || !r.LastSeen.Equal(w.LastSeen) ||
		!bytes.Equal(r.Secret, w.Secret) || h.damaged == nil && h.dataChanged() ||
		h.was.Rev != 0 && h.commandChanged()
}

func (h *entry) dataChanged() bool {
	return h.data.Reasons != h.wasData.Reasons || h.data.Push != h.wasData.Push || !bytes.Equal(h.data.Wipe, h.wasData.Wipe)
}

// commandChanged reports whether the command is to be written. What stands in
// for one that cannot be read is written as soon as the row may go: the row
// knows the credential.
func (h *entry) commandChanged() bool {
	return h.command.ID != h.wasCommand.ID || h.command.State != h.wasCommand.State || !bytes.Equal(h.command.Hash, h.wasCommand.Hash) ||
		h.lost != nil && h.command.State.Pending() && (h.asked || h.remove)
}

// write writes what has changed of at most chatadmin.MaxBatch devices and
// records the event, in parts that name their users too. What nothing has
// happened to is left alone; with nothing to write there is no event. The rows
// come last and share one revision, which the event has too: so the events
// about a device are in the order of its changes.
func write(ctx context.Context, w *chatadmin.Writer, kind string, all []*entry) error {
	var changed []*entry
	var records []storage.Write[storage.Record]
	for _, h := range all {
		if !h.changed() {
			continue
		}
		changed = append(changed, h)
		more, err := h.recordChanges(w)
		if err != nil {
			return err
		}
		records = append(records, more...)
	}
	if len(changed) == 0 {
		return nil
	}
	switch err := w.PutRecords(ctx, records); {
	case errors.Is(err, chatadmin.ErrNotFound): // a device that they belong to went meanwhile: look again
		return storage.ErrRetry
	case err != nil:
		return err
	}
	if err := trimHistory(ctx, w, records); err != nil {
		return err
	}
	if err := writeRows(ctx, w, changed); err != nil {
		return err
	}
	for len(changed) > 0 {
		part := changed[:min(len(changed), batch)]
		record(w, kind, part)
		changed = changed[len(part):]
	}
	return nil
}

func writeRows(ctx context.Context, w *chatadmin.Writer, changed []*entry) error {
	var rows []storage.Write[storage.Device]
	var was []storage.Rev
	for _, h := range changed {
		if !h.there() {
			continue
		}
		if h.damaged == nil {
			text, err := datas.Encode(&h.data)
			if err != nil {
				return err
			}
			h.row.Data = text
		}
		rows = append(rows, storage.Write[storage.Device]{Row: h.row, Was: h.was.Rev, Delete: h.remove})
		was = append(was, h.was.Rev)
	}
	if len(rows) == 0 {
		return nil
	}
	rev, err := w.NextRev(was...)
	if err != nil {
		return err
	}
	for i := range rows {
		rows[i].Row.Rev = rev
	}
	return lost(w.ChangeDevices(ctx, rows))
}

// lost turns conflicts into an error: the race is lost, or the user is gone.
func lost(cs []storage.Conflict, err error) error {
	switch {
	case err != nil || len(cs) == 0:
		return err
	case cs[0].Reason == storage.NoParent:
		return fmt.Errorf("%s: %w", cs[0].Field, chatadmin.ErrNotFound)
	}
	return storage.ErrRetry
}

func (h *entry) recordChanges(w *chatadmin.Writer) ([]storage.Write[storage.Record], error) {
	var all []storage.Write[storage.Record]
	gone := !h.there() || h.remove
	switch {
	case gone && h.commandRev != 0 && !h.command.State.Pending():
		// nothing is left to be done, and nobody to look at it
		return append(all, storage.Write[storage.Record]{Row: storage.Record{Key: key(commandKind, w.Domain.ID, h.id)}, Was: h.commandRev, Delete: true}), nil
	case !h.commandChanged():
		return nil, nil
	}
	r, err := h.command.record(w.Domain.ID)
	if err != nil {
		return nil, err
	}
	all = append(all, storage.Write[storage.Record]{Row: r, Was: h.commandRev})
	if !h.command.State.Pending() {
		if r, err = h.command.history(w.Domain.ID); err != nil {
			return nil, err
		}
		all = append(all, storage.Write[storage.Record]{Row: r})
	}
	if h.push {
		if r, err = newPush(w, h.command.Command); err != nil {
			return nil, err
		}
		all = append(all, storage.Write[storage.Record]{Row: r})
	}
	return all, nil
}

// maxHistory is how many commands that have ended are kept of a device.
const maxHistory = 100

// trimHistory deletes the oldest commands of devices that were given too many.
func trimHistory(ctx context.Context, w *chatadmin.Writer, written []storage.Write[storage.Record]) error {
	var owners []chatadmin.ID
	for _, c := range written {
		if c.Row.Kind == historyKind && !c.Delete {
			owners = append(owners, c.Row.Owner)
		}
	}
	if len(owners) == 0 {
		return nil
	}
	type line struct {
		rec   storage.Record
		asked time.Time // zero where it cannot be read
	}
	of := map[chatadmin.ID][]line{}
	q := storage.RecordQuery{Kind: historyKind, Domain: w.Domain.ID, Owners: owners}
	for r, err := range pages(func(p chatadmin.Page) ([]storage.Record, chatadmin.Cursor, error) { return w.ListRecords(ctx, q, p) }) {
		if err != nil {
			return err
		}
		c, _ := histories.Decode(r)
		of[r.Owner] = append(of[r.Owner], line{r, c.Asked})
	}
	var changes []storage.Write[storage.Record]
	for _, lines := range of {
		if len(lines) <= maxHistory {
			continue
		}
		slices.SortStableFunc(lines, func(a, b line) int { return a.asked.Compare(b.asked) })
		for _, l := range lines[:len(lines)-maxHistory] {
			changes = append(changes, storage.Write[storage.Record]{Row: l.rec, Was: l.rec.Rev, Delete: true})
		}
	}
	return w.PutRecords(ctx, changes)
}

// record adds one event about devices and their users. What is personal, the
// device's own id and name, stands under the user, where the user's deletion
// blanks it.
func record(w *chatadmin.Writer, kind string, part []*entry) {
	changes := make(map[chatadmin.ID][]chatadmin.FieldChange, len(part))
	targets := make([]chatadmin.ID, 0, 2*len(part))
	seen := map[chatadmin.ID]bool{"": true}
	for _, h := range part {
		targets = append(targets, h.id)
		changes[h.id] = h.diff()
		if !seen[h.user] {
			seen[h.user] = true
			targets = append(targets, h.user)
		}
		if before, after := label(&h.was), label(&h.row); before != after {
			changes[h.user] = append(changes[h.user], chatadmin.FieldChange{Field: "device " + string(h.id), Before: before, After: after})
		}
	}
	w.Audit(kind, targets, changes, nil)
}

func label(d *storage.Device) string {
	if d.Key == "" {
		return ""
	}
	return d.Key + " " + d.Name
}

func (h *entry) diff() []chatadmin.FieldChange {
	var all []chatadmin.FieldChange
	generation := func(g int64) string {
		if g == 0 {
			return ""
		}
		return strconv.FormatInt(g, 10)
	}
	before, after := *h, *h
	before.row, before.data, before.command = h.was, h.wasData, h.wasCommand
	status := func(d *entry) string {
		if !d.there() || d.remove {
			return ""
		}
		return Status(d.row.Status).String()
	}
	before.remove = false
	typed := func(d *entry) string {
		if d.row.Type == 0 {
			return ""
		}
		return Type(d.row.Type).String()
	}
	for _, f := range [...]chatadmin.FieldChange{
		{Field: "status", Before: status(&before), After: status(&after)},
		{Field: "disabled_by", Before: before.data.Reasons.String(), After: after.data.Reasons.String()},
		{Field: "wipe", Before: before.state().String(), After: after.state().String()},
		{Field: "generation", Before: generation(before.row.Generation), After: generation(after.row.Generation)},
		{Field: "type", Before: typed(&before), After: typed(&after)},
		{Field: "version", Before: before.row.Version, After: after.row.Version},
	} {
		if f.Before != f.After {
			all = append(all, f)
		}
	}
	return all
}
