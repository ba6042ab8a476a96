package sqlstoretest

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin/internal/erasetest"
	"chatadmin.example/sdk/chatadmin/internal/hostrows"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/sqlstore"
	"chatadmin.example/sdk/chatadmin/storage/storetest"
)

// chatHost is a host with tables of its own, those of EMBEDDING.md.
type chatHost struct {
	db    database
	pool  *sql.DB
	store *sqlstore.Store
}

var chatTables = sqlstore.Tables{
	Rows:  []sqlstore.Table{{Name: "posts", Table: "messages", Author: "author_id", Container: "channel_id", At: "sent_at", Blob: "attachment", Domain: "company_id"}},
	Chats: &sqlstore.Chats{Name: "talks", Table: "chats", ID: "id", Sides: [2]string{"first_id", "second_id"}, Domain: "company_id"},
}

const chatDDL = `CREATE TABLE messages (id text PRIMARY KEY, company_id text NOT NULL, channel_id text, author_id text, sent_at bigint NOT NULL, attachment text);
	CREATE INDEX messages_channel ON messages (channel_id); CREATE INDEX messages_author ON messages (author_id);
	CREATE INDEX messages_sent ON messages (company_id, sent_at); CREATE INDEX messages_attachment ON messages (attachment);
	CREATE TABLE chats (id text PRIMARY KEY, company_id text NOT NULL, first_id text NOT NULL, second_id text NOT NULL);
	CREATE INDEX chats_first ON chats (first_id); CREATE INDEX chats_second ON chats (second_id)`

// hosting makes a database for hosts once.
var hosting sync.Once

// postgresSchema is an empty schema of its own, for tables whose names are
// given.
func postgresSchema(t testing.TB) database {
	t.Helper()
	db := postgresPrefix(t)
	dsn := strings.Replace(db.dsn, "dbname=postgres", "dbname=hosts", 1)
	hosting.Do(func() {
		_, err := db.pool(t).Exec("CREATE DATABASE hosts")
		require.NoError(t, err)
		_, err = database{d: db.d, dsn: dsn}.pool(t).Exec("CREATE EXTENSION pg_trgm")
		require.NoError(t, err)
	})
	name := "of_" + strings.TrimSuffix(db.options.Prefix, "_")
	_, err := database{d: db.d, dsn: dsn}.pool(t).Exec("CREATE SCHEMA " + name)
	require.NoError(t, err)
	return database{d: db.d, dsn: dsn + " search_path=" + name + ",public"}
}

// owned runs a test on each kind of database, in which the names of tables are
// the test's to give.
func owned(t *testing.T, f func(t *testing.T, open func(testing.TB) database)) {
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); f(t, sqliteFile) })
	t.Run("postgresql", func(t *testing.T) { t.Parallel(); f(t, postgresSchema) })
}

func newChatHost(t testing.TB, db database) *chatHost {
	t.Helper()
	h := &chatHost{db: db, store: db.open(t)}
	if db.d == sqlstore.SQLite {
		db.dsn += "&_txlock=immediate"
	}
	h.pool = db.pool(t)
	_, err := h.pool.Exec(chatDDL)
	require.NoError(t, err)
	return h
}

