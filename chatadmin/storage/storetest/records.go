package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin/storage"
)

func testRecords(w *world) {
	u, g := w.user(w.a, "u"), w.group(w.a, "g")
	key := func(kind string, domain storage.ID, id string) storage.Key {
		return storage.Key{Kind: kind, Domain: domain, ID: id}
	}
	rs := []storage.Record{
		{Key: key("k", w.a, "1"), Owner: u.ID, Due: date(9), Rev: 1, Data: []byte(`{"v":1}`)},
		{Key: key("k", w.b, "1"), Rev: 1, Data: []byte(`{}`)},
		{Key: key("k", "", "1"), Rev: 1, Data: []byte(`{}`)},
		{Key: key("other", w.a, "1"), Owner: g.ID, Rev: 1, Data: []byte(`{}`)},
	}
	var keys []storage.Key
	for _, r := range rs {
		change(w, records, put(r, 0))
		keys = append(keys, r.Key)
	}
	got, err := w.other.Records(w.ctx, append(keys, key("k", w.a, "2")))
	require.NoError(w, err)
	require.ElementsMatch(w, rs, got, "records of several kinds and domains")
	now := rs[0]
	now.Rev, now.Due, now.Owner, now.Data = 2, time.Time{}, "", []byte(`[]`)
	change(w, records, put(now, 1))
	got, err = w.other.Records(w.ctx, keys[:1])
	require.NoError(w, err)
	require.Equal(w, []storage.Record{now}, got)
	change(w, records, del(now, 2))
	got, err = w.other.Records(w.ctx, keys[:1])
	require.NoError(w, err)
	require.Empty(w, got)
}

func testRecordLists(w *world) {
	u := w.user(w.a, "u")
	for i, r := range []storage.Record{
		{Key: storage.Key{Kind: "k", Domain: w.a, ID: "b"}, Owner: u.ID, Due: date(3)},
		{Key: storage.Key{Kind: "k", Domain: w.a, ID: "a"}, Due: date(3)},
		{Key: storage.Key{Kind: "k", Domain: w.b, ID: "c"}, Due: date(1)},
		{Key: storage.Key{Kind: "k", Domain: w.a, ID: "d"}},
		{Key: storage.Key{Kind: "j", Domain: w.a, ID: "b"}, Owner: u.ID},
		{Key: storage.Key{Kind: "k", Domain: w.b, ID: "b"}},
		{Key: storage.Key{Kind: "j", Domain: w.a, ID: "z"}, Due: date(3)},
		{Key: storage.Key{Kind: "k", ID: "e"}, Due: date(2)},
	} {
		r.Rev, r.Data = storage.Rev(i+1), []byte("{}")
		change(w, records, put(r, 0))
	}
	for name, c := range inOrder(map[string]struct {
		q    storage.RecordQuery
		want []string
	}{
		"kind":            {storage.RecordQuery{Kind: "k"}, []string{"a k domain-a", "b k domain-a", "b k domain-b", "c k domain-b", "d k domain-a", "e k "}},
		"kind and domain": {storage.RecordQuery{Kind: "k", Domain: w.a}, []string{"a k domain-a", "b k domain-a", "d k domain-a"}},
		"domain":          {storage.RecordQuery{Domain: w.a}, []string{"b j domain-a", "z j domain-a", "a k domain-a", "b k domain-a", "d k domain-a"}},
		"owner":           {storage.RecordQuery{Domain: w.a, Owner: u.ID}, []string{"b j domain-a", "b k domain-a"}},
		"owners":          {storage.RecordQuery{Domain: w.a, Owners: []storage.ID{"none", u.ID}}, []string{"b j domain-a", "b k domain-a"}},
		"one owner":       {storage.RecordQuery{Domain: w.a, Kind: "k", Owners: []storage.ID{u.ID}}, []string{"b k domain-a"}},
		"owners there":    {storage.RecordQuery{Domain: w.b, Owners: []storage.ID{u.ID}}, nil},
		"other domain":    {storage.RecordQuery{Domain: w.b, Owner: u.ID}, nil},
		"due":             {storage.RecordQuery{Kind: "k", DueBy: date(3)}, []string{"c k domain-b", "e k ", "a k domain-a", "b k domain-a"}},
		"due earlier":     {storage.RecordQuery{Kind: "k", DueBy: date(2)}, []string{"c k domain-b", "e k "}},
		"due of any kind": {storage.RecordQuery{Domain: w.a, DueBy: date(3)}, []string{"z j domain-a", "a k domain-a", "b k domain-a"}},
		"due in a domain": {storage.RecordQuery{Kind: "k", Domain: w.a, DueBy: date(100)}, []string{"a k domain-a", "b k domain-a"}},
	}) {
		for _, limit := range []int{1, 100} {
			var got []string
			for _, r := range pages(w, limit, func(p storage.Page) ([]storage.Record, storage.Cursor, error) {
				return w.other.ListRecords(w.ctx, c.q, p)
			}) {
				got = append(got, fmt.Sprintf("%s %s %s", r.ID, r.Kind, r.Domain))
			}
			require.Equal(w, c.want, got, name)
		}
	}
	for _, q := range []storage.RecordQuery{{}, {Owner: u.ID}, {Owners: []storage.ID{u.ID}}, {DueBy: date(1)}} {
		_, _, err := w.s.ListRecords(w.ctx, q, storage.Page{Limit: 1})
		require.ErrorIs(w, err, storage.ErrBatch)
	}
}

