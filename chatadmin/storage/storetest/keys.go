package storetest

import (
	"strings"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin/storage"
)

// testKeys: every key is compared as bytes: neither case, nor accents, nor
// blanks at the end are left out. The forms come in such an order that rows
// taken for equal would stand in another one, by their IDs.
func testKeys(w *world) {
	forms := []string{" resume", "resume ", "r\u00e9sum\u00e9", "re\u0301sume\u0301", "Resume", "resume"}
	for i, form := range forms {
		change(w, records, put(storage.Record{Key: storage.Key{Kind: "keys", Domain: w.a, ID: form}, Rev: 1, Data: []byte(form)}, 0),
			put(storage.Record{Key: storage.Key{Kind: form, Domain: w.a, ID: "keys"}, Rev: 1, Data: []byte(form)}, 0))
		u := w.user(w.a, "keys"+string(rune('0'+i)))
		u.Rev, u.Role, u.Department = 2, form, form
		change(w, users, put(u, 1))
		g := w.group(w.a, "keys"+string(rune('0'+i)))
		g.Rev, g.Name, g.NameKey = 2, form, form
		change(w, groups, put(g, 1))
		change(w, events, put(storage.Event{ID: w.id("event"), Domain: w.a, Actor: "x", Rev: 1, Kind: form, At: date(1), Data: []byte("{}")}, 0))
	}
	p := storage.Page{Limit: 100}
	for _, form := range forms {
		one := func(n int, err error) func(what string) {
			return func(what string) {
				w.Helper()
				require.NoError(w, err)
				require.Equal(w, 1, n, "%s %q", what, form)
			}
		}
		rs, err := w.other.Records(w.ctx, []storage.Key{{Kind: "keys", Domain: w.a, ID: form}})
		one(len(rs), err)("the ID of a record")
		require.Equal(w, form, string(rs[0].Data), "the ID of a record, as bytes")
		rs, _, err = w.other.ListRecords(w.ctx, storage.RecordQuery{Kind: form, Domain: w.a}, p)
		one(len(rs), err)("the kind of a record")
		us, _, err := w.other.ListUsers(w.ctx, storage.UserQuery{Domain: w.a, Role: form}, p)
		one(len(us), err)("the role")
		us, _, err = w.other.ListUsers(w.ctx, storage.UserQuery{Domain: w.a, Department: form}, p)
		one(len(us), err)("the department")
		es, _, err := w.other.ListEvents(w.ctx, storage.EventQuery{Domain: w.a, Kind: form}, p)
		one(len(es), err)("the kind of an event")
		require.Equal(w, form, es[0].Kind, "the kind of an event, as bytes")
		gs, _, err := w.other.ListGroups(w.ctx, storage.GroupQuery{Domain: w.a, Prefix: form}, p)
		require.NoError(w, err)
		for _, g := range gs {
			require.Equal(w, form, g.NameKey[:min(len(form), len(g.NameKey))], "groups whose names begin with %q", form)
		}
	}
	gs, _, err := w.other.ListGroups(w.ctx, storage.GroupQuery{Domain: w.a, Prefix: "r"}, p)
	require.NoError(w, err)
	names := make([]string, len(gs))
	for i, g := range gs {
		names[i] = g.NameKey
	}
	require.Equal(w, []string{"resume", "resume ", "re\u0301sume\u0301", "r\u00e9sum\u00e9"}, names, "groups by name, as bytes")
}

