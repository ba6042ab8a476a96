package chatadmin

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Plan says what a change would do, before anything has happened. It can be kept as JSON, shown, and applied later by the same actor; applying refuses it with
// ErrPlanStale when what it rests on has changed.
type Plan struct {
	Kind      string           `json:"kind"` // of the audit event that applying begins with
	Domain    ID               `json:"domain"`
	Actor     ID               `json:"actor"`
	Made      time.Time        `json:"made"`
	DomainRev Rev              `json:"domain_rev"`
	Subject   ID               `json:"subject"` // what it is about, such as a group
	Rev       Rev              `json:"rev"`     // the subject's, when the plan was made
	Name      string           `json:"name"`    // the subject's, to show
	Counts    map[string]int64 `json:"counts"`
	Warnings  []string         `json:"warnings,omitempty"`
}

// plan begins a plan about a group.
func (s *Scope) plan(kind string, d Domain, g Group) *Plan {
	return &Plan{Kind: kind, Domain: s.domain, Actor: s.actor, Made: s.admin.Now(), DomainRev: d.Rev, Subject: g.ID, Rev: g.Rev, Name: g.Name,
		Counts: map[string]int64{}}
}

// planned reads the group a plan is about and refuses a plan that is another one's or out of date.
func (w *Work) planned(ctx context.Context, p *Plan, kind string) (Group, error) {
	if p.Kind != kind || p.Domain != w.scope.domain || p.Actor != w.scope.actor {
		return Group{}, fmt.Errorf("this plan was made for something else or by somebody else: %w", ErrInvalid)
	}
	g, err := w.group(ctx, p.Subject)
	if err != nil {
		return Group{}, err
	}
	if g.Rev != p.Rev || w.Domain.Rev != p.DomainRev {
		return Group{}, fmt.Errorf("group %q or the domain's settings have changed since: %w", g.Name, ErrPlanStale)
	}
	return g, nil
}

// checkCounts refuses a plan that is nil, or whose counts are not those of kinds.
func (p *Plan) checkCounts(kinds ...string) error {
	if p == nil {
		return fmt.Errorf("there is no plan: make one: %w", ErrInvalid)
	}
	for kind, n := range p.Counts {
		if !slices.Contains(kinds, kind) || n < 0 || n > MaxCount {
			return fmt.Errorf("this plan counts %d %s, which cannot be: make a new one: %w", n, Cut(kind), ErrInvalid)
		}
	}
	return nil
}

// MaxCount is the largest count that a plan may hold: a trillion. It is far above
// everything that a domain can have, and sums of such counts do not overflow.
const MaxCount = 1_000_000_000_000
