// Package storetest proves that a store obeys the storage contract of chatadmin. A host that keeps the library's data in its own database calls Run in a test, with a function
// that opens an empty database:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) storetest.Backend {
//			db := openEmptyDatabase(t)
//			return storetest.Backend{Store: mystore.New(db), Again: func() chatadmin.Store { return mystore.New(reopen(t, db)) }}
//		})
//	}
//
// IMPLEMENTING.md beside this file goes through the contract step by step. Every test begins with an empty database. Steps are read back through a second handle, as another process would, and what must hold under concurrency is tried with a hundred
// goroutines over both. The package's own tests prove the suite: stores that are almost right, each wrong in one way, must fail it.
package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
)

// Backend is one empty database.
type Backend struct {
	Store chatadmin.Store
	// Again opens a further handle on the same database: another connection pool, or the file opened anew.
	Again func() chatadmin.Store
}

// Run runs the whole suite. open is called for each test.
func Run(t *testing.T, open func(t *testing.T) Backend) {
	for _, c := range []struct {
		name string
		run  func(*world)
	}{
		{"Domains", testDomains},
		{"Users", testUsers},
		{"UserKeys", testUserKeys},
		{"UserLists", testUserLists},
		{"Groups", testGroups},
		{"Memberships", testMemberships},
		{"AddMembers", testAddMembers},
		{"Devices", testDevices},
		{"Records", testRecords},
		{"RecordLists", testRecordLists},
		{"Events", testEvents},
		{"EventsAbout", testEventsAbout},
		{"Content", testContent},
		{"Blobs", testBlobs},
		{"DeleteContent", testDeleteContent},
		{"DeleteContentOfUsers", testDeleteContentOfUsers},
		{"DeleteContentByAge", testDeleteContentByAge},
		{"Conflicts", testConflicts},
		{"Parents", testParents},
		{"Isolation", testIsolation},
		{"Values", testValues},
		{"Pages", testPages},
		{"Limits", testLimits},
		{"Rollback", testRollback},
		{"Retry", testRetry},
		{"Nested", testNested},
		{"Cancel", testCancel},
		{"Fences", testFences},
		{"Revisions", testRevisions},
		{"Exclusion", testExclusion},
		{"CallOrder", testCallOrder},
		{"Keys", testKeys},
		{"RaceLastAdmin", raceLastAdmin},
		{"RaceCounter", raceCounter},
		{"RaceLogin", raceLogin},
		{"RaceDefaultGroup", raceDefaultGroup},
		{"RaceParent", raceParent},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(newWorld(t, open(t))) })
	}
}

// world is a database with two domains, seen through two handles.
type world struct {
	*testing.T
	ctx      context.Context
	s, other chatadmin.Store
	a, b     chatadmin.ID // domains
	n        int
}

func newWorld(t *testing.T, b Backend) *world {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	w := &world{T: t, ctx: ctx, s: b.Store, other: b.Again(), a: "domain-a", b: "domain-b"}
	for _, id := range []chatadmin.ID{w.a, w.b} {
		w.domain(chatadmin.Domain{ID: id, Rev: 1, Name: string(id), Data: []byte("{}")})
	}
	return w
}

// id makes a fresh ID, ascending.
func (w *world) id(kind string) chatadmin.ID {
	w.n++
	return chatadmin.ID(fmt.Sprintf("%s-%06d", kind, w.n))
}

// update runs f without a fence and wants it to succeed.
func (w *world) update(f func(chatadmin.Tx)) {
	w.Helper()
	w.fenced(chatadmin.Fence{}, f)
}

func (w *world) fenced(fence chatadmin.Fence, f func(chatadmin.Tx)) {
	w.Helper()
	require.NoError(w, w.s.Update(w.ctx, fence, func(_ context.Context, tx chatadmin.Tx) error {
		f(tx)
		return nil
	}))
}

// change applies changes and wants no conflict.
func change[T any](w *world, f func(chatadmin.Tx) func(context.Context, []chatadmin.Change[T]) ([]chatadmin.Conflict, error), c ...chatadmin.Change[T]) {
	w.Helper()
	require.Empty(w, conflicts(w, f, c...))
}

