package sqlstoretest

import (
	"database/sql"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"chatadmin.example/sdk/chatadmin/storage/sqlstore"
)

func TestMain(m *testing.M) {
	// Processes that tests start, and kill.
	roles := map[string]func(args []string) int{importerArg: importer, eraserArg: eraser, closerArg: closer, retainerArg: retainer,
		reporterArg: reporter, vendorArg: walker}
	if len(os.Args) > 1 && roles[os.Args[1]] != nil {
		os.Exit(roles[os.Args[1]](os.Args[2:]))
	}
	code := m.Run()
	if pooler != nil {
		pooler.stop()
	}
	if shared != nil {
		shared.stop()
	}
	os.Exit(code)
}

// cluster is a PostgreSQL of our own.
type cluster struct {
	bin, dir string
	cred     *syscall.Credential
	settings string
}

var (
	once   sync.Once
	shared *cluster
	errPG  error
	number atomic.Int64
)

// postgres returns the cluster of this test run, and starts it first.
func postgres(t testing.TB) *cluster {
	t.Helper()
	once.Do(func() { shared, errPG = startCluster() })
	if errPG != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("PostgreSQL is needed: %v", errPG)
		}
		t.Skipf("no PostgreSQL: %v", errPG)
	}
	return shared
}

func startCluster() (*cluster, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if path, err := exec.LookPath("initdb"); err == nil {
		found = append(found, path)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("its binaries are not installed (Debian: apt-get install postgresql)")
	}
	dir, err := os.MkdirTemp("", "pg")
	if err != nil {
		return nil, err
	}
	c := &cluster{bin: filepath.Dir(slices.Max(found)), dir: dir}
	if b := flag.Lookup("test.bench"); b == nil || b.Value.String() == "" {
		// the tests crash the server, never the machine: what it has written
		// stays, flushed or not
		c.settings = " -c fsync=off -c full_page_writes=off"
	}
	if os.Getuid() == 0 { // it refuses to run as root
		for _, name := range []string{"postgres", "nobody"} {
			if u, err := user.Lookup(name); err == nil {
				uid, _ := strconv.Atoi(u.Uid)
				gid, _ := strconv.Atoi(u.Gid)
				c.cred = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
				if err := os.Chown(dir, uid, gid); err != nil {
					return nil, err
				}
				break
			}
		}
	}
	if err := c.run("initdb", "-D", dir+"/data", "-U", "chatadmin", "-A", "trust", "-E", "UTF8", "--locale=C"); err != nil {
		return nil, err
	}
	return c, c.start()
}

func (c *cluster) run(name string, args ...string) error {
	cmd := exec.Command(filepath.Join(c.bin, name), args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.cred}
	cmd.Dir = c.dir
	log, err := os.CreateTemp("", "pg-*.log") // the server keeps it open: a pipe would never end
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(log.Name()) }()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Run(); err != nil {
		text, _ := os.ReadFile(log.Name())
		return fmt.Errorf("%s: %w: %s", name, err, text)
	}
	return nil
}

func (c *cluster) start() error {
	return c.run("pg_ctl", "-D", c.dir+"/data", "-w", "-l", c.dir+"/log", "-o", "-c listen_addresses='' -k "+c.dir+" -c max_connections=300 -c deadlock_timeout=100ms"+c.settings, "start")
}

// crash ends the server without giving it time to finish anything, and starts
// it again.
func (c *cluster) crash() error {
	return c.run("pg_ctl", "-D", c.dir+"/data", "-w", "-l", c.dir+"/log", "-m", "immediate", "restart")
}

func (c *cluster) stop() {
	_ = c.run("pg_ctl", "-D", c.dir+"/data", "-m", "immediate", "stop")
	_ = os.RemoveAll(c.dir)
}

func (c *cluster) dsn() string { return "host=" + c.dir + " user=chatadmin dbname=postgres" }

// database is one empty database: a file, or a prefix within the cluster.
type database struct {
	d       sqlstore.Dialect
	dsn     string
	options sqlstore.Options
	noLocks bool // advisory locks are left out
}

// everywhere runs a test on each kind of database: behind a transaction pooler
// as well, and on one that offers SERIALIZABLE alone and takes advisory locks
// without holding them, as some distributed databases do that speak
// PostgreSQL's protocol.
func everywhere(t *testing.T, f func(t *testing.T, open func(t *testing.T) database)) {
	t.Run("sqlite", func(t *testing.T) { f(t, func(t *testing.T) database { return sqliteFile(t) }) })
	t.Run("postgresql", func(t *testing.T) { f(t, func(t *testing.T) database { return postgresPrefix(t) }) })
	t.Run("postgresql through a pooler", func(t *testing.T) { f(t, func(t *testing.T) database { return pooledPrefix(t) }) })
	t.Run("postgresql at SERIALIZABLE without advisory locks", func(t *testing.T) {
		f(t, func(t *testing.T) database {
			db := postgresPrefix(t)
			db.options.Serializable, db.noLocks = true, true
			return db
		})
	})
}

// databases runs a test on each kind of database.
func databases(t *testing.T, f func(t *testing.T, db database)) {
	t.Run("sqlite", func(t *testing.T) { f(t, sqliteFile(t)) })
	t.Run("postgresql", func(t *testing.T) { f(t, postgresPrefix(t)) })
}

func sqliteFile(t testing.TB) database {
	return database{d: sqlstore.SQLite, dsn: sqliteDSN(filepath.Join(t.TempDir(), "chat.db"))}
}

func sqliteDSN(path string) string {
	return "file:" + path + "?_pragma=busy_timeout(20000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)"
}

func postgresPrefix(t testing.TB) database {
	return database{d: sqlstore.PostgreSQL, dsn: postgres(t).dsn(), options: sqlstore.Options{Prefix: fmt.Sprintf("t%d_", number.Add(1))}}
}

func (db database) pool(t testing.TB) *sql.DB {
	t.Helper()
	pool, _ := db.watched(t, func(s statement) error {
		if db.noLocks && strings.HasPrefix(s.text, "SELECT pg_advisory") {
			return errSkip
		}
		return nil
	})
	return pool
}

// open returns a store over a pool of its own.
func (db database) open(t testing.TB) *sqlstore.Store {
	t.Helper()
	s, err := sqlstore.Open(t.Context(), db.pool(t), db.d, &db.options)
	require.NoError(t, err)
	return s
}

// sql is a statement with the names of this database's tables.
func (db database) sql(text string) string {
	prefix := db.options.Prefix
	if prefix == "" {
		prefix = "chatadmin_"
	}
	return strings.ReplaceAll(text, "{{p}}", prefix)
}