func testEvents(w *world) {
	e := storage.Event{ID: "e1", Domain: w.a, Actor: "host", Rev: 1, Kind: "user.create", At: date(10), Targets: []storage.ID{"u1", "u2"}, Data: []byte(`{"v":1}`)}
	change(w, events, put(e, 0),
		put(storage.Event{ID: "e3", Domain: w.a, Actor: "x", Rev: 1, Kind: "user.edit", At: date(10), Targets: []storage.ID{"u2"}, Data: []byte("{}")}, 0),
		put(storage.Event{ID: "e2", Domain: w.a, Actor: "x", Rev: 1, Kind: "group.create", At: date(20), Targets: []storage.ID{"g"}, Data: []byte("{}")}, 0),
		put(storage.Event{ID: "e4", Domain: w.a, Actor: "x", Rev: 1, Kind: "users", At: date(5), Data: []byte("{}")}, 0),
		put(storage.Event{ID: "e5", Domain: w.b, Actor: "x", Rev: 1, Kind: "user.create", At: date(15), Targets: []storage.ID{"u1"}, Data: []byte("{}")}, 0))
	for name, c := range inOrder(map[string]struct {
		q    storage.EventQuery
		want []storage.ID
	}{
		"newest first": {storage.EventQuery{}, []storage.ID{"e2", "e3", "e1", "e4"}},
		"actor":        {storage.EventQuery{Actor: "x"}, []storage.ID{"e2", "e3", "e4"}},
		"target":       {storage.EventQuery{Target: "u2"}, []storage.ID{"e3", "e1"}},
		"one target":   {storage.EventQuery{Target: "u1"}, []storage.ID{"e1"}},
		"targets":      {storage.EventQuery{Targets: []storage.ID{"u1", "none", "g", "u2", "u1"}}, []storage.ID{"e2", "e3", "e1"}},
		"no target":    {storage.EventQuery{Targets: []storage.ID{"none", "U1", "u"}}, []storage.ID{}},
		"targets, one": {storage.EventQuery{Targets: []storage.ID{"u1", "g"}, Target: "u2"}, []storage.ID{"e1"}},
		"all, targets": {storage.EventQuery{Actor: "x", Targets: []storage.ID{"u1", "u2", "g"}, Kind: "user.", From: date(1), To: date(11)}, []storage.ID{"e3"}},
		"kind":         {storage.EventQuery{Kind: "user.edit"}, []storage.ID{"e3"}},
		"kinds":        {storage.EventQuery{Kind: "user."}, []storage.ID{"e3", "e1"}},
		"time":         {storage.EventQuery{From: date(10), To: date(20)}, []storage.ID{"e3", "e1"}},
		"all":          {storage.EventQuery{Actor: "host", Target: "u1", Kind: "user.", From: date(1), To: date(11)}, []storage.ID{"e1"}},
	}) {
		q := c.q
		q.Domain = w.a
		for _, limit := range []int{1, 100} {
			got := pages(w, limit, func(p storage.Page) ([]storage.Event, storage.Cursor, error) {
				return w.other.ListEvents(w.ctx, q, p)
			})
			require.Equal(w, c.want, ids(got, eventID), name)
		}
	}
	many := make([]storage.ID, storage.MaxBatch+1)
	for i := range many {
		many[i] = storage.ID(fmt.Sprint("target-", i))
	}
	many[storage.MaxBatch-1] = "g"
	es, _, err := w.other.ListEvents(w.ctx, storage.EventQuery{Domain: w.a, Targets: many[:storage.MaxBatch]}, storage.Page{Limit: 10})
	require.NoError(w, err)
	require.Equal(w, []storage.ID{"e2"}, ids(es, eventID), "of many targets")
	_, _, err = w.other.ListEvents(w.ctx, storage.EventQuery{Domain: w.a, Targets: many}, storage.Page{Limit: 10})
	require.ErrorIs(w, err, storage.ErrBatch, "too many targets")
	blank := storage.Event{ID: "e1", Domain: w.a, Actor: "nobody", Rev: 2, Kind: "none", At: date(99), Data: []byte(`{"v":2}`)}
	change(w, events, put(blank, 1))
	got, _, err := w.other.ListEvents(w.ctx, storage.EventQuery{Domain: w.a, Target: "u1"}, storage.Page{Limit: 10})
	require.NoError(w, err)
	e.Rev, e.Data = 2, blank.Data
	require.Equal(w, []storage.Event{e}, got, "only the data of an event is rewritten")
	change(w, events, del(e, 2))
	about := func(r storage.Reader, target storage.ID) []storage.ID {
		es, _, err := r.ListEvents(w.ctx, storage.EventQuery{Domain: w.a, Target: target}, storage.Page{Limit: 10})
		require.NoError(w, err)
		return ids(es, eventID)
	}
	require.Empty(w, about(w.other, "u1"), "deleted")
	require.Equal(w, []storage.ID{"e3"}, about(w.other, "u2"))
	e.At, e.Targets = date(30), []storage.ID{"u2", "u3", "u2"}
	w.update(func(tx storage.Tx) { // a call sees what it has written before
		short := e
		short.ID, short.Targets = "e6", []storage.ID{"u3"}
		conflicts, err := tx.ChangeEvents(w.ctx, []storage.Write[storage.Event]{put(e, 0), put(short, 0), del(short, 2), del(e, 9)})
		require.NoError(w, err)
		require.Equal(w, []storage.Conflict{stale(3)}, conflicts)
		require.Equal(w, []storage.ID{"e1"}, about(tx, "u3"), "its own deletions")
		require.Equal(w, []storage.ID{"e1", "e3"}, about(tx, "u2"))
	})
	require.Equal(w, []storage.ID{"e1"}, about(w.other, "u3"), "made and deleted in one call")
	require.Empty(w, about(w.other, "u1"), "of what had the ID before")
}

