package storetest_test

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin/internal/hostrows"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/chatadmin/storage/storetest"
)

func hostRow(r storetest.SourceRow) hostrows.Row {
	return hostrows.Row{ID: r.ID, Domain: r.Domain, Container: r.Container, Author: r.Author, Peer: r.Peer, At: r.At, Blob: r.Blob}
}

// inStore is a source of rows that lie in a store in memory.
func inStore(name string, in storage.Inside, chats bool) storetest.SourceBackend {
	s := memstore.New(nil)
	add := func(rows []storetest.SourceRow) error {
		for _, r := range rows {
			if _, err := hostrows.Insert(context.Background(), s, r.Domain, hostRow(r)); err != nil {
				return err
			}
		}
		return nil
	}
	b := storetest.SourceBackend{Source: storage.Source{Name: name, Inside: in}, Store: s, Insert: add, AreChats: chats, NoBlob: chats, NoTime: chats}
	var domain storage.ID
	b.Insert = func(rows []storetest.SourceRow) error {
		domain = rows[0].Domain
		return add(rows)
	}
	if !chats {
		b.Chats = add
	}
	b.Left = func() (ids []storage.ID, err error) {
		rows, err := hostrows.All(context.Background(), s, domain)
		for _, r := range rows {
			if (r.Peer != "") == chats {
				ids = append(ids, r.ID)
			}
		}
		return ids, err
	}
	return b
}

// elsewhere is a source of rows outside every store.
func elsewhere(x *hostrows.Index, out storage.Outside) storetest.SourceBackend {
	return storetest.SourceBackend{
		Source: storage.Source{Name: "index", Outside: out},
		Insert: func(rows []storetest.SourceRow) error {
			for _, r := range rows {
				x.Add(hostRow(r))
			}
			return nil
		},
		Left: func() (ids []storage.ID, _ error) {
			for _, r := range x.All() {
				ids = append(ids, r.ID)
			}
			return ids, nil
		},
	}
}

func TestSources(t *testing.T) {
	t.Run("messages", func(t *testing.T) {
		storetest.RunSource(t, func(*testing.T) storetest.SourceBackend { return inStore("posts", hostrows.Messages{}, false) })
	})
	t.Run("chats", func(t *testing.T) {
		storetest.RunSource(t, func(*testing.T) storetest.SourceBackend { return inStore("talks", hostrows.Chats{}, true) })
	})
	t.Run("outside", func(t *testing.T) {
		storetest.RunSource(t, func(*testing.T) storetest.SourceBackend {
			x := &hostrows.Index{}
			return elsewhere(x, x)
		})
	})
}

// wrongSource is a source that is wrong in one way.
type wrongSource struct {
	hostrows.Messages
	count  func(ctx context.Context, r storage.Reader, q storage.ContentQuery) (int64, error)
	delete func(ctx context.Context, tx storage.Tx, q storage.ContentQuery, p storage.Page) (int64, []string, storage.Cursor, error)
	blobs  func(ctx context.Context, r storage.Reader, keys []string) ([]string, error)
}

func (w wrongSource) Count(ctx context.Context, r storage.Reader, q storage.ContentQuery) (int64, error) {
	if w.count == nil {
		return w.Messages.Count(ctx, r, q)
	}
	return w.count(ctx, r, q)
}

func (w wrongSource) Delete(ctx context.Context, tx storage.Tx, q storage.ContentQuery, p storage.Page) (int64, []string, storage.Cursor, error) {
	if w.delete == nil {
		return w.Messages.Delete(ctx, tx, q, p)
	}
	return w.delete(ctx, tx, q, p)
}

func (w wrongSource) BlobsInUse(ctx context.Context, r storage.Reader, keys []string) ([]string, error) {
	if w.blobs == nil {
		return w.Messages.BlobsInUse(ctx, r, keys)
	}
	return w.blobs(ctx, r, keys)
}

