package chatadmin_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// bucket is a host's store of file contents, which refuses some of them.
type bucket struct {
	mu     sync.Mutex
	bad    func(key string) bool
	calls  int
	gone   []string
	before func(keys []string) // a call of Delete
}

var errDenied = errors.New("access denied\nto the object")

func (b *bucket) Delete(_ context.Context, keys []string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.before != nil {
		b.before(keys)
	}
	b.calls++
	if b.bad != nil && slices.ContainsFunc(keys, b.bad) {
		return errDenied
	}
	b.gone = append(b.gone, keys...)
	return nil
}

// deleted are the keys that are gone, each once.
func (b *bucket) deleted() []string { return slices.Compact(slices.Sorted(slices.Values(b.gone))) }

func withBucket(b *bucket) func(*chatadmin.Options) {
	return func(o *chatadmin.Options) { o.Blobs = b }
}

// file writes a file into a group.
func (w *world) file(domain, group, author chatadmin.ID, key string) {
	w.T.Helper()
	row := storage.Content{ID: w.Admin.NewID(), Domain: domain, Container: group, Author: author, Kind: storage.File, At: w.Clock.Now(), Blob: key}
	require.NoError(w.T, w.Store.Update(ctx, storage.Fence{Domain: domain, Mode: storage.Shared}, func(ctx context.Context, tx storage.Tx) error {
		conflicts, err := tx.InsertContent(ctx, []storage.Content{row})
		if len(conflicts) > 0 {
			return fmt.Errorf("%v", conflicts)
		}
		return err
	}))
}

func (w *world) deleteGroup(id chatadmin.ID) {
	w.T.Helper()
	p, err := w.S.PlanDeleteGroup(ctx, id)
	require.NoError(w.T, err)
	_, err = w.S.ApplyDeleteGroup(ctx, p, nil)
	require.NoError(w.T, err)
}

func (w *world) refused() (all []chatadmin.RefusedBlobs) {
	w.T.Helper()
	for b, err := range w.Admin.RefusedBlobs(ctx, w.Domain) {
		require.NoError(w.T, err)
		all = append(all, b)
	}
	return all
}

// Contents that another row names stay: in another group, a held one, or
// another domain. They go with the last of these rows.
func TestSharedBlob(t *testing.T) {
	b := &bucket{}
	w := newWorld(t, chatadmin.OfficeChat, withBucket(b))
	other, boss := w.Open("Umbrella", chatadmin.ESChat)
	elsewhere, err := w.Admin.AsHost(other).CreateGroup(ctx, "Elsewhere")
	require.NoError(t, err)
	one, held := w.Group("One"), w.Group("Held")
	w.file(w.Domain, one.ID, w.Boss.ID, "shared")
	w.file(w.Domain, one.ID, w.Boss.ID, "twice")
	w.file(w.Domain, one.ID, w.Boss.ID, "twice")
	w.file(w.Domain, one.ID, w.Boss.ID, "abroad")
	w.file(w.Domain, held.ID, w.Boss.ID, "shared")
	w.file(other, elsewhere.ID, boss.ID, "abroad")
	h, err := w.S.AddHold(ctx, chatadmin.Hold{Group: held.ID, Reason: "lawsuit"})
	require.NoError(t, err)

	w.deleteGroup(one.ID)
	_, err = w.Admin.ReleaseBlobs(ctx, w.Domain)
	require.NoError(t, err)
	require.Equal(t, []string{"twice"}, b.deleted())
	_, err = w.S.ReleaseHold(ctx, h.ID)
	require.NoError(t, err)
	w.deleteGroup(held.ID)
	n, err := w.Admin.ReleaseBlobs(ctx, w.Domain)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	p, err := w.Admin.AsHost(other).PlanDeleteGroup(ctx, elsewhere.ID)
	require.NoError(t, err)
	_, err = w.Admin.AsHost(other).ApplyDeleteGroup(ctx, p, nil)
	require.NoError(t, err)
	n, err = w.Admin.ReleaseBlobs(ctx, other)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Equal(t, []string{"abroad", "shared", "twice"}, b.deleted())
}

