package chatadmin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/texts"
)

// joins reports whether u is to be in the default groups.
func (s *Settings) joins(u *User) bool {
	return u.ID != "" && !u.Deleting && slices.Contains(joinStatuses(), u.Status) && slices.Contains(s.joinKinds(), u.Kind)
}

// meant reports whether the default groups are for users such as u, whatever
// their status.
func (s *Settings) meant(u *User) bool { return slices.Contains(s.joinKinds(), u.Kind) }

// leaves reports whether u leaves the default groups by a change: who was meant
// by them and is not any more. Deactivated users keep their groups.
func (s *Settings) leaves(was, now *User) bool {
	return was.ID != "" && s.meant(was) && !s.meant(now) && !now.Deleting
}

func joinStatuses() []Status { return []Status{Pending, Active} }

func (s Settings) joinKinds() []Kind {
	if s.GuestsInDefaultGroups {
		return []Kind{Network, Guest}
	}
	return []Kind{Network}
}

// joinDefaultGroups makes users members of every default group. The shared
// fence keeps the set of default groups as it is until the transaction ends, so
// that nobody is missed by a group that is being marked.
func (w *Writer) joinDefaultGroups(ctx context.Context, users []ID) error {
	if len(users) == 0 {
		return nil
	}
	var changes []storage.Write[Membership]
	flush := func() error {
		conflicts, err := w.ChangeMemberships(ctx, changes)
		if err != nil {
			return err
		}
		for _, c := range conflicts {
			if c.Reason != storage.Exists { // who is there already is where they should be
				return storage.ErrRetry
			}
		}
		changes = changes[:0]
		return nil
	}
	for p := (Page{Limit: MaxBatch}); ; {
		groups, next, err := w.ListGroups(ctx, GroupQuery{Domain: w.scope.domain, DefaultOnly: true}, p)
		if err != nil {
			return err
		}
		rev, err := w.NextRev()
		if err != nil {
			return err
		}
		changes = slices.Grow(changes, min(MaxBatch, len(groups)*len(users)))
		for _, u := range users {
			for i := range groups {
				if len(changes) == MaxBatch {
					if err := flush(); err != nil {
						return err
					}
				}
				changes = append(changes, storage.Write[Membership]{Row: Membership{Domain: w.scope.domain, Group: groups[i].ID, User: u, Rev: rev}})
			}
		}
		if p.After = next; next == "" {
			break
		}
	}
	if len(changes) == 0 {
		return nil
	}
	return flush()
}

// leaveDefaultGroups takes users out of every default group, with one event for
// each group that somebody was in.
func (w *Writer) leaveDefaultGroups(ctx context.Context, users []ID) error {
	if len(users) == 0 {
		return nil
	}
	for p := (Page{Limit: MaxBatch}); ; {
		groups, next, err := w.ListGroups(ctx, GroupQuery{Domain: w.scope.domain, DefaultOnly: true}, p)
		if err != nil {
			return err
		}
		for _, g := range groups {
			if err := w.leaveGroup(ctx, g, users); err != nil {
				return err
			}
		}
		if p.After = next; next == "" {
			return nil
		}
	}
}

// leaveGroup takes those of at most MaxBatch users out of a group who are in
// it.
func (w *Writer) leaveGroup(ctx context.Context, g Group, users []ID) error {
	pairs := make([]storage.Pair, len(users))
	for i, u := range users {
		pairs[i] = storage.Pair{Group: g.ID, User: u}
	}
	ms, err := w.Memberships(ctx, w.scope.domain, pairs)
	if err != nil {
		return err
	}
	changes, left := make([]storage.Write[Membership], len(ms)), make([]ID, len(ms))
	for i, m := range ms {
		changes[i], left[i] = storage.Write[Membership]{Row: m, Was: m.Rev, Delete: true}, m.User
	}
	slices.Sort(left)
	return w.writeMembers(ctx, KindMemberRemove, g, left, changes, nil)
}

// PlanDefaultGroup says whom marking a group as default would add: Counts has
// "members" (now) and "added". Marking a group that is default already
// completes it, for instance after GuestsInDefaultGroups was switched on. An
// archived group is ErrArchived. It needs PermDefault and a subscription with
// FeatureDefaultGroups.
func (s *Scope) PlanDefaultGroup(ctx context.Context, group ID) (*Plan, error) {
	d, set, err := s.View(ctx, PermDefault)
	if err != nil {
		return nil, err
	}
	if err := s.admin.o.Features.Require(set.Subscription, FeatureDefaultGroups); err != nil {
		return nil, err
	}
	g, err := readGroup(ctx, s.admin.store, s.domain, group)
	if err == nil {
		err = notArchived(g)
	}
	if err != nil {
		return nil, err
	}
	p := s.plan(KindGroupDefault, d, g)
	if p.Counts["members"], err = s.admin.store.CountMemberships(ctx, storage.MemberQuery{Domain: s.domain, Group: group}); err != nil {
		return nil, err
	}
	if p.Counts["added"], err = s.admin.store.CountUsers(ctx, s.missing(set, group)); err != nil {
		return nil, err
	}
	if !g.Default {
		p.Warnings = append(p.Warnings, texts.NewMessage("warn.default_group"))
	}
	return p, nil
}

