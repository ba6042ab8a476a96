package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/erase"
)

// everyCommand lists all commands, by how they are called.
func everyCommand() map[string]*cobra.Command {
	all := map[string]*cobra.Command{}
	var add func(x *cobra.Command)
	add = func(x *cobra.Command) {
		all[path(x)] = x
		for _, sub := range x.Commands() {
			add(sub)
		}
	}
	add((&cli{}).root())
	return all
}

// Each command tells how it is used, and refuses what it does not know.
func TestEveryCommand(t *testing.T) {
	all := everyCommand()
	require.Greater(t, len(all), 80)
	s := newSession(t, "officechat")
	for _, name := range slices.Sorted(maps.Keys(all)) {
		x := all[name]
		words := strings.Fields(name)
		code, out, errs := s.run(append(slices.Clone(words), "--help")...)
		require.Zero(t, code, name)
		require.Empty(t, errs, name)
		require.Contains(t, out, "Usage: "+x.UseLine(), name)
		for _, line := range strings.Split(strings.TrimSpace(x.Long), "\n") {
			require.LessOrEqual(t, len(line), 80, "%s: %s", name, line)
		}

		wrong := [][]string{{"--nonsense"}, {"--json", "--nonsense"}}
		switch {
		case x.HasSubCommands():
			wrong = append(wrong, nil, []string{"fly"}, []string{"fly", "away"})
		case !strings.Contains(x.Use, "…"):
			wrong = append(wrong, strings.Fields("1 2 3 4 5 6 7"))
		}
		if strings.Contains(strings.ReplaceAll(x.Use, " [", ""), " ") && !x.HasSubCommands() {
			wrong = append(wrong, nil)
		}
		for _, args := range wrong {
			code, out, errs := s.run(append(slices.Clone(words), args...)...)
			require.Equal(t, 2, code, "%s %v", name, args)
			require.Empty(t, out, "%s %v", name, args)
			require.Contains(t, errs, "--help", "%s %v", name, args)
		}
		x.Flags().VisitAll(func(f *pflag.Flag) { require.NotEmpty(t, f.Usage, "%s --%s", name, f.Name) })
	}
}

