package chatadmin

import "context"

// Blobs deletes the contents of files, which lie outside the store. The library calls it after the rows that named them are gone, at least once for each key, so that
// deleting what is not there is no error.
type Blobs interface {
	Delete(ctx context.Context, keys []string) error
}
