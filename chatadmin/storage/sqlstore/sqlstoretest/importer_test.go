package sqlstoretest

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/chatadmin/storage/sqlstore"
	"chatadmin.example/sdk/csvimport"
)

const importerArg = "-importer"

// mortal opens the database that the arguments of a process begin with:
// dialect, DSN, table prefix. The process is killed with its n-th statement, in
// turn before and after the database has carried it out.
func mortal(args []string, n string) (*sqlstore.Store, error) {
	dialect := sqlstore.SQLite
	if args[0] == "postgresql" {
		dialect = sqlstore.PostgreSQL
	}
	w, err := newWatch(dialect, args[1], nil)
	if err != nil {
		return nil, err
	}
	last, err := strconv.Atoi(n)
	if err != nil {
		return nil, err
	}
	seen := 0
	die := func(statement) error {
		if seen++; seen == last {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
		return nil
	}
	if w.before = die; last%2 == 0 {
		w.before, w.after = nil, die
	}
	return sqlstore.Open(context.Background(), sql.OpenDB(w), dialect, &sqlstore.Options{Prefix: args[2]})
}

// importer is a process of its own: it imports a file, or resumes an import.
func importer(args []string) int {
	err := func() error {
		store, err := mortal(args, args[7])
		if err != nil {
			return err
		}
		ctx := context.Background()
		file, err := os.Open(args[6])
		if err != nil {
			return err
		}
		s := chatadmintest.Must(chatadmin.New(store, nil)).As(storage.ID(args[3]), storage.ID(args[4]))
		o := &csvimport.ImportOptions{Begun: func(id storage.ID) { fmt.Println("begun", id) }}
		var r *csvimport.Result
		if args[5] != "" {
			r, err = resumeFile(ctx, s, storage.ID(args[5]), file, o)
		} else {
			r, err = importFile(ctx, s, file, csvimport.UpdateExisting, o)
		}
		if err != nil {
			return err
		}
		fmt.Println("created", r.Counts.Created)
		return nil
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// company is a domain with an admin, and a file to import.
type company struct {
	db     database
	store  *sqlstore.Store
	domain storage.ID
	admins [2]storage.ID
	file   string
}

func newCompany(t *testing.T, db database, rows int) *company {
	t.Helper()
	c := &company{db: db, store: db.open(t)}
	a := chatadmintest.Must(chatadmin.New(c.store, nil))
	d, boss, err := a.CreateDomain(t.Context(), chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example", NoInvitation: true}})
	require.NoError(t, err)
	second, err := a.AsHost(d.ID).CreateUser(t.Context(), chatadmin.NewUser{Login: "second@acme.example", Role: chatadmin.RoleAdmin, NoInvitation: true})
	require.NoError(t, err)
	for n := 0; n < rows; n += 10 {
		_, err := a.AsHost(d.ID).CreateUser(t.Context(), chatadmin.NewUser{Login: fmt.Sprintf("user%d@acme.example", n), Title: "before", NoInvitation: true})
		require.NoError(t, err)
	}
	c.domain, c.admins = d.ID, [2]storage.ID{boss.ID, second.ID}
	var text strings.Builder
	text.WriteString("login,name,title,manager,enabled\n")
	for n := range rows {
		enabled := "TRUE"
		if n%20 == 0 {
			enabled = "FALSE"
		}
		fmt.Fprintf(&text, "user%d@acme.example,User %d,T%d,user%d@acme.example,%s\n", n, n, n%7, (n*7+3)%rows, enabled)
	}
	c.file = filepath.Join(t.TempDir(), "users.csv")
	require.NoError(t, os.WriteFile(c.file, []byte(text.String()), 0o600))
	return c
}

// scope is that of an admin, over a store.
func (c *company) scope(s storage.Store, admin int) *chatadmin.Scope {
	return chatadmintest.Must(chatadmin.New(s, nil)).As(c.domain, c.admins[admin])
}

// describe tells the state of every user, and how many members each group has.
func describe(t *testing.T, s *chatadmin.Scope) []string {
	t.Helper()
	logins := map[storage.ID]string{}
	var users []storage.User
	for u, err := range s.Users(t.Context(), storage.UserQuery{}) {
		require.NoError(t, err)
		users = append(users, u)
		logins[u.ID] = u.Login
	}
	var lines []string
	for _, u := range users {
		lines = append(lines, fmt.Sprintf("%s %s %s %s %s", u.Login, u.DisplayName, u.Title, logins[u.Manager], u.Status))
	}
	for g, err := range s.Groups(t.Context(), storage.GroupQuery{}) {
		require.NoError(t, err)
		n, err := s.CountMembers(t.Context(), g.ID)
		require.NoError(t, err)
		lines = append(lines, fmt.Sprintf("%s %d", g.Name, n))
	}
	return lines
}

// clean is the state after one undisturbed import into memory.
func (c *company) clean(t *testing.T, rows int) []string {
	t.Helper()
	a := chatadmintest.Must(chatadmin.New(memstore.New(nil), nil))
	d, boss, err := a.CreateDomain(t.Context(), chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example", NoInvitation: true}})
	require.NoError(t, err)
	_, err = a.AsHost(d.ID).CreateUser(t.Context(), chatadmin.NewUser{Login: "second@acme.example", Role: chatadmin.RoleAdmin, NoInvitation: true})
	require.NoError(t, err)
	for n := 0; n < rows; n += 10 {
		_, err := a.AsHost(d.ID).CreateUser(t.Context(), chatadmin.NewUser{Login: fmt.Sprintf("user%d@acme.example", n), Title: "before", NoInvitation: true})
		require.NoError(t, err)
	}
	f, err := os.Open(c.file)
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	s := a.As(d.ID, boss.ID)
	_, err = importFile(t.Context(), s, f, csvimport.UpdateExisting, nil)
	require.NoError(t, err)
	return describe(t, s)
}

// process starts an importer. Its n-th statement kills it; 0: none does.
func (c *company) process(t *testing.T, admin int, resume string, n int) (*exec.Cmd, *bufio.Scanner, *bytes.Buffer) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self, importerArg, c.db.d.String(), c.db.dsn, c.db.options.Prefix, string(c.domain), string(c.admins[admin]), resume, c.file, strconv.Itoa(n))
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	require.NoError(t, cmd.Start())
	return cmd, bufio.NewScanner(out), &errs
}

// The importing process is killed with kill -9 at many points, anywhere between
// its first statement and its last commit, and a new one resumes: in the end
// everything is as after one clean run.
func TestKilledImport(t *testing.T) {
	t.Parallel()
	databases(t, func(t *testing.T, db database) {
		t.Parallel()
		const rows = 1500
		c := newCompany(t, db, rows)
		id, kills, steps := "", 0, 60
		if db.d == sqlstore.SQLite { // which gets a statement for each row
			steps = 25
		}
		if slow {
			steps = 3
		}
		for n, done := 3, false; !done; n += 1 + n/steps {
			cmd, lines, errs := c.process(t, 0, id, n)
			for lines.Scan() {
				word, value, _ := strings.Cut(lines.Text(), " ")
				if done = word == "created"; word == "begun" {
					id = value
				}
			}
			if err := cmd.Wait(); !done {
				require.ErrorContains(t, err, "killed", "%s", errs)
				kills++
			}
		}
		require.Greater(t, kills, min(2*steps, 12))
		require.Equal(t, c.clean(t, rows), describe(t, c.scope(db.open(t), 0)))
	})
}

// Two processes, two admins, one file, at once: each user is created once, and
// everything is as after one import.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	databases(t, func(t *testing.T, db database) {
		t.Parallel()
		const rows = 2500
		c := newCompany(t, db, rows)
		var wg sync.WaitGroup
		var mu sync.Mutex
		created := 0
		for admin := range 2 {
			cmd, lines, errs := c.process(t, admin, "", 0)
			wg.Go(func() {
				n := 0
				for lines.Scan() {
					_, _ = fmt.Sscanf(lines.Text(), "created %d", &n)
				}
				if err := cmd.Wait(); err != nil {
					t.Errorf("%v: %s", err, errs)
				}
				mu.Lock()
				defer mu.Unlock()
				created += n
			})
		}
		wg.Wait()
		require.Equal(t, rows*9/10, created)
		require.Equal(t, c.clean(t, rows), describe(t, c.scope(db.open(t), 0)))
	})
}

// The server crashes under an import, again and again; the import is resumed
// over the same pool.
func TestServerCrash(t *testing.T) {
	const rows = 6000
	db := postgresPrefix(t)
	c := newCompany(t, db, rows)
	f, err := os.Open(c.file)
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	crashes := 0
	o := &csvimport.ImportOptions{Progress: func(p chatadmin.Progress) {
		if p.Done-p.Before > 1000 && crashes < 3 {
			crashes++
			require.NoError(t, shared.crash())
		}
	}}
	r, err := importFile(t.Context(), c.scope(c.store, 0), f, csvimport.UpdateExisting, o)
	for n := 0; err != nil; n++ {
		require.Less(t, n, 30, "%v", err)
		require.False(t, errors.Is(err, chatadmin.ErrForbidden) || errors.Is(err, chatadmin.ErrNotFound), "%v", err)
		if r == nil { // it could not even be looked up
			r = &csvimport.Result{}
		}
		again, resumeErr := resumeFile(t.Context(), c.scope(c.store, 0), r.ImportID, f, o)
		if err = resumeErr; again != nil {
			r = again
		}
	}
	require.Equal(t, 3, crashes)
	require.Equal(t, c.clean(t, rows), describe(t, c.scope(c.store, 0)))
}
