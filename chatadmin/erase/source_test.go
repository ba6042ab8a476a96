package erase_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/erase"
	"chatadmin.example/sdk/chatadmin/storage"
)

// answers is a source outside the store whose answers are given.
type answers struct {
	count   func() (int64, error)
	deleted func(limit int) (int64, error)
}

func (a answers) Count(_ context.Context, q storage.ContentQuery) (int64, error) {
	if len(q.Authors) == 0 || len(q.ChatsOf) > 0 {
		return 0, nil
	}
	return a.count()
}

func (a answers) Delete(_ context.Context, q storage.ContentQuery, p storage.Page) (int64, storage.Cursor, error) {
	if len(q.Authors) == 0 {
		return 0, "", nil
	}
	n, err := a.deleted(p.Limit)
	return n, "", err
}

func (answers) BlobsInUse(context.Context, []string) ([]string, error) { return nil, nil }

// A source that is called like one of the library's kinds is counted beside it.
func TestSourcesCountedApart(t *testing.T) {
	var sources []storage.Source
	for _, name := range []string{erase.Messages, erase.Users, erase.Records, erase.Devices} {
		left := int64(3)
		sources = append(sources, storage.Source{Name: name, Outside: answers{func() (int64, error) { return left, nil }, func(int) (int64, error) {
			n := min(left, 2)
			left -= n
			return n, nil
		}}})
	}
	w := newWorld(t, memory(), from(sources...))
	ann := w.user("ann")
	g := w.group(w.S, "G", ann)
	w.insert(w.message(g.ID, ann))
	p, err := w.d.Plan(ctx, w.S, []chatadmin.ID{ann.ID}, nil)
	require.NoError(t, err)
	want := map[string]int64{erase.Messages: 1, erase.Users: 1, erase.Memberships: 3, "host.messages": 3, "host.users": 3, "host.records": 3, "host.devices": 3}
	require.Equal(t, want, some(p.Counts))
	r, err := w.d.Apply(ctx, w.S, p, reason, nil)
	require.NoError(t, err)
	require.Equal(t, want, some(r.Data.Removed))
}

// Answers that cannot be true end plan and deletion with an error, and never go
// round for ever; with a source that is mended the deletion comes to its end.
func TestSourceLies(t *testing.T) {
	there := func(n int64) func() (int64, error) { return func() (int64, error) { return n, nil } }
	deleted := func(n int64) func(int) (int64, error) { return func(int) (int64, error) { return n, nil } }
	calls := 0
	for name, a := range map[string]answers{
		"negative count":   {there(-1), deleted(1)},
		"absurd count":     {there(math.MaxInt64), deleted(1)},
		"nothing deleted":  {there(5), deleted(0)},
		"says so only":     {there(5), deleted(5)},
		"negative deleted": {there(5), deleted(-5)},
		"more than asked":  {there(50000), deleted(storage.MaxBulk + 1)},
		"count that grows": {func() (int64, error) { calls++; return int64(calls), nil }, deleted(1)},
	} {
		t.Run(name, func(t *testing.T) {
			calls = 0
			w := newWorld(t, memory())
			ann := w.user("ann")
			p, err := w.d.Plan(ctx, w.S, []chatadmin.ID{ann.ID}, nil)
			require.NoError(t, err)
			w.Restart(from(storage.Source{Name: "x", Outside: a}))
			var bad *chatadmin.SourceError
			if n, err := a.count(); err == nil && (n < 0 || n > chatadmin.MaxCount) {
				_, err := w.d.Plan(ctx, w.S, []chatadmin.ID{ann.ID}, nil)
				require.ErrorAs(t, err, &bad)
			}
			calls = 0
			steps := 0
			c, cancel := context.WithCancel(ctx)
			defer cancel()
			r, err := w.d.Apply(c, w.S, p, reason, func(chatadmin.Progress) {
				if steps++; steps > 50 {
					cancel()
				}
			})
			require.ErrorAs(t, err, &bad)
			require.Equal(t, "x", bad.Name)
			require.Equal(t, chatadmin.RunRunning, r.State)
			for kind, n := range r.Data.Removed {
				require.GreaterOrEqual(t, n, int64(0), kind)
			}
			_, err = w.d.Resume(ctx, w.S, r.ID, nil)
			require.ErrorAs(t, err, &bad)

			left := int64(2)
			w.Restart(from(storage.Source{Name: "x", Outside: answers{func() (int64, error) { return left, nil }, func(int) (int64, error) { left--; return 1, nil }}}))
			r, err = w.d.Resume(ctx, w.S, r.ID, nil)
			require.NoError(t, err)
			require.Equal(t, chatadmin.RunDone, r.State)
			require.EqualValues(t, 2, r.Data.Removed["host.x"])
		})
	}
}
