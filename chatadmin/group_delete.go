package chatadmin

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/texts"
)

// PlanDeleteGroup counts what deleting a group would remove: "members", and
// each of DataKinds but private chats. It returns ErrShippedGroup for a shipped group, and
// ErrDefaultGroup for a default one: unmark it first. It needs PermGroups or to
// be an admin of the group.
//
// A group that is being deleted already is not found. But if the run that did
// it was damaged and repaired, whoever has PermDomain besides plans the
// deletion anew. The audit event of KindGroupDelete names the group.
func (s *Scope) PlanDeleteGroup(ctx context.Context, group ID) (*Plan, error) {
	if err := s.upgradeRuns(ctx); err != nil {
		return nil, err
	}
	var p *Plan
	err := s.look(ctx, func(ctx context.Context, w *Writer) error {
		g, err := w.deletable(ctx, group)
		if err != nil {
			return err
		}
		p = s.plan(KindGroupDelete, w.Domain, g)
		if p.Counts["members"], err = w.CountMemberships(ctx, storage.MemberQuery{Domain: s.domain, Group: group}); err != nil {
			return err
		}
		n, err := s.admin.CountData(ctx, w, inGroup(s.domain, group))
		Counts(p.Counts).Add(n)
		return err
	})
	if err != nil {
		return nil, err
	}
	n, err := s.admin.CountOutside(ctx, inGroup(s.domain, group))
	Counts(p.Counts).Add(n)
	delete(p.Counts, CountedChats)
	return p, err
}

// groupKinds are what a plan to delete a group counts.
func (a *Admin) groupKinds() []string {
	kinds := slices.DeleteFunc(a.DataKinds(), func(kind string) bool { return kind == CountedChats })
	return append(kinds, "members")
}

// inGroup selects all that lies in a group.
func inGroup(domain, group ID) storage.ContentQuery {
	return storage.ContentQuery{Domain: domain, Containers: []ID{group}}
}

// deletable reads a group and refuses what stands in the way of its deletion.
func (w *Writer) deletable(ctx context.Context, id ID) (Group, error) {
	g, err := w.administered(ctx, id)
	if errors.Is(err, ErrNotFound) && w.Role.May(PermDomain) {
		g, err = w.orphan(ctx, id, err)
	}
	switch {
	case err != nil:
		return Group{}, err
	case g.Shipped:
		return Group{}, texts.Explain(fmt.Errorf("group %q: %w", g.Name, ErrShippedGroup), "why.shipped", g.Name)
	case g.Default:
		return Group{}, texts.Explain(fmt.Errorf("group %q: unmark it first: %w", g.Name, ErrDefaultGroup), "why.default_unmark", g.Name)
	}
	return g, w.notHeld(ctx, []ID{id})
}

// orphan reads a group that is being deleted, but by no run any more. gone is
// the error where there is none.
func (w *Writer) orphan(ctx context.Context, id ID, gone error) (Group, error) {
	gs, err := w.Groups(ctx, w.scope.domain, []ID{id})
	if err != nil || len(gs) == 0 {
		return Group{}, cmp.Or(err, gone)
	}
	g := gs[0]
	for run, err := range w.scope.admin.groupDeletions.Open(ctx, w, w.scope.domain) {
		var bad *DamagedError
		switch {
		case errors.As(err, &bad):
			return Group{}, fmt.Errorf("group %q is being deleted, perhaps by run %q, which cannot be read: repair it first: %w", g.Name, Cut(bad.ID), ErrTransition)
		case err != nil:
			return Group{}, err
		case run.Data.Group == id:
			return Group{}, gone
		}
	}
	us, err := w.Users(ctx, w.scope.domain, []ID{g.Creator})
	if err == nil && len(us) > 0 && us[0].Deleting {
		err = fmt.Errorf("group %q is deleted with its creator: continue that deletion: %w", g.Name, ErrTransition)
	}
	if err != nil {
		return Group{}, err
	}
	return g, w.administers(ctx, g)
}

// groupDeletion is what a run that deletes a group keeps.
type groupDeletion struct {
	Group   ID               `json:"group"`
	Removed map[string]int64 `json:"removed,omitempty"` // by kind
	Emptied bool             `json:"emptied,omitempty"` // of what lies inside the store's database
	Outside OutsidePlace     `json:"outside,omitzero"`
}

// count adds what a step has removed.
func (d *groupDeletion) count(n map[string]int64) {
	d.Removed = maps.Clone(d.Removed)
	if d.Removed == nil {
		d.Removed = map[string]int64{}
	}
	Counts(d.Removed).Add(n)
}

const runGroupDeletion = "group deletion"

