package chatadmin

import (
	"context"
	"fmt"
	"time"

	"chatadmin.example/sdk/chatadmin/texts"
)

// PlanHeader is what every plan begins with. A plan says what a change would
// do, before anything has happened. It can be kept as JSON, shown to people,
// and applied later by the actor who made it. It is checked like any input from
// outside when it is applied.
type PlanHeader struct {
	Kind   string    `json:"kind"` // of the audit event that applying begins with
	Domain ID        `json:"domain"`
	Actor  ID        `json:"actor"`
	Made   time.Time `json:"made"`
	Basis  string    `json:"basis"` // names the state that the plan rests on
}

// PlanHeader makes the header of a plan of the actor's. basis must differ
// whenever the plan would come out differently.
func (s *Scope) PlanHeader(kind, basis string) PlanHeader {
	return PlanHeader{Kind: kind, Domain: s.domain, Actor: s.actor, Made: s.admin.Now(), Basis: basis}
}

// Check refuses a plan of another kind, domain or actor with ErrInvalid. A nil
// header is refused too.
func (h *PlanHeader) Check(s *Scope, kind string) error {
	switch {
	case h == nil || *h == (PlanHeader{}):
		return fmt.Errorf("there is no plan: make one first: %w", ErrInvalid)
	case h.Domain != s.domain: // like a domain that does not exist
		return fmt.Errorf("the subject of this plan: %w", ErrNotFound)
	case h.Kind != kind || h.Actor != s.actor:
		return fmt.Errorf("this plan was made for something else or by somebody else: make it again: %w", ErrInvalid)
	}
	return nil
}

// Stale returns ErrPlanStale if the plan rests on another state than basis;
// what names what has changed, such as "the group".
func (h *PlanHeader) Stale(basis, what string) error {
	if h.Basis != basis {
		return fmt.Errorf("%s changed after the plan was made: %w", what, ErrPlanStale)
	}
	return nil
}

// Plan is a plan about one group.
type Plan struct {
	PlanHeader
	Subject  ID               `json:"subject"` // the group
	Name     string           `json:"name"`    // of the group, to show
	Counts   map[string]int64 `json:"counts"`
	Warnings []texts.Message  `json:"warnings,omitempty"`
}

// plan begins a plan about a group.
func (s *Scope) plan(kind string, d Domain, g Group) *Plan {
	return &Plan{PlanHeader: s.PlanHeader(kind, groupBasis(d, g)), Subject: g.ID, Name: g.Name, Counts: map[string]int64{}}
}

func groupBasis(d Domain, g Group) string { return fmt.Sprintf("%d/%s/%d", d.Rev, g.ID, g.Rev) }

// check refuses a plan that this actor did not make, before anything is read.
// counts are the kinds that it counts.
func (p *Plan) check(s *Scope, kind string, counts ...string) error {
	var h *PlanHeader
	if p != nil {
		h = &p.PlanHeader
	}
	if err := h.Check(s, kind); err != nil {
		return err
	}
	if len(p.Counts) != len(counts) {
		return fmt.Errorf("this plan does not count %v: make a new one: %w", counts, ErrInvalid)
	}
	return Counts(p.Counts).CheckPlan(counts...)
}

// planned reads the group a plan is about and refuses a plan that is out of
// date.
func (w *Writer) planned(ctx context.Context, p *Plan) (Group, error) {
	g, err := w.group(ctx, p.Subject)
	if err != nil {
		return Group{}, err
	}
	return g, p.Stale(groupBasis(w.Domain, g), fmt.Sprintf("group %q or the domain's settings", g.Name))
}
