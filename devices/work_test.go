package devices_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/devices"
)

// reads counts the lists of records by their kind.
type reads struct {
	chatadmin.Store
	lists map[string]int
}

func (r *reads) ListRecords(ctx context.Context, q storage.RecordQuery, p chatadmin.Page) ([]storage.Record, chatadmin.Cursor, error) {
	r.lists[q.Kind]++
	return r.Store.ListRecords(ctx, q, p)
}

// Work sends pushes and writes down who was active. An idle round reads one
// list of each kind that can be due, whatever the number of domains.
func TestWork(t *testing.T) {
	store := &reads{memstore.New(nil), map[string]int{}}
	w := newWorldOn(t, store)
	for n := range 30 {
		_, _, err := w.Admin.CreateDomain(ctx, chatadmin.NewDomain{Name: fmt.Sprint("Domain ", n), Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example", NoInvitation: true}})
		require.NoError(t, err)
	}
	out, other := w.register(w.ann, "phone"), w.register(w.ann, "other")
	w.wipe(other.Device.ID)
	w.Clock.Advance(time.Hour)
	require.True(t, w.authorized(out))
	did, err := w.Admin.Work(ctx)
	require.NoError(t, err)
	require.Equal(t, []int{1, 1}, []int{did["device pushes"], did["device activity"]})
	require.Equal(t, w.Clock.Now(), w.device(out.Device.ID).LastSeen)
	clear(store.lists)
	did, err = w.Admin.Work(ctx)
	require.NoError(t, err)
	require.Zero(t, did["device pushes"]+did["device activity"]+did["removed devices"])
	for _, kind := range []string{"device.push", "device.removed"} {
		require.Equal(t, 1, store.lists[kind], kind)
	}
	require.Zero(t, store.lists["device.command"]+store.lists["device.history"]+store.lists["device.user"])
}

// A push that a wrong clock has put off for longer than any is put off is sent
// by Work too, although nothing else is due in its domain.
func TestPushOfAWrongClock(t *testing.T) {
	w := newWorld(t)
	out := w.register(w.ann, "phone")
	w.Clock.Advance(10 * 365 * 24 * time.Hour)
	w.wipe(out.Device.ID)
	w.Pushes.FailNext(errors.New("not now"))
	_, err := w.Admin.Work(ctx)
	require.NoError(t, err)
	w.Clock.Advance(-10 * 365 * 24 * time.Hour)
	did, err := w.Admin.Work(ctx)
	require.NoError(t, err)
	require.Equal(t, 1, did["device pushes"])
}

// tombstones counts the records of removed devices.
func (w *world) trails() int {
	w.T.Helper()
	rs, _, err := w.Store.ListRecords(ctx, storage.RecordQuery{Domain: w.Domain, Kind: "device.removed"}, chatadmin.Page{Limit: 1000})
	require.NoError(w.T, err)
	return len(rs)
}

// What leads to a removed device goes when its wipe was answered, and not
// before.
func TestTrailsArePruned(t *testing.T) {
	w := newWorld(t)
	out, other := w.register(w.ann, "phone"), w.register(w.ann, "other")
	command := w.wipe(out.Device.ID)
	w.wipe(other.Device.ID)
	require.NoError(t, w.r.Remove(ctx, w.S, devices.Of(w.ann.ID)))
	work := func(days int) int {
		w.Clock.Advance(time.Duration(days) * 24 * time.Hour)
		did, err := w.Admin.Work(ctx)
		require.NoError(t, err)
		return did["removed devices"]
	}
	require.Zero(t, work(31))
	require.Equal(t, 2, w.trails(), "both wait")
	w.checkIn(out)
	require.NoError(t, w.ack(out, command.ID))
	require.Zero(t, work(1), "not yet looked at")
	require.Equal(t, 1, work(31))
	require.Equal(t, 1, w.trails())
	again := w.register(w.ann, "other")
	require.Equal(t, other.Device.ID, again.Device.ID, "the one that waits is found")
	require.Zero(t, w.trails())
}

// Of the commands of a device the last hundred are kept.
func TestHistoryIsBounded(t *testing.T) {
	w := newWorld(t)
	out := w.register(w.ann, "phone")
	var last []chatadmin.ID
	for range 105 {
		last = append(last, w.wipe(out.Device.ID).ID)
		_, err := w.r.CancelWipe(ctx, w.S, out.Device.ID)
		require.NoError(t, err)
		w.Clock.Advance(time.Second)
	}
	kept, err := w.r.History(ctx, w.S, out.Device.ID)
	require.NoError(t, err)
	require.Len(t, kept, 100)
	for i, c := range kept {
		require.Equal(t, last[i+5], c.ID)
	}
}

// What one user can make grow is bounded, whatever they do.
func TestUserIsBounded(t *testing.T) {
	w := most(t, 3)
	me := w.Admin.As(w.Domain, w.ann.ID)
	for n := range 30 {
		_, err := w.r.Register(ctx, me, w.ann.ID, devices.Registration{Key: fmt.Sprint("key", n), Type: devices.IOS})
		require.NoError(t, err)
		if n%3 == 2 {
			_, err = w.r.Disable(ctx, me, devices.Of(w.ann.ID))
			require.NoError(t, err)
		}
		w.Clock.Advance(time.Second)
	}
	require.LessOrEqual(t, len(w.ofAnn()), 6)
	rs, _, err := w.Store.ListRecords(ctx, storage.RecordQuery{Domain: w.Domain, Owner: w.ann.ID}, chatadmin.Page{Limit: 1000})
	require.NoError(t, err)
	require.Len(t, rs, 1, "the user's own record")
}
