// Package preferences keeps what the users of a help desk prefer: the page on
// which they land, their language, their availability, what they are told of,
// how their replies end, and how they forward messages.
//
//	p, err := preferences.New(admin, &preferences.Options{
//		Pages:   []preferences.Page{{Name: "home"}, {Name: "webcare", Module: "webcare"}},
//		NoReply: "noreply@desk.example",
//	})
//	_, err = p.Edit(ctx, s, ann, func(v *preferences.Values) {
//		v.Landing = "webcare"
//		v.Suffix = map[preferences.Platform]string{preferences.Twitter: "^Ann"}
//	})
//
// # Values and defaults
//
// Values are what a user has chosen. What they leave open is the domain's
// default, which SetDefaults sets; InForce joins the two. A field is checked
// when it is set, and not again: if a page or a platform has gone since, Lands
// and Reply fall back.
//
//	key                 values                                if nobody has decided
//	language            a BCP 47 tag of Options.Languages     the first of them
//	landing             a page that the domain has            the first of them
//	availability        none, online, online_live_chat        none
//	live_chat           an account in the live chat           -
//	avatar              a reference; needs live_chat          -
//	notify_assigned     on, off                               off
//	notify_unpublished  on, off                               off
//	forward             can_respond, no_reply, own_client     can_respond
//	suffix.PLATFORM     at most 100 bytes on one line         -
//	account.PLATFORM    an account of the host                -
//
// The values lie in the attributes of the user: they are read and written with
// the row, and deleted with it. Every change is audited.
//
// # In the form of a user, and in files
//
// Part adds preferences to chatadmin.NewUser and UserEdit, so that everything
// that is wrong in the form is told at once. In domains of the Engage preset CSV
// files have the same fields as columns, with a space in place of the "." and
// "_" of a key, checked in the same way. The availability none is manual there,
// because a cell with "none" counts as blank.
//
// # What a host asks
//
//	InForce    the values of a user
//	Lands      the page after signing in
//	Speaks     the language of the interface
//	Channels   how a user hears of an event
//	Reply      the account and the text of a reply
//	Forward    the mail, or the mailto link, that forwards a message
//
// # Who may do what
//
//	users.edit  Edit (one's own language and availability: everybody)
//	users.read  Of (oneself: everybody)
//	domain      SetDefaults
//	(none)      Policy
package preferences
