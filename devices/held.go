package devices

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"chatadmin.example/sdk/chatadmin"
)

// batch is how many devices one transaction changes: each is up to three records, and its event names the user too.
const batch = 500

// held is one device in a transaction: its row and its last command, as read and as they shall be. Either may be missing: a wipe outlives the row.
type held struct {
	id, user chatadmin.ID
	row      chatadmin.Device
	data     data
	command  stored

	was        chatadmin.Device
	wasData    data
	wasCommand stored
	commandRev chatadmin.Rev
	push       bool // queue one for the command
	remove     bool
}

// there reports whether the device has a row, or gets one: otherwise a pending wipe is all that is left of it.
func (h *held) there() bool { return h.row.Key != "" }

// state is how far the wipe of the present generation has come: commands of earlier ones are history.
func (h *held) state() Wipe {
	if h.command.ID == "" || h.there() && h.command.Generation != h.row.Generation {
		return None
	}
	return h.command.State
}

// device is the device as everybody sees it.
func (h *held) device() Device {
	d := Device{ID: h.id, User: h.user, Key: h.row.Key, Name: h.row.Name, Version: h.row.Version, Type: Type(h.row.Type), Status: Status(h.row.Status), Reasons: h.data.Reasons,
		Generation: h.row.Generation, LastSeen: h.row.LastSeen, Wipe: h.state()}
	if !h.there() { // what is left of it
		d.Status, d.Generation = Disabled, h.command.Generation
	}
	if d.Wipe != None {
		d.Command = h.command.Command
	}
	return d
}

// opens reports whether a token is the credential for fetching and answering commands: of the present registration, or of a wipe that has outlived it.
func (h *held) opens(t chatadmin.Token) bool {
	if h.there() {
		return t.Matches(wipePurpose, h.data.Wipe)
	}
	return h.command.State.Pending() && t.Matches(wipePurpose, h.command.Hash)
}

// apply lets an event happen to the device.
func (h *held) apply(e Event) error {
	state, reasons, err := step(e, h.state(), h.data.Reasons)
	if err != nil {
		return fmt.Errorf("device %q: %w", chatadmin.Cut(h.name()), err)
	}
	h.data.Reasons = reasons
	if h.there() {
		h.row.Status = uint8(reasons.status())
	}
	if reasons != 0 {
		h.row.Secret = nil // revoked for good: who is let in again signs in anew
	}
	if h.command.ID != "" && state != None && h.state() != None {
		h.command.State = state
	}
	return nil
}

func (h *held) name() string {
	if h.row.Key != "" {
		return h.row.Key
	}
	return string(h.id)
}

// ask makes a wipe requested, by a new command unless there is one.
func (h *held) ask(w *chatadmin.Work, command chatadmin.ID) error {
	before := h.state()
	if err := h.apply(AskWipe); err != nil || before.Pending() || before == Acknowledged {
		return err
	}
	h.command = stored{Command: Command{ID: command, Device: h.id, Generation: h.row.Generation, State: Requested, Asked: w.Now(), AskedBy: actor(w)}, Hash: h.data.Wipe}
	h.push = h.data.Push != ""
	return nil
}

// end ends the command.
func (h *held) end(w *chatadmin.Work, e Event, by chatadmin.ID, failure string) error {
	before := h.state()
	if err := h.apply(e); err != nil || h.state() == before {
		return err
	}
	h.command.Ended, h.command.EndedBy, h.command.Failure = w.Now(), by, failure
	return nil
}

func actor(w *chatadmin.Work) chatadmin.ID {
	if w.Actor.ID == "" {
		return chatadmin.HostActor
	}
	return w.Actor.ID
}

// hold reads devices by ID with their last commands, in the order given. One of which neither is there is left out.
func hold(ctx context.Context, r chatadmin.Reader, domain chatadmin.ID, ids []chatadmin.ID) ([]*held, error) {
	rows, err := r.Devices(ctx, domain, ids)
	if err != nil {
		return nil, err
	}
	byID := make(map[chatadmin.ID]*chatadmin.Device, len(rows))
	for i := range rows {
		byID[rows[i].ID] = &rows[i]
	}
	keys := make([]chatadmin.Key, len(ids))
	for i, id := range ids {
		keys[i] = key(commandKind, domain, id)
	}
	records, err := r.Records(ctx, keys)
	if err != nil {
		return nil, err
	}
	commands := make(map[string]*chatadmin.Record, len(records))
	for i := range records {
		commands[records[i].ID] = &records[i]
	}
	var all []*held
	for _, id := range ids {
		if byID[id] == nil && commands[string(id)] == nil {
			continue
		}
		h, err := newHeld(id, byID[id], commands[string(id)])
		if err != nil {
			return nil, err
		}
		all = append(all, h)
	}
	return all, nil
}

func newHeld(id chatadmin.ID, row *chatadmin.Device, command *chatadmin.Record) (h *held, err error) {
	h = &held{id: id}
	if row != nil {
		h.row, h.user = *row, row.User
		if h.data, err = decodeData(row); err != nil {
			return nil, err
		}
	}
	if command != nil {
		h.commandRev = command.Rev
		if h.command, err = decodeCommand(command); err != nil {
			return nil, err
		}
	}
	h.was, h.wasData, h.wasCommand = h.row, h.data, h.command
	return h, nil
}

