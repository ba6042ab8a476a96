package storetest

import (
	"context"
	"sync"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
)

// meeting is how long a transaction waits for the other to come inside. Stores
// that exclude them let it wait so long for nothing.
const meeting = 300 * time.Millisecond

// testExclusion: two fenced transactions, at least one of them exclusive, count
// the same records and add one each. They try to meet between counting and
// adding. Whether the store keeps them apart or undoes one that has met the
// other: one counts what the other has added, and both records are there.
func testExclusion(w *world) {
	modes := []chatadmin.Mode{chatadmin.Exclusive, chatadmin.Shared}
	for _, pair := range [][2]chatadmin.Mode{{modes[0], modes[0]}, {modes[0], modes[1]}, {modes[1], modes[0]}} {
		kind := string(w.id("exclusion"))
		var counted [2]int
		var done, met sync.WaitGroup
		inside := [2]chan struct{}{make(chan struct{}), make(chan struct{})}
		met.Add(1)
		for n, s := range []chatadmin.Store{w.s, w.other} {
			enter := sync.OnceFunc(func() { close(inside[n]) })
			done.Go(func() {
				if n == 1 {
					met.Wait() // the first is inside
				}
				err := s.Update(w.ctx, chatadmin.Fence{Domain: w.a, Mode: pair[n]}, func(ctx context.Context, tx chatadmin.Tx) error {
					rows, _, err := tx.ListRecords(ctx, chatadmin.RecordQuery{Kind: kind, Domain: w.a}, chatadmin.Page{Limit: 10})
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
					r := chatadmin.Record{Key: chatadmin.Key{Kind: kind, Domain: w.a, ID: string(rune('a' + n))}, Rev: 1, Data: []byte("{}")}
					_, err = tx.ChangeRecords(ctx, []chatadmin.Change[chatadmin.Record]{put(r, 0)})
					return err
				})
				assert.NoError(w, err)
			})
		}
		done.Wait()
		rows, _, err := w.other.ListRecords(w.ctx, chatadmin.RecordQuery{Kind: kind, Domain: w.a}, chatadmin.Page{Limit: 10})
		require.NoError(w, err)
		require.Len(w, rows, 2)
		require.ElementsMatch(w, []int{0, 1}, counted[:], "modes %v: one transaction has not seen what the other wrote", pair)
	}
}

// testCallOrder: what comes of a call is as if its items were written one after
// the other, in the order given.
func testCallOrder(w *world) {
	u, v := w.user(w.a, "u"), w.user(w.a, "v")
	login := func(u chatadmin.User, rev chatadmin.Rev, login string) chatadmin.User {
		u.Rev, u.LoginKey = rev, login
		return u
	}
	fresh := chatadmin.User{ID: w.id("user"), Domain: w.a, Rev: 1, LoginKey: "v"}
	require.Equal(w, []chatadmin.Conflict{taken(0, "login_key", u.ID), stale(4)}, conflicts(w, users,
		put(login(v, 2, "u"), 1), // still u's
		put(login(u, 2, "w"), 1),
		put(login(v, 3, "u"), 1), // free now
		put(fresh, 0),            // v's, a moment ago
		put(login(u, 9, "x"), 1), // item 1 has changed it
	), "logins given up and taken in one call")
	g := w.group(w.a, "g")
	require.Empty(w, conflicts(w, groups, del(g, 1), put(g, 0)), "deleted and made anew in one call")
	m := chatadmin.Content{ID: "message-1", Domain: w.a, Container: "chat-1", Author: u.ID, Kind: chatadmin.Message, At: date(1)}
	chat := chatadmin.Content{ID: "chat-1", Domain: w.a, Author: u.ID, Peer: v.ID, Kind: chatadmin.Chat, At: date(1)}
	late := m
	late.ID = "message-2"
	w.update(func(tx chatadmin.Tx) {
		got, err := tx.InsertContent(w.ctx, []chatadmin.Content{m, chat, late})
		require.NoError(w, err)
		require.Equal(w, []chatadmin.Conflict{orphan(0, "container")}, got, "a message before its chat")
	})
}

// testKeys: every key is compared as bytes: neither case, nor accents, nor
// blanks at the end are left out.
func testKeys(w *world) {
	forms := []string{"resume", "Resume", "r\u00e9sum\u00e9", "re\u0301sume\u0301", "resume ", " resume"}
	for i, form := range forms {
		change(w, records, put(chatadmin.Record{Key: chatadmin.Key{Kind: "keys", Domain: w.a, ID: form}, Rev: 1, Data: []byte(form)}, 0),
			put(chatadmin.Record{Key: chatadmin.Key{Kind: form, Domain: w.a, ID: "keys"}, Rev: 1, Data: []byte(form)}, 0))
		u := w.user(w.a, "keys"+string(rune('0'+i)))
		u.Rev, u.Role, u.Department = 2, form, form
		change(w, users, put(u, 1))
		g := w.group(w.a, "keys"+string(rune('0'+i)))
		g.Rev, g.Name, g.NameKey = 2, form, form
		change(w, groups, put(g, 1))
		change(w, events, put(chatadmin.Event{ID: w.id("event"), Domain: w.a, Actor: "x", Rev: 1, Kind: form, At: date(1), Data: []byte("{}")}, 0))
	}
	p := chatadmin.Page{Limit: 100}
	for _, form := range forms {
		one := func(n int, err error) func(what string) {
			return func(what string) {
				w.Helper()
				require.NoError(w, err)
				require.Equal(w, 1, n, "%s %q", what, form)
			}
		}
		rs, err := w.other.Records(w.ctx, []chatadmin.Key{{Kind: "keys", Domain: w.a, ID: form}})
		one(len(rs), err)("the ID of a record")
		require.Equal(w, form, string(rs[0].Data))
		rs, _, err = w.other.ListRecords(w.ctx, chatadmin.RecordQuery{Kind: form, Domain: w.a}, p)
		one(len(rs), err)("the kind of a record")
		us, _, err := w.other.ListUsers(w.ctx, chatadmin.UserQuery{Domain: w.a, Role: form}, p)
		one(len(us), err)("the role")
		us, _, err = w.other.ListUsers(w.ctx, chatadmin.UserQuery{Domain: w.a, Department: form}, p)
		one(len(us), err)("the department")
		es, _, err := w.other.ListEvents(w.ctx, chatadmin.EventQuery{Domain: w.a, Kind: form}, p)
		one(len(es), err)("the kind of an event")
		require.Equal(w, form, es[0].Kind, "the kind of an event, as bytes")
	}
	gs, _, err := w.other.ListGroups(w.ctx, chatadmin.GroupQuery{Domain: w.a, Prefix: "r"}, p)
	require.NoError(w, err)
	names := make([]string, len(gs))
	for i, g := range gs {
		names[i] = g.NameKey
	}
	require.Equal(w, []string{"resume", "resume ", "re\u0301sume\u0301", "r\u00e9sum\u00e9"}, names, "groups by name, as bytes")
}