// Each command writes one JSON object, whatever comes of it.
func TestEveryCommandAsJSON(t *testing.T) {
	s := newSession(t, "officechat")
	people := s.file("people.csv", "login\nbob@acme.example\n")
	out := filepath.Join(t.TempDir(), "export.csv")
	s.in = "correct horse\n"
	left := everyCommand()
	for name, x := range left {
		if x.HasSubCommands() {
			delete(left, name)
		}
	}
	for name := range map[string]bool{"script": true, "integrations serve": true} { // write an object a line
		delete(left, name)
	}
	for _, c := range []struct {
		code int
		args string
	}{
		{0, "init|--name|Other|--admin|first@other.example"},
		{0, "version"}, {0, "completion|zsh"},
		{0, "users|create|ann@acme.example"}, {1, "users|create|ann@acme.example"},
		{0, "users|list"}, {0, "users|show|ann@acme.example"}, {0, "users|edit|ann@acme.example|--title|Head"},
		{0, "users|deactivate|ann@acme.example"}, {0, "users|activate|ann@acme.example"}, {0, "users|deny|ann@acme.example"}, {0, "users|grant|ann@acme.example"},
		{0, "users|unlock|ann@acme.example"}, {0, "users|resend-activation|ann@acme.example"}, {1, "users|show|nobody"},
		{0, "invitations|list"}, {0, "domain|list"}, {1, "invitations|resend|ann@acme.example"}, {0, "invitations|send"},
		{0, "invitations|revoke|ann@acme.example"}, {1, "invitations|revoke|nobody"}, {0, "invitations|release"},
		{0, "import|--mode|skip|" + people}, {0, "export|" + out}, {1, "invite|nonsense"}, {1, "activate-link|nonsense"},
		{0, "roles|list"}, {0, "roles|create|Clerk|--level|3"}, {0, "roles|edit|Clerk|--level|4"}, {0, "roles|assign|bob@acme.example|Clerk"},
		{1, "roles|delete|Clerk"},
		{0, "groups|create|Sales"}, {0, "groups|list"}, {0, "groups|add|Sales|ann@acme.example|bob@acme.example"}, {0, "groups|members|Sales"},
		{0, "groups|admins|Sales|--add|bob@acme.example"}, {0, "groups|posting|Sales|admins"}, {0, "groups|rename|Sales|Support"},
		{0, "groups|archive|Support"}, {0, "groups|list|--archived|--search|ppor"}, {0, "groups|may-post|Support|bob@acme.example"}, {1, "groups|default|Support"},
		{0, "groups|unarchive|Support"}, {1, "groups|archive|All Of Us"}, {0, "users|sign-ins"}, {0, "users|refusals"}, {0, "users|sign-out|ann@acme.example"}, {0, "users|deactivate-idle|--days|30|--plan"},
		{0, "groups|default|Support|--plan"}, {0, "groups|default|Support"}, {0, "groups|undefault|Support"},
		{0, "groups|remove|Support|bob@acme.example"}, {0, "--as|ann@acme.example|groups|leave|Support"}, {0, "groups|delete|Support"},
		{0, "domain|show"}, {0, "domain|settings|default_country=NL"}, {0, "domain|suspend"}, {0, "domain|resume"},
		{0, "domain|rename|Acme"}, {1, "domain|rename|Other"}, {0, "domain|close|--plan"}, {1, "domain|close|--resume|nonsense"}, {0, "domain|closed"},
		{0, "signin|ann@acme.example|--client|web"},
		{0, "2fa|show"}, {0, "2fa|mode|authenticator|--validity|30d|--recovery"}, {0, "2fa|explain|ann@acme.example"}, {1, "2fa|recovery|ann@acme.example"},
		{0, "2fa|trusted|ann@acme.example"}, {0, "2fa|revoke-trusted|ann@acme.example"}, {0, "2fa|reset|ann@acme.example"}, {0, "2fa|rotate-key"},
		{0, "devices|register|ann@acme.example|--device-id|A1|--type|ios"}, {0, "devices|list"}, {0, "devices|authorize|A1"}, {0, "devices|disable|A1"},
		{0, "devices|enable|A1"}, {0, "devices|wipe|A1"}, {0, "devices|cancel-wipe|A1"}, {0, "devices|checkin|A1"}, {1, "devices|ack|A1|--command|x"},
		{0, "devices|history|A1"}, {0, "devices|remove|A1"},
		{0, "content|seed|--messages|3"}, {0, "content|count"},
		{0, "holds|add|--user|ann@acme.example|--reason|case 7"}, {0, "holds|list"}, {1, "holds|release|nonsense"},
		{0, "delete|bob@acme.example|--plan"}, {0, "delete|bob@acme.example|--apply"}, {1, "delete|ann@acme.example|--apply"},
		{0, "retention|set|90"}, {0, "retention|show"}, {0, "retention|plan"}, {0, "retention|apply"}, {1, "retention|resume|nonsense"},
		{0, "retention|list"}, {0, "retention|limit|0"}, {0, "retention|run-due"},
		{0, "support|levels"}, {0, "support|levels|ios|none"}, {1, "support|levels|android|debug"}, {0, "support|report|--platform|windows|--user|ann@acme.example|--log|" + people + "|--preview"},
		{1, "support|report|--platform|mac"}, {0, "support|list|--state|sent"}, {1, "support|acknowledge|nonsense"}, {1, "support|state|nonsense|solved"},
		{1, "--as|ann@acme.example|baa|list"}, {1, "baa|request|--new-domain|Health"}, {0, "baa|request|--new-domain|Health|--admin-email|x@acme.example|--acknowledge|Yes"},
		{0, "baa|list"}, {1, "baa|show|nonsense"}, {1, "baa|advance|nonsense|provision"},
		{0, "integrations|services"}, {0, "integrations|enable|slack"}, {0, "integrations|disable|slack"}, {1, "integrations|configure|slack|--group|Nowhere"},
		{1, "--as|ann@acme.example|integrations|connect|slack"}, {1, "integrations|choices|slack"}, {1, "integrations|show|slack"}, {1, "integrations|retry|x"},
		{1, "integrations|discard|x"}, {1, "integrations|disconnect|slack"}, {1, "integrations|say|--group|Nowhere|hello"}, {1, "integrations|link|slack|hello"},
		{0, "integrations|deliver"},
		{0, "audit|list"},
		{0, "preferences|show|ann@acme.example"}, {0, "preferences|set|ann@acme.example|language=nl|suffix.twitter=^A"}, {1, "preferences|set|ann@acme.example|language=sv"},
		{0, "preferences|defaults|account.twitter=@acme"}, {0, "preferences|notify|ann@acme.example|assigned"},
		{0, "preferences|reply|ann@acme.example|Hello|--platform|twitter"}, {1, "preferences|reply|ann@acme.example|Hello|--platform|facebook"},
		{0, "preferences|forward|ann@acme.example|--to|x@acme.example|--link|https://desk.example/7"}, {1, "preferences|forward|ann@acme.example|--link|nowhere"},
		{0, "fields|declare|Cost centre|--kind|number"}, {0, "fields|declare|Cost centre|--kind|number"}, {1, "fields|declare|Title"}, {0, "fields|list"},
		{0, "users|edit|ann@acme.example|--field|cost centre=007|--preference|availability=online"}, {1, "users|edit|ann@acme.example|--field|cost centre=many"},
		{0, "fields|find|Cost centre|7"}, {0, "fields|remove|Cost centre|--plan"}, {0, "fields|remove|Cost centre|--apply"}, {1, "fields|remove|Cost centre|--apply"},
		{1, "fields|resume|nonsense"},
		{0, "runs|list"}, {0, "runs|list|--kind|import|--state|done"}, {1, "runs|list|--kind|flight"}, {1, "runs|show|nonsense"}, {1, "runs|resume|nonsense"},
		{1, "runs|take-over|nonsense"}, {1, "runs|cancel|nonsense"},
		{0, "work"}, {0, "work|--slack-api|http://127.0.0.1:1"}, {1, "--as|ann@acme.example|work"},
		{0, "records|damaged"}, {1, "records|repair|hold|nonsense"}, {1, "records|repair|hold/nonsense"}, {1, "records|repair|nothing|nonsense"},
		{0, "export|--separator|;|--excel|" + out}, {1, "invitations|release|--import|nonsense"}, {0, "import|--mode|skip|--encoding|utf-8|--map|login=login|" + people},
		{1, "import|--mode|skip|--encoding|martian|" + people}, {1, "import|--mode|skip|--map|Nowhere=login|" + people},
		{0, "departments|list"}, {1, "departments|create|Buses"}, {1, "departments|rename|Buses|Trams"}, {1, "departments|empty|Buses"},
		{1, "departments|delete|Buses"}, {1, "departments|admin|ann@acme.example"}, {0, "departments|policy|--accept-texts"},
		{1, "contacts|ann@acme.example"}, {1, "floor|ask|ann@acme.example"},
		{0, "domain|settings|audit_days=730|run_days=forever"}, {1, "domain|settings|run_days=3"},
	} {
		args := append([]string{"--json", "--domain", "Acme"}, strings.Split(c.args, "|")...)
		code, out, errs := s.run(args...)
		require.Equal(t, c.code, code, "%s: %s", c.args, errs)
		var object map[string]any
		require.Equal(t, 1, strings.Count(out, "\n"), "one object: %s: %s", c.args, out)
		require.NoError(t, json.Unmarshal([]byte(out), &object), c.args)
		require.Equal(t, c.code == 1, object["error"] != nil, c.args)
		if c.code == 0 {
			for name := range left {
				if strings.HasPrefix(strings.ReplaceAll(c.args, "|", " ")+" ", name+" ") {
					delete(left, name)
				}
			}
			continue
		}
		require.Regexp(t, `^[a-z_]+$`, object["error"].(map[string]any)["code"])
		for name := range left {
			if strings.Contains(" "+strings.ReplaceAll(c.args, "|", " ")+" ", " "+name+" ") {
				delete(left, name)
			}
		}
	}
	delete(left, "groups leave") // stands behind --as
	require.Empty(t, left, "commands without a line above")
}