// missing are the users who ought to be in a default group and are not.
func (s *Scope) missing(set Settings, group ID) UserQuery {
	return UserQuery{Domain: s.domain, NotMemberOf: group, Statuses: joinStatuses(), Kinds: set.joinKinds()}
}

// defaultGroupRun is what a run that fills a default group keeps.
type defaultGroupRun struct {
	Group ID     `json:"group"`
	After Cursor `json:"after,omitempty"`
}

const runDefaultGroup = "default group"

// defaultGroupKind declares the runs that fill default groups.
func (a *Admin) defaultGroupKind() RunKind[defaultGroupRun] {
	return RunKind[defaultGroupRun]{
		Name: runDefaultGroup,
		Need: PermDefault,
		Check: func(d *defaultGroupRun) error {
			if d.Group == "" {
				return fmt.Errorf("it names no group")
			}
			return nil
		},
		Step: func(_ context.Context, _ *Scope, run *RunOf[defaultGroupRun], rows int) (RunStep[defaultGroupRun], error) {
			op := Op{Kind: KindMemberAdd, Need: PermDefault, Fence: storage.Shared, Targets: []ID{run.Data.Group}}
			return RunStep[defaultGroupRun]{op, func(ctx context.Context, w *Writer, run *RunOf[defaultGroupRun]) error {
				return fillDefaultGroup(ctx, w, run, rows)
			}}, nil
		},
		Old: OldRun[defaultGroupRun]{Job: "default group", Read: func(run *RunOf[defaultGroupRun], job *OldJob, _ []byte) error {
			return json.Unmarshal(job.Cursor, &run.Data)
		}},
	}
}

// ApplyDefaultGroup marks the group of a plan as default and adds everybody who
// is not in it yet, in batches. Once it is marked, every new user of the
// domain becomes a member in the same transaction, so that nobody is missed. With an
// error it returns the run, if it has begun: ResumeDefaultGroup continues it.
// progress may be nil.
func (s *Scope) ApplyDefaultGroup(ctx context.Context, p *Plan, progress func(Progress)) (Run, error) {
	if err := p.check(s, KindGroupDefault, "members", "added"); err != nil {
		return Run{}, err
	}
	op := Op{Kind: KindGroupDefault, Need: PermDefault, Fence: storage.Exclusive, Targets: []ID{p.Subject}}
	return plain(s.admin.defaultGroups.Apply(ctx, s, op, progress, func(ctx context.Context, w *Writer, run *RunOf[defaultGroupRun]) error {
		if err := s.admin.o.Features.Require(w.Settings.Subscription, FeatureDefaultGroups); err != nil {
			return err
		}
		g, err := w.planned(ctx, p)
		if err == nil {
			err = notArchived(g)
		}
		if err != nil {
			return err
		}
		err = w.writeGroup(ctx, KindGroupDefault, &g, func(g *Group) ([]FieldChange, error) {
			was := g.Default
			g.Default = true
			return change("default", yes(was), "true"), nil
		})
		run.Data.Group, run.Total = g.ID, p.Counts["added"]
		return err
	}))
}

// ResumeDefaultGroup continues what ApplyDefaultGroup began. A group that was
// unmarked meanwhile is left as it is.
func (s *Scope) ResumeDefaultGroup(ctx context.Context, run ID, progress func(Progress)) (Run, error) {
	return plain(s.admin.defaultGroups.Resume(ctx, s, run, progress))
}

// fillDefaultGroup adds one batch of at most limit members.
func fillDefaultGroup(ctx context.Context, w *Writer, run *RunOf[defaultGroupRun], limit int) error {
	g, err := w.group(ctx, run.Data.Group)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	if !g.Default { // unmarked or deleted since
		run.State = RunStopped
		return nil
	}
	rev, err := w.NextRev()
	if err != nil {
		return err
	}
	q := w.scope.missing(w.Settings, g.ID)
	ids, next, err := w.Tx.AddMembers(ctx, q, Membership{Domain: w.scope.domain, Group: g.ID, Rev: rev}, Page{After: run.Data.After, Limit: limit})
	if err != nil {
		return err
	}
	for batch := range slices.Chunk(ids, MaxBatch) {
		w.Audit(KindMemberAdd, append([]ID{g.ID}, batch...), nil, nil)
	}
	run.Done += int64(len(ids))
	if run.Data.After = next; next == "" {
		run.State = RunDone
	}
	return nil
}

// UnmarkDefaultGroup makes a default group an ordinary one: its members stay
// and may leave. It needs PermDefault and a subscription with
// FeatureDefaultGroups.
func (s *Scope) UnmarkDefaultGroup(ctx context.Context, group ID) (Group, error) {
	var g Group
	err := s.Change(ctx, Op{Kind: KindGroupUndefault, Need: PermDefault, Fence: storage.Exclusive, Targets: []ID{group}}, func(ctx context.Context, w *Writer) (err error) {
		if err := s.admin.o.Features.Require(w.Settings.Subscription, FeatureDefaultGroups); err != nil {
			return err
		}
		if g, err = w.group(ctx, group); err != nil {
			return err
		}
		return w.writeGroup(ctx, KindGroupUndefault, &g, func(g *Group) ([]FieldChange, error) {
			was := g.Default
			g.Default = false
			return change("default", yes(was), "false"), nil
		})
	})
	if err != nil {
		return Group{}, err
	}
	return g, nil
}
