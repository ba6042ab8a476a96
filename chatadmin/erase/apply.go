package erase

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"chatadmin.example/sdk/chatadmin"
)

// Apply deletes the users of a plan, for a reason of 1 to 1000 bytes. With the first transaction their access ends and they and the groups that vanish are hidden; then everything goes in
// batches, the users last. Interrupted by an error, it is continued by Resume with the receipt's ID. Where the domain has a grace period the users are deactivated and the deletion is
// scheduled: see Cancel and RunDue. File contents go to chatadmin.Admin.ReleaseBlobs.
//
// It needs chatadmin.PermUsersDelete. A plan that is out of date is chatadmin.ErrPlanStale, something that stands in the way a *BlockedError. progress may be nil.
func (d *Deletions) Apply(ctx context.Context, s *chatadmin.Scope, p *Plan, reason string, progress func(chatadmin.Progress)) (Receipt, error) {
	if _, _, err := s.View(ctx, chatadmin.PermUsersDelete); err != nil {
		return Receipt{}, err
	}
	ids, err := p.check(s)
	if err != nil {
		return Receipt{}, err
	}
	if err := chatadmin.CheckReason(reason); err != nil {
		return Receipt{}, err
	}
	id := d.admin.NewID()
	kind := KindDelete
	if p.Grace > 0 {
		kind = KindSchedule
	}
	var e entry
	err = s.Change(ctx, chatadmin.Op{Kind: kind, Need: chatadmin.PermUsersDelete, Fence: chatadmin.Exclusive, Targets: ids}, func(ctx context.Context, w *chatadmin.Work) error {
		v := survey{r: w, actor: s.Actor(), domain: w.Domain, settings: w.Settings, role: w.Role, choice: p.Choice}
		grace, err := d.admit(ctx, w, &v, ids)
		if err != nil {
			return err
		}
		if v.fingerprint() != p.Fingerprint || grace != p.Grace {
			return fmt.Errorf("%w: %w", errStale, chatadmin.ErrPlanStale)
		}
		e = entry{Receipt: Receipt{ID: id, Users: ids, By: s.Actor(), Reason: reason, Choice: p.Choice, Asked: w.Now()}, Total: total(p.Counts)}
		if grace > 0 {
			e.Due = w.Now().Add(grace)
			return d.schedule(ctx, w, &v, &e)
		}
		return d.begin(ctx, w, &v, &e)
	})
	if err != nil {
		return Receipt{}, err
	}
	if e.State == Scheduled {
		return e.Receipt, nil
	}
	return d.Resume(ctx, s, id, progress)
}

// admit reads what a deletion is about and refuses what stands in its way.
func (d *Deletions) admit(ctx context.Context, w *chatadmin.Work, v *survey, ids []chatadmin.ID) (grace time.Duration, err error) {
	if err := v.read(ctx, ids); err != nil {
		return 0, err
	}
	if v.choice.DeleteDefault {
		if err := w.Require(chatadmin.PermDefault); err != nil {
			return 0, err
		}
	}
	blockers, err := v.blockers(ctx)
	if err != nil {
		return 0, err
	}
	if len(blockers) > 0 {
		return 0, &BlockedError{blockers}
	}
	return d.grace(w.Settings)
}

func total(counts map[string]int64) (n int64) {
	for kind, count := range counts {
		if kind != Reports && kind != Users {
			n += count
		}
	}
	return n
}

// task is what a deletion's job was asked for.
type task struct {
	Users  []chatadmin.ID `json:"users"`
	Choice Choice         `json:"choice,omitzero"`
	Reason string         `json:"reason"`
}

const jobKind = "delete users"

// firstGroups is how many groups are marked together with the users, so that nobody waits for one transaction long; further ones follow in transactions of their own.
const firstGroups = 2 * chatadmin.MaxBatch

