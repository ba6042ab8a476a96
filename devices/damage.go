package devices

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"iter"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// standIn takes the place of a command that cannot be read. If it may be
// pending, it is: the device is told to wipe itself, by a command of another
// ID. Otherwise there is none. The host counts as its asker, so that domain
// admins alone can cancel it.
func (h *entry) standIn(rec *storage.Record) {
	if rec.Owner != "" && h.data.Reasons&ByWipe == 0 { // only what is pending has no owner
		h.command = stored{}
		return
	}
	sum := sha256.Sum256([]byte(fmt.Sprint(h.id, " ", rec.Rev)))
	h.command = stored{
		Command: Command{
			ID:         chatadmin.ID(hex.EncodeToString(sum[:16])),
			Device:     h.id,
			Generation: max(h.row.Generation, 1),
			State:      Requested,
			Asked:      rec.Due,
			AskedBy:    chatadmin.HostActor,
		},
		Hash: h.data.Wipe,
	}
}

// shut keeps a device out if its data cannot be read. The credential and a
// pending wipe in its command count.
func (h *entry) shut() {
	if !h.state().Pending() {
		return
	}
	if h.data.Reasons |= ByWipe; len(h.data.Wipe) == 0 {
		h.data.Wipe = h.command.Hash
	}
}

// damagedRows yields the devices of a domain whose data cannot be read.
func damagedRows(ctx context.Context, r storage.Reader, domain chatadmin.ID) iter.Seq2[*chatadmin.DamagedError, error] {
	return func(yield func(*chatadmin.DamagedError, error) bool) {
		q := storage.DeviceQuery{Domain: domain}
		for d, err := range pages(func(p chatadmin.Page) ([]storage.Device, chatadmin.Cursor, error) { return r.ListDevices(ctx, q, p) }) {
			if err != nil {
				yield(nil, err)
				return
			}
			if _, bad := decodeData(&d); bad != nil && !yield(bad, nil) {
				return
			}
		}
	}
}

// repairRow resets a device whose data cannot be read: it is disabled, as by an
// administrator. A pending wipe stays pending.
func repairRow(ctx context.Context, w *chatadmin.Writer, id string) (bool, error) {
	hs, err := load(ctx, w, w.Domain.ID, []chatadmin.ID{chatadmin.ID(id)})
	if err != nil {
		return false, err
	}
	if len(hs) == 0 || !hs[0].there() {
		return false, fmt.Errorf("device %q: %w", chatadmin.Cut(id), chatadmin.ErrNotFound)
	}
	h := hs[0]
	if h.damaged == nil {
		return false, nil
	}
	if err := mayActOn(ctx, w, hs, false); err != nil {
		return false, err
	}
	us, err := w.Users(ctx, w.Domain.ID, []chatadmin.ID{h.user})
	if err != nil {
		return false, err
	}
	if h.data.Reasons &^= ByUser; len(us) == 0 || us[0].Deleting || us[0].Denied || us[0].Status == chatadmin.Deactivated {
		h.data.Reasons |= ByUser
	}
	if !h.state().Pending() {
		h.data.Reasons &^= ByWipe
	}
	h.damaged, h.repaired = nil, true
	h.row.Status, h.row.Secret = uint8(h.data.Reasons.status()), nil
	return true, write(ctx, w, KindDisable, hs)
}

// repairCommand puts a readable command in the place of one that cannot be
// read, if it may be pending, and else deletes it.
func repairCommand(ctx context.Context, w *chatadmin.Writer, rec storage.Record) error {
	hs, err := load(ctx, w, w.Domain.ID, []chatadmin.ID{chatadmin.ID(rec.ID)})
	if err != nil {
		return err
	}
	c := storage.Write[storage.Record]{Row: storage.Record{Key: rec.Key}, Was: rec.Rev, Delete: true}
	if len(hs) > 0 && hs[0].command.ID != "" {
		c.Delete = false
		if c.Row, err = hs[0].command.record(w.Domain.ID); err != nil {
			return err
		}
	}
	return w.PutRecords(ctx, []storage.Write[storage.Record]{c})
}

// letsIn reports whether the data of a row gives no reason against the device.
// What the library has written of a device that is let in is known by sight,
// without decoding it: each request of a device asks.
func letsIn(row *storage.Device) bool {
	if plain(row.Data) {
		return true
	}
	d, bad := decodeData(row)
	return bad == nil && d.Reasons == 0
}

// plain reports whether text is data of version 1 as datas writes it, whole,
// and without reasons. For text that is not it may say no although it is.
func plain(text []byte) bool {
	rest, ok := bytes.CutPrefix(text, []byte(`{"v":1`))
	if !ok {
		return false
	}
	for _, name := range [...]string{`,"push":"`, `,"wipe":"`} {
		if len(rest) < len(name) || string(rest[:len(name)]) != name {
			continue
		}
		rest = rest[len(name):]
		end := bytes.IndexByte(rest, '"')
		if end < 0 || !simple(rest[:end], name == `,"wipe":"`) {
			return false
		}
		rest = rest[end+1:]
	}
	return len(rest) == 1 && rest[0] == '}'
}

// simple reports whether text stands for itself in JSON. A hash has the 44
// characters of 32 bytes.
func simple(text []byte, hash bool) bool {
	if hash && (len(text) != 44 || text[43] != '=') {
		return false
	}
	for i, c := range text {
		switch {
		case c < ' ' || c > '~' || c == '\\':
			return false
		case hash && i < 43 && !(c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '/'):
			return false
		}
	}
	return true
}