// What follows -- is no flag.
func TestFlagsEnd(t *testing.T) {
	s := newSession(t, "eschat")
	code, out, errs := s.run("users", "show", "--", "--help")
	require.Equal(t, 1, code, out)
	require.Contains(t, errs, `"--help"`)
	s.ok("groups", "create", "--", "--json")
	require.Contains(t, s.ok("groups", "list"), "--json")
	code, _, errs = s.run("--", "users", "list")
	require.Equal(t, 2, code)
	require.Contains(t, errs, "behind the command")
}

// Flags that mean nothing to a command are refused.
func TestForeignFlags(t *testing.T) {
	s := newSession(t, "officechat")
	s.ok("users", "create", "ann@acme.example", "--no-welcome")
	for _, call := range []string{
		"users deactivate ann@acme.example --email x@y.example", "users show ann@acme.example --role admin", "users list --member", "users list --no-welcome",
		"users list --guest --kind network", "users edit ann@acme.example --guest --member", "users list --limit -1",
		"groups list --plan", "groups create Sales --plan", "roles list --level 3", "roles edit Clerk",
		"devices list --cancel-wipe", "devices wipe A1 --failed", "devices history A1 --device-id A1", "devices list --wipe-pending-days -1",
		"holds list --user ann@acme.example", "holds add --user ann@acme.example --group Sales --reason x", "holds release x --reason y",
		"content count --messages 3", "content seed --author ann@acme.example",
		"2fa reset ann@acme.example --validity 3d", "2fa show --plan", "2fa trusted ann@acme.example --client web",
		"integrations services --channel x", "integrations show slack --name x", "integrations configure slack --settings {} --name x",
		"devices list --phones f", "devices disable A1 --phones f", "--mail-dir d --smtp 127.0.0.1:1 users list", "audit list --limit -1", "audit list --from yesterday", "groups list --archived --not-archived", "groups list --limit -1", "users list --idle-days -1",
		"users sign-ins --client phone", "users deactivate-idle --plan", "users deactivate-idle --days 3", "users deactivate-idle --days 0 --plan",
		"retention show --days 3", "audit list --status active", "signin ann@acme.example --password-ok --password-stdin",
		"delete ann@acme.example --plan --take-over", "delete --receipt x --reason y", "delete --run-due --delete-default", "import --mode skip --resume x --dry-run f",
		"import --mode skip --map login f", "import --mode skip --map =login f", "import --mode skip --map login= f", "import --mode skip --map a=login --map a=- f",
		"export --separator xy", "export --separator a", "export --separator= f", "invitations release --import=", "runs list --state asleep", "records repair hold", "records repair /x",
		"domain settings run_days=long", "preferences set ann@acme.example language", "preferences reply ann@acme.example hi",
		"fields remove Team", "fields remove Team --plan --apply", "fields declare Team --kind float", "preferences defaults =x", "runs show x --kind import", "users create x --priority high", "users create x --send-text=perhaps", "devices register x --device-id D --type ios --code C --imei 1", "work --domain Acme now", "invitations list --import x",
	} {
		code, out, errs := s.run(strings.Fields(call)...)
		require.Equal(t, 2, code, "%s: %s%s", call, out, errs)
		require.Contains(t, errs, "--", call)
	}
	require.Equal(t, "pending", s.show("ann@acme.example").Status)
}

