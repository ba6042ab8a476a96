package chatadmin

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/texts"
)

// AddMembers makes up to MaxBatch users members of a group and returns how many
// were not yet. It needs PermGroups or to be an admin of the group.
func (s *Scope) AddMembers(ctx context.Context, group ID, users ...ID) (int, error) {
	added := 0
	err := s.changeMembers(ctx, KindMemberAdd, group, users, func(ctx context.Context, w *Writer, g Group, us []User, have map[ID]Membership) error {
		rev, err := w.NextRev()
		if err != nil {
			return err
		}
		var changes []storage.Write[Membership]
		var targets []ID
		for _, u := range us {
			if u.Deleting {
				return userDeleting(&u)
			}
			if _, ok := have[u.ID]; !ok {
				changes = append(changes, storage.Write[Membership]{Row: Membership{Domain: s.domain, Group: group, User: u.ID, Rev: rev}})
				targets = append(targets, u.ID)
			}
		}
		added = len(targets)
		return w.writeMembers(ctx, KindMemberAdd, g, targets, changes, nil)
	})
	return added, err
}

// RemoveMembers takes up to MaxBatch users out of a group and returns how many
// were in it. Nobody is taken out of a default group (ErrDefaultGroup), except
// guests where default groups are not for them, nor a user on whom the actor
// may not act (ErrForbidden). It needs PermGroups or to be an admin of the
// group.
func (s *Scope) RemoveMembers(ctx context.Context, group ID, users ...ID) (int, error) {
	removed := 0
	err := s.changeMembers(ctx, KindMemberRemove, group, users, func(ctx context.Context, w *Writer, g Group, us []User, have map[ID]Membership) error {
		var changes []storage.Write[Membership]
		var targets []ID
		for _, u := range us {
			if g.Default && w.Settings.meant(&u) {
				return texts.Explain(fmt.Errorf("group %q: nobody whom it is for is removed from it, unmark it first: %w", g.Name, ErrDefaultGroup), "why.default_stay", g.Name)
			}
			if m, ok := have[u.ID]; ok {
				if err := w.MayActOn(&u); err != nil {
					return err
				}
				changes = append(changes, storage.Write[Membership]{Row: m, Was: m.Rev, Delete: true})
				targets = append(targets, u.ID)
			}
		}
		removed = len(targets)
		return w.writeMembers(ctx, KindMemberRemove, g, targets, changes, nil)
	})
	return removed, err
}

// SetGroupAdmin makes members of a group its admins, or takes that from them.
// Neither is done to a member whose role stands above the actor's:
// ErrForbidden. It needs PermGroups or to be an admin of the group.
func (s *Scope) SetGroupAdmin(ctx context.Context, group ID, admin bool, users ...ID) error {
	return s.changeMembers(ctx, KindMemberAdmin, group, users, func(ctx context.Context, w *Writer, g Group, us []User, have map[ID]Membership) error {
		var changes []storage.Write[Membership]
		var targets []ID
		for _, u := range us {
			m, ok := have[u.ID]
			if !ok {
				return fmt.Errorf("user %s is not a member of %q: %w", u.ID, g.Name, ErrNotFound)
			}
			if m.Admin == admin {
				continue
			}
			if err := w.MayActOn(&u); err != nil {
				return err
			}
			was := m.Rev
			var err error
			if m.Rev, err = w.NextRev(was); err != nil {
				return err
			}
			m.Admin = admin
			changes = append(changes, storage.Write[Membership]{Row: m, Was: was})
			targets = append(targets, u.ID)
		}
		return w.writeMembers(ctx, KindMemberAdmin, g, targets, changes, map[string]string{"admin": yes(admin)})
	})
}

