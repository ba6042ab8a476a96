package storetest

import (
	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin/storage"
)

func testDomains(w *world) {
	ds, err := w.other.Domains(w.ctx, []storage.ID{w.b, w.a, "none", w.a})
	require.NoError(w, err)
	names := map[string]bool{}
	for _, d := range ds {
		names[d.Name] = true
		require.NotZero(w, d.Fence, "a new domain has a fence")
	}
	require.Equal(w, map[string]bool{"domain-a": true, "domain-b": true}, names, "both domains, as another handle reads them")
	was := ds[0]

	now := was
	now.Rev, now.Name, now.Data, now.Fence = 7, "renamed", []byte(`{"x":1}`), 4711
	change(w, domains, put(now, was.Rev))
	ds, err = w.other.Domains(w.ctx, []storage.ID{was.ID})
	require.NoError(w, err)
	require.Equal(w, was.Fence, ds[0].Fence, "the fence is not written with the row")
	require.Equal(w, "renamed", ds[0].Name)
	require.JSONEq(w, `{"x":1}`, string(ds[0].Data))
	require.EqualValues(w, 7, ds[0].Rev)
	w.fenced(storage.Fence{Domain: was.ID, Mode: storage.Shared}, func(tx storage.Tx) {
		ds, err := tx.Domains(w.ctx, []storage.ID{was.ID})
		require.NoError(w, err)
		again := ds[0]
		again.Rev, again.Name = 8, "renamed again"
		cs, err := tx.ChangeDomains(w.ctx, []storage.Write[storage.Domain]{put(again, 7)})
		require.NoError(w, err)
		require.Empty(w, cs)
		ds, err = tx.Domains(w.ctx, []storage.ID{was.ID})
		require.NoError(w, err)
		require.Equal(w, "renamed again", ds[0].Name, "a domain changed behind its own fence")
	})

	w.domain(storage.Domain{ID: "domain-0", Rev: 1})
	list := pages(w, 2, func(p storage.Page) ([]storage.Domain, storage.Cursor, error) {
		return w.other.ListDomains(w.ctx, p)
	})
	require.Equal(w, []storage.ID{"domain-0", "domain-a", "domain-b"}, ids(list, func(d storage.Domain) storage.ID { return d.ID }))
	change(w, domains, del(storage.Domain{ID: "domain-0"}, 1))
	ds, err = w.other.Domains(w.ctx, []storage.ID{"domain-0"})
	require.NoError(w, err)
	require.Empty(w, ds)
}

func testUsers(w *world) {
	boss := w.user(w.a, "boss")
	u := storage.User{ID: w.id("user"), Domain: w.a, Manager: boss.ID, Rev: 5, LoginKey: "ann", NameKey: "ann example", Login: "Ann", Email: "ann@example.com",
		DisplayName: "Ann Example", FirstName: "Ann", LastName: "Example", Title: "Head", Department: "Sales", Phone: "+31 6", PhoneE164: "+316", Role: "admin",
		Kind: storage.Guest, Status: storage.Deactivated, Admin: true, Denied: true, Attrs: []byte(`{"v":1}`), Created: date(3)}
	change(w, users, put(u, 0))
	got, err := w.other.Users(w.ctx, w.a, []storage.ID{u.ID, "none"})
	require.NoError(w, err)
	require.Equal(w, []storage.User{u}, got)
	got, err = w.other.UsersByLogin(w.ctx, w.a, []string{"ann", "nobody"})
	require.NoError(w, err)
	require.Equal(w, []storage.User{u}, got)

	now := u
	now.Rev, now.LoginKey, now.Email, now.Manager, now.Attrs, now.Denied, now.Deleting = 6, "anna", "", "", nil, false, true
	change(w, users, put(now, 5))
	got, err = w.other.Users(w.ctx, w.a, []storage.ID{u.ID})
	require.NoError(w, err)
	require.Len(w, got, 1)
	require.Empty(w, got[0].Attrs)
	got[0].Attrs = nil
	require.Equal(w, now, got[0])
	got, err = w.other.UsersByLogin(w.ctx, w.a, []string{"ann"})
	require.NoError(w, err)
	require.Empty(w, got, "the old login is free")

	change(w, users, del(storage.User{ID: u.ID, Domain: w.a}, 6))
	got, err = w.other.UsersByLogin(w.ctx, w.a, []string{"anna"})
	require.NoError(w, err)
	require.Empty(w, got)
}

