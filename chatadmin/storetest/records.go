package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
)

func testRecords(w *world) {
	u, g := w.user(w.a, "u"), w.group(w.a, "g")
	key := func(kind string, domain chatadmin.ID, id string) chatadmin.Key {
		return chatadmin.Key{Kind: kind, Domain: domain, ID: id}
	}
	rs := []chatadmin.Record{
		{Key: key("k", w.a, "1"), Owner: u.ID, Due: date(9), Rev: 1, Data: []byte(`{"v":1}`)},
		{Key: key("k", w.b, "1"), Rev: 1, Data: []byte(`{}`)},
		{Key: key("k", "", "1"), Rev: 1, Data: []byte(`{}`)},
		{Key: key("other", w.a, "1"), Owner: g.ID, Rev: 1, Data: []byte(`{}`)},
	}
	var keys []chatadmin.Key
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
	require.Equal(w, []chatadmin.Record{now}, got)
	change(w, records, del(now, 2))
	got, err = w.other.Records(w.ctx, keys[:1])
	require.NoError(w, err)
	require.Empty(w, got)
}

func testRecordLists(w *world) {
	u := w.user(w.a, "u")
	for i, r := range []chatadmin.Record{
		{Key: chatadmin.Key{Kind: "k", Domain: w.a, ID: "b"}, Owner: u.ID, Due: date(3)},
		{Key: chatadmin.Key{Kind: "k", Domain: w.a, ID: "a"}, Due: date(3)},
		{Key: chatadmin.Key{Kind: "k", Domain: w.b, ID: "c"}, Due: date(1)},
		{Key: chatadmin.Key{Kind: "k", Domain: w.a, ID: "d"}},
		{Key: chatadmin.Key{Kind: "j", Domain: w.a, ID: "b"}, Owner: u.ID},
		{Key: chatadmin.Key{Kind: "k", Domain: w.b, ID: "b"}},
		{Key: chatadmin.Key{Kind: "j", Domain: w.a, ID: "z"}, Due: date(3)},
		{Key: chatadmin.Key{Kind: "k", ID: "e"}, Due: date(2)},
	} {
		r.Rev, r.Data = chatadmin.Rev(i+1), []byte("{}")
		change(w, records, put(r, 0))
	}
	for name, c := range map[string]struct {
		q    chatadmin.RecordQuery
		want []string
	}{
		"kind":            {chatadmin.RecordQuery{Kind: "k"}, []string{"a k domain-a", "b k domain-a", "b k domain-b", "c k domain-b", "d k domain-a", "e k "}},
		"kind and domain": {chatadmin.RecordQuery{Kind: "k", Domain: w.a}, []string{"a k domain-a", "b k domain-a", "d k domain-a"}},
		"domain":          {chatadmin.RecordQuery{Domain: w.a}, []string{"b j domain-a", "z j domain-a", "a k domain-a", "b k domain-a", "d k domain-a"}},
		"owner":           {chatadmin.RecordQuery{Domain: w.a, Owner: u.ID}, []string{"b j domain-a", "b k domain-a"}},
		"owners":          {chatadmin.RecordQuery{Domain: w.a, Owners: []chatadmin.ID{"none", u.ID}}, []string{"b j domain-a", "b k domain-a"}},
		"one owner":       {chatadmin.RecordQuery{Domain: w.a, Kind: "k", Owners: []chatadmin.ID{u.ID}}, []string{"b k domain-a"}},
		"owners there":    {chatadmin.RecordQuery{Domain: w.b, Owners: []chatadmin.ID{u.ID}}, nil},
		"other domain":    {chatadmin.RecordQuery{Domain: w.b, Owner: u.ID}, nil},
		"due":             {chatadmin.RecordQuery{Kind: "k", DueBy: date(3)}, []string{"c k domain-b", "e k ", "a k domain-a", "b k domain-a"}},
		"due earlier":     {chatadmin.RecordQuery{Kind: "k", DueBy: date(2)}, []string{"c k domain-b", "e k "}},
		"due of any kind": {chatadmin.RecordQuery{Domain: w.a, DueBy: date(3)}, []string{"z j domain-a", "a k domain-a", "b k domain-a"}},
		"due in a domain": {chatadmin.RecordQuery{Kind: "k", Domain: w.a, DueBy: date(100)}, []string{"a k domain-a", "b k domain-a"}},
	} {
		for _, limit := range []int{1, 100} {
			var got []string
			for _, r := range pages(w, limit, func(p chatadmin.Page) ([]chatadmin.Record, chatadmin.Cursor, error) {
				return w.other.ListRecords(w.ctx, c.q, p)
			}) {
				got = append(got, fmt.Sprintf("%s %s %s", r.ID, r.Kind, r.Domain))
			}
			require.Equal(w, c.want, got, name)
		}
	}
	for _, q := range []chatadmin.RecordQuery{{}, {Owner: u.ID}, {Owners: []chatadmin.ID{u.ID}}, {DueBy: date(1)}} {
		_, _, err := w.s.ListRecords(w.ctx, q, chatadmin.Page{Limit: 1})
		require.ErrorIs(w, err, chatadmin.ErrBatch)
	}
}

