package storetest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin/storage"
)

// sourceWorld has rows of two domains: of three users, in two groups and two
// chats, in each of ten minutes.
type sourceWorld struct {
	*testing.T
	SourceBackend
	ctx    context.Context
	a, b   storage.ID
	users  []storage.ID
	groups []storage.ID
	chats  []SourceRow
	rows   []SourceRow
	made   int
}

func newSourceWorld(t *testing.T, b SourceBackend) *sourceWorld {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	w := &sourceWorld{T: t, SourceBackend: b, ctx: ctx}
	if w.NewID == nil {
		w.NewID = func(kind string, n int) storage.ID { return storage.ID(fmt.Sprintf("%s-%d", kind, n)) }
	}
	w.a, w.b = w.id("domain"), w.id("domain")
	if w.OneDomain != "" {
		w.a = w.OneDomain
	}
	for range 3 {
		w.users = append(w.users, w.id("user"))
	}
	for range 2 {
		w.groups = append(w.groups, w.id("group"))
	}
	w.people()
	for i := range 2 {
		w.chats = append(w.chats, SourceRow{ID: w.id("chat"), Domain: w.a, Author: w.users[i], Peer: w.users[i+1]})
	}
	if w.Chats != nil {
		require.NoError(t, w.Chats(w.chats))
	}
	w.insert(w.some()...)
	return w
}

func (w *sourceWorld) id(kind string) storage.ID {
	w.made++
	return w.NewID(kind, w.made)
}

// people makes the parents that a host's tables may refer to.
func (w *sourceWorld) people() {
	if w.Store == nil {
		return
	}
	for _, d := range []storage.ID{w.a, w.b} {
		require.NoError(w, w.Store.Update(w.ctx, storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
			_, err := tx.ChangeDomains(ctx, []storage.Write[storage.Domain]{{Row: storage.Domain{ID: d, Rev: 1, Name: "D", Data: []byte("{}")}}})
			return err
		}))
	}
	require.NoError(w, w.Store.Update(w.ctx, storage.Fence{Domain: w.a, Mode: storage.Shared}, func(ctx context.Context, tx storage.Tx) error {
		for i, id := range w.users {
			u := storage.User{ID: id, Domain: w.a, Rev: 1, LoginKey: fmt.Sprint("u", i), Kind: storage.Network, Status: storage.Active, Attrs: []byte("{}")}
			if _, err := tx.ChangeUsers(ctx, []storage.Write[storage.User]{{Row: u}}); err != nil {
				return err
			}
		}
		for i, id := range w.groups {
			g := storage.Group{ID: id, Domain: w.a, Rev: 1, Name: "G", NameKey: fmt.Sprint("g", i), Data: []byte("{}")}
			if _, err := tx.ChangeGroups(ctx, []storage.Write[storage.Group]{{Row: g}}); err != nil {
				return err
			}
		}
		return nil
	}))
}

// some are rows of everybody in every place, as far as the source has such.
func (w *sourceWorld) some() (rows []SourceRow) {
	if w.AreChats {
		for i := range w.users {
			for range 4 {
				rows = append(rows, SourceRow{ID: w.id("row"), Domain: w.a, Author: w.users[i], Peer: w.users[(i+1)%len(w.users)]})
			}
		}
		return rows
	}
	places := slices.Clone(w.groups)
	if w.Chats != nil {
		for _, c := range w.chats {
			places = append(places, c.ID)
		}
	}
	for minute := range 4 {
		for i, by := range w.users {
			for j, in := range places {
				r := SourceRow{ID: w.id("row"), Domain: w.a, At: sourceTime(10 + (minute*7+i*3+j)%10)}
				if !w.NoAuthor {
					r.Author = by
				}
				if !w.NoContainer {
					r.Container = in
				}
				if !w.NoBlob && (i+j)%2 == 0 {
					r.Blob = "blob-" + string(r.ID)
				}
				rows = append(rows, r)
			}
		}
	}
	return rows
}

// sourceTime is in whole seconds, which every form of a time holds.
func sourceTime(n int) time.Time { return date(1000 * n) }

func (w *sourceWorld) insert(rows ...SourceRow) {
	w.Helper()
	require.NoError(w, w.Insert(rows))
	w.rows = append(w.rows, rows...)
}

// selects is what a query selects by the contract.
func (w *sourceWorld) selects(q storage.ContentQuery, r *SourceRow) bool {
	within := func(ids []storage.ID, id storage.ID) bool { return id != "" && slices.Contains(ids, id) }
	chat := r
	if r.Peer == "" {
		chat = nil
		for i := range w.chats {
			if w.Chats != nil && w.chats[i].ID == r.Container {
				chat = &w.chats[i]
			}
		}
	}
	inChat := func(ids []storage.ID) bool {
		return chat != nil && (within(ids, chat.Author) || within(ids, chat.Peer))
	}
	in, by := r.Container, r.Author
	if r.Peer != "" {
		in, by = r.ID, ""
	}
	return r.Domain == q.Domain &&
		(len(q.Containers) == 0 || within(q.Containers, in)) &&
		(len(q.Authors) == 0 || within(q.Authors, by)) &&
		(len(q.ChatsOf) == 0 || inChat(q.ChatsOf)) &&
		(q.Before.IsZero() || !w.NoTime && r.Peer == "" && r.At.Before(q.Before)) &&
		!within(q.ExceptContainers, in) && !within(q.ExceptUsers, by) && !inChat(q.ExceptUsers)
}