// testUserKeys: a store compares bytes; folding is the library's doing.
func testUserKeys(w *world) {
	keys := []string{"a", "A", "ä", "Ä", "a\u0308", "a ", " a", "z", "é", "%", "_", "a_"}
	for _, k := range keys {
		w.user(w.a, k)
	}
	for _, k := range keys {
		got, err := w.other.UsersByLogin(w.ctx, w.a, []string{k})
		require.NoError(w, err)
		require.Len(w, got, 1, "%q", k)
		require.Equal(w, k, got[0].LoginKey)
	}
	require.Empty(w, conflicts(w, users, put(storage.User{ID: w.id("user"), Domain: w.b, Rev: 1, LoginKey: "a"}, 0)), "a login is unique within its domain only")
}

func testUserLists(w *world) {
	boss := w.user(w.a, "m")
	g := w.group(w.a, "g")
	mk := func(login, name string, f func(*storage.User)) storage.User {
		u := storage.User{ID: w.id("user"), Domain: w.a, Rev: 1, LoginKey: login, NameKey: name, Role: "member", Kind: storage.Network, Status: storage.Active}
		f(&u)
		change(w, users, put(u, 0))
		return u
	}
	b := mk("b", "x", func(u *storage.User) { u.Status, u.Department = storage.Pending, "Sales" })
	a := mk("a", "y", func(u *storage.User) { u.Manager, u.Admin, u.Role = boss.ID, true, "admin" })
	ab := mk("ab", "x", func(u *storage.User) { u.Kind, u.Manager, u.Role = storage.Guest, boss.ID, "helper" })
	gone := mk("c", "c", func(u *storage.User) { u.Deleting = true })
	B := mk("B", "x_", func(u *storage.User) { u.Status = storage.Deactivated })
	w.user(w.b, "a")
	w.member(g, a)

	for name, c := range inOrder(map[string]struct {
		q    storage.UserQuery
		want []storage.User
	}{
		"by login":  {storage.UserQuery{}, []storage.User{B, a, ab, b, boss}},
		"by name":   {storage.UserQuery{ByName: true}, []storage.User{boss, b, ab, B, a}},
		"prefix":    {storage.UserQuery{Prefix: "a"}, []storage.User{a, ab}},
		"name":      {storage.UserQuery{ByName: true, Prefix: "x_"}, []storage.User{B}},
		"manager":   {storage.UserQuery{Manager: boss.ID}, []storage.User{a, ab}},
		"outside":   {storage.UserQuery{NotMemberOf: g.ID}, []storage.User{B, ab, b, boss}},
		"dept":      {storage.UserQuery{Department: "Sales"}, []storage.User{b}},
		"role":      {storage.UserQuery{Role: "helper"}, []storage.User{ab}},
		"admins":    {storage.UserQuery{AdminOnly: true}, []storage.User{a}},
		"deleting":  {storage.UserQuery{WithDeleting: true, Prefix: "c"}, []storage.User{gone}},
		"kind":      {storage.UserQuery{Kinds: []storage.Kind{storage.Guest}}, []storage.User{ab}},
		"statuses":  {storage.UserQuery{Statuses: []storage.Status{storage.Pending, storage.Deactivated}}, []storage.User{B, b}},
		"both":      {storage.UserQuery{Manager: boss.ID, Kinds: []storage.Kind{storage.Network}}, []storage.User{a}},
		"no such":   {storage.UserQuery{Prefix: "zz"}, nil},
		"metachars": {storage.UserQuery{Prefix: "%"}, nil},
	}) {
		q := c.q
		q.Domain = w.a
		for _, limit := range []int{1, 2, 100} {
			got := pages(w, limit, func(p storage.Page) ([]storage.User, storage.Cursor, error) {
				return w.other.ListUsers(w.ctx, q, p)
			})
			require.Equal(w, ids(c.want, userID), ids(got, userID), "%s, pages of %d", name, limit)
		}
		if !q.ByName {
			n, err := w.other.CountUsers(w.ctx, q)
			require.NoError(w, err)
			require.EqualValues(w, len(c.want), n, name)
		}
	}
}

