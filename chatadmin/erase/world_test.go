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
	*chatadmintest.World
	raw   chatadmin.Store // what the host's own code writes to, if not to Store
	d     *erase.Deletions
	posts *posts
	made  int
}

func newWorld(t testing.TB, store chatadmin.Store, change ...func(*chatadmin.Options)) *world {
	t.Helper()
	w := &world{raw: store, posts: &posts{}}
	w.World = chatadmintest.NewWorld(t, &chatadmintest.WorldOptions{Store: store, Admin: func(o *chatadmin.Options) {
		o.Mailer = nil // invitations stay where they are
		o.Sources = []storage.Source{{Name: "scheduled_publications", Outside: w.posts}}
		for _, f := range change {
			f(o)
		}
	}, Extend: func(a *chatadmin.Admin) { w.d = chatadmintest.Must(erase.New(a, nil)) }})
	return w
}

// from has a process use other sources.
func from(sources ...storage.Source) func(*chatadmin.Options) {
	return func(o *chatadmin.Options) { o.Sources = sources }
}

func (w *world) user(login string, change ...func(*chatadmin.NewUser)) chatadmin.User {
	w.T.Helper()
	return w.User(login+"@acme.example", change...)
}

func (w *world) id(kind string) chatadmin.ID {
	w.made++
	return chatadmin.ID(fmt.Sprintf("%s-%06d", kind, w.made))
}

// update writes past the library, as the host's own code does.
func (w *world) update(f func(tx storage.Tx) ([]storage.Conflict, error)) {
	w.T.Helper()
	require.NoError(w.T, put(w.raw, w.Domain, f))
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
	w.T.Helper()
	id := w.id("chat")
	rows := []storage.Content{{ID: id, Domain: w.Domain, Author: a.ID, Peer: b.ID, Kind: storage.Chat, At: w.Clock.Now()}}
	for range n {
		rows = append(rows, w.message(id, a), w.message(id, b))
	}
	w.insert(append(rows, w.file(id, b))...)
	return id
}

func (w *world) message(in chatadmin.ID, by chatadmin.User) storage.Content {
	return storage.Content{ID: w.id("message"), Domain: w.Domain, Container: in, Author: by.ID, Kind: storage.Message, At: w.Clock.Now()}
}

func (w *world) file(in chatadmin.ID, by chatadmin.User) storage.Content {
	id := w.id("file")
	return storage.Content{ID: id, Domain: w.Domain, Container: in, Author: by.ID, Kind: storage.File, At: w.Clock.Now(), Blob: "blob-" + string(id)}
}

func (w *world) insert(rows ...storage.Content) {
	w.T.Helper()
	for batch := range slices.Chunk(rows, chatadmin.MaxBatch) {
		w.update(func(tx storage.Tx) ([]storage.Conflict, error) { return tx.InsertContent(ctx, batch) })
	}
}

func (w *world) group(by *chatadmin.Scope, name string, members ...chatadmin.User) chatadmin.Group {
	w.T.Helper()
	g, err := by.CreateGroup(ctx, name)
	require.NoError(w.T, err)
	for _, u := range members {
		_, err := w.Host.AddMembers(ctx, g.ID, u.ID)
		require.NoError(w.T, err)
	}
	return g
}

func (w *world) device(u chatadmin.User) chatadmin.ID {
	w.T.Helper()
	id := w.id("device")
	w.update(func(tx storage.Tx) ([]storage.Conflict, error) {
		return tx.ChangeDevices(ctx, []storage.Write[storage.Device]{{Row: storage.Device{ID: id, Domain: w.Domain, User: u.ID, Rev: 1, Key: string(id), Type: 1, Status: 1}}})
	})
	return id
}

func (w *world) record(owner chatadmin.ID) {
	w.T.Helper()
	key := storage.Key{Kind: "thing", Domain: w.Domain, ID: string(w.id("thing"))}
	w.update(func(tx storage.Tx) ([]storage.Conflict, error) {
		return tx.ChangeRecords(ctx, []storage.Write[storage.Record]{{Row: storage.Record{Key: key, Owner: owner, Rev: 1, Data: []byte("{}")}}})
	})
}

// withRows gives a process rows of the host's inside the store as well.
func withRows(o *chatadmin.Options) { o.Sources = append(hostrows.Sources(), o.Sources...) }

// put adds rows of the host's, of which those are left out whose people or
// place are being deleted.
func (w *world) put(rows ...hostrows.Row) {
	w.T.Helper()
	for i := range rows {
		if rows[i].ID == "" {
			rows[i].ID = w.id("row")
		}
		rows[i].Domain, rows[i].At = w.Domain, w.Clock.Now()
	}
	_, err := hostrows.Insert(ctx, w.raw, w.Domain, rows...)
	require.NoError(w.T, err)
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
	w.T.Helper()
	n, err := w.Store.CountContent(ctx, storage.ContentQuery{Domain: w.Domain, Before: w.Clock.Now().Add(time.Hour)})
	require.NoError(w.T, err)
	var ids []chatadmin.ID
	for _, u := range erasetest.List(w.T, chatadmin.UserQuery{Domain: w.Domain, WithDeleting: true}, w.Store.ListUsers) {
		ids = append(ids, u.ID)
	}
	for batch := range slices.Chunk(ids, chatadmin.MaxBatch) {
		theirs, err := w.Store.CountContent(ctx, storage.ContentQuery{Domain: w.Domain, Authors: batch})
		require.NoError(w.T, err)
		n.Chats += theirs.Chats
	}
	counts := map[string]int64{erase.Chats: n.Chats, erase.Messages: n.Messages, erase.Files: n.Files}
	counts[erase.Users], err = w.Store.CountUsers(ctx, chatadmin.UserQuery{Domain: w.Domain, WithDeleting: true})
	require.NoError(w.T, err)
	counts[erase.Memberships], err = w.Store.CountMemberships(ctx, storage.MemberQuery{Domain: w.Domain})
	require.NoError(w.T, err)
	counts[erase.Groups] = int64(len(erasetest.List(w.T, chatadmin.GroupQuery{Domain: w.Domain, WithDeleting: true}, w.Store.ListGroups)))
	counts[erase.Devices] = int64(len(erasetest.List(w.T, storage.DeviceQuery{Domain: w.Domain}, w.Store.ListDevices)))
	counts[erase.Records] = 0
	for _, r := range erasetest.List(w.T, storage.RecordQuery{Domain: w.Domain}, w.Store.ListRecords) {
		if r.Owner != "" {
			counts[erase.Records]++
		}
	}
	for _, count := range w.posts.of {
		counts[publications] += count
	}
	rows, err := hostrows.All(ctx, w.Store, w.Domain)
	require.NoError(w.T, err)
	for _, r := range rows {
		if r.Peer != "" {
			counts["host.talks"]++
		} else {
			counts["host.posts"]++
		}
	}
	for _, u := range erasetest.List(w.T, chatadmin.UserQuery{Domain: w.Domain, WithDeleting: true}, w.Store.ListUsers) {
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
	w.T.Helper()
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
	w.T.Helper()
	erasetest.NoTrace(w.T, w.Store, w.Domain, gone...)
}

func memory() chatadmin.Store { return memstore.New(nil) }
