package storetest

import (
	"fmt"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin/storage"
)

// chats makes: a chat of u and v with a message of each and a file of v; in
// group g a message and a file of u, and a message of v.
func chats(w *world) (u, v storage.User, g storage.Group, chat storage.ID) {
	u, v, g = w.user(w.a, "u"), w.user(w.a, "v"), w.group(w.a, "g")
	chat = w.id("chat")
	written(w, u, v, g, chat)
	return u, v, g, chat
}

// written makes what chats says.
func written(w *world, u, v storage.User, g storage.Group, chat storage.ID) {
	content(w, storage.Content{ID: chat, Author: u.ID, Peer: v.ID, Kind: storage.Chat, At: date(1)})
	content(w,
		storage.Content{ID: "c1", Container: chat, Author: u.ID, Kind: storage.Message, At: date(2)},
		storage.Content{ID: "c2", Container: chat, Author: v.ID, Kind: storage.Message, At: date(3)},
		storage.Content{ID: "c3", Container: chat, Author: v.ID, Kind: storage.File, At: date(4), Blob: "blob-c3"},
		storage.Content{ID: "c4", Container: g.ID, Author: u.ID, Kind: storage.Message, At: date(5)},
		storage.Content{ID: "c5", Container: g.ID, Author: u.ID, Kind: storage.File, At: date(6), Blob: "blob-c5"},
		storage.Content{ID: "c6", Container: g.ID, Author: v.ID, Kind: storage.Message, At: date(7)})
}

func content(w *world, cs ...storage.Content) {
	for i := range cs {
		cs[i].Domain = w.a
	}
	w.update(func(tx storage.Tx) {
		conflicts, err := tx.InsertContent(w.ctx, cs)
		require.NoError(w, err)
		require.Empty(w, conflicts)
	})
}

func count(chats, messages, files int64) storage.ContentCount {
	return storage.ContentCount{Chats: chats, Messages: messages, Files: files}
}

