package sqlstoretest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// transactionPooler is a PgBouncer that hands out a server connection for each
// transaction, in front of the cluster of this test run.
type transactionPooler struct {
	dir     string
	process *exec.Cmd
}

var (
	oncePooler sync.Once
	pooler     *transactionPooler
	errPooler  error
)

// pooledPrefix is a database that is reached through the pooler. Prepared
// statements would stay behind on another server connection.
func pooledPrefix(t testing.TB) database {
	t.Helper()
	db := postgresPrefix(t)
	oncePooler.Do(func() { pooler, errPooler = startPooler(postgres(t)) })
	if errPooler != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("PgBouncer is needed: %v", errPooler)
		}
		t.Skipf("no PgBouncer: %v", errPooler)
	}
	db.dsn = "host=" + pooler.dir + " port=6432 user=chatadmin dbname=postgres default_query_exec_mode=exec"
	return db
}

func startPooler(c *cluster) (*transactionPooler, error) {
	bin, err := exec.LookPath("pgbouncer")
	if err != nil {
		if bin, err = exec.LookPath("/usr/sbin/pgbouncer"); err != nil {
			return nil, errors.New("it is not installed (Debian: apt-get install pgbouncer)")
		}
	}
	dir, err := os.MkdirTemp("", "pool")
	if err != nil {
		return nil, err
	}
	p := &transactionPooler{dir: dir}
	file, socket := filepath.Join(dir, "pgbouncer.ini"), filepath.Join(dir, ".s.PGSQL.6432")
	ini := fmt.Sprintf("[databases]\npostgres = host=%s user=chatadmin\n[pgbouncer]\nlisten_addr =\nlisten_port = 6432\n"+
		"unix_socket_dir = %s\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 12\nmax_client_conn = 1000\n"+
		"ignore_startup_parameters = extra_float_digits\nlogfile = %s/log\n", c.dir, dir, dir)
	if err := os.WriteFile(file, []byte(ini), 0o644); err != nil {
		return nil, err
	}
	p.process = exec.Command(bin, "-q", file)
	if c.cred != nil { // it refuses to run as root
		p.process.SysProcAttr = &syscall.SysProcAttr{Credential: c.cred}
		if err := os.Chown(dir, int(c.cred.Uid), int(c.cred.Gid)); err != nil {
			return nil, err
		}
	}
	if err := p.process.Start(); err != nil {
		return nil, err
	}
	for range 500 {
		// its file is there before anybody listens
		if c, err := net.Dial("unix", socket); err == nil {
			_ = c.Close()
			return p, nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	log, _ := os.ReadFile(filepath.Join(dir, "log"))
	p.stop()
	return nil, fmt.Errorf("it does not listen: %s", log)
}

func (p *transactionPooler) stop() {
	_ = p.process.Process.Kill()
	_ = p.process.Wait()
	_ = os.RemoveAll(p.dir)
}
