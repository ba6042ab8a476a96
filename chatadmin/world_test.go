package chatadmin_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
)

var ctx = context.Background()

// world is a store with one domain in it, and everything that is faked around
// it.
type world struct{ *chatadmintest.World }

// newWorld opens a domain with the given preset. change adds to the options.
func newWorld(t testing.TB, preset chatadmin.Preset, change ...func(*chatadmin.Options)) *world {
	return newWorldOn(t, nil, preset, change...)
}

func newWorldOn(t testing.TB, store chatadmin.Store, preset chatadmin.Preset, change ...func(*chatadmin.Options)) *world {
	t.Helper()
	return &world{chatadmintest.NewWorld(t, &chatadmintest.WorldOptions{Store: store, Preset: preset, Admin: func(o *chatadmin.Options) {
		for _, f := range change {
			f(o)
		}
	}})}
}

func (w *world) users(n int) []chatadmin.ID {
	ids := make([]chatadmin.ID, n)
	for i := range ids {
		ids[i] = w.User(fmt.Sprintf("user%d@acme.example", i)).ID
	}
	return ids
}

func withRole(role string) func(*chatadmin.NewUser) {
	return func(n *chatadmin.NewUser) { n.Role = role }
}

func guest(n *chatadmin.NewUser) { n.Kind = chatadmin.Guest }

// mark makes a group default.
func (w *world) mark(group chatadmin.ID) {
	w.T.Helper()
	p, err := w.S.PlanDefaultGroup(ctx, group)
	require.NoError(w.T, err)
	_, err = w.S.ApplyDefaultGroup(ctx, p, nil)
	require.NoError(w.T, err)
}

func (w *world) shipped() []chatadmin.Group {
	return collect(w.T, func() ([]chatadmin.Group, error) {
		return all(w.Host.Groups(ctx, chatadmin.GroupQuery{DefaultOnly: true}))
	})
}

func all[T any](seq func(func(T, error) bool)) ([]T, error) {
	var vs []T
	for v, err := range seq {
		if err != nil {
			return nil, err
		}
		vs = append(vs, v)
	}
	return vs, nil
}

func collect[T any](t testing.TB, f func() ([]T, error)) []T {
	t.Helper()
	vs, err := f()
	require.NoError(t, err)
	return vs
}

// sorted is a set in order, for comparing.
func sorted(ids ...chatadmin.ID) []chatadmin.ID {
	set := map[chatadmin.ID]bool{}
	for _, id := range ids {
		set[id] = true
	}
	return slices.Sorted(maps.Keys(set))
}
