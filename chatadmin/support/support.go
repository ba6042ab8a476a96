package support

import (
	"fmt"
	"maps"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/support/redact"
)

// Options of Support. Recipients are needed for reports; for the rest the zero
// value is a working default.
type Options struct {
	// Recipients are the addresses that reports of each platform go to, such as
	// OfficeChatRecipients. Users cannot choose others.
	Recipients map[Platform]string
	// Levels replace those of DefaultLevels, platform by platform.
	Levels map[Platform]Choice
	// Redact takes secrets out of logs and descriptions; default
	// redact.Default.
	Redact *redact.Redactor
	// MaxBytes is how large the logs of a report are at most before they are
	// packed; default 256 MiB.
	MaxBytes int64
	// MaxZip is how large they are at most as a zip file; default 8 MiB, at most
	// chatadmin.MaxAttachments.
	MaxZip int64
	// PerDay is how many reports a user may send in 24 hours; default 20.
	PerDay int
}

// Support is the reporting levels and problem reports of domains. It is safe
// for many goroutines and starts none.
type Support struct {
	admin  *chatadmin.Admin
	o      Options
	levels map[Platform]Choice
}

// Kinds of audit events.
const (
	KindLevel       = "support.level"        // of a domain
	KindClientLevel = "support.client_level" // of one client
	KindReport      = "report.send"
	KindAcknowledge = "report.acknowledge"
	KindState       = "report.state"
)

// Errors of this package.
var (
	// ErrNoRecipient is returned if Options.Recipients has no address for a
	// platform.
	ErrNoRecipient = chatadmin.ErrUnavailable.New("no_recipient", "reports of this platform go nowhere: set Options.Recipients")
	// ErrNoMailer is returned if a report is sent where no mail can be sent.
	// Write its zip into a file instead, with Bundle.WriteTo.
	ErrNoMailer = chatadmin.ErrUnavailable.New("no_mailer", "no mail can be sent: write the report into a file")
	// ErrState is returned if a report cannot go from its state to another.
	ErrState = chatadmin.ErrState.New("report_state", "not possible in the state of the report")
)

// New returns the support of an Admin. o may be nil. It makes
// chatadmin.Admin.Work send reports. It returns an error of class Invalid if an
// address, a level or a limit in the options cannot be.
func New(admin *chatadmin.Admin, o *Options) (*Support, error) {
	s := &Support{admin: admin, levels: DefaultLevels()}
	if o != nil {
		s.o = *o
	}
	for p, addr := range s.o.Recipients {
		if err := p.check(); err != nil {
			return nil, err
		}
		if err := chatadmin.CheckEmail(addr); err != nil {
			return nil, fmt.Errorf("recipient for %s: %w", p, err)
		}
	}
	maps.Copy(s.levels, s.o.Levels)
	for p, c := range s.levels {
		if err := p.check(); err != nil {
			return nil, err
		}
		if err := c.check(p); err != nil {
			return nil, err
		}
	}
	if s.o.MaxZip < 0 || s.o.MaxZip > chatadmin.MaxAttachments || s.o.MaxBytes < 0 || s.o.PerDay < 0 {
		return nil, fmt.Errorf("a limit of reports is negative, or MaxZip is above %d: %w", chatadmin.MaxAttachments, chatadmin.ErrInvalid)
	}
	if s.o.PerDay == 0 {
		s.o.PerDay = 20
	}
	if s.o.Redact == nil {
		s.o.Redact = redact.Default()
	}
	x := chatadmin.Extension{
		Policy:  chatadmin.Policy{Name: policyName, Check: s.checkPolicy},
		Records: []chatadmin.Damageable{&clientLevels, &reports, &parts, &counts},
	}
	if admin.Options().Mailer != nil {
		x.Workers = []chatadmin.Worker{{Name: "problem reports", Due: admin.DueDomains(reports.Name), Do: s.Deliver}}
	}
	admin.Extend(x)
	return s, nil
}
