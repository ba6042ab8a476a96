package storetest

import (
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin/storage"
)

func stale(i int) storage.Conflict { return storage.Conflict{Index: i, Reason: storage.Stale} }
func exists(i int) storage.Conflict {
	return storage.Conflict{Index: i, Reason: storage.Exists}
}
func orphan(i int, field string) storage.Conflict {
	return storage.Conflict{Index: i, Reason: storage.NoParent, Field: field}
}
func taken(i int, field string, by storage.ID) storage.Conflict {
	return storage.Conflict{Index: i, Reason: storage.KeyTaken, Field: field, Other: by}
}

// testConflicts: conflicts are data, one for each item, and the other items are
// written.
func testConflicts(w *world) {
	u, v := w.user(w.a, "u"), w.user(w.a, "v")
	fresh := func(login string) storage.User {
		return storage.User{ID: w.id("user"), Domain: w.a, Rev: 1, LoginKey: login}
	}
	one, two, twice := fresh("one"), fresh("two"), fresh("one")
	moved := u
	moved.Rev, moved.LoginKey = 2, "v"
	again := u
	again.LoginKey = "elsewhere"
	got := conflicts(w, users,
		put(one, 0),           // 0 is written
		put(again, 0),         // 1 exists
		put(moved, 1),         // 2 onto v's login
		put(v, 99),            // 3 stale
		put(twice, 0),         // 4 onto the login of item 0
		put(fresh("gone"), 5), // 5 is not there
		del(storage.User{ID: v.ID, Domain: w.a}, 98), // 6 stale
		put(two, 0), // 7 is written
	)
	require.Equal(w, []storage.Conflict{exists(1), taken(2, "login_key", v.ID), stale(3), taken(4, "login_key", one.ID), stale(5), stale(6)}, got, "conflicts of one call")
	us, err := w.other.UsersByLogin(w.ctx, w.a, []string{"u", "v", "one", "two", "elsewhere", "gone"})
	require.NoError(w, err)
	require.Len(w, us, 4, "what is not in conflict is written")

	g := w.group(w.a, "g")
	m := w.member(g, u)
	require.Equal(w, []storage.Conflict{exists(0), stale(1)}, conflicts(w, members, put(m, 0), put(m, 7)))
	require.Equal(w, []storage.Conflict{exists(1)}, conflicts(w, members, put(storage.Membership{Domain: w.a, Group: g.ID, User: v.ID, Rev: 1}, 0),
		put(storage.Membership{Domain: w.a, Group: g.ID, User: v.ID, Rev: 1}, 0)))
	require.Equal(w, []storage.Conflict{exists(0), stale(1)}, conflicts(w, groups, put(g, 0), del(g, 3)))
	require.Equal(w, []storage.Conflict{exists(0), stale(1)}, conflicts(w, domains, put(storage.Domain{ID: w.a, Rev: 9}, 0), put(storage.Domain{ID: w.a, Rev: 9}, 8)))

	d := storage.Device{ID: w.id("device"), Domain: w.a, User: u.ID, Rev: 1, Key: "phone"}
	change(w, devices, put(d, 0))
	same := d
	same.ID = w.id("device")
	require.Equal(w, []storage.Conflict{taken(0, "key", d.ID), stale(1), exists(2)}, conflicts(w, devices, put(same, 0), put(d, 4), put(d, 0)))

	r := storage.Record{Key: storage.Key{Kind: "k", Domain: w.a, ID: "1"}, Rev: 1, Data: []byte("{}")}
	change(w, records, put(r, 0))
	require.Equal(w, []storage.Conflict{exists(0), stale(1)}, conflicts(w, records, put(r, 0), del(r, 2)))

	e := storage.Event{ID: "e", Domain: w.a, Actor: "x", Rev: 1, Kind: "k", At: date(1), Data: []byte("{}")}
	change(w, events, put(e, 0))
	require.Equal(w, []storage.Conflict{exists(0), stale(1)}, conflicts(w, events, put(e, 0), put(e, 2)))

	c := storage.Content{ID: "c", Domain: w.a, Container: g.ID, Author: u.ID, Kind: storage.Message, At: date(1)}
	content(w, c)
	w.update(func(tx storage.Tx) {
		got, err := tx.InsertContent(w.ctx, []storage.Content{c})
		require.NoError(w, err)
		require.Equal(w, []storage.Conflict{exists(0)}, got)
	})
	require.Empty(w, conflicts[storage.User](w, users), "nothing is changed without conflict")
}