func testGroups(w *world) {
	g := storage.Group{ID: w.id("group"), Domain: w.a, Creator: "somebody", Rev: 3, Name: "All", NameKey: "all", Default: true, Shipped: true, Data: []byte(`{"p":1}`)}
	change(w, groups, put(g, 0))
	got, err := w.other.Groups(w.ctx, w.a, []storage.ID{g.ID, "none"})
	require.NoError(w, err)
	require.Equal(w, []storage.Group{g}, got)
	b, a, same := w.group(w.a, "b"), w.group(w.a, "a"), w.group(w.a, "b")
	hidden := storage.Group{ID: w.id("group"), Domain: w.a, Rev: 1, NameKey: "h", Deleting: true}
	change(w, groups, put(hidden, 0))
	w.group(w.b, "other")
	for name, c := range inOrder(map[string]struct {
		q    storage.GroupQuery
		want []storage.Group
	}{
		"all":      {storage.GroupQuery{}, []storage.Group{a, g, b, same}},
		"prefix":   {storage.GroupQuery{Prefix: "a"}, []storage.Group{a, g}},
		"default":  {storage.GroupQuery{DefaultOnly: true}, []storage.Group{g}},
		"creator":  {storage.GroupQuery{Creator: "somebody"}, []storage.Group{g}},
		"deleting": {storage.GroupQuery{WithDeleting: true}, []storage.Group{a, g, b, same, hidden}},
	}) {
		q := c.q
		q.Domain = w.a
		for _, limit := range []int{1, 100} {
			got := pages(w, limit, func(p storage.Page) ([]storage.Group, storage.Cursor, error) {
				return w.other.ListGroups(w.ctx, q, p)
			})
			require.Equal(w, ids(c.want, groupID), ids(got, groupID), name)
		}
	}
	now := g
	now.Rev, now.Default, now.Deleting, now.Archived, now.Name = 4, false, true, true, "x"
	change(w, groups, put(now, 3))
	got, err = w.other.Groups(w.ctx, w.a, []storage.ID{g.ID})
	require.NoError(w, err)
	require.Equal(w, []storage.Group{now}, got)
	change(w, groups, del(g, 4))
}

func testMemberships(w *world) {
	g, h := w.group(w.a, "g"), w.group(w.a, "h")
	u, v := w.user(w.a, "u"), w.user(w.a, "v")
	m := storage.Membership{Domain: w.a, Group: g.ID, User: u.ID, Rev: 9, Admin: true}
	change(w, members, put(m, 0))
	w.member(g, v)
	w.member(h, u)
	got, err := w.other.Memberships(w.ctx, w.a, []storage.Pair{{Group: g.ID, User: u.ID}, {Group: h.ID, User: v.ID}})
	require.NoError(w, err)
	require.Equal(w, []storage.Membership{m}, got)
	list := func(q storage.MemberQuery) []storage.Pair {
		q.Domain = w.a
		var out []storage.Pair
		for _, m := range pages(w, 1, func(p storage.Page) ([]storage.Membership, storage.Cursor, error) {
			return w.other.ListMemberships(w.ctx, q, p)
		}) {
			out = append(out, storage.Pair{Group: m.Group, User: m.User})
		}
		n, err := w.other.CountMemberships(w.ctx, q)
		require.NoError(w, err)
		require.EqualValues(w, len(out), n)
		return out
	}
	require.Equal(w, []storage.Pair{{Group: g.ID, User: u.ID}, {Group: g.ID, User: v.ID}}, list(storage.MemberQuery{Group: g.ID}))
	require.Equal(w, []storage.Pair{{Group: g.ID, User: u.ID}, {Group: h.ID, User: u.ID}}, list(storage.MemberQuery{User: u.ID}))
	require.Equal(w, []storage.Pair{{Group: g.ID, User: u.ID}}, list(storage.MemberQuery{Group: g.ID, AdminOnly: true}))
	require.Equal(w, []storage.Pair{{Group: g.ID, User: u.ID}, {Group: g.ID, User: v.ID}, {Group: h.ID, User: u.ID}}, list(storage.MemberQuery{Groups: []storage.ID{h.ID, g.ID, "none"}}))
	require.Equal(w, []storage.Pair{{Group: h.ID, User: u.ID}}, list(storage.MemberQuery{Groups: []storage.ID{h.ID}}))
	each, err := w.other.CountMembers(w.ctx, w.a, []storage.ID{g.ID, h.ID})
	require.NoError(w, err)
	require.Equal(w, map[storage.ID]int64{g.ID: 2, h.ID: 1}, each)
	each, err = w.other.CountMembers(w.ctx, w.b, []storage.ID{g.ID})
	require.NoError(w, err)
	require.Zero(w, each[g.ID], "a group of another domain")
	n, err := w.other.CountMemberships(w.ctx, storage.MemberQuery{Domain: w.a})
	require.NoError(w, err)
	require.EqualValues(w, 3, n)
	m.Rev, m.Admin = 10, false
	change(w, members, put(m, 9))
	require.Empty(w, list(storage.MemberQuery{Group: g.ID, AdminOnly: true}))
	change(w, members, del(m, 10))
	require.Len(w, list(storage.MemberQuery{Group: g.ID}), 1)
}

