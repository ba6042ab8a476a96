package storetest

import (
	"fmt"
	"slices"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
)

// testBlobs: a blob is in use while a row of any domain names its key, compared
// as bytes.
func testBlobs(w *world) {
	files := map[chatadmin.ID]chatadmin.Group{}
	insert := func(tx chatadmin.Tx, domain, id chatadmin.ID, blob string) {
		g := files[domain]
		conflicts, err := tx.InsertContent(w.ctx, []chatadmin.Content{{ID: id, Domain: domain, Container: g.ID,
			Author: g.Creator, Kind: chatadmin.File, At: date(1), Blob: blob}})
		require.NoError(w, err)
		require.Empty(w, conflicts)
	}
	remove := func(tx chatadmin.Tx, domain chatadmin.ID) {
		_, _, _, err := tx.DeleteContent(w.ctx, chatadmin.ContentQuery{Domain: domain,
			Containers: []chatadmin.ID{files[domain].ID}}, chatadmin.Page{Limit: 100})
		require.NoError(w, err)
	}
	for _, d := range []chatadmin.ID{w.a, w.b} {
		u, g := w.user(d, "u"), w.group(d, "g")
		g.Creator = u.ID
		files[d] = g
	}
	w.update(func(tx chatadmin.Tx) {
		insert(tx, w.a, "f1", "in-both")
		insert(tx, w.a, "f2", "in-both")
		insert(tx, w.b, "f3", "in-both")
		insert(tx, w.a, "f4", "in-a")
		insert(tx, w.b, "f5", "in-b")
		insert(tx, w.a, "f6", "")
	})
	used := func(r chatadmin.Reader, keys ...string) []string {
		w.Helper()
		found, err := r.BlobsInUse(w.ctx, keys)
		require.NoError(w, err)
		slices.Sort(found)
		return slices.Compact(found)
	}
	asked := []string{"in-a", "IN-A", "in-a ", "in-both", "in-", "", "in-b", "in-both", "none"}
	require.Equal(w, []string{"in-a", "in-b", "in-both"}, used(w.other, asked...), "blobs of all domains")
	require.Empty(w, used(w.other), "no keys")
	w.update(func(tx chatadmin.Tx) {
		require.Equal(w, []string{"in-a", "in-b", "in-both"}, used(tx, asked...))
		insert(tx, w.a, "f7", "none")
		require.Equal(w, []string{"in-a", "in-b", "in-both", "none"}, used(tx, asked...), "its own writes")
		remove(tx, w.a)
		require.Equal(w, []string{"in-b", "in-both"}, used(tx, asked...), "its own deletions")
	})
	require.Equal(w, []string{"in-b", "in-both"}, used(w.other, asked...), "another domain still names it")
	w.update(func(tx chatadmin.Tx) { remove(tx, w.b) })
	require.Empty(w, used(w.other, asked...))
	many := make([]string, chatadmin.MaxBatch+1)
	for i := range many {
		many[i] = fmt.Sprint("blob-", i)
	}
	w.update(func(tx chatadmin.Tx) { insert(tx, w.b, "last", many[chatadmin.MaxBatch-1]) })
	require.Equal(w, many[chatadmin.MaxBatch-1:chatadmin.MaxBatch], used(w.other, many[:chatadmin.MaxBatch]...))
	_, err := w.other.BlobsInUse(w.ctx, many)
	require.ErrorIs(w, err, chatadmin.ErrBatch, "too many blob keys")
}
