package sqlstoretest

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/sqlstore"
	"chatadmin.example/sdk/chatadmin/storage/storetest"
)

// shape is how a host keeps its messages and private chats. In its statements
// {{p}} begins the names of tables, {{id}} is the type of IDs, {{time}} that of
// times.
type shape struct {
	ddl      string
	tables   sqlstore.Tables
	insert   string // of a message: id, domain, container, author, at, blob
	chat     string // of a chat: id, domain, author, peer; several statements
	left     string // the IDs that the host finds
	id, time string // types
	newID    func(kind string, n int) storage.ID
	at       func(time.Time) any
	one      bool // all rows belong to one domain
	noTime   bool
	noPlace  bool
	noAuthor bool
	noBlob   bool
}

// sided is the usual form: messages with a column for everything, and chats with
// two sides.
func sided() shape {
	return shape{
		ddl: `CREATE TABLE {{p}}posts (id {{id}} PRIMARY KEY, company {{id}}, room {{id}}, sender {{id}}, at {{time}}, attachment text);
			CREATE INDEX {{p}}posts_room ON {{p}}posts (room); CREATE INDEX {{p}}posts_sender ON {{p}}posts (sender);
			CREATE INDEX {{p}}posts_at ON {{p}}posts (company, at); CREATE INDEX {{p}}posts_attachment ON {{p}}posts (attachment);
			CREATE TABLE {{p}}talks (id {{id}} PRIMARY KEY, company {{id}}, a {{id}}, b {{id}});
			CREATE INDEX {{p}}talks_a ON {{p}}talks (a); CREATE INDEX {{p}}talks_b ON {{p}}talks (b)`,
		tables: sqlstore.Tables{
			Rows:  []sqlstore.Table{{Name: "posts", Table: "{{p}}posts", Author: "sender", Container: "room", At: "at", Blob: "attachment", Domain: "company"}},
			Chats: &sqlstore.Chats{Name: "talks", Table: "{{p}}talks", ID: "id", Sides: [2]string{"a", "b"}, Domain: "company"},
		},
		insert: "INSERT INTO {{p}}posts VALUES (?, ?, ?, ?, ?, ?)",
		chat:   "INSERT INTO {{p}}talks VALUES (?1, ?2, ?3, ?4)",
		left:   "SELECT id FROM {{p}}posts",
		id:     "text", time: "bigint",
		at: func(at time.Time) any { return at.UnixMilli() },
	}
}

func uuids(kind string, n int) storage.ID {
	return storage.ID(fmt.Sprintf("00000000-0000-4000-%04d-%012d", len(kind), n))
}

func numbers(_ string, n int) storage.ID { return storage.ID(strconv.Itoa(n)) }

