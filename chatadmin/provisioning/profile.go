package provisioning

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"chatadmin.example/sdk/chatadmin"
)

// The bounds of a priority. The highest interrupts the others; see package
// chatadmin/floor.
const (
	LowestPriority  = 0
	HighestPriority = 5
)

// Client is the kind of client that a user signs in with.
type Client string

// The kinds of clients. UnknownClient is replaced by that of the first device
// that registers; RTPGateway must be chosen, since no device registers as one.
const (
	UnknownClient Client = "unknown"
	IOS           Client = "ios"
	Android       Client = "android"
	Windows       Client = "windows"
	Mac           Client = "mac"
	Linux         Client = "linux"
	OtherClient   Client = "other"
	RTPGateway    Client = "rtp gateway"
)

// Clients lists the kinds of clients.
func Clients() []Client {
	return []Client{UnknownClient, IOS, Android, Windows, Mac, Linux, OtherClient, RTPGateway}
}

// clientWords are what people write besides.
var clientWords = map[string]Client{"": UnknownClient, "iphone": IOS, "ipad": IOS, "pc": Windows, "macos": Mac, "gateway": RTPGateway, "rtp": RTPGateway}

// ParseClient reads the kind of a client, such as "RTP Gateway" or "iPhone".
func ParseClient(s string) (Client, error) {
	key := strings.Join(strings.FieldsFunc(chatadmin.Fold(s), func(r rune) bool { return r == ' ' || r == '_' || r == '-' }), " ")
	if c, ok := clientWords[key]; ok {
		return c, nil
	}
	if i := slices.Index(Clients(), Client(key)); i >= 0 {
		return Clients()[i], nil
	}
	return "", badClient(s)
}

func badClient(s string) *chatadmin.FieldError {
	return &chatadmin.FieldError{Field: fieldClient, Value: chatadmin.Cut(s), Code: CodeBadClient,
		Reason: "choose unknown, ios, android, windows, mac, linux, other or rtp gateway"}
}

// Profile is what a user has beside the fields of chatadmin.User. The zero
// Profile is that of a user for whom nothing was chosen.
type Profile struct {
	Version int `json:"v"`
	// Priority is 0 (lowest) to 5 (highest).
	Priority int `json:"priority,omitempty"`
	// Client is "" for UnknownClient.
	Client Client `json:"client,omitempty"`
	// SendText sends activation codes by text message.
	SendText bool `json:"send_text,omitempty"`
	// IMEI is that of the phone that activates the user, 13 or 15 digits; ""
	// activates by a code.
	IMEI string `json:"imei,omitempty"`
	// ContactsOff keeps the user out of the contacts of their department.
	ContactsOff bool `json:"contacts_off,omitempty"`
	// Trusted is set when the user first registers a device.
	Trusted bool `json:"trusted,omitempty"`
	// Administers is the department that the user administers, as long as they
	// are in it.
	Administers chatadmin.ID `json:"administers,omitempty"`
}

// Activation is how a user's first device signs in.
type Activation string

const (
	// Automatic activates by a code, which is sent by text message or e-mail.
	Automatic Activation = "automatic"
	// Manual activates the phone with the IMEI that was typed in.
	Manual Activation = "manual"
)

// Activation is how the user's first device signs in.
func (p Profile) Activation() Activation {
	if p.IMEI != "" {
		return Manual
	}
	return Automatic
}

// ClientType is the kind of the user's client.
func (p Profile) ClientType() Client {
	if p.Client == "" {
		return UnknownClient
	}
	return p.Client
}

// profileName is the name in chatadmin.Attributes.Preferences.
const profileName = "provisioning"

const profileVersion = 1

// ErrProfile wraps what cannot be read of a user's profile.
var errProfile = chatadmin.ErrUnavailable.New("profile_damaged", "what is kept of this user's radio cannot be read: repair the user first")

// has reports whether attributes may hold a profile, without decoding them.
func has(attrs []byte) bool { return bytes.Contains(attrs, []byte(`"`+profileName+`"`)) }

// ProfileOf reads the profile of a user. kept is false if there is none, which
// is the zero Profile.
func ProfileOf(u *chatadmin.User) (p Profile, kept bool, err error) {
	if u == nil || !has(u.Attrs) {
		return Profile{}, false, nil
	}
	a, err := chatadmin.AttributesOf(*u)
	if err != nil {
		return Profile{}, false, err
	}
	return profileIn(&a)
}

func profileIn(a *chatadmin.Attributes) (p Profile, kept bool, err error) {
	data, kept := a.Preferences[profileName]
	if !kept {
		return Profile{}, false, nil
	}
	err = json.Unmarshal(data, &p)
	if err == nil {
		err = p.check()
	}
	if err != nil {
		return Profile{}, true, fmt.Errorf("%w: %w", errProfile, err)
	}
	return p, true, nil
}

// check refuses what no call of this package writes.
func (p Profile) check() error {
	switch {
	case p.Version != profileVersion:
		return errors.New("it has another version than this library knows")
	case p.Priority < LowestPriority || p.Priority > HighestPriority, p.Client != "" && !slices.Contains(Clients(), p.Client),
		p.IMEI != "" && imeiFault(p.IMEI, false) != "":
		return errors.New("it holds values that cannot be")
	}
	return nil
}

// putProfile puts a profile into attributes.
func putProfile(a *chatadmin.Attributes, p Profile) error {
	p.Version = profileVersion
	if p.Client == UnknownClient {
		p.Client = ""
	}
	data, err := json.Marshal(p)
	if err != nil {
		return err
	}
	all := map[string]json.RawMessage{profileName: data}
	for name, other := range a.Preferences {
		if name != profileName {
			all[name] = other
		}
	}
	a.Preferences = all
	return nil
}

// diffProfile says what differs between two profiles, for the audit log.
func diffProfile(was, now json.RawMessage) (d []chatadmin.FieldChange) {
	read := func(data json.RawMessage) (p Profile) {
		if json.Unmarshal(data, &p) != nil {
			return Profile{}
		}
		return p
	}
	a, b := read(was), read(now)
	for _, f := range [...]struct{ field, before, after string }{
		{fieldPriority, strconv.Itoa(a.Priority), strconv.Itoa(b.Priority)},
		{fieldClient, string(a.ClientType()), string(b.ClientType())},
		{fieldSendText, yesNo(a.SendText), yesNo(b.SendText)},
		{fieldIMEI, a.IMEI, b.IMEI},
		{fieldContacts, yesNo(!a.ContactsOff), yesNo(!b.ContactsOff)},
		{"trusted", yesNo(a.Trusted), yesNo(b.Trusted)},
		{"administers", string(a.Administers), string(b.Administers)},
	} {
		if f.before != f.after {
			d = append(d, chatadmin.FieldChange{Field: f.field, Before: f.before, After: f.after})
		}
	}
	return d
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