// A list shows what was asked for.
func TestListFilters(t *testing.T) {
	s := newSession(t, "officechat")
	s.ok("roles", "create", "Clerk", "--level", "3")
	s.ok("users", "create", "ann@acme.example", "--department", "Sales", "--name", "Zoe", "--no-welcome")
	s.ok("users", "create", "eve@guest.example", "--guest", "--name", "Eve", "--no-welcome")
	s.ok("users", "create", "bob@acme.example", "--role", "Clerk", "--name", "Bob", "--no-welcome")
	s.ok("users", "deactivate", "bob@acme.example")
	for flags, want := range map[string]string{
		"":                                   "ann bob boss eve",
		"--department Sales":                 "ann",
		"--department Nowhere":               "",
		"--role clerk":                       "bob",
		"--role admin":                       "boss",
		"--guest":                            "eve",
		"--kind guest":                       "eve",
		"--kind network":                     "ann bob boss",
		"--status deactivated":               "bob",
		"--kind network --status pending":    "ann boss",
		"--search zoe":                       "ann",
		"--search bo":                        "bob boss",
		"--sort name":                        "bob eve boss ann",
		"--limit 2":                          "ann bob",
		"--sort name --limit 1 --role clerk": "bob",
	} {
		var list struct{ Users []user }
		s.json(&list, append([]string{"users", "list"}, strings.Fields(flags)...)...)
		var logins []string
		for _, u := range list.Users {
			login, _, _ := strings.Cut(u.Login, "@")
			logins = append(logins, login)
		}
		require.Equal(t, want, strings.Join(logins, " "), flags)
	}
	code, _, _ := s.run("users", "list", "--role", "nothing")
	require.Equal(t, 1, code)
}

