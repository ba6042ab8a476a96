package sqlstoretest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/sqlstore"
	"chatadmin.example/sdk/chatadmin/storage/storetest"
)

// The users, groups and devices of an earlier version are found by any part of them, also
// if the migration was interrupted, and each is written once.
func TestMigrateFillsSearch(t *testing.T) {
	databases(t, func(t *testing.T, db database) {
		pool := db.pool(t)
		_, err := db.stepTo(t, pool, upTo(t, 3))
		require.NoError(t, err)
		db.seed(t, pool, 3)
		const n = 2500
		tx, err := pool.Begin()
		require.NoError(t, err)
		for i := range n {
			_, err := tx.Exec(db.sql(fmt.Sprintf("INSERT INTO {{p}}users VALUES ('u%04d', 'acme', 1, 'login%04d', 'josé %[1]d', '', 'J%04[1]d@Acme.Example', '', '', '', '', '', '', '', 'member', '', 1, 1, false, false, false, '{}', 0)", i, i)))
			require.NoError(t, err)
		}
		for i := range n {
			_, err := tx.Exec(db.sql(fmt.Sprintf("INSERT INTO {{p}}groups VALUES ('g%04d', 'acme', 1, '', '', 'café %[1]d', false, false, false, '{}')", i)))
			require.NoError(t, err)
		}
		for i := range n {
			_, err := tx.Exec(db.sql(fmt.Sprintf("INSERT INTO {{p}}devices VALUES ('d%04d', 'acme', 1, 'ann', 'serial-%[1]d', 'José''s phone', '', '', '', 1, 1, 1, 0)", i)))
			require.NoError(t, err)
		}
		require.NoError(t, tx.Commit())
		var wrote atomic.Int64
		fails := errors.New("the process dies")
		broken, _ := db.watched(t, func(s statement) error {
			if strings.Contains(s.text, "users SET search") && wrote.Add(1) == 1700 {
				return fails
			}
			return nil
		})
		_, err = sqlstore.Open(t.Context(), broken, db.d, &db.options)
		require.ErrorIs(t, err, fails)
		s, err := sqlstore.Open(t.Context(), broken, db.d, &db.options)
		require.NoError(t, err)
		require.LessOrEqual(t, wrote.Load(), int64(n+1+1000), "what was committed is not done again")
		for text, want := range map[string]int{"jose": n, "jose 2499": 1, "j0042@acme": 1, "n0042": 1, "42": 60 + 15} {
			found, err := s.CountUsers(t.Context(), storage.UserQuery{Domain: "acme", Search: text})
			require.NoError(t, err)
			if text != "42" {
				require.EqualValues(t, want, found, text)
			}
			listed := 0
			for p := (storage.Page{Limit: 700}); ; {
				rows, next, err := s.ListUsers(t.Context(), storage.UserQuery{Domain: "acme", Search: text}, p)
				require.NoError(t, err)
				listed += len(rows)
				if p.After = next; next == "" {
					break
				}
			}
			require.EqualValues(t, found, listed, text)
		}
		for text, want := range map[string]int{"cafe": 700, "cafe 2499": 1, "e 249": 11} {
			gs, _, err := s.ListGroups(t.Context(), storage.GroupQuery{Domain: "acme", Search: text}, storage.Page{Limit: 700})
			require.NoError(t, err)
			require.Len(t, gs, want, text)
		}
		for text, want := range map[string]int{"jose's": 700, "rial-2499": 1, "l-249": 11} {
			ds, _, err := s.ListDevices(t.Context(), storage.DeviceQuery{Domain: "acme", Search: text}, storage.Page{Limit: 700})
			require.NoError(t, err)
			require.Len(t, ds, want, text)
		}
	})
}

