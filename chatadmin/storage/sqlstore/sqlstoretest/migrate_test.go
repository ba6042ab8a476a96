package sqlstoretest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/sqlstore"
	"chatadmin.example/sdk/chatadmin/storage/sqlstore/internal/schema"
)

// steps are those of a database, up to a version.
func (db database) steps(files fs.FS) schema.Steps {
	s := schema.Steps{Files: files, Dialect: db.d.String(), Prefix: db.sql("{{p}}"), Begin: "BEGIN IMMEDIATE"}
	s.Fill = func(context.Context, *sql.Conn, string) (bool, error) { return false, nil } // the tables are empty
	if db.d == sqlstore.PostgreSQL {
		s.Begin, s.Lock = "BEGIN", "SELECT pg_advisory_xact_lock(1)"
	}
	return s
}

// upTo are the embedded steps that lead to a version, and no further.
func upTo(t *testing.T, version int) fstest.MapFS {
	t.Helper()
	m := fstest.MapFS{}
	for v := 1; v <= version; v++ {
		for _, d := range []sqlstore.Dialect{sqlstore.SQLite, sqlstore.PostgreSQL} {
			name := fmt.Sprintf("%d.%s.sql", v, d)
			text, err := fs.ReadFile(schema.Files, name)
			require.NoError(t, err, "each version has a step for each database")
			m[name] = &fstest.MapFile{Data: text}
		}
	}
	return m
}

// latest is the version that the package works with: the highest number of a
// file.
func latest(t *testing.T) int {
	t.Helper()
	names, err := fs.Glob(schema.Files, "*.sql")
	require.NoError(t, err)
	highest := 0
	for _, name := range names {
		n := 0
		_, err := fmt.Sscanf(name, "%d.", &n)
		require.NoError(t, err, name)
		highest = max(highest, n)
	}
	require.Len(t, names, 2*highest, "two files for each version")
	return highest
}

func (db database) stepTo(t *testing.T, pool *sql.DB, files fs.FS) (int, error) {
	t.Helper()
	c, err := pool.Conn(context.Background())
	if err != nil {
		return 0, err
	}
	defer func() { _ = c.Close() }()
	for steps := db.steps(files); ; {
		n, err := steps.Step(context.Background(), c)
		if err != nil || n >= steps.Version() {
			return n, err
		}
	}
}

// seed fills tables of a version with the rows of testdata/version-N.sql, which
// were written when that version was made.
func (db database) seed(t *testing.T, pool *sql.DB, version int) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("testdata/version-%d.sql", version))
	require.NoError(t, err, "rows as version %d has them, so that later versions can be tried on them", version)
	for statement := range strings.SplitSeq(strings.TrimSuffix(strings.TrimSpace(string(text)), ";"), ";\n") {
		_, err := pool.Exec(db.sql(statement))
		require.NoError(t, err, statement)
	}
}