// A mail that does not leave is told, beside what was done.
func TestMailThatDoesNotLeave(t *testing.T) {
	s := newSession(t, "officechat")
	people := s.file("people.csv", "login\nzoe@acme.example\n")
	s.ok("users", "create", "eve@acme.example", "--no-welcome")
	for _, c := range []struct{ args, has string }{
		{"users create ann@acme.example", `"login":"ann@acme.example"`},
		{"users resend-activation ann@acme.example", `"done":"a new link for ann@acme.example is queued; no mail has left yet"`},
		{"invitations resend eve@acme.example", `"done":"a new link for eve@acme.example is queued; no mail has left yet"`},
		{"init --name Other --admin first@other.example", `"admin":"first@other.example"`},
		{"--domain Acme import --mode skip --send-invites " + people, `"created":1`},
		{"--domain Acme --as boss@acme.example import --mode update " + people, `"unchanged":1`},
	} {
		args := append([]string{"--smtp", "127.0.0.1:1", "--json"}, strings.Fields(c.args)...)
		code, out, errs := s.run(args...)
		require.Equal(t, 1, code, c.args)
		require.Contains(t, errs, "1 mail did not leave", c.args)
		require.Contains(t, out, c.has, c.args)
		require.Contains(t, out, `"code":"mail_failed"`, c.args)
		require.Equal(t, 1, strings.Count(out, "\n"), out)
	}
	code, out, errs := s.run("--domain", "Acme", "--smtp", "127.0.0.1:1", "users", "create", "bob@acme.example")
	require.Equal(t, 1, code)
	require.Contains(t, out, "created")
	require.Contains(t, errs, "refused")

	// What is queued goes when the server is there again, or without one into a
	// folder.
	var sent struct{ Sent int }
	s.json(&sent, "--domain", "Acme", "--mail-dir", t.TempDir(), "--now", time.Now().Add(time.Hour).UTC().Format(time.RFC3339), "invitations", "send")
	require.Equal(t, 4, sent.Sent)
	var list struct {
		Invitations []struct{ Login, State string }
	}
	s.json(&list, "--domain", "Acme", "invitations", "list")
	for _, inv := range list.Invitations {
		require.Equal(t, inv.Login == "boss@acme.example", inv.State == "none", inv)
		require.NotEqual(t, "queued", inv.State, inv)
	}
	require.Contains(t, s.ok("--domain", "Acme", "--mail-dir", t.TempDir(), "--now", time.Now().Add(2*time.Hour).UTC().Format(time.RFC3339), "users", "resend-activation", "eve@acme.example"), "on its way")
}

