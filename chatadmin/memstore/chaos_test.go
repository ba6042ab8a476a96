package memstore_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/memstore"
)

var ctx = context.Background()

func put(ctx context.Context, tx chatadmin.Tx, k chatadmin.Key) error {
	_, err := tx.ChangeRecords(ctx, []chatadmin.Change[chatadmin.Record]{{Row: chatadmin.Record{Key: k, Rev: 1, Data: []byte("{}")}}})
	return err
}

// The run that chaos adds leaves nothing behind, even where the function panics in it, and its transaction is over.
func TestRerunIsUndone(t *testing.T) {
	s := memstore.New(&memstore.Options{Chaos: &memstore.Chaos{Rerun: 1}})
	k := chatadmin.Key{Kind: "k", ID: "1"}
	var first chatadmin.Tx
	require.PanicsWithValue(t, "f", func() {
		_ = s.Update(ctx, chatadmin.Fence{}, func(ctx context.Context, tx chatadmin.Tx) error {
			require.NoError(t, put(ctx, tx, k))
			panic("f")
		})
	})
	rs, err := s.Records(ctx, []chatadmin.Key{k})
	require.NoError(t, err)
	require.Empty(t, rs)
	require.NoError(t, s.Update(ctx, chatadmin.Fence{}, func(ctx context.Context, tx chatadmin.Tx) error {
		if first != nil {
			require.Error(t, put(ctx, first, chatadmin.Key{Kind: "k", ID: "2"}), "the run that is over writes no more")
		}
		first = tx
		return put(ctx, tx, k)
	}))
	rs, err = s.Records(ctx, []chatadmin.Key{k, {Kind: "k", ID: "2"}})
	require.NoError(t, err)
	require.Len(t, rs, 1)
}