// shapes are those that are tried on a dialect.
func shapes(d sqlstore.Dialect) map[string]shape {
	channels := sided()
	channels.ddl = `CREATE TABLE {{p}}posts (id {{id}} PRIMARY KEY, room {{id}}, sender {{id}}, at {{time}}, attachment text, company {{id}});
		CREATE TABLE {{p}}channels (id {{id}} PRIMARY KEY, company {{id}}, "Type" text NOT NULL);
		CREATE TABLE {{p}}channel_members (channel {{id}}, member {{id}}, PRIMARY KEY (channel, member));
		CREATE INDEX {{p}}channel_members_member ON {{p}}channel_members (member)`
	channels.insert = "INSERT INTO {{p}}posts (id, company, room, sender, at, attachment) VALUES (?, ?, ?, ?, ?, ?)"
	channels.chat = `INSERT INTO {{p}}channels VALUES (?1, ?2, 'D'); INSERT INTO {{p}}channel_members VALUES (?1, ?3); INSERT INTO {{p}}channel_members VALUES (?1, ?4);
		INSERT INTO {{p}}channel_members VALUES (?3, ?3)`
	channels.tables.Chats = &sqlstore.Chats{Name: "talks", Table: "{{p}}channels", ID: "id", Members: "{{p}}channel_members", MemberChat: "channel", MemberUser: "member",
		Type: "Type", Is: "D", Domain: "company"}
	channels.tables.Rows[0].Time = sqlstore.Timestamps
	channels.id, channels.newID = "uuid", uuids
	channels.time, channels.at = "timestamptz", func(at time.Time) any { return at }
	if d == sqlstore.SQLite {
		channels.time, channels.at = "datetime", func(at time.Time) any { return at.UTC().Format(time.DateTime) }
	}

	marked := sided()
	marked.ddl = `CREATE TABLE {{p}}posts (id {{id}} PRIMARY KEY, room {{id}}, sender {{id}}, at {{time}}, attachment text, gone_at {{time}} NOT NULL DEFAULT 0);
		CREATE TABLE {{p}}talks (id {{id}} PRIMARY KEY, a {{id}}, b {{id}})`
	marked.insert = "INSERT INTO {{p}}posts (id, room, sender, at, attachment) VALUES (?1, ?3, ?4, ?5, ?6)"
	marked.chat = "INSERT INTO {{p}}talks VALUES (?1, ?3, ?4)"
	marked.left = "SELECT id FROM {{p}}posts WHERE gone_at = 0"
	marked.tables.Rows[0].Domain, marked.tables.Chats.Domain, marked.tables.Domain = "", "", "7"
	marked.tables.Rows[0].Mark, marked.tables.Rows[0].Time = "gone_at", sqlstore.Seconds
	marked.id, marked.newID, marked.one = "bigint", numbers, true
	marked.at = func(at time.Time) any { return at.Unix() }

	flagged := sided()
	flagged.ddl += "; ALTER TABLE {{p}}posts ADD COLUMN hidden boolean"
	flagged.insert = "INSERT INTO {{p}}posts (id, company, room, sender, at, attachment) VALUES (?, ?, ?, ?, ?, ?)"
	flagged.left = "SELECT id FROM {{p}}posts WHERE hidden IS NOT TRUE"
	flagged.tables.Rows[0].Mark = "hidden"
	flagged.id = "varchar(64)"

	view := sided()
	view.ddl += `; CREATE VIEW {{p}}visible AS SELECT id AS key, company, room, sender, at, attachment FROM {{p}}posts`
	if d == sqlstore.SQLite {
		view.ddl += `; CREATE TRIGGER {{p}}visible_gone INSTEAD OF DELETE ON {{p}}visible BEGIN DELETE FROM {{p}}posts WHERE id = OLD.key; END`
	}
	view.tables.Rows[0].Table, view.tables.Rows[0].ID = "{{p}}visible", "key"

	scheduled := shape{
		ddl:    "CREATE TABLE {{p}}publications (id {{id}} PRIMARY KEY, company {{id}}, owner {{id}})",
		tables: sqlstore.Tables{Rows: []sqlstore.Table{{Name: "publications", Table: "{{p}}publications", Author: "owner", Domain: "company"}}},
		insert: "INSERT INTO {{p}}publications VALUES (?1, ?2, ?4)",
		left:   "SELECT id FROM {{p}}publications",
		id:     "text", time: "bigint", at: func(time.Time) any { return nil },
		noTime: true, noPlace: true, noBlob: true,
	}
	inRooms := sided()
	inRooms.ddl = "CREATE TABLE {{p}}posts (id {{id}} PRIMARY KEY, company {{id}}, room {{id}})"
	inRooms.tables.Rows[0] = sqlstore.Table{Name: "pins", Table: "{{p}}posts", Container: "room", Domain: "company"}
	inRooms.tables.Chats, inRooms.chat = nil, ""
	inRooms.insert = "INSERT INTO {{p}}posts VALUES (?1, ?2, ?3)"
	inRooms.id = "char(36)"
	inRooms.newID = uuids
	inRooms.noTime, inRooms.noBlob, inRooms.noAuthor = true, true, true

	all := map[string]shape{"sides": sided(), "channels": channels, "marked": marked, "flagged": flagged, "view": view, "publications": scheduled, "pins": inRooms}
	if d == sqlstore.PostgreSQL {
		parts := sided()
		parts.ddl = strings.Replace(parts.ddl, "attachment text)", "attachment text) PARTITION BY HASH (id); CREATE TABLE {{p}}posts_0 PARTITION OF {{p}}posts FOR VALUES WITH (MODULUS 2, REMAINDER 0);"+
			"CREATE TABLE {{p}}posts_1 PARTITION OF {{p}}posts FOR VALUES WITH (MODULUS 2, REMAINDER 1)", 1)
		parts.tables.Rows[0].ID = "id"
		all["partitions"] = parts
	} else {
		keyed := sided()
		keyed.ddl = strings.Replace(keyed.ddl, "attachment text)", "attachment text) WITHOUT ROWID", 1)
		keyed.tables.Rows[0].ID = "id"
		all["without rowid"] = keyed
	}
	return all
}

// hosted is a database with a host's tables in it.
type hosted struct {
	shape
	db    database
	pool  *sql.DB
	store *sqlstore.Store
	m     *sqlstore.Mapping
}

func (s shape) fill(db database, text string) string {
	return strings.NewReplacer("{{p}}", "h"+db.options.Prefix, "{{id}}", s.id, "{{time}}", s.time).Replace(text)
}

