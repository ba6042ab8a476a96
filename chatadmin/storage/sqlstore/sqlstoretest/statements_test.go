package sqlstoretest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/sqlstore"
	"chatadmin.example/sdk/csvimport"
)

// watchedCompany is a company whose store's statements are seen.
func watchedCompany(t *testing.T, db database) (*company, *watch) {
	t.Helper()
	c := newCompany(t, db, 0)
	pool, w := db.watched(t, nil)
	var err error
	c.store, err = sqlstore.Open(t.Context(), pool, db.d, &db.options)
	require.NoError(t, err)
	return c, w
}

// A call for one thing is one statement; what a page or a key costs does not depend on how many there are.
func TestStatementsOfReads(t *testing.T) {
	databases(t, func(t *testing.T, db database) {
		c, w := watchedCompany(t, db)
		s := c.store
		us, err := s.UsersByLogin(t.Context(), c.domain, []string{"boss@acme.example"})
		require.NoError(t, err)
		many := make([]storage.ID, storage.MaxBatch)
		logins := make([]string, len(many))
		pairs := make([]storage.Pair, len(many))
		keys := make([]storage.Key, len(many))
		for i := range many {
			many[i] = storage.ID(fmt.Sprint("id-", i))
			logins[i] = fmt.Sprintf("user%d@acme.example", i)
			pairs[i] = storage.Pair{Group: many[i/500], User: many[i]}
			keys[i] = storage.Key{Kind: "k", Domain: c.domain, ID: fmt.Sprint(i)}
		}
		page := storage.Page{Limit: storage.MaxBatch}
		for name, call := range map[string]func(context.Context) error{
			"device check":     func(ctx context.Context) error { _, err := s.Devices(ctx, c.domain, many[:1]); return err },
			"login":            func(ctx context.Context) error { _, err := s.UsersByLogin(ctx, c.domain, logins[:1]); return err },
			"1000 logins":      func(ctx context.Context) error { _, err := s.UsersByLogin(ctx, c.domain, logins); return err },
			"user":             func(ctx context.Context) error { _, err := s.Users(ctx, c.domain, many[:1]); return err },
			"1000 users":       func(ctx context.Context) error { _, err := s.Users(ctx, c.domain, many); return err },
			"1000 memberships": func(ctx context.Context) error { _, err := s.Memberships(ctx, c.domain, pairs); return err },
			"1000 records":     func(ctx context.Context) error { _, err := s.Records(ctx, keys); return err },
			"page of users": func(ctx context.Context) error {
				_, _, err := s.ListUsers(ctx, storage.UserQuery{Domain: c.domain, Prefix: "u"}, page)
				return err
			},
			"page of members": func(ctx context.Context) error {
				_, _, err := s.ListMemberships(ctx, storage.MemberQuery{Domain: c.domain, User: us[0].ID}, page)
				return err
			},
			"page of the log": func(ctx context.Context) error {
				_, _, err := s.ListEvents(ctx, storage.EventQuery{Domain: c.domain, Actor: us[0].ID, Kind: "user.create"}, page)
				return err
			},
			"1000 blobs": func(ctx context.Context) error { _, err := s.BlobsInUse(ctx, logins); return err },
			"count": func(ctx context.Context) error {
				_, err := s.CountContent(ctx, storage.ContentQuery{Domain: c.domain, Containers: many})
				return err
			},
		} {
			all := w.during(func() { require.NoError(t, call(t.Context()), name) })
			require.Len(t, all, 1, "%s: %v", name, roundTrips(all))
			require.True(t, strings.HasPrefix(all[0].text, "SELECT"), all[0].text)
		}
		all := w.during(func() {
			_, err := c.scope(s, 0).UserByLogin(t.Context(), "second@acme.example")
			require.NoError(t, err)
		})
		require.Len(t, all, 3, "the domain, the actor, the user: %v", roundTrips(all))
	})
}

// count of the statements that reach the database: those of a batch do not depend on how many rows it has. SQLite gets the rows one by one, each through a statement prepared once for the transaction:
// that is a function call in this process, and as fast as any other way into it.
func sameForAnySize(t *testing.T, db database, what string, small, large []statement, rows int) {
	t.Helper()
	require.NotEmpty(t, small)
	require.Equal(t, roundTrips(withoutLists(small)), roundTrips(withoutLists(large)), what)
	prepared := func(all []statement) (n int, texts map[string]bool) {
		texts = map[string]bool{}
		for _, s := range all {
			if s.prepared {
				n++
				texts[s.text] = true
			}
		}
		return n, texts
	}
	few, texts := prepared(small)
	many, textsLarge := prepared(large)
	require.Equal(t, texts, textsLarge, what)
	if db.d == sqlstore.PostgreSQL {
		require.Zero(t, many, what)
		return
	}
	require.LessOrEqual(t, many-few, rows*len(texts), "%s: a row is written by one statement", what)
}

