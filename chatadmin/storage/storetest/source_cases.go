package storetest

import (
	"context"
	"fmt"
	"slices"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin/storage"
)

func testSourceCount(w *sourceWorld) {
	for name, q := range inOrder(w.queries()) {
		in, _ := w.split(q)
		require.EqualValues(w, len(in), w.count(q), name)
		if q.Domain = w.b; w.OneDomain == "" || w.b != w.OneDomain {
			require.Zero(w, w.count(q), "%s, in another domain", name)
		}
	}
	many := make([]storage.ID, storage.MaxBulk)
	for i := range many {
		many[i] = w.NewID("user", 100000+i)
	}
	in, _ := w.split(storage.ContentQuery{Domain: w.a, All: true})
	require.EqualValues(w, len(in), w.count(storage.ContentQuery{Domain: w.a, All: true, ExceptUsers: many, ExceptContainers: many}), "many legal holds")
	require.Zero(w, w.count(storage.ContentQuery{Domain: w.a, Authors: many[:storage.MaxBatch], Containers: many[:storage.MaxBatch]}))
}

// A query that selects nothing in particular deletes nothing.
func testSourceNothing(w *sourceWorld) {
	for _, q := range []storage.ContentQuery{{Domain: w.a}, {}, {Domain: w.a, ExceptUsers: w.users[:1]}} {
		if n, _, _, err := w.remove(q, storage.Page{Limit: 10}); err == nil {
			require.Zero(w, n, "a query that selects nothing in particular")
		}
	}
	w.left("a query that selects nothing in particular", w.rows)
}

func testSourceDelete(w *sourceWorld) {
	limits := []int{1, 3, 10, storage.MaxBulk}
	n := 0
	for name, q := range inOrder(w.queries()) {
		limit := limits[n%len(limits)]
		n++
		in, out := w.split(q)
		sum, blobs := w.removeAll(name, q, limit)
		w.left(name, out)
		require.EqualValues(w, len(in), sum, "%s: rows that it has told", name)
		require.Zero(w, w.count(q), "%s: rows that it still counts", name)
		if w.Source.Inside != nil {
			var keys []string
			for _, r := range in {
				if r.Blob != "" && !w.Source.Marks {
					keys = append(keys, r.Blob)
				}
			}
			require.ElementsMatch(w, keys, blobs, "%s: keys of the contents of files", name)
		}
		w.rows = out
		for i := range in { // once more, with other IDs: marked rows are still there
			in[i].ID = w.id("row")
			if in[i].Blob != "" {
				in[i].Blob = "blob-" + string(in[i].ID)
			}
		}
		if len(in) > 0 {
			w.insert(in...)
		}
	}
}

// What is held stays, and does not keep a page from what lies behind it.
func testSourceHeld(w *sourceWorld) {
	for range 3 {
		w.insert(w.some()...)
	}
	for name, q := range inOrder(map[string]storage.ContentQuery{
		"a user":           {Before: sourceTime(99), ExceptUsers: w.users[:1]},
		"a group":          {Before: sourceTime(99), ExceptContainers: w.groups[:1]},
		"all but a user":   {All: true, ExceptUsers: w.users[1:2]},
		"a group but user": {Containers: w.groups[1:], ExceptUsers: w.users[2:]},
	}) {
		q.Domain = w.a
		in, out := w.split(q)
		sum, _ := w.removeAll("held: "+name, q, 4)
		w.left("held: "+name, out)
		require.EqualValues(w, len(in), sum, "held: %s", name)
		w.rows = out
		w.insert(w.some()...)
	}
}

// A page that is asked for once more deletes what is left, and what is gone is
// not counted again.
func testSourceAgain(w *sourceWorld) {
	q := storage.ContentQuery{Domain: w.a, All: true}
	in, out := w.split(q)
	sum, p := int64(0), storage.Page{Limit: 5}
	for pages := 0; ; pages++ {
		require.Less(w, pages, 2*len(in)+20, "pages do not come to an end")
		first, _, _, err := w.remove(q, p)
		require.NoError(w, err, "a page")
		again, _, next, err := w.remove(q, p) // nobody has heard of the first answer
		require.NoError(w, err, "the same page again")
		sum += first + again
		if p.After = next; next == "" {
			break
		}
	}
	require.EqualValues(w, len(in), sum, "each row is told once")
	w.left("pages asked for twice", out)
	n, _ := w.removeAll("again", q, 5)
	require.Zero(w, n, "nothing is left to delete")
}

