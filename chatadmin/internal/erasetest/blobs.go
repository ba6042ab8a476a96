package erasetest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage"
)

// bucket is a host's store of file contents, which looks at each call whether a
// row names what is to be deleted.
type bucket struct {
	*testing.T
	store chatadmin.Store
	mu    sync.Mutex
	gone  []string
}

func (b *bucket) Delete(ctx context.Context, keys []string) error {
	used, err := b.store.BlobsInUse(ctx, keys)
	assert.NoError(b, err)
	assert.Empty(b, used, "nothing goes that a row names")
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gone = append(b.gone, keys...)
	return nil
}

// deleteIn deletes the content of a group as every deletion does. meet is
// called before the transaction commits.
func (w *world) deleteIn(n int, group chatadmin.ID, meet func()) error {
	op := chatadmin.Op{Kind: "race.delete", Fence: storage.Shared, Targets: []chatadmin.ID{group}}
	return w.host(n).Change(w.Context(), op, func(ctx context.Context, work *chatadmin.Writer) error {
		_, _, err := work.DeleteContent(ctx, storage.ContentQuery{Domain: w.domain, Containers: []chatadmin.ID{group}}, chatadmin.Page{Limit: storage.MaxBulk})
		meet()
		return err
	})
}

// raceBlobs deletes rows that share their contents while two workers release:
// nothing goes while a row names it, and nothing is left behind.
func raceBlobs(w *world) {
	b := &bucket{T: w.T, store: w.stores[0]}
	for i := range w.admins {
		w.admins[i] = chatadmintest.Must(chatadmin.New(w.stores[i], &chatadmin.Options{Blobs: b}))
	}
	group := func(key string) chatadmin.ID {
		g, err := w.host(0).CreateGroup(w.Context(), string(w.admins[0].NewID()))
		require.NoError(w, err)
		require.NoError(w, w.content(0, storage.Content{Container: g.ID, Author: w.boss.ID, Kind: storage.File, Blob: key}))
		return g.ID
	}
	release := func() {
		_, err := w.admins[0].ReleaseBlobs(w.Context(), w.domain)
		require.NoError(w, err)
	}

	// The last two rows of one content go in two transactions that meet, where
	// the store lets them.
	var last sync.WaitGroup
	var arrived atomic.Int32
	met := make(chan struct{})
	meet := func() {
		if arrived.Add(1) == 2 {
			close(met)
		}
		select {
		case <-met:
		case <-time.After(time.Second): // one writer at a time
		}
	}
	for n, g := range []chatadmin.ID{group("last"), group("last")} {
		last.Go(func() { assert.NoError(w, w.deleteIn(n, g, meet)) })
	}
	last.Wait()
	release()
	require.Equal(w, []string{"last"}, slices.Compact(slices.Clone(b.gone)))

	var groups []chatadmin.ID
	for n := range 100 {
		groups = append(groups, group(fmt.Sprint("key", n%7)))
	}
	var deleting, releasing sync.WaitGroup
	var done atomic.Bool
	for _, a := range w.admins {
		releasing.Go(func() {
			for !done.Load() {
				_, err := a.ReleaseBlobs(w.Context(), w.domain)
				assert.NoError(w, err)
			}
		})
	}
	for n, g := range groups {
		deleting.Go(func() { assert.NoError(w, w.deleteIn(n, g, func() {})) })
	}
	deleting.Wait()
	done.Store(true)
	releasing.Wait()
	release()
	require.Len(w, slices.Compact(slices.Sorted(slices.Values(b.gone))), 8)
}