// groupDeletionKind declares the runs that delete groups.
func (a *Admin) groupDeletionKind() RunKind[groupDeletion] {
	return RunKind[groupDeletion]{
		Name: runGroupDeletion,
		See:  PermGroups,
		Check: func(d *groupDeletion) error {
			if d.Group == "" {
				return fmt.Errorf("it names no group")
			}
			return nil
		},
		May: func(ctx context.Context, w *Writer, run *RunOf[groupDeletion]) error {
			gs, err := w.Groups(ctx, w.scope.domain, []ID{run.Data.Group})
			if err != nil || len(gs) == 0 {
				return err
			}
			return w.administers(ctx, gs[0])
		},
		Step: groupDeletionStep,
		Old: OldRun[groupDeletion]{Job: "delete group", Read: func(run *RunOf[groupDeletion], job *OldJob, _ []byte) error {
			return json.Unmarshal(job.Params, &run.Data.Group)
		}},
	}
}

// groupDeletionStep prepares the next transaction: what lies inside the store's
// database goes first, then what lies outside, and the group last.
func groupDeletionStep(ctx context.Context, s *Scope, run *RunOf[groupDeletion], rows int) (RunStep[groupDeletion], error) {
	op := Op{Kind: KindGroupDelete, Fence: storage.Shared, Targets: []ID{run.Data.Group}}
	if s.admin.HasOutside() && run.Data.Emptied && !run.Data.Outside.Done {
		if err := s.mayGoOn(ctx, run.Data.Group); err != nil {
			return RunStep[groupDeletion]{}, err
		}
		n, at, err := s.admin.DeleteOutside(ctx, inGroup(s.domain, run.Data.Group), run.Data.Outside, rows)
		return RunStep[groupDeletion]{op, func(_ context.Context, _ *Writer, run *RunOf[groupDeletion]) error {
			run.Data.Outside = at
			run.Data.count(n)
			run.Done += Counts(n).Sum()
			return nil
		}}, err
	}
	last := !s.admin.HasOutside() || run.Data.Outside.Done
	return RunStep[groupDeletion]{op, func(ctx context.Context, w *Writer, run *RunOf[groupDeletion]) error {
		d := &run.Data
		n, emptied, err := w.deleteGroupBatch(ctx, d.Group, rows, last)
		if err != nil {
			return err
		}
		d.count(n.Data)
		d.count(map[string]int64{"members": n.Memberships})
		run.Done += Counts(n.Data).Sum() + n.Memberships
		if d.Emptied = emptied; emptied && last {
			run.State = RunDone
			w.Audit(KindGroupDeleted, []ID{d.Group}, nil, countsNote(d.Removed))
		}
		return nil
	}}, nil
}

// countsNote is what an audit event says of counts.
func countsNote(n map[string]int64) map[string]string {
	note := make(map[string]string, len(n))
	for kind, count := range n {
		note[kind] = fmt.Sprint(count)
	}
	return note
}

// mayGoOn refuses an actor who may not delete a group, or where a hold has come.
func (s *Scope) mayGoOn(ctx context.Context, group ID) error {
	return s.look(ctx, func(ctx context.Context, w *Writer) error {
		gs, err := w.Groups(ctx, s.domain, []ID{group})
		if err != nil || len(gs) == 0 {
			return err
		}
		if err := w.administers(ctx, gs[0]); err != nil {
			return err
		}
		return w.notHeld(ctx, []ID{group})
	})
}

// notHeld refuses where a legal hold forbids to delete groups.
func (w *Writer) notHeld(ctx context.Context, groups []ID) error {
	held, err := w.scope.admin.HeldBack(ctx, w, w.scope.domain, nil, groups)
	if err == nil && len(held) > 0 {
		err = fmt.Errorf("%s: %w", held[0], ErrHeld)
	}
	return err
}

// look runs f as a transaction that changes nothing. The actor needs access, and
// no permission.
func (s *Scope) look(ctx context.Context, f func(context.Context, *Writer) error) error {
	return s.admin.store.Update(ctx, storage.Fence{Domain: s.domain, Mode: storage.NoFence}, func(ctx context.Context, tx storage.Tx) error {
		w := &Writer{Tx: tx, scope: s, now: s.admin.Now()}
		if err := w.enter(ctx, ""); err != nil {
			return err
		}
		return f(ctx, w)
	})
}

