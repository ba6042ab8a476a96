package closing_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/closing"
)

const reason = "the contract has ended"

// A plan counts exactly what is there, changes nothing, and applying it leaves
// nothing but the receipt.
func TestClose(t *testing.T) {
	w := newWorld(t, memory())
	w.fill(w.Domain, "ann", 12)
	others := w.everything(w.other)
	before := w.everything(w.Domain)
	p := w.plan(closing.AtOnce)
	require.Equal(t, before, p.Counts)
	require.Equal(t, before, w.everything(w.Domain), "a plan changes nothing")
	for kind, n := range p.Counts {
		require.Positive(t, n, kind)
	}
	r, err := w.c.Apply(ctx, w.Host, p, reason, nil)
	require.NoError(t, err)
	w.gone(r, others)
	want := before
	want[closing.Events]++ // that the closing has begun
	require.Equal(t, want, r.Data.Removed)
	require.Len(t, w.Blobs.Deleted(), int(before[closing.Files]))

	again, err := w.c.Resume(ctx, w.Host, r.ID, nil)
	require.NoError(t, err)
	require.Equal(t, r.Data.Removed, again.Data.Removed, "what has ended is told from the receipt")
	_, err = w.c.Run(ctx, w.Admin.AsHost(w.other), r.ID)
	require.ErrorIs(t, err, chatadmin.ErrNotFound)
	_, err = w.c.Plan(ctx, w.Host, closing.AtOnce)
	require.ErrorIs(t, err, chatadmin.ErrNotFound)
	n := 0
	for receipt, err := range w.c.Receipts(ctx) {
		require.NoError(t, err)
		require.Equal(t, reason, receipt.Reason)
		n++
	}
	require.Equal(t, 1, n)
}
