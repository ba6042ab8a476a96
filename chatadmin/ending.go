package chatadmin

import (
	"context"
	"time"

	"chatadmin.example/sdk/chatadmin/storage"
)

// Cause is a change of an account, or of a domain, after which what was
// obtained before it must not simply go on. Cause.Consequences is the table of
// what each of them ends.
type Cause uint8

const (
	CausePassword       Cause = iota + 1 // a password was set or reset
	CauseTwoFactorReset                  // the user's second factor was reset
	CauseTwoFactorOn                     // the domain has switched two-factor authentication on
	CauseAddress                         // another e-mail address; case alone does not count
	// another login; case, space and Unicode form alone do not count
	CauseLogin
	// a role that lacks a permission or a level of the one before
	CauseRoleLowered
	CauseGuest           // a network user became a guest
	CauseDenied          // access was denied for now
	CauseDeactivated     // the user was deactivated
	CauseDeleting        // the deletion of the user began
	CauseDomainSuspended // the domain was suspended, or is closing
	CauseSignedOut       // an administrator has signed the user out
)

// Effect is what a cause does to one kind of access.
type Effect uint8

const (
	Stays Effect = iota // it goes on
	// it is refused while the state lasts, and works again after
	Pauses
	Ends // it is dead for good
)

// DeviceEffect is what a cause does to the registered devices of a user. A
// greater one includes the smaller ones.
type DeviceEffect uint8

const (
	DevicesStay DeviceEffect = iota
	// the session credential is dead: the device registers again
	DevicesSignedOut
	// signed out, and kept out as long as the user has no access
	DevicesDisabled
	DevicesToBeWiped // disabled, and told to remove the content of the network
)

// Consequences are what one or several causes do to what a user has obtained.
type Consequences struct {
	Sessions   Effect       // of the host's own, see package signin
	Remembered Effect       // clients that are not asked for a second factor
	Challenges Effect       // sign-ins that wait for a second factor
	Links      Effect       // mailed links, such as an invitation's
	Devices    DeviceEffect // see package devices
}

// consequences is the one table of which change ends what.
var consequences = [...]Consequences{
	//                     Sessions, Remembered, Challenges, Links, Devices
	CausePassword:        {Ends, Ends, Ends, Ends, DevicesSignedOut},
	CauseTwoFactorReset:  {Ends, Ends, Ends, Stays, DevicesStay},
	CauseTwoFactorOn:     {Ends, Ends, Ends, Stays, DevicesStay},
	CauseAddress:         {Ends, Ends, Ends, Ends, DevicesSignedOut},
	CauseLogin:           {Ends, Ends, Ends, Ends, DevicesSignedOut},
	CauseRoleLowered:     {Ends, Ends, Ends, Stays, DevicesStay},
	CauseGuest:           {Ends, Ends, Ends, Stays, DevicesStay},
	CauseDenied:          {Ends, Ends, Ends, Ends, DevicesDisabled},
	CauseDeactivated:     {Ends, Ends, Ends, Ends, DevicesDisabled},
	CauseDeleting:        {Ends, Ends, Ends, Ends, DevicesToBeWiped},
	CauseDomainSuspended: {Ends, Pauses, Pauses, Pauses, DevicesDisabled},
	CauseSignedOut:       {Ends, Ends, Ends, Stays, DevicesSignedOut},
}

// Causes lists every cause.
func Causes() []Cause {
	all := make([]Cause, 0, len(consequences)-1)
	for c := 1; c < len(consequences); c++ {
		all = append(all, Cause(c))
	}
	return all
}

// Consequences returns the line of the table for a cause. An unknown one has
// none.
func (c Cause) Consequences() Consequences {
	if int(c) >= len(consequences) {
		return Consequences{}
	}
	return consequences[c]
}

var causeNames = [...]string{"unknown", "password set", "second factor reset", "two-factor authentication on",
	"address changed", "login changed", "role lowered", "turned guest", "denied", "deactivated", "deleted", "domain suspended", "signed out"}

// String names the cause, such as "role lowered".
func (c Cause) String() string {
	if int(c) >= len(causeNames) {
		c = 0
	}
	return causeNames[c]
}

// and is what two causes do together: of each column the greater effect.
func (c Consequences) and(o Consequences) Consequences {
	return Consequences{max(c.Sessions, o.Sessions), max(c.Remembered, o.Remembered), max(c.Challenges, o.Challenges),
		max(c.Links, o.Links), max(c.Devices, o.Devices)}
}

// Ending is what one transaction ends for a user or, where User is "", for
// everybody in the domain.
type Ending struct {
	User ID
	// Cause is what Writer.End was called for; 0 for changes of users, which may
	// have several causes.
	Cause Cause
	// At is when the cause took effect: sessions that began earlier end. The
	// zero time is now.
	At time.Time
	Consequences
}

