// Package storetest proves that a store obeys the storage contract of
// chatadmin. A host that keeps the library's data in its own database calls Run
// in a test, with a function that opens an empty database:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) storetest.Backend {
//			db := openEmptyDatabase(t)
//			return storetest.Backend{
//				Store: mystore.New(db),
//				Again: func() storage.Store { return mystore.New(reopen(t, db)) },
//			}
//		})
//	}
//
// IMPLEMENTING.md beside this file goes through the contract step by step.
// Every test begins with an empty database. Steps are read back through a
// second handle, as another process would, and what must hold under concurrency
// is tried with a hundred goroutines over both. The package's own tests prove
// the suite: stores that are almost right, each wrong in one way, must fail it.
package storetest

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin/storage"
)

// Backend is one empty database.
type Backend struct {
	Store storage.Store
	// Again opens a further handle on the same database: another connection
	// pool, or the file opened anew.
	Again func() storage.Store
}

// Run runs the whole suite. open is called for each test.
func Run(t *testing.T, open func(t *testing.T) Backend) {
	for _, c := range suite {
		t.Run(c.name, func(t *testing.T) { c.run(newWorld(t, open(t))) })
	}
}

// RunOnly runs some tests of the suite, for a store that passes all of it and
// is reached in another way, such as through a pooler of connections. An
// unknown name fails t.
func RunOnly(t *testing.T, open func(t *testing.T) Backend, names ...string) {
	for _, name := range names {
		i := slices.IndexFunc(suite, func(c test) bool { return c.name == name })
		require.GreaterOrEqual(t, i, 0, "the suite has no test %q", name)
		t.Run(name, func(t *testing.T) { suite[i].run(newWorld(t, open(t))) })
	}
}

type test struct {
	name string
	run  func(*world)
}

var suite = []test{
	{"Domains", testDomains},
	{"Users", testUsers},
	{"UserKeys", testUserKeys},
	{"UserLists", testUserLists},
	{"Search", testSearch},
	{"Groups", testGroups},
	{"GroupSearch", testGroupSearch},
	{"Memberships", testMemberships},
	{"AddMembers", testAddMembers},
	{"Devices", testDevices},
	{"DeviceSearch", testDeviceSearch},
	{"Records", testRecords},
	{"RecordLists", testRecordLists},
	{"Events", testEvents},
	{"EventsAbout", testEventsAbout},
	{"Content", testContent},
	{"Blobs", testBlobs},
	{"DeleteContent", testDeleteContent},
	{"DeleteContentOfUsers", testDeleteContentOfUsers},
	{"DeleteContentByAge", testDeleteContentByAge},
	{"DeleteContentOfDomain", testDeleteContentOfDomain},
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
	{"IDs", testIDs},
	{"Lengths", testLengths},
	{"Swallowed", testSwallowed},
	{"FencesAnew", testFencesAnew},
	{"Deadlock", testDeadlock},
	{"KeyOrder", testKeyOrder},
	{"RaceLastAdmin", raceLastAdmin},
	{"RaceCounter", raceCounter},
	{"RaceLogin", raceLogin},
	{"RaceDefaultGroup", raceDefaultGroup},
	{"RaceParent", raceParent},
}

// world is a database with two domains, seen through two handles.
type world struct {
	*testing.T
	ctx      context.Context
	s, other storage.Store
	a, b     storage.ID // domains
	n        int
}

func newWorld(t *testing.T, b Backend) *world {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	w := &world{T: t, ctx: ctx, s: b.Store, other: b.Again(), a: "domain-a", b: "domain-b"}
	for _, id := range []storage.ID{w.a, w.b} {
		w.domain(storage.Domain{ID: id, Rev: 1, Name: string(id), Data: []byte("{}")})
	}
	return w
}

// id makes a fresh ID, ascending.
func (w *world) id(kind string) storage.ID {
	w.n++
	return storage.ID(fmt.Sprintf("%s-%06d", kind, w.n))
}

// update runs f without a fence and wants it to succeed.
func (w *world) update(f func(storage.Tx)) {
	w.Helper()
	w.fenced(storage.Fence{}, f)
}

func (w *world) fenced(fence storage.Fence, f func(storage.Tx)) {
	w.Helper()
	require.NoError(w, w.s.Update(w.ctx, fence, func(_ context.Context, tx storage.Tx) error {
		f(tx)
		return nil
	}))
}

