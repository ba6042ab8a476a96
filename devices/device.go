package devices

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/chatadmin/storage"
)

// Type is the kind of machine a native client runs on.
type Type uint8

// The types of machines.
const (
	IOS Type = iota + 1
	Android
	Windows
	Mac
	Linux
	OtherType
)

var typeNames = [...]string{"", "ios", "android", "windows", "mac", "linux", "other"}

// String is "ios", "android", "windows", "mac", "linux" or "other".
func (t Type) String() string { return named(typeNames[:], uint8(t)) }

// ParseType is the inverse of String; anything else is chatadmin.ErrInvalid.
func ParseType(s string) (Type, error) {
	for i, name := range typeNames {
		if i > 0 && name == s {
			return Type(i), nil
		}
	}
	return 0, fmt.Errorf("type %q: choose one of %s: %w", chatadmin.Cut(s), strings.Join(typeNames[1:], ", "), chatadmin.ErrInvalid)
}

// Status says whether a device is let in. Whether it is wiped is another
// matter: see Wipe.
type Status uint8

// The states of a device.
const (
	Enabled  Status = iota + 1 // let in, once it has registered
	Disabled                   // for at least one Reason
)

var statusNames = [...]string{"", "enabled", "disabled"}

// String is "enabled" or "disabled".
func (s Status) String() string { return named(statusNames[:], uint8(s)) }

// ParseStatus is the inverse of String; anything else is chatadmin.ErrInvalid.
func ParseStatus(s string) (Status, error) {
	switch s {
	case "enabled":
		return Enabled, nil
	case "disabled":
		return Disabled, nil
	}
	return 0, fmt.Errorf("status %q: enabled or disabled: %w", chatadmin.Cut(s), chatadmin.ErrInvalid)
}

func named(names []string, i uint8) string {
	if i > 0 && int(i) < len(names) {
		return names[i]
	}
	return "unknown"
}

// Device is one registration of a native client. Two people who share a phone
// have two.
type Device struct {
	ID, User   chatadmin.ID
	Key        string // the client's own device id
	Name       string // as the client calls itself, such as "Ann's iPhone"
	Version    string // of the app
	Type       Type
	Status     Status
	Reasons    Reasons // why it is disabled
	Generation int64   // which of its registrations is the present one: 1, 2, …
	LastSeen   time.Time
	Wipe       Wipe    // of this generation
	Command    Command // the wipe itself; zero where Wipe is None
	// Damaged says that what is kept of the device, or of its command, cannot
	// be read. See chatadmin.Scope.Repair.
	Damaged bool

	Login, UserName string // of its user; filled in by lists
}

// data is what Device.Data of the store holds.
type data struct {
	Reasons Reasons `json:"disabled_by,omitempty"`
	Push    string  `json:"push,omitempty"` // the push token
	Wipe    []byte  `json:"wipe,omitempty"` // hash of the wipe credential
}

// datas reads and writes the data of rows, as if they were records.
var datas = chatadmin.RecordKind[data]{Name: deviceKind}

// deviceKind is the kind under which rows that cannot be read are listed and
// repaired.
const deviceKind = "device"

// decodeData reads the data of a row. Its error is a *chatadmin.DamagedError,
// and comes also if the row contradicts its data.
func decodeData(row *storage.Device) (data, *chatadmin.DamagedError) {
	d, err := datas.Decode(storage.Record{Key: key(deviceKind, row.Domain, row.ID), Data: row.Data})
	if err == nil && Status(row.Status) != d.Reasons.status() {
		err = &chatadmin.DamagedError{Kind: deviceKind, Domain: row.Domain, ID: string(row.ID), Why: "its status contradicts the reasons for it"}
	}
	var bad *chatadmin.DamagedError
	if errors.As(err, &bad) {
		return salvage(row.Data), bad
	}
	return d, nil
}

// salvage takes from data that cannot be read what shuts the device out, and
// the hash by which it fetches a wipe. Without more it is as if an
// administrator had disabled the device.
func salvage(text []byte) data {
	var parts map[string]json.RawMessage
	d := data{}
	if json.Unmarshal(text, &parts) == nil {
		if json.Unmarshal(parts["disabled_by"], &d.Reasons) != nil {
			d.Reasons = 0
		}
		if json.Unmarshal(parts["wipe"], &d.Wipe) != nil {
			d.Wipe = nil
		}
	}
	d.Reasons |= ByAdmin
	return d
}

const maxKey = 128

// Registration is what a client says of its device.
type Registration struct {
	// Key is the client's own device id: 1 to 128 printable ASCII characters
	// without spaces, compared exactly.
	Key     string
	Type    Type
	Name    string // at most 100 bytes
	Version string // of the app, at most 50 bytes
	// Push is the push token, of at most 1024 printable ASCII characters; zero
	// for none.
	Push secret.Value
	// Proof, if set, is called in the transaction of the registration, before
	// anything is written, and refuses it by an error: for a proof of who the
	// user is that is used up by registering, such as a code. nil: the host has
	// authenticated the user.
	Proof chatadmin.DeviceFunc
}

func (n *Registration) check() error {
	n.Name, n.Version = strings.TrimSpace(n.Name), strings.TrimSpace(n.Version)
	wrong := func(field, value, code, reason string) error {
		return &chatadmin.FieldError{Field: field, Value: chatadmin.Cut(value), Code: code, Reason: reason}
	}
	switch {
	case n.Key == "":
		return wrong("device_id", "", chatadmin.CodeMissing, "the device has no id")
	case len(n.Key) > maxKey || !printable(n.Key):
		return wrong("device_id", n.Key, chatadmin.CodeBadText, "a device id has 1 to 128 printable ASCII characters and no spaces")
	case n.Type < IOS || n.Type > OtherType:
		return wrong("type", "", chatadmin.CodeMissing, "the device has no type, such as ios or android")
	case len(n.Name) > 100 || !visible(n.Name):
		return wrong("name", n.Name, chatadmin.CodeBadText, "a name has at most 100 bytes and no control characters")
	case len(n.Version) > 50 || !printable(strings.ReplaceAll(n.Version, " ", "")):
		return wrong("version", n.Version, chatadmin.CodeBadText, "a version has at most 50 printable ASCII characters")
	case len(n.Push.Reveal()) > 1024 || !printable(n.Push.Reveal()):
		return wrong("push_token", "", chatadmin.CodeBadText, "a push token has at most 1024 printable ASCII characters and no spaces")
	}
	return nil
}

// visible reports whether a person sees every character; a joiner within an
// emoji is one that people type.
func visible(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsGraphic(r) && r != '\u200d' })
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
