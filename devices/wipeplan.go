package devices

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"chatadmin.example/sdk/chatadmin"
)

// MaxPlan is how many devices one plan may wipe.
const MaxPlan = 10_000

const wipeJob = "wipe devices"

// WipePlan says what wiping many devices would do. Its Counts are "devices" (to be wiped), "users" (whose they are), "enabled" (of the devices), "without_push" (told only when they check in by
// themselves) and "left_alone" (wiped already, or about to be). It can be kept as JSON and applied later by the same actor.
type WipePlan struct {
	chatadmin.Plan
	Devices []PlannedWipe `json:"devices"`
}

// PlannedWipe is one device to be wiped.
type PlannedWipe struct {
	ID         chatadmin.ID `json:"id"`
	Generation int64        `json:"generation"`
}

// PlanWipe plans the wiping of devices, and of all that users have: up to MaxPlan devices of at most chatadmin.MaxBatch users. It changes nothing. It needs chatadmin.PermDevices, and
// power over all of their users.
func (r *Registry) PlanWipe(ctx context.Context, s *chatadmin.Scope, sel Selection) (*WipePlan, error) {
	d, set, role, err := s.ViewAs(ctx, chatadmin.PermDevices)
	if err != nil {
		return nil, err
	}
	p := &WipePlan{Plan: chatadmin.Plan{Kind: KindWipe, Domain: s.Domain(), Actor: s.Actor(), Made: r.admin.Now(), DomainRev: d.Rev, Counts: map[string]int64{}}}
	ids, err := r.resolve(ctx, s.Domain(), sel, MaxPlan)
	if err != nil {
		return nil, err
	}
	users := map[chatadmin.ID]bool{}
	for len(ids) > 0 {
		part := ids[:min(len(ids), chatadmin.MaxBatch)]
		ids = ids[len(part):]
		hs, err := hold(ctx, r.admin.Store(), s.Domain(), part)
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
		us, err := r.admin.Store().Users(ctx, s.Domain(), usersOf(hs))
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
		p.Warnings = append(p.Warnings, fmt.Sprintf("%d of the devices have no push token: they learn of the wipe when they next check in by themselves", n))
	}
	if users[s.Actor()] {
		p.Warnings = append(p.Warnings, "devices of your own are among them")
	}
	return p, nil
}

// count adds a device to the plan, unless it is left alone.
func (p *WipePlan) count(h *held) (wiped bool) {
	for _, name := range []string{"enabled", "without_push", "left_alone"} {
		p.Counts[name] += 0
	}
	if h.wiping() {
		p.Counts["left_alone"]++
		return false
	}
	if Status(h.row.Status) == Enabled {
		p.Counts["enabled"]++
	}
	if h.data.Push == "" {
		p.Counts["without_push"]++
	}
	p.Devices = append(p.Devices, PlannedWipe{h.id, h.row.Generation})
	return true
}

// ApplyWipe asks for the wipes of a plan in batches of 500. Options.Before of the Admin is shown the whole plan first, and then each batch. It refuses a plan with
// chatadmin.ErrPlanStale where one of its devices is gone, has registered anew or is being wiped already, or the domain's settings have changed, and with chatadmin.ErrForbidden where
// the role of a user has risen above the actor's. Interrupted, it is finished by ResumeWipe: the job that comes with the error has the ID, if it has begun. progress may be nil.
func (r *Registry) ApplyWipe(ctx context.Context, s *chatadmin.Scope, p *WipePlan, progress func(chatadmin.Progress)) (chatadmin.Job, error) {
	if p.Kind != KindWipe || p.Domain != s.Domain() || p.Actor != s.Actor() {
		if _, _, err := s.View(ctx, chatadmin.PermDevices); err != nil {
			return chatadmin.Job{}, err
		}
		if p.Domain != s.Domain() {
			return chatadmin.Job{}, fmt.Errorf("the plan's devices: %w", chatadmin.ErrNotFound)
		}
		return chatadmin.Job{}, fmt.Errorf("this plan was made for something else or by somebody else: %w", chatadmin.ErrInvalid)
	}
	id := r.admin.NewID()
	params, err := json.Marshal(p.Devices)
	if err != nil {
		return chatadmin.Job{}, err
	}
	err = s.Change(ctx, chatadmin.Op{Kind: KindWipe, Need: chatadmin.PermDevices, Targets: idsOf(p.Devices)}, func(ctx context.Context, w *chatadmin.Work) error {
		if w.Domain.Rev != p.DomainRev {
			return fmt.Errorf("the domain's settings have changed since: %w", chatadmin.ErrPlanStale)
		}
		if err := stillAs(ctx, w, p.Devices); err != nil {
			return err
		}
		return w.PutJob(ctx, &chatadmin.Job{ID: id, Kind: wipeJob, Params: params, Total: int64(len(p.Devices))})
	})
	switch {
	case errors.Is(err, chatadmin.ErrCommitUnknown): // it may have begun
		return chatadmin.Job{ID: id}, err
	case err != nil:
		return chatadmin.Job{}, err
	}
	return r.ResumeWipe(ctx, s, id, progress)
}

