package closing_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/closing"
	"chatadmin.example/sdk/chatadmin/storage"
)

// Events that wait for the host when a domain is closed still reach it, and the
// last one says that the domain is gone.
func TestEventsReachTheHost(t *testing.T) {
	w := newWorld(t, memory(), func(o *chatadmin.Options) { o.Outbox = true })
	w.fill(w.Domain, "ann", 700) // more events than one batch moves
	others := w.everything(w.other)
	r, err := w.c.Apply(ctx, w.Host, w.plan(closing.AtOnce), reason, nil)
	require.NoError(t, err)
	require.Empty(t, some(w.everything(w.Domain)))
	var kinds []string
	ids := map[chatadmin.ID]bool{}
	require.NoError(t, w.Admin.DeliverEvents(ctx, func(_ context.Context, e chatadmin.OutboxEvent) error {
		if e.Domain == w.Domain {
			require.False(t, ids[e.ID], "once")
			ids[e.ID] = true
			kinds = append(kinds, e.Kind)
		}
		return nil
	}))
	require.Greater(t, len(kinds), 700)
	require.Equal(t, []string{closing.KindClose, closing.KindClosed}, kinds[len(kinds)-2:])
	require.Equal(t, chatadmin.KindDomainCreate, kinds[0])
	others[closing.Records] = int64(w.everything(w.other)[closing.Records]) // its own events were delivered
	w.gone(r, others)
}

// A receipt holds nothing that the domain's people have typed.
func TestReceiptIsNotPersonal(t *testing.T) {
	w := newWorld(t, memory())
	w.fill(w.Domain, "ann", 3)
	r, err := w.c.Apply(ctx, w.Host, w.plan(closing.AtOnce), reason, nil)
	require.NoError(t, err)
	receipt, err := w.c.Receipt(ctx, r.ID)
	require.NoError(t, err)
	text, err := json.Marshal(receipt)
	require.NoError(t, err)
	for _, word := range []string{"Acme", "acme", "boss", "ann", "@", string(w.Boss.ID)} {
		require.NotContains(t, string(text), word)
	}
}

// What a transaction writes that had begun before the domain was gone is swept
// away, and counted.
func TestLateRows(t *testing.T) {
	w := newWorld(t, memory())
	others := w.everything(w.other)
	r, err := w.c.Apply(ctx, w.Host, w.plan(closing.AtOnce), reason, nil)
	require.NoError(t, err)
	gone := r.Data.Removed[closing.Records]
	for n, wait := range []time.Duration{11 * time.Minute, time.Hour, 24 * time.Hour} {
		w.PutRecord(storage.Record{Key: storage.Key{Kind: "failures", Domain: w.Domain, ID: string(w.id("late"))}, Data: []byte("{}")})
		w.Work()
		require.EqualValues(t, 1, w.everything(w.Domain)[closing.Records], "not due yet")
		w.Clock.Advance(wait)
		require.Equal(t, 1, w.Work()["late rows"])
		require.Empty(t, some(w.everything(w.Domain)))
		receipt, err := w.c.Receipt(ctx, r.ID)
		require.NoError(t, err)
		require.Equal(t, n+1, receipt.Sweeps)
		require.Equal(t, gone+int64(n)+1, receipt.Removed[closing.Records])
	}
	w.Clock.Advance(1000 * time.Hour)
	require.Zero(t, w.Work()["late rows"])
	require.Equal(t, others, w.everything(w.other))
}

// Contents of files are gone before the domain is: what is refused keeps it
// waiting until the host tries again or gives them up.
func TestBlobs(t *testing.T) {
	w := newWorld(t, memory(), func(o *chatadmin.Options) { o.Blobs = nil })
	w.fill(w.Domain, "ann", 3)
	p := w.plan(closing.AtOnce)
	require.Equal(t, "blobs", p.Blockers[0].Code)
	_, err := w.c.Apply(ctx, w.Host, p, reason, nil)
	require.ErrorIs(t, err, chatadmin.ErrUnavailable)

	w = newWorld(t, memory())
	w.fill(w.Domain, "ann", 3)
	others := w.everything(w.other)
	away := errors.New("the bucket is away")
	w.Blobs.FailNext(away, away, away, away, away, away, away)
	r, err := w.c.Apply(ctx, w.Host, w.plan(closing.AtOnce), reason, nil)
	require.ErrorIs(t, err, away)
	_, err = w.c.Resume(ctx, w.Host, r.ID, nil)
	require.ErrorIs(t, err, chatadmin.ErrUnavailable, "it is tried again later")
	require.Positive(t, w.everything(w.Domain)[closing.Users], "the domain waits")
	var ids []chatadmin.ID
	for b, err := range w.Admin.RefusedBlobs(ctx, w.Domain) {
		require.NoError(t, err)
		ids = append(ids, b.ID)
	}
	_, err = w.Admin.ForgetBlobs(ctx, w.Domain, ids...)
	require.NoError(t, err)
	r, err = w.c.Resume(ctx, w.Host, r.ID, nil)
	require.NoError(t, err)
	w.gone(r, others)
	require.Empty(t, slices.Concat(w.Blobs.Deleted()))
}
