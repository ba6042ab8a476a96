package preferences

import (
	"encoding/json"
	"maps"
	"slices"

	"golang.org/x/text/language"

	"chatadmin.example/sdk/chatadmin"
)

// Platform is a social network or channel through which customers write.
type Platform string

// The platforms that a program has unless Options.Platforms says otherwise.
const (
	Twitter  Platform = "twitter"
	Facebook Platform = "facebook"
)

// Availability is what a user's status becomes when they sign in.
type Availability string

// The availabilities. None leaves the status to the user.
const (
	None           Availability = "none"
	Online         Availability = "online"
	OnlineLiveChat Availability = "online_live_chat" // and available for live chat
)

// Switch is an option that is on, off, or not decided: "".
type Switch string

// The positions of a Switch.
const (
	On  Switch = "on"
	Off Switch = "off"
)

// Forward is how a user forwards messages by e-mail.
type Forward string

const (
	// CanRespond is the default: the product sends the mail, and answers go to
	// the user.
	CanRespond Forward = "can_respond"
	// NoReply sends from an address that nobody reads.
	NoReply Forward = "no_reply"
	// OwnClient opens the user's own e-mail program with a link to the message.
	OwnClient Forward = "own_client"
)

// Values are what a user, or a domain for everybody, has chosen. A zero field is
// not decided.
type Values struct {
	// Language is a BCP 47 tag of one of Options.Languages, such as "de" or
	// "de-CH". It is kept in chatadmin.Attributes.Language.
	Language string `json:"language,omitempty"`
	// Landing is the Page.Name of the page after signing in.
	Landing      string       `json:"landing,omitempty"`
	Availability Availability `json:"availability,omitempty"`
	// LiveChat is the user's account in the live chat, in the host's terms.
	LiveChat string `json:"live_chat,omitempty"`
	// Avatar is a picture for the live chat, as a reference that the host
	// understands. It is kept in chatadmin.Attributes.Avatar.
	Avatar string `json:"avatar,omitempty"`
	// NotifyAssigned tells the user of messages that are assigned to them.
	NotifyAssigned Switch `json:"notify_assigned,omitempty"`
	// NotifyUnpublished tells the user of scheduled messages that could not be
	// posted.
	NotifyUnpublished Switch `json:"notify_unpublished,omitempty"`
	// Suffix ends replies, such as "^Alexander" or "^AR".
	Suffix map[Platform]string `json:"suffix,omitempty"`
	// Account is the account that replies, in the host's terms.
	Account map[Platform]string `json:"account,omitempty"`
	Forward Forward             `json:"forward,omitempty"`
}

// clone copies the values, so that changing one changes nothing else.
func (v Values) clone() Values {
	v.Suffix, v.Account = maps.Clone(v.Suffix), maps.Clone(v.Account)
	return v
}

// over returns v with the fields of below where v has not decided.
func (v Values) over(below Values) Values {
	v = v.clone()
	for _, f := range []struct{ is, below *string }{
		{&v.Language, &below.Language}, {&v.Landing, &below.Landing}, {(*string)(&v.Availability), (*string)(&below.Availability)},
		{&v.LiveChat, &below.LiveChat}, {&v.Avatar, &below.Avatar}, {(*string)(&v.NotifyAssigned), (*string)(&below.NotifyAssigned)},
		{(*string)(&v.NotifyUnpublished), (*string)(&below.NotifyUnpublished)}, {(*string)(&v.Forward), (*string)(&below.Forward)},
	} {
		if *f.is == "" {
			*f.is = *f.below
		}
	}
	fill(&v.Suffix, below.Suffix)
	fill(&v.Account, below.Account)
	return v
}

// fill adds what to lacks.
func fill(to *map[Platform]string, from map[Platform]string) {
	for p, value := range from {
		if (*to)[p] != "" {
			continue
		}
		if *to == nil {
			*to = map[Platform]string{}
		}
		(*to)[p] = value
	}
}

// stored is what is kept under the package's name in the attributes of a user.
type stored struct {
	Version int `json:"v"`
	Values
}

const version = 1

// decode reads what is kept of a user. What no version has written is
// chatadmin.ErrDamaged.
func decode(u *chatadmin.User) (Values, error) {
	a, err := chatadmin.AttributesOf(*u)
	if err != nil {
		return Values{}, err
	}
	v, err := read(u, a.Preferences[name])
	v.Language, v.Avatar = a.Language, a.Avatar
	return v, err
}

func read(u *chatadmin.User, data json.RawMessage) (Values, error) {
	if len(data) == 0 {
		return Values{}, nil
	}
	damaged := func(why string) (Values, error) {
		return Values{}, &chatadmin.DamagedError{Kind: name, Domain: u.Domain, ID: string(u.ID), Why: why}
	}
	var is stored
	switch err := json.Unmarshal(data, &is); {
	case err != nil:
		return damaged("it is no JSON of preferences")
	case is.Version != version:
		return damaged("it has another version than this library knows")
	case !is.possible():
		return damaged("it holds values that cannot be")
	}
	return is.Values, nil
}

// possible reports whether the fields with few values have one of them.
func (v *Values) possible() bool {
	return slices.Contains(availabilities, v.Availability) && slices.Contains(switches, v.NotifyAssigned) &&
		slices.Contains(switches, v.NotifyUnpublished) && slices.Contains(forwards, v.Forward)
}

var (
	availabilities = []Availability{"", None, Online, OnlineLiveChat}
	switches       = []Switch{"", On, Off}
	forwards       = []Forward{"", CanRespond, NoReply, OwnClient}
)

// put keeps values in the attributes of a user.
func put(a *chatadmin.Attributes, v Values) error {
	a.Language, a.Avatar = v.Language, v.Avatar
	v.Language, v.Avatar = "", ""
	v = v.clone()
	blank := func(_ Platform, s string) bool { return s == "" }
	maps.DeleteFunc(v.Suffix, blank)
	maps.DeleteFunc(v.Account, blank)
	data, err := json.Marshal(stored{version, v})
	if err != nil {
		return err
	}
	a.Preferences = maps.Clone(a.Preferences)
	if string(data) == `{"v":1}` { // nothing is decided
		delete(a.Preferences, name)
		return nil
	}
	if a.Preferences == nil {
		a.Preferences = map[string]json.RawMessage{}
	}
	a.Preferences[name] = data
	return nil
}

// The languages of the interface unless Options.Languages says otherwise.
func defaultLanguages() []language.Tag {
	return []language.Tag{language.English, language.French, language.German, language.Spanish, language.Dutch}
}
