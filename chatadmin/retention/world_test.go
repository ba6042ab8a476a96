package retention_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/retention"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

var ctx = context.Background()

const day = 24 * time.Hour

// world is a store with one domain in it, and in that Ann, Bob and Cat with two
// groups and two chats.
type world struct {
	*chatadmintest.World
	r              *retention.Retention
	second         *chatadmin.Scope // of another administrator
	ann, bob, cat  chatadmin.ID
	sales, news    chatadmin.ID
	annBob, bobCat chatadmin.ID
	before         func(chatadmin.Intent) error // looks at what is about to be done
	made           int
}

func newWorld(t testing.TB, store chatadmin.Store, change ...func(*chatadmin.Options)) *world {
	t.Helper()
	w := &world{}
	w.World = chatadmintest.NewWorld(t, &chatadmintest.WorldOptions{Store: store, Admin: func(o *chatadmin.Options) {
		o.Before = func(_ context.Context, i chatadmin.Intent) error {
			if w.before == nil {
				return nil
			}
			return w.before(i)
		}
		for _, f := range change {
			f(o)
		}
	}, Extend: func(a *chatadmin.Admin) { w.r = chatadmintest.Must(retention.New(a, nil)) }})
	w.second = w.Admin.As(w.Domain, w.user("second", chatadmin.RoleAdmin))
	w.ann, w.bob, w.cat = w.user("ann", ""), w.user("bob", ""), w.user("cat", "")
	w.sales, w.news = w.Group("Sales").ID, w.Group("News").ID
	w.annBob, w.bobCat = w.chat(w.ann, w.bob), w.chat(w.bob, w.cat)
	return w
}

func memory() chatadmin.Store { return memstore.New(nil) }

// hasty is a clock that moves with each look at it, so that batches seem slow
// and become small.
func hasty(o *chatadmin.Options) {
	now := o.Now
	var looks atomic.Int64
	o.Now = func() time.Time { return now().Add(time.Duration(looks.Add(1)) * 250 * time.Millisecond) }
}

func (w *world) user(login, role string) chatadmin.ID {
	w.T.Helper()
	return w.User(login+"@acme.example", func(n *chatadmin.NewUser) { n.Role = role }).ID
}

func (w *world) chat(a, b chatadmin.ID) chatadmin.ID {
	w.T.Helper()
	id := w.id("chat")
	w.insert([]storage.Content{{ID: id, Domain: w.Domain, Author: a, Peer: b, Kind: storage.Chat, At: w.Clock.Now().Add(-1000 * day)}})
	return id
}

func (w *world) id(kind string) chatadmin.ID {
	w.made++
	return chatadmin.ID(fmt.Sprintf("%s-%06d", kind, w.made))
}

// wrote makes messages and files of one author in one place, all of one age.
func (w *world) wrote(in, by chatadmin.ID, age time.Duration, messages, files int) {
	w.T.Helper()
	rows := make([]storage.Content, messages+files)
	for i := range rows {
		rows[i] = storage.Content{ID: w.id("content"), Domain: w.Domain, Container: in, Author: by, Kind: storage.Message, At: w.Clock.Now().Add(-age)}
		if i >= messages {
			rows[i].Kind, rows[i].Blob = storage.File, "blob-"+string(rows[i].ID)
		}
	}
	w.insert(rows)
}

// insert writes past the library, as the messaging side of a product does.
func (w *world) insert(rows []storage.Content) {
	w.T.Helper()
	for batch := range slices.Chunk(rows, chatadmin.MaxBatch) {
		require.NoError(w.T, w.Store.Update(ctx, storage.Fence{Domain: w.Domain, Mode: storage.Shared}, func(ctx context.Context, tx storage.Tx) error {
			cs, err := tx.InsertContent(ctx, batch)
			if err == nil && len(cs) > 0 {
				err = fmt.Errorf("%+v", cs[0])
			}
			return err
		}))
	}
}

