package storetest

import (
	"context"
	"sync"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin/storage"
)

// meeting is how long a transaction waits for the other to come inside. Stores
// that exclude them let it wait so long for nothing.
const meeting = 300 * time.Millisecond

// testExclusion: two fenced transactions, at least one of them exclusive, count
// the same records and add one each. They try to meet between counting and
// adding. Whether the store keeps them apart or undoes one that has met the
// other: one counts what the other has added, and both records are there.
func testExclusion(w *world) {
	modes := []storage.Mode{storage.Exclusive, storage.Shared}
	for _, pair := range [][2]storage.Mode{{modes[0], modes[0]}, {modes[0], modes[1]}, {modes[1], modes[0]}} {
		kind := string(w.id("exclusion"))
		var counted [2]int
		var done, met sync.WaitGroup
		inside := [2]chan struct{}{make(chan struct{}), make(chan struct{})}
		met.Add(1)
		for n, s := range []storage.Store{w.s, w.other} {
			enter := sync.OnceFunc(func() { close(inside[n]) })
			done.Go(func() {
				if n == 1 {
					met.Wait() // the first is inside
				}
				err := s.Update(w.ctx, storage.Fence{Domain: w.a, Mode: pair[n]}, func(ctx context.Context, tx storage.Tx) error {
					rows, _, err := tx.ListRecords(ctx, storage.RecordQuery{Kind: kind, Domain: w.a}, storage.Page{Limit: 10})
					if err != nil {
						return err
					}
					counted[n] = len(rows)
					select {
					case <-inside[n]: // it has tried already
					default:
						enter()
						if n == 0 {
							met.Done()
						}
						select {
						case <-inside[1-n]:
						case <-time.After(meeting):
						}
					}
					r := storage.Record{Key: storage.Key{Kind: kind, Domain: w.a, ID: string(rune('a' + n))}, Rev: 1, Data: []byte("{}")}
					_, err = tx.ChangeRecords(ctx, []storage.Write[storage.Record]{put(r, 0)})
					return err
				})
				assert.NoError(w, err)
			})
		}
		done.Wait()
		rows, _, err := w.other.ListRecords(w.ctx, storage.RecordQuery{Kind: kind, Domain: w.a}, storage.Page{Limit: 10})
		require.NoError(w, err)
		require.Len(w, rows, 2)
		require.ElementsMatch(w, []int{0, 1}, counted[:], "modes %v: one transaction has not seen what the other wrote", pair)
	}
}

// testCallOrder: what comes of a call is as if its items were written one after
// the other, in the order given.
func testCallOrder(w *world) {
	u, v := w.user(w.a, "u"), w.user(w.a, "v")
	login := func(u storage.User, rev storage.Rev, login string) storage.User {
		u.Rev, u.LoginKey = rev, login
		return u
	}
	fresh := storage.User{ID: w.id("user"), Domain: w.a, Rev: 1, LoginKey: "v"}
	require.Equal(w, []storage.Conflict{taken(0, "login_key", u.ID), stale(4)}, conflicts(w, users,
		put(login(v, 2, "u"), 1), // still u's
		put(login(u, 2, "w"), 1),
		put(login(v, 3, "u"), 1), // free now
		put(fresh, 0),            // v's, a moment ago
		put(login(u, 9, "x"), 1), // item 1 has changed it
	), "logins given up and taken in one call")
	g := w.group(w.a, "g")
	require.Empty(w, conflicts(w, groups, del(g, 1), put(g, 0)), "deleted and made anew in one call")
	m := storage.Content{ID: "message-1", Domain: w.a, Container: "chat-1", Author: u.ID, Kind: storage.Message, At: date(1)}
	chat := storage.Content{ID: "chat-1", Domain: w.a, Author: u.ID, Peer: v.ID, Kind: storage.Chat, At: date(1)}
	late := m
	late.ID = "message-2"
	w.update(func(tx storage.Tx) {
		got, err := tx.InsertContent(w.ctx, []storage.Content{m, chat, late})
		require.NoError(w, err)
		require.Equal(w, []storage.Conflict{orphan(0, "container")}, got, "a message before its chat")
	})
}
