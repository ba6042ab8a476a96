//go:build !race

package sqlstoretest

import (
	"cmp"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/sqlstore"
)

// filledChats has 100,000 messages of a company, a tenth of them by one user and
// the others by 100, in 200 groups and 10,000 chats of 1,000 users, and 20,000
// of another.
func filledChats(t *testing.T, db database) *chatHost {
	t.Helper()
	h := newChatHost(t, db)
	fill := &hoard{db: db, pool: h.pool, s: chatadmintest.Must(chatadmin.New(h.store, nil)).AsHost("big")}
	fill.fill(t, 10000, "INSERT INTO chats SELECT 'chat-' || i, 'big', 'user-' || (i % 1000), 'user-' || ((i / 7 + 1) % 1000) FROM {{seq}}")
	for _, company := range []string{"big", "small"} {
		n := map[string]int{"big": 100000, "small": 20000}[company]
		fill.fill(t, n, "INSERT INTO messages SELECT '"+company+"-' || i, '"+company+`', CASE WHEN i % 2 = 0 THEN 'chat-' || (i / 2 % 10000) ELSE 'group-' || (i / 2 % 200) END,
			CASE WHEN i % 10 = 3 THEN 'busy' ELSE 'user-' || (i / 3 % 100) END, 1700000000000 + i, CASE WHEN i % 11 = 0 THEN 'blob-' || i END FROM {{seq}}`)
	}
	return h
}

// ofTables are the queries that deletions, legal holds and retention make of
// mapped tables.
func ofTables() map[string]lookup {
	early := time.UnixMilli(1700000000000 + 1000)
	all := map[string]lookup{}
	add := func(name string, rows int, index string, source int, q storage.ContentQuery) {
		q.Domain = "big"
		of := func(ctx context.Context, s storage.Store) (storage.Inside, error) {
			m, err := s.(*sqlstore.Store).Map(ctx, chatTables)
			if err != nil {
				return nil, err
			}
			return m.Sources()[source].Inside, nil
		}
		all["delete "+name] = lookup{rows, index, false, func(ctx context.Context, s storage.Store) error {
			src, err := of(ctx, s)
			if err != nil {
				return err
			}
			return s.Update(ctx, storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
				n, _, _, err := src.Delete(ctx, tx, q, storage.Page{Limit: 100})
				return cmp.Or(some(int(n), err), errUndo)
			})
		}}
		all["count "+name] = lookup{30 * rows, index, false, func(ctx context.Context, s storage.Store) error {
			src, err := of(ctx, s)
			if err != nil {
				return err
			}
			n, err := src.Count(ctx, s, q)
			return some(int(n), err)
		}}
	}
	add("of an author", 400, "messages_author", 0, storage.ContentQuery{Authors: several("user", 5)})
	add("of an author with many", 400, "messages_author", 0, storage.ContentQuery{Authors: []storage.ID{"busy"}})
	add("of authors", 400, "messages_author", 0, storage.ContentQuery{Authors: several("user", 5, 7, 9)})
	add("in a group", 400, "messages_channel", 0, storage.ContentQuery{Containers: several("group", 5)})
	add("in groups", 400, "messages_channel", 0, storage.ContentQuery{Containers: several("group", 5, 7, 9)})
	add("in chats of a user", 400, "messages_channel", 0, storage.ContentQuery{ChatsOf: several("user", 5)})
	add("by age", 400, "messages_sent", 0, storage.ContentQuery{Before: early})
	add("by age, with holds", 700, "messages_sent", 0, storage.ContentQuery{Before: early, ExceptUsers: several("user", 5, 6), ExceptContainers: several("group", 3)})
	add("chats of a user", 400, "chats_first|autoindex_chats", 1, storage.ContentQuery{ChatsOf: several("user", 5)})
	return all
}

// Deleting from mapped tables reads no table from end to end, neither with a
// plan for its arguments nor with the one for all of them, and whether ANALYZE
// was run or not.
func TestPlansOfTables(t *testing.T) {
	t.Run("postgresql", func(t *testing.T) {
		h := filledChats(t, postgresSchema(t))
		_, err := h.pool.Exec("VACUUM ANALYZE messages")
		require.NoError(t, err)
		_, err = h.pool.Exec("VACUUM ANALYZE chats")
		require.NoError(t, err)
		planned(t, h.db, ofTables(), explainPostgreSQL)
		h.alongIndex(t)
	})
	t.Run("sqlite", func(t *testing.T) {
		h := filledChats(t, sqliteFile(t))
		planned(t, h.db, ofTables(), explainSQLite)
		_, err := h.pool.Exec("ANALYZE")
		require.NoError(t, err)
		planned(t, h.db, ofTables(), explainSQLite)
	})
}

// alongIndex deletes a page of the many messages of an author. It reads those
// that it deletes, along the index and twice by their place, although the
// planner would rather read all and sort them.
func (h *chatHost) alongIndex(t *testing.T) {
	t.Helper()
	const limit = 2000
	pool, w := h.db.watched(t, nil)
	store, err := sqlstore.Open(t.Context(), pool, h.db.d, &h.db.options)
	require.NoError(t, err)
	m, err := store.Map(t.Context(), chatTables)
	require.NoError(t, err)
	busy := storage.ContentQuery{Domain: "big", Authors: []storage.ID{"busy"}}
	all := w.during(func() {
		require.ErrorIs(t, store.Update(t.Context(), storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
			n, _, _, err := m.Sources()[0].Inside.Delete(ctx, tx, busy, storage.Page{Limit: limit})
			return cmp.Or(some(int(n), err), errUndo)
		}), errUndo)
	})
	tx, err := h.pool.Begin()
	require.NoError(t, err)
	defer func() { require.NoError(t, tx.Rollback()) }()
	deleted, set := 0, ""
	for _, s := range all {
		args := make([]string, len(s.args))
		for i, a := range s.args {
			args[i] = literal(t, a.Value)
		}
		switch {
		case strings.HasPrefix(s.text, "SELECT current_setting('enable"):
			var was string
			require.NoError(t, tx.QueryRow(s.text, s.args[0].Value).Scan(&was, &set))
		case strings.Contains(s.text, "DELETE"):
			deleted++
			_, err := tx.Exec("PREPARE page AS " + s.text)
			require.NoError(t, err)
			var text string
			require.NoError(t, tx.QueryRow("EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE page("+strings.Join(args, ", ")+")").Scan(&text))
			var plans []struct{ Plan node }
			require.NoError(t, json.Unmarshal([]byte(text), &plans))
			require.LessOrEqual(t, plans[0].Plan.read(t), float64(3*limit+100), text)
		}
	}
	require.Equal(t, 1, deleted)
	require.Equal(t, "on", set, "the setting is as it was")
}
