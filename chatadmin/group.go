package chatadmin

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/texts"
)

// Posting says who may post in a group.
type Posting string

const (
	EverybodyPosts Posting = "everybody"
	AdminsPost     Posting = "admins" // only admins of the group and of the domain
)

// GroupSettings is what a group has decided, kept in Group.Data.
type GroupSettings struct {
	Version int     `json:"v"`
	Posting Posting `json:"posting"`
}

// GroupSettingsOf decodes what the group has decided. What cannot be read is a
// *DamagedError, and admins alone may post.
func GroupSettingsOf(g Group) (GroupSettings, error) {
	if len(g.Data) == 0 {
		return GroupSettings{Version: 1, Posting: EverybodyPosts}, nil
	}
	s, err := readData[GroupSettings]("group", g.Domain, g.ID, g.Data)
	if err == nil && s.Posting == "" {
		s.Posting = EverybodyPosts
	}
	if err == nil && s.Posting != EverybodyPosts && s.Posting != AdminsPost {
		err = &DamagedError{"group", g.Domain, string(g.ID), "it has no known posting policy"}
	}
	if err != nil {
		return GroupSettings{Posting: AdminsPost}, err
	}
	return s, nil
}

// rename sets the name and its key.
func renameGroup(g *Group, name string) error {
	key := Fold(name)
	if !groupName(name) {
		return detailed("name", name, CodeBadText, texts.NewMessage("why.group_name", maxText))
	}
	g.Name, g.NameKey = name, key
	return nil
}

func groupName(name string) bool { return Fold(name) != "" && len(name) <= maxText && visible(name) }

// CreateGroup creates a group with the actor as its creator, first member and
// admin; the host's groups have no creator and no member. Its name is unique in
// the domain, as logins are: one that another group has is ErrExists. It needs
// PermGroupCreate. Actors without PermGroups are bound by Settings.Limits: a
// *LimitError is returned beyond that.
func (s *Scope) CreateGroup(ctx context.Context, name string) (Group, error) {
	id := s.admin.NewID()
	var g Group
	err := s.Change(ctx, Op{Kind: KindGroupCreate, Need: PermGroupCreate, Fence: storage.Shared, Targets: []ID{id}}, func(ctx context.Context, w *Writer) error {
		if err := w.countGroup(ctx); err != nil {
			return err
		}
		rev, err := w.NextRev()
		if err != nil {
			return err
		}
		g = Group{ID: id, Domain: s.domain, Rev: rev, Creator: w.Actor.ID}
		if err := renameGroup(&g, name); err != nil {
			return err
		}
		if err := w.claimGroupName(ctx, &g); err != nil {
			return err
		}
		if err := noConflict(w.ChangeGroups(ctx, []storage.Write[Group]{{Row: g}})); err != nil {
			return err
		}
		if g.Creator != "" {
			m := Membership{Domain: s.domain, Group: id, User: g.Creator, Rev: rev, Admin: true}
			if err := noConflict(w.ChangeMemberships(ctx, []storage.Write[Membership]{{Row: m}})); err != nil {
				return err
			}
		}
		w.Audit(KindGroupCreate, []ID{id}, map[ID][]FieldChange{id: change("name", "", g.Name)}, nil)
		return nil
	})
	if err != nil {
		return Group{}, err
	}
	return g, nil
}

// GroupEdit says which fields of a group to change; nil leaves one as it is.
type GroupEdit struct {
	Name    *string
	Posting *Posting
}

// EditGroup changes fields of a group in one transaction, as RenameGroup and
// SetPosting do. It needs PermGroups or to be an admin of the group.
func (s *Scope) EditGroup(ctx context.Context, group ID, e GroupEdit) (Group, error) {
	if e.Posting != nil {
		if err := e.Posting.check(); err != nil {
			return Group{}, err
		}
	}
	return s.changeGroup(ctx, KindGroupEdit, group, func(ctx context.Context, w *Writer, g *Group) (changed []FieldChange, err error) {
		if e.Name != nil {
			if changed, err = w.renameGroup(ctx, g, *e.Name); err != nil {
				return nil, err
			}
		}
		if e.Posting != nil {
			more, err := setPosting(g, *e.Posting)
			return append(changed, more...), err
		}
		return changed, nil
	})
}

// RenameGroup changes a group's name, nothing else: a shipped or default group
// stays what it is. A name that another group has is ErrExists. It needs
// PermGroups or to be an admin of the group.
func (s *Scope) RenameGroup(ctx context.Context, group ID, name string) (Group, error) {
	return s.EditGroup(ctx, group, GroupEdit{Name: &name})
}

