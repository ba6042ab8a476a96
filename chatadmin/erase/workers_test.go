package erase_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/erase"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// Many workers of two processes begin a scheduled deletion that is due: it
// begins once, and each row is counted once.
func TestManyWorkersBegin(t *testing.T) {
	m := memstore.New(nil)
	w := newWorld(t, m)
	require.NoError(t, w.d.SetPolicy(ctx, w.S, erase.Policy{GraceDays: 3}))
	ann := w.user("ann")
	w.chat(ann, w.user("bob"), 3000)
	p, err := w.d.Plan(ctx, w.S, []chatadmin.ID{ann.ID}, nil)
	require.NoError(t, err)
	run, err := w.d.Apply(ctx, w.S, p, reason, nil)
	require.NoError(t, err)
	w.daily(2)
	w.Clock.Advance(days)
	admins, ds := [2]*chatadmin.Admin{w.Admin}, [2]*erase.Deletions{w.d}
	w.Store = m.Handle(nil)
	w.Restart()
	admins[1], ds[1] = w.Admin, w.d
	for n, err := range chatadmintest.AtOnce(100, func(n int) error {
		if n%4 < 2 {
			_, err := ds[n%2].RunDue(ctx, w.Domain)
			return err
		}
		_, err := admins[n%2].Work(ctx)
		return err
	}) {
		if err != nil && !errors.Is(err, chatadmin.ErrBusy) {
			require.NoError(t, err, "%d", n)
		}
	}
	w.Clock.Advance(hours) // whatever was too busy to end it
	_, err = w.Admin.Work(ctx)
	require.NoError(t, err)
	run, err = w.d.Run(ctx, w.S, run.ID)
	require.NoError(t, err)
	require.Equal(t, chatadmin.RunDone, run.State)
	require.Equal(t, p.Counts, run.Data.Removed)
	w.noTrace(ann.ID)
	require.Len(t, w.EventsOf(ann.ID, erase.KindDelete), 1, "it begins once")
}
