package fields

import (
	"context"
	"fmt"

	"chatadmin.example/sdk/chatadmin"
)

// Plan says what removing a field would delete, before anything has happened. It
// can be kept as JSON, shown, and applied by the same actor.
type Plan struct {
	chatadmin.PlanHeader
	Field Field `json:"field"`
	// Values is how many users have a value, which would be deleted. It was
	// exact when the plan was made; more may have come since.
	Values int64 `json:"values"`
}

// Plan counts what removing a field would delete. It goes through all users of
// the domain, a page at a time. It needs chatadmin.PermDomain. It returns
// chatadmin.ErrNotFound if there is no such field, chatadmin.ErrState while it
// is being declared, and chatadmin.ErrForbidden if a user with a value has a
// role above the actor's.
func (f *Fields) Plan(ctx context.Context, s *chatadmin.Scope, field string) (*Plan, error) {
	_, set, role, err := s.ViewAs(ctx, chatadmin.PermDomain)
	if err != nil {
		return nil, err
	}
	d, err := removable(&set, field)
	if err != nil {
		return nil, err
	}
	plan := &Plan{PlanHeader: s.PlanHeader(KindRemove, d.String()), Field: d.Field}
	for page := (chatadmin.Page{Limit: chatadmin.MaxBatch}); ; {
		users, next, err := f.admin.Store().ListUsers(ctx, chatadmin.UserQuery{Domain: s.Domain()}, page)
		if err != nil {
			return nil, err
		}
		for i := range users {
			a, _ := chatadmin.AttributesOf(users[i]) // what cannot be read has no values
			if a.Fields[d.Name] == "" {
				continue
			}
			if err := set.MayActOn(s.Actor(), role, &users[i]); err != nil {
				return nil, err
			}
			plan.Values++
		}
		if page.After = next; next == "" {
			return plan, nil
		}
	}
}

// removable finds a field that is neither being declared nor removed.
func removable(set *chatadmin.Settings, field string) (*declared, error) {
	p, err := policyOf(set)
	if err != nil {
		return nil, err
	}
	d := p.find(field)
	if d == nil || d.Removing {
		return nil, fmt.Errorf("field %q: %w", chatadmin.Cut(field), chatadmin.ErrNotFound)
	}
	if !d.Ready {
		return nil, fmt.Errorf("the field %q is being declared: resume that run first: %w", d.Name, chatadmin.ErrState)
	}
	return d, nil
}

// Apply removes the field of a plan and all its values, and returns the run.
// Interrupted by an error, it is continued by Resume with the run's ID. progress
// may be nil. It needs chatadmin.PermDomain. It returns chatadmin.ErrPlanStale
// if the field has been declared otherwise since.
func (f *Fields) Apply(ctx context.Context, s *chatadmin.Scope, p *Plan, progress func(chatadmin.Progress)) (*Run, error) {
	var h *chatadmin.PlanHeader
	if p != nil {
		h = &p.PlanHeader
	}
	if err := h.Check(s, KindRemove); err != nil {
		return nil, err
	}
	if len(p.Field.faults()) > 0 || p.Values < 0 {
		return nil, fmt.Errorf("this plan is not one that was made here: %w", chatadmin.ErrInvalid)
	}
	return f.begin(ctx, s, KindRemove, progress, func(_ context.Context, w *chatadmin.Writer, run *Run) error {
		d, err := removable(&w.Settings, p.Field.Name)
		if err != nil {
			return err
		}
		if err := p.Stale(d.String(), "the field"); err != nil {
			return err
		}
		run.Data = Report{Field: d.Field, Remove: true}
		return nil
	})
}