// SetPosting says who may post in a group. It needs PermGroups or to be an
// admin of the group.
func (s *Scope) SetPosting(ctx context.Context, group ID, p Posting) (Group, error) {
	return s.EditGroup(ctx, group, GroupEdit{Posting: &p})
}

func (p Posting) check() error {
	if p != EverybodyPosts && p != AdminsPost {
		return fmt.Errorf("posting %q: choose everybody or admins: %w", Cut(string(p)), ErrInvalid)
	}
	return nil
}

func (w *Writer) renameGroup(ctx context.Context, g *Group, name string) ([]FieldChange, error) {
	was := *g
	if err := renameGroup(g, name); err != nil {
		return nil, err
	}
	if g.NameKey != was.NameKey {
		if err := w.claimGroupName(ctx, g); err != nil {
			return nil, err
		}
	}
	return change("name", was.Name, name), nil
}

func setPosting(g *Group, p Posting) ([]FieldChange, error) {
	set, err := GroupSettingsOf(*g)
	if err != nil {
		set = GroupSettings{} // all of it is written anew
	}
	was := set.Posting
	set.Version, set.Posting = 1, p
	g.Data, err = json.Marshal(set)
	return change("posting", string(was), string(p)), err
}

// changeGroup changes one group that the actor administers; f returns what it
// changed, nothing for nothing.
func (s *Scope) changeGroup(ctx context.Context, kind string, group ID, f func(context.Context, *Writer, *Group) ([]FieldChange, error)) (Group, error) {
	var g Group
	err := s.Change(ctx, Op{Kind: kind, Fence: storage.Shared, Targets: []ID{group}}, func(ctx context.Context, w *Writer) (err error) {
		if g, err = w.administered(ctx, group); err != nil {
			return err
		}
		return w.writeGroup(ctx, kind, &g, func(g *Group) ([]FieldChange, error) { return f(ctx, w, g) })
	})
	if err != nil {
		return Group{}, err
	}
	return g, nil
}

func (w *Writer) writeGroup(ctx context.Context, kind string, g *Group, f func(*Group) ([]FieldChange, error)) error {
	was := g.Rev
	changed, err := f(g)
	if err != nil || len(changed) == 0 {
		return err
	}
	if g.Rev, err = w.NextRev(was); err != nil {
		return err
	}
	if err := noConflict(w.ChangeGroups(ctx, []storage.Write[Group]{{Row: *g, Was: was}})); err != nil {
		return err
	}
	w.Audit(kind, []ID{g.ID}, map[ID][]FieldChange{g.ID: changed}, nil)
	return nil
}

// group reads a group that is not being deleted.
func (w *Writer) group(ctx context.Context, id ID) (Group, error) {
	return readGroup(ctx, w, w.scope.domain, id)
}

func readGroup(ctx context.Context, r storage.Reader, domain, id ID) (Group, error) {
	gs, err := r.Groups(ctx, domain, []ID{id})
	gs = slices.DeleteFunc(gs, func(g Group) bool { return g.Deleting })
	return one(gs, err, "group", string(id))
}

// administered reads a group and refuses an actor who neither has PermGroups
// nor is its admin.
func (w *Writer) administered(ctx context.Context, id ID) (Group, error) {
	g, err := w.group(ctx, id)
	if err == nil {
		err = w.administers(ctx, g)
	}
	return g, err
}

func (w *Writer) administers(ctx context.Context, g Group) error {
	if w.Role.May(PermGroups) {
		return nil
	}
	ms, err := w.Memberships(ctx, w.scope.domain, []storage.Pair{{Group: g.ID, User: w.Actor.ID}})
	if err == nil && (len(ms) == 0 || !ms[0].Admin) {
		err = texts.Explain(fmt.Errorf("group %q: only its admins and who has the permission %q may do this: %w", g.Name, PermGroups, ErrForbidden),
			"why.group_admins", g.Name, string(PermGroups))
	}
	return err
}

// Group reads one group; one that is being deleted is not found. Every member
// may; others need PermUsersRead.
func (s *Scope) Group(ctx context.Context, id ID) (Group, error) {
	if err := s.viewGroup(ctx, id); err != nil {
		return Group{}, err
	}
	return readGroup(ctx, s.admin.store, s.domain, id)
}

func (s *Scope) viewGroup(ctx context.Context, id ID) error {
	_, _, _, role, err := s.authorize(ctx, s.admin.store, "")
	if err != nil || role.May(PermUsersRead) {
		return err
	}
	ms, err := s.admin.store.Memberships(ctx, s.domain, []storage.Pair{{Group: id, User: s.actor}})
	if err == nil && len(ms) == 0 {
		err = require(role, PermUsersRead)
	}
	return err
}
