package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
)

// session runs commands against one store.
type session struct {
	t      *testing.T
	store  chatadmin.Store
	phones *phones
	keys   string // the key file
	in     string
}

func newSession(t *testing.T, preset string) *session {
	s := &session{t: t, store: memstore.New(nil), phones: &phones{}, keys: filepath.Join(t.TempDir(), "keys")}
	login := "boss@acme.example"
	if preset != "officechat" {
		login = "boss"
	}
	s.ok("init", "--name", "Acme", "--admin", login, "--email", "boss@acme.example", "--first-name", "The", "--last-name", "Boss", "--preset", preset, "--no-welcome")
	return s
}

// run runs one command and returns its exit code and what it wrote.
func (s *session) run(args ...string) (code int, out, errs string) {
	var o, e bytes.Buffer
	code = (&cli{in: strings.NewReader(s.in), out: &o, err: &e, store: s.store, phones: s.phones, keyFile: s.keys}).main(context.Background(), args)
	return code, o.String(), e.String()
}

func (s *session) ok(args ...string) string {
	s.t.Helper()
	code, out, errs := s.run(args...)
	require.Zero(s.t, code, "%v: %s", args, errs)
	return out
}

// json runs a command with --json and decodes its one object.
func (s *session) json(v any, args ...string) {
	s.t.Helper()
	out := s.ok(append([]string{"--json"}, args...)...)
	require.Equal(s.t, 1, strings.Count(strings.TrimSpace(out), "\n")+1, "exactly one object: %s", out)
	require.NoError(s.t, json.Unmarshal([]byte(out), v))
}

