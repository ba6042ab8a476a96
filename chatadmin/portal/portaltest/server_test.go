package portaltest

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/sqlstore"
)

// What a server that runs as a program of its own is told by its environment.
const (
	serverDir  = "PORTALTEST_DIR"  // its database and its spool
	serverAt   = "PORTALTEST_AT"   // where it listens
	serverHold = "PORTALTEST_HOLD" // the worker stops when there are so many users
	serverTime = "PORTALTEST_TIME" // how long after the time of the machine it is
)

// sessionOfBoss is the cookie of whoever is signed in with such a server, which
// starts without sessions.
const sessionOfBoss = "SESSION-OF-THE-BOSS"

// runServer serves a site until the program is killed.
func runServer() error {
	ctx := context.Background()
	ahead, err := time.ParseDuration(os.Getenv(serverTime))
	if err != nil {
		return err
	}
	at, err := net.Listen("tcp", os.Getenv(serverAt))
	if err != nil {
		return err
	}
	dir := os.Getenv(serverDir)
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "chat.db")+"?_pragma=journal_mode(WAL)&_pragma=busy_timeout(10000)")
	if err != nil {
		return err
	}
	store, err := sqlstore.Open(ctx, db, sqlstore.SQLite, nil)
	if err != nil {
		return err
	}
	s := &site{url: "http://" + at.Addr().String(), spool: filepath.Join(dir, "spool"), token: sessionOfBoss}
	s.ahead.Store(int64(ahead))
	s.fakes()
	hold, _ := strconv.ParseInt(os.Getenv(serverHold), 10, 64) // 0 never stops it
	if err := s.construct(&held{Store: store, users: hold, domain: &s.domain}, slog.New(slog.NewTextHandler(os.Stderr, nil))); err != nil {
		return err
	}
	if err := s.foundAgain(ctx); err != nil {
		return err
	}
	s.sessions[s.token] = s.boss.ID
	mux := http.NewServeMux()
	s.serve(mux)
	s.wake()
	go s.work(context.WithValue(ctx, working{}, true), func(err error) { fmt.Fprintln(os.Stderr, err) })
	fmt.Println("ready", s.url, s.boss.ID)
	return http.Serve(at, mux)
}

// foundAgain finds the company in the database, or makes it.
func (s *site) foundAgain(ctx context.Context) error {
	for d, err := range s.admin.Domains(ctx) {
		if err != nil {
			return err
		}
		admins, err := s.admin.AsHost(d.ID).AdminsInForce(ctx)
		if err != nil {
			return err
		}
		s.domain, s.s = d.ID, s.admin.As(d.ID, admins[0])
		s.boss, err = s.s.User(ctx, admins[0])
		return err
	}
	return s.found(ctx, chatadmin.OfficeChat)
}

// working marks what the worker does.
type working struct{}

// held is a store in which the worker stops for ever before it writes more,
// once there are so many users.
type held struct {
	chatadmin.Store
	users  int64
	domain *chatadmin.ID
}

func (h *held) Update(ctx context.Context, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
	if h.users > 0 && ctx.Value(working{}) != nil {
		n, err := h.CountUsers(ctx, storage.UserQuery{Domain: *h.domain})
		if err != nil {
			return err
		}
		if n >= h.users {
			fmt.Println("held")
			select {}
		}
	}
	return h.Store.Update(ctx, fence, f)
}

// program is a server that runs as a program of its own.
type program struct {
	t    *testing.T
	cmd  *exec.Cmd
	url  string
	boss chatadmin.ID
	says *bufio.Scanner
}

// startProgram starts a server over what is in a folder.
func startProgram(t *testing.T, dir, at string, hold int, ahead time.Duration) *program {
	t.Helper()
	p := &program{t: t, cmd: exec.Command(os.Args[0])}
	p.cmd.Env = append(os.Environ(), serverDir+"="+dir, serverAt+"="+at, serverHold+"="+strconv.Itoa(hold), serverTime+"="+ahead.String())
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	t.Cleanup(p.kill)
	p.says = bufio.NewScanner(out)
	words := strings.Fields(p.waits("ready"))
	p.url, p.boss = words[1], chatadmin.ID(words[2])
	return p
}

// waits reads what the program says, until a line begins with a word.
func (p *program) waits(word string) string {
	p.t.Helper()
	for p.says.Scan() {
		if strings.HasPrefix(p.says.Text(), word) {
			return p.says.Text()
		}
	}
	require.Fail(p.t, "the program has ended before it said "+word)
	return ""
}

// kill ends the program as a failure of power does.
func (p *program) kill() {
	if p.cmd.ProcessState == nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	}
}