func TestRolesAreNotOverwritten(t *testing.T) {
	s := newSession(t, "officechat")
	s.ok("roles", "create", "Clerk", "--level", "10", "--permissions", "users.read,users.edit")
	for _, name := range []string{"Clerk", "CLERK", "admin"} {
		code, _, errs := s.run("roles", "create", name, "--level", "1")
		require.Equal(t, 1, code, name)
		require.Regexp(t, "edit that one|choose another one", errs)
	}
	for args, says := range map[string]string{"roles|create| ": "a role needs a name", "roles|edit|admin|--level|1": "is built in", "roles|delete|member": "is built in"} {
		code, _, errs := s.run(strings.Split(args, "|")...)
		require.Equal(t, 1, code, args)
		require.Contains(t, errs, says)
	}
	var v struct{ Role chatadmin.Role }
	s.json(&v, "roles", "create", " Night  watch ", "--permissions", "users.read, users.edit")
	require.Equal(t, "Night  watch", v.Role.Name)
	require.Equal(t, []chatadmin.Permission{"users.read", "users.edit"}, v.Role.Permissions)
	s.json(&v, "roles", "edit", "clerk", "--level", "5")
	require.Equal(t, chatadmin.Role{ID: v.Role.ID, Name: "Clerk", Level: 5, Permissions: []chatadmin.Permission{"users.read", "users.edit"}}, v.Role)
	s.json(&v, "roles", "edit", "clerk", "--permissions", "users.read")
	require.Equal(t, 5, v.Role.Level)
	require.Equal(t, []chatadmin.Permission{"users.read"}, v.Role.Permissions)
	code, _, _ := s.run("roles", "edit", "Nothing", "--level", "5")
	require.Equal(t, 1, code)
}

// A mode that is chosen without a flag leaves the rest of the policy alone.
func TestModeKeepsThePolicy(t *testing.T) {
	s := newSession(t, "officechat")
	var p struct {
		Mode, Validity string
		Recovery       bool
	}
	policy := func(want ...any) {
		t.Helper()
		s.json(&p, "2fa", "show")
		require.Equal(t, want, []any{p.Mode, p.Validity, p.Recovery})
	}
	policy("off", "0s", false)
	s.ok("2fa", "mode", "authenticator", "--validity", "30d", "--recovery")
	policy("authenticator", "720h0m0s", true)
	s.ok("2fa", "mode", "authenticator", "--plan", "--validity", "1d")
	s.ok("2fa", "mode", "authenticator")
	policy("authenticator", "720h0m0s", true)
	require.Contains(t, s.ok("2fa", "show"), "30 days")
	s.ok("2fa", "mode", "authenticator", "--recovery=false")
	policy("authenticator", "720h0m0s", false)
	s.ok("2fa", "mode", "off")
	policy("off", "720h0m0s", false)
	s.ok("--mail-dir", t.TempDir(), "2fa", "mode", "email")
	policy("email", "720h0m0s", false)
	s.ok("--mail-dir", t.TempDir(), "2fa", "mode", "email", "--validity", "0")
	policy("email", "0s", false)
	_, _, errs := s.run("signin", "boss@acme.example", "--client", "web")
	require.Contains(t, errs, "no mail is sent", "the code")
}

// An error that is several things at once has one code, whatever the order.
func TestCodesAreStable(t *testing.T) {
	for _, a := range codes {
		require.Equal(t, a.name, code(a.is))
		for _, b := range codes {
			want := code(errors.Join(a.is, b.is))
			require.Equal(t, want, code(errors.Join(b.is, a.is)))
			require.Contains(t, []string{a.name, b.name}, want)
		}
	}
	require.Equal(t, "failed", code(errors.New("something")))
}

