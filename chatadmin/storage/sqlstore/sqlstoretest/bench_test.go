package sqlstoretest

import (
	"bufio"
	"context"
	"database/sql"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage/sqlstore"
	"chatadmin.example/sdk/csvimport"
)

var benchRows = flag.Int("rows", 20000, "users that benchmarks import; the figures of MEASUREMENTS.md have 1000000")

// Each benchmark works on a company of -rows users with two default groups, and
// reports the ratio to its floor, measured in the same run on the same
// database. Time alone says nothing: the floors run on the same noisy machine.

func BenchmarkSQLite(b *testing.B)     { benchmarks(b, sqliteFile) }
func BenchmarkPostgreSQL(b *testing.B) { benchmarks(b, postgresPrefix) }

func benchmarks(b *testing.B, empty func(testing.TB) database) {
	w := &world{b: b, empty: func() database { return empty(b) }, file: generate(b, *benchRows, "Head"), changed: generate(b, *benchRows, "Lead")}
	b.Run("import", w.benchImport)
	b.Run("import unchanged", w.benchUnchanged)
	b.Run("import one column", w.benchOneColumn)
	b.Run("default group", w.benchDefaultGroup)
	b.Run("user by login", w.benchLogin)
	b.Run("page of a search", w.benchPage)
}

// world is what the benchmarks of one kind of database share: importing anew
// for each of them would take too long.
type world struct {
	b             *testing.B // of all of them
	empty         func() database
	file, changed *os.File // the same users, with another title each

	db    database
	pool  *sql.DB
	store *sqlstore.Store
	scope *chatadmin.Scope
	first cost     // of the first import
	floor database // holds the same rows, written by the floor
}

// generate writes a file of n users: 8 columns, all cells quoted, some names
// not ASCII, 30 % with a manager, a tenth of them on a later line.
func generate(b testing.TB, n int, title string) *os.File {
	b.Helper()
	f, err := os.Create(filepath.Join(b.TempDir(), title+".csv"))
	require.NoError(b, err)
	b.Cleanup(func() { _ = f.Close() })
	out := bufio.NewWriterSize(f, 1<<20)
	names := [...][2]string{{"Ann", "Smith"}, {"José", "García"}, {"Will", "O'Neil"}, {"Zoë", "Müller"}, {"Johnny", "Depp"}, {"Mary Ann", "de Vries"}, {"Ömer", "Yılmaz"}}
	login := func(i int) string { return fmt.Sprintf("user.%07d@company%d.example", i, i%37) }
	fmt.Fprintln(out, `"name","firstname","lastname","email/login","title","mobile","manager","Enabled"`)
	for i := range n {
		name, manager := names[i%len(names)], ""
		switch {
		case i%100 < 3:
			manager = login(min(i+1000, n-1))
		case i%10 < 3:
			manager = login(i / 7)
		}
		fmt.Fprintf(out, "\"%s %s\",%[1]q,%[2]q,%[3]q,\"%[4]s of Department %[5]d\",\"+31 6 %04[6]d %04[7]d\",%[8]q,\"TRUE\"\n", name[0], name[1], login(i), title, i%200, i/10000, i%10000, manager)
	}
	require.NoError(b, out.Flush())
	return f
}

// open returns a pool as a host opens it: nobody sees the statements.
func (w *world) open(db database) *sql.DB {
	w.b.Helper()
	driver := "sqlite"
	if db.d == sqlstore.PostgreSQL {
		driver = "pgx"
	}
	pool, err := sql.Open(driver, db.dsn)
	require.NoError(w.b, err)
	pool.SetMaxOpenConns(24)
	w.b.Cleanup(func() { _ = pool.Close() })
	return pool
}

// need makes the first import if no benchmark did.
func (w *world) need(b *testing.B) {
	b.Helper()
	if w.scope == nil {
		w.importFirst(b)
		w.fill(b)
		b.ResetTimer()
	}
}

// settle gives the database the time to finish what earlier work left to it, so
// that no measurement pays for another one.
func (w *world) settle(b *testing.B) {
	b.Helper()
	statement := "PRAGMA wal_checkpoint(TRUNCATE)"
	if w.db.d == sqlstore.PostgreSQL {
		statement = "CHECKPOINT"
	}
	_, err := w.pool.ExecContext(context.Background(), statement)
	require.NoError(b, err)
}

// importFirst imports the file into an empty database, and returns the most
// memory that the client had.
func (w *world) importFirst(b *testing.B) float64 {
	b.Helper()
	ctx := context.Background()
	w.db = w.empty()
	w.pool = w.open(w.db)
	var err error
	w.store, err = sqlstore.Open(ctx, w.pool, w.db.d, &w.db.options)
	require.NoError(b, err)
	a := chatadmintest.Must(chatadmin.New(w.store, nil))
	d, boss, err := a.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example", NoInvitation: true}})
	require.NoError(b, err)
	w.scope = a.As(d.ID, boss.ID)
	w.settle(b)
	w.first = cost{}
	return peak(b, func() {
		w.first.measure(func() {
			r, err := importFile(ctx, w.scope, w.file, csvimport.UpdateExisting, nil)
			require.NoError(b, err)
			require.EqualValues(b, *benchRows, r.Counts.Created)
		})
	})
}
