package preferences

import (
	"strings"

	"chatadmin.example/sdk/chatadmin"
)

// Event is something that a user may want to hear of.
type Event uint8

// The events.
const (
	Assigned    Event = iota + 1 // a message was assigned to the user
	Unpublished                  // a message that the user had scheduled could not be posted
)

// Channels are the ways in which a user hears of an event. 0 is none.
type Channels uint8

// The channels.
const (
	Bell  Channels = 1 << iota // the list within the product
	Email                      // to User.Email
	SMS                        // to User.PhoneE164
)

// String lists the channels, such as "bell, email".
func (c Channels) String() string {
	var names []string
	for i, name := range []string{"bell", "email", "sms"} {
		if c&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// Channels decides how u hears of an event; v is what InForce returns. Who has
// no access hears nothing, who has no address gets no mail, and only a readable
// mobile number gets a text message. It allocates nothing.
//
//	event        option              bell  e-mail  SMS
//	Assigned     NotifyAssigned      yes   yes     yes
//	Unpublished  NotifyUnpublished   -     yes     -
func (v *Values) Channels(e Event, u *chatadmin.User) Channels {
	var c Channels
	switch {
	case !u.HasAccess():
	case e == Assigned && v.NotifyAssigned == On:
		c = Bell | Email | SMS
	case e == Unpublished && v.NotifyUnpublished == On:
		c = Email
	}
	if u.Email == "" {
		c &^= Email
	}
	if u.PhoneE164 == "" {
		c &^= SMS
	}
	return c
}