func TestPrivateFiles(t *testing.T) {
	s := &session{t: t}
	db := filepath.Join(t.TempDir(), "chat.db")
	store, closeStore, err := openStore(t.Context(), db)
	require.NoError(t, err)
	defer closeStore()
	require.NotNil(t, store)
	s.ok("--db", db, "init", "--name", "Acme", "--admin", "boss@acme.example")
	for _, name := range []string{db, db + "-wal", db + "-shm"} {
		info, err := os.Stat(name)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), name)
	}
}

// A file for people's data is private even if it was there.
func TestPrivateExport(t *testing.T) {
	s := newSession(t, "officechat")
	out := filepath.Join(t.TempDir(), "export.csv")
	require.NoError(t, os.WriteFile(out, []byte("older, and longer than what follows, so that it must be cut off\n"), 0o644))
	s.ok("export", out)
	info, err := os.Stat(out)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	text, err := os.ReadFile(out)
	require.NoError(t, err)
	require.NotContains(t, string(text), "older")
	s.ok("export", os.DevNull)
}

func TestWords(t *testing.T) {
	require.Equal(t, "1 person", count(1, "person", "people"))
	require.Equal(t, "0 people", count(0, "person", "people"))
	require.Equal(t, "2 people", count(int64(2), "person", "people"))
	for d, want := range map[time.Duration]string{0: "0", 30 * 24 * time.Hour: "30 days", 24 * time.Hour: "1 day", 90 * time.Minute: "1 hour 30 minutes", 61 * time.Second: "1 minute 1 second"} {
		require.Equal(t, want, span(d))
	}
	s := newSession(t, "officechat")
	s.ok("users", "create", "ann@acme.example", "--no-welcome")
	require.Contains(t, s.ok("users", "deny", "ann@acme.example"), "1 user denied")
	require.Contains(t, s.ok("users", "grant", "ann@acme.example", "boss@acme.example"), "2 users granted")
	require.Contains(t, s.ok("delete", "--grace", "1"), "1 day\n")
	require.Contains(t, s.ok("delete", "--grace", "30"), "30 days\n")
}

// interrupted begins an import that ends before its first row, and returns its
// ID.
func (s *session) interrupted(file string) string {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	errs := &cancelling{cancel: cancel}
	c := &cli{in: strings.NewReader(""), out: &bytes.Buffer{}, err: errs, store: s.store, phones: s.phones, keyFile: s.keys}
	require.Equal(s.t, 1, c.main(ctx, []string{"import", "--mode", "skip", file}))
	require.Contains(s.t, errs.String(), "go on with --resume")
	id, _, _ := strings.Cut(strings.TrimPrefix(errs.String(), "import "), " ")
	return id
}

// cancelling ends a command as soon as it tells something.
type cancelling struct {
	bytes.Buffer
	cancel func()
}

func (w *cancelling) Write(p []byte) (int, error) {
	w.cancel()
	return w.Buffer.Write(p)
}