// embedded are the statements of a page's block for a dialect.
func embedded(t testing.TB, d sqlstore.Dialect) string {
	t.Helper()
	page, err := os.ReadFile("../../../../EMBEDDING.md")
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```sql\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	for _, b := range blocks {
		if strings.Contains(b[1], "CREATE TRIGGER messages_alive") && strings.Contains(b[1], "plpgsql") == (d == sqlstore.PostgreSQL) {
			return b[1]
		}
	}
	t.Fatal("the page has no triggers")
	return ""
}

// triggers makes those of EMBEDDING.md, to the letter.
func (h *chatHost) triggers(t testing.TB) {
	t.Helper()
	_, err := h.pool.Exec(embedded(t, h.db.d))
	require.NoError(t, err)
}

// sources are the tables, mapped or by the host's own SQL.
func (h *chatHost) sources(ctx context.Context, mapped bool) ([]storage.Source, error) {
	if !mapped {
		return []storage.Source{{Name: "posts", Inside: &ownSource{d: h.db.d}}, {Name: "talks", Inside: &ownSource{d: h.db.d, chats: true}}}, nil
	}
	m, err := h.store.Map(ctx, chatTables)
	if err != nil {
		return nil, err
	}
	return m.Sources(), nil
}

// insert adds a row, without a look at anything.
func (h *chatHost) insert(ctx context.Context, q sqlstore.Querier, r hostrows.Row) error {
	text, args := "INSERT INTO messages VALUES (?1, ?2, ?3, ?4, ?5, ?6)", []any{string(r.ID), string(r.Domain), string(r.Container), string(r.Author), r.At.UnixMilli(), r.Blob}
	if r.Peer != "" {
		text, args = "INSERT INTO chats VALUES (?1, ?2, ?3, ?4)", []any{string(r.ID), string(r.Domain), string(r.Author), string(r.Peer)}
	}
	_, err := q.ExecContext(ctx, placed(h.db.d, text), args...)
	return err
}

// placed is a statement with ?1 as a dialect writes it.
func placed(d sqlstore.Dialect, text string) string {
	if d == sqlstore.PostgreSQL {
		return strings.ReplaceAll(text, "?", "$")
	}
	return text
}

// refusedRow tells the refusal of a trigger from other errors.
func refusedRow(err error) (bool, error) {
	if err != nil && strings.Contains(err.Error(), "gone or being deleted") {
		return false, nil
	}
	return err == nil, err
}

// writers are the ways of a host's code to add a row that EMBEDDING.md shows.
var writers = map[string]func(*chatHost, context.Context, hostrows.Row) (bool, error){
	// Whatever way, with the triggers.
	"triggers": func(h *chatHost, ctx context.Context, r hostrows.Row) (bool, error) {
		return refusedRow(h.insert(ctx, h.pool, r))
	},
	// In Go, in a transaction of the library.
	"update": func(h *chatHost, ctx context.Context, r hostrows.Row) (added bool, err error) {
		return h.fenced(ctx, h.store, r)
	},
	// In Go, in one of the host's.
	"join": func(h *chatHost, ctx context.Context, r hostrows.Row) (bool, error) {
		tx, err := h.pool.BeginTx(ctx, nil)
		if err != nil {
			return false, err
		}
		defer func() { _ = tx.Rollback() }()
		store, err := sqlstore.Join(tx, h.db.d, &h.db.options)
		if err != nil {
			return false, err
		}
		added, err := h.fenced(ctx, store, r)
		return added, errors.Join(err, tx.Commit())
	},
}

// fenced adds a row behind the shared fence, after a look.
func (h *chatHost) fenced(ctx context.Context, s storage.Store, r hostrows.Row) (added bool, err error) {
	err = s.Update(ctx, storage.Fence{Domain: r.Domain, Mode: storage.Shared}, func(ctx context.Context, tx storage.Tx) error {
		q, err := sqlstore.Conn(tx)
		if err != nil {
			return err
		}
		if added, err = h.alive(ctx, q, tx, r); err != nil || !added {
			return err
		}
		return h.insert(ctx, q, r)
	})
	return added, err
}

func (h *chatHost) alive(ctx context.Context, q sqlstore.Querier, tx storage.Tx, r hostrows.Row) (bool, error) {
	people := []storage.ID{r.Author}
	if r.Peer != "" {
		people = append(people, r.Peer)
	} else {
		gs, err := tx.Groups(ctx, r.Domain, []storage.ID{r.Container})
		if err != nil || len(gs) > 0 && gs[0].Deleting {
			return false, err
		}
		if len(gs) == 0 {
			var a, b storage.ID
			err := q.QueryRowContext(ctx, placed(h.db.d, "SELECT first_id, second_id FROM chats WHERE id = ?1"), string(r.Container)).Scan(&a, &b)
			if err != nil {
				return false, ignore(err, sql.ErrNoRows)
			}
			people = append(people, a, b)
		}
	}
	for _, id := range people {
		us, err := tx.Users(ctx, r.Domain, []storage.ID{id})
		if err != nil || len(us) == 0 || us[0].Deleting {
			return false, err
		}
	}
	return true, nil
}

func ignore(err, expected error) error {
	if errors.Is(err, expected) {
		return nil
	}
	return err
}

// all are the rows of a domain.
func (h *chatHost) all(domain storage.ID) (all []hostrows.Row, err error) {
	for _, text := range []string{"SELECT id, company_id, channel_id, author_id, '', sent_at, attachment FROM messages WHERE company_id = ?1",
		"SELECT id, company_id, '', first_id, second_id, 0, '' FROM chats WHERE company_id = ?1"} {
		rows, err := h.pool.Query(placed(h.db.d, text), string(domain))
		if err != nil {
			return nil, err
		}
		for rows.Next() {
			var r hostrows.Row
			var at int64
			if err := rows.Scan(&r.ID, &r.Domain, &r.Container, &r.Author, &r.Peer, &at, &r.Blob); err != nil {
				return nil, errors.Join(err, rows.Close())
			}
			if at != 0 {
				r.At = time.UnixMilli(at).UTC()
			}
			all = append(all, r)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// ownSource is a source by the host's own SQL: of messages, or of chats.
type ownSource struct {
	d     sqlstore.Dialect
	chats bool
}

var _ storage.Inside = (*ownSource)(nil)

// where is the condition of a query; "" if no row can meet it.
func (s *ownSource) where(q storage.ContentQuery) (text string, args []any) {
	table, in, by := "messages", "channel_id", "author_id"
	if s.chats {
		table, in, by = "chats", "id", "NULL"
	}
	some := len(q.Containers)+len(q.Authors)+len(q.ChatsOf) > 0 || !q.Before.IsZero() || q.All
	if !some || s.chats && (len(q.Authors) > 0 || !q.Before.IsZero()) {
		return "", nil
	}
	add := func(cond string, v any) {
		if ids, ok := v.([]storage.ID); ok && len(ids) == 0 {
			return
		} else if data, _ := json.Marshal(ids); ok {
			v = string(data) // one form for both databases
		}
		args = append(args, v)
		text += " AND " + strings.ReplaceAll(cond, "?", fmt.Sprint("?", len(args)))
	}
	list := " IN (SELECT value FROM json_each(?))"
	if s.d == sqlstore.PostgreSQL {
		list = " IN (SELECT json_array_elements_text(?::json))"
	}
	chats := in + " IN (SELECT id FROM chats WHERE first_id" + list + " OR second_id" + list + ")"
	add("company_id = ?", string(q.Domain))
	add(in+list, q.Containers)
	add(by+list, q.Authors)
	add(chats, q.ChatsOf)
	add("("+in+list+") IS NOT TRUE", q.ExceptContainers)
	add("("+by+list+") IS NOT TRUE", q.ExceptUsers)
	add("("+chats+") IS NOT TRUE", q.ExceptUsers)
	if !q.Before.IsZero() {
		add("sent_at < ?", q.Before.UnixMilli())
	}
	return placed(s.d, " FROM "+table+" WHERE "+strings.TrimPrefix(text, " AND ")), args
}

func (s *ownSource) Count(ctx context.Context, r storage.Reader, q storage.ContentQuery) (n int64, err error) {
	db, err := sqlstore.Conn(r)
	text, args := s.where(q)
	if err != nil || text == "" {
		return 0, err
	}
	return n, db.QueryRowContext(ctx, "SELECT count(*)"+text, args...).Scan(&n)
}

// Delete deletes a page; the next one begins at the start again, where the rows
// are gone.
func (s *ownSource) Delete(ctx context.Context, tx storage.Tx, q storage.ContentQuery, p storage.Page) (n int64, blobs []string, next storage.Cursor, err error) {
	db, err := sqlstore.Conn(tx)
	text, args := s.where(q)
	if err != nil || text == "" {
		return 0, nil, "", err
	}
	table, blob := "messages", "attachment"
	if s.chats {
		table, blob = "chats", "NULL"
	}
	rows, err := db.QueryContext(ctx, fmt.Sprintf("DELETE FROM %s WHERE id IN (SELECT id%s LIMIT %d) RETURNING %s", table, text, p.Limit, blob), args...)
	if err != nil {
		return 0, nil, "", err
	}
	defer func() { _ = rows.Close() }()
	for ; rows.Next(); n++ {
		var key sql.NullString
		if err := rows.Scan(&key); err != nil {
			return 0, nil, "", err
		}
		if key.String != "" {
			blobs = append(blobs, key.String)
		}
	}
	if n > 0 {
		next = "more"
	}
	return n, blobs, next, rows.Err()
}

func (s *ownSource) BlobsInUse(ctx context.Context, r storage.Reader, keys []string) (used []string, err error) {
	db, err := sqlstore.Conn(r)
	if err != nil || s.chats {
		return nil, err
	}
	for _, key := range keys {
		var n int
		if err := db.QueryRowContext(ctx, placed(s.d, "SELECT count(*) FROM messages WHERE attachment = ?1"), key).Scan(&n); err != nil {
			return nil, err
		}
		if n > 0 {
			used = append(used, key)
		}
	}
	return used, nil
}

// The host's own SQL does what a source must do.
func TestOwnSource(t *testing.T) {
	t.Parallel()
	owned(t, func(t *testing.T, open func(testing.TB) database) {
		storetest.RunSource(t, func(t *testing.T) storetest.SourceBackend {
			h := newChatHost(t, open(t))
			sources, err := h.sources(t.Context(), false)
			require.NoError(t, err)
			insert := func(rows []storetest.SourceRow) error {
				tx, err := h.pool.Begin()
				if err != nil {
					return err
				}
				defer func() { _ = tx.Rollback() }()
				for _, r := range rows {
					row := hostrows.Row{ID: r.ID, Domain: r.Domain, Container: r.Container, Author: r.Author, Peer: r.Peer, At: r.At, Blob: r.Blob}
					if err := h.insert(t.Context(), tx, row); err != nil {
						return err
					}
				}
				return tx.Commit()
			}
			left := func() (ids []storage.ID, err error) {
				rows, err := h.pool.Query("SELECT id FROM messages")
				if err != nil {
					return nil, err
				}
				defer func() { _ = rows.Close() }()
				for rows.Next() {
					var id storage.ID
					if err := rows.Scan(&id); err != nil {
						return nil, err
					}
					ids = append(ids, id)
				}
				return ids, rows.Err()
			}
			return storetest.SourceBackend{Source: sources[0], Store: h.store, Insert: insert, Chats: insert, Left: left}
		})
	})
}

// What must hold of every deletion, over a host's own tables: mapped, and by
// the host's own SQL.
func TestHosted(t *testing.T) {
	t.Parallel()
	owned(t, func(t *testing.T, open func(testing.TB) database) {
		for name, mapped := range map[string]bool{"mapped": true, "by interface": false} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				erasetest.Hosted(t, func(t *testing.T) erasetest.Host {
					h := newChatHost(t, open(t))
					sources, err := h.sources(t.Context(), mapped)
					require.NoError(t, err)
					put := writers["update"]
					if mapped {
						h.triggers(t)
						put = writers["triggers"]
					}
					return erasetest.Host{Store: h.store, Sources: sources, All: h.all,
						Put: func(r hostrows.Row) (bool, error) { return put(h, t.Context(), r) }}
				}, 2, 80)
			})
		}
	})
}
