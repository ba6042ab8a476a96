package devices

import (
	"encoding/json"
	"fmt"
	"time"

	"chatadmin.example/sdk/chatadmin"
)

// Command is an order to a device: to remove all of the network's content. A device has at most one at a time.
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

// stored is a command as kept: with the hash of the credential that may fetch and answer it.
type stored struct {
	Version int `json:"v"`
	Command
	Hash []byte `json:"hash"`
}

// The records of this package. The command of a device belongs to nobody while it is pending, and holds nothing personal: so it outlives the device and its user, and
// still can be fetched and answered. Once ended it belongs to the device.
const (
	commandKind = "device.command" // by device: its last command. Due since when it is pending
	historyKind = "device.history" // by command: those that have ended. Owner: the device
	pushKind    = "device.push"    // by command: a push to be sent. Owner: the device
	trailKind   = "device.removed" // by user and the client's own device id: see trail. Owner: the user
	userKind    = "device.user"    // by user: written by whatever adds devices to a user or takes their access. Owner: the user
)

// The purposes of credentials.
const (
	sessionPurpose = "device session"
	wipePurpose    = "device wipe"
)

func key(kind string, domain, id chatadmin.ID) chatadmin.Key {
	return chatadmin.Key{Kind: kind, Domain: domain, ID: string(id)}
}

func decodeCommand(r *chatadmin.Record) (c stored, err error) {
	if err = json.Unmarshal(r.Data, &c); err == nil && c.Version != 1 {
		err = fmt.Errorf("version %d is not known to this version of the library", c.Version)
	}
	if err != nil {
		return stored{}, fmt.Errorf("command of device %s: %w", r.ID, err)
	}
	return c, nil
}

// record writes the command down as the last one of its device.
func (c *stored) record(domain chatadmin.ID) (chatadmin.Record, error) {
	c.Version = 1
	text, err := json.Marshal(c)
	r := chatadmin.Record{Key: key(commandKind, domain, c.Device), Data: text}
	if c.State.Pending() {
		r.Due = c.Asked
	} else {
		r.Owner = c.Device
	}
	return r, err
}

// history writes an ended command down for good, without the credential.
func (c *stored) history(domain chatadmin.ID) (chatadmin.Record, error) {
	past := stored{Version: 1, Command: c.Command}
	text, err := json.Marshal(past)
	return chatadmin.Record{Key: key(historyKind, domain, c.ID), Owner: c.Device, Data: text}, err
}