// testParents: new rows need parents that exist in their domain and are not
// being deleted; what is there already may be changed.
func testParents(w *world) {
	u, dead := w.user(w.a, "u"), w.user(w.a, "dead")
	g, deadGroup := w.group(w.a, "g"), w.group(w.a, "dead")
	far, farGroup := w.user(w.b, "far"), w.group(w.b, "far")
	old := w.member(deadGroup, dead)
	device := storage.Device{ID: w.id("device"), Domain: w.a, User: dead.ID, Rev: 1, Key: "k"}
	record := storage.Record{Key: storage.Key{Kind: "k", Domain: w.a, ID: "old"}, Owner: dead.ID, Rev: 1, Data: []byte("{}")}
	change(w, devices, put(device, 0))
	change(w, records, put(record, 0))
	dead.Rev, dead.Deleting, deadGroup.Rev, deadGroup.Deleting = 2, true, 2, true
	change(w, users, put(dead, 1))
	change(w, groups, put(deadGroup, 1))

	m := func(g, u storage.ID) storage.Write[storage.Membership] {
		return put(storage.Membership{Domain: w.a, Group: g, User: u, Rev: 1}, 0)
	}
	require.Equal(w, []storage.Conflict{orphan(0, "group"), orphan(1, "user"), orphan(2, "group"), orphan(3, "user"), orphan(4, "group"), orphan(5, "user")},
		conflicts(w, members, m("none", u.ID), m(g.ID, "none"), m(deadGroup.ID, u.ID), m(g.ID, dead.ID), m(farGroup.ID, u.ID), m(g.ID, far.ID)), "members of what is not there")
	d := func(u storage.ID) storage.Write[storage.Device] {
		return put(storage.Device{ID: w.id("device"), Domain: w.a, User: u, Rev: 1, Key: "n"}, 0)
	}
	require.Equal(w, []storage.Conflict{orphan(0, "user"), orphan(1, "user"), orphan(2, "user")}, conflicts(w, devices, d("none"), d(dead.ID), d(far.ID)))
	r := func(id string, owner storage.ID) storage.Write[storage.Record] {
		return put(storage.Record{Key: storage.Key{Kind: "k", Domain: w.a, ID: id}, Owner: owner, Rev: 1, Data: []byte("{}")}, 0)
	}
	require.Equal(w, []storage.Conflict{orphan(0, "owner"), orphan(1, "owner"), orphan(2, "owner"), orphan(3, "owner")},
		conflicts(w, records, r("1", "none"), r("2", dead.ID), r("3", deadGroup.ID), r("4", far.ID), r("5", u.ID), r("6", g.ID), r("7", device.ID), r("8", "")))
	w.update(func(tx storage.Tx) {
		// owners that the transaction has written itself are looked at in the
		// same way
		here, there, gone := storage.User{ID: w.id("user"), Domain: w.a, Rev: 1, LoginKey: "here"}, storage.User{ID: w.id("user"), Domain: w.b, Rev: 1, LoginKey: "there"},
			storage.User{ID: w.id("user"), Domain: w.a, Rev: 1, LoginKey: "gone", Deleting: true}
		cs, err := tx.ChangeUsers(w.ctx, []storage.Write[storage.User]{put(here, 0), put(there, 0), put(gone, 0)})
		require.NoError(w, err)
		require.Empty(w, cs)
		cs, err = tx.ChangeRecords(w.ctx, []storage.Write[storage.Record]{r("9", here.ID), r("10", there.ID), r("11", gone.ID)})
		require.NoError(w, err)
		require.Equal(w, []storage.Conflict{orphan(1, "owner"), orphan(2, "owner")}, cs, "owners of the same transaction")
		for id, owner := range inOrder(map[string]storage.ID{"12": there.ID, "13": gone.ID}) { // one alone
			cs, err = tx.ChangeRecords(w.ctx, []storage.Write[storage.Record]{r(id, owner)})
			require.NoError(w, err)
			require.Equal(w, []storage.Conflict{orphan(0, "owner")}, cs, "owners of the same transaction")
		}
	})
	require.Equal(w, []storage.Conflict{orphan(0, "domain")}, conflicts(w, users, put(storage.User{ID: w.id("user"), Domain: "none", Rev: 1, LoginKey: "x"}, 0)))
	require.Equal(w, []storage.Conflict{orphan(0, "domain")}, conflicts(w, groups, put(storage.Group{ID: w.id("group"), Domain: "none", Rev: 1}, 0)))

	chat := storage.Content{ID: "chat", Domain: w.a, Author: u.ID, Peer: u.ID, Kind: storage.Chat, At: date(1)}
	content(w, chat)
	msg := func(container, author storage.ID) storage.Content {
		return storage.Content{ID: w.id("msg"), Domain: w.a, Container: container, Author: author, Kind: storage.Message, At: date(1)}
	}
	w.update(func(tx storage.Tx) {
		got, err := tx.InsertContent(w.ctx, []storage.Content{msg("none", u.ID), msg(deadGroup.ID, u.ID), msg(g.ID, dead.ID), msg(g.ID, far.ID), msg(farGroup.ID, u.ID), msg(chat.ID, u.ID),
			{ID: "chat2", Domain: w.a, Author: u.ID, Peer: dead.ID, Kind: storage.Chat, At: date(1)}})
		require.NoError(w, err)
		require.Equal(w, []storage.Conflict{orphan(0, "container"), orphan(1, "container"), orphan(2, "author"), orphan(3, "author"), orphan(4, "container"), orphan(6, "peer")}, got)
	})

	old.Rev, device.Rev, record.Rev = 2, 2, 2
	change(w, members, put(old, 1))
	change(w, devices, put(device, 1))
	change(w, records, put(record, 1))
	change(w, members, del(old, 2))
}