// conflicts applies changes and returns the conflicts.
func conflicts[T any](w *world, f func(chatadmin.Tx) func(context.Context, []chatadmin.Change[T]) ([]chatadmin.Conflict, error), c ...chatadmin.Change[T]) []chatadmin.Conflict {
	w.Helper()
	var out []chatadmin.Conflict
	w.update(func(tx chatadmin.Tx) {
		var err error
		out, err = f(tx)(w.ctx, c)
		require.NoError(w, err)
	})
	return out
}

// Which table a change goes to.
func domains(tx chatadmin.Tx) func(context.Context, []chatadmin.Change[chatadmin.Domain]) ([]chatadmin.Conflict, error) {
	return tx.ChangeDomains
}

func users(tx chatadmin.Tx) func(context.Context, []chatadmin.Change[chatadmin.User]) ([]chatadmin.Conflict, error) {
	return tx.ChangeUsers
}

func groups(tx chatadmin.Tx) func(context.Context, []chatadmin.Change[chatadmin.Group]) ([]chatadmin.Conflict, error) {
	return tx.ChangeGroups
}

func members(tx chatadmin.Tx) func(context.Context, []chatadmin.Change[chatadmin.Membership]) ([]chatadmin.Conflict, error) {
	return tx.ChangeMemberships
}

func devices(tx chatadmin.Tx) func(context.Context, []chatadmin.Change[chatadmin.Device]) ([]chatadmin.Conflict, error) {
	return tx.ChangeDevices
}

func records(tx chatadmin.Tx) func(context.Context, []chatadmin.Change[chatadmin.Record]) ([]chatadmin.Conflict, error) {
	return tx.ChangeRecords
}

func events(tx chatadmin.Tx) func(context.Context, []chatadmin.Change[chatadmin.Event]) ([]chatadmin.Conflict, error) {
	return tx.ChangeEvents
}

func put[T any](row T, was chatadmin.Rev) chatadmin.Change[T] {
	return chatadmin.Change[T]{Row: row, Was: was}
}

func del[T any](row T, was chatadmin.Rev) chatadmin.Change[T] {
	return chatadmin.Change[T]{Row: row, Was: was, Delete: true}
}

func (w *world) domain(d chatadmin.Domain) { w.Helper(); change(w, domains, put(d, 0)) }

// user makes a plain user of a domain.
func (w *world) user(domain chatadmin.ID, login string) chatadmin.User {
	w.Helper()
	u := chatadmin.User{ID: w.id("user"), Domain: domain, Rev: 1, LoginKey: login, NameKey: "name of " + login, Login: login, Role: "member",
		Kind: chatadmin.Network, Status: chatadmin.Active, Created: date(1)}
	change(w, users, put(u, 0))
	return u
}

func (w *world) group(domain chatadmin.ID, name string) chatadmin.Group {
	w.Helper()
	g := chatadmin.Group{ID: w.id("group"), Domain: domain, Rev: 1, Name: name, NameKey: name}
	change(w, groups, put(g, 0))
	return g
}

func (w *world) member(g chatadmin.Group, u chatadmin.User) chatadmin.Membership {
	w.Helper()
	m := chatadmin.Membership{Domain: g.Domain, Group: g.ID, User: u.ID, Rev: 1}
	change(w, members, put(m, 0))
	return m
}

// date is a time in whole milliseconds.
func date(n int) time.Time { return time.UnixMilli(1700000000000 + int64(n)).UTC() }

// pages collects a list page by page and checks that no page is too long.
func pages[T any](w *world, limit int, list func(chatadmin.Page) ([]T, chatadmin.Cursor, error)) []T {
	w.Helper()
	var all []T
	p := chatadmin.Page{Limit: limit}
	for range 10000 {
		rows, next, err := list(p)
		require.NoError(w, err)
		require.LessOrEqual(w, len(rows), limit)
		all = append(all, rows...)
		if next == "" {
			return all
		}
		p.After = next
	}
	w.Fatal("the list does not end")
	return nil
}

func ids[T any](rows []T, id func(T) chatadmin.ID) []chatadmin.ID {
	out := make([]chatadmin.ID, len(rows))
	for i, r := range rows {
		out[i] = id(r)
	}
	return out
}

func userID(u chatadmin.User) chatadmin.ID   { return u.ID }
func groupID(g chatadmin.Group) chatadmin.ID { return g.ID }
