package storetest

import (
	"fmt"
	"slices"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin/storage"
)

// testBlobs: a blob is in use while a row of any domain names its key, compared
// as bytes.
func testBlobs(w *world) {
	files := map[storage.ID]storage.Group{}
	insert := func(tx storage.Tx, domain, id storage.ID, blob string) {
		g := files[domain]
		conflicts, err := tx.InsertContent(w.ctx, []storage.Content{{ID: id, Domain: domain, Container: g.ID,
			Author: g.Creator, Kind: storage.File, At: date(1), Blob: blob}})
		require.NoError(w, err)
		require.Empty(w, conflicts)
	}
	remove := func(tx storage.Tx, domain storage.ID) {
		_, _, _, err := tx.DeleteContent(w.ctx, storage.ContentQuery{Domain: domain,
			Containers: []storage.ID{files[domain].ID}}, storage.Page{Limit: 100})
		require.NoError(w, err)
	}
	for _, d := range []storage.ID{w.a, w.b} {
		u, g := w.user(d, "u"), w.group(d, "g")
		g.Creator = u.ID
		files[d] = g
	}
	w.update(func(tx storage.Tx) {
		insert(tx, w.a, "f1", "in-both")
		insert(tx, w.a, "f2", "in-both")
		insert(tx, w.b, "f3", "in-both")
		insert(tx, w.a, "f4", "in-a")
		insert(tx, w.b, "f5", "in-b")
		insert(tx, w.a, "f6", "")
	})
	used := func(r storage.Reader, keys ...string) []string {
		w.Helper()
		found, err := r.BlobsInUse(w.ctx, keys)
		require.NoError(w, err)
		slices.Sort(found)
		return slices.Compact(found)
	}
	asked := []string{"in-a", "IN-A", "in-a ", "in-both", "in-", "", "in-b", "in-both", "none"}
	require.Equal(w, []string{"in-a", "in-b", "in-both"}, used(w.other, asked...), "blobs of all domains")
	require.Empty(w, used(w.other), "no keys")
	w.update(func(tx storage.Tx) {
		require.Equal(w, []string{"in-a", "in-b", "in-both"}, used(tx, asked...))
		insert(tx, w.a, "f7", "none")
		require.Equal(w, []string{"in-a", "in-b", "in-both", "none"}, used(tx, asked...), "its own writes")
		remove(tx, w.a)
		require.Equal(w, []string{"in-b", "in-both"}, used(tx, asked...), "its own deletions")
	})
	require.Equal(w, []string{"in-b", "in-both"}, used(w.other, asked...), "another domain still names it")
	w.update(func(tx storage.Tx) { remove(tx, w.b) })
	require.Empty(w, used(w.other, asked...))
	many := make([]string, storage.MaxBatch+1)
	for i := range many {
		many[i] = fmt.Sprint("blob-", i)
	}
	w.update(func(tx storage.Tx) { insert(tx, w.b, "last", many[storage.MaxBatch-1]) })
	require.Equal(w, many[storage.MaxBatch-1:storage.MaxBatch], used(w.other, many[:storage.MaxBatch]...))
	_, err := w.other.BlobsInUse(w.ctx, many)
	require.ErrorIs(w, err, storage.ErrBatch, "too many blob keys")
}