// ApplyDeleteGroup deletes the group of a plan. With the first transaction it
// is hidden and nothing new gets in; then messages, files and memberships go in
// batches, the group last. With an error it returns the run, if it has begun:
// ResumeDeleteGroup continues it. File contents go to ReleaseBlobs. progress
// may be nil.
func (s *Scope) ApplyDeleteGroup(ctx context.Context, p *Plan, progress func(Progress)) (Run, error) {
	if err := p.check(s, KindGroupDelete, s.admin.groupKinds()...); err != nil {
		return Run{}, err
	}
	if err := s.upgradeRuns(ctx); err != nil {
		return Run{}, err
	}
	op := Op{Kind: KindGroupDelete, Fence: storage.Exclusive, Targets: []ID{p.Subject}}
	return plain(s.admin.groupDeletions.Apply(ctx, s, op, progress, func(ctx context.Context, w *Writer, run *RunOf[groupDeletion]) error {
		g, err := w.deletable(ctx, p.Subject)
		if err != nil {
			return err
		}
		if err := p.Stale(groupBasis(w.Domain, g), fmt.Sprintf("group %q or the domain's settings", g.Name)); err != nil {
			return err
		}
		run.Data.Group, run.Total = g.ID, Counts(p.Counts).Sum()
		if g.Deleting { // it begins anew
			w.Audit(KindGroupDelete, []ID{g.ID}, nil, map[string]string{"run": string(run.ID)})
			return nil
		}
		return w.BeginGroupDeletion(ctx, []Group{g})
	}))
}

// ResumeDeleteGroup continues what ApplyDeleteGroup began.
func (s *Scope) ResumeDeleteGroup(ctx context.Context, run ID, progress func(Progress)) (Run, error) {
	return plain(s.admin.groupDeletions.Resume(ctx, s, run, progress))
}

// deleteGroupBatch deletes the next batch of what is left of a group, and
// reports whether nothing is left; the group itself goes if it is the last.
func (w *Writer) deleteGroupBatch(ctx context.Context, group ID, rows int, last bool) (n Removed, emptied bool, err error) {
	gs, err := w.Groups(ctx, w.scope.domain, []ID{group})
	if err != nil || len(gs) == 0 {
		return n, err == nil, err
	}
	if err := w.administers(ctx, gs[0]); err != nil {
		return n, false, err
	}
	if !last {
		return w.emptyGroups(ctx, gs, rows)
	}
	n, err = w.deleteGroups(ctx, gs, w.scope.actor, rows)
	return n, n.Groups > 0, err
}

// BeginGroupDeletion marks at most MaxBatch groups as being deleted, under the
// exclusive fence: they are hidden, default no longer, and nothing new gets in.
// One event names them all. Who may, and whether a hold forbids it, is the
// caller's to know.
func (w *Writer) BeginGroupDeletion(ctx context.Context, groups []Group) error {
	if w.mode != storage.Exclusive {
		return ErrNeedsExclusive
	}
	if len(groups) == 0 {
		return nil
	}
	changes, targets, was := make([]storage.Write[Group], len(groups)), make([]ID, len(groups)), make([]storage.Rev, len(groups))
	for i, g := range groups {
		changes[i], targets[i], was[i] = storage.Write[Group]{Row: g, Was: g.Rev}, g.ID, g.Rev
	}
	rev, err := w.NextRev(was...)
	if err != nil {
		return err
	}
	marked := make([]Group, len(groups))
	for i := range changes {
		g := &changes[i].Row
		g.Rev, g.Deleting, g.Default = rev, true, false
		marked[i] = *g
	}
	if err := noConflict(w.ChangeGroups(ctx, changes)); err != nil {
		return err
	}
	w.record(KindGroupDelete, targets, len(targets), func(i int) []FieldChange { return change("name", groups[i].Name, "") }, nil)
	for _, f := range w.scope.admin.onGroupDelete {
		if err := f(ctx, w, marked); err != nil {
			return err
		}
	}
	return nil
}

// Removed counts the rows that a batch of a deletion removed.
type Removed struct {
	Data                         map[string]int64 // by kind; see Admin.DataKinds
	Groups, Memberships, Records int64
}

// Rows is how many rows that were.
func (r Removed) Rows() int64 { return Counts(r.Data).Sum() + r.Groups + r.Memberships + r.Records }

// DeleteGroups deletes about limit rows (1 to MaxBulk) of what is left of at
// most MaxBatch groups that are being deleted: what lies in them, their
// records, their memberships and, when nothing else is left, the groups
// themselves; then Removed.Groups is their number. Keys of file contents are
// queued for ReleaseBlobs. A group that is not being deleted is ErrTransition.
func (w *Writer) DeleteGroups(ctx context.Context, groups []Group, limit int) (Removed, error) {
	return w.deleteGroups(ctx, groups, "", limit)
}