// Where the database permits no index for searching, the tables are made
// without it, and searching finds the same.
func TestSearchWithoutIndex(t *testing.T) {
	owner, err := sql.Open("pgx", postgres(t).dsn())
	require.NoError(t, err)
	defer func() { _ = owner.Close() }()
	n := number.Add(1)
	tenant, name := fmt.Sprintf("tenant%d", n), fmt.Sprintf("plain%d", n)
	for _, statement := range []string{"CREATE ROLE " + tenant + " LOGIN", "CREATE DATABASE " + name + " TEMPLATE template0 LC_CTYPE 'C.UTF-8'"} {
		_, err := owner.Exec(statement)
		require.NoError(t, err)
	}
	plain := strings.Replace(postgres(t).dsn(), "dbname=postgres", "dbname="+name, 1)
	inside, err := sql.Open("pgx", plain)
	require.NoError(t, err)
	defer func() { _ = inside.Close() }()
	_, err = inside.Exec("GRANT CREATE ON SCHEMA public TO " + tenant)
	require.NoError(t, err)

	indexed := func(db database) (found bool) {
		require.NoError(t, inside.QueryRow(db.sql("SELECT to_regclass('{{p}}users_search') IS NOT NULL")).Scan(&found))
		return found
	}
	// in this order: the second makes the extension, which the first would find
	for _, user := range []string{tenant, "chatadmin"} {
		want := user == "chatadmin"
		t.Run(user, func(t *testing.T) {
			storetest.RunOnly(t, func(t *testing.T) storetest.Backend {
				db := postgresPrefix(t)
				db.dsn = strings.Replace(plain, "user=chatadmin", "user="+user, 1)
				s := db.open(t)
				require.Equal(t, want, indexed(db))
				return storetest.Backend{Store: s, Again: func() storage.Store { return db.open(t) }}
			}, "UserLists", "Search", "Groups", "GroupSearch", "Devices", "DeviceSearch")
		})
	}
}

// Tables that were made without the index get it by one statement of the host,
// and the next store uses it.
func TestSearchIndexAfterwards(t *testing.T) {
	db := postgresPrefix(t)
	db.options.Serializable = true // without optional steps
	pool, w := db.watched(t, nil)
	search := func() bool {
		s, err := sqlstore.Open(t.Context(), pool, db.d, &db.options)
		require.NoError(t, err)
		used := false
		for _, s := range w.during(func() {
			_, _, err = s.ListUsers(t.Context(), storage.UserQuery{Domain: "acme", Search: "ann"}, storage.Page{Limit: 10})
			require.NoError(t, err)
		}) {
			used = used || strings.Contains(s.text, "LIKE")
		}
		return used
	}
	require.False(t, search())
	for _, statement := range []string{"CREATE EXTENSION IF NOT EXISTS pg_trgm", "CREATE INDEX CONCURRENTLY {{p}}users_search ON {{p}}users USING gin (search gin_trgm_ops)"} {
		_, err := pool.Exec(db.sql(statement))
		require.NoError(t, err)
	}
	require.True(t, search())
}

// Rows that come and go while a list is looked through neither hide others nor
// show one twice.
func TestSearchMeanwhile(t *testing.T) {
	databases(t, func(t *testing.T, db database) {
		pool := db.pool(t)
		_, err := sqlstore.Open(t.Context(), pool, db.d, &db.options)
		require.NoError(t, err)
		put := func(login string) {
			_, err := pool.Exec(db.sql("INSERT INTO {{p}}users VALUES ('id-" + login + "', 'acme', 1, '" + login + "', '', '', '', '', '', '', '', '', '', '', 'member', '', 1, 1, false, false, false, '{}', 0, '" + login + "')"))
			require.NoError(t, err)
		}
		_, err = pool.Exec(db.sql("INSERT INTO {{p}}domains VALUES ('acme', 1, 1, 'Acme', '{}')"))
		require.NoError(t, err)
		for i := range 2100 {
			put(fmt.Sprintf("a%04d", i))
		}
		for i := range 5 {
			put(fmt.Sprintf("a0%03dq", 10+i*100))
			put(fmt.Sprintf("z%dq", i))
		}
		busy := true
		n := 0
		watched, _ := db.watched(t, func(s statement) error {
			if busy && strings.HasPrefix(s.text, "SELECT") && strings.Contains(s.text, "users WHERE") {
				busy = false // that which this statement causes is not watched
				n++
				_, err := pool.Exec(db.sql(fmt.Sprintf("DELETE FROM {{p}}users WHERE login_key = 'a%04d'", n*3)))
				put(fmt.Sprintf("a%04dx", n*5))
				busy = true
				return err
			}
			return nil
		})
		s, err := sqlstore.Open(t.Context(), watched, db.d, &db.options)
		require.NoError(t, err)
		var got []string
		for p := (storage.Page{Limit: 4}); ; {
			rows, next, err := s.ListUsers(context.Background(), storage.UserQuery{Domain: "acme", Search: "q"}, p)
			require.NoError(t, err)
			for _, u := range rows {
				got = append(got, u.LoginKey)
			}
			if p.After = next; next == "" {
				break
			}
		}
		require.Positive(t, n)
		require.Equal(t, []string{"a0010q", "a0110q", "a0210q", "a0310q", "a0410q", "z0q", "z1q", "z2q", "z3q", "z4q"}, got)
	})
}