// queries are all that the library asks a source, each by its name.
func (w *sourceWorld) queries() map[string]storage.ContentQuery {
	u, g := w.users, w.groups
	place := w.chats[0].ID
	if w.AreChats {
		place = w.rows[0].ID
	}
	all := map[string]storage.ContentQuery{
		"an author":                    {Authors: u[:1]},
		"authors":                      {Authors: u[:2]},
		"an author twice":              {Authors: []storage.ID{u[0], u[0]}},
		"a group":                      {Containers: g[:1]},
		"groups":                       {Containers: g},
		"a chat":                       {Containers: []storage.ID{place}},
		"chats of one":                 {ChatsOf: u[:1]},
		"chats of two":                 {ChatsOf: u[:2]},
		"an author in a group":         {Authors: u[:1], Containers: g[:1]},
		"authors in chats":             {Authors: u[1:], ChatsOf: u[:1]},
		"by age":                       {Before: sourceTime(15)},
		"by age, all":                  {Before: sourceTime(99)},
		"all":                          {All: true},
		"all of an author":             {All: true, Authors: u[2:]},
		"nobody":                       {Authors: []storage.ID{w.NewID("user", 999)}},
		"an ID of another form":        {Authors: []storage.ID{"never-such-an-ID"}},
		"by age, but a user":           {Before: sourceTime(18), ExceptUsers: u[:1]},
		"by age, but a group":          {Before: sourceTime(18), ExceptContainers: g[:1]},
		"by age, but a chat":           {Before: sourceTime(18), ExceptContainers: []storage.ID{place}},
		"by age, but both":             {Before: sourceTime(18), ExceptUsers: u[1:2], ExceptContainers: g[:1]},
		"a group, but a user":          {Containers: g[:1], ExceptUsers: u[:1]},
		"chats, but of another":        {ChatsOf: u[:1], ExceptUsers: u[1:2]},
		"all, but a user and a group":  {All: true, ExceptUsers: u[2:], ExceptContainers: g[1:]},
		"an author, but a user held":   {Authors: u[:2], ExceptUsers: u[1:2]},
		"an author, but a group":       {Authors: u[:1], ExceptContainers: g[:1]},
		"all, but an ID of other form": {All: true, ExceptUsers: []storage.ID{"never-such-an-ID"}},
	}
	for name, q := range all {
		q.Domain = w.a
		all[name] = q
	}
	return all
}

// count asks the source.
func (w *sourceWorld) count(q storage.ContentQuery) int64 {
	w.Helper()
	if w.Source.Inside == nil {
		n, err := w.Source.Outside.Count(w.ctx, q)
		require.NoError(w, err)
		return n
	}
	n, err := w.Source.Inside.Count(w.ctx, w.Store, q)
	require.NoError(w, err)
	return n
}

// remove has the source delete one page.
func (w *sourceWorld) remove(q storage.ContentQuery, p storage.Page) (n int64, blobs []string, next storage.Cursor, err error) {
	if w.Source.Inside == nil {
		n, next, err = w.Source.Outside.Delete(w.ctx, q, p)
		return n, nil, next, err
	}
	err = w.Store.Update(w.ctx, storage.Fence{Domain: w.a, Mode: storage.Shared}, func(ctx context.Context, tx storage.Tx) (err error) {
		n, blobs, next, err = w.Source.Inside.Delete(ctx, tx, q, p)
		return err
	})
	return n, blobs, next, err
}

// removeAll deletes page after page, and returns how many rows and which blobs.
// No page is longer than its limit, and the pages come to an end.
func (w *sourceWorld) removeAll(what string, q storage.ContentQuery, limit int) (sum int64, blobs []string) {
	w.Helper()
	p := storage.Page{Limit: limit}
	for pages := 0; ; pages++ {
		require.Less(w, pages, 2*len(w.rows)/limit+20, "%s: pages of %d do not come to an end", what, limit)
		n, keys, next, err := w.remove(q, p)
		require.NoError(w, err)
		require.LessOrEqual(w, n, int64(limit), "%s: a page has more rows than its limit", what)
		require.GreaterOrEqual(w, n, int64(0))
		sum, blobs = sum+n, append(blobs, keys...)
		if p.After = next; next == "" {
			return sum, blobs
		}
	}
}

// split are the rows that a query selects, and the others.
func (w *sourceWorld) split(q storage.ContentQuery) (in, out []SourceRow) {
	for i := range w.rows {
		if w.selects(q, &w.rows[i]) {
			in = append(in, w.rows[i])
		} else {
			out = append(out, w.rows[i])
		}
	}
	return in, out
}

// left checks which rows the host itself finds.
func (w *sourceWorld) left(what string, want []SourceRow) {
	w.Helper()
	ids, err := w.Left()
	require.NoError(w, err)
	wanted := make([]storage.ID, len(want))
	for i, r := range want {
		wanted[i] = r.ID
	}
	require.ElementsMatch(w, wanted, ids, "%s: what the host finds", what)
}