// A hundred groups name the same few contents and are deleted at once over two
// handles of a store, while two workers release: nothing goes while a row names
// it, and nothing is left behind.
func TestSharedBlobRace(t *testing.T) {
	m := memstore.New(nil)
	b := &bucket{}
	w := newWorldOn(t, m, chatadmin.OfficeChat, withBucket(b))
	b.before = func(keys []string) {
		used, err := m.BlobsInUse(ctx, keys)
		assert.NoError(t, err)
		assert.Empty(t, used, "nothing goes that a row names")
	}
	admins := []*chatadmin.Admin{w.Admin, chatadmintest.Must(chatadmin.New(m.Handle(nil), &chatadmin.Options{Now: w.Clock.Now, Blobs: b}))}
	var plans []*chatadmin.Plan
	for n := range 100 {
		g := w.Group(fmt.Sprint("G", n))
		w.file(w.Domain, g.ID, w.Boss.ID, fmt.Sprint("key", n%7))
		p, err := w.Host.PlanDeleteGroup(ctx, g.ID)
		require.NoError(t, err)
		plans = append(plans, p)
	}
	var deleting, releasing sync.WaitGroup
	var done atomic.Bool
	for _, a := range admins {
		releasing.Go(func() {
			for !done.Load() {
				_, err := a.ReleaseBlobs(ctx, w.Domain)
				assert.NoError(t, err)
			}
		})
	}
	for n, p := range plans {
		deleting.Go(func() {
			_, err := admins[n%2].AsHost(w.Domain).ApplyDeleteGroup(ctx, p, nil)
			assert.NoError(t, err)
		})
	}
	deleting.Wait()
	done.Store(true)
	releasing.Wait()
	_, err := w.Admin.ReleaseBlobs(ctx, w.Domain)
	require.NoError(t, err)
	require.Len(t, b.deleted(), 7)
}

// One content that is refused for ever, and records that cannot be read, keep
// nobody; they are tried again after pauses that grow, listed, and logged.
func TestRefusedBlob(t *testing.T) {
	log := &bytes.Buffer{}
	b := &bucket{}
	w := newWorld(t, chatadmin.OfficeChat, withBucket(b), func(o *chatadmin.Options) { o.Logger = slog.New(slog.NewTextHandler(log, nil)) })
	damaged := map[string]string{"0truncated": `["a","b`, "0empty": `{}`, "0null": `null`, "0newer": `{"v":2,"keys":["x"]}`, "0types": `{"v":"1","keys":7}`}
	for id, data := range damaged {
		w.put("blobs", w.Domain, id, data, w.Clock.Now())
	}
	w.put("blobs", w.Domain, "1old", `["of-an-earlier-version",""]`, w.Clock.Now())
	g := w.Group("G")
	w.content(g.ID, w.Boss.ID, 5000)
	w.deleteGroup(g.ID)
	bad := fmt.Sprintf("blob/%s/%d", g.ID, 777)
	b.bad = func(key string) bool { return key == bad }

	n, err := w.Admin.ReleaseBlobs(ctx, w.Domain)
	require.Error(t, err)
	require.Equal(t, 2500, n, "all but one, and the one of an earlier version")
	require.NotContains(t, b.gone, bad)
	require.Contains(t, b.gone, "of-an-earlier-version")
	require.NotContains(t, b.gone, "", "no name is no name of contents")
	require.Less(t, b.calls, 40)
	require.Contains(t, log.String(), "file contents cannot be deleted")

	all := w.refused()
	require.Len(t, all, 1+len(damaged))
	var one chatadmin.RefusedBlobs
	for _, r := range all {
		if _, ok := damaged[string(r.ID)]; ok {
			require.Contains(t, r.Reason, "cannot be read")
			require.Empty(t, r.Keys)
			continue
		}
		one = r
	}
	require.Equal(t, chatadmin.RefusedBlobs{ID: one.ID, Keys: []string{bad}, Tries: 1, First: w.Clock.Now(), Next: w.Clock.Now().Add(time.Minute), Reason: "access denied to the object"}, one)

	calls := b.calls
	n, err = w.Admin.ReleaseBlobs(ctx, w.Domain)
	require.NoError(t, err, "what waits is not tried")
	require.Zero(t, n)
	require.Equal(t, calls, b.calls)
	began := w.Clock.Now()
	for pause := time.Minute; pause < 1000*time.Hour; pause *= 2 {
		w.Clock.Advance(min(pause, 24*time.Hour))
		_, err = w.Admin.ReleaseBlobs(ctx, w.Domain)
		require.ErrorIs(t, err, errDenied, "after %s", pause)
	}
	require.Less(t, w.Clock.Now().Sub(began), 13*24*time.Hour)
	b.bad = nil
	w.Clock.Advance(24 * time.Hour)
	n, err = w.Admin.ReleaseBlobs(ctx, w.Domain)
	require.Error(t, err, "the records that cannot be read")
	require.Equal(t, 1, n)
	require.Len(t, w.refused(), len(damaged))
}

