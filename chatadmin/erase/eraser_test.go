package erase_test

import (
	"context"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/erase"
)

// kind is a kind of the host's whose answers are given.
type kind struct {
	name   string
	count  func() (int64, error)
	erased func(limit int) (int64, error)
}

func (k kind) Name() string { return k.name }

func (k kind) Count(context.Context, chatadmin.ID, []chatadmin.ID) (int64, error) { return k.count() }

func (k kind) Erase(_ context.Context, _ chatadmin.ID, _ []chatadmin.ID, limit int) (int64, error) {
	return k.erased(limit)
}

// Names that say nothing, or stand twice, are refused before anything is
// counted.
func TestEraserNames(t *testing.T) {
	w := newWorld(t, memory())
	for name, ok := range map[string]bool{
		"scheduled_publications": true, "messages": true, "users": true, "a": true, "a1_": true, strings.Repeat("a", 64): true,
		"": false, " ": false, "Messages": false, "1a": false, "_a": false, "a b": false, "a.b": false, "host.a": false, "a\n": false, "ä": false,
		"a\x00": false, strings.Repeat("a", 65): false,
	} {
		_, err := erase.New(w.admin, &erase.Options{Erasers: []erase.Eraser{kind{name: name}}})
		if ok {
			require.NoError(t, err, "%q", name)
			continue
		}
		var bad *erase.EraserError
		require.ErrorAs(t, err, &bad, "%q", name)
		require.ErrorIs(t, err, chatadmin.ErrInvalid)
	}
	for _, erasers := range [][]erase.Eraser{{nil}, {kind{name: "a"}, nil}, {kind{name: "a"}, kind{name: "b"}, kind{name: "a"}}} {
		_, err := erase.New(w.admin, &erase.Options{Erasers: erasers})
		var bad *erase.EraserError
		require.ErrorAs(t, err, &bad)
	}
	_, err := erase.New(nil, nil)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
}

// A host's kind that is called like one of the library's is counted beside it.
func TestEraserCountedApart(t *testing.T) {
	w := newWorld(t, memory())
	var erasers []erase.Eraser
	for _, name := range []string{erase.Messages, erase.Users, erase.Records, erase.Devices} {
		left := int64(3)
		erasers = append(erasers, kind{name, func() (int64, error) { return left, nil }, func(limit int) (int64, error) {
			left -= 2
			if left < 0 {
				left = 0
				return 1, nil
			}
			return 2, nil
		}})
	}
	d := w.deletions(w.admin, erasers...)
	ann := w.user("ann")
	g := w.group(w.s, "G", ann)
	w.insert(w.message(g.ID, ann))
	p, err := d.Plan(ctx, w.s, []chatadmin.ID{ann.ID}, nil)
	require.NoError(t, err)
	want := map[string]int64{erase.Messages: 1, erase.Users: 1, erase.Memberships: 3, "host.messages": 3, "host.users": 3, "host.records": 3, "host.devices": 3}
	require.Equal(t, want, some(p.Counts))
	r, err := d.Apply(ctx, w.s, p, reason, nil)
	require.NoError(t, err)
	require.Equal(t, want, some(r.Data.Removed))
}

// Answers that cannot be true end plan and deletion with an error, and never go
// round for ever; with a mended Eraser the deletion comes to its end.
func TestEraserLies(t *testing.T) {
	there := func(n int64) func() (int64, error) { return func() (int64, error) { return n, nil } }
	erased := func(n int64) func(int) (int64, error) { return func(int) (int64, error) { return n, nil } }
	calls := 0
	for name, k := range map[string]kind{
		"negative count":    {"x", there(-1), erased(1)},
		"absurd count":      {"x", there(math.MaxInt64), erased(1)},
		"nothing erased":    {"x", there(5), erased(0)},
		"says so only":      {"x", there(5), erased(5)},
		"negative erased":   {"x", there(5), erased(-5)},
		"more than there":   {"x", there(5), erased(6)},
		"more than asked":   {"x", there(5000), erased(1001)},
		"count that grows":  {"x", func() (int64, error) { calls++; return int64(calls), nil }, erased(1)},
		"now and then none": {"x", func() (int64, error) { calls++; return int64(calls % 2), nil }, erased(0)},
	} {
		t.Run(name, func(t *testing.T) {
			calls = 0
			w := newWorld(t, memory())
			ann := w.user("ann")
			p, err := w.d.Plan(ctx, w.s, []chatadmin.ID{ann.ID}, nil)
			require.NoError(t, err)
			d := w.deletions(w.admin, k)
			var bad *erase.EraserError
			if n, err := k.count(); err == nil && (n < 0 || n > chatadmin.MaxCount) {
				_, err := d.Plan(ctx, w.s, []chatadmin.ID{ann.ID}, nil)
				require.ErrorAs(t, err, &bad)
			}
			calls = 0
			steps := 0
			c, cancel := context.WithCancel(ctx)
			defer cancel()
			r, err := d.Apply(c, w.s, p, reason, func(chatadmin.Progress) {
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
			if name != "now and then none" { // which may say that there is none just then
				_, err = d.Resume(ctx, w.s, r.ID, nil)
				require.ErrorAs(t, err, &bad)
			}

			r, err = w.deletions(w.admin, kind{"x", there(0), erased(0)}).Resume(ctx, w.s, r.ID, nil)
			require.NoError(t, err)
			require.Equal(t, chatadmin.RunDone, r.State)
		})
	}
}
