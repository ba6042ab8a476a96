package sqlstoretest

import (
	"context"
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/sqlstore"
	"chatadmin.example/sdk/devices"
)

// Every list of devices, and the check of a request, goes by an index, at
// whatever number of devices; and the check is one statement.
func TestDevicesPlans(t *testing.T) {
	databases(t, func(t *testing.T, db database) {
		f := newFleet(t, db)
		ids := f.users(400)
		f.fill(8000, ids)
		f.commands(8000)
		pool := db.pool(t)
		recorded, rec := db.watched(t, nil)
		store, err := sqlstore.Open(t.Context(), recorded, db.d, &db.options)
		require.NoError(t, err)
		settle := "ANALYZE"
		if db.d == sqlstore.PostgreSQL {
			settle = "VACUUM ANALYZE" // the index for searching keeps new rows apart until then
		}
		_, err = pool.Exec(settle)
		require.NoError(t, err)
		admin := chatadmintest.Must(chatadmin.New(store, nil))
		registry, s := chatadmintest.Must(devices.New(admin, nil)), admin.AsHost(f.domain)
		out, err := f.register(0, f.ann.ID, "mine")
		require.NoError(t, err)
		_, err = registry.Authorize(t.Context(), out.Token.Plain()) // looks at the domain, too
		require.NoError(t, err)
		for name, c := range map[string]struct {
			call  func() error
			index string
		}{
			"authorize":        {func() error { _, err := registry.Authorize(t.Context(), out.Token.Plain()); return err }, ""},
			"all":              {list(registry, s, devices.Query{}), "devices_list"},
			"search":           {list(registry, s, devices.Query{Search: "0012"}), "device"},
			"search, filtered": {list(registry, s, devices.Query{Search: "0012", Type: devices.IOS}), "device"},
			"status":           {list(registry, s, devices.Query{Status: devices.Disabled}), "devices_status"},
			"user":             {list(registry, s, devices.Query{User: ids[3]}), "devices_key"},
			"users":            {list(registry, s, devices.Query{Search: "user39"}), "devices_"},
			"pending": {func() error {
				for _, err := range registry.Pending(t.Context(), s, time.Hour) {
					return err
				}
				return nil
			}, "records"},
		} {
			seen := rec.during(func() { require.NoError(t, c.call(), name) })
			found := false
			for _, st := range seen {
				if !strings.Contains(st.text, db.sql("{{p}}devices")) && !strings.Contains(st.text, db.sql("{{p}}records")) {
					continue
				}
				plan := explain(t, pool, db.d, st)
				found = found || c.index == "" || strings.Contains(plan, db.sql("{{p}}"+c.index))
				require.NotContains(t, plan, "Seq Scan", "%s: %s", name, st.text)
				require.NotRegexp(t, `SCAN \S*(devices|records)(\s|$)`, plan, "%s: %s", name, st.text)
			}
			require.True(t, found, "%s goes by %s: %v", name, c.index, seen)
			if name == "authorize" {
				require.Len(t, seen, 1, "one read, and no write")
			}
		}
	})
}

func list(r *devices.Registry, s *chatadmin.Scope, q devices.Query) func() error {
	return func() error {
		_, _, err := r.DevicesPage(context.Background(), s, q, storage.Page{Limit: 50})
		return err
	}
}

func explain(t *testing.T, pool *sql.DB, d sqlstore.Dialect, st statement) string {
	t.Helper()
	verb := "EXPLAIN "
	if d == sqlstore.SQLite {
		verb = "EXPLAIN QUERY PLAN "
	}
	args := make([]any, len(st.args))
	for i, a := range st.args {
		args[i] = a.Value
	}
	rows, err := pool.Query(verb+st.text, args...)
	require.NoError(t, err, st.text)
	defer func() { _ = rows.Close() }()
	var plan strings.Builder
	columns, err := rows.Columns()
	require.NoError(t, err)
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(sql.NullString)
		}
		require.NoError(t, rows.Scan(values...))
		plan.WriteString(values[len(values)-1].(*sql.NullString).String + "\n")
	}
	require.NoError(t, rows.Err())
	return plan.String()
}
