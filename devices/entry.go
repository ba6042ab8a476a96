package devices

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// batch is how many devices one transaction changes: each is up to three
// records, and its event names the user too.
const batch = 500

// entry is one device in a transaction: its row and its last command, as read
// and as they shall be. Either may be missing: a wipe outlives the row.
type entry struct {
	id, user chatadmin.ID
	row      storage.Device
	data     data
	command  stored

	was        storage.Device
	wasData    data
	wasCommand stored
	commandRev storage.Rev
	push       bool // queue one for the command
	remove     bool
	repaired   bool // its data is written anew
	asked      bool // a wipe was asked for now

	damaged *chatadmin.DamagedError // the row: it is not let in, and its data stays as it is
	lost    *chatadmin.DamagedError // the command: see standIn
}

// there reports whether the device has a row, or gets one: otherwise a pending
// wipe is all that is left of it.
func (h *entry) there() bool { return h.row.Key != "" }

// state is how far the wipe of the present generation has come: commands of
// earlier ones are history.
func (h *entry) state() Wipe {
	if h.command.ID == "" || h.there() && h.command.Generation != h.row.Generation {
		return None
	}
	return h.command.State
}

// wiping reports whether the device is kept out by a wipe, pending or done:
// then there is nothing to ask for.
func (h *entry) wiping() bool { return h.data.Reasons&(ByWipe|Wiped) != 0 }

// device is the device as everybody sees it.
func (h *entry) device() Device {
	d := Device{ID: h.id, User: h.user, Key: h.row.Key, Name: h.row.Name, Version: h.row.Version, Type: Type(h.row.Type), Status: Status(h.row.Status), Reasons: h.data.Reasons,
		Generation: h.row.Generation, LastSeen: h.row.LastSeen, Wipe: h.state()}
	if !h.there() { // what is left of it
		d.Status, d.Generation = Disabled, h.command.Generation
	}
	if d.Wipe != None {
		d.Command = h.command.Command
	}
	if d.Damaged = h.damaged != nil || h.lost != nil; h.damaged != nil {
		d.Status = Disabled
	}
	return d
}

// opens reports whether a token is the credential for fetching and answering
// commands: of the present registration, or of a wipe that has outlived it.
func (h *entry) opens(t chatadmin.Token) bool {
	if h.there() {
		return t.Matches(wipePurpose, h.data.Wipe)
	}
	return h.command.State.Pending() && t.Matches(wipePurpose, h.command.Hash)
}

// apply lets an event happen to the device. One that cannot be read is not let
// in by any.
func (h *entry) apply(e Event) error {
	if h.damaged != nil && (e == Register || e == Enable) {
		return fmt.Errorf("device %q: %w", chatadmin.Cut(h.name()), h.damaged)
	}
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

func (h *entry) name() string {
	if h.row.Key != "" {
		return h.row.Key
	}
	return string(h.id)
}

// ask makes a wipe requested, by a new command unless there is one.
func (h *entry) ask(w *chatadmin.Writer, command chatadmin.ID) error {
	before := h.state()
	h.asked = true
	if err := h.apply(AskWipe); err != nil || before.Pending() || before == Acknowledged {
		return err
	}
	h.command = stored{Command: Command{ID: command, Device: h.id, Generation: h.row.Generation, State: Requested, Asked: w.Now(), AskedBy: actor(w)}, Hash: h.data.Wipe}
	h.push = h.data.Push != ""
	return nil
}

// end ends the command.
func (h *entry) end(w *chatadmin.Writer, e Event, by chatadmin.ID, failure string) error {
	before := h.state()
	if err := h.apply(e); err != nil || h.state() == before {
		return err
	}
	h.command.Ended, h.command.EndedBy, h.command.Failure = w.Now(), by, failure
	return nil
}

func actor(w *chatadmin.Writer) chatadmin.ID {
	if w.Actor.ID == "" {
		return chatadmin.HostActor
	}
	return w.Actor.ID
}

// hold reads devices by ID with their last commands, in the order given. One of
// which neither is there is left out, and so is what cannot be an ID.
func load(ctx context.Context, r storage.Reader, domain chatadmin.ID, ids []chatadmin.ID) ([]*entry, error) {
	if slices.ContainsFunc(ids, notOpaque) {
		ids = slices.DeleteFunc(slices.Clone(ids), notOpaque)
	}
	rows, err := r.Devices(ctx, domain, ids)
	if err != nil {
		return nil, err
	}
	return withCommands(ctx, r, domain, ids, rows)
}

// withCommands holds devices whose rows are read already.
func withCommands(ctx context.Context, r storage.Reader, domain chatadmin.ID, ids []chatadmin.ID, rows []storage.Device) ([]*entry, error) {
	keys := make([]storage.Key, len(ids))
	for i, id := range ids {
		keys[i] = key(commandKind, domain, id)
	}
	records, err := r.Records(ctx, keys)
	if err != nil {
		return nil, err
	}
	last := make(map[chatadmin.ID]*storage.Record, len(records))
	for i := range records {
		last[chatadmin.ID(records[i].ID)] = &records[i]
	}
	byID := make(map[chatadmin.ID]*storage.Device, len(rows))
	for i := range rows {
		byID[rows[i].ID] = &rows[i]
	}
	var all []*entry
	for _, id := range ids {
		if byID[id] == nil && last[id] == nil {
			continue
		}
		all = append(all, newEntry(id, byID[id], last[id]))
	}
	return all, nil
}

func rowIDs(rows []storage.Device) []chatadmin.ID {
	ids := make([]chatadmin.ID, len(rows))
	for i := range rows {
		ids[i] = rows[i].ID
	}
	return ids
}

// newHeld holds a row and a command, either of which may be missing. What
// cannot be read protects as much as it could have.
func newEntry(id chatadmin.ID, row *storage.Device, command *storage.Record) *entry {
	h := &entry{id: id}
	if row != nil {
		h.row, h.user = *row, row.User
		h.data, h.damaged = decodeData(row)
	}
	if command != nil {
		var err error
		h.commandRev = command.Rev
		if h.command, err = commands.Decode(*command); errors.As(err, &h.lost) {
			h.standIn(command)
		}
	}
	if h.damaged != nil {
		h.shut()
	}
	h.was, h.wasData, h.wasCommand = h.row, h.data, h.command
	return h
}

// holdRows holds rows that were listed, without their commands, which the
// events of users do not need.
func loadRows(rows []storage.Device) []*entry {
	all := make([]*entry, len(rows))
	for i := range rows {
		all[i] = newEntry(rows[i].ID, &rows[i], nil)
	}
	return all
}