// withoutLists replaces the placeholders of lists, whose number is that of the keys asked for.
func withoutLists(all []statement) []statement {
	out := make([]statement, len(all))
	for i, s := range all {
		s.text = strings.NewReplacer(",?", "", " = ANY($", " = ($", "IN (?)", "= ?").Replace(s.text)
		out[i] = s
	}
	return out
}

func TestStatementsOfBatches(t *testing.T) {
	databases(t, func(t *testing.T, db database) {
		const few, many = 10, 500 // in the two default groups that makes a thousand members, one call
		c, w := watchedCompany(t, db)
		s := c.scope(c.store, 0)
		g, err := s.CreateGroup(t.Context(), "All")
		require.NoError(t, err)
		file := func(from, n int, title string) *os.File {
			text := "login,title\n"
			for i := range n {
				text += fmt.Sprintf("user%d@acme.example,%s\n", from+i, title)
			}
			path := filepath.Join(t.TempDir(), "f.csv")
			require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
			f, err := os.Open(path)
			require.NoError(t, err)
			t.Cleanup(func() { _ = f.Close() })
			return f
		}
		imported := func(from, n int, title string) []statement {
			f := file(from, n, title)
			return w.during(func() {
				r, err := importFile(t.Context(), s, f, csvimport.UpdateExisting, nil)
				require.NoError(t, err)
				require.EqualValues(t, n, r.Counts.Created+r.Counts.Updated)
			})
		}
		sameForAnySize(t, db, "an import that creates", imported(0, few, "a"), imported(1000, many, "a"), many)
		sameForAnySize(t, db, "an import that changes", imported(0, few, "b"), imported(1000, many, "b"), many)

		content := func(n int) func() {
			return func() {
				require.NoError(t, c.store.Update(t.Context(), storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
					n, _, _, err := tx.DeleteContent(ctx, storage.ContentQuery{Domain: c.domain, Containers: []storage.ID{g.ID}}, storage.Page{Limit: n})
					require.Positive(t, n.Messages)
					return err
				}))
			}
		}
		require.NoError(t, c.store.Update(t.Context(), storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
			rows := make([]storage.Content, storage.MaxBatch)
			for i := range rows {
				rows[i] = storage.Content{ID: storage.ID(fmt.Sprint("m", i)), Domain: c.domain, Container: g.ID, Author: c.admins[0], Kind: storage.Message}
			}
			conflicts, err := tx.InsertContent(ctx, rows)
			require.Empty(t, conflicts)
			return err
		}))
		deleted := w.during(content(few))
		sameForAnySize(t, db, "deleting content", deleted, w.during(content(many)), 0)

		marked := func(name string) []statement {
			g, err := s.CreateGroup(t.Context(), name)
			require.NoError(t, err)
			p, err := s.PlanDefaultGroup(t.Context(), g.ID)
			require.NoError(t, err)
			return w.during(func() {
				job, err := s.ApplyDefaultGroup(t.Context(), p, nil)
				require.NoError(t, err)
				require.Equal(t, p.Counts["added"], job.Done)
				_, err = s.UnmarkDefaultGroup(t.Context(), g.ID)
				require.NoError(t, err)
			})
		}
		before := marked("Default")
		imported(3000, 50, "a")
		sameForAnySize(t, db, "marking a default group", before, marked("Default too"), 0)
	})
}

// PostgreSQL learns of a table that grows before autovacuum would tell it; SQLite needs no such help.
func TestAnalysed(t *testing.T) {
	databases(t, func(t *testing.T, db database) {
		c, w := watchedCompany(t, db)
		text := "login\n"
		for i := range 2500 {
			text += fmt.Sprintf("user%d@acme.example\n", i)
		}
		f := filepath.Join(t.TempDir(), "f.csv")
		require.NoError(t, os.WriteFile(f, []byte(text), 0o600))
		file, err := os.Open(f)
		require.NoError(t, err)
		defer func() { _ = file.Close() }()
		var analysed []string
		for _, s := range w.during(func() {
			_, err = importFile(t.Context(), c.scope(c.store, 0), file, csvimport.SkipExisting, nil)
			require.NoError(t, err)
		}) {
			if strings.HasPrefix(s.text, "ANALYZE") {
				analysed = append(analysed, s.text)
			}
		}
		if db.d == sqlstore.SQLite {
			require.Empty(t, analysed)
			return
		}
		require.Equal(t, []string{db.sql("ANALYZE (SKIP_LOCKED) {{p}}memberships")}, analysed, "5,000 members, 2,500 users")
	})
}