// begin is the transaction from which on there is no way back: the users and their groups are being deleted.
func (d *Deletions) begin(ctx context.Context, w *chatadmin.Work, v *survey, e *entry) error {
	w.Note = map[string]string{"deletion": string(e.ID), "reason": e.Reason}
	first := v.vanish[:min(len(v.vanish), firstGroups)]
	before, err := owned(ctx, w, v.domain.ID, v.ids, groupIDs(first))
	if err != nil {
		return err
	}
	if err := d.transfer(ctx, w, v); err != nil {
		return err
	}
	writes := make([]chatadmin.UserWrite, len(v.users))
	for i, u := range v.users {
		if writes[i], err = chatadmin.TransitionWrite(u, chatadmin.BeginDeletion); err != nil {
			return err
		}
	}
	if err := w.WriteUsers(ctx, KindDelete, writes); err != nil {
		return err
	}
	for batch := range slices.Chunk(first, chatadmin.MaxBatch) {
		if err := w.BeginGroupDeletion(ctx, batch); err != nil {
			return err
		}
	}
	after, err := owned(ctx, w, v.domain.ID, v.ids, groupIDs(first))
	if err != nil {
		return err
	}
	// What ended with the access has been removed; what is left is counted when it goes.
	gone := d.none()
	gone[Records], gone[Devices] = before.records-after.records, before.devices-after.devices
	job := chatadmin.Job{ID: e.ID, Kind: jobKind, Total: e.Total}
	if job.Params, err = json.Marshal(task{v.ids, e.Choice, e.Reason}); err != nil {
		return err
	}
	if job.Cursor, err = json.Marshal(cursor{}); err != nil {
		return err
	}
	if job.Result, err = json.Marshal(gone); err != nil {
		return err
	}
	if err := w.PutJob(ctx, &job); err != nil {
		return err
	}
	e.State, e.Begun, e.Deactivated = Running, w.Now(), nil
	return e.put(ctx, w)
}

// transfer makes the chosen admin the creator, and an admin, of the groups that stay.
func (d *Deletions) transfer(ctx context.Context, w *chatadmin.Work, v *survey) error {
	to := v.choice.TransferTo
	for batch := range slices.Chunk(v.stay, chatadmin.MaxBatch) {
		was := make([]chatadmin.Rev, len(batch))
		pairs := make([]chatadmin.Pair, len(batch))
		for i, g := range batch {
			was[i], pairs[i] = g.Rev, chatadmin.Pair{Group: g.ID, User: to}
		}
		ms, err := w.Memberships(ctx, v.domain.ID, pairs)
		if err != nil {
			return err
		}
		have := make(map[chatadmin.ID]chatadmin.Membership, len(ms))
		for _, m := range ms {
			have[m.Group] = m
			was = append(was, m.Rev)
		}
		rev, err := w.NextRev(was...)
		if err != nil {
			return err
		}
		groups := make([]chatadmin.Change[chatadmin.Group], len(batch))
		members := make([]chatadmin.Change[chatadmin.Membership], len(batch))
		changes := make(map[chatadmin.ID][]chatadmin.FieldChange, len(batch))
		for i, g := range batch {
			groups[i] = chatadmin.Change[chatadmin.Group]{Row: g, Was: g.Rev}
			groups[i].Row.Creator, groups[i].Row.Rev = to, rev
			members[i] = chatadmin.Change[chatadmin.Membership]{Row: chatadmin.Membership{Domain: v.domain.ID, Group: g.ID, User: to, Rev: rev, Admin: true}, Was: have[g.ID].Rev}
			changes[g.ID] = []chatadmin.FieldChange{{Field: "creator", Before: string(g.Creator), After: string(to)}}
		}
		if err := kept(w.ChangeGroups(ctx, groups)); err != nil {
			return err
		}
		if err := kept(w.ChangeMemberships(ctx, members)); err != nil {
			return err
		}
		w.Record(chatadmin.KindGroupEdit, groupIDs(batch), changes, nil)
	}
	return nil
}

// kept turns any conflict into a lost race.
func kept(cs []chatadmin.Conflict, err error) error {
	if err == nil && len(cs) > 0 {
		err = chatadmin.ErrRetry
	}
	return err
}
