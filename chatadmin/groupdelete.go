package chatadmin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// PlanDeleteGroup counts what deleting a group would remove: "members", "messages" and "files". A shipped group is ErrShippedGroup, a default one
// ErrDefaultGroup: unmark it first. It needs PermGroups or to be an admin of the group.
func (s *Scope) PlanDeleteGroup(ctx context.Context, group ID) (*Plan, error) {
	var p *Plan
	err := s.admin.store.Update(ctx, Fence{s.domain, NoFence}, func(ctx context.Context, tx Tx) error {
		w := &Work{Tx: tx, scope: s, now: s.admin.Now()}
		if err := w.enter(ctx, ""); err != nil {
			return err
		}
		g, err := w.deletable(ctx, group)
		if err != nil {
			return err
		}
		p = s.plan(KindGroupDelete, w.Domain, g)
		if p.Counts["members"], err = w.CountMemberships(ctx, MemberQuery{Domain: s.domain, Group: group}); err != nil {
			return err
		}
		n, err := w.CountContent(ctx, ContentQuery{Domain: s.domain, Containers: []ID{group}})
		p.Counts["messages"], p.Counts["files"] = n.Messages, n.Files
		return err
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

func (w *Work) deletable(ctx context.Context, id ID) (Group, error) {
	g, err := w.administered(ctx, id)
	switch {
	case err != nil:
		return Group{}, err
	case g.Shipped:
		return Group{}, fmt.Errorf("group %q: %w", g.Name, ErrShippedGroup)
	case g.Default:
		return Group{}, fmt.Errorf("group %q: unmark it first: %w", g.Name, ErrDefaultGroup)
	}
	held, err := HeldBack(ctx, w, w.scope.domain, nil, []ID{id})
	if err == nil && len(held) > 0 {
		err = fmt.Errorf("%s: %w", held[0], ErrHeld)
	}
	return g, err
}

// GroupDeleteFunc runs inside the transaction that begins the deletion of groups (at most MaxBatch), so that what hangs on them ends with it. An error keeps the groups.
type GroupDeleteFunc func(context.Context, *Work, []Group) error

const (
	jobDeleteGroup = "delete group"
	blobKind       = "blobs"
)

// ApplyDeleteGroup deletes the group of a plan: from the first transaction on it is hidden and nothing new gets in, then messages, files and memberships go in batches, the
// group last. Interrupted, it is finished by ResumeDeleteGroup: the job that comes with the error has the ID, if it has begun. File contents go to ReleaseBlobs. progress may be nil.
func (s *Scope) ApplyDeleteGroup(ctx context.Context, p *Plan, progress func(Progress)) (Job, error) {
	if p == nil {
		return Job{}, missing("a plan of PlanDeleteGroup")
	}
	id := s.admin.NewID()
	err := s.Change(ctx, Op{Kind: KindGroupDelete, Fence: Exclusive, Targets: []ID{p.Subject}}, func(ctx context.Context, w *Work) error {
		if _, err := w.deletable(ctx, p.Subject); err != nil {
			return err
		}
		g, err := w.planned(ctx, p, KindGroupDelete)
		if err != nil {
			return err
		}
		if err := w.BeginGroupDeletion(ctx, []Group{g}); err != nil {
			return err
		}
		params, err := json.Marshal(g.ID)
		if err != nil {
			return err
		}
		return w.PutJob(ctx, &Job{ID: id, Kind: jobDeleteGroup, Params: params, Total: p.Counts["members"] + p.Counts["messages"] + p.Counts["files"]})
	})
	switch {
	case errors.Is(err, ErrCommitUnknown): // it may have begun
		return Job{ID: id}, err
	case err != nil:
		return Job{}, err
	}
	return s.ResumeDeleteGroup(ctx, id, progress)
}

// ResumeDeleteGroup continues what ApplyDeleteGroup began.
func (s *Scope) ResumeDeleteGroup(ctx context.Context, job ID, progress func(Progress)) (Job, error) {
	return s.RunJob(ctx, job, func(_ context.Context, j *Job) (Step, error) {
		var group ID
		if j.Kind != jobDeleteGroup {
			return Step{}, fmt.Errorf("job %s is another kind of job: %w", j.ID, ErrInvalid)
		}
		if err := json.Unmarshal(j.Params, &group); err != nil {
			return Step{}, fmt.Errorf("job %s: %w", j.ID, err)
		}
		return Step{Op{Kind: KindGroupDelete, Fence: Shared, Targets: []ID{group}}, func(ctx context.Context, w *Work, job *Job) error {
			n, gone, err := w.deleteGroupBatch(ctx, group)
			if job.Done += n.Content.Messages + n.Content.Files + n.Memberships; gone {
				job.State = JobDone
			}
			return err
		}}, nil
	}, progress)
}

// deleteGroupBatch deletes the next batch of what is left of a group.
func (w *Work) deleteGroupBatch(ctx context.Context, group ID) (n Removed, gone bool, err error) {
	gs, err := w.Groups(ctx, w.scope.domain, []ID{group})
	if err != nil || len(gs) == 0 {
		return n, err == nil, err
	}
	if err := w.administers(ctx, gs[0]); err != nil {
		return n, false, err
	}
	n, err = w.deleteGroups(ctx, gs, w.scope.actor, MaxBulk)
	return n, n.Groups > 0, err
}

// BeginGroupDeletion marks at most MaxBatch groups as being deleted, under the exclusive fence: they are hidden, default no longer, and nothing new gets in. One event names them
// all. Who may, and whether a hold forbids it, is the caller's to know.
func (w *Work) BeginGroupDeletion(ctx context.Context, groups []Group) error {
	if w.mode != Exclusive {
		return ErrNeedsExclusive
	}
	if len(groups) == 0 {
		return nil
	}
	changes, targets, was := make([]Change[Group], len(groups)), make([]ID, len(groups)), make([]Rev, len(groups))
	for i, g := range groups {
		changes[i], targets[i], was[i] = Change[Group]{Row: g, Was: g.Rev}, g.ID, g.Rev
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
	Content                      ContentCount
	Groups, Memberships, Records int64
}

// Rows is how many rows that were.
func (r Removed) Rows() int64 {
	return r.Content.Chats + r.Content.Messages + r.Content.Files + r.Groups + r.Memberships + r.Records
}

// DeleteGroups deletes about limit rows (1 to MaxBulk) of what is left of at most MaxBatch groups that are being deleted: what lies in them, their records, their
// memberships and, when nothing else is left, the groups themselves; then Removed.Groups is their number. Keys of file contents are queued for ReleaseBlobs.
func (w *Work) DeleteGroups(ctx context.Context, groups []Group, limit int) (Removed, error) {
	return w.deleteGroups(ctx, groups, "", limit)
}

// deleteGroups keeps the membership of one user to the end: it may be what says that they may go on.
func (w *Work) deleteGroups(ctx context.Context, groups []Group, keep ID, limit int) (n Removed, err error) {
	domain, ids, rows := w.scope.domain, make([]ID, len(groups)), make([]Change[Group], len(groups))
	for i, g := range groups {
		ids[i], rows[i] = g.ID, Change[Group]{Row: g, Was: g.Rev, Delete: true}
	}
	held, err := HeldBack(ctx, w, domain, nil, ids)
	if err != nil {
		return n, err
	}
	if len(held) > 0 {
		return n, fmt.Errorf("%s: %w", held[0], ErrHeld)
	}
	var more bool
	var next Cursor
	if n.Content, next, err = w.DeleteContent(ctx, ContentQuery{Domain: domain, Containers: ids}, Page{Limit: limit}); err != nil || next != "" {
		return n, err
	}
	if n.Records, more, err = w.DeleteRecords(ctx, RecordQuery{Domain: domain, Owners: ids}, limit); err != nil || more {
		return n, err
	}
	if n.Memberships, more, err = w.deleteMemberships(ctx, MemberQuery{Domain: domain, Groups: ids}, keep, limit); err != nil || more {
		return n, err
	}
	n.Groups = int64(len(groups))
	return n, noConflict(w.ChangeGroups(ctx, rows))
}

// DeleteContent deletes a page of q, queues the keys of file contents for ReleaseBlobs, and returns how many rows went, and where the next page begins. It takes the place of the method
// of Tx, which would lose the keys.
func (w *Work) DeleteContent(ctx context.Context, q ContentQuery, p Page) (ContentCount, Cursor, error) {
	for {
		n, blobs, next, err := w.Tx.DeleteContent(ctx, q, p)
		if err != nil {
			return ContentCount{}, "", err
		}
		if n != (ContentCount{}) || next == "" {
			return n, next, w.queueBlobs(ctx, blobs)
		}
		p.After = next // who begins at the start each time would get no further
	}
}

// DeleteRecords deletes about limit records of q, and returns how many and whether there may be more.
func (w *Work) DeleteRecords(ctx context.Context, q RecordQuery, limit int) (n int64, more bool, err error) {
	for more = true; more && n < int64(limit); {
		rows, next, err := FirstPage(ctx, w.ListRecords, q, MaxBatch)
		if err != nil {
			return n, true, err
		}
		changes := make([]Change[Record], len(rows))
		for i, r := range rows {
			changes[i] = Change[Record]{Row: r, Was: r.Rev, Delete: true}
		}
		if err := noConflict(w.ChangeRecords(ctx, changes)); err != nil {
			return n, true, err
		}
		n, more = n+int64(len(rows)), next != ""
	}
	return n, more, nil
}

// DeleteMemberships deletes about limit memberships of q, and returns how many and whether there may be more.
func (w *Work) DeleteMemberships(ctx context.Context, q MemberQuery, limit int) (n int64, more bool, err error) {
	return w.deleteMemberships(ctx, q, "", limit)
}

func (w *Work) deleteMemberships(ctx context.Context, q MemberQuery, keep ID, limit int) (n int64, more bool, err error) {
	var last []Change[Membership]
	for p := (Page{Limit: MaxBatch}); ; {
		rows, next, err := w.ListMemberships(ctx, q, p)
		if err != nil {
			return n, true, err
		}
		var changes []Change[Membership]
		for _, m := range rows {
			if c := (Change[Membership]{Row: m, Was: m.Rev, Delete: true}); m.User == keep {
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

// queueBlobs keeps the keys of file contents until ReleaseBlobs has deleted them.
func (w *Work) queueBlobs(ctx context.Context, keys []string) error {
	var changes []Change[Record]
	for batch := range slices.Chunk(keys, MaxBatch) {
		data, err := json.Marshal(batch)
		if err != nil {
			return err
		}
		changes = append(changes, Change[Record]{Row: Record{Key: Key{Kind: blobKind, Domain: w.scope.domain, ID: string(w.scope.admin.NewID())}, Due: w.now, Data: data}})
	}
	return w.PutRecords(ctx, changes)
}

// ReleaseBlobs deletes the contents of files whose rows are gone through Options.Blobs, at least once, and returns how many. Without Blobs it
// does nothing.
func (a *Admin) ReleaseBlobs(ctx context.Context, domain ID) (int, error) {
	if a.o.Blobs == nil {
		return 0, nil
	}
	total := 0
	for {
		rs, _, err := FirstPage(ctx, a.store.ListRecords, RecordQuery{Kind: blobKind, Domain: domain}, 1)
		if err != nil || len(rs) == 0 {
			return total, err
		}
		var keys []string
		if err := json.Unmarshal(rs[0].Data, &keys); err != nil {
			return total, fmt.Errorf("blobs %s: %w", rs[0].ID, err)
		}
		if err := a.o.Blobs.Delete(ctx, keys); err != nil {
			return total, fmt.Errorf("deleting file contents: %w", err)
		}
		total += len(keys)
		err = a.store.Update(ctx, Fence{}, func(ctx context.Context, tx Tx) error {
			_, err := tx.ChangeRecords(ctx, []Change[Record]{{Row: rs[0], Was: rs[0].Rev, Delete: true}}) // gone already: another worker deleted them too
			return err
		})
		if err != nil {
			return total, err
		}
	}
}