// deleteGroups keeps the membership of one user to the end: it may be what says
// that they may go on.
func (w *Writer) deleteGroups(ctx context.Context, groups []Group, keep ID, limit int) (Removed, error) {
	n, emptied, err := w.emptyGroups(ctx, groups, limit)
	if err != nil || !emptied {
		return n, err
	}
	ids, rows := make([]ID, len(groups)), make([]storage.Write[Group], len(groups))
	for i, g := range groups {
		ids[i], rows[i] = g.ID, storage.Write[Group]{Row: g, Was: g.Rev, Delete: true}
	}
	var more bool
	if n.Records, more, err = w.DeleteRecords(ctx, storage.RecordQuery{Domain: w.scope.domain, Owners: ids}, limit); err != nil || more {
		return n, err
	}
	if n.Memberships, more, err = w.deleteMemberships(ctx, storage.MemberQuery{Domain: w.scope.domain, Groups: ids}, keep, limit); err != nil || more {
		return n, err
	}
	n.Groups = int64(len(groups))
	return n, noConflict(w.ChangeGroups(ctx, rows))
}

// emptyGroups deletes the next rows of what lies in groups inside the store's
// database, and reports whether a last look has found nothing there.
func (w *Writer) emptyGroups(ctx context.Context, groups []Group, limit int) (n Removed, emptied bool, err error) {
	q := storage.ContentQuery{Domain: w.scope.domain}
	for _, g := range groups {
		if !g.Deleting {
			return n, false, fmt.Errorf("group %q is not being deleted: %w", Cut(g.Name), ErrTransition)
		}
		q.Containers = append(q.Containers, g.ID)
	}
	if err := w.notHeld(ctx, q.Containers); err != nil {
		return n, false, err
	}
	var next Cursor
	if n.Data, next, err = w.DeleteData(ctx, q, Page{Limit: limit}); err != nil || next != "" {
		return n, false, err
	}
	left, err := w.scope.admin.CountData(ctx, w, q)
	if err == nil && Counts(left).Sum() > 0 && Counts(n.Data).Sum() == 0 {
		err = w.scope.admin.unfinished(left)
	}
	return n, Counts(left).Sum() == 0, err
}

// DeleteContent deletes a page of q from the store's table of content alone, to
// which DeleteData adds the host's sources; it queues the keys of file contents for
// ReleaseBlobs, and returns how many rows went, and where the next page begins.
// It takes the place of the method of Tx, which would lose the keys.
func (w *Writer) DeleteContent(ctx context.Context, q storage.ContentQuery, p Page) (storage.ContentCount, Cursor, error) {
	for {
		n, blobs, next, err := w.Tx.DeleteContent(ctx, q, p)
		if err != nil {
			return storage.ContentCount{}, "", err
		}
		if n != (storage.ContentCount{}) || next == "" {
			return n, next, w.queueBlobs(ctx, blobs)
		}
		p.After = next // who begins at the start each time would get no further
	}
}

// DeleteRecords deletes about limit records of q, and returns how many and
// whether there may be more.
func (w *Writer) DeleteRecords(ctx context.Context, q storage.RecordQuery, limit int) (n int64, more bool, err error) {
	for more = true; more && n < int64(limit); {
		rows, next, err := storage.FirstPage(ctx, w.ListRecords, q, MaxBatch)
		if err != nil {
			return n, true, err
		}
		changes := make([]storage.Write[storage.Record], len(rows))
		for i, r := range rows {
			changes[i] = storage.Write[storage.Record]{Row: r, Was: r.Rev, Delete: true}
		}
		if err := noConflict(w.ChangeRecords(ctx, changes)); err != nil {
			return n, true, err
		}
		n, more = n+int64(len(rows)), next != ""
	}
	return n, more, nil
}

// DeleteMemberships deletes about limit memberships of q, and returns how many
// and whether there may be more.
func (w *Writer) DeleteMemberships(ctx context.Context, q storage.MemberQuery, limit int) (n int64, more bool, err error) {
	return w.deleteMemberships(ctx, q, "", limit)
}

func (w *Writer) deleteMemberships(ctx context.Context, q storage.MemberQuery, keep ID, limit int) (n int64, more bool, err error) {
	var last []storage.Write[Membership]
	for p := (Page{Limit: MaxBatch}); ; {
		rows, next, err := w.ListMemberships(ctx, q, p)
		if err != nil {
			return n, true, err
		}
		var changes []storage.Write[Membership]
		for _, m := range rows {
			if c := (storage.Write[Membership]{Row: m, Was: m.Rev, Delete: true}); m.User == keep {
				last = append(last, c)
			} else {
				changes = append(changes, c)
			}
		}
		if err := noConflict(w.ChangeMemberships(ctx, changes)); err != nil {
			return n, true, err
		}
		n += int64(len(changes))
		switch {
		case next == "" && len(last) == 0:
			return n, false, nil
		case n >= int64(limit):
			return n, true, nil
		case next == "":
			return n + int64(len(last)), false, noConflict(w.ChangeMemberships(ctx, last))
		}
		p.After = next
	}
}
