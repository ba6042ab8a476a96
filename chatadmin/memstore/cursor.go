package memstore

import (
	"encoding/base64"
	"encoding/json"
	"fmt"

	"chatadmin.example/sdk/chatadmin"
)

// A cursor is the key of the last row of a page: it stays in its place whatever is inserted or deleted around it.

func makeCursor(k sortKey) chatadmin.Cursor {
	b, _ := json.Marshal(k) // strings cannot fail
	return chatadmin.Cursor(base64.RawURLEncoding.EncodeToString(b))
}

func parseCursor(c chatadmin.Cursor) (*sortKey, error) {
	if c == "" {
		return nil, nil
	}
	k := &sortKey{}
	b, err := base64.RawURLEncoding.DecodeString(string(c))
	if err == nil {
		err = json.Unmarshal(b, k)
	}
	if err != nil {
		return nil, fmt.Errorf("this is no cursor of this store: %w", chatadmin.ErrBatch)
	}
	return k, nil
}