// crowd makes 26 messages and 6 files that are 100 days old, and a few of
// yesterday.
func (w *world) crowd() {
	w.T.Helper()
	w.wrote(w.sales, w.ann, 100*day, 3, 1)
	w.wrote(w.sales, w.bob, 100*day, 4, 0)
	w.wrote(w.news, w.cat, 100*day, 5, 2)
	w.wrote(w.news, w.ann, 100*day, 1, 1)
	w.wrote(w.annBob, w.ann, 100*day, 2, 0)
	w.wrote(w.annBob, w.bob, 100*day, 6, 1)
	w.wrote(w.bobCat, w.cat, 100*day, 5, 1)
	w.wrote(w.sales, w.ann, day, 2, 1)
	w.wrote(w.annBob, w.bob, day, 1, 0)
}

// place is somebody's writing in one group or chat.
type place struct{ in, by chatadmin.ID }

// everything counts what is there, place by place. Places that are empty are
// left out.
func (w *world) everything() map[place]retention.Counts {
	w.T.Helper()
	counts := map[place]retention.Counts{}
	for _, in := range []chatadmin.ID{w.sales, w.news, w.annBob, w.bobCat} {
		for _, by := range []chatadmin.ID{w.ann, w.bob, w.cat} {
			n := w.count(storage.ContentQuery{Containers: []chatadmin.ID{in}, Authors: []chatadmin.ID{by}, Before: forever})
			if n.Messages+n.Files > 0 {
				counts[place{in, by}] = n
			}
		}
	}
	return counts
}

var forever = time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)

func (w *world) count(q storage.ContentQuery) retention.Counts {
	w.T.Helper()
	q.Domain = w.Domain
	n, err := w.Store.CountContent(ctx, q)
	require.NoError(w.T, err)
	return retention.Counts{Messages: n.Messages, Files: n.Files}
}

func (w *world) all() retention.Counts {
	w.T.Helper()
	return w.count(storage.ContentQuery{Before: forever})
}

func minus(a, b retention.Counts) retention.Counts {
	return retention.Counts{Messages: a.Messages - b.Messages, Files: a.Files - b.Files}
}

func (w *world) days(n int) {
	w.T.Helper()
	require.NoError(w.T, w.r.SetDays(ctx, w.S, n))
}

func (w *world) hold(user, group chatadmin.ID) chatadmin.ID {
	w.T.Helper()
	h, err := w.S.AddHold(ctx, chatadmin.Hold{User: user, Group: group, Reason: "lawsuit"})
	require.NoError(w.T, err)
	return h.ID
}

func (w *world) release(hold chatadmin.ID) {
	w.T.Helper()
	_, err := w.S.ReleaseHold(ctx, hold)
	require.NoError(w.T, err)
}

func (w *world) plan(s *chatadmin.Scope) *retention.Plan {
	w.T.Helper()
	p, err := w.r.Plan(ctx, s, 0)
	require.NoError(w.T, err)
	return p
}

func (w *world) reports() (all []*retention.Run) {
	w.T.Helper()
	for rep, err := range w.r.Runs(ctx, w.Host) {
		require.NoError(w.T, err)
		all = append(all, rep)
	}
	return all
}

// interrupted is a run that has begun and deleted as many batches, 0 or more.
func (w *world) interrupted(s *chatadmin.Scope, batches int) *retention.Run {
	w.T.Helper()
	c, cancel := context.WithCancel(ctx)
	defer cancel()
	w.before = func(i chatadmin.Intent) error {
		if i.Kind == retention.KindBegin {
			if batches--; batches < -1 {
				cancel()
			}
		}
		return nil
	}
	p := w.plan(s)
	rep, err := w.r.Apply(c, s, p, nil)
	w.before = nil
	require.ErrorIs(w.T, err, context.Canceled)
	require.Equal(w.T, chatadmin.RunRunning, rep.State)
	return rep
}
