package chatadmin

import (
	"context"
	"encoding/json"
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
	return g, nil
}

// GroupDeleteFunc runs inside the transaction that begins the deletion of groups (at most MaxBatch), so that what hangs on them ends with it. An error keeps the groups.
type GroupDeleteFunc func(context.Context, *Work, []Group) error

const (
	jobDeleteGroup = "delete group"
	blobKind       = "blobs"
)

// ApplyDeleteGroup deletes the group of a plan: from the first transaction on it is hidden and nothing new gets in, then messages, files and memberships go in batches, the
// group last. Interrupted, it is finished by ResumeDeleteGroup. File contents go to ReleaseBlobs. progress may be nil.
func (s *Scope) ApplyDeleteGroup(ctx context.Context, p *Plan, progress func(Progress)) (Job, error) {
	id := s.admin.NewID()
	err := s.Change(ctx, Op{Kind: KindGroupDelete, Fence: Exclusive, Targets: []ID{p.Subject}}, func(ctx context.Context, w *Work) error {
		if _, err := w.deletable(ctx, p.Subject); err != nil {
			return err
		}
		g, err := w.planned(ctx, p, KindGroupDelete)
		if err != nil {
			return err
		}
		err = w.writeGroup(ctx, KindGroupDelete, &g, func(g *Group) ([]FieldChange, error) {
			g.Deleting = true
			return change("name", g.Name, ""), nil
		})
		if err != nil {
			return err
		}
		for _, f := range s.admin.onGroupDelete {
			if err := f(ctx, w, []Group{g}); err != nil {
				return err
			}
		}
		params, err := json.Marshal(g.ID)
		if err != nil {
			return err
		}
		return w.PutJob(ctx, &Job{ID: id, Kind: jobDeleteGroup, Params: params, Total: p.Counts["members"] + p.Counts["messages"] + p.Counts["files"]})
	})
	if err != nil {
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
		return Step{Op{Kind: KindGroupDelete, Fence: NoFence, Targets: []ID{group}}, func(ctx context.Context, w *Work, job *Job) error {
			n, err := w.deleteGroupBatch(ctx, group)
			if job.Done += int64(n); err == nil && n == 0 {
				job.State = JobDone
			}
			return err
		}}, nil
	}, progress)
}

// deleteGroupBatch deletes the next batch of what is left of a group, and returns how many rows; 0 when the group itself is gone.
func (w *Work) deleteGroupBatch(ctx context.Context, group ID) (int, error) {
	domain := w.scope.domain
	gs, err := w.Groups(ctx, domain, []ID{group})
	if err != nil || len(gs) == 0 {
		return 0, err
	}
	g := gs[0]
	if err := w.administers(ctx, g); err != nil {
		return 0, err
	}
	n, blobs, _, err := w.DeleteContent(ctx, ContentQuery{Domain: domain, Containers: []ID{group}}, Page{Limit: MaxDelete})
	if err != nil {
		return 0, err
	}
	if rows := int(n.Chats + n.Messages + n.Files); rows > 0 {
		return rows, w.queueBlobs(ctx, blobs)
	}
	records, _, err := w.ListRecords(ctx, RecordQuery{Domain: domain, Owner: group}, Page{Limit: MaxBatch})
	if err != nil {
		return 0, err
	}
	if len(records) > 0 {
		changes := make([]Change[Record], len(records))
		for i, r := range records {
			changes[i] = Change[Record]{Row: r, Was: r.Rev, Delete: true}
		}
		return len(records), noConflict(w.ChangeRecords(ctx, changes))
	}
	members, _, err := w.ListMemberships(ctx, MemberQuery{Domain: domain, Group: group}, Page{Limit: MaxBatch})
	if err != nil {
		return 0, err
	}
	last := len(members) < 2
	var changes []Change[Membership]
	for _, m := range members {
		if last || m.User != w.scope.actor { // the actor's own says that they may go on, and goes with the group
			changes = append(changes, Change[Membership]{Row: m, Was: m.Rev, Delete: true})
		}
	}
	if len(changes) > 0 {
		if err := noConflict(w.ChangeMemberships(ctx, changes)); err != nil {
			return 0, err
		}
	}
	if !last {
		return len(changes), nil
	}
	return 0, noConflict(w.ChangeGroups(ctx, []Change[Group]{{Row: g, Was: g.Rev, Delete: true}}))
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
		rs, _, err := a.store.ListRecords(ctx, RecordQuery{Kind: blobKind, Domain: domain}, Page{Limit: 1})
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
