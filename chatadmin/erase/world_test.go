package erase_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/erase"
	"chatadmin.example/sdk/chatadmin/internal/erasetest"
	"chatadmin.example/sdk/chatadmin/internal/hostrows"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

var ctx = context.Background()

// world is a store with one domain in it.
type world struct {
	t      testing.TB
	store  chatadmin.Store
	raw    chatadmin.Store // what the host's own code writes to, if not to store
	admin  *chatadmin.Admin
	d      *erase.Deletions
	clock  *chatadmintest.Clock
	blobs  *chatadmintest.Blobs
	posts  *posts
	domain chatadmin.ID
	boss   chatadmin.User
	s      *chatadmin.Scope // of the boss
	host   *chatadmin.Scope
	made   int
}

func newWorld(t testing.TB, store chatadmin.Store, o ...func(*chatadmin.Options)) *world {
	t.Helper()
	w := &world{t: t, store: store, raw: store, clock: chatadmintest.NewClock(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)), blobs: &chatadmintest.Blobs{}, posts: &posts{}}
	w.process(o...)
	d, boss, err := w.admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example", NoInvitation: true}})
	require.NoError(t, err)
	w.domain, w.boss, w.s, w.host = d.ID, boss, w.admin.As(d.ID, boss.ID), w.admin.AsHost(d.ID)
	return w
}

// process makes a new process of the host's.
func (w *world) process(o ...func(*chatadmin.Options)) {
	w.t.Helper()
	options := &chatadmin.Options{Now: w.clock.Now, Blobs: w.blobs, Sources: []storage.Source{{Name: "scheduled_publications", Outside: w.posts}}}
	for _, f := range o {
		f(options)
	}
	a, err := chatadmin.New(w.store, options)
	require.NoError(w.t, err)
	w.admin = a
	d, err := erase.New(w.admin, nil)
	require.NoError(w.t, err)
	w.d, w.s, w.host = d, w.admin.As(w.domain, w.boss.ID), w.admin.AsHost(w.domain)
}

// from has a process use other sources.
func from(sources ...storage.Source) func(*chatadmin.Options) {
	return func(o *chatadmin.Options) { o.Sources = sources }
}

func (w *world) user(login string, change ...func(*chatadmin.NewUser)) chatadmin.User {
	w.t.Helper()
	n := chatadmin.NewUser{Login: login + "@acme.example", NoInvitation: true}
	for _, f := range change {
		f(&n)
	}
	u, err := w.host.CreateUser(ctx, n)
	require.NoError(w.t, err)
	return u
}

func (w *world) as(u chatadmin.User) *chatadmin.Scope { return w.admin.As(w.domain, u.ID) }

func (w *world) id(kind string) chatadmin.ID {
	w.made++
	return chatadmin.ID(fmt.Sprintf("%s-%06d", kind, w.made))
}

// update writes past the library, as the host's own code does.
func (w *world) update(f func(tx storage.Tx) ([]storage.Conflict, error)) {
	w.t.Helper()
	require.NoError(w.t, put(w.raw, w.domain, f))
}

func put(s chatadmin.Store, domain chatadmin.ID, f func(tx storage.Tx) ([]storage.Conflict, error)) error {
	return s.Update(ctx, storage.Fence{Domain: domain, Mode: storage.Shared}, func(_ context.Context, tx storage.Tx) error {
		cs, err := f(tx)
		if err == nil && len(cs) > 0 {
			err = &refused{cs[0]}
		}
		return err
	})
}

// refused is a row that the store did not take.
type refused struct{ c storage.Conflict }

func (e *refused) Error() string { return fmt.Sprintf("refused: %+v", e.c) }

// chat makes a private chat with n messages of each side and a file of the
// second.
func (w *world) chat(a, b chatadmin.User, n int) chatadmin.ID {
	w.t.Helper()
	id := w.id("chat")
	rows := []storage.Content{{ID: id, Domain: w.domain, Author: a.ID, Peer: b.ID, Kind: storage.Chat, At: w.clock.Now()}}
	for range n {
		rows = append(rows, w.message(id, a), w.message(id, b))
	}
	w.insert(append(rows, w.file(id, b))...)
	return id
}