// asked is a source that changes what it is asked.
func asked(change func(*storage.ContentQuery)) wrongSource {
	var right hostrows.Messages
	return wrongSource{
		count: func(ctx context.Context, r storage.Reader, q storage.ContentQuery) (int64, error) {
			change(&q)
			return right.Count(ctx, r, q)
		},
		delete: func(ctx context.Context, tx storage.Tx, q storage.ContentQuery, p storage.Page) (int64, []string, storage.Cursor, error) {
			change(&q)
			return right.Delete(ctx, tx, q, p)
		},
	}
}

type pageFunc func(ctx context.Context, tx storage.Tx, q storage.ContentQuery, p storage.Page) (int64, []string, storage.Cursor, error)

// paged is a source that deletes pages in a way of its own.
func paged(f func(right pageFunc) pageFunc) wrongSource {
	var right hostrows.Messages
	return wrongSource{delete: f(right.Delete)}
}

// sourceMutants are sources that are wrong, the test that finds each, and what
// it says then.
var sourceMutants = map[string]struct {
	source     wrongSource
	test, says string
}{
	"holds on users ignored":  {asked(func(q *storage.ContentQuery) { q.ExceptUsers = nil }), "Held", "what the host finds"},
	"holds on groups ignored": {asked(func(q *storage.ContentQuery) { q.ExceptContainers = nil }), "Held", "what the host finds"},
	"containers ignored": {asked(func(q *storage.ContentQuery) {
		if len(q.Containers) > 0 {
			q.Authors = append(q.Authors, "nobody")
		}
	}), "Delete", "what the host finds"},
	"containers not combined with authors": {asked(func(q *storage.ContentQuery) {
		if len(q.Authors) > 0 {
			q.Containers = nil
		}
	}), "Count", "an author in a group"},
	"chats ignored": {asked(func(q *storage.ContentQuery) {
		if len(q.ChatsOf) > 0 {
			q.Authors = []storage.ID{"nobody"}
		}
	}), "Count", "chats"},
	"age ignored": {asked(func(q *storage.ContentQuery) {
		if !q.Before.IsZero() {
			q.Before, q.All = q.Before.AddDate(100, 0, 0), true
		}
	}), "Count", "by age"},
	"domain ignored": {asked(func(q *storage.ContentQuery) { q.Domain = "domain-1" }), "Count", "in another domain"},
	"an empty query takes all": {asked(func(q *storage.ContentQuery) {
		if len(q.Containers)+len(q.Authors)+len(q.ChatsOf) == 0 && q.Before.IsZero() {
			q.All = true
		}
	}), "Nothing", "selects nothing in particular"},
	"stops at a cap": {paged(func(right pageFunc) pageFunc {
		return func(ctx context.Context, tx storage.Tx, q storage.ContentQuery, p storage.Page) (int64, []string, storage.Cursor, error) {
			n, blobs, next, err := right(ctx, tx, q, p)
			if n == storage.MaxBatch {
				next = ""
			}
			return n, blobs, next, err
		}
	}), "Many", "many rows go"},
	"counts up to a cap": {wrongSource{count: func(ctx context.Context, r storage.Reader, q storage.ContentQuery) (int64, error) {
		n, err := hostrows.Messages{}.Count(ctx, r, q)
		return min(n, storage.MaxBatch), err
	}}, "Many", "many rows are counted"},
	"counts what it has not deleted": {paged(func(right pageFunc) pageFunc {
		return func(ctx context.Context, tx storage.Tx, q storage.ContentQuery, p storage.Page) (int64, []string, storage.Cursor, error) {
			q.ExceptContainers = append(slices.Clone(q.ExceptContainers), "group-6")
			n, err := hostrows.Messages{}.Count(ctx, tx, q)
			if err != nil || n > 0 {
				n, blobs, next, err := right(ctx, tx, q, p)
				return n, blobs, next, err
			}
			q.ExceptContainers = q.ExceptContainers[:len(q.ExceptContainers)-1]
			n, err = hostrows.Messages{}.Count(ctx, tx, q)
			return min(n, int64(p.Limit)), nil, "", err
		}
	}), "Delete", "what the host finds"},
	"deletes more than the limit": {paged(func(right pageFunc) pageFunc {
		return func(ctx context.Context, tx storage.Tx, q storage.ContentQuery, p storage.Page) (int64, []string, storage.Cursor, error) {
			p.Limit += 2
			return right(ctx, tx, q, p)
		}
	}), "Delete", "a page has more rows than its limit"},
	"an error where nothing is left": {paged(func(right pageFunc) pageFunc {
		return func(ctx context.Context, tx storage.Tx, q storage.ContentQuery, p storage.Page) (int64, []string, storage.Cursor, error) {
			n, blobs, next, err := right(ctx, tx, q, p)
			if err == nil && n == 0 {
				err = os.ErrNotExist
			}
			return n, blobs, next, err
		}
	}), "Again", "file does not exist"},
	"counts a page asked for twice": {func() wrongSource {
		told := map[storage.Cursor]int64{}
		return paged(func(right pageFunc) pageFunc {
			return func(ctx context.Context, tx storage.Tx, q storage.ContentQuery, p storage.Page) (int64, []string, storage.Cursor, error) {
				n, blobs, next, err := right(ctx, tx, q, p)
				if told[p.After] == 0 {
					told[p.After] = n
				}
				return told[p.After], blobs, next, err
			}
		})
	}(), "Again", "each row is told once"},
	"forgets its cursor": {paged(func(pageFunc) pageFunc {
		return func(ctx context.Context, tx storage.Tx, q storage.ContentQuery, p storage.Page) (int64, []string, storage.Cursor, error) {
			return hostrows.FirstOnly(ctx, tx, q, p.Limit)
		}
	}), "Held", "do not come to an end"},
	"ends at what is held": {paged(func(pageFunc) pageFunc {
		return func(ctx context.Context, tx storage.Tx, q storage.ContentQuery, p storage.Page) (int64, []string, storage.Cursor, error) {
			n, blobs, next, err := hostrows.FirstOnly(ctx, tx, q, p.Limit)
			if n == 0 {
				next = ""
			}
			return n, blobs, next, err
		}
	}), "Held", "held:"},
	"keys of contents get lost": {paged(func(right pageFunc) pageFunc {
		return func(ctx context.Context, tx storage.Tx, q storage.ContentQuery, p storage.Page) (int64, []string, storage.Cursor, error) {
			n, _, next, err := right(ctx, tx, q, p)
			return n, nil, next, err
		}
	}), "Delete", "keys of the contents of files"},
	"contents are never in use": {wrongSource{blobs: func(context.Context, storage.Reader, []string) ([]string, error) { return nil, nil }}, "Blobs", "blobs that rows name"},
}

const sourceMutantVar = "CHATADMIN_SOURCE_MUTANT"

// TestSourceMutant runs the tests of sources on the mutant that
// TestSourceMutants names to a child process: there a failure is what is wanted.
func TestSourceMutant(t *testing.T) {
	name := os.Getenv(sourceMutantVar)
	if name == "" {
		t.Skip("run by TestSourceMutants")
	}
	m, ok := sourceMutants[name]
	require.True(t, ok)
	storetest.RunSource(t, func(*testing.T) storetest.SourceBackend { return inStore("posts", m.source, false) })
}

// TestSourceMutants proves the tests: each source that is wrong in one way fails
// the test that is meant to find it, and for that reason.
func TestSourceMutants(t *testing.T) {
	for name, m := range sourceMutants {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0], "-test.run", "^TestSourceMutant$/^"+m.test+"$", "-test.timeout", "60s")
			cmd.Env = append(os.Environ(), sourceMutantVar+"="+name)
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit, "the mutant passes:\n%s", out)
			require.Contains(t, string(out), "--- FAIL: TestSourceMutant/"+m.test, "it failed for another reason")
			require.Contains(t, strings.Join(strings.Fields(string(out)), " "), m.says, "it failed for another reason")
		})
	}
}