// testIsolation: the ID of another domain behaves like one that does not exist.
func testIsolation(w *world) {
	u, g := w.user(w.a, "u"), w.group(w.a, "g")
	m := w.member(g, u)
	d := storage.Device{ID: w.id("device"), Domain: w.a, User: u.ID, Rev: 1, Key: "k"}
	change(w, devices, put(d, 0))
	e := storage.Event{ID: "e", Domain: w.a, Actor: "x", Rev: 1, Kind: "k", At: date(1), Data: []byte("{}")}
	change(w, events, put(e, 0))

	us, err := w.other.Users(w.ctx, w.b, []storage.ID{u.ID})
	require.NoError(w, err)
	require.Empty(w, us, "users of another domain")
	us, err = w.other.UsersByLogin(w.ctx, w.b, []string{"u"})
	require.NoError(w, err)
	require.Empty(w, us)
	gs, err := w.other.Groups(w.ctx, w.b, []storage.ID{g.ID})
	require.NoError(w, err)
	require.Empty(w, gs)
	ms, err := w.other.Memberships(w.ctx, w.b, []storage.Pair{{Group: g.ID, User: u.ID}})
	require.NoError(w, err)
	require.Empty(w, ms)
	ds, err := w.other.Devices(w.ctx, w.b, []storage.ID{d.ID})
	require.NoError(w, err)
	require.Empty(w, ds, "devices of another domain")
	p := storage.Page{Limit: 10}
	us, _, err = w.other.ListUsers(w.ctx, storage.UserQuery{Domain: w.b}, p)
	require.NoError(w, err)
	require.Empty(w, us)
	ms, _, err = w.other.ListMemberships(w.ctx, storage.MemberQuery{Domain: w.b, User: u.ID}, p)
	require.NoError(w, err)
	require.Empty(w, ms)
	es, _, err := w.other.ListEvents(w.ctx, storage.EventQuery{Domain: w.b}, p)
	require.NoError(w, err)
	require.Empty(w, es)

	u.Domain, g.Domain, m.Domain, d.Domain, e.Domain = w.b, w.b, w.b, w.b, w.b
	require.Equal(w, []storage.Conflict{stale(0), stale(1)}, conflicts(w, users, put(u, 1), del(u, 1)))
	require.Equal(w, []storage.Conflict{stale(0), stale(1)}, conflicts(w, groups, put(g, 1), del(g, 1)))
	require.Equal(w, []storage.Conflict{stale(0), stale(1)}, conflicts(w, members, put(m, 1), del(m, 1)))
	require.Equal(w, []storage.Conflict{stale(0), stale(1)}, conflicts(w, devices, put(d, 1), del(d, 1)))
	require.Equal(w, []storage.Conflict{stale(0), stale(1)}, conflicts(w, events, put(e, 1), del(e, 1)))
	require.Equal(w, []storage.Conflict{exists(0)}, conflicts(w, users, put(u, 0)), "an ID is unique over all domains")
}

func testValues(w *world) {
	long := strings.Repeat("ü", 120)
	u := storage.User{ID: storage.ID(strings.Repeat("x", 64)), Domain: w.a, Rev: 1 << 62, LoginKey: long, NameKey: "Ω \t\"'\\%_;--", Login: long, DisplayName: "👩‍👧 \u200d ñ",
		Title: strings.Repeat("t", 250), Attrs: []byte(`{"k":"` + strings.Repeat("v", 5000) + `"}`), Created: time.UnixMilli(1700000000999).UTC()}
	change(w, users, put(u, 0))
	got, err := w.other.UsersByLogin(w.ctx, w.a, []string{long})
	require.NoError(w, err)
	require.Equal(w, []storage.User{u}, got, "every value as it was written")
	for i, at := range []time.Time{{}, time.UnixMilli(0).UTC(), time.UnixMilli(1).UTC(), time.UnixMilli(-1).UTC(), time.UnixMilli(1799999999999).UTC(), date(0).In(time.FixedZone("x", 3600))} {
		r := storage.Record{Key: storage.Key{Kind: "time", Domain: w.a, ID: string(rune('a' + i))}, Due: at, Rev: 1, Data: []byte("{}")}
		change(w, records, put(r, 0))
		rs, err := w.other.Records(w.ctx, []storage.Key{r.Key})
		require.NoError(w, err)
		require.True(w, at.Equal(rs[0].Due), "%v is %v", at, rs[0].Due)
		require.Equal(w, at.IsZero(), rs[0].Due.IsZero())
	}
	big := storage.Record{Key: storage.Key{Kind: strings.Repeat("k", 64), Domain: w.a, ID: strings.Repeat("i", 200)}, Rev: 1, Data: []byte(`"` + strings.Repeat("d", 1<<20-2) + `"`)}
	change(w, records, put(big, 0))
	rs, err := w.other.Records(w.ctx, []storage.Key{big.Key})
	require.NoError(w, err)
	require.Equal(w, big.Data, rs[0].Data)
}
