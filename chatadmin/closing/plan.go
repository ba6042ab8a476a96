package closing

import (
	"context"
	"fmt"
	"strings"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/texts"
)

// Plan says what closing a domain would delete, before anything has happened.
// It can be kept as JSON, shown, and applied. Counts are exact when it is made.
// Apply returns chatadmin.ErrPlanStale if the domain's name or settings have
// changed since, and not because somebody has posted or joined.
type Plan struct {
	chatadmin.PlanHeader
	Name     string           `json:"name"` // of the domain, to show
	Counts   map[string]int64 `json:"counts"`
	Blockers []Blocker        `json:"blockers,omitempty"` // Apply refuses while there are any
	Warnings []texts.Message  `json:"warnings,omitempty"`
	Grace    time.Duration    `json:"grace,omitempty"` // how long applying it merely suspends
}

// Blocker is something that stands in the way.
type Blocker struct {
	// Code is "hold", "closing", "scheduled" or "blobs".
	Code    string `json:"code"`
	Message string `json:"message"`
}

// BlockedError is returned by Apply if something stands in the way. errors.Is
// finds the error of each blocker in it: chatadmin.ErrHeld, ErrClosing (being
// closed already), ErrExists (scheduled already), ErrUnavailable (no Blobs).
type BlockedError struct{ Blockers []Blocker }

func (e *BlockedError) Error() string {
	all := make([]string, len(e.Blockers))
	for i, b := range e.Blockers {
		all[i] = b.Message
	}
	return "the closing is blocked: " + strings.Join(all, "; ")
}

// Unwrap gives the errors of the blockers.
func (e *BlockedError) Unwrap() []error {
	errs := make([]error, len(e.Blockers))
	for i, b := range e.Blockers {
		switch b.Code {
		case "hold":
			errs[i] = chatadmin.ErrHeld
		case "closing":
			errs[i] = chatadmin.ErrClosing
		case "scheduled":
			errs[i] = chatadmin.ErrExists
		case "blobs":
			errs[i] = chatadmin.ErrUnavailable
		default:
			errs[i] = chatadmin.ErrInvalid
		}
	}
	return errs
}

// Plan counts what closing the scope's domain would delete. grace is how long
// the domain is merely suspended first, and the closing can be cancelled: at
// most 365 days, 0 for Options.Grace, or AtOnce. Only the host can call it: an
// AsHost scope, otherwise it returns chatadmin.ErrForbidden.
func (c *Closings) Plan(ctx context.Context, s *chatadmin.Scope, grace time.Duration) (*Plan, error) {
	d, set, err := c.view(ctx, s)
	if err != nil {
		return nil, err
	}
	if grace == 0 {
		grace = c.grace
	}
	if err := checkGrace(grace); err != nil {
		return nil, err
	}
	p := &Plan{PlanHeader: s.PlanHeader(KindClose, basis(d)), Name: d.Name, Grace: max(grace, 0)}
	if set.State == chatadmin.DomainClosing { // it began before, and its run was damaged and repaired
		p.Grace = 0
	}
	if p.Counts, err = c.count(ctx, d.ID); err != nil {
		return nil, err
	}
	if p.Blockers, err = c.blockers(ctx, s.Admin().Store(), d.ID, p.Counts[Files]); err != nil {
		return nil, err
	}
	p.warn()
	return p, nil
}

// view lets only the host see and do anything here.
func (c *Closings) view(ctx context.Context, s *chatadmin.Scope) (chatadmin.Domain, chatadmin.Settings, error) {
	d, set, err := s.View(ctx, chatadmin.PermDomain)
	if err == nil && s.Actor() != chatadmin.HostActor {
		err = fmt.Errorf("only the application itself closes a domain: %w", chatadmin.ErrForbidden)
	}
	return d, set, err
}

func basis(d chatadmin.Domain) string { return fmt.Sprintf("%s/%d", d.ID, d.Rev) }

// blockers finds all that stands in the way.
func (c *Closings) blockers(ctx context.Context, r storage.Reader, domain chatadmin.ID, files int64) (all []Blocker, err error) {
	if err := unheld(ctx, r, domain); err != nil {
		if !isHeld(err) {
			return nil, err
		}
		all = append(all, Blocker{"hold", err.Error()})
	}
	for run, err := range c.runs.Open(ctx, r, domain) {
		switch {
		case err != nil && run == nil:
			return nil, err
		case run == nil: // of another kind, damaged: it goes with the domain
		case run.State == chatadmin.RunScheduled:
			all = append(all, Blocker{"scheduled", fmt.Sprintf("the domain's closing is scheduled for %s already: cancel run %s first",
				run.Due.Format(time.RFC3339), run.ID)})
		default:
			all = append(all, Blocker{"closing", fmt.Sprintf("the domain is being closed already: resume run %s", run.ID)})
		}
	}
	if files > 0 && c.admin.Options().Blobs == nil {
		all = append(all, Blocker{"blobs", "the program has no Options.Blobs, so the contents of " + number(files, "file", "files") +
			" would stay where they are"})
	}
	return all, nil
}

// unheld refuses to go on while anything of the domain is under a legal hold.
func unheld(ctx context.Context, r storage.Reader, domain chatadmin.ID) error {
	users, groups, err := chatadmin.Held(ctx, r, domain)
	if n := len(users) + len(groups); err == nil && n > 0 {
		err = fmt.Errorf("%s under a legal hold: %w", number(int64(n), "user or group is", "users and groups are"), chatadmin.ErrHeld)
	}
	return err
}

func (p *Plan) warn() {
	warn := func(code string, values ...any) { p.Warnings = append(p.Warnings, texts.NewMessage(code, values...)) }
	if n := p.Counts[Devices]; n > 0 {
		warn("warn.closing_devices", n)
	}
	if p.Grace > 0 {
		warn("warn.closing_grace", p.Made.Add(p.Grace))
	} else {
		warn("warn.closing_now")
	}
	warn("warn.closing_final")
}

// number is a number with its noun.
func number(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// check refuses a plan that was made for something else.
func (p *Plan) check(s *chatadmin.Scope, kinds map[string]int64) error {
	var h *chatadmin.PlanHeader
	if p != nil {
		h = &p.PlanHeader
	}
	if err := h.Check(s, KindClose); err != nil {
		return err
	}
	if p.Grace < 0 || p.Grace > longestGrace {
		return fmt.Errorf("this plan has a grace period of %s, which cannot be: make a new one: %w", p.Grace, chatadmin.ErrInvalid)
	}
	names := make([]string, 0, len(kinds))
	for kind := range kinds {
		names = append(names, kind)
	}
	return chatadmin.Counts(p.Counts).CheckPlan(names...)
}
