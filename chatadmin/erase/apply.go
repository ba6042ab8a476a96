package erase

import (
	"context"
	"slices"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// Apply deletes the users of a plan, for a reason of 1 to 1000 bytes, and
// returns the run with its receipt. With the first transaction their access
// ends, and they and the groups that vanish are hidden; then everything goes in
// batches, the users last. Interrupted by an error, it is continued by Resume
// with the run's ID. Where the domain has a grace period the users are
// deactivated and the deletion is scheduled: see Cancel and RunDue. File
// contents go to chatadmin.Admin.ReleaseBlobs.
//
// It needs chatadmin.PermUsersDelete. It returns chatadmin.ErrPlanStale for a
// plan that is out of date, chatadmin.ErrNotFound if its users are gone, as they
// are when it is applied again, and a *BlockedError if something stands in the
// way.
// With an error it returns the run, if it has begun, else nil. progress may be
// nil.
func (d *Deletions) Apply(ctx context.Context, s *chatadmin.Scope, p *Plan, reason string,
	progress func(chatadmin.Progress)) (*Run, error) {
	if _, _, err := s.View(ctx, chatadmin.PermUsersDelete); err != nil {
		return nil, err
	}
	ids, err := p.check(s)
	if err != nil {
		return nil, err
	}
	if err := chatadmin.CheckReason(reason); err != nil {
		return nil, err
	}
	op := chatadmin.Op{Kind: KindDelete, Need: chatadmin.PermUsersDelete, Fence: storage.Exclusive, Targets: ids}
	if p.Grace > 0 {
		op.Kind = KindSchedule
	}
	return d.runs.Apply(ctx, s, op, progress, func(ctx context.Context, w *chatadmin.Writer, run *Run) error {
		v := survey{r: w, d: d, actor: s.Actor(), domain: w.Domain, settings: w.Settings, role: w.Role, choice: p.Choice}
		grace, err := d.admit(ctx, w, &v, ids)
		if err != nil {
			return err
		}
		basis := v.basis()
		if grace != p.Grace {
			basis = ""
		}
		if err := p.Stale(basis, "a user, their groups or the domain's settings"); err != nil {
			return err
		}
		run.Total, run.Data = total(p.Counts), Receipt{Users: ids, Reason: reason, Choice: p.Choice, Removed: d.none()}
		if grace > 0 {
			return d.schedule(ctx, w, &v, run, grace)
		}
		return d.begin(ctx, w, &v, run)
	})
}

// Resume continues a deletion to its end, and returns it. One that has ended is
// returned as it is. A scheduled deletion that is due is begun, although no
// worker has done so; before its time it is chatadmin.ErrTransition. Resume
// needs chatadmin.PermUsersDelete, and goes on only in the name of the actor
// who asked for the deletion or has taken it over: see TakeOver. With an error
// the run says how far it came, where that could be read. progress may be nil.
func (d *Deletions) Resume(ctx context.Context, s *chatadmin.Scope, id chatadmin.ID,
	progress func(chatadmin.Progress)) (*Run, error) {
	return d.runs.Resume(ctx, s, id, progress)
}

// admit reads what a deletion is about and refuses what stands in its way.
func (d *Deletions) admit(ctx context.Context, w *chatadmin.Writer, v *survey,
	ids []chatadmin.ID) (grace time.Duration, err error) {
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
	return v.grace()
}

func total(counts map[string]int64) (n int64) {
	for kind, count := range counts {
		if kind != Reports && kind != Users {
			n += count
		}
	}
	return n
}

// firstGroups is how many groups are marked together with the users, so that
// nobody waits for one transaction long; further ones follow in transactions of
// their own.
const firstGroups = 2 * chatadmin.MaxBatch

// begin is the transaction from which on there is no way back: the users and
// their groups are being deleted.
func (d *Deletions) begin(ctx context.Context, w *chatadmin.Writer, v *survey, run *Run) error {
	w.Note = map[string]string{"deletion": string(run.ID), "reason": run.Data.Reason}
	first := unmarked(v.vanish)
	first = first[:min(len(first), firstGroups)]
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
	if v.orphans() { // nobody changes, but it begins anew
		w.Audit(KindDelete, v.ids, nil, nil)
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
	// What ended with the access has been removed; what is left is counted when
	// it goes.
	gone := d.none()
	gone[Records], gone[Devices] = before.records-after.records, before.devices-after.devices
	run.State, run.Done = chatadmin.RunRunning, total(gone)
	run.Data.Removed, run.Data.Deactivated, run.Data.At = gone, nil, place{}
	return nil
}

// unmarked are the groups that are not being deleted yet.
func unmarked(groups []chatadmin.Group) []chatadmin.Group {
	return slices.DeleteFunc(slices.Clone(groups), func(g chatadmin.Group) bool { return g.Deleting })
}

// transfer makes the heirs of the groups that stay their creators and admins.
func (d *Deletions) transfer(ctx context.Context, w *chatadmin.Writer, v *survey) error {
	for batch := range slices.Chunk(v.stay, chatadmin.MaxBatch) {
		was := make([]storage.Rev, len(batch))
		pairs := make([]storage.Pair, len(batch))
		for i, g := range batch {
			was[i], pairs[i] = g.Rev, storage.Pair{Group: g.ID, User: v.heir(g)}
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
		groups := make([]storage.Write[chatadmin.Group], len(batch))
		members := make([]storage.Write[chatadmin.Membership], len(batch))
		changes := make(map[chatadmin.ID][]chatadmin.FieldChange, len(batch))
		for i, g := range batch {
			to := v.heir(g)
			groups[i] = storage.Write[chatadmin.Group]{Row: g, Was: g.Rev}
			groups[i].Row.Creator, groups[i].Row.Rev = to, rev
			members[i] = storage.Write[chatadmin.Membership]{
				Row: chatadmin.Membership{Domain: v.domain.ID, Group: g.ID, User: to, Rev: rev, Admin: true}, Was: have[g.ID].Rev,
			}
			changes[g.ID] = []chatadmin.FieldChange{{Field: "creator", Before: string(g.Creator), After: string(to)}}
		}
		if err := kept(w.ChangeGroups(ctx, groups)); err != nil {
			return err
		}
		if err := kept(w.ChangeMemberships(ctx, members)); err != nil {
			return err
		}
		w.Audit(chatadmin.KindGroupEdit, groupIDs(batch), changes, nil)
	}
	return nil
}

// kept turns any conflict into a lost race.
func kept(cs []storage.Conflict, err error) error {
	if err == nil && len(cs) > 0 {
		err = storage.ErrRetry
	}
	return err
}
