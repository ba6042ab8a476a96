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
	t              testing.TB
	store          chatadmin.Store
	admin          *chatadmin.Admin
	r              *retention.Retention
	clock          *chatadmintest.Clock
	blobs          *chatadmintest.Blobs
	domain         chatadmin.ID
	s, second      *chatadmin.Scope // of two administrators
	host           *chatadmin.Scope
	ann, bob, cat  chatadmin.ID
	sales, news    chatadmin.ID
	annBob, bobCat chatadmin.ID
	before         func(chatadmin.Intent) error // looks at what is about to be done
	made           int
}

func newWorld(t testing.TB, store chatadmin.Store, o ...func(*chatadmin.Options)) *world {
	t.Helper()
	w := &world{t: t, store: store, clock: chatadmintest.NewClock(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)), blobs: &chatadmintest.Blobs{}}
	options := &chatadmin.Options{Now: w.clock.Now, Blobs: w.blobs, Before: func(_ context.Context, i chatadmin.Intent) error {
		if w.before == nil {
			return nil
		}
		return w.before(i)
	}}
	for _, f := range o {
		f(options)
	}
	w.admin = chatadmintest.Must(chatadmin.New(store, options))
	w.r = chatadmintest.Must(retention.New(w.admin, nil))
	d, boss, err := w.admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example", NoInvitation: true}})
	require.NoError(t, err)
	w.domain, w.s, w.host = d.ID, w.admin.As(d.ID, boss.ID), w.admin.AsHost(d.ID)
	w.second = w.admin.As(d.ID, w.user("second", chatadmin.RoleAdmin))
	w.ann, w.bob, w.cat = w.user("ann", ""), w.user("bob", ""), w.user("cat", "")
	w.sales, w.news = w.group("Sales"), w.group("News")
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
	w.t.Helper()
	u, err := w.host.CreateUser(ctx, chatadmin.NewUser{Login: login + "@acme.example", Role: role, NoInvitation: true})
	require.NoError(w.t, err)
	return u.ID
}

func (w *world) group(name string) chatadmin.ID {
	w.t.Helper()
	g, err := w.s.CreateGroup(ctx, name)
	require.NoError(w.t, err)
	return g.ID
}

func (w *world) chat(a, b chatadmin.ID) chatadmin.ID {
	w.t.Helper()
	id := w.id("chat")
	w.insert([]storage.Content{{ID: id, Domain: w.domain, Author: a, Peer: b, Kind: storage.Chat, At: w.clock.Now().Add(-1000 * day)}})
	return id
}

func (w *world) id(kind string) chatadmin.ID {
	w.made++
	return chatadmin.ID(fmt.Sprintf("%s-%06d", kind, w.made))
}

// wrote makes messages and files of one author in one place, all of one age.
func (w *world) wrote(in, by chatadmin.ID, age time.Duration, messages, files int) {
	w.t.Helper()
	rows := make([]storage.Content, messages+files)
	for i := range rows {
		rows[i] = storage.Content{ID: w.id("content"), Domain: w.domain, Container: in, Author: by, Kind: storage.Message, At: w.clock.Now().Add(-age)}
		if i >= messages {
			rows[i].Kind, rows[i].Blob = storage.File, "blob-"+string(rows[i].ID)
		}
	}
	w.insert(rows)
}

// insert writes past the library, as the messaging side of a product does.
func (w *world) insert(rows []storage.Content) {
	w.t.Helper()
	for batch := range slices.Chunk(rows, chatadmin.MaxBatch) {
		require.NoError(w.t, w.store.Update(ctx, storage.Fence{Domain: w.domain, Mode: storage.Shared}, func(ctx context.Context, tx storage.Tx) error {
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
	w.t.Helper()
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
	w.t.Helper()
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
	w.t.Helper()
	q.Domain = w.domain
	n, err := w.store.CountContent(ctx, q)
	require.NoError(w.t, err)
	return retention.Counts{Messages: n.Messages, Files: n.Files}
}

func (w *world) all() retention.Counts {
	w.t.Helper()
	return w.count(storage.ContentQuery{Before: forever})
}

func minus(a, b retention.Counts) retention.Counts {
	return retention.Counts{Messages: a.Messages - b.Messages, Files: a.Files - b.Files}
}

func (w *world) days(n int) {
	w.t.Helper()
	require.NoError(w.t, w.r.SetDays(ctx, w.s, n))
}

func (w *world) hold(user, group chatadmin.ID) chatadmin.ID {
	w.t.Helper()
	h, err := w.s.AddHold(ctx, chatadmin.Hold{User: user, Group: group, Reason: "lawsuit"})
	require.NoError(w.t, err)
	return h.ID
}

func (w *world) release(hold chatadmin.ID) {
	w.t.Helper()
	_, err := w.s.ReleaseHold(ctx, hold)
	require.NoError(w.t, err)
}

func (w *world) plan(s *chatadmin.Scope) *retention.Plan {
	w.t.Helper()
	p, err := w.r.Plan(ctx, s, 0)
	require.NoError(w.t, err)
	return p
}

func (w *world) reports() (all []*retention.Run) {
	w.t.Helper()
	for rep, err := range w.r.Runs(ctx, w.host) {
		require.NoError(w.t, err)
		all = append(all, rep)
	}
	return all
}

func (w *world) events(q chatadmin.EventQuery) (all []chatadmin.AuditEvent) {
	w.t.Helper()
	for e, err := range w.host.Events(ctx, q) {
		require.NoError(w.t, err)
		all = append(all, e)
	}
	return all
}

// interrupted is a run that has begun and deleted as many batches, 0 or more.
func (w *world) interrupted(s *chatadmin.Scope, batches int) *retention.Run {
	w.t.Helper()
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
	require.ErrorIs(w.t, err, context.Canceled)
	require.Equal(w.t, chatadmin.RunRunning, rep.State)
	return rep
}