// testIDs: IDs that differ in case alone are different rows.
func testIDs(w *world) {
	small, big := w.user(w.a, "small"), w.user(w.a, "big")
	for _, id := range []storage.ID{"letter-x", "LETTER-X"} {
		owner := small.ID
		change(w, domains, put(storage.Domain{ID: id, Rev: 1, Name: string(id)}, 0))
		change(w, users, put(storage.User{ID: id, Domain: w.a, Rev: 1, LoginKey: "login of " + string(id)}, 0))
		change(w, groups, put(storage.Group{ID: id, Domain: w.a, Rev: 1, Name: string(id)}, 0))
		change(w, members, put(storage.Membership{Domain: w.a, Group: id, User: id, Rev: 1}, 0))
		if id == "LETTER-X" {
			owner = big.ID
		}
		change(w, devices, put(storage.Device{ID: id, Domain: w.a, User: owner, Rev: 1, Key: "phone"}, 0))
		change(w, records, put(storage.Record{Key: storage.Key{Kind: "ids", Domain: w.a, ID: string(id)}, Owner: id, Rev: 1, Data: []byte(id)}, 0))
		change(w, events, put(storage.Event{ID: id, Domain: w.a, Actor: id, Rev: 1, Kind: "ids", At: date(1), Targets: []storage.ID{id}, Data: []byte("{}")}, 0))
		content(w, storage.Content{ID: id, Container: id, Author: id, Kind: storage.Message, At: date(1)})
	}
	p := storage.Page{Limit: 10}
	for _, id := range []storage.ID{"letter-x", "LETTER-X", "Letter-X"} {
		one := []storage.ID{id}
		want := one
		if id == "Letter-X" {
			want = []storage.ID{}
		}
		same := func(what string, got []storage.ID, err error) {
			w.Helper()
			require.NoError(w, err)
			require.Equal(w, want, got, "%s by the ID %q", what, id)
		}
		ds, err := w.other.Domains(w.ctx, one)
		same("domains", ids(ds, func(d storage.Domain) storage.ID { return d.ID }), err)
		us, err := w.other.Users(w.ctx, w.a, one)
		same("users", ids(us, userID), err)
		gs, err := w.other.Groups(w.ctx, w.a, one)
		same("groups", ids(gs, groupID), err)
		ms, err := w.other.Memberships(w.ctx, w.a, []storage.Pair{{Group: id, User: id}})
		same("memberships", ids(ms, func(m storage.Membership) storage.ID { return m.User }), err)
		ms, _, err = w.other.ListMemberships(w.ctx, storage.MemberQuery{Domain: w.a, Group: id}, p)
		same("members of a group", ids(ms, func(m storage.Membership) storage.ID { return m.User }), err)
		vs, err := w.other.Devices(w.ctx, w.a, one)
		same("devices", ids(vs, func(d storage.Device) storage.ID { return d.ID }), err)
		rs, _, err := w.other.ListRecords(w.ctx, storage.RecordQuery{Domain: w.a, Owner: id}, p)
		same("records of an owner", ids(rs, func(r storage.Record) storage.ID { return storage.ID(r.ID) }), err)
		rs, err = w.other.Records(w.ctx, []storage.Key{{Kind: "ids", Domain: w.a, ID: string(id)}})
		same("records", ids(rs, func(r storage.Record) storage.ID { return storage.ID(r.ID) }), err)
		es, _, err := w.other.ListEvents(w.ctx, storage.EventQuery{Domain: w.a, Target: id}, p)
		same("events about a target", ids(es, eventID), err)
		es, _, err = w.other.ListEvents(w.ctx, storage.EventQuery{Domain: w.a, Actor: id}, p)
		same("events of an actor", ids(es, eventID), err)
		for what, q := range inOrder(map[string]storage.ContentQuery{"of an author": {Authors: one}, "in a container": {Containers: one}}) {
			q.Domain = w.a
			n, err := w.other.CountContent(w.ctx, q)
			require.NoError(w, err)
			require.EqualValues(w, len(want), n.Messages, "messages %s by the ID %q", what, id)
		}
	}
}

// brim is text of n bytes with characters of two, three and four bytes, and a
// last byte of its own: whatever cuts it is seen.
func brim(n int, last string) string {
	const chars = "\u00fc\u20ac\U0001f469"
	rest := n - len(last)
	return strings.Repeat(chars, rest/len(chars)) + strings.Repeat("x", rest%len(chars)) + last
}

