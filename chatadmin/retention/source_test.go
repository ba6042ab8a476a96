package retention_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/internal/erasetest"
	"chatadmin.example/sdk/chatadmin/internal/hostrows"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// What a host keeps of its own goes by its age, in the store's database and
// elsewhere, whatever crashes; what a hold covers stays.
func TestSources(t *testing.T) {
	for n := range 60 {
		m := memstore.New(nil)
		c := &erasetest.Crashing{Store: m}
		index := &hostrows.Index{}
		w := newWorld(t, c, func(o *chatadmin.Options) {
			o.Sources = append(hostrows.Sources(), storage.Source{Name: "index", Outside: index})
		})
		w.days(90)
		held := storage.ID("")
		for i := range 40 {
			r := hostrows.Row{ID: storage.ID(fmt.Sprintf("row-%02d", i)), Domain: w.Domain, Container: w.sales, Author: w.ann,
				At: w.Clock.Now().Add(-time.Duration(80+i) * day)}
			if i%2 == 0 {
				r.Author = w.bob
			}
			added, err := hostrows.Insert(ctx, m, w.Domain, r)
			require.NoError(t, err)
			require.Equal(t, 1, added)
			index.Add(r)
		}
		held = w.hold(w.bob, "")
		p, err := w.r.Plan(ctx, w.S, 0)
		require.NoError(t, err)
		require.Equal(t, map[string]int64{"host.posts": 15, "host.talks": 0, "host.index": 15}, p.Counts.Sources)
		require.Equal(t, map[string]int64{"host.posts": 14, "host.talks": 0, "host.index": 14}, p.Held.Sources)

		c.In(n)
		run, err := w.r.Apply(ctx, w.S, p, nil)
		crashed := err != nil
		if crashed {
			require.ErrorIs(t, err, erasetest.ErrCrash)
		}
		c.In(0)
		for _, err := range w.r.Runs(ctx, w.S) {
			require.NoError(t, err)
		}
		if run != nil {
			run, err = w.r.Resume(ctx, w.S, run.ID, nil)
		} else if crashed {
			run, err = w.r.Apply(ctx, w.S, p, nil)
		}
		require.NoError(t, err)
		require.Equal(t, chatadmin.RunDone, run.State)
		require.Equal(t, int64(15), run.Data.Removed.Sources["host.posts"])
		require.LessOrEqual(t, run.Data.Removed.Sources["host.index"], int64(15), "what was confirmed, never more")
		rows, err := hostrows.All(ctx, m, w.Domain)
		require.NoError(t, err)
		require.Len(t, rows, 25)
		require.Len(t, index.All(), 25)

		w.release(held)
		p, err = w.r.Plan(ctx, w.S, 0)
		require.NoError(t, err)
		run, err = w.r.Apply(ctx, w.S, p, nil)
		require.NoError(t, err)
		require.Equal(t, p.Counts, run.Data.Removed)
		require.Len(t, index.All(), 11)
		if n > 0 && !crashed {
			require.Greater(t, n, 10)
			return
		}
	}
	t.Fatal("it crashes for ever")
}