// stillAs refuses a plan whose devices are not as they were.
func stillAs(ctx context.Context, w *chatadmin.Work, planned []PlannedWipe) error {
	if len(planned) > MaxPlan {
		return fmt.Errorf("a plan has at most %d devices: %w", MaxPlan, chatadmin.ErrInvalid)
	}
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

// heldOf holds planned devices; nil stands for one that is gone or another generation.
func heldOf(ctx context.Context, w *chatadmin.Work, part []PlannedWipe) ([]*held, error) {
	hs, err := hold(ctx, w, w.Domain.ID, idsOf(part))
	if err != nil {
		return nil, err
	}
	byID := make(map[chatadmin.ID]*held, len(hs))
	for _, h := range hs {
		byID[h.id] = h
	}
	found := make([]*held, len(part))
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

// WipeResult is the Job.Result of ApplyWipe.
type WipeResult struct {
	Asked   int64 `json:"asked"`
	Skipped int64 `json:"skipped"` // gone, registered anew, or out of reach since the role of its user has risen above the actor's, while the job ran
}

// ResumeWipe continues what ApplyWipe began, in the name of who began it.
func (r *Registry) ResumeWipe(ctx context.Context, s *chatadmin.Scope, job chatadmin.ID, progress func(chatadmin.Progress)) (chatadmin.Job, error) {
	return s.RunJob(ctx, job, func(_ context.Context, j *chatadmin.Job) (chatadmin.Step, error) {
		var planned []PlannedWipe
		if j.Kind != wipeJob {
			return chatadmin.Step{}, fmt.Errorf("job %s is another kind of job: %w", j.ID, chatadmin.ErrInvalid)
		}
		if err := json.Unmarshal(j.Params, &planned); err != nil {
			return chatadmin.Step{}, fmt.Errorf("job %s: %w", j.ID, err)
		}
		part := planned[min(int(j.Done), len(planned)):]
		part = part[:min(len(part), batch)]
		op := chatadmin.Op{Kind: KindWipe, Need: chatadmin.PermDevices, Fence: chatadmin.Shared, Targets: idsOf(part)}
		return chatadmin.Step{Op: op, Do: func(ctx context.Context, w *chatadmin.Work, job *chatadmin.Job) error {
			return r.wipeBatch(ctx, w, job, part)
		}}, nil
	}, progress)
}

func (r *Registry) wipeBatch(ctx context.Context, w *chatadmin.Work, job *chatadmin.Job, part []PlannedWipe) error {
	var result WipeResult
	if len(job.Result) > 0 {
		if err := json.Unmarshal(job.Result, &result); err != nil {
			return err
		}
	}
	found, err := heldOf(ctx, w, part)
	if err != nil {
		return err
	}
	hs := slices.DeleteFunc(found, func(h *held) bool { return h == nil })
	risen, err := above(ctx, w, hs)
	if err != nil {
		return err
	}
	hs = slices.DeleteFunc(hs, func(h *held) bool { return risen[h.user] != nil })
	result.Skipped += int64(len(part) - len(hs))
	for _, h := range hs {
		if err := h.ask(w, r.admin.NewID()); err != nil {
			return err
		}
		result.Asked++
	}
	if err := write(ctx, w, KindWipe, hs); err != nil {
		return err
	}
	if job.Done += int64(len(part)); job.Done >= job.Total {
		job.State = chatadmin.JobDone
	}
	job.Result, err = json.Marshal(result)
	return err
}