func testEvents(w *world) {
	e := chatadmin.Event{ID: "e1", Domain: w.a, Actor: "host", Rev: 1, Kind: "user.create", At: date(10), Targets: []chatadmin.ID{"u1", "u2"}, Data: []byte(`{"v":1}`)}
	change(w, events, put(e, 0),
		put(chatadmin.Event{ID: "e3", Domain: w.a, Actor: "x", Rev: 1, Kind: "user.edit", At: date(10), Targets: []chatadmin.ID{"u2"}, Data: []byte("{}")}, 0),
		put(chatadmin.Event{ID: "e2", Domain: w.a, Actor: "x", Rev: 1, Kind: "group.create", At: date(20), Targets: []chatadmin.ID{"g"}, Data: []byte("{}")}, 0),
		put(chatadmin.Event{ID: "e4", Domain: w.a, Actor: "x", Rev: 1, Kind: "users", At: date(5), Data: []byte("{}")}, 0),
		put(chatadmin.Event{ID: "e5", Domain: w.b, Actor: "x", Rev: 1, Kind: "user.create", At: date(15), Targets: []chatadmin.ID{"u1"}, Data: []byte("{}")}, 0))
	for name, c := range map[string]struct {
		q    chatadmin.EventQuery
		want []chatadmin.ID
	}{
		"newest first": {chatadmin.EventQuery{}, []chatadmin.ID{"e2", "e3", "e1", "e4"}},
		"actor":        {chatadmin.EventQuery{Actor: "x"}, []chatadmin.ID{"e2", "e3", "e4"}},
		"target":       {chatadmin.EventQuery{Target: "u2"}, []chatadmin.ID{"e3", "e1"}},
		"one target":   {chatadmin.EventQuery{Target: "u1"}, []chatadmin.ID{"e1"}},
		"targets":      {chatadmin.EventQuery{Targets: []chatadmin.ID{"u1", "none", "g", "u2", "u1"}}, []chatadmin.ID{"e2", "e3", "e1"}},
		"no target":    {chatadmin.EventQuery{Targets: []chatadmin.ID{"none", "U1", "u"}}, []chatadmin.ID{}},
		"targets, one": {chatadmin.EventQuery{Targets: []chatadmin.ID{"u1", "g"}, Target: "u2"}, []chatadmin.ID{"e1"}},
		"all, targets": {chatadmin.EventQuery{Actor: "x", Targets: []chatadmin.ID{"u1", "u2", "g"}, Kind: "user.", From: date(1), To: date(11)}, []chatadmin.ID{"e3"}},
		"kind":         {chatadmin.EventQuery{Kind: "user.edit"}, []chatadmin.ID{"e3"}},
		"kinds":        {chatadmin.EventQuery{Kind: "user."}, []chatadmin.ID{"e3", "e1"}},
		"time":         {chatadmin.EventQuery{From: date(10), To: date(20)}, []chatadmin.ID{"e3", "e1"}},
		"all":          {chatadmin.EventQuery{Actor: "host", Target: "u1", Kind: "user.", From: date(1), To: date(11)}, []chatadmin.ID{"e1"}},
	} {
		q := c.q
		q.Domain = w.a
		for _, limit := range []int{1, 100} {
			got := pages(w, limit, func(p chatadmin.Page) ([]chatadmin.Event, chatadmin.Cursor, error) {
				return w.other.ListEvents(w.ctx, q, p)
			})
			require.Equal(w, c.want, ids(got, eventID), name)
		}
	}
	many := make([]chatadmin.ID, chatadmin.MaxBatch+1)
	for i := range many {
		many[i] = chatadmin.ID(fmt.Sprint("target-", i))
	}
	many[chatadmin.MaxBatch-1] = "g"
	es, _, err := w.other.ListEvents(w.ctx, chatadmin.EventQuery{Domain: w.a, Targets: many[:chatadmin.MaxBatch]}, chatadmin.Page{Limit: 10})
	require.NoError(w, err)
	require.Equal(w, []chatadmin.ID{"e2"}, ids(es, eventID), "of many targets")
	_, _, err = w.other.ListEvents(w.ctx, chatadmin.EventQuery{Domain: w.a, Targets: many}, chatadmin.Page{Limit: 10})
	require.ErrorIs(w, err, chatadmin.ErrBatch, "too many targets")
	blank := chatadmin.Event{ID: "e1", Domain: w.a, Actor: "nobody", Rev: 2, Kind: "none", At: date(99), Data: []byte(`{"v":2}`)}
	change(w, events, put(blank, 1))
	got, _, err := w.other.ListEvents(w.ctx, chatadmin.EventQuery{Domain: w.a, Target: "u1"}, chatadmin.Page{Limit: 10})
	require.NoError(w, err)
	e.Rev, e.Data = 2, blank.Data
	require.Equal(w, []chatadmin.Event{e}, got, "only the data of an event is rewritten")
	change(w, events, del(e, 2))
	about := func(r chatadmin.Reader, target chatadmin.ID) []chatadmin.ID {
		es, _, err := r.ListEvents(w.ctx, chatadmin.EventQuery{Domain: w.a, Target: target}, chatadmin.Page{Limit: 10})
		require.NoError(w, err)
		return ids(es, eventID)
	}
	require.Empty(w, about(w.other, "u1"), "deleted")
	require.Equal(w, []chatadmin.ID{"e3"}, about(w.other, "u2"))
	e.At, e.Targets = date(30), []chatadmin.ID{"u2", "u3", "u2"}
	w.update(func(tx chatadmin.Tx) { // a call sees what it has written before
		short := e
		short.ID, short.Targets = "e6", []chatadmin.ID{"u3"}
		conflicts, err := tx.ChangeEvents(w.ctx, []chatadmin.Change[chatadmin.Event]{put(e, 0), put(short, 0), del(short, 2), del(e, 9)})
		require.NoError(w, err)
		require.Equal(w, []chatadmin.Conflict{stale(3)}, conflicts)
		require.Equal(w, []chatadmin.ID{"e1"}, about(tx, "u3"), "its own deletions")
		require.Equal(w, []chatadmin.ID{"e1", "e3"}, about(tx, "u2"))
	})
	require.Equal(w, []chatadmin.ID{"e1"}, about(w.other, "u3"), "made and deleted in one call")
	require.Empty(w, about(w.other, "u1"), "of what had the ID before")
}

