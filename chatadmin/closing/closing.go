package closing

import (
	"fmt"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/internal/clockmark"
)

// Kinds of audit events, which name the domain. See chatadmin.KindRunCancel,
// too. The last of them goes to the host alone (chatadmin.Options.Outbox): the
// audit log is gone by then.
const (
	KindSchedule = "domain.close.schedule" // within the grace period it is suspended
	KindCancel   = "domain.close.cancel"   // of a scheduled closing
	KindClose    = "domain.close"          // the closing has begun: nothing else changes any more
	KindClosed   = "domain.close.done"     // nothing of the domain is left
)

// The kinds of rows that are counted, beside those of the host's sources: see
// storage.Source.Kind.
const (
	Chats       = chatadmin.CountedChats
	Messages    = chatadmin.CountedMessages
	Files       = chatadmin.CountedFiles
	Groups      = "groups"
	Memberships = "memberships"
	Devices     = "devices"
	Records     = "records" // what the library keeps of its own, such as sessions and runs
	Users       = "users"
	Events      = "audit_events"
)

// none counts nothing of every kind.
func (c *Closings) none() map[string]int64 {
	n := map[string]int64{}
	for _, kind := range append(c.admin.DataKinds(), Groups, Memberships, Devices, Records, Users, Events) {
		n[kind] = 0
	}
	return n
}

const (
	// DefaultGrace is the grace period where nothing else is said.
	DefaultGrace = 30 * 24 * time.Hour
	// AtOnce is no grace period at all: a closing that is applied begins.
	AtOnce time.Duration = -1

	longestGrace = clockmark.LongestGrace
)

// Options configure closings. The zero value is a working default.
type Options struct {
	// Grace is the grace period of plans that name none, at most 365 days.
	// The default is DefaultGrace; see AtOnce.
	Grace time.Duration
}

// Closings closes domains. It is safe for many goroutines and starts none.
type Closings struct {
	admin *chatadmin.Admin
	runs  *chatadmin.Runs[Progress]
	grace time.Duration
}

// New returns the closings of an Admin. It makes chatadmin.Admin.Work begin
// what is due, and continue what was interrupted. o may be nil. It returns
// chatadmin.ErrInvalid without an Admin and for a grace period that is not
// possible.
func New(admin *chatadmin.Admin, o *Options) (*Closings, error) {
	if admin == nil {
		return nil, fmt.Errorf("closings need an Admin: %w", chatadmin.ErrInvalid)
	}
	c := &Closings{admin: admin, grace: DefaultGrace}
	if o != nil && o.Grace != 0 {
		c.grace = o.Grace
	}
	if err := checkGrace(c.grace); err != nil {
		return nil, err
	}
	c.runs = chatadmin.NewRuns(admin, c.kind())
	admin.Extend(chatadmin.Extension{
		Records: []chatadmin.Damageable{&receipts},
		Workers: []chatadmin.Worker{
			{Name: "closings", Due: clockmark.Due(admin, clockTask), Do: c.work},
			{Name: "late rows", Due: admin.DueDomains(receipts.Name), Do: c.sweep},
		},
	})
	return c, nil
}

func checkGrace(d time.Duration) error {
	if d != AtOnce && (d < 0 || d > longestGrace) {
		return fmt.Errorf("a grace period of %s: give 0 to 365 days, or AtOnce: %w", d, chatadmin.ErrInvalid)
	}
	return nil
}
