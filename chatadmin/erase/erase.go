package erase

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/internal/clockmark"
)

// Kinds of audit events, which name the users. Taking over and cancelling a run
// have events of their own besides: see chatadmin.KindRunTakeOver and
// KindRunCancel.
const (
	KindDelete   = "user.delete"          // the deletion has begun: the users have no access any more
	KindDeleted  = "user.delete.done"     // nothing of them is left
	KindSchedule = "user.delete.schedule" // within the grace period they are deactivated
	KindCancel   = "user.delete.cancel"   // of a scheduled deletion
	KindTakeOver = "user.delete.takeover" // it goes on in the name of somebody else
)

// The kinds that are counted, beside those of the host's sources: see
// storage.Source.Kind.
const (
	Chats       = chatadmin.CountedChats
	Messages    = chatadmin.CountedMessages
	Files       = chatadmin.CountedFiles
	Groups      = "groups"
	Memberships = "memberships"
	Devices     = "devices"
	// what the library keeps for a user, group or device, such as sessions
	Records = "records"
	Reports = "reports" // people whose manager is cleared: they stay
	Users   = "users"
)

// none counts nothing of every kind.
func (d *Deletions) none() map[string]int64 {
	n := map[string]int64{}
	for _, kind := range append(d.admin.DataKinds(), Groups, Memberships, Devices, Records, Reports, Users) {
		n[kind] = 0
	}
	return n
}

// Options configure deletions. The zero value is a working default.
type Options struct {
	// Grace is the grace period of domains that have no Policy of their own, at
	// most 365 days.
	Grace time.Duration
}

// Deletions deletes users for good. It is safe for many goroutines and starts
// none.
type Deletions struct {
	admin *chatadmin.Admin
	runs  *chatadmin.Runs[Receipt]
	o     Options
}

// New returns the deletions of an Admin. It makes chatadmin.Admin.Work carry
// out scheduled deletions, and takes users who are activated again out of them.
// So every program that changes users calls New, before it uses the Admin. o
// may be nil.
//
// It returns chatadmin.ErrInvalid without an Admin and for a grace period that
// is not possible.
func New(admin *chatadmin.Admin, o *Options) (*Deletions, error) {
	if admin == nil {
		return nil, fmt.Errorf("deletions need an Admin: %w", chatadmin.ErrInvalid)
	}
	d := &Deletions{admin: admin}
	if o != nil {
		d.o = *o
	}
	if d.o.Grace < 0 || d.o.Grace > maxGraceDays*24*time.Hour {
		return nil, fmt.Errorf("the program's grace period of %s: give 0 to %d days: %w", d.o.Grace, maxGraceDays,
			chatadmin.ErrInvalid)
	}
	d.runs = chatadmin.NewRuns(admin, d.kind())
	admin.Extend(chatadmin.Extension{
		OnUserChange: d.activated,
		Policy:       chatadmin.Policy{Name: policyName, Check: checkPolicy},
		Workers:      []chatadmin.Worker{{Name: "deletions", Due: clockmark.Due(admin, clockTask), Do: d.work}},
	})
	return d, nil
}

// Policy is what a domain has decided about deletions.
type Policy struct {
	Version int `json:"v"`
	// GraceDays is for how many days users are merely deactivated before they
	// are deleted, 0 to 365. Meanwhile the deletion can be cancelled.
	GraceDays int `json:"grace_days"`
}

const (
	policyName    = "erase"
	policyVersion = 1
	maxGraceDays  = 365
)

func (p Policy) check() error {
	switch {
	case p.Version < 1:
		return fmt.Errorf("the domain's policy of deletions has no version, it is damaged: %w", chatadmin.ErrInvalid)
	case p.Version > policyVersion:
		return fmt.Errorf("the domain's policy of deletions was written by a newer version of this library: %w",
			chatadmin.ErrInvalid)
	case p.GraceDays < 0 || p.GraceDays > maxGraceDays:
		return fmt.Errorf("a grace period of %d days: give 0 to %d: %w", p.GraceDays, maxGraceDays, chatadmin.ErrInvalid)
	}
	return nil
}

// checkPolicy checks a policy in its stored form.
func checkPolicy(data json.RawMessage) error {
	_, err := decodePolicy(data)
	return err
}

func decodePolicy(data json.RawMessage) (p Policy, err error) {
	if err := json.Unmarshal(data, &p); err != nil {
		return Policy{}, fmt.Errorf("the domain's policy of deletions: %w", err)
	}
	return p, p.check()
}

// Policy reads the policy of the scope's domain. A domain without one has the
// grace period of the program, in whole days. It needs
// chatadmin.PermUsersDelete.
func (d *Deletions) Policy(ctx context.Context, s *chatadmin.Scope) (Policy, error) {
	_, set, err := s.View(ctx, chatadmin.PermUsersDelete)
	if err != nil {
		return Policy{}, err
	}
	if data, ok := set.Policies[policyName]; ok {
		return decodePolicy(data)
	}
	return Policy{Version: policyVersion, GraceDays: int(d.o.Grace / (24 * time.Hour))}, nil
}

// SetPolicy sets the policy of the scope's domain. It needs
// chatadmin.PermDomain. What is scheduled already keeps its time.
func (d *Deletions) SetPolicy(ctx context.Context, s *chatadmin.Scope, p Policy) error {
	p.Version = policyVersion
	if err := p.check(); err != nil {
		return err
	}
	data, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return s.SetPolicy(ctx, chatadmin.KindDomainEdit, chatadmin.PermDomain, policyName, func(
		_ *chatadmin.Writer, was json.RawMessage) (json.RawMessage, []chatadmin.FieldChange, error) {
		return data, []chatadmin.FieldChange{{Field: policyName, Before: string(was), After: string(data)}}, nil
	})
}

// grace is the grace period of a domain.
func (d *Deletions) grace(set chatadmin.Settings) (time.Duration, error) {
	data, ok := set.Policies[policyName]
	if !ok {
		return d.o.Grace, nil
	}
	p, err := decodePolicy(data)
	if err != nil {
		return 0, err
	}
	return time.Duration(p.GraceDays) * 24 * time.Hour, nil
}