// testLengths: every column holds what the table beside the rows says, and two
// keys that differ in their last byte alone are two.
func testLengths(w *world) {
	full := func(last string) storage.ID { return storage.ID(strings.Repeat("x", 63) + last) }
	data := func(n int) []byte { return []byte(`"` + strings.Repeat("d", n-2) + `"`) }
	const mib = 1 << 20
	change(w, domains, put(storage.Domain{ID: full("d"), Rev: 1, Name: brim(250, "1"), Data: data(mib)}, 0))
	ds, err := w.other.Domains(w.ctx, []storage.ID{full("d"), full("e")})
	require.NoError(w, err)
	require.Len(w, ds, 1)
	require.Equal(w, brim(250, "1"), ds[0].Name, "the name of a domain")
	require.Equal(w, data(mib), ds[0].Data, "the data of a domain")
	domain := ds[0].ID
	for _, n := range []string{"1", "2"} {
		id := full(n)
		u := storage.User{ID: id, Domain: domain, Manager: full("1"), Rev: 1, LoginKey: brim(762, n), NameKey: brim(762, n), Login: brim(254, n), Email: brim(254, n),
			DisplayName: brim(250, n), FirstName: brim(250, n), LastName: brim(250, n), Title: brim(250, n), Department: brim(250, n), Phone: brim(64, n),
			PhoneE164: brim(64, n), Role: brim(192, n), Kind: storage.Network, Status: storage.Active, Attrs: data(mib), Created: date(1)}
		change(w, users, put(u, 0))
		us, err := w.other.UsersByLogin(w.ctx, domain, []string{u.LoginKey})
		require.NoError(w, err)
		require.Equal(w, []storage.User{u}, us, "every column of a user")
		us, _, err = w.other.ListUsers(w.ctx, storage.UserQuery{Domain: domain, ByName: true, Prefix: u.NameKey, Department: u.Department, Role: u.Role}, storage.Page{Limit: 10})
		require.NoError(w, err)
		require.Equal(w, []storage.User{u}, us, "by the whole of its keys")
		g := storage.Group{ID: id, Domain: domain, Creator: id, Rev: 1, Name: brim(250, n), NameKey: brim(762, n), Data: data(mib)}
		change(w, groups, put(g, 0))
		gs, _, err := w.other.ListGroups(w.ctx, storage.GroupQuery{Domain: domain, Prefix: g.NameKey}, storage.Page{Limit: 10})
		require.NoError(w, err)
		require.Equal(w, []storage.Group{g}, gs, "every column of a group")
		w.member(g, u)
		d := storage.Device{ID: id, Domain: domain, User: full("1"), Rev: 1, Key: brim(128, n), Name: brim(128, n), Version: brim(128, n),
			Secret: []byte(strings.Repeat("\x00", 63) + n), Data: data(mib), LastSeen: date(2)}
		change(w, devices, put(d, 0))
		vs, _, err := w.other.ListDevices(w.ctx, storage.DeviceQuery{Domain: domain, Key: d.Key}, storage.Page{Limit: 10})
		require.NoError(w, err)
		require.Equal(w, []storage.Device{d}, vs, "every column of a device")
		r := storage.Record{Key: storage.Key{Kind: brim(64, n), Domain: domain, ID: brim(200, n)}, Owner: id, Due: date(1), Rev: 1, Data: data(mib)}
		change(w, records, put(r, 0))
		rs, err := w.other.Records(w.ctx, []storage.Key{r.Key})
		require.NoError(w, err)
		require.Equal(w, []storage.Record{r}, rs, "every column of a record")
		e := storage.Event{ID: id, Domain: domain, Actor: id, Rev: 1, Kind: brim(64, n), At: date(1), Targets: []storage.ID{full("1"), full("2")}, Data: data(8 * mib)}
		change(w, events, put(e, 0))
		es, _, err := w.other.ListEvents(w.ctx, storage.EventQuery{Domain: domain, Kind: e.Kind}, storage.Page{Limit: 10})
		require.NoError(w, err)
		require.Equal(w, []storage.Event{e}, es, "every column of an event")
		w.update(func(tx storage.Tx) {
			got, err := tx.InsertContent(w.ctx, []storage.Content{{ID: id, Domain: domain, Container: g.ID, Author: u.ID, Kind: storage.File, At: date(1), Blob: brim(1024, n)}})
			require.NoError(w, err)
			require.Empty(w, got)
		})
		blobs, err := w.other.BlobsInUse(w.ctx, []string{brim(1024, n), brim(1024, "3")})
		require.NoError(w, err)
		require.Equal(w, []string{brim(1024, n)}, blobs, "the blob of a file")
	}
}