func testContent(w *world) {
	u, v, g, chat := chats(w)
	one := func(id storage.ID) []storage.ID { return []storage.ID{id} }
	for name, c := range inOrder(map[string]struct {
		q    storage.ContentQuery
		want storage.ContentCount
	}{
		"group":               {storage.ContentQuery{Containers: one(g.ID)}, count(0, 2, 1)},
		"chat":                {storage.ContentQuery{Containers: one(chat)}, count(1, 2, 1)},
		"author":              {storage.ContentQuery{Authors: one(u.ID)}, count(1, 2, 1)},
		"authors":             {storage.ContentQuery{Authors: []storage.ID{u.ID, v.ID}}, count(1, 4, 2)},
		"named twice":         {storage.ContentQuery{Authors: []storage.ID{u.ID, u.ID}}, count(1, 2, 1)},
		"chats of":            {storage.ContentQuery{ChatsOf: one(u.ID)}, count(1, 2, 1)},
		"chats of the other":  {storage.ContentQuery{ChatsOf: one(v.ID)}, count(1, 2, 1)},
		"author in a group":   {storage.ContentQuery{Authors: one(u.ID), Containers: one(g.ID)}, count(0, 1, 1)},
		"author in chats":     {storage.ContentQuery{Authors: one(v.ID), ChatsOf: one(u.ID)}, count(0, 1, 1)},
		"before":              {storage.ContentQuery{Before: date(5)}, count(0, 2, 1)},
		"before, of v":        {storage.ContentQuery{Before: date(7), Authors: one(v.ID)}, count(0, 1, 1)},
		"but a container":     {storage.ContentQuery{Before: date(99), ExceptContainers: one(chat)}, count(0, 2, 1)},
		"all but u":           {storage.ContentQuery{Before: date(99), ExceptUsers: one(u.ID)}, count(0, 1, 0)},
		"all but v":           {storage.ContentQuery{Before: date(99), ExceptUsers: one(v.ID)}, count(0, 1, 1)},
		"chats of u but v":    {storage.ContentQuery{ChatsOf: one(u.ID), ExceptUsers: one(v.ID)}, count(0, 0, 0)},
		"of u but v":          {storage.ContentQuery{Authors: one(u.ID), ExceptUsers: one(v.ID)}, count(0, 1, 1)},
		"author but the chat": {storage.ContentQuery{Authors: one(u.ID), ExceptContainers: one(chat)}, count(0, 1, 1)},
		"all":                 {storage.ContentQuery{All: true}, count(1, 4, 2)},
		"all, but a group":    {storage.ContentQuery{All: true, ExceptContainers: one(g.ID)}, count(1, 2, 1)},
		"all of v":            {storage.ContentQuery{All: true, Authors: one(v.ID)}, count(0, 2, 1)},
		"all before":          {storage.ContentQuery{All: true, Before: date(5)}, count(0, 2, 1)},
		"nobody":              {storage.ContentQuery{Authors: one("nobody")}, count(0, 0, 0)},
	}) {
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
	many := append(make([]storage.ID, 0, storage.MaxBulk+1), u.ID)
	for i := 1; i < storage.MaxBulk; i++ {
		many = append(many, storage.ID(fmt.Sprint("nobody-", i)))
	}
	n, err := w.s.CountContent(w.ctx, storage.ContentQuery{Domain: w.a, Before: date(99), ExceptUsers: many, ExceptContainers: many})
	require.NoError(w, err)
	require.Equal(w, count(0, 1, 0), n, "many legal holds")
	many = append(many, "one too many")
	for _, q := range []storage.ContentQuery{{Domain: w.a}, {Domain: w.a, ExceptUsers: one(u.ID)}, {Domain: w.a, Before: date(99), ExceptUsers: many}, {Domain: w.a, Before: date(99), ExceptContainers: many}} {
		_, err := w.s.CountContent(w.ctx, q)
		require.ErrorIs(w, err, storage.ErrBatch)
	}
}

func testDeleteContent(w *world) {
	u, v, g, chat := chats(w)
	var blobs []string
	sum := storage.ContentCount{}
	chatLast := false
	p := storage.Page{Limit: 1}
	for range 20 {
		var n storage.ContentCount
		w.update(func(tx storage.Tx) {
			var keys []string
			var err error
			n, keys, p.After, err = tx.DeleteContent(w.ctx, storage.ContentQuery{Domain: w.a, ChatsOf: []storage.ID{v.ID}}, p)
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
	n, err := w.other.CountContent(w.ctx, storage.ContentQuery{Domain: w.a, Containers: []storage.ID{chat, g.ID}})
	require.NoError(w, err)
	require.Equal(w, count(0, 2, 1), n)
	w.update(func(tx storage.Tx) {
		n, keys, next, err := tx.DeleteContent(w.ctx, storage.ContentQuery{Domain: w.a, Before: date(99), ExceptUsers: []storage.ID{u.ID}}, storage.Page{Limit: 100})
		require.NoError(w, err)
		require.Equal(w, count(0, 1, 0), n)
		require.Empty(w, keys)
		require.Empty(w, next)
		n, keys, _, err = tx.DeleteContent(w.ctx, storage.ContentQuery{Domain: w.a, Containers: []storage.ID{g.ID}}, storage.Page{Limit: 100})
		require.NoError(w, err)
		require.Equal(w, count(0, 1, 1), n)
		require.Equal(w, []string{"blob-c5"}, keys)
	})
}

// A whole domain is emptied in pages of any size, what lies in chats before the
// chats, and nothing but what is held is left.
func testDeleteContentOfDomain(w *world) {
	u, v, g, chat := chats(w)
	for i, limit := range []int{1, 4, 100} {
		if i > 0 {
			written(w, u, v, g, chat)
		}
		for _, c := range []struct {
			except []storage.ID
			want   storage.ContentCount
		}{{[]storage.ID{g.ID}, count(1, 2, 1)}, {nil, count(0, 2, 1)}} {
			q := storage.ContentQuery{Domain: w.a, All: true, ExceptContainers: c.except}
			sum := storage.ContentCount{}
			for p, more := (storage.Page{Limit: limit}), true; more; more = p.After != "" {
				w.update(func(tx storage.Tx) {
					n, _, next, err := tx.DeleteContent(w.ctx, q, p)
					require.NoError(w, err)
					require.LessOrEqual(w, n.Chats+n.Messages+n.Files, int64(limit))
					require.True(w, n.Chats == 0 || sum.Messages+n.Messages == 2, "what lies in a chat goes before the chat")
					sum.Chats, sum.Messages, sum.Files = sum.Chats+n.Chats, sum.Messages+n.Messages, sum.Files+n.Files
					p.After = next
				})
			}
			require.Equal(w, c.want, sum, "everything of a domain, pages of %d", limit)
		}
		n, err := w.other.CountContent(w.ctx, storage.ContentQuery{Domain: w.a, Containers: []storage.ID{chat, g.ID}, Authors: []storage.ID{u.ID}})
		require.NoError(w, err)
		require.Zero(w, n)
	}
}

// What users have written goes in pages of every size: messages and files that
// come by turns, or after each other.
func testDeleteContentOfUsers(w *world) {
	const others = 3
	g := w.group(w.a, "g")
	stays := w.user(w.a, "stays")
	written := storage.ContentQuery{Domain: w.a, Authors: []storage.ID{stays.ID}}
	for i, limit := range []int{1, 7, 10, 50, 200} {
		var q storage.ContentQuery
		q.Domain = w.a
		for n := range 1 + i%2 {
			q.Authors = append(q.Authors, w.user(w.a, fmt.Sprintf("goes%d-%d", limit, n)).ID)
		}
		want, keys := storage.ContentCount{}, map[string]int{}
		var rows []storage.Content
		for n := range 120 {
			c := storage.Content{ID: w.id("c"), Container: g.ID, Author: q.Authors[n%len(q.Authors)], Kind: storage.Message, At: date(1)}
			switch {
			case n%10 == others:
				c.Author = stays.ID
			case n >= 40 && n < 55 || n >= 55 && n%4 == 0 || n >= 110:
				// messages alone, then files alone, then by turns, then files
				// again
				c.Kind, c.Blob = storage.File, "blob-"+string(c.ID)
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
		var sum storage.ContentCount
		p := storage.Page{Limit: limit}
		for range 121 {
			w.update(func(tx storage.Tx) {
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
		for key, n := range inOrder(keys) {
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

// By age goes what no legal hold keeps, whatever the size of the pages and
// however much is kept between them; chats have no age.
func testDeleteContentByAge(w *world) {
	group, heldGroup := w.group(w.a, "group"), w.group(w.a, "held")
	ann, bob, held := w.user(w.a, "ann"), w.user(w.a, "bob"), w.user(w.a, "held")
	free, theirs := w.id("chat"), w.id("chat")
	content(w, storage.Content{ID: free, Author: ann.ID, Peer: bob.ID, Kind: storage.Chat, At: date(1)},
		storage.Content{ID: theirs, Author: ann.ID, Peer: held.ID, Kind: storage.Chat, At: date(1)})
	q := storage.ContentQuery{Domain: w.a, Before: date(9), ExceptContainers: []storage.ID{heldGroup.ID}, ExceptUsers: []storage.ID{held.ID}}
	for _, limit := range []int{1, 3, 10, 200} {
		keys := map[string]int{}
		var want storage.ContentCount
		var rows []storage.Content
		for n := range 120 {
			// twenty of each day
			c := storage.Content{ID: w.id("c"), Container: group.ID, Author: ann.ID, Kind: storage.Message, At: date(2 + n/20)}
			goes := true
			switch n % 8 {
			case 1:
				c.Container = free
			case 2:
				c.Container, goes = theirs, false
			case 3:
				c.Container, goes = heldGroup.ID, false
			case 4:
				c.Author, goes = held.ID, false
			case 5:
				c.At, goes = date(9), false
			}
			if n%3 == 0 {
				c.Kind, c.Blob = storage.File, "blob-"+string(c.ID)
			}
			switch {
			case goes && c.Kind == storage.File:
				keys[c.Blob]++
				want.Files++
			case goes:
				want.Messages++
			}
			rows = append(rows, c)
		}
		everything := storage.ContentQuery{Domain: w.a, Authors: []storage.ID{ann.ID, held.ID}}
		before, err := w.other.CountContent(w.ctx, everything)
		require.NoError(w, err)
		content(w, rows...)
		n, err := w.other.CountContent(w.ctx, q)
		require.NoError(w, err)
		require.Equal(w, want, n, "counted by age")
		var sum storage.ContentCount
		p := storage.Page{Limit: limit}
		for range len(rows) + 1 {
			w.update(func(tx storage.Tx) {
				n, blobs, next, err := tx.DeleteContent(w.ctx, q, p)
				require.NoError(w, err)
				require.LessOrEqual(w, n.Chats+n.Messages+n.Files, int64(limit))
				sum.Chats, sum.Messages, sum.Files, p.After = sum.Chats+n.Chats, sum.Messages+n.Messages, sum.Files+n.Files, next
				for _, key := range blobs {
					keys[key]--
				}
			})
			if p.After == "" {
				break
			}
		}
		require.Equal(w, want, sum, "by age, pages of %d", limit)
		for key, n := range inOrder(keys) {
			require.Zero(w, n, key)
		}
		n, err = w.other.CountContent(w.ctx, q)
		require.NoError(w, err)
		require.Zero(w, n)
		after, err := w.other.CountContent(w.ctx, everything)
		require.NoError(w, err)
		require.Equal(w, before.Messages+before.Files+int64(len(rows))-want.Messages-want.Files, after.Messages+after.Files, "what is kept")
		require.Equal(w, before.Chats, after.Chats)
	}
}
