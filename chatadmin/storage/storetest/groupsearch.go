package storetest

import (
	"context"
	"fmt"
	"strings"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin/storage"
)

// foundGroups wants a list of groups to be these, in order, whatever the size
// of a page.
func (w *world) foundGroups(name string, q storage.GroupQuery, want ...storage.Group) {
	w.Helper()
	q.Domain = w.a
	for _, limit := range []int{1, 2, 3, 100} {
		got := pages(w, limit, func(p storage.Page) ([]storage.Group, storage.Cursor, error) { return w.other.ListGroups(w.ctx, q, p) })
		require.Equal(w, ids(want, groupID), ids(got, groupID), "%s, pages of %d", name, limit)
	}
}

// A search finds groups by any part of their name, however short, and nothing
// else; and groups are told apart by whether they are archived.
func testGroupSearch(w *world) {
	mk := func(domain storage.ID, key string, f func(*storage.Group)) storage.Group {
		g := storage.Group{ID: w.id("group"), Domain: domain, Rev: 1, Name: key, NameKey: key}
		if f != nil {
			f(&g)
		}
		change(w, groups, put(g, 0))
		return g
	}
	cafe := mk(w.a, "café de flore", func(g *storage.Group) { g.Creator = "ann" })
	half := mk(w.a, `half "50%_\" off`, func(g *storage.Group) { g.Archived = true })
	old := mk(w.a, "old sales", func(g *storage.Group) { g.Archived, g.Creator = true, "ann" })
	sales := mk(w.a, "sales", func(g *storage.Group) { g.Default, g.Shipped = true, true })
	gone := mk(w.a, "sales gone", func(g *storage.Group) { g.Deleting = true })
	rus := mk(w.a, "продажи", nil)
	mk(w.b, "sales too", nil)

	type Q = storage.GroupQuery
	for text, want := range inOrder(map[string][]storage.Group{
		"sales":     {old, sales},
		"sale":      {old, sales},
		"ales":      {old, sales},
		"ld s":      {old},
		"cafe":      {cafe}, // without its accent
		"fe de flo": {cafe},
		"f":         {cafe, half},
		"of":        {half},
		`"50%_\"`:   {half},
		"%":         {half},
		"_":         {half},
		`\"`:        {half},
		"прод":      {rus},
		"ажи":       {rus},
		"жи":        {rus},
		"old%ales":  nil,
		"old_sales": nil,
		"sales old": nil,
		"café":      nil, // the library folds what it searches for
		"Sales":     nil,
		"gone":      nil,
		"too":       nil,
	}) {
		w.foundGroups("search "+text, Q{Search: text}, want...)
	}
	// with other conditions
	w.foundGroups("search, deleting", Q{Search: "sales", WithDeleting: true}, old, sales, gone)
	w.foundGroups("search, prefix", Q{Search: "sales", Prefix: "o"}, old)
	w.foundGroups("search, default", Q{Search: "sales", DefaultOnly: true}, sales)
	w.foundGroups("search, creator", Q{Search: "o", Creator: "ann"}, cafe, old)
	w.foundGroups("search, archived", Q{Search: "sales", ArchivedOnly: true}, old)
	w.foundGroups("search, not archived", Q{Search: "sales", NotArchived: true}, sales)
	w.foundGroups("archived", Q{ArchivedOnly: true}, half, old)
	w.foundGroups("archived, creator", Q{ArchivedOnly: true, Creator: "ann"}, old)
	w.foundGroups("archived, prefix", Q{ArchivedOnly: true, Prefix: "old "}, old)
	w.foundGroups("archived, default", Q{ArchivedOnly: true, DefaultOnly: true})
	w.foundGroups("not archived", Q{NotArchived: true}, cafe, sales, rus)
	w.foundGroups("archived and not", Q{ArchivedOnly: true, NotArchived: true})

	// what changes is found by what it is now
	now := old
	now.Rev, now.NameKey, now.Archived = 2, "archive", false
	change(w, groups, put(now, old.Rev))
	w.foundGroups("search, the old name", Q{Search: "sales"}, sales)
	w.foundGroups("search, the new name", Q{Search: "rchiv"}, now)
	w.foundGroups("no longer archived", Q{ArchivedOnly: true}, half)
	change(w, groups, del(now, 2))
	w.foundGroups("search, deleted", Q{Search: "rchiv"})

	// many, of which some match; and what is undone is not found
	var match []storage.Group
	for i := range 60 {
		key := fmt.Sprintf("room %02d", i)
		if i%3 == 0 {
			key = "common " + key
		}
		g := mk(w.a, key, func(g *storage.Group) { g.Archived = i%2 == 0 })
		if strings.HasPrefix(key, "common") {
			match = append(match, g)
		}
	}
	w.foundGroups("search many", Q{Search: "ommon roo"}, match...)
	w.foundGroups("search many by two letters", Q{Search: "mm"}, match...)
	undone := storage.Group{ID: w.id("group"), Domain: w.a, Rev: 1, NameKey: "common undone"}
	require.ErrorIs(w, w.s.Update(w.ctx, storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
		conflicts, err := tx.ChangeGroups(ctx, []storage.Write[storage.Group]{put(undone, 0)})
		require.NoError(w, err)
		require.Empty(w, conflicts)
		found, _, err := tx.ListGroups(ctx, Q{Domain: w.a, Search: "common un"}, storage.Page{Limit: 100})
		require.NoError(w, err)
		require.Len(w, found, 1, "a transaction finds what it has written")
		return errMine
	}), errMine)
	w.foundGroups("search, undone", Q{Search: "common un"})
}
