package devices

import (
	"context"
	"fmt"
	"strconv"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/texts"
)

// MaxPlan is how many devices one plan may wipe.
const MaxPlan = 10_000

// WipePlan says what wiping many devices would do. It can be kept as JSON and
// applied later by the same actor. Its counts are:
//
//	devices       to be wiped
//	users         whose devices these are
//	enabled       of the devices
//	without_push  of the devices: told only when they check in by themselves
//	left_alone    wiped already, or about to be
type WipePlan struct {
	chatadmin.PlanHeader
	Counts   map[string]int64 `json:"counts"`
	Warnings []texts.Message  `json:"warnings,omitempty"`
	Devices  []PlannedWipe    `json:"devices"`
}

// PlannedWipe is one device to be wiped.
type PlannedWipe struct {
	ID         chatadmin.ID `json:"id"`
	Generation int64        `json:"generation"`
}

// PlanWipe plans the wiping of devices, and of all that users have: up to
// MaxPlan devices of at most chatadmin.MaxBatch users. It changes nothing. It
// needs chatadmin.PermDevices, and power over all of their users.
func (r *Registry) PlanWipe(ctx context.Context, s *chatadmin.Scope, sel Selection) (*WipePlan, error) {
	if err := scoped(s); err != nil {
		return nil, err
	}
	d, set, role, err := s.ViewAs(ctx, chatadmin.PermDevices)
	if err != nil {
		return nil, err
	}
	p := &WipePlan{PlanHeader: s.PlanHeader(KindWipe, planBasis(d)), Counts: map[string]int64{}}
	ids, err := resolve(ctx, s.Admin().Store(), s.Domain(), sel, MaxPlan)
	if err != nil {
		return nil, err
	}
	users := map[chatadmin.ID]bool{}
	for len(ids) > 0 {
		part := ids[:min(len(ids), chatadmin.MaxBatch)]
		ids = ids[len(part):]
		hs, err := load(ctx, s.Admin().Store(), s.Domain(), part)
		if err != nil {
			return nil, err
		}
		there := 0
		for _, h := range hs {
			if !h.there() {
				continue
			}
			there++
			if p.count(h) {
				users[h.user] = true
			}
		}
		if there < len(part) {
			return nil, fmt.Errorf("%d of the devices: %w", len(part)-there, chatadmin.ErrNotFound)
		}
		us, err := s.Admin().Store().Users(ctx, s.Domain(), usersOf(hs))
		if err != nil {
			return nil, err
		}
		for _, u := range us {
			if err := set.MayActOn(s.Actor(), role, &u); err != nil {
				return nil, fmt.Errorf("leave out the devices of %q: %w", chatadmin.Cut(u.Login), err)
			}
		}
	}
	p.Counts["devices"], p.Counts["users"] = int64(len(p.Devices)), int64(len(users))
	if n := p.Counts["without_push"]; n > 0 {
		p.Warnings = append(p.Warnings, texts.NewMessage("warn.wipe_without_push", n))
	}
	if users[s.Actor()] {
		p.Warnings = append(p.Warnings, texts.NewMessage("warn.wipe_own"))
	}
	return p, nil
}

// count adds a device to the plan, unless it is left alone.
func (p *WipePlan) count(h *entry) (wiped bool) {
	for _, name := range []string{"enabled", "without_push", "left_alone"} {
		p.Counts[name] += 0
	}
	if h.wiping() {
		p.Counts["left_alone"]++
		return false
	}
	if h.damaged == nil && Status(h.row.Status) == Enabled {
		p.Counts["enabled"]++
	}
	if h.data.Push == "" {
		p.Counts["without_push"]++
	}
	p.Devices = append(p.Devices, PlannedWipe{h.id, h.row.Generation})
	return true
}

// planBasis names the state of the domain's settings that a plan rests on. The
// devices are compared one by one.
func planBasis(d chatadmin.Domain) string { return strconv.FormatInt(int64(d.Rev), 10) }

