package devices

import (
	"errors"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// Command tells a device to remove all of the network's content. A device has
// at most one command at a time.
type Command struct {
	ID         chatadmin.ID `json:"id"`
	Device     chatadmin.ID `json:"device"`
	Generation int64        `json:"generation"` // of the device, to which alone it is delivered
	State      Wipe         `json:"state"`
	Asked      time.Time    `json:"asked"`
	AskedBy    chatadmin.ID `json:"asked_by"` // a user, or chatadmin.HostActor
	Delivered  time.Time    `json:"delivered,omitzero"`
	Ended      time.Time    `json:"ended,omitzero"`
	EndedBy    chatadmin.ID `json:"ended_by,omitempty"` // who cancelled it; "" where the device has answered
	Failure    string       `json:"failure,omitempty"`  // what the device said, cut
}

// stored is a command as kept: with the hash of the credential that may fetch
// and answer it.
type stored struct {
	Command
	Hash []byte `json:"hash"`
}

// check refuses what no version of the library writes.
func (c *stored) check() error {
	if c.ID == "" || notOpaque(c.ID) || c.Device == "" || notOpaque(c.Device) || c.Generation < 1 || c.State == None || c.State > Cancelled {
		return errors.New("it lacks what every command has")
	}
	return nil
}

// The records of this package. The command of a device belongs to nobody while
// it is pending, and holds nothing personal: so it outlives the device and its
// user, and still can be fetched and answered. Once ended it belongs to the
// device.
const (
	commandKind = "device.command" // by device: its last command. Due since when it is pending
	historyKind = "device.history" // by command: those that have ended. Owner: the device
	pushKind    = "device.push"    // by command: a push to be sent. Owner: the device
	// by user and the client's own device id: see tombstone. Owner: the user
	tombstoneKind = "device.removed"
	// by user: written by whatever adds devices to a user or takes their
	// access. Owner: the user
	userKind = "device.user"
)

var (
	commands  = chatadmin.RecordKind[stored]{Name: commandKind, Check: (*stored).check}
	histories = chatadmin.RecordKind[stored]{Name: historyKind, Check: (*stored).check}
	pushes    = chatadmin.RecordKind[push]{Name: pushKind, Check: (*push).check}
	trails    = chatadmin.RecordKind[tombstone]{Name: tombstoneKind, Check: (*tombstone).check}
	guards    = chatadmin.RecordKind[struct{}]{Name: userKind}
)

// damageable are the kinds as an Admin lists and repairs them.
func (r *Registry) damageable() []chatadmin.Damageable {
	c, h, p, t, u := commands, histories, pushes, trails, guards
	c.Repair = repairCommand
	c.Need, h.Need, p.Need, t.Need, u.Need = chatadmin.PermDevices, chatadmin.PermDevices, chatadmin.PermDevices, chatadmin.PermDevices, chatadmin.PermDevices
	rows := chatadmin.DamageSource{Kind: deviceKind, Need: chatadmin.PermDevices, Each: damagedRows, Repair: repairRow}
	return []chatadmin.Damageable{rows, &c, &h, &p, &t, &u}
}

// The purposes of credentials.
const (
	sessionPurpose = "device session"
	wipePurpose    = "device wipe"
)

func key(kind string, domain, id chatadmin.ID) storage.Key {
	return storage.Key{Kind: kind, Domain: domain, ID: string(id)}
}

// record writes the command down as the last one of its device.
func (c *stored) record(domain chatadmin.ID) (storage.Record, error) {
	text, err := commands.Encode(c)
	r := storage.Record{Key: commands.Key(domain, string(c.Device)), Data: text}
	if c.State.Pending() {
		r.Due = c.Asked
	} else {
		r.Owner = c.Device
	}
	return r, err
}

// history writes an ended command down for good, without the credential.
func (c *stored) history(domain chatadmin.ID) (storage.Record, error) {
	text, err := histories.Encode(&stored{Command: c.Command})
	return storage.Record{Key: histories.Key(domain, string(c.ID)), Owner: c.Device, Data: text}, err
}
