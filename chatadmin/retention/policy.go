package retention

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/internal/clockmark"
	"chatadmin.example/sdk/chatadmin/texts"
)

// Kinds of audit events.
const (
	KindSet   = "retention.set"   // of the policy
	KindLimit = "retention.limit" // by the host
	// of a run; chatadmin.Options.Before is shown it before every batch, too
	KindBegin = "retention.begin"
	KindDone  = "retention.done" // with what went
	// before its end, since the domain keeps things for longer now
	KindStop = "retention.stop"
)

// MaxDays is the longest that a policy can say, a hundred years.
const MaxDays = 36500

// Policy is what a domain has decided about the age of what is written.
type Policy struct {
	Version int `json:"v"`
	// Days is after how many days messages and files are deleted; 0 keeps them.
	Days int `json:"days"`
	// Limit is the longest that the host lets the domain choose, in days. Some
	// agreements ask for it: seven days where messages hold medical records of
	// the United States. 0 is no limit, and lets the domain keep everything.
	Limit int `json:"limit,omitempty"`
	// Final says that the limit can become shorter, but never longer: see
	// FixLimit.
	Final bool `json:"final,omitempty"`
}

const policyName = "retention"

// Retention deletes what domains keep no longer. It is safe for many goroutines
// and starts none.
type Retention struct {
	admin *chatadmin.Admin
	runs  *chatadmin.Runs[Report]
}

// Options configure New. There are none yet: nil is as good.
type Options struct{}

// New returns the retention of an Admin. It makes chatadmin.Admin.Work carry
// out the policies of domains, and lets only SetDays, SetLimit and FixLimit
// change them.
// So every program that changes settings calls New, before it uses the Admin.
func New(admin *chatadmin.Admin, _ *Options) (*Retention, error) {
	if admin == nil {
		return nil, fmt.Errorf("retention needs an Admin: %w", chatadmin.ErrInvalid)
	}
	r := &Retention{admin: admin}
	r.runs = chatadmin.NewRuns(admin, r.kind())
	admin.Extend(chatadmin.Extension{
		Policy:  chatadmin.Policy{Name: policyName, Check: checkPolicy, Change: checkFinal},
		Workers: []chatadmin.Worker{{Name: "retention", Due: clockmark.Due(admin, clockTask), Do: r.work}},
	})
	return r, nil
}

// Policy reads the policy of the scope's domain. It needs chatadmin.PermHolds.
func (r *Retention) Policy(ctx context.Context, s *chatadmin.Scope) (Policy, error) {
	_, set, err := s.View(ctx, chatadmin.PermHolds)
	if err != nil {
		return Policy{}, err
	}
	return policy(set)
}

func policy(set chatadmin.Settings) (Policy, error) { return decodePolicy(set.Policies[policyName]) }

func decodePolicy(data json.RawMessage) (p Policy, err error) {
	if len(data) == 0 {
		return Policy{}, nil
	}
	if err := json.Unmarshal(data, &p); err != nil {
		return Policy{}, fmt.Errorf("the domain's policy of retention: %w", err)
	}
	if err := p.check(); err != nil {
		return Policy{}, err
	}
	return p, nil
}

// policyVersion is that of a policy with Final, which earlier versions of the
// library do not know: they must not drop it. Others have version 1.
const policyVersion = 2

// check refuses what no call of this package writes.
func (p Policy) check() error {
	within := func(days int) bool { return days >= 0 && days <= MaxDays }
	switch {
	case p.Version < 1:
		return fmt.Errorf("the domain's policy of retention has no version, it is damaged: %w", chatadmin.ErrInvalid)
	case p.Version > policyVersion:
		return fmt.Errorf("the domain's policy of retention was written by a newer version of this library: %w",
			chatadmin.ErrInvalid)
	case !within(p.Days) || !within(p.Limit):
		return fmt.Errorf("the domain's policy of retention has %d days and a limit of %d; each is 0 to %d: %w", p.Days,
			p.Limit, MaxDays, chatadmin.ErrInvalid)
	case p.Final && p.Limit == 0:
		return fmt.Errorf("the domain's policy of retention has no limit, and says that it is final: %w", chatadmin.ErrInvalid)
	case p.Limit > 0 && (p.Days == 0 || p.Days > p.Limit):
		return fmt.Errorf("the domain's policy of retention has %d days, beyond its limit of %d: %w", p.Days, p.Limit,
			chatadmin.ErrInvalid)
	}
	return nil
}

// checkPolicy checks a policy in its stored form.
func checkPolicy(data json.RawMessage) error {
	_, err := decodePolicy(data)
	return err
}

// checkFinal keeps a limit that is final from becoming longer.
func checkFinal(was, now json.RawMessage) error {
	is, err := decodePolicy(was)
	if err != nil { // it is being repaired
		return nil
	}
	p, err := decodePolicy(now)
	if err != nil {
		return err
	}
	if is.Final && (!p.Final || p.Limit > is.Limit) {
		return errFinal(is.Limit)
	}
	return nil
}

