package storetest_test

import (
	"context"
	"strings"

	ca "chatadmin.example/sdk/chatadmin"
)

type (
	blobsOfOne  struct{ ca.Tx }
	foldedBlobs struct{ ca.Reader }
)

// InsertContent leaves the blobs of other domains out of its index.
func (x blobsOfOne) InsertContent(ctx context.Context, c []ca.Content) ([]ca.Conflict, error) {
	c = append([]ca.Content(nil), c...)
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