// holdRows holds rows that were listed, without their commands, which the events of users do not need.
func holdRows(rows []chatadmin.Device) ([]*held, error) {
	all := make([]*held, len(rows))
	for i := range rows {
		var err error
		if all[i], err = newHeld(rows[i].ID, &rows[i], nil); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// changed reports whether there is anything to write.
func (h *held) changed() bool { return h.remove || h.rowChanged() || h.commandChanged() }

// rowChanged: a change of the command alone changes the row's revision too, so that everything about one device comes one after the other.
func (h *held) rowChanged() bool {
	r, w := &h.row, &h.was
	return r.Name != w.Name || r.Version != w.Version || r.Type != w.Type || r.Status != w.Status || r.Generation != w.Generation || !r.LastSeen.Equal(w.LastSeen) ||
		!bytes.Equal(r.Secret, w.Secret) || h.data.Reasons != h.wasData.Reasons || h.data.Push != h.wasData.Push || !bytes.Equal(h.data.Wipe, h.wasData.Wipe) ||
		h.was.Rev != 0 && h.commandChanged()
}

func (h *held) commandChanged() bool {
	return h.command.ID != h.wasCommand.ID || h.command.State != h.wasCommand.State || !bytes.Equal(h.command.Hash, h.wasCommand.Hash)
}

// write writes what has changed of at most chatadmin.MaxBatch devices and records the event, in parts that name their users too. What nothing has happened to is left alone; with
// nothing to write there is no event. The rows come last and share one revision, which the event has too: so the events about a device are in the order of its changes.
func write(ctx context.Context, w *chatadmin.Work, kind string, all []*held, note map[string]string) error {
	var changed []*held
	var records []chatadmin.Change[chatadmin.Record]
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
		return chatadmin.ErrRetry
	case err != nil:
		return err
	}
	if err := writeRows(ctx, w, changed); err != nil {
		return err
	}
	for len(changed) > 0 {
		part := changed[:min(len(changed), batch)]
		record(w, kind, part, note)
		changed = changed[len(part):]
	}
	return nil
}

func writeRows(ctx context.Context, w *chatadmin.Work, changed []*held) error {
	var rows []chatadmin.Change[chatadmin.Device]
	var was []chatadmin.Rev
	for _, h := range changed {
		if !h.there() {
			continue
		}
		h.data.Version = 1
		text, err := json.Marshal(h.data)
		if err != nil {
			return err
		}
		h.row.Data = text
		rows = append(rows, chatadmin.Change[chatadmin.Device]{Row: h.row, Was: h.was.Rev, Delete: h.remove})
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
func lost(cs []chatadmin.Conflict, err error) error {
	switch {
	case err != nil || len(cs) == 0:
		return err
	case cs[0].Reason == chatadmin.NoParent:
		return fmt.Errorf("%s: %w", cs[0].Field, chatadmin.ErrNotFound)
	}
	return chatadmin.ErrRetry
}

func (h *held) recordChanges(w *chatadmin.Work) ([]chatadmin.Change[chatadmin.Record], error) {
	var all []chatadmin.Change[chatadmin.Record]
	gone := !h.there() || h.remove
	switch {
	case gone && h.command.ID != "" && !h.command.State.Pending(): // nothing is left to be done, and nobody to look at it
		return append(all, chatadmin.Change[chatadmin.Record]{Row: chatadmin.Record{Key: key(commandKind, w.Domain.ID, h.id)}, Was: h.commandRev, Delete: true}), nil
	case !h.commandChanged():
		return nil, nil
	}
	r, err := h.command.record(w.Domain.ID)
	if err != nil {
		return nil, err
	}
	all = append(all, chatadmin.Change[chatadmin.Record]{Row: r, Was: h.commandRev})
	if !h.command.State.Pending() {
		if r, err = h.command.history(w.Domain.ID); err != nil {
			return nil, err
		}
		all = append(all, chatadmin.Change[chatadmin.Record]{Row: r})
	}
	if h.push {
		if r, err = newPush(w, h.command.Command); err != nil {
			return nil, err
		}
		all = append(all, chatadmin.Change[chatadmin.Record]{Row: r})
	}
	return all, nil
}

// record adds one event about devices and their users. What is personal, the device's own id and name, stands under the user, where the user's deletion blanks it.
func record(w *chatadmin.Work, kind string, part []*held, note map[string]string) {
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
	w.Record(kind, targets, changes, note)
}

func label(d *chatadmin.Device) string {
	if d.Key == "" {
		return ""
	}
	return d.Key + " " + d.Name
}

func (h *held) diff() []chatadmin.FieldChange {
	var all []chatadmin.FieldChange
	generation := func(g int64) string {
		if g == 0 {
			return ""
		}
		return strconv.FormatInt(g, 10)
	}
	before, after := *h, *h
	before.row, before.data, before.command = h.was, h.wasData, h.wasCommand
	status := func(d *held) string {
		if !d.there() || d.remove {
			return ""
		}
		return Status(d.row.Status).String()
	}
	before.remove = false
	typed := func(d *held) string {
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