func (w *world) message(in chatadmin.ID, by chatadmin.User) storage.Content {
	return storage.Content{ID: w.id("message"), Domain: w.domain, Container: in, Author: by.ID, Kind: storage.Message, At: w.clock.Now()}
}

func (w *world) file(in chatadmin.ID, by chatadmin.User) storage.Content {
	id := w.id("file")
	return storage.Content{ID: id, Domain: w.domain, Container: in, Author: by.ID, Kind: storage.File, At: w.clock.Now(), Blob: "blob-" + string(id)}
}

func (w *world) insert(rows ...storage.Content) {
	w.t.Helper()
	for batch := range slices.Chunk(rows, chatadmin.MaxBatch) {
		w.update(func(tx storage.Tx) ([]storage.Conflict, error) { return tx.InsertContent(ctx, batch) })
	}
}

func (w *world) group(by *chatadmin.Scope, name string, members ...chatadmin.User) chatadmin.Group {
	w.t.Helper()
	g, err := by.CreateGroup(ctx, name)
	require.NoError(w.t, err)
	for _, u := range members {
		_, err := w.host.AddMembers(ctx, g.ID, u.ID)
		require.NoError(w.t, err)
	}
	return g
}

func (w *world) device(u chatadmin.User) chatadmin.ID {
	w.t.Helper()
	id := w.id("device")
	w.update(func(tx storage.Tx) ([]storage.Conflict, error) {
		return tx.ChangeDevices(ctx, []storage.Write[storage.Device]{{Row: storage.Device{ID: id, Domain: w.domain, User: u.ID, Rev: 1, Key: string(id), Type: 1, Status: 1}}})
	})
	return id
}

func (w *world) record(owner chatadmin.ID) {
	w.t.Helper()
	key := storage.Key{Kind: "thing", Domain: w.domain, ID: string(w.id("thing"))}
	w.update(func(tx storage.Tx) ([]storage.Conflict, error) {
		return tx.ChangeRecords(ctx, []storage.Write[storage.Record]{{Row: storage.Record{Key: key, Owner: owner, Rev: 1, Data: []byte("{}")}}})
	})
}

// withRows gives a process rows of the host's inside the store as well.
func withRows(o *chatadmin.Options) { o.Sources = append(hostrows.Sources(), o.Sources...) }

// put adds rows of the host's, of which those are left out whose people or
// place are being deleted.
func (w *world) put(rows ...hostrows.Row) {
	w.t.Helper()
	for i := range rows {
		if rows[i].ID == "" {
			rows[i].ID = w.id("row")
		}
		rows[i].Domain, rows[i].At = w.domain, w.clock.Now()
	}
	_, err := hostrows.Insert(ctx, w.raw, w.domain, rows...)
	require.NoError(w.t, err)
}

// publications are how those in posts are counted.
const publications = "host.scheduled_publications"

// posts are publications that are scheduled, which the host keeps elsewhere.
type posts struct {
	mu  sync.Mutex
	of  map[chatadmin.ID]int64
	err error // of the next call
}

func (p *posts) add(u chatadmin.User, n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.of == nil {
		p.of = map[chatadmin.ID]int64{}
	}
	p.of[u.ID] += n
}

