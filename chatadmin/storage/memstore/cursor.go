package memstore

import (
	"encoding/base64"
	"encoding/json"
	"strings"

	"chatadmin.example/sdk/chatadmin/storage"
)

// A cursor is the key of the last row of a page: it stays in its place whatever
// is inserted or deleted around it.

func makeCursor(k sortKey) storage.Cursor {
	b, _ := json.Marshal(k) // strings cannot fail
	return storage.Cursor(base64.RawURLEncoding.EncodeToString(b))
}

// again marks the cursor behind a page that chaos has emptied: it leads to
// where that page began. Each empty page adds one, so that no two cursors in a
// row are equal.
const again = "."

func emptied(after storage.Cursor) storage.Cursor { return again + after }

func parseCursor(c storage.Cursor) (*sortKey, error) {
	c = storage.Cursor(strings.TrimLeft(string(c), again))
	if c == "" {
		return nil, nil
	}
	k := &sortKey{}
	b, err := base64.RawURLEncoding.DecodeString(string(c))
	if err == nil {
		err = json.Unmarshal(b, k)
	}
	if err != nil {
		return nil, storage.ErrCursor
	}
	return k, nil
}