func testAddMembers(w *world) {
	g := w.group(w.a, "g")
	var want []storage.ID
	for _, login := range []string{"e", "d", "c", "b", "a"} { // by ID, not by login
		want = append(want, w.user(w.a, login).ID)
	}
	w.user(w.b, "x")
	guest := storage.User{ID: w.id("user"), Domain: w.a, Rev: 1, LoginKey: "guest", Kind: storage.Guest, Status: storage.Active}
	gone := storage.User{ID: w.id("user"), Domain: w.a, Rev: 1, LoginKey: "gone", Kind: storage.Network, Status: storage.Active, Deleting: true}
	change(w, users, put(guest, 0), put(gone, 0))
	is := storage.Membership{Domain: w.a, Group: g.ID, User: want[1], Rev: 77, Admin: true}
	change(w, members, put(is, 0))

	var added []storage.ID
	p := storage.Page{Limit: 2}
	for range 10 {
		w.update(func(tx storage.Tx) {
			got, next, err := tx.AddMembers(w.ctx, storage.UserQuery{Domain: w.a, Kinds: []storage.Kind{storage.Network}}, storage.Membership{Domain: w.a, Group: g.ID, Rev: 5}, p)
			require.NoError(w, err)
			require.LessOrEqual(w, len(got), 2)
			added = append(added, got...)
			p.After = next
		})
		if p.After == "" {
			break
		}
	}
	require.Equal(w, []storage.ID{want[0], want[2], want[3], want[4]}, added, "who is added, by ID")
	ms, err := w.other.Memberships(w.ctx, w.a, []storage.Pair{{Group: g.ID, User: want[1]}, {Group: g.ID, User: guest.ID}, {Group: g.ID, User: gone.ID}})
	require.NoError(w, err)
	require.Equal(w, []storage.Membership{is}, ms, "who is a member already stays as they are")
	ms, err = w.other.Memberships(w.ctx, w.a, []storage.Pair{{Group: g.ID, User: want[4]}})
	require.NoError(w, err)
	require.Equal(w, []storage.Membership{{Domain: w.a, Group: g.ID, User: want[4], Rev: 5}}, ms)
	w.update(func(tx storage.Tx) {
		got, _, err := tx.AddMembers(w.ctx, storage.UserQuery{Domain: w.a, NotMemberOf: g.ID}, storage.Membership{Domain: w.a, Group: g.ID, Rev: 6}, storage.Page{Limit: 100})
		require.NoError(w, err)
		require.Equal(w, []storage.ID{guest.ID}, got)
	})
}

func testDevices(w *world) {
	u, v := w.user(w.a, "u"), w.user(w.a, "v")
	d := storage.Device{ID: w.id("device"), Domain: w.a, User: u.ID, Rev: 2, Key: "imei-1", Name: "Phone", Version: "1.2", Secret: []byte{0, 1, 255}, Data: []byte(`{"t":"x"}`),
		Type: 1, Status: 2, Generation: 3, LastSeen: date(5)}
	change(w, devices, put(d, 0))
	got, err := w.other.Devices(w.ctx, w.a, []storage.ID{d.ID, "none"})
	require.NoError(w, err)
	require.Equal(w, []storage.Device{d}, got)
	shared := storage.Device{ID: w.id("device"), Domain: w.a, User: v.ID, Rev: 1, Key: "imei-1", Type: 2, Status: 1}
	third := storage.Device{ID: w.id("device"), Domain: w.a, User: v.ID, Rev: 1, Key: "IMEI", Type: 2, Status: 2}
	change(w, devices, put(shared, 0), put(third, 0))
	for name, c := range inOrder(map[string]struct {
		q    storage.DeviceQuery
		want []storage.ID
	}{
		"all":    {storage.DeviceQuery{}, []storage.ID{third.ID, d.ID, shared.ID}},
		"user":   {storage.DeviceQuery{Users: []storage.ID{v.ID}}, []storage.ID{third.ID, shared.ID}},
		"users":  {storage.DeviceQuery{Users: []storage.ID{v.ID, "none", u.ID, v.ID}}, []storage.ID{third.ID, d.ID, shared.ID}},
		"theirs": {storage.DeviceQuery{Users: []storage.ID{v.ID}, Key: "imei-1"}, []storage.ID{shared.ID}},
		"both":   {storage.DeviceQuery{Users: []storage.ID{u.ID, v.ID}, Status: 2, Search: "imei"}, []storage.ID{third.ID, d.ID}},
		"key":    {storage.DeviceQuery{Key: "imei-1"}, []storage.ID{d.ID, shared.ID}},
		"status": {storage.DeviceQuery{Status: 2}, []storage.ID{third.ID, d.ID}},
		"type":   {storage.DeviceQuery{Type: 2, Status: 1}, []storage.ID{shared.ID}},
	}) {
		q := c.q
		q.Domain = w.a
		got := pages(w, 1, func(p storage.Page) ([]storage.Device, storage.Cursor, error) {
			return w.other.ListDevices(w.ctx, q, p)
		})
		require.Equal(w, c.want, ids(got, func(d storage.Device) storage.ID { return d.ID }), name)
	}
	d.Rev, d.Key, d.LastSeen = 3, "imei-2", date(6)
	change(w, devices, put(d, 2))
	change(w, devices, del(d, 3))
}
