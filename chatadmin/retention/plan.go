package retention

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/internal/clockmark"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/texts"
)

// Plan says what would go, before anything has happened. It can be kept as
// JSON, shown, and applied by the same actor. Counts are exact when it is made.
// Apply refuses it with chatadmin.ErrPlanStale when the policy or the legal
// holds have changed, and not because time has passed: what goes is older than
// Before.
type Plan struct {
	chatadmin.PlanHeader
	Days     int             `json:"days"`
	Before   time.Time       `json:"before"` // what was written earlier goes
	Counts   Counts          `json:"counts"`
	Held     Counts          `json:"held"` // is as old, but stays: legal holds cover it
	Warnings []texts.Message `json:"warnings,omitempty"`
}

// Counts are how many messages and files, in the store and, by the Kind of each
// source, of what the host keeps of its own.
type Counts struct {
	Messages int64            `json:"messages"`
	Files    int64            `json:"files"`
	Sources  map[string]int64 `json:"sources,omitempty"`
}

func (c Counts) sum() int64 { return c.Messages + c.Files + chatadmin.Counts(c.Sources).Sum() }

func (c Counts) possible() bool {
	possible := func(n int64) bool { return n >= 0 && n <= chatadmin.MaxCount }
	for _, n := range c.Sources {
		if !possible(n) {
			return false
		}
	}
	return possible(c.Messages) && possible(c.Files)
}

// plus adds counts by kind.
func (c Counts) plus(n map[string]int64) Counts {
	c.Sources = maps.Clone(c.Sources)
	for kind, count := range n {
		switch {
		case kind == chatadmin.CountedMessages:
			c.Messages += count
		case kind == chatadmin.CountedFiles:
			c.Files += count
		case kind == chatadmin.CountedChats: // have no age
		case c.Sources == nil:
			c.Sources = map[string]int64{kind: count}
		default:
			c.Sources[kind] += count
		}
	}
	return c
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
	st := s.Admin().Store()
	q, err := selected(ctx, st, p.Domain, p.Before)
	if err != nil {
		return nil, err
	}
	p.Basis = basis(q)
	n, err := r.count(ctx, q)
	if err != nil {
		return nil, err
	}
	p.Counts = p.Counts.plus(n)
	if len(q.ExceptUsers)+len(q.ExceptContainers) > 0 {
		all, err := r.count(ctx, storage.ContentQuery{Domain: p.Domain, Before: p.Before})
		if err != nil {
			return nil, err
		}
		for kind := range all { // what came between the two is in the second alone
			all[kind] = max(0, all[kind]-n[kind])
		}
		p.Held = p.Held.plus(all)
	}
	last, err := clockmark.Read(ctx, st, p.Domain, clockTask)
	if err != nil {
		return nil, err
	}
	if last.Known() && jumped(last, p.Made, days) {
		p.Warnings = append(p.Warnings, texts.NewMessage("warn.retention_clock", p.Made, last.At))
	}
	if days != is.Days {
		p.Warnings = append(p.Warnings, texts.NewMessage("warn.retention_days", days))
	}
	return p, nil
}

var errNone = fmt.Errorf("this domain keeps messages and files for ever: set after how many days they are deleted: %w", chatadmin.ErrInvalid)

// count counts what a query selects, in the store and in all sources.
func (r *Retention) count(ctx context.Context, q storage.ContentQuery) (map[string]int64, error) {
	n, err := r.admin.CountData(ctx, r.admin.Store(), q)
	if err != nil {
		return nil, err
	}
	outside, err := r.admin.CountOutside(ctx, q)
	chatadmin.Counts(n).Add(outside)
	return n, err
}

// selected is the query for what was written before a time and is not held.
func selected(ctx context.Context, r storage.Reader, domain chatadmin.ID,
	before time.Time) (storage.ContentQuery, error) {
	return chatadmin.ExceptHeld(ctx, r, storage.ContentQuery{Domain: domain, Before: before})
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
