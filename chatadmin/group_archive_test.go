package chatadmin_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
)

func TestArchiveGroup(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	ids := w.users(2)
	g := w.group("Project X")
	_, err := w.s.AddMembers(ctx, g.ID, ids[0])
	require.NoError(t, err)

	for range 2 { // asking again changes nothing
		archived, err := w.s.ArchiveGroup(ctx, g.ID)
		require.NoError(t, err)
		require.True(t, archived.Archived)
	}
	es := w.events(chatadmin.KindGroupArchive)
	require.Len(t, es, 1)
	require.Equal(t, w.boss.ID, es[0].Actor)
	require.Equal(t, []chatadmin.FieldChange{{Field: "archived", Before: "false", After: "true"}}, es[0].Changes[g.ID])

	// everything but posting goes on
	_, err = w.s.CreateGroup(ctx, "project x")
	require.ErrorIs(t, err, chatadmin.ErrExists, "its name stays taken")
	n, err := w.s.AddMembers(ctx, g.ID, ids[1])
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.NoError(t, w.as(w.row(ids[1])).Leave(ctx, g.ID))
	g, err = w.s.RenameGroup(ctx, g.ID, "Project Y")
	require.NoError(t, err)
	require.True(t, g.Archived)
	g, err = w.s.SetPosting(ctx, g.ID, chatadmin.AdminsPost)
	require.NoError(t, err)
	require.True(t, g.Archived)
	read, err := w.as(w.row(ids[0])).Group(ctx, g.ID)
	require.NoError(t, err, "its members read it")
	require.Equal(t, g, read)

	for range 2 {
		g, err = w.s.UnarchiveGroup(ctx, g.ID)
		require.NoError(t, err)
		require.False(t, g.Archived)
	}
	require.Len(t, w.events(chatadmin.KindGroupUnarchive), 1)
	_, err = w.s.ArchiveGroup(ctx, g.ID)
	require.NoError(t, err)
	p, err := w.s.PlanDeleteGroup(ctx, g.ID)
	require.NoError(t, err)
	_, err = w.s.ApplyDeleteGroup(ctx, p, nil)
	require.NoError(t, err)
	for _, f := range []func() (chatadmin.Group, error){
		func() (chatadmin.Group, error) { return w.s.ArchiveGroup(ctx, g.ID) },
		func() (chatadmin.Group, error) { return w.s.UnarchiveGroup(ctx, g.ID) },
	} {
		_, err := f()
		require.ErrorIs(t, err, chatadmin.ErrNotFound)
	}
}

// A group is archived or default, never both, in whatever order it is asked
// for.
func TestArchivedOrDefault(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	g := w.group("G")
	p, err := w.s.PlanDefaultGroup(ctx, g.ID)
	require.NoError(t, err)
	_, err = w.s.ArchiveGroup(ctx, g.ID)
	require.NoError(t, err)
	_, err = w.s.ApplyDefaultGroup(ctx, p, nil)
	require.ErrorIs(t, err, chatadmin.ErrPlanStale)
	_, err = w.s.PlanDefaultGroup(ctx, g.ID)
	require.ErrorIs(t, err, chatadmin.ErrArchived)
	require.ErrorContains(t, err, "unarchive it")

	_, err = w.s.UnarchiveGroup(ctx, g.ID)
	require.NoError(t, err)
	w.mark(g.ID)
	for _, group := range append(w.shipped(), g) {
		_, err = w.s.ArchiveGroup(ctx, group.ID)
		require.ErrorIs(t, err, chatadmin.ErrDefaultGroup)
	}
	_, err = w.s.UnmarkDefaultGroup(ctx, g.ID)
	require.NoError(t, err)
	_, err = w.s.ArchiveGroup(ctx, g.ID)
	require.NoError(t, err)
}

func TestArchiveVetoed(t *testing.T) {
	no := errors.New("not this one")
	var seen []string
	w := newWorld(t, chatadmin.OfficeChat, func(o *chatadmin.Options) {
		o.Before = func(_ context.Context, in chatadmin.Intent) error {
			if strings.HasPrefix(in.Kind, "group.archive") {
				seen = append(seen, in.Kind)
				return no
			}
			return nil
		}
	})
	g := w.group("G")
	_, err := w.s.ArchiveGroup(ctx, g.ID)
	require.ErrorIs(t, err, chatadmin.ErrVetoed)
	require.Equal(t, []string{chatadmin.KindGroupArchive}, seen)
	g, err = w.s.Group(ctx, g.ID)
	require.NoError(t, err)
	require.False(t, g.Archived)
}

func TestGroupsFound(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	ann := w.user("ann@acme.example")
	made := func(s *chatadmin.Scope, name string, archive bool) {
		g, err := s.CreateGroup(ctx, name)
		require.NoError(t, err)
		if archive {
			_, err := s.ArchiveGroup(ctx, g.ID)
			require.NoError(t, err)
		}
	}
	made(w.s, "Café  Sales", false)
	made(w.as(ann), "Old sales", true)
	made(w.as(ann), "Presales", false)
	for name, c := range map[string]struct {
		q    chatadmin.GroupQuery
		want []string
	}{
		"any part":     {chatadmin.GroupQuery{Search: "SALES"}, []string{"Café  Sales", "Old sales", "Presales"}},
		"no accent":    {chatadmin.GroupQuery{Search: "cafe sal"}, []string{"Café  Sales"}},
		"archived":     {chatadmin.GroupQuery{ArchivedOnly: true}, []string{"Old sales"}},
		"not archived": {chatadmin.GroupQuery{NotArchived: true, Search: "sales"}, []string{"Café  Sales", "Presales"}},
		"creator":      {chatadmin.GroupQuery{Creator: ann.ID}, []string{"Old sales", "Presales"}},
		"default":      {chatadmin.GroupQuery{DefaultOnly: true, Search: "all of"}, []string{"All Of Us"}},
		"no such text": {chatadmin.GroupQuery{Search: "a\x00b"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			gs, err := all(w.s.Groups(ctx, c.q))
			require.NoError(t, err)
			var names []string
			for _, g := range gs {
				names = append(names, g.Name)
			}
			require.Equal(t, c.want, names)
		})
	}
}
