package retention

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/internal/clockmark"
	"chatadmin.example/sdk/chatadmin/storage"
)

// Plan says what would go, before anything has happened. It can be kept as
// JSON, shown, and applied by the same actor. Counts are exact when it is made.
// Apply refuses it with chatadmin.ErrPlanStale when the policy or the legal
// holds have changed, and not because time has passed: what goes is older than
// Before.
type Plan struct {
	chatadmin.PlanHeader
	Days     int       `json:"days"`
	Before   time.Time `json:"before"` // what was written earlier goes
	Counts   Counts    `json:"counts"`
	Held     Counts    `json:"held"` // is as old, but stays: legal holds cover it
	Warnings []string  `json:"warnings,omitempty"`
}

// Counts are how many messages and files.
type Counts struct {
	Messages int64 `json:"messages"`
	Files    int64 `json:"files"`
}

func (c Counts) sum() int64 { return c.Messages + c.Files }

func (c Counts) possible() bool {
	return c.Messages >= 0 && c.Files >= 0 && c.Messages <= chatadmin.MaxCount && c.Files <= chatadmin.MaxCount
}

func (c Counts) plus(n storage.ContentCount) Counts {
	return Counts{c.Messages + n.Messages, c.Files + n.Files}
}

// Plan counts what would go by the domain's policy (days of 0), or by another
// number of days, to see it before deciding. Such a plan cannot be applied
// until the policy says so. It needs chatadmin.PermHolds. It returns
// chatadmin.ErrInvalid for days of 0 without a policy.
func (r *Retention) Plan(ctx context.Context, s *chatadmin.Scope, days int) (*Plan, error) {
	_, set, err := s.View(ctx, chatadmin.PermHolds)
	if err != nil {
		return nil, err
	}
	if err := checkDays(days); err != nil {
		return nil, err
	}
	is, err := policy(set)
	if err != nil {
		return nil, err
	}
	if days == 0 {
		days = is.Days
	}
	if days == 0 {
		return nil, errNone
	}
	p := &Plan{PlanHeader: s.PlanHeader(KindBegin, ""), Days: days}
	p.Before = before(p.Made, days)
	st := r.admin.Store()
	q, err := selected(ctx, st, p.Domain, p.Before)
	if err != nil {
		return nil, err
	}
	p.Basis = basis(q)
	n, err := st.CountContent(ctx, q)
	if err != nil {
		return nil, err
	}
	p.Counts = p.Counts.plus(n)
	if len(q.ExceptUsers)+len(q.ExceptContainers) > 0 {
		all, err := st.CountContent(ctx, storage.ContentQuery{Domain: p.Domain, Before: p.Before})
		if err != nil {
			return nil, err
		}
		// What came between the two is in the second alone.
		p.Held = Counts{max(0, all.Messages-n.Messages), max(0, all.Files-n.Files)}
	}
	last, err := clockmark.Read(ctx, st, p.Domain, clockTask)
	if err != nil {
		return nil, err
	}
	if last.Known() && jumped(last, p.Made, days) {
		p.Warnings = append(p.Warnings,
			fmt.Sprintf("the clock says %s, but the last run was at %s: make sure that the clock is right before applying this plan",
				p.Made.Format(time.RFC3339), last.At.Format(time.RFC3339)))
	}
	if days != is.Days {
		p.Warnings = append(p.Warnings,
			fmt.Sprintf("the domain's policy is not %d days: set it before this plan can be applied", days))
	}
	return p, nil
}

var errNone = fmt.Errorf("this domain keeps messages and files for ever: set after how many days they are deleted: %w", chatadmin.ErrInvalid)

// selected is the query for what was written before a time and is not held.
func selected(ctx context.Context, r storage.Reader, domain chatadmin.ID,
	before time.Time) (storage.ContentQuery, error) {
	users, groups, err := chatadmin.Held(ctx, r, domain)
	if err == nil && max(len(users), len(groups)) > storage.MaxBulk {
		err = fmt.Errorf("more than %d users or groups are under legal holds, which is more than a deletion can spare: %w",
			storage.MaxBulk, chatadmin.ErrHeld)
	}
	return storage.ContentQuery{Domain: domain, Before: before, ExceptUsers: users, ExceptContainers: groups}, err
}

// basis names the legal holds.
func basis(q storage.ContentQuery) string {
	// Strings cannot fail.
	data, _ := json.Marshal([][]chatadmin.ID{slices.Sorted(slices.Values(q.ExceptUsers)),
		slices.Sorted(slices.Values(q.ExceptContainers))})
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// check refuses a plan that this actor did not make.
func (p *Plan) check(s *chatadmin.Scope) error {
	var h *chatadmin.PlanHeader
	if p != nil {
		h = &p.PlanHeader
	}
	if err := h.Check(s, KindBegin); err != nil {
		return err
	}
	if p.Days < 1 || p.Days > MaxDays || !p.Counts.possible() || !p.Held.possible() ||
		!p.Before.Equal(before(p.Made, p.Days)) {
		return fmt.Errorf("this plan has days or counts that cannot be: make a new one: %w", chatadmin.ErrInvalid)
	}
	return nil
}
