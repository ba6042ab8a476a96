package chatadmin_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/internal/hostrows"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// Sources whose names say nothing or stand twice, and such as are nowhere or in
// two places, are refused before anything is counted.
func TestSourcesRefused(t *testing.T) {
	inside, outside := hostrows.Messages{}, &hostrows.Index{}
	for name, ok := range map[string]bool{
		"scheduled_publications": true, "messages": true, "a": true, "a1_": true, strings.Repeat("a", 64): true,
		"": false, " ": false, "Messages": false, "1a": false, "_a": false, "a b": false, "a.b": false, "host.a": false, "a\n": false, "ä": false,
		"a\x00": false, "a/b": false, strings.Repeat("a", 65): false,
	} {
		_, err := chatadmin.New(memstore.New(nil), &chatadmin.Options{Sources: []storage.Source{{Name: name, Inside: inside}}})
		if ok {
			require.NoError(t, err, "%q", name)
			continue
		}
		var bad *chatadmin.SourceError
		require.ErrorAs(t, err, &bad, "%q", name)
		require.ErrorIs(t, err, chatadmin.ErrInvalid)
	}
	for _, sources := range [][]storage.Source{
		{{Name: "a"}},
		{{Name: "a", Inside: inside, Outside: outside}},
		{{Name: "a", Inside: inside}, {Name: "b", Outside: outside}, {Name: "a", Outside: outside}},
	} {
		_, err := chatadmin.New(memstore.New(nil), &chatadmin.Options{Sources: sources})
		var bad *chatadmin.SourceError
		require.ErrorAs(t, err, &bad)
	}
}

// written is a world whose messages lie in the store's content, in records of
// the host's and in an index, one of each by everybody.
type written struct {
	*world
	index  *hostrows.Index
	ann    chatadmin.User
	sales  chatadmin.ID
	things int
}

func newWritten(t *testing.T) *written {
	w := &written{index: &hostrows.Index{}}
	w.world = newWorld(t, chatadmin.OfficeChat, func(o *chatadmin.Options) {
		o.Sources = append(hostrows.Sources(), storage.Source{Name: "index", Outside: w.index})
	})
	w.ann = w.User("ann@acme.example")
	g, err := w.S.CreateGroup(ctx, "Sales")
	require.NoError(t, err)
	w.sales = g.ID
	for _, by := range []chatadmin.ID{w.ann.ID, w.Boss.ID} {
		w.file(w.Domain, w.sales, by, "content-"+string(by))
		w.put(hostrows.Row{Container: w.sales, Author: by, Blob: "row-" + string(by)})
	}
	return w
}

// put adds a row inside the store and the same in the index.
func (w *written) put(r hostrows.Row) {
	w.T.Helper()
	w.things++
	r.ID, r.Domain = chatadmin.ID(fmt.Sprintf("row-%d", w.things)), w.Domain
	if r.At.IsZero() {
		r.At = w.Clock.Now()
	}
	n, err := hostrows.Insert(ctx, w.Store, w.Domain, r)
	require.NoError(w.T, err)
	require.Equal(w.T, 1, n)
	w.index.Add(r)
}

// left are the rows of the group in the store's content, the host's records and
// the index.
func (w *written) left() [3]int64 {
	w.T.Helper()
	q := storage.ContentQuery{Domain: w.Domain, Containers: []chatadmin.ID{w.sales}}
	in, err := w.Admin.CountData(ctx, w.Store, q)
	require.NoError(w.T, err)
	out, err := w.Admin.CountOutside(ctx, q)
	require.NoError(w.T, err)
	return [3]int64{in["files"], in["host.posts"], out["host.index"]}
}

// Deleting a group goes through the host's rows as through the store's content:
// the plan counts them, the audit log tells what went, and nothing is left.
func TestDeleteGroupOfSources(t *testing.T) {
	w := newWritten(t)
	p, err := w.S.PlanDeleteGroup(ctx, w.sales)
	require.NoError(t, err)
	counts := map[string]int64{"members": 1, "messages": 0, "files": 2, "host.posts": 2, "host.talks": 0, "host.index": 2}
	require.Equal(t, counts, p.Counts)
	run, err := w.S.ApplyDeleteGroup(ctx, p, nil)
	require.NoError(t, err)
	require.Equal(t, chatadmin.RunDone, run.State)
	require.EqualValues(t, 7, run.Done)
	require.Equal(t, [3]int64{}, w.left())
	for e, err := range w.S.Events(ctx, chatadmin.EventQuery{Kind: chatadmin.KindGroupDeleted}) {
		require.NoError(t, err)
		require.Equal(t, map[string]string{"members": "1", "messages": "0", "files": "2", "private_chats": "0",
			"host.posts": "2", "host.talks": "0", "host.index": "2"}, e.Note)
	}
	n, err := w.Admin.ReleaseBlobs(ctx, w.Domain)
	require.NoError(t, err)
	require.Equal(t, 4, n)
}