// End does what a cause ends, for at most MaxBatch users, or with none for
// everybody in the domain. It is for causes that WriteUsers does not see: a
// password, a second factor, a domain. Sessions that began before at end; the
// zero time is now. For CausePassword the Writer needs the Shared fence at least.
func (w *Writer) End(ctx context.Context, c Cause, at time.Time, users ...ID) error {
	if len(users) == 0 {
		return w.end(ctx, []Ending{{"", c, at, c.Consequences()}}, nil)
	}
	endings := make([]Ending, len(users))
	for i, id := range users {
		endings[i] = Ending{id, c, at, c.Consequences()}
	}
	if err := w.end(ctx, endings, nil); err != nil || c != CausePassword || w.scope.admin.o.Mailer == nil {
		return err
	}
	told, err := w.Users(ctx, w.scope.domain, users)
	if err != nil {
		return err
	}
	return w.Tell(ctx, NoticePassword, told...)
}

// end ends links, those of some users with their invitations, and lets the
// extensions end the rest.
func (w *Writer) end(ctx context.Context, endings []Ending, invitations map[ID]bool) error {
	if len(endings) == 0 {
		return nil
	}
	var links []ID
	for i := range endings {
		if endings[i].Links == Ends && endings[i].User != "" {
			links = append(links, endings[i].User)
		}
	}
	if err := w.endLinks(ctx, links, invitations); err != nil {
		return err
	}
	for _, f := range w.scope.admin.onEnd {
		if err := f(ctx, w, endings); err != nil {
			return err
		}
	}
	return nil
}

// causes are what of the table a change of a user is. Who had no access had
// lost everything before, but for what a deletion wipes.
func (w *Writer) causes(c *UserChange) (causes []Cause) {
	was, now := &c.Was, &c.Now
	add := func(is bool, cause Cause) {
		if is {
			causes = append(causes, cause)
		}
	}
	if was.ID == "" {
		return nil
	}
	add(now.Deleting && !was.Deleting, CauseDeleting)
	if !was.HasAccess() {
		return causes
	}
	add(now.Status == Deactivated, CauseDeactivated)
	add(now.Denied, CauseDenied)
	add(was.Email != "" && !EqualASCII(was.Email, now.Email), CauseAddress)
	add(was.LoginKey != now.LoginKey, CauseLogin)
	add(was.Kind == Network && now.Kind == Guest, CauseGuest)
	if was.Role != now.Role {
		before, _ := w.Settings.Role(was.Role)
		after, _ := w.Settings.Role(now.Role)
		add(!after.covers(before), CauseRoleLowered)
	}
	return causes
}

// endings sets UserChange.Ends of each change, and returns what is to be ended,
// and for whom the invitation as well.
func (w *Writer) endings(changes []UserChange) (endings []Ending, invitations map[ID]bool) {
	for i := range changes {
		c := &changes[i]
		for _, cause := range w.causes(c) {
			c.Ends = c.Ends.and(cause.Consequences())
		}
		if c.Ends == (Consequences{}) {
			continue
		}
		endings = append(endings, Ending{User: c.Now.ID, Consequences: c.Ends})
		if c.LosesAccess() || !EqualASCII(c.Was.Email, c.Now.Email) {
			if invitations == nil {
				invitations = map[ID]bool{}
			}
			invitations[c.Now.ID] = true
		}
	}
	return endings, invitations
}

// PasswordChanged does what follows from a new password that the host keeps in
// a table of its own: it ends what Cause.Consequences says, tells the user by
// mail, and records KindUserPassword. Call it after the password was written.
// Package password does it by itself.
func (a *Admin) PasswordChanged(ctx context.Context, domain, user ID) error {
	op := Op{Kind: KindUserPassword, Fence: storage.Shared, Targets: []ID{user}}
	return a.AsHost(domain).Change(ctx, op, func(ctx context.Context, w *Writer) error {
		if _, err := w.usersInOrder(ctx, op.Targets); err != nil {
			return err
		}
		if err := w.End(ctx, CausePassword, time.Time{}, user); err != nil {
			return err
		}
		w.Audit(KindUserPassword, op.Targets, nil, nil)
		return nil
	})
}

// EqualASCII reports whether two addresses are the same but for the case of
// ASCII letters. No other character is folded: straße@a.example is not
// strasse@a.example, and the Kelvin sign is no k.
func EqualASCII(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i++ {
		if lowerASCII(a[i]) != lowerASCII(b[i]) {
			return false
		}
	}
	return true
}

func lowerASCII(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}