// seeded wants the rows of the seeds, as the library sees them now.
func seeded(t *testing.T, s storage.Store) {
	t.Helper()
	ms := func(n int64) time.Time { return time.UnixMilli(1700000000000 + n).UTC() }
	ds, err := s.Domains(t.Context(), []storage.ID{"acme"})
	require.NoError(t, err)
	require.Equal(t, []storage.Domain{{ID: "acme", Rev: 1, Fence: 2, Name: "Acme", Data: []byte("{}")}}, ds)
	us, err := s.UsersByLogin(t.Context(), "acme", []string{"ann"})
	require.NoError(t, err)
	require.Equal(t, []storage.User{{ID: "ann", Domain: "acme", Rev: 3, LoginKey: "ann", NameKey: "ann a", Login: "Ann", Email: "ann@acme.example", DisplayName: "Ann A", FirstName: "Ann", LastName: "A",
		Title: "Boss", Department: "Sales", Phone: "0600", PhoneE164: "+31600", Role: "member", Kind: 1, Status: 2, Admin: true, Attrs: []byte("{}"), Created: ms(0)}}, us)
	p := storage.Page{Limit: 10}
	for _, part := range []string{"ann a", "n@acme", "a"} {
		found, _, err := s.ListUsers(t.Context(), storage.UserQuery{Domain: "acme", Search: part}, p)
		require.NoError(t, err)
		require.Equal(t, us, found, "users of before are found by any part")
	}
	gs, _, err := s.ListGroups(t.Context(), storage.GroupQuery{Domain: "acme"}, p)
	require.NoError(t, err)
	require.Equal(t, []storage.Group{{ID: "all", Domain: "acme", Rev: 4, Creator: "ann", Name: "All", NameKey: "all", Default: true, Shipped: true, Data: []byte("{}")}}, gs)
	for _, part := range []string{"all", "l"} {
		found, _, err := s.ListGroups(t.Context(), storage.GroupQuery{Domain: "acme", Search: part, NotArchived: true}, p)
		require.NoError(t, err)
		require.Equal(t, gs, found, "groups of before are found by any part, and are not archived")
	}
	members, _, err := s.ListMemberships(t.Context(), storage.MemberQuery{Domain: "acme", User: "ann"}, p)
	require.NoError(t, err)
	require.Equal(t, []storage.Membership{{Domain: "acme", Group: "all", User: "ann", Rev: 5, Admin: true}}, members)
	devices, err := s.Devices(t.Context(), "acme", []storage.ID{"d"})
	require.NoError(t, err)
	require.Equal(t, []storage.Device{{ID: "d", Domain: "acme", User: "ann", Rev: 6, Key: "key", Name: "Phone", Version: "1.0", Secret: []byte("secret"), Data: []byte("{}"), Type: 1, Status: 2, Generation: 3,
		LastSeen: ms(1)}}, devices)
	for _, part := range []string{"hone", "key", "e"} {
		found, _, err := s.ListDevices(t.Context(), storage.DeviceQuery{Domain: "acme", Search: part}, p)
		require.NoError(t, err)
		require.Equal(t, devices, found, "devices of before are found by any part")
	}
	rs, err := s.Records(t.Context(), []storage.Key{{Kind: "job", Domain: "acme", ID: "j"}})
	require.NoError(t, err)
	require.Equal(t, []storage.Record{{Key: storage.Key{Kind: "job", Domain: "acme", ID: "j"}, Owner: "ann", Rev: 7, Data: []byte("{}")}}, rs)
	for _, q := range []storage.EventQuery{{}, {Target: "ann"}, {Targets: []storage.ID{"d", "none"}}} {
		q.Domain = "acme"
		es, _, err := s.ListEvents(t.Context(), q, p)
		require.NoError(t, err)
		require.Equal(t, []storage.Event{{ID: "e", Domain: "acme", Rev: 8, Actor: "ann", Kind: "user.create", At: ms(2), Targets: []storage.ID{"ann", "d"}, Data: []byte("{}")}}, es)
	}
	n, err := s.CountContent(t.Context(), storage.ContentQuery{Domain: "acme", Containers: []storage.ID{"all"}})
	require.NoError(t, err)
	require.Equal(t, storage.ContentCount{Messages: 1}, n)
}

// Tables of every version so far, with rows in them, are brought up to date:
// nothing is lost, and the library works on them.
func TestMigrateFromEveryVersion(t *testing.T) {
	databases(t, func(t *testing.T, kind database) {
		for version := 0; version <= latest(t); version++ {
			db := sqliteFile(t)
			if kind.d == sqlstore.PostgreSQL {
				db = postgresPrefix(t)
			}
			pool := db.pool(t)
			if version > 0 {
				found, err := db.stepTo(t, pool, upTo(t, version))
				require.NoError(t, err)
				require.Equal(t, version, found)
				db.seed(t, pool, version)
			}
			if version < latest(t) {
				db.options.NoMigrate = true
				var wrong *sqlstore.SchemaError
				_, err := sqlstore.Open(t.Context(), pool, db.d, &db.options)
				require.True(t, errors.As(err, &wrong) && wrong.Found == version && wrong.Known == latest(t), "%v", err)
				db.options.NoMigrate = false
			}
			s, err := sqlstore.Open(t.Context(), pool, db.d, &db.options)
			require.NoError(t, err, "from version %d", version)
			if version == 0 {
				db.seed(t, pool, latest(t))
			}
			seeded(t, s)
			admin := chatadmintest.Must(chatadmin.New(s, nil))
			set, err := chatadmin.NewSettings(chatadmin.ESChat)
			require.NoError(t, err)
			set.Login = chatadmin.LoginPolicy{MaxLength: 100}
			require.NoError(t, admin.RepairSettings(t.Context(), "acme", set), "those of the rows are none")
			_, err = admin.AsHost("acme").CreateUser(t.Context(), chatadmin.NewUser{Login: "bob", NoInvitation: true})
			require.NoError(t, err)
		}
	})
}

