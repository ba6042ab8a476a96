package storetest_test

import (
	"context"
	"strings"

	"chatadmin.example/sdk/chatadmin/storage"
)

type (
	blobsOfOne  struct{ storage.Tx }
	foldedBlobs struct{ storage.Reader }
)

// InsertContent leaves the blobs of other domains out of its index.
func (x blobsOfOne) InsertContent(ctx context.Context, c []storage.Content) ([]storage.Conflict, error) {
	c = append([]storage.Content(nil), c...)
	for i := range c {
		if c[i].Domain != "domain-a" {
			c[i].Blob = ""
		}
	}
	return x.Tx.InsertContent(ctx, c)
}

// BlobsInUse finds keys whatever their case.
func (r foldedBlobs) BlobsInUse(ctx context.Context, keys []string) ([]string, error) {
	found, err := r.Reader.BlobsInUse(ctx, keys)
	for _, k := range keys {
		for _, f := range found {
			if k != f && strings.EqualFold(k, f) {
				return append(found, k), err
			}
		}
	}
	return found, err
}

type (
	firstTarget  struct{ storage.Reader }
	staleTargets struct{ storage.Tx }
)

// ListEvents looks for the first of several targets.
func (r firstTarget) ListEvents(ctx context.Context, q storage.EventQuery, p storage.Page) ([]storage.Event, storage.Cursor, error) {
	q.Targets = q.Targets[:min(len(q.Targets), 1)]
	return r.Reader.ListEvents(ctx, q, p)
}

// ChangeEvents leaves an event that one call makes and deletes.
func (x staleTargets) ChangeEvents(ctx context.Context, c []storage.Write[storage.Event]) ([]storage.Conflict, error) {
	if len(c) == 4 {
		conflicts, err := x.Tx.ChangeEvents(ctx, append(append([]storage.Write[storage.Event](nil), c[:2]...), c[3]))
		for i := range conflicts {
			conflicts[i].Index = 3
		}
		return conflicts, err
	}
	return x.Tx.ChangeEvents(ctx, c)
}