// authors are those of a query that it selects.
func (p *posts) authors(q storage.ContentQuery) (ids []chatadmin.ID) {
	if len(q.ChatsOf)+len(q.Containers) > 0 || !q.Before.IsZero() {
		return nil
	}
	for _, id := range q.Authors {
		if !slices.Contains(q.ExceptUsers, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

func (p *posts) Count(_ context.Context, q storage.ContentQuery) (n int64, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range p.authors(q) {
		n += p.of[id]
	}
	err, p.err = p.err, nil
	return n, err
}

func (p *posts) Delete(_ context.Context, q storage.ContentQuery, page storage.Page) (n int64, next storage.Cursor, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range p.authors(q) {
		gone := min(p.of[id], int64(page.Limit)-n)
		if gone > 0 {
			p.of[id] -= gone
		}
		if n += gone; p.of[id] > 0 {
			return n, "more", nil
		}
	}
	return n, "", nil
}

func (p *posts) BlobsInUse(context.Context, []string) ([]string, error) { return nil, nil }

// confirmed checks a receipt against what was planned or has gone: it is exact,
// but for what lies elsewhere, of which it never says more than was confirmed.
func confirmed(t testing.TB, want, got map[string]int64, what string) {
	t.Helper()
	require.LessOrEqual(t, got[publications], want[publications], what)
	want, got = some(want), some(got)
	delete(want, publications)
	delete(got, publications)
	require.Equal(t, want, got, what)
}

// everything is how many rows of each kind a domain has.
func (w *world) everything() map[string]int64 {
	w.t.Helper()
	n, err := w.store.CountContent(ctx, storage.ContentQuery{Domain: w.domain, Before: w.clock.Now().Add(time.Hour)})
	require.NoError(w.t, err)
	var ids []chatadmin.ID
	for _, u := range erasetest.List(w.t, chatadmin.UserQuery{Domain: w.domain, WithDeleting: true}, w.store.ListUsers) {
		ids = append(ids, u.ID)
	}
	for batch := range slices.Chunk(ids, chatadmin.MaxBatch) {
		theirs, err := w.store.CountContent(ctx, storage.ContentQuery{Domain: w.domain, Authors: batch})
		require.NoError(w.t, err)
		n.Chats += theirs.Chats
	}
	counts := map[string]int64{erase.Chats: n.Chats, erase.Messages: n.Messages, erase.Files: n.Files}
	counts[erase.Users], err = w.store.CountUsers(ctx, chatadmin.UserQuery{Domain: w.domain, WithDeleting: true})
	require.NoError(w.t, err)
	counts[erase.Memberships], err = w.store.CountMemberships(ctx, storage.MemberQuery{Domain: w.domain})
	require.NoError(w.t, err)
	counts[erase.Groups] = int64(len(erasetest.List(w.t, chatadmin.GroupQuery{Domain: w.domain, WithDeleting: true}, w.store.ListGroups)))
	counts[erase.Devices] = int64(len(erasetest.List(w.t, storage.DeviceQuery{Domain: w.domain}, w.store.ListDevices)))
	counts[erase.Records] = 0
	for _, r := range erasetest.List(w.t, storage.RecordQuery{Domain: w.domain}, w.store.ListRecords) {
		if r.Owner != "" {
			counts[erase.Records]++
		}
	}
	for _, count := range w.posts.of {
		counts[publications] += count
	}
	rows, err := hostrows.All(ctx, w.store, w.domain)
	require.NoError(w.t, err)
	for _, r := range rows {
		if r.Peer != "" {
			counts["host.talks"]++
		} else {
			counts["host.posts"]++
		}
	}
	for _, u := range erasetest.List(w.t, chatadmin.UserQuery{Domain: w.domain, WithDeleting: true}, w.store.ListUsers) {
		if u.Manager != "" {
			counts["manager of "+string(u.ID)]++
		} else {
			counts["no manager of "+string(u.ID)]++
		}
	}
	return counts
}

// gone is what is missing since before.
func (w *world) gone(before map[string]int64) map[string]int64 {
	w.t.Helper()
	after := w.everything()
	diff := map[string]int64{}
	for kind, n := range before {
		if user, ok := strings.CutPrefix(kind, "manager of "); ok {
			if after["no manager of "+user] > 0 {
				diff[erase.Reports]++
			}
		} else if n -= after[kind]; n != 0 && !strings.HasPrefix(kind, "no manager of ") {
			diff[kind] = n
		}
	}
	return diff
}

// some are the counts that are not 0.
func some(counts map[string]int64) map[string]int64 {
	counts = maps.Clone(counts)
	maps.DeleteFunc(counts, func(_ string, n int64) bool { return n == 0 })
	return counts
}

// noTrace checks that nothing is left of somebody who is gone.
func (w *world) noTrace(gone ...chatadmin.ID) {
	w.t.Helper()
	erasetest.NoTrace(w.t, w.store, w.domain, gone...)
}

func memory() chatadmin.Store { return memstore.New(nil) }