func eventID(e storage.Event) storage.ID { return e.ID }

// testEventsAbout: the events of targets come page by page, each once, however
// many of the targets it has and whatever else narrows the list.
func testEventsAbout(w *world) {
	var rows []storage.Write[storage.Event]
	var about, edits []storage.ID
	for n := range 300 {
		e := storage.Event{ID: storage.ID(fmt.Sprintf("e%03d", n)), Domain: w.a, Actor: "x", Rev: 1, Kind: "user.edit", At: date(n / 7), Data: []byte("{}")}
		for _, by := range []int{2, 3, 5} {
			if n%by == 0 {
				e.Targets = append(e.Targets, storage.ID(fmt.Sprint("every-", by)))
			}
		}
		for i := range n % 5 / 4 * 40 { // some are about many
			e.Targets = append(e.Targets, storage.ID(fmt.Sprint("many-", i)))
		}
		if n%4 == 0 {
			e.Kind = "group.edit"
		}
		if n%2 == 0 || n%3 == 0 {
			about = append(about, e.ID)
			if n%4 != 0 {
				edits = append(edits, e.ID)
			}
		}
		rows = append(rows, put(e, 0))
	}
	change(w, events, rows...)
	slices.Reverse(about)
	slices.Reverse(edits)
	for _, limit := range []int{1, 7, 100, 1000} {
		for kind, want := range inOrder(map[string][]storage.ID{"": about, "user.edit": edits, "user.": edits}) {
			q := storage.EventQuery{Domain: w.a, Kind: kind, Targets: []storage.ID{"every-2", "every-3"}}
			got := pages(w, limit, func(p storage.Page) ([]storage.Event, storage.Cursor, error) {
				return w.other.ListEvents(w.ctx, q, p)
			})
			require.Equal(w, want, ids(got, eventID), "pages of %d, kind %q", limit, kind)
		}
	}
}