// A hold on a group, or on somebody who has written there, keeps the host's
// rows too, wherever they lie.
func TestHoldsOfSources(t *testing.T) {
	for name, hold := range map[string]func(*written) chatadmin.Hold{
		"group":  func(w *written) chatadmin.Hold { return chatadmin.Hold{Group: w.sales} },
		"author": func(w *written) chatadmin.Hold { return chatadmin.Hold{User: w.ann.ID} },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWritten(t)
			p, err := w.S.PlanDeleteGroup(ctx, w.sales)
			require.NoError(t, err)
			h := hold(w)
			h.Reason = "lawsuit"
			h, err = w.S.AddHold(ctx, h)
			require.NoError(t, err)
			_, err = w.S.ApplyDeleteGroup(ctx, p, nil)
			require.ErrorIs(t, err, chatadmin.ErrHeld)
			require.Equal(t, [3]int64{2, 2, 2}, w.left())
			_, err = w.S.ReleaseHold(ctx, h.ID)
			require.NoError(t, err)
			_, err = w.S.ApplyDeleteGroup(ctx, p, nil)
			require.NoError(t, err)
			require.Equal(t, [3]int64{}, w.left())
		})
	}
}

// Where the only thing that a held user has written in a group lies outside the
// store, it is not deleted, and the run waits until the hold is released.
func TestHoldOutside(t *testing.T) {
	w := newWritten(t)
	eve := w.User("eve@acme.example")
	w.index.Add(hostrows.Row{ID: "hers", Domain: w.Domain, Container: w.sales, Author: eve.ID})
	h, err := w.S.AddHold(ctx, chatadmin.Hold{User: eve.ID, Reason: "lawsuit"})
	require.NoError(t, err)
	p, err := w.S.PlanDeleteGroup(ctx, w.sales)
	require.NoError(t, err)
	run, err := w.S.ApplyDeleteGroup(ctx, p, nil)
	require.ErrorIs(t, err, chatadmin.ErrHeld)
	require.Equal(t, [3]int64{0, 0, 1}, w.left())
	_, err = w.S.ReleaseHold(ctx, h.ID)
	require.NoError(t, err)
	run, err = w.S.ResumeDeleteGroup(ctx, run.ID, nil)
	require.NoError(t, err)
	require.Equal(t, chatadmin.RunDone, run.State)
	require.Equal(t, [3]int64{}, w.left())
}

// What was deleted outside but not confirmed is not told, and the run goes on.
func TestOutsideUnconfirmed(t *testing.T) {
	w := newWritten(t)
	down := errors.New("the index is down")
	w.index.Fail = func() error { return down }
	p, err := w.S.PlanDeleteGroup(ctx, w.sales)
	require.NoError(t, err)
	run, err := w.S.ApplyDeleteGroup(ctx, p, nil)
	require.ErrorIs(t, err, down)
	require.Equal(t, [3]int64{}, w.left(), "it is gone, but nobody has said so")
	w.index.Fail = nil
	run, err = w.S.ResumeDeleteGroup(ctx, run.ID, nil)
	require.NoError(t, err)
	require.Equal(t, chatadmin.RunDone, run.State)
	require.EqualValues(t, 5, run.Done)
}

// Contents that a row of any source still names stay.
func TestBlobsOfSources(t *testing.T) {
	w := newWritten(t)
	news, err := w.S.CreateGroup(ctx, "News")
	require.NoError(t, err)
	w.put(hostrows.Row{Container: news.ID, Author: w.Boss.ID, Blob: "content-" + string(w.ann.ID)})
	w.file(w.Domain, news.ID, w.Boss.ID, "row-"+string(w.Boss.ID))
	w.index.Add(hostrows.Row{ID: "x", Domain: w.Domain, Container: news.ID, Author: w.Boss.ID, Blob: "content-" + string(w.Boss.ID)})
	w.deleteGroup(w.sales)
	n, err := w.Admin.ReleaseBlobs(ctx, w.Domain)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Equal(t, []string{"row-" + string(w.ann.ID)}, w.Blobs.Deleted())
	w.deleteGroup(news.ID)
	n, err = w.Admin.ReleaseBlobs(ctx, w.Domain)
	require.NoError(t, err)
	require.Equal(t, 2, n, "all but what the index named, whose contents are its own to delete")
}

// A host whose messages all lie in sources is not told of the store's content.
func TestNoContent(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat, func(o *chatadmin.Options) { o.Sources, o.NoContent = hostrows.Sources(), true })
	g, err := w.S.CreateGroup(ctx, "Sales")
	require.NoError(t, err)
	_, err = hostrows.Insert(ctx, w.Store, w.Domain, hostrows.Row{ID: "r", Domain: w.Domain, Container: g.ID, Author: w.Boss.ID})
	require.NoError(t, err)
	p, err := w.S.PlanDeleteGroup(ctx, g.ID)
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"members": 1, "host.posts": 1, "host.talks": 0}, p.Counts)
	_, err = w.S.ApplyDeleteGroup(ctx, p, nil)
	require.NoError(t, err)
}
