package storetest

import (
	"fmt"
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
			require.Equal(w, c.want, ids(got, func(e chatadmin.Event) chatadmin.ID { return e.ID }), name)
		}
	}
	blank := chatadmin.Event{ID: "e1", Domain: w.a, Actor: "nobody", Rev: 2, Kind: "none", At: date(99), Data: []byte(`{"v":2}`)}
	change(w, events, put(blank, 1))
	got, _, err := w.other.ListEvents(w.ctx, chatadmin.EventQuery{Domain: w.a, Target: "u1"}, chatadmin.Page{Limit: 10})
	require.NoError(w, err)
	e.Rev, e.Data = 2, blank.Data
	require.Equal(w, []chatadmin.Event{e}, got, "only the data of an event is rewritten")
	change(w, events, del(e, 2))
}

// chats makes: a chat of u and v with a message of each and a file of v; in group g a message and a file of u, and a message of v.
func chats(w *world) (u, v chatadmin.User, g chatadmin.Group, chat chatadmin.ID) {
	u, v, g = w.user(w.a, "u"), w.user(w.a, "v"), w.group(w.a, "g")
	chat = w.id("chat")
	content(w, chatadmin.Content{ID: chat, Author: u.ID, Peer: v.ID, Kind: chatadmin.Chat, At: date(1)})
	content(w,
		chatadmin.Content{ID: "c1", Container: chat, Author: u.ID, Kind: chatadmin.Message, At: date(2)},
		chatadmin.Content{ID: "c2", Container: chat, Author: v.ID, Kind: chatadmin.Message, At: date(3)},
		chatadmin.Content{ID: "c3", Container: chat, Author: v.ID, Kind: chatadmin.File, At: date(4), Blob: "blob-c3"},
		chatadmin.Content{ID: "c4", Container: g.ID, Author: u.ID, Kind: chatadmin.Message, At: date(5)},
		chatadmin.Content{ID: "c5", Container: g.ID, Author: u.ID, Kind: chatadmin.File, At: date(6), Blob: "blob-c5"},
		chatadmin.Content{ID: "c6", Container: g.ID, Author: v.ID, Kind: chatadmin.Message, At: date(7)})
	return u, v, g, chat
}

func content(w *world, cs ...chatadmin.Content) {
	for i := range cs {
		cs[i].Domain = w.a
	}
	w.update(func(tx chatadmin.Tx) {
		conflicts, err := tx.InsertContent(w.ctx, cs)
		require.NoError(w, err)
		require.Empty(w, conflicts)
	})
}

func count(chats, messages, files int64) chatadmin.ContentCount {
	return chatadmin.ContentCount{Chats: chats, Messages: messages, Files: files}
}

func testContent(w *world) {
	u, v, g, chat := chats(w)
	one := func(id chatadmin.ID) []chatadmin.ID { return []chatadmin.ID{id} }
	for name, c := range map[string]struct {
		q    chatadmin.ContentQuery
		want chatadmin.ContentCount
	}{
		"group":               {chatadmin.ContentQuery{Containers: one(g.ID)}, count(0, 2, 1)},
		"chat":                {chatadmin.ContentQuery{Containers: one(chat)}, count(1, 2, 1)},
		"author":              {chatadmin.ContentQuery{Authors: one(u.ID)}, count(1, 2, 1)},
		"authors":             {chatadmin.ContentQuery{Authors: []chatadmin.ID{u.ID, v.ID}}, count(1, 4, 2)},
		"named twice":         {chatadmin.ContentQuery{Authors: []chatadmin.ID{u.ID, u.ID}}, count(1, 2, 1)},
		"chats of":            {chatadmin.ContentQuery{ChatsOf: one(u.ID)}, count(1, 2, 1)},
		"chats of the other":  {chatadmin.ContentQuery{ChatsOf: one(v.ID)}, count(1, 2, 1)},
		"author in a group":   {chatadmin.ContentQuery{Authors: one(u.ID), Containers: one(g.ID)}, count(0, 1, 1)},
		"author in chats":     {chatadmin.ContentQuery{Authors: one(v.ID), ChatsOf: one(u.ID)}, count(0, 1, 1)},
		"before":              {chatadmin.ContentQuery{Before: date(5)}, count(1, 2, 1)},
		"before, of v":        {chatadmin.ContentQuery{Before: date(7), Authors: one(v.ID)}, count(0, 1, 1)},
		"but a container":     {chatadmin.ContentQuery{Before: date(99), ExceptContainers: one(chat)}, count(0, 2, 1)},
		"but an author":       {chatadmin.ContentQuery{Before: date(99), ExceptAuthors: one(u.ID)}, count(0, 2, 1)},
		"author but the chat": {chatadmin.ContentQuery{Authors: one(u.ID), ExceptContainers: one(chat)}, count(0, 1, 1)},
		"nobody":              {chatadmin.ContentQuery{Authors: one("nobody")}, count(0, 0, 0)},
	} {
		q := c.q
		q.Domain = w.a
		n, err := w.other.CountContent(w.ctx, q)
		require.NoError(w, err)
		require.Equal(w, c.want, n, name)
		q.Domain = w.b
		n, err = w.other.CountContent(w.ctx, q)
		require.NoError(w, err)
		require.Zero(w, n, "%s, in another domain", name)
	}
	for _, q := range []chatadmin.ContentQuery{{Domain: w.a}, {Domain: w.a, ExceptAuthors: one(u.ID)}} {
		_, err := w.s.CountContent(w.ctx, q)
		require.ErrorIs(w, err, chatadmin.ErrBatch)
	}
}

