package chatadmin

import (
	"context"
	"fmt"

	"chatadmin.example/sdk/chatadmin/texts"
)

// ArchiveGroup archives a group: nobody posts there any more (see MayPost),
// whatever is in it stays, and its members can read it. Everything else goes on
// as before: the name stays taken, members come and go, and the group can be
// renamed and deleted. UnarchiveGroup undoes it.
//
// A default group is ErrDefaultGroup: unmark it first. An archived group cannot
// be marked as default. It needs PermGroups or to be an admin of the group.
func (s *Scope) ArchiveGroup(ctx context.Context, group ID) (Group, error) {
	return s.setArchived(ctx, KindGroupArchive, group, true)
}

// UnarchiveGroup takes a group out of the archive: its posting policy holds
// again. It needs PermGroups or to be an admin of the group.
func (s *Scope) UnarchiveGroup(ctx context.Context, group ID) (Group, error) {
	return s.setArchived(ctx, KindGroupUnarchive, group, false)
}

func (s *Scope) setArchived(ctx context.Context, kind string, group ID, archived bool) (Group, error) {
	return s.changeGroup(ctx, kind, group, func(_ context.Context, _ *Writer, g *Group) ([]FieldChange, error) {
		if archived && g.Default {
			return nil, texts.Explain(fmt.Errorf("group %q: everybody is in it and reads it, unmark it before it is archived: %w", g.Name, ErrDefaultGroup),
				"why.default_unmark", g.Name)
		}
		was := g.Archived
		g.Archived = archived
		return change("archived", yes(was), yes(archived)), nil
	})
}

// notArchived refuses to make a default group of an archived one.
func notArchived(g Group) error {
	if g.Archived {
		return texts.Explain(fmt.Errorf("group %q: unarchive it before it is marked as default: %w", g.Name, ErrArchived), "why.unarchive_first", g.Name)
	}
	return nil
}