// A version to come: ten processes go there at once from tables with rows in
// them, each step is done once, one that fails leaves nothing, and this release
// refuses what is newer than it.
func TestMigrateFurther(t *testing.T) {
	databases(t, func(t *testing.T, db database) {
		now := latest(t)
		files := upTo(t, now)
		add := func(version int, text string) {
			for _, d := range []sqlstore.Dialect{sqlstore.SQLite, sqlstore.PostgreSQL} {
				files[fmt.Sprintf("%d.%s.sql", version, d)] = &fstest.MapFile{Data: []byte(text)}
			}
		}
		pool := db.pool(t)
		s, err := sqlstore.Open(t.Context(), pool, db.d, &db.options)
		require.NoError(t, err)
		db.seed(t, pool, now)
		add(now+1, "ALTER TABLE {{p}}users ADD COLUMN nick text DEFAULT 'none';\nCREATE INDEX {{p}}users_nick ON {{p}}users (nick);\n")
		add(now+2, "UPDATE {{p}}users SET nick = login;\n")
		var wg sync.WaitGroup
		for range 10 {
			pool := db.pool(t)
			wg.Go(func() {
				if found, err := db.stepTo(t, pool, files); err != nil || found != now+2 {
					t.Errorf("version %d: %v", found, err)
				}
			})
		}
		wg.Wait()
		rows := func(text string) (n int) {
			require.NoError(t, pool.QueryRow(db.sql(text)).Scan(&n))
			return n
		}
		require.Equal(t, now+2, rows("SELECT count(*) FROM {{p}}schema"), "each step once")
		require.Equal(t, 1, rows("SELECT count(*) FROM {{p}}users WHERE nick = 'Ann'"))
		seeded(t, s)

		add(now+3, "DELETE FROM {{p}}users;\nUPDATE {{p}}nothing SET x = 1;\n")
		_, err = db.stepTo(t, pool, files)
		require.ErrorContains(t, err, "nothing")
		require.ErrorContains(t, err, fmt.Sprintf("version %d", now+3))
		require.Equal(t, now+2, rows("SELECT max(version) FROM {{p}}schema"))
		seeded(t, s)

		var newer *sqlstore.SchemaError
		_, err = sqlstore.Open(t.Context(), pool, db.d, &db.options)
		require.True(t, errors.As(err, &newer) && newer.Found == now+2 && newer.Known == now, "%v", err)
	})
}

// Stores of different prefixes share a database without seeing, or waiting for,
// each other.
func TestPrefixes(t *testing.T) {
	databases(t, func(t *testing.T, one database) {
		other := one
		other.options.Prefix = "x" + one.options.Prefix
		stores := [2]*sqlstore.Store{one.open(t), other.open(t)}
		acme := func(name string) func(context.Context, storage.Tx) error {
			return func(ctx context.Context, tx storage.Tx) error {
				_, err := tx.ChangeDomains(ctx, []storage.Write[storage.Domain]{{Row: storage.Domain{ID: "acme", Rev: 1, Name: name}}})
				return err
			}
		}
		for i, s := range stores {
			ds, err := s.Domains(t.Context(), []storage.ID{"acme"})
			require.NoError(t, err)
			require.Empty(t, ds)
			require.NoError(t, s.Update(t.Context(), storage.Fence{}, acme(fmt.Sprint(i))))
		}
		for i, s := range stores {
			ds, err := s.Domains(t.Context(), []storage.ID{"acme"})
			require.NoError(t, err)
			require.Equal(t, fmt.Sprint(i), ds[0].Name)
		}
		if one.d == sqlstore.SQLite {
			return // one file has one writer
		}
		exclusive := storage.Fence{Domain: "acme", Mode: storage.Exclusive}
		require.NoError(t, stores[0].Update(t.Context(), exclusive, func(ctx context.Context, _ storage.Tx) error {
			return stores[1].Update(ctx, exclusive, func(context.Context, storage.Tx) error { return nil })
		}))
	})
}

// How a column is stored is for PostgreSQL itself: databases that only speak
// its protocol may refuse the statement.
func TestSerializableLeavesStorageAlone(t *testing.T) {
	for _, serializable := range []bool{false, true} {
		db := postgresPrefix(t)
		db.options.Serializable = serializable
		pool, w := db.watched(t, nil)
		seen := w.during(func() {
			_, err := sqlstore.Open(t.Context(), pool, db.d, &db.options)
			require.NoError(t, err)
		})
		told := slices.ContainsFunc(seen, func(s statement) bool { return strings.Contains(s.text, "SET STORAGE") })
		require.Equal(t, !serializable, told)
	}
}