func (s *session) file(name, text string) string {
	s.t.Helper()
	path := filepath.Join(s.t.TempDir(), name)
	require.NoError(s.t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestExitCodes(t *testing.T) {
	s := newSession(t, "officechat")
	good := s.file("good.csv", "login\nann@acme.example\n")
	for _, c := range []struct {
		code int
		args string
	}{
		{0, "--help"}, {0, "users --help"}, {0, "import --help"},
		{2, ""}, {2, "fly"}, {2, "--nonsense users list"}, {2, "users"}, {2, "users fly"}, {2, "users list --status asleep"}, {2, "import " + good}, {2, "import --mode both " + good},
		{2, "import --mode skip"}, {2, "init --name X"}, {2, "groups"}, {2, "groups fly G"}, {2, "--now yesterday users list"}, {2, "roles fly"}, {2, "audit fly"}, {2, "script a b"},
		{2, "export --format xml"}, {2, "import --mode skip --resume"},
		{1, "--domain Nowhere users list"}, {1, "--as nobody users list"}, {1, "users show nobody"}, {1, "groups members Nowhere"}, {1, "import --mode skip /nowhere.csv"},
		{1, "import --mode skip ."}, {1, "init --name Acme --admin a@b.example"}, {1, "init --name Other --admin nobody"}, {1, "invite nonsense"}, {1, "users deactivate boss@acme.example"},
		{1, "groups delete Nowhere"}, {1, "script /nowhere.txt"},
		{0, "users list"}, {0, "groups list"}, {0, "roles list"}, {0, "audit list"}, {0, "export"}, {0, "import --mode skip " + good}, {0, "import --mode skip " + good},
	} {
		code, out, errs := s.run(strings.Fields(c.args)...)
		require.Equal(t, c.code, code, "%q: %s%s", c.args, out, errs)
		if code != 0 {
			require.NotEmpty(t, errs, c.args)
			require.Empty(t, out, c.args)
		}
	}
}

func TestErrorsAsJSON(t *testing.T) {
	s := newSession(t, "officechat")
	for args, want := range map[string]string{"users show nobody": "not_found", "users deactivate boss@acme.example": "last_admin", "users create boss@acme.example": "exists",
		"users create nonsense": "invalid", "--as ann@acme.example users list": "not_found"} {
		code, out, _ := s.run(append([]string{"--json"}, strings.Fields(args)...)...)
		require.Equal(t, 1, code)
		var v struct {
			Error struct{ Code, Message string }
		}
		require.NoError(t, json.Unmarshal([]byte(out), &v), out)
		require.Equal(t, want, v.Error.Code, args)
		require.NotEmpty(t, v.Error.Message)
	}
}

func TestImportCommand(t *testing.T) {
	s := newSession(t, "officechat")
	people := s.file("people.csv", "name,login,manager,enabled\nAnn,ann@acme.example,,TRUE\nBob,bob@acme,,TRUE\nEve,eve@acme.example,nobody@acme.example,\nFay,fay@acme.example,,FALSE\n")
	result := filepath.Join(t.TempDir(), "result.csv")
	type row struct {
		Line                         int
		Login, Status, Code, Message string
	}
	var rep struct {
		ImportID                                                                                      string `json:"import_id"`
		DryRun                                                                                        bool   `json:"dry_run"`
		Rows, Created, Updated, Activated, Deactivated, Unchanged, Skipped, Failed, Warnings, Nothing int
		RowOutcomes                                                                                   []row `json:"row_outcomes"`
	}
	s.json(&rep, "import", "--mode", "update", "--dry-run", "--rows", people)
	require.True(t, rep.DryRun)
	require.Equal(t, []int{4, 2, 0, 1, 1, 1}, []int{rep.Rows, rep.Created, rep.Updated, rep.Skipped, rep.Failed, rep.Warnings})
	require.Len(t, rep.RowOutcomes, 4)
	require.Equal(t, "bad_email", rep.RowOutcomes[1].Code)
	require.Equal(t, 3, rep.RowOutcomes[1].Line)
	require.NotContains(t, s.ok("users", "list"), "ann@")
	planned := rep.RowOutcomes

	s.json(&rep, "--as", "boss@acme.example", "import", "--mode", "update", "--rows", "--result", result, people)
	require.False(t, rep.DryRun)
	require.NotEmpty(t, rep.ImportID)
	require.Equal(t, planned, rep.RowOutcomes)
	info, err := os.Stat(result)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	s.json(&rep, "import", "--mode", "update", people)
	require.Equal(t, []int{4, 0, 0, 2}, []int{rep.Rows, rep.Created, rep.Updated, rep.Unchanged})
	s.json(&rep, "import", "--mode", "update", result)
	require.Equal(t, 2, rep.Unchanged)

	code, _, errs := s.run("import", "--mode", "update", "--all-or-nothing", people)
	require.Equal(t, 1, code)
	require.Contains(t, errs, "nothing was changed")
	s.in = "login\npiped@acme.example\n"
	s.json(&rep, "import", "--mode", "skip", "-")
	require.Equal(t, 1, rep.Created)

	out := filepath.Join(t.TempDir(), "export.csv")
	s.ok("export", out)
	info, err = os.Stat(out)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	s.json(&rep, "import", "--mode", "update", out)
	require.Equal(t, 4, rep.Unchanged)
}

// Whoever reads the counts sees without asking which lines failed first, and
// how to see them all.
func TestImportTellsTheFirstFailures(t *testing.T) {
	s := newSession(t, "officechat")
	bad := func(n int) string {
		text := "login\ngood@acme.example\n"
		for i := range n {
			text += fmt.Sprintf("bad%d\n", i)
		}
		return s.file(fmt.Sprintf("bad%d.csv", n), text)
	}
	five := s.ok("import", "--mode", "skip", "--dry-run", bad(5))
	require.Contains(t, five, "line 7")
	require.NotContains(t, five, "--rows", "these are all")
	six := s.ok("import", "--mode", "skip", "--dry-run", bad(6))
	require.Contains(t, six, "line 7")
	require.NotContains(t, six, "line 8")
	require.Contains(t, six, "--rows")
}

// Where the result cannot be written, nobody is created.
func TestImportOpensItsResultFirst(t *testing.T) {
	s := newSession(t, "officechat")
	people := s.file("people.csv", "login\nann@acme.example\n")
	code, _, _ := s.run("import", "--mode", "skip", "--result", filepath.Join(t.TempDir(), "none", "result.csv"), people)
	require.Equal(t, 1, code)
	code, _, errs := s.run("import", "--mode", "skip", "--result", people, people)
	require.Equal(t, 2, code)
	require.Contains(t, errs, "overwrite")
	require.NotContains(t, s.ok("users", "list"), "ann@")
	text, err := os.ReadFile(people)
	require.NoError(t, err)
	require.Equal(t, "login\nann@acme.example\n", string(text))
}

// The mail with the link lies in the folder; following it invites.
func TestInviteCommand(t *testing.T) {
	s := newSession(t, "officechat")
	mails := t.TempDir()
	read := func() (texts []string) {
		files, err := filepath.Glob(filepath.Join(mails, "*.eml"))
		require.NoError(t, err)
		for _, f := range files {
			text, err := os.ReadFile(f)
			require.NoError(t, err)
			texts = append(texts, string(text))
		}
		return texts
	}
	s.ok("--mail-dir", mails, "--as", "boss@acme.example", "import", "--mode", "skip", s.file("p.csv", "login\nann@acme.example\nbob@acme.example\n"))
	require.Len(t, read(), 1)
	text := strings.ReplaceAll(strings.ReplaceAll(read()[0], "=\r\n", ""), "\r\n", "\n")
	at := strings.Index(text, "\n\n01")
	require.Positive(t, at, text)
	token := strings.Fields(text[at:])[0]
	s.ok("users", "create", "second@acme.example", "--role", "admin", "--no-welcome")
	code, _, errs := s.run("--mail-dir", mails, "--as", "second@acme.example", "invite", token)
	require.Equal(t, 1, code, "not in the name of the admin who got it")
	require.NotContains(t, errs, token[40:])
	s.ok("--mail-dir", mails, "invite", token)
	require.Len(t, read(), 3)
	code, _, _ = s.run("--mail-dir", mails, "--as", "boss@acme.example", "invite", token)
	require.Equal(t, 1, code)
	require.Len(t, read(), 3)
	s.ok("--mail-dir", mails, "init", "--name", "Other", "--admin", "first@other.example")
	require.Len(t, read(), 4, "the first admin is invited")
}

func TestUsersAndGroups(t *testing.T) {
	s := newSession(t, "eschat")
	s.ok("users", "create", "ann", "--first-name", "Ann", "--last-name", "Smith", "--manager", "BOSS", "--no-welcome")
	var u struct {
		Login, Name, Status, Manager, Title string
		Groups                              []string
	}
	s.ok("users", "edit", "ann", "--title", "Head")
	s.json(&u, "users", "show", "ANN")
	require.Equal(t, "Head", u.Title)
	require.Equal(t, "boss", u.Manager)
	require.Equal(t, []string{"Admin Announcements", "All Of Us"}, u.Groups)
	s.ok("groups", "create", "Sales team")
	s.ok("groups", "add", "sales TEAM", "ann")
	s.ok("groups", "default", "Sales team")
	code, _, errs := s.run("--as", "ann", "groups", "leave", "Sales team")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "default group")
	s.ok("groups", "undefault", "Sales team")
	s.ok("--as", "ann", "groups", "leave", "Sales team")
	var g struct {
		Groups []struct {
			Name, Creator    string
			Default, Shipped bool
			Members          int
		}
	}
	s.json(&g, "groups", "list")
	require.Len(t, g.Groups, 3)
	s.ok("groups", "delete", "Sales team", "--plan")
	s.ok("groups", "delete", "Sales team")
	var e struct {
		Events []struct {
			Actor, Kind string
			Targets     []string
			Changes     map[string]map[string][]string
		}
	}
	s.json(&e, "audit", "list", "--kind", "user.edit", "--target", "ann")
	require.Len(t, e.Events, 1)
	require.Equal(t, []string{"", "Head"}, e.Events[0].Changes["ann"]["title"])
	s.ok("users", "deny", "ann")
	s.ok("users", "grant", "ann")
	s.ok("users", "deactivate", "ann")
	s.ok("users", "activate", "ann")
}

func TestDemoScript(t *testing.T) {
	require.NoError(t, os.Chdir("../.."))
	t.Cleanup(func() { _ = os.Chdir("examples/admincli") })
	s := &session{t: t}
	out := s.ok("--db", "memory:", "script", "examples/admincli/testdata/demo.txt")
	require.Contains(t, out, "Sales team")
	bad := s.file("bad.txt", "init --name A --admin a@b.example\nusers show nobody\nusers list\n")
	code, out, errs := s.run("--db", "memory:", "script", bad)
	require.Equal(t, 1, code)
	require.Contains(t, errs, "line 2")
	require.NotContains(t, out, "LOGIN")
	code, out, _ = s.run("--db", "memory:", "script", "--keep-going", bad)
	require.Equal(t, 1, code)
	require.Contains(t, out, "LOGIN")
}

// Commands, one process each, over one SQLite file.
func TestSQLiteFile(t *testing.T) {
	s := &session{t: t}
	db := filepath.Join(t.TempDir(), "chat.db")
	people := s.file("people.csv", "login\nann@acme.example\nbob@acme.example\n")
	for _, step := range []struct {
		code int
		args string
		want string
	}{
		{1, "users list", "init"},
		{0, "init --name Acme --admin boss@acme.example", ""},
		{0, "import --mode skip " + people, "created    2"},
		{0, "import --mode skip " + people, "created    0"},
		{0, "users deactivate ann@acme.example", ""},
		{0, "users show ann@acme.example", "deactivated"},
		{0, "groups members All_Of_Us", "bob@acme.example"},
	} {
		args := strings.Fields(step.args)
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "_", " ")
		}
		code, out, errs := s.run(append([]string{"--db", db}, args...)...)
		require.Equal(t, step.code, code, "%s: %s", step.args, errs)
		require.Contains(t, out+errs, step.want)
	}
	for _, name := range []string{"a?b", "sqlite:a.db", "mysql://u:secretpw@h/chat", "POSTGRES://u:secretpw@h/chat", ""} {
		code, _, errs := s.run("--db", name, "users", "list")
		require.Equal(t, 2, code, errs)
		require.NotContains(t, errs, "secretpw")
	}
	code, _, errs := s.run("--db", filepath.Join(t.TempDir(), "no", "such", "folder.db"), "users", "list")
	require.Equal(t, 1, code)
	require.NotEmpty(t, errs)
}