// Leave takes the acting user out of a group. Nobody leaves a default group:
// ErrDefaultGroup. A guest may, where the default groups are not for guests.
func (s *Scope) Leave(ctx context.Context, group ID) error {
	if s.actor == HostActor {
		return fmt.Errorf("the host is in no group: %w", ErrInvalid)
	}
	return s.Change(ctx, Op{Kind: KindMemberLeave, Fence: storage.Shared, Targets: []ID{s.actor}}, func(ctx context.Context, w *Writer) error {
		g, err := w.group(ctx, group)
		if err != nil {
			return err
		}
		ms, err := w.Memberships(ctx, s.domain, []storage.Pair{{Group: group, User: s.actor}})
		if err != nil || len(ms) == 0 {
			return err // who is not in it has left
		}
		if g.Default && w.Settings.meant(&w.Actor) {
			return fmt.Errorf("group %q: nobody leaves it: %w", g.Name, ErrDefaultGroup)
		}
		return w.writeMembers(ctx, KindMemberLeave, g, []ID{s.actor}, []storage.Write[Membership]{{Row: ms[0], Was: ms[0].Rev, Delete: true}}, nil)
	})
}

// JoinGroups makes users members of groups, within a transaction under at least
// the shared fence; whoever is a member already stays one. It records one event
// for each group. A group that does not exist is ErrNotFound, and one whose
// members the actor may not add is ErrForbidden.
func (w *Writer) JoinGroups(ctx context.Context, joins []storage.Pair) error {
	byGroup := map[ID][]ID{}
	for _, p := range joins {
		byGroup[p.Group] = append(byGroup[p.Group], p.User)
	}
	for _, id := range slices.Sorted(maps.Keys(byGroup)) {
		g, err := w.administered(ctx, id)
		if err != nil {
			return err
		}
		for users := range slices.Chunk(unique(byGroup[id]), MaxBatch) {
			if err := w.joinGroup(ctx, g, users); err != nil {
				return err
			}
		}
	}
	return nil
}

// joinGroup adds those of at most MaxBatch users who are not in the group.
func (w *Writer) joinGroup(ctx context.Context, g Group, users []ID) error {
	pairs := make([]storage.Pair, len(users))
	for i, u := range users {
		pairs[i] = storage.Pair{Group: g.ID, User: u}
	}
	have, err := w.Memberships(ctx, w.scope.domain, pairs)
	if err != nil {
		return err
	}
	in := make(map[ID]bool, len(have))
	for _, m := range have {
		in[m.User] = true
	}
	rev, err := w.NextRev()
	if err != nil {
		return err
	}
	var changes []storage.Write[Membership]
	var added []ID
	for _, u := range users {
		if !in[u] {
			changes = append(changes, storage.Write[Membership]{Row: Membership{Domain: w.scope.domain, Group: g.ID, User: u, Rev: rev}})
			added = append(added, u)
		}
	}
	return w.writeMembers(ctx, KindMemberAdd, g, added, changes, nil)
}

func (s *Scope) changeMembers(ctx context.Context, kind string, group ID, users []ID, f func(context.Context, *Writer, Group, []User, map[ID]Membership) error) error {
	if len(users) == 0 || len(users) > MaxBatch {
		return fmt.Errorf("%s: give 1 to %d users: %w", kind, MaxBatch, ErrInvalid)
	}
	users = unique(users)
	return s.Change(ctx, Op{Kind: kind, Fence: storage.Shared, Targets: users}, func(ctx context.Context, w *Writer) error {
		g, err := w.administered(ctx, group)
		if err != nil {
			return err
		}
		us, err := w.usersInOrder(ctx, users)
		if err != nil {
			return err
		}
		pairs := make([]storage.Pair, len(users))
		for i, u := range users {
			pairs[i] = storage.Pair{Group: group, User: u}
		}
		ms, err := w.Memberships(ctx, s.domain, pairs)
		if err != nil {
			return err
		}
		have := make(map[ID]Membership, len(ms))
		for _, m := range ms {
			have[m.User] = m
		}
		return f(ctx, w, g, us, have)
	})
}

// writeMembers writes memberships and one event that names the group and the
// users.
func (w *Writer) writeMembers(ctx context.Context, kind string, g Group, users []ID, changes []storage.Write[Membership], note map[string]string) error {
	if len(changes) == 0 {
		return nil
	}
	if err := noConflict(w.ChangeMemberships(ctx, changes)); err != nil {
		return err
	}
	was := make([]storage.Rev, len(changes))
	for i, c := range changes {
		was[i] = c.Was
	}
	if _, err := w.NextRev(was...); err != nil {
		// the event comes after the change before, also where a membership ends
		return err
	}
	w.Audit(kind, append([]ID{g.ID}, users...), nil, note)
	return nil
}