// change applies changes and wants no conflict.
func change[T any](w *world, f func(storage.Tx) func(context.Context, []storage.Write[T]) ([]storage.Conflict, error), c ...storage.Write[T]) {
	w.Helper()
	require.Empty(w, conflicts(w, f, c...))
}

// conflicts applies changes and returns the conflicts.
func conflicts[T any](w *world, f func(storage.Tx) func(context.Context, []storage.Write[T]) ([]storage.Conflict, error), c ...storage.Write[T]) []storage.Conflict {
	w.Helper()
	var out []storage.Conflict
	w.update(func(tx storage.Tx) {
		var err error
		out, err = f(tx)(w.ctx, c)
		require.NoError(w, err)
	})
	return out
}

// Which table a change goes to.
func domains(tx storage.Tx) func(context.Context, []storage.Write[storage.Domain]) ([]storage.Conflict, error) {
	return tx.ChangeDomains
}

func users(tx storage.Tx) func(context.Context, []storage.Write[storage.User]) ([]storage.Conflict, error) {
	return tx.ChangeUsers
}

func groups(tx storage.Tx) func(context.Context, []storage.Write[storage.Group]) ([]storage.Conflict, error) {
	return tx.ChangeGroups
}

func members(tx storage.Tx) func(context.Context, []storage.Write[storage.Membership]) ([]storage.Conflict, error) {
	return tx.ChangeMemberships
}

func devices(tx storage.Tx) func(context.Context, []storage.Write[storage.Device]) ([]storage.Conflict, error) {
	return tx.ChangeDevices
}

func records(tx storage.Tx) func(context.Context, []storage.Write[storage.Record]) ([]storage.Conflict, error) {
	return tx.ChangeRecords
}

func events(tx storage.Tx) func(context.Context, []storage.Write[storage.Event]) ([]storage.Conflict, error) {
	return tx.ChangeEvents
}

func put[T any](row T, was storage.Rev) storage.Write[T] {
	return storage.Write[T]{Row: row, Was: was}
}

func del[T any](row T, was storage.Rev) storage.Write[T] {
	return storage.Write[T]{Row: row, Was: was, Delete: true}
}

func (w *world) domain(d storage.Domain) { w.Helper(); change(w, domains, put(d, 0)) }

// user makes a plain user of a domain.
func (w *world) user(domain storage.ID, login string) storage.User {
	w.Helper()
	u := storage.User{ID: w.id("user"), Domain: domain, Rev: 1, LoginKey: login, NameKey: "name of " + login, Login: login, Role: "member",
		Kind: storage.Network, Status: storage.Active, Created: date(1)}
	change(w, users, put(u, 0))
	return u
}

func (w *world) group(domain storage.ID, name string) storage.Group {
	w.Helper()
	g := storage.Group{ID: w.id("group"), Domain: domain, Rev: 1, Name: name, NameKey: name}
	change(w, groups, put(g, 0))
	return g
}

func (w *world) member(g storage.Group, u storage.User) storage.Membership {
	w.Helper()
	m := storage.Membership{Domain: g.Domain, Group: g.ID, User: u.ID, Rev: 1}
	change(w, members, put(m, 0))
	return m
}

// date is a time in whole milliseconds.
func date(n int) time.Time { return time.UnixMilli(1700000000000 + int64(n)).UTC() }

// pages collects a list page by page and checks that no page is too long.
func pages[T any](w *world, limit int, list func(storage.Page) ([]T, storage.Cursor, error)) []T {
	w.Helper()
	var all []T
	p := storage.Page{Limit: limit}
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

func ids[T any](rows []T, id func(T) storage.ID) []storage.ID {
	out := make([]storage.ID, len(rows))
	for i, r := range rows {
		out[i] = id(r)
	}
	return out
}

func userID(u storage.User) storage.ID   { return u.ID }
func groupID(g storage.Group) storage.ID { return g.ID }

// inOrder yields a table of cases by their names, so that a store that is wrong
// fails at the same one each time.
func inOrder[K cmp.Ordered, V any](table map[K]V) iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for _, name := range slices.Sorted(maps.Keys(table)) {
			if !yield(name, table[name]) {
				return
			}
		}
	}
}