// host makes a host's tables and maps them.
func (s shape) host(t *testing.T, db database) *hosted {
	t.Helper()
	h := &hosted{shape: s, db: db, pool: db.pool(t), store: db.open(t)}
	for _, text := range strings.Split(s.fill(db, s.ddl), ";") {
		if _, err := h.pool.Exec(text); err != nil && !strings.Contains(text, "TRIGGER") && strings.TrimSpace(text) != "END" {
			require.NoError(t, err, text)
		}
	}
	if at := strings.Index(s.ddl, "CREATE TRIGGER"); at >= 0 {
		_, err := h.pool.Exec(s.fill(db, s.ddl[at:]))
		require.NoError(t, err)
	}
	tables := s.tables
	tables.Rows = nil
	for _, row := range s.tables.Rows {
		row.Table = s.fill(db, row.Table)
		tables.Rows = append(tables.Rows, row)
	}
	if s.tables.Chats != nil {
		chats := *s.tables.Chats
		chats.Table, chats.Members = s.fill(db, chats.Table), s.fill(db, chats.Members)
		tables.Chats = &chats
	}
	var err error
	h.m, err = h.store.Map(t.Context(), tables)
	require.NoError(t, err)
	return h
}

// exec runs statements of the host's, in which "?" is the next argument and ?1 to
// ?6 are those of a number.
func (h *hosted) exec(db sqlstore.Querier, text string, args ...any) error {
	for _, one := range strings.Split(h.fill(h.db, text), ";") {
		var used []any
		one = holders.ReplaceAllStringFunc(one, func(holder string) string {
			n := len(used)
			if len(holder) > 1 {
				n = int(holder[1] - '1')
			}
			used = append(used, args[n])
			if h.db.d == sqlstore.PostgreSQL {
				return fmt.Sprintf("$%d", len(used))
			}
			return "?"
		})
		if _, err := db.ExecContext(context.Background(), one, used...); err != nil {
			return fmt.Errorf("%s: %w", one, err)
		}
	}
	return nil
}

var holders = regexp.MustCompile(`\?[1-6]?`)

func (h *hosted) post(db sqlstore.Querier, r storetest.SourceRow) error {
	var null sql.NullString
	text := func(id storage.ID) any {
		if id == "" {
			return null
		}
		return string(id)
	}
	return h.exec(db, h.insert, text(r.ID), text(r.Domain), text(r.Container), text(r.Author), h.at(r.At), r.Blob)
}

func (h *hosted) talk(db sqlstore.Querier, r storetest.SourceRow) error {
	return h.exec(db, h.chat, string(r.ID), string(r.Domain), string(r.Author), string(r.Peer))
}

func inserting(h *hosted, insert func(sqlstore.Querier, storetest.SourceRow) error) func([]storetest.SourceRow) error {
	return func(rows []storetest.SourceRow) error {
		tx, err := h.pool.Begin()
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }()
		for _, r := range rows {
			if err := insert(tx, r); err != nil {
				return err
			}
		}
		return tx.Commit()
	}
}

// found are the IDs that a query of the host's finds.
func (h *hosted) found(query string) (ids []storage.ID, err error) {
	rows, err := h.pool.Query(h.fill(h.db, query))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, storage.ID(id))
	}
	return ids, rows.Err()
}

// Every form of tables does what a source must do, on both databases.
func TestMappedTables(t *testing.T) {
	t.Parallel()
	for _, d := range []sqlstore.Dialect{sqlstore.SQLite, sqlstore.PostgreSQL} {
		for name, s := range shapes(d) {
			t.Run(d.String()+" "+name, func(t *testing.T) {
				t.Parallel()
				storetest.RunSource(t, func(t *testing.T) storetest.SourceBackend {
					db := sqliteFile(t)
					if d == sqlstore.PostgreSQL {
						db = postgresPrefix(t)
					}
					h := s.host(t, db)
					b := storetest.SourceBackend{Source: h.m.Sources()[0], Store: h.store, NewID: s.newID, Insert: inserting(h, h.post),
						Left:   func() ([]storage.ID, error) { return h.found(s.left) },
						NoTime: s.noTime, NoContainer: s.noPlace, NoBlob: s.noBlob, NoAuthor: s.noAuthor, OneDomain: s.tables.Domain}
					if s.chat != "" {
						b.Chats = inserting(h, h.talk)
					}
					return b
				})
			})
		}
		for _, name := range []string{"sides", "channels"} {
			t.Run(d.String()+" chats with "+name, func(t *testing.T) {
				t.Parallel()
				s := shapes(d)[name]
				storetest.RunSource(t, func(t *testing.T) storetest.SourceBackend {
					db := sqliteFile(t)
					if d == sqlstore.PostgreSQL {
						db = postgresPrefix(t)
					}
					if s.chat = strings.Split(s.chat, ";\n\t\tINSERT")[0]; s.tables.Chats.Type != "" {
						s.left = "SELECT id FROM {{p}}channels"
					} else {
						s.left = "SELECT id FROM {{p}}talks"
					}
					h := s.host(t, db)
					return storetest.SourceBackend{Source: h.m.Sources()[1], Store: h.store, NewID: s.newID, Insert: inserting(h, h.talk), AreChats: true,
						Left: func() ([]storage.ID, error) { return h.found(s.left) }, NoTime: true, NoBlob: true}
				})
			})
		}
	}
}