// ApplyWipe asks for the wipes of a plan in batches of 500, and returns the
// run. Options.Before of the Admin is shown the whole plan first, and then each
// batch. Interrupted, it is finished by ResumeWipe or chatadmin.Admin.Work: the
// run comes with the error, if it has begun. progress may be nil.
//
// It needs chatadmin.PermDevices. It returns chatadmin.ErrInvalid for a plan
// that PlanWipe cannot have made for the actor, such as one that names a device
// twice; chatadmin.ErrPlanStale if one of the devices is gone, has registered
// anew or is being wiped already, or if the domain's settings have changed; and
// chatadmin.ErrForbidden if the role of a user has risen above the actor's.
func (r *Registry) ApplyWipe(ctx context.Context, s *chatadmin.Scope, p *WipePlan, progress func(chatadmin.Progress)) (*WipeRun, error) {
	if err := scoped(s); err != nil {
		return nil, err
	}
	if _, _, err := s.View(ctx, chatadmin.PermDevices); err != nil {
		return nil, err
	}
	if err := p.check(s); err != nil {
		return nil, err
	}
	op := chatadmin.Op{Kind: KindWipe, Need: chatadmin.PermDevices, Targets: idsOf(p.Devices)}
	return r.wipes.Apply(ctx, s, op, progress, func(ctx context.Context, w *chatadmin.Writer, run *WipeRun) error {
		if err := p.Stale(planBasis(w.Domain), "the domain's settings"); err != nil {
			return err
		}
		if err := stillAs(ctx, w, p.Devices); err != nil {
			return err
		}
		run.Total, run.Data = int64(len(p.Devices)), WipeResult{Devices: p.Devices}
		return nil
	})
}

// check refuses a plan that PlanWipe cannot have made for this scope: it comes
// from outside.
func (p *WipePlan) check(s *chatadmin.Scope) error {
	var h *chatadmin.PlanHeader
	if p != nil {
		h = &p.PlanHeader
	}
	if err := h.Check(s, KindWipe); err != nil {
		return err
	}
	if err := checkPlanned(p.Devices); err != nil {
		return err
	}
	if err := chatadmin.Counts(p.Counts).CheckPlan(wipeCounts...); err != nil {
		return err
	}
	n := int64(len(p.Devices))
	if c := p.Counts; c["devices"] != n || c["users"] > n || c["enabled"] > n || c["without_push"] > n {
		return fmt.Errorf("the counts of this plan contradict its devices: %w", chatadmin.ErrInvalid)
	}
	return nil
}

// wipeCounts are the names of all counts of a WipePlan.
var wipeCounts = []string{"devices", "users", "enabled", "without_push", "left_alone"}

// checkPlanned refuses a list of devices with too many, with one twice, or with
// what is no device.
func checkPlanned(planned []PlannedWipe) error {
	if len(planned) > MaxPlan {
		return fmt.Errorf("a plan has at most %d devices: %w", MaxPlan, chatadmin.ErrInvalid)
	}
	seen := make(map[chatadmin.ID]bool, len(planned))
	for _, d := range planned {
		switch {
		case d.ID == "" || notOpaque(d.ID) || d.Generation < 1:
			return fmt.Errorf("device %q of generation %d in this plan: there is none such: %w", chatadmin.Cut(string(d.ID)), d.Generation, chatadmin.ErrInvalid)
		case seen[d.ID]:
			return fmt.Errorf("device %s stands in this plan twice: %w", d.ID, chatadmin.ErrInvalid)
		}
		seen[d.ID] = true
	}
	return nil
}

// stillAs refuses a plan if one of its devices has changed.
func stillAs(ctx context.Context, w *chatadmin.Writer, planned []PlannedWipe) error {
	for len(planned) > 0 {
		part := planned[:min(len(planned), chatadmin.MaxBatch)]
		planned = planned[len(part):]
		found, err := heldOf(ctx, w, part)
		if err != nil {
			return err
		}
		for i, h := range found {
			if h == nil || h.wiping() {
				return fmt.Errorf("device %s has changed since: %w", chatadmin.Cut(string(part[i].ID)), chatadmin.ErrPlanStale)
			}
		}
		if err := mayActOn(ctx, w, found, false); err != nil {
			return err
		}
	}
	return nil
}

// heldOf holds planned devices; nil stands for one that is gone or another
// generation.
func heldOf(ctx context.Context, w *chatadmin.Writer, part []PlannedWipe) ([]*entry, error) {
	hs, err := load(ctx, w, w.Domain.ID, idsOf(part))
	if err != nil {
		return nil, err
	}
	byID := make(map[chatadmin.ID]*entry, len(hs))
	for _, h := range hs {
		byID[h.id] = h
	}
	found := make([]*entry, len(part))
	for i, p := range part {
		if h := byID[p.ID]; h != nil && h.there() && h.row.Generation == p.Generation {
			found[i] = h
		}
	}
	return found, nil
}

func idsOf(part []PlannedWipe) []chatadmin.ID {
	ids := make([]chatadmin.ID, len(part))
	for i, p := range part {
		ids[i] = p.ID
	}
	return ids
}