// Who may not resume is not told to resume.
func TestRefusedResumption(t *testing.T) {
	s := newSession(t, "officechat")
	first := s.file("a.csv", "login\nann@acme.example\n")
	other := s.file("b.csv", "login\nbob@acme.example\n")
	var rep struct {
		ImportID string `json:"import_id"`
	}
	s.json(&rep, "import", "--mode", "skip", first)
	code, _, errs := s.run("import", "--resume", rep.ImportID, other)
	require.Equal(t, 1, code)
	require.NotContains(t, errs, "--resume")
	s.ok("--as", "boss@acme.example", "import", "--resume", rep.ImportID, first) // it has ended and is only told

	// One that was interrupted belongs to whoever began it, until it was silent
	// for ten minutes or is taken over.
	for _, way := range []string{"silence", "take-over"} {
		id := s.interrupted(first)
		code, out, errs := s.run("--json", "--as", "boss@acme.example", "import", "--resume", id, first)
		require.Equal(t, 1, code, way)
		require.NotContains(t, errs, "--resume")
		require.Contains(t, errs, "runs take-over "+id)
		require.Contains(t, out, `"code":"forbidden"`)
		later := time.Now().Add(11 * time.Minute).UTC().Format(time.RFC3339)
		if way == "take-over" {
			s.ok("--as", "boss@acme.example", "runs", "take-over", id)
			later = time.Now().UTC().Format(time.RFC3339)
		}
		s.ok("--now", later, "--as", "boss@acme.example", "import", "--resume", id, first)
	}
	going := &erase.Run{Run: chatadmin.Run{ID: "x", State: chatadmin.RunRunning}}
	err := interrupted(going, chatadmin.ErrForbidden, true)
	require.Contains(t, err.Error(), "--resume x --take-over")
	err = interrupted(going, chatadmin.ErrHeld, true)
	require.NotContains(t, err.Error(), "--resume")
	err = interrupted(going, context.Canceled, false)
	require.Contains(t, err.Error(), "--resume x")
	err = goOn(chatadmin.ErrForbidden, true, "go on with --resume x")
	require.NotContains(t, err.Error(), "--resume")
	require.ErrorIs(t, err, chatadmin.ErrForbidden)
	require.Contains(t, goOn(context.Canceled, true, "go on with --resume x").Error(), "--resume x")
	require.Contains(t, goOn(chatadmin.ErrForbidden, false, "go on with --resume x").Error(), "--resume x")
}

func TestCompletion(t *testing.T) {
	s := newSession(t, "officechat")
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		require.Contains(t, s.ok("completion", shell), "admincli")
	}
	code, _, errs := s.run("completion", "tcsh")
	require.Equal(t, 2, code)
	require.Contains(t, errs, "powershell")
	for typed, want := range map[string]string{"users list --status|": "deactivated", "users |de": "deactivate\t", "retention |run": "run-due", "signin a --method|": "saml", "completion |": "bash",
		"2fa mode |": "authenticator", "groups posting Sales |": "everybody", "holds add |--rea": "--reason"} {
		words, last, _ := strings.Cut(typed, "|")
		out := s.ok(append(append([]string{"__complete"}, strings.Fields(words)...), last)...)
		require.Contains(t, out, want, typed)
	}
}

// The program itself, as a process.
func TestProgram(t *testing.T) {
	program := filepath.Join(t.TempDir(), "admincli")
	text, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput()
	require.NoError(t, err, string(text))
	db := filepath.Join(t.TempDir(), "chat.db")
	for _, c := range []struct {
		code int
		args string
		out  string
		errs string
	}{
		{0, "--help", "Commands:", ""}, {0, "users list --help", "--department", ""}, {0, "help users list", "--department", ""}, {0, "version", "admincli", ""},
		{2, "", "", "name a command"}, {2, "users lst", "", "did you mean list"}, {2, "users list --stat x", "", "unknown flag"},
		{1, "--json users list", `"not_found"`, "init"},
		{0, "init --name Acme --admin boss@acme.example", "boss@acme.example", ""}, {0, "--json users list", `"login":"boss@acme.example"`, ""},
	} {
		var out, errs bytes.Buffer
		run := exec.CommandContext(t.Context(), program, append([]string{"--db", db}, strings.Fields(c.args)...)...)
		run.Stdout, run.Stderr = &out, &errs
		err := run.Run()
		var exit *exec.ExitError
		if c.code == 0 {
			require.NoError(t, err, c.args)
		} else {
			require.ErrorAs(t, err, &exit, c.args)
			require.Equal(t, c.code, exit.ExitCode(), c.args)
		}
		require.Contains(t, out.String(), c.out, c.args)
		require.Contains(t, errs.String(), c.errs, c.args)
		if c.out == "" {
			require.Empty(t, out.String(), c.args)
		}
		if c.errs == "" {
			require.Empty(t, errs.String(), c.args)
		}
	}
}