func errFinal(limit int) error {
	return texts.Explain(fmt.Errorf("this domain keeps messages for at most %s for good: choose fewer: %w", number(limit), chatadmin.ErrForbidden), "why.retention_final", limit)
}

func number(days int) string {
	if days == 1 {
		return "1 day"
	}
	return fmt.Sprintf("%d days", days)
}

// before is when what a policy of so many days deletes was written at the
// latest.
func before(now time.Time, days int) time.Time { return now.AddDate(0, 0, -days) }

// SetDays sets after how many days messages and files are deleted: 1 to
// MaxDays, or 0 to keep them. It deletes nothing itself; Plan shows what would
// go. It returns chatadmin.ErrForbidden for more than the host's limit. It
// needs chatadmin.PermHolds.
func (r *Retention) SetDays(ctx context.Context, s *chatadmin.Scope, days int) error {
	if err := checkDays(days); err != nil {
		return err
	}
	return set(ctx, s, KindSet, func(p *Policy) error {
		switch longer := p.Limit > 0 && (days == 0 || days > p.Limit); {
		case longer && p.Final:
			return errFinal(p.Limit)
		case longer:
			return texts.Explain(fmt.Errorf("this domain keeps messages for at most %d days, and only the application itself changes that: %w", p.Limit, chatadmin.ErrForbidden),
				"why.retention_limit", p.Limit)
		}
		p.Days = days
		return nil
	})
}

// SetLimit sets for how many days a domain may keep messages and files at most:
// 1 to MaxDays, or 0 for no limit. A policy that is longer, or none, becomes as
// long as the limit. A shorter one stays. It returns chatadmin.ErrForbidden if
// that would lengthen a limit that is final. Only the host can call it.
func (r *Retention) SetLimit(ctx context.Context, domain chatadmin.ID, days int) error {
	if err := checkDays(days); err != nil {
		return err
	}
	return set(ctx, r.admin.AsHost(domain), KindLimit, func(p *Policy) error {
		if p.Final && (days == 0 || days > p.Limit) {
			return errFinal(p.Limit)
		}
		p.limit(days)
		return nil
	})
}

// FixLimit sets a limit for good: 1 to MaxDays. From then on no call makes it
// longer or takes it away, not even one of the host. A shorter limit that the
// domain has stays, and is final. Only the host can call it.
func (r *Retention) FixLimit(ctx context.Context, domain chatadmin.ID, days int) error {
	if days == 0 {
		return fmt.Errorf("a limit of no days: give 1 to %d: %w", MaxDays, chatadmin.ErrInvalid)
	}
	if err := checkDays(days); err != nil {
		return err
	}
	return set(ctx, r.admin.AsHost(domain), KindLimit, func(p *Policy) error {
		limit := days
		if p.Limit > 0 {
			limit = min(days, p.Limit)
		}
		p.limit(limit)
		p.Final = true
		return nil
	})
}

func (p *Policy) limit(days int) {
	if p.Limit = days; days > 0 && (p.Days == 0 || p.Days > days) {
		p.Days = days
	}
}

func checkDays(days int) error {
	if days < 0 || days > MaxDays {
		return texts.Explain(fmt.Errorf("retention of %d days: give 1 to %d, or 0 to keep everything: %w", days, MaxDays,
			chatadmin.ErrInvalid), "why.retention_days", days, MaxDays)
	}
	return nil
}

func set(ctx context.Context, s *chatadmin.Scope, kind string, f func(*Policy) error) error {
	return s.SetPolicy(ctx, kind, chatadmin.PermHolds, policyName, func(
		w *chatadmin.Writer, data json.RawMessage) (json.RawMessage, []chatadmin.FieldChange, error) {
		is, err := decodePolicy(data)
		if err != nil {
			return nil, nil, err
		}
		p := is
		if err := f(&p); err != nil || p == is {
			return data, nil, err
		}
		if is.Days == 0 && p.Days > 0 { // from now on the worker runs, and compares its clock
			if err := move(ctx, w, s.Domain(), w.Now(), time.Time{}); err != nil {
				return nil, nil, err
			}
		}
		if p.Version = 1; p.Final {
			p.Version = policyVersion
		}
		now, err := json.Marshal(p)
		var diff []chatadmin.FieldChange
		for _, f := range []struct{ name, was, now string }{
			{"retention_days", days(is.Days), days(p.Days)}, {"retention_limit", days(is.Limit), days(p.Limit)},
			{"retention_limit_final", final(is.Final), final(p.Final)},
		} {
			if f.was != f.now {
				diff = append(diff, chatadmin.FieldChange{Field: f.name, Before: f.was, After: f.now})
			}
		}
		return now, diff, err
	})
}

func final(yes bool) string {
	if yes {
		return "yes"
	}
	return ""
}

func days(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}