// A store that is away is not asked thousands of times, and everything goes
// when it is back.
func TestBlobsAway(t *testing.T) {
	b := &bucket{bad: func(string) bool { return true }}
	w := newWorld(t, chatadmin.OfficeChat, withBucket(b))
	for n := range 12 {
		g := w.Group(fmt.Sprint("G", n))
		w.content(g.ID, w.Boss.ID, 200)
		w.deleteGroup(g.ID)
	}
	n, err := w.Admin.ReleaseBlobs(ctx, w.Domain)
	require.ErrorIs(t, err, errDenied)
	require.Zero(t, n)
	require.LessOrEqual(t, b.calls, 256)
	b.bad = nil
	n, err = w.Admin.ReleaseBlobs(ctx, w.Domain)
	require.NoError(t, err, "those that were not tried yet")
	require.Positive(t, n)
	w.Clock.Advance(time.Minute)
	_, err = w.Admin.ReleaseBlobs(ctx, w.Domain)
	require.NoError(t, err)
	require.Len(t, b.deleted(), 1200)
	require.Empty(t, w.refused())

	g := w.Group("Cancelled")
	w.content(g.ID, w.Boss.ID, 2)
	w.deleteGroup(g.ID)
	c, cancel := context.WithCancel(ctx)
	b.before = func([]string) { cancel() }
	b.bad = func(string) bool { return true }
	_, err = w.Admin.ReleaseBlobs(c, w.Domain)
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, w.refused(), "an end of the call is no refusal")
}

// A clock that was ahead when contents were refused keeps them no longer than a
// day; when they were queued, not at all.
func TestBlobsAndClock(t *testing.T) {
	b := &bucket{bad: func(string) bool { return true }}
	w := newWorld(t, chatadmin.OfficeChat, withBucket(b))
	one, two := w.Group("One"), w.Group("Two")
	w.content(one.ID, w.Boss.ID, 2)
	w.content(two.ID, w.Boss.ID, 2)
	ahead := 73 * 365 * 24 * time.Hour
	w.Clock.Advance(ahead)
	w.deleteGroup(one.ID)
	_, err := w.Admin.ReleaseBlobs(ctx, w.Domain)
	require.ErrorIs(t, err, errDenied)
	w.deleteGroup(two.ID)
	w.Clock.Advance(-ahead)
	b.bad = nil
	n, err := w.Admin.ReleaseBlobs(ctx, w.Domain)
	require.NoError(t, err)
	require.Equal(t, 2, n)

	three := w.Group("Three")
	w.file(w.Domain, three.ID, w.Boss.ID, "queued ahead")
	w.Clock.Advance(time.Second)
	w.deleteGroup(three.ID)
	w.Clock.Advance(-time.Second)
	n, err = w.Admin.ReleaseBlobs(ctx, w.Domain)
	require.NoError(t, err)
	require.Equal(t, 1, n)
}

// The host gives up what is refused, and nothing else.
func TestForgetBlobs(t *testing.T) {
	b := &bucket{bad: func(string) bool { return true }}
	w := newWorld(t, chatadmin.OfficeChat, withBucket(b))
	w.put("blobs", w.Domain, "damaged", `{}`, w.Clock.Now())
	w.put("blobs", w.Domain, "refused", `["b"]`, w.Clock.Now())
	_, err := w.Admin.ReleaseBlobs(ctx, w.Domain)
	require.ErrorIs(t, err, errDenied)
	w.put("blobs", w.Domain, "waiting", `["a"]`, w.Clock.Now())
	for _, want := range []int{2, 0} { // twice is once
		n, err := w.Admin.ForgetBlobs(ctx, w.Domain, "damaged", "waiting", "refused", "refused", "unknown")
		require.NoError(t, err)
		require.Equal(t, want, n)
	}
	require.Empty(t, w.refused())
	events := w.Events(chatadmin.KindBlobsForget)
	require.Len(t, events, 1)
	require.Equal(t, chatadmin.HostActor, events[0].Actor)
	require.ElementsMatch(t, []chatadmin.ID{"damaged", "refused"}, events[0].Targets)
	b.bad = nil
	w.Clock.Advance(time.Hour)
	n, err := w.Admin.ReleaseBlobs(ctx, w.Domain)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	_, err = w.Admin.ForgetBlobs(ctx, w.Domain, make([]chatadmin.ID, chatadmin.MaxBatch+1)...)
	require.ErrorIs(t, err, chatadmin.ErrInvalid)
}