func testDeleteContent(w *world) {
	u, v, g, chat := chats(w)
	var blobs []string
	sum := chatadmin.ContentCount{}
	chatLast := false
	p := chatadmin.Page{Limit: 1}
	for range 20 {
		var n chatadmin.ContentCount
		w.update(func(tx chatadmin.Tx) {
			var keys []string
			var err error
			n, keys, p.After, err = tx.DeleteContent(w.ctx, chatadmin.ContentQuery{Domain: w.a, ChatsOf: []chatadmin.ID{v.ID}}, p)
			require.NoError(w, err)
			blobs = append(blobs, keys...)
		})
		require.LessOrEqual(w, n.Chats+n.Messages+n.Files, int64(1))
		sum.Chats, sum.Messages, sum.Files = sum.Chats+n.Chats, sum.Messages+n.Messages, sum.Files+n.Files
		if n.Chats > 0 {
			chatLast = sum.Messages == 2 && sum.Files == 1
		}
		if p.After == "" {
			break
		}
	}
	require.Equal(w, count(1, 2, 1), sum)
	require.True(w, chatLast, "what lies in a chat goes before the chat")
	require.Equal(w, []string{"blob-c3"}, blobs)
	n, err := w.other.CountContent(w.ctx, chatadmin.ContentQuery{Domain: w.a, Containers: []chatadmin.ID{chat, g.ID}})
	require.NoError(w, err)
	require.Equal(w, count(0, 2, 1), n)
	w.update(func(tx chatadmin.Tx) {
		n, keys, next, err := tx.DeleteContent(w.ctx, chatadmin.ContentQuery{Domain: w.a, Before: date(99), ExceptAuthors: []chatadmin.ID{u.ID}}, chatadmin.Page{Limit: 100})
		require.NoError(w, err)
		require.Equal(w, count(0, 1, 0), n)
		require.Empty(w, keys)
		require.Empty(w, next)
		n, keys, _, err = tx.DeleteContent(w.ctx, chatadmin.ContentQuery{Domain: w.a, Containers: []chatadmin.ID{g.ID}}, chatadmin.Page{Limit: 100})
		require.NoError(w, err)
		require.Equal(w, count(0, 1, 1), n)
		require.Equal(w, []string{"blob-c5"}, keys)
	})
}

// What users have written goes in pages of every size: messages and files that come by turns, or after each other.
func testDeleteContentOfUsers(w *world) {
	const others = 3
	g := w.group(w.a, "g")
	stays := w.user(w.a, "stays")
	written := chatadmin.ContentQuery{Domain: w.a, Authors: []chatadmin.ID{stays.ID}}
	for i, limit := range []int{1, 7, 10, 50, 200} {
		var q chatadmin.ContentQuery
		q.Domain = w.a
		for n := range 1 + i%2 {
			q.Authors = append(q.Authors, w.user(w.a, fmt.Sprintf("goes%d-%d", limit, n)).ID)
		}
		want, keys := chatadmin.ContentCount{}, map[string]int{}
		var rows []chatadmin.Content
		for n := range 120 {
			c := chatadmin.Content{ID: w.id("c"), Container: g.ID, Author: q.Authors[n%len(q.Authors)], Kind: chatadmin.Message, At: date(1)}
			switch {
			case n%10 == others:
				c.Author = stays.ID
			case n >= 40 && n < 55 || n >= 55 && n%4 == 0 || n >= 110: // messages alone, then files alone, then by turns, then files again
				c.Kind, c.Blob = chatadmin.File, "blob-"+string(c.ID)
				keys[c.Blob]++
				want.Files++
			default:
				want.Messages++
			}
			rows = append(rows, c)
		}
		content(w, rows...)
		before, err := w.other.CountContent(w.ctx, written)
		require.NoError(w, err)
		var sum chatadmin.ContentCount
		p := chatadmin.Page{Limit: limit}
		for range 121 {
			w.update(func(tx chatadmin.Tx) {
				n, blobs, next, err := tx.DeleteContent(w.ctx, q, p)
				require.NoError(w, err)
				require.LessOrEqual(w, n.Chats+n.Messages+n.Files, int64(limit))
				sum.Chats, sum.Messages, sum.Files, p.After = sum.Chats+n.Chats, sum.Messages+n.Messages, sum.Files+n.Files, next
				require.Len(w, blobs, int(n.Files), "a key for each file")
				for _, key := range blobs {
					keys[key]--
				}
			})
			if p.After == "" {
				break
			}
		}
		require.Equal(w, want, sum, "pages of %d", limit)
		for key, n := range keys {
			require.Zero(w, n, key)
		}
		left, err := w.other.CountContent(w.ctx, q)
		require.NoError(w, err)
		require.Zero(w, left)
		after, err := w.other.CountContent(w.ctx, written)
		require.NoError(w, err)
		require.Equal(w, before, after, "of others")
	}
}
