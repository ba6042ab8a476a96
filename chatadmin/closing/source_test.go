package closing_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/closing"
	"chatadmin.example/sdk/chatadmin/internal/hostrows"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// Closing a domain deletes what the host keeps of its own, in the database and
// elsewhere, and leaves that of other domains.
func TestSources(t *testing.T) {
	index := &hostrows.Index{}
	w := newWorld(t, memstore.New(nil), func(o *chatadmin.Options) {
		o.Sources = append(hostrows.Sources(), storage.Source{Name: "index", Outside: index})
	})
	eve := w.User("eve@acme.example")
	rows := []hostrows.Row{{ID: "talk", Author: w.Boss.ID, Peer: eve.ID}}
	for n := range 30 {
		rows = append(rows, hostrows.Row{ID: chatadmin.ID(fmt.Sprint("row-", n)), Container: "talk", Author: eve.ID, At: w.Clock.Now()})
	}
	for i := range rows {
		rows[i].Domain = w.Domain
	}
	added, err := hostrows.Insert(ctx, w.Store, w.Domain, rows...)
	require.NoError(t, err)
	require.Equal(t, 31, added)
	index.Add(rows...)
	index.Add(hostrows.Row{ID: "theirs", Domain: w.other, Author: "somebody"})

	p, err := w.c.Plan(ctx, w.Host, closing.AtOnce)
	require.NoError(t, err)
	run, err := w.c.Apply(ctx, w.Host, p, "the contract has ended", nil)
	require.NoError(t, err)
	receipt, err := w.c.Receipt(ctx, run.ID)
	require.NoError(t, err)
	for kind, n := range map[string]int64{"host.posts": 30, "host.talks": 1, "host.index": 31} {
		require.Equal(t, n, p.Counts[kind], kind)
		require.Equal(t, n, receipt.Removed[kind], kind)
	}
	require.Len(t, index.All(), 1)
}