// What a transaction deletes is there again when it is undone.
func testSourceUndone(w *sourceWorld) {
	if w.Source.Inside == nil {
		w.Skip("it has no transactions")
	}
	q := storage.ContentQuery{Domain: w.a, All: true}
	in, _ := w.split(q)
	runs := 0
	err := w.Store.Update(w.ctx, storage.Fence{Domain: w.a, Mode: storage.Shared}, func(ctx context.Context, tx storage.Tx) error {
		runs++
		n, _, _, err := w.Source.Inside.Delete(ctx, tx, q, storage.Page{Limit: storage.MaxBulk})
		if err != nil {
			return err
		}
		require.EqualValues(w, len(in), n, "run %d begins anew", runs)
		n, err = w.Source.Inside.Count(ctx, tx, q)
		require.NoError(w, err)
		require.Zero(w, n, "a transaction sees its own deletions")
		if runs == 1 {
			return storage.ErrRetry
		}
		return errUndone
	})
	require.ErrorIs(w, err, errUndone)
	w.left("a transaction that was undone", w.rows)
	require.EqualValues(w, len(in), w.count(q))
}

var errUndone = fmt.Errorf("undone on purpose")

// More rows than any list or page has go, all of them.
func testSourceMany(w *sourceWorld) {
	const many = 2*storage.MaxBatch + 500
	like := w.rows[0]
	var rows []SourceRow
	for range many {
		like.ID, like.Blob = w.id("row"), ""
		rows = append(rows, like)
	}
	for batch := range slices.Chunk(rows, 500) {
		w.insert(batch...)
	}
	q := storage.ContentQuery{Domain: w.a, All: true}
	in, out := w.split(q)
	require.EqualValues(w, len(in), w.count(q), "many rows are counted")
	sum, _ := w.removeAll("many", q, storage.MaxBatch)
	require.EqualValues(w, len(in), sum, "many rows go")
	w.left("many", out)
}

func testSourceBlobs(w *sourceWorld) {
	used := func(keys ...string) []string {
		var got []string
		var err error
		if w.Source.Inside == nil {
			got, err = w.Source.Outside.BlobsInUse(w.ctx, keys)
		} else {
			got, err = w.Source.Inside.BlobsInUse(w.ctx, w.Store, keys)
		}
		require.NoError(w, err)
		return got
	}
	if w.NoBlob {
		require.Empty(w, used("a", "b"), "rows name no contents")
		return
	}
	one, two := w.rows[0], w.rows[0]
	one.ID, one.Blob, two.ID, two.Blob = w.id("row"), "shared", w.id("row"), "shared"
	if !w.NoAuthor {
		two.Author = w.users[1]
	}
	other := w.rows[0]
	other.ID, other.Blob = w.id("row"), "lonely"
	w.insert(one, two, other)
	require.ElementsMatch(w, []string{"shared", "lonely"}, used("shared", "lonely", "unknown", "SHARED"), "blobs that rows name")
	if !w.NoAuthor {
		w.removeAll("an author", storage.ContentQuery{Domain: w.a, Authors: []storage.ID{one.Author}}, 1000)
		if !w.Source.Marks {
			require.Equal(w, []string{"shared"}, used("shared", "lonely"), "one of two rows is gone")
		}
	}
	w.removeAll("all", storage.ContentQuery{Domain: w.a, All: true}, 1000)
	if !w.Source.Marks {
		require.Empty(w, used("shared", "lonely"), "both rows are gone")
	}
}

// Of many that delete at once, each row is told by one.
func testSourceAtOnce(w *sourceWorld) {
	q := storage.ContentQuery{Domain: w.a, All: true}
	in, out := w.split(q)
	sums, errs := make([]int64, 8), make([]error, 8)
	done := make(chan int)
	for i := range sums {
		go func() {
			defer func() { done <- i }()
			p := storage.Page{Limit: 3}
			for range 10 * len(in) {
				n, _, next, err := w.remove(q, p)
				if err != nil {
					errs[i] = err
					return
				}
				sums[i] += n
				if p.After = next; next == "" {
					return
				}
			}
			errs[i] = fmt.Errorf("pages do not come to an end")
		}()
	}
	for range sums {
		<-done
	}
	sum := int64(0)
	for i := range sums {
		require.NoError(w, errs[i])
		sum += sums[i]
	}
	require.EqualValues(w, len(in), sum, "each row is told once, by many at once")
	w.left("many at once", out)
}
