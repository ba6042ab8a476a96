package devices

import (
	"fmt"
	"slices"
	"strings"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/texts"
)

// Wipe is how far the removal of the network's content from a device has come.
type Wipe uint8

// The states of a wipe.
const (
	None         Wipe = iota // nobody has asked for it since the device registered
	Requested                // waits until the device checks in
	Delivered                // the device was told, and is told again until it answers
	Acknowledged             // the device has done it
	Failed                   // the device could not do it
	Cancelled                // before it was delivered
)

var wipeNames = [...]string{"none", "requested", "delivered", "acknowledged", "failed", "cancelled"}

// String is "none", "requested", "delivered", "acknowledged", "failed" or
// "cancelled".
func (w Wipe) String() string {
	if int(w) < len(wipeNames) {
		return wipeNames[w]
	}
	return "unknown"
}

// MarshalText is String.
func (w Wipe) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

// UnmarshalText is the inverse of MarshalText.
func (w *Wipe) UnmarshalText(text []byte) error {
	i := slices.Index(wipeNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("wipe state %q: %w", chatadmin.Cut(string(text)), chatadmin.ErrInvalid)
	}
	*w = Wipe(i)
	return nil
}

// Pending reports whether the device has yet to answer.
func (w Wipe) Pending() bool { return w == Requested || w == Delivered }

// Reasons are why a device is disabled. A device without any is enabled.
type Reasons uint8

// The reasons why a device is disabled.
const (
	// an administrator disabled it; or a wipe failed or was cancelled
	ByAdmin Reasons = 1 << iota
	// its user has no access: deactivated, denied or being deleted
	ByUser
	ByWipe  // a wipe is pending
	Wiped   // it was wiped, and has not registered again
	ByOwner // its user disabled it
)

var reasonNames = []string{"admin", "user", "wipe", "wiped", "owner"}

// String joins the names of the reasons by ",": "admin", "user", "wipe",
// "wiped", "owner".
func (r Reasons) String() string {
	var names []string
	for i, name := range reasonNames {
		if r&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

// MarshalText is String.
func (r Reasons) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText is the inverse of MarshalText.
func (r *Reasons) UnmarshalText(text []byte) error {
	*r = 0
	for name := range strings.SplitSeq(string(text), ",") {
		i := slices.Index(reasonNames, name)
		if i < 0 && name != "" {
			return fmt.Errorf("reason %q: %w", chatadmin.Cut(name), chatadmin.ErrInvalid)
		}
		if i >= 0 {
			*r |= 1 << i
		}
	}
	return nil
}

func (r Reasons) status() Status {
	if r == 0 {
		return Enabled
	}
	return Disabled
}

// Event is what can happen to a device.
type Event uint8

// The events.
const (
	Register   Event = iota + 1 // the client registers anew
	Disable                     // by an administrator
	DisableOwn                  // by its user
	Enable                      // by an administrator
	UserOut                     // its user loses access
	UserIn                      // its user has access again
	// an administrator asks for it, or its user is being deleted
	AskWipe
	CancelWipe  // an administrator thinks better of it
	DeliverWipe // the device checks in
	WipeDone    // the device says so
	WipeFailed  // the device says so
)

var eventNames = [...]string{"", "register", "disable", "disable one's own", "enable", "user loses access", "user has access again", "ask for wipe", "cancel wipe", "check in", "acknowledge",
	"report failure"}

// String says what happens.
func (e Event) String() string { return named(eventNames[:], uint8(e)) }

// rule is one line of the state machine: what an event makes of a device whose
// wipe is in one of some states.
type rule struct {
	on         Event
	from       []Wipe  // nil: all
	to         Wipe    // same: as it was
	refuse     Reasons // with one of them the event is refused
	clear, set Reasons
}

const same Wipe = 0xff

// rules is the whole state machine. What stands in no line is refused.
var rules = []rule{
	{on: Register, to: None, refuse: ByAdmin | ByUser | ByWipe | ByOwner, clear: Wiped},
	{on: Disable, to: same, set: ByAdmin},
	{on: DisableOwn, to: same, set: ByOwner},
	{on: Enable, to: same, refuse: ByUser | ByWipe, clear: ByAdmin | ByOwner | Wiped},
	{on: UserOut, to: same, set: ByUser},
	{on: UserIn, to: same, clear: ByUser},
	{on: AskWipe, from: []Wipe{None, Failed, Cancelled}, to: Requested, set: ByWipe},
	{on: AskWipe, from: []Wipe{Requested, Delivered}, to: same},
	// as after the wipe: an administrator may have enabled it since
	{on: AskWipe, from: []Wipe{Acknowledged}, to: same, set: Wiped},
	{on: CancelWipe, from: []Wipe{Requested}, to: Cancelled, clear: ByWipe, set: ByAdmin},
	{on: CancelWipe, from: []Wipe{Cancelled}, to: same},
	{on: DeliverWipe, from: []Wipe{Requested}, to: Delivered},
	{on: DeliverWipe, from: []Wipe{Delivered}, to: same},
	{on: WipeDone, from: []Wipe{Delivered}, to: Acknowledged, clear: ByWipe, set: Wiped},
	{on: WipeFailed, from: []Wipe{Delivered}, to: Failed, clear: ByWipe, set: ByAdmin},
	{on: WipeDone, from: []Wipe{Acknowledged, Failed}, to: same},
	{on: WipeFailed, from: []Wipe{Acknowledged, Failed}, to: same},
}

// step applies an event. What it refuses is ErrState, or ErrWipePending where a
// pending wipe stands in the way.
func step(e Event, w Wipe, r Reasons) (Wipe, Reasons, error) {
	for _, rule := range rules {
		if rule.on != e || rule.from != nil && !slices.Contains(rule.from, w) {
			continue
		}
		switch stop := r & rule.refuse; {
		case stop&ByWipe != 0:
			return w, r, texts.Explain(fmt.Errorf("%s: a wipe is %s: %w", e, w, ErrWipePending), "why.device_wiping")
		case stop&ByUser != 0:
			return w, r, texts.Explain(fmt.Errorf("%s: its user has no access: %w", e, ErrState), "why.device_user_out")
		case stop&ByAdmin == 0 && stop != 0:
			return w, r, fmt.Errorf("%s: its user disabled it: %w", e, ErrState)
		case stop != 0:
			return w, r, fmt.Errorf("%s: an administrator disabled it: %w", e, ErrState)
		}
		if r = r&^rule.clear | rule.set; rule.to != same {
			w = rule.to
		}
		return w, r, nil
	}
	err := fmt.Errorf("%s: the wipe is %s: %w", e, w, ErrState)
	if e == CancelWipe {
		err = texts.Explain(err, "why.wipe_cancel")
	}
	return w, r, err
}
