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
	g := w.Group("Project X")
	_, err := w.S.AddMembers(ctx, g.ID, ids[0])
	require.NoError(t, err)

	for range 2 { // asking again changes nothing
		archived, err := w.S.ArchiveGroup(ctx, g.ID)
		require.NoError(t, err)
		require.True(t, archived.Archived)
	}
	es := w.Events(chatadmin.KindGroupArchive)
	require.Len(t, es, 1)
	require.Equal(t, w.Boss.ID, es[0].Actor)
	require.Equal(t, []chatadmin.FieldChange{{Field: "archived", Before: "false", After: "true"}}, es[0].Changes[g.ID])

	// everything but posting goes on
	_, err = w.S.CreateGroup(ctx, "project x")
	require.ErrorIs(t, err, chatadmin.ErrExists, "its name stays taken")
	n, err := w.S.AddMembers(ctx, g.ID, ids[1])
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.NoError(t, w.As(w.Row(ids[1])).Leave(ctx, g.ID))
	g, err = w.S.RenameGroup(ctx, g.ID, "Project Y")
	require.NoError(t, err)
	require.True(t, g.Archived)
	g, err = w.S.SetPosting(ctx, g.ID, chatadmin.AdminsPost)
	require.NoError(t, err)
	require.True(t, g.Archived)
	read, err := w.As(w.Row(ids[0])).Group(ctx, g.ID)
	require.NoError(t, err, "its members read it")
	require.Equal(t, g, read)

	for range 2 {
		g, err = w.S.UnarchiveGroup(ctx, g.ID)
		require.NoError(t, err)
		require.False(t, g.Archived)
	}
	require.Len(t, w.Events(chatadmin.KindGroupUnarchive), 1)
	_, err = w.S.ArchiveGroup(ctx, g.ID)
	require.NoError(t, err)
	p, err := w.S.PlanDeleteGroup(ctx, g.ID)
	require.NoError(t, err)
	_, err = w.S.ApplyDeleteGroup(ctx, p, nil)
	require.NoError(t, err)
	for _, f := range []func() (chatadmin.Group, error){
		func() (chatadmin.Group, error) { return w.S.ArchiveGroup(ctx, g.ID) },
		func() (chatadmin.Group, error) { return w.S.UnarchiveGroup(ctx, g.ID) },
	} {
		_, err := f()
		require.ErrorIs(t, err, chatadmin.ErrNotFound)
	}
}

// A group is archived or default, never both, in whatever order it is asked
// for.
func TestArchivedOrDefault(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	g := w.Group("G")
	p, err := w.S.PlanDefaultGroup(ctx, g.ID)
	require.NoError(t, err)
	_, err = w.S.ArchiveGroup(ctx, g.ID)
	require.NoError(t, err)
	_, err = w.S.ApplyDefaultGroup(ctx, p, nil)
	require.ErrorIs(t, err, chatadmin.ErrPlanStale)
	_, err = w.S.PlanDefaultGroup(ctx, g.ID)
	require.ErrorIs(t, err, chatadmin.ErrArchived)
	require.ErrorContains(t, err, "unarchive it")

	_, err = w.S.UnarchiveGroup(ctx, g.ID)
	require.NoError(t, err)
	w.mark(g.ID)
	for _, group := range append(w.shipped(), g) {
		_, err = w.S.ArchiveGroup(ctx, group.ID)
		require.ErrorIs(t, err, chatadmin.ErrDefaultGroup)
	}
	_, err = w.S.UnmarkDefaultGroup(ctx, g.ID)
	require.NoError(t, err)
	_, err = w.S.ArchiveGroup(ctx, g.ID)
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
	g := w.Group("G")
	_, err := w.S.ArchiveGroup(ctx, g.ID)
	require.ErrorIs(t, err, chatadmin.ErrVetoed)
	require.Equal(t, []string{chatadmin.KindGroupArchive}, seen)
	g, err = w.S.Group(ctx, g.ID)
	require.NoError(t, err)
	require.False(t, g.Archived)
}

func TestGroupsFound(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	ann := w.User("ann@acme.example")
	made := func(s *chatadmin.Scope, name string, archive bool) {
		g, err := s.CreateGroup(ctx, name)
		require.NoError(t, err)
		if archive {
			_, err := s.ArchiveGroup(ctx, g.ID)
			require.NoError(t, err)
		}
	}
	made(w.S, "Café  Sales", false)
	made(w.As(ann), "Old sales", true)
	made(w.As(ann), "Presales", false)
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
			gs, err := all(w.S.Groups(ctx, c.q))
			require.NoError(t, err)
			var names []string
			for _, g := range gs {
				names = append(names, g.Name)
			}
			require.Equal(t, c.want, names)
		})
	}
}