func eventID(e chatadmin.Event) chatadmin.ID { return e.ID }

// testEventsAbout: the events of targets come page by page, each once, however
// many of the targets it has and whatever else narrows the list.
func testEventsAbout(w *world) {
	var rows []chatadmin.Change[chatadmin.Event]
	var about, edits []chatadmin.ID
	for n := range 300 {
		e := chatadmin.Event{ID: chatadmin.ID(fmt.Sprintf("e%03d", n)), Domain: w.a, Actor: "x", Rev: 1, Kind: "user.edit", At: date(n / 7), Data: []byte("{}")}
		for _, by := range []int{2, 3, 5} {
			if n%by == 0 {
				e.Targets = append(e.Targets, chatadmin.ID(fmt.Sprint("every-", by)))
			}
		}
		for i := range n % 5 / 4 * 40 { // some are about many
			e.Targets = append(e.Targets, chatadmin.ID(fmt.Sprint("many-", i)))
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
		for kind, want := range map[string][]chatadmin.ID{"": about, "user.edit": edits, "user.": edits} {
			q := chatadmin.EventQuery{Domain: w.a, Kind: kind, Targets: []chatadmin.ID{"every-2", "every-3"}}
			got := pages(w, limit, func(p chatadmin.Page) ([]chatadmin.Event, chatadmin.Cursor, error) {
				return w.other.ListEvents(w.ctx, q, p)
			})
			require.Equal(w, want, ids(got, eventID), "pages of %d, kind %q", limit, kind)
		}
	}
}
