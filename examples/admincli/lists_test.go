package main

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
)

// at is a command at a time.
func at(day int, args string) []string {
	when := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC).AddDate(0, 0, day).Format(time.RFC3339)
	return append([]string{"--now", when}, strings.Fields(args)...)
}

// names are the first parts of logins.
func names(logins []string) string {
	for i, login := range logins {
		logins[i], _, _ = strings.Cut(login, "@")
	}
	return strings.Join(logins, " ")
}

func TestGroupListFilters(t *testing.T) {
	s := newSession(t, "officechat")
	s.ok("users", "create", "ann@acme.example", "--no-welcome")
	for _, name := range []string{"Café", "Old sales", "Sales"} {
		s.ok("--as", "ann@acme.example", "groups", "create", name)
	}
	s.ok("groups", "create", "Board")
	s.ok("groups", "archive", "Old sales")
	for flags, want := range map[string]string{
		"":                           "Admin Announcements, All Of Us, Board, Café, Old sales, Sales",
		"--default":                  "Admin Announcements, All Of Us",
		"--archived":                 "Old sales",
		"--search SALES":             "Old sales, Sales",
		"--search cafe":              "Café",
		"--creator ann@acme.example": "Café, Old sales, Sales",
		"--creator ann@acme.example --not-archived --search s": "Sales",
		"--limit 2": "Admin Announcements, All Of Us",
	} {
		var list struct{ Groups []struct{ Name string } }
		s.json(&list, append([]string{"groups", "list"}, strings.Fields(flags)...)...)
		var got []string
		for _, g := range list.Groups {
			got = append(got, g.Name)
		}
		require.Equal(t, want, strings.Join(got, ", "), flags)
	}
	var got []string
	for after := ""; ; {
		var list struct {
			Groups []struct{ Name string }
			Next   string
		}
		s.json(&list, "groups", "list", "--limit", "4", "--after", after)
		for _, g := range list.Groups {
			got = append(got, g.Name)
		}
		if after = list.Next; after == "" {
			break
		}
	}
	require.Len(t, got, 6)
}

func TestMayPostCommand(t *testing.T) {
	s := newSession(t, "officechat")
	s.ok("users", "create", "ann@acme.example", "--no-welcome")
	s.ok("groups", "create", "Sales")
	asks := func(want string) {
		t.Helper()
		var v struct {
			May    bool `json:"may_post"`
			Reason string
		}
		s.json(&v, "groups", "may-post", "Sales", "ann@acme.example")
		require.Equal(t, want, v.Reason)
		require.Equal(t, want == "allowed", v.May)
	}
	asks("not_member")
	s.ok("groups", "add", "Sales", "ann@acme.example")
	asks("allowed")
	require.Contains(t, s.ok("groups", "may-post", "Sales", "ann@acme.example"), "may post in Sales")
	s.ok("groups", "posting", "Sales", "admins")
	asks("admins_only")
	s.ok("groups", "archive", "Sales")
	asks("archived")
	require.Contains(t, s.ok("groups", "may-post", "Sales", "ann@acme.example"), "archived")
	s.ok("users", "deny", "ann@acme.example")
	asks("no_access")
}

func TestIdleUsersCommands(t *testing.T) {
	s := newSession(t, "officechat")
	for _, name := range []string{"ann", "bob", "eve"} {
		s.ok(at(0, "users create "+name+"@acme.example --no-welcome")...)
	}
	s.ok(at(1, "signin ann@acme.example --client ios")...)
	s.ok(at(20, "signin bob@acme.example --client web")...)
	s.ok(at(39, "signin boss@acme.example --client web")...)
	list := func(key, args string) string {
		t.Helper()
		var v map[string]any
		s.json(&v, at(40, args)...)
		var logins []string
		for _, r := range v[key].([]any) {
			logins = append(logins, r.(map[string]any)["login"].(string))
		}
		return names(logins)
	}
	for args, want := range map[string]string{
		"":                          "ann bob boss eve",
		"--idle-days 10":            "eve ann bob",
		"--idle-days 10 --search n": "ann",
		"--never":                   "eve",
		"--client ios":              "ann",
		"--limit 1":                 "ann",
	} {
		require.Equal(t, want, list("sign_ins", "users sign-ins "+args), args)
	}
	require.Equal(t, "ann eve", list("users", "users list --idle-days 30"))
	require.Contains(t, s.ok(at(40, "users sign-ins")...), "2026-03-21T09:00:00Z")

	var v struct {
		Counts      map[string]int
		Deactivated int
		Done        bool
	}
	s.json(&v, at(40, "users deactivate-idle --days 30 --never --plan")...)
	require.Equal(t, map[string]int{"users": 2, "never": 1, "guests": 0, "left_alone": 0}, v.Counts)
	require.False(t, v.Done)
	s.json(&v, at(40, "users deactivate-idle --days 30 --never --apply")...)
	require.Equal(t, 2, v.Deactivated)
	require.True(t, v.Done)
	require.Equal(t, "ann eve", list("users", "users list --status deactivated"))
	require.Contains(t, s.ok("runs", "list"), "deactivation of idle users")
}

func TestLockedAndInvited(t *testing.T) {
	s := newSession(t, "officechat")
	for _, name := range []string{"ann", "bob"} {
		s.ok("--mail-dir", t.TempDir(), "users", "create", name+"@acme.example")
	}
	s.ok("users", "create", "eve@acme.example", "--no-welcome")
	for range 3 {
		s.run("signin", "bob@acme.example", "--client", "web", "--method", "password", "--password-ok=false")
	}
	for flags, want := range map[string]string{"--locked": "bob", "--invited": "ann bob", "--invited --locked": "bob", "--invited --search ann": "ann"} {
		var list struct{ Users []user }
		s.json(&list, append([]string{"users", "list"}, strings.Fields(flags)...)...)
		var logins []string
		for _, u := range list.Users {
			logins = append(logins, u.Login)
		}
		require.Equal(t, want, names(logins), flags)
	}
}

// A page of users is full although the filter is not kept with them, and its
// cursor leads to the next that fits.
func TestFilteredPagesAreFull(t *testing.T) {
	t.Parallel()
	s := newSession(t, "officechat")
	var b strings.Builder
	b.WriteString("login\n")
	for i := range 450 { // more than are looked through at once
		fmt.Fprintf(&b, "u%03d@acme.example\n", i)
	}
	s.ok("import", "--mode", "skip", s.file("p.csv", b.String()))
	var want []string
	for _, n := range []int{3, 7, 211, 212, 449} {
		login := fmt.Sprintf("u%03d@acme.example", n)
		want = append(want, login)
		for range 3 {
			s.run("signin", login, "--client", "web", "--method", "password", "--password-ok=false")
		}
	}
	for limit := 1; limit <= 6; limit++ {
		var got []string
		for after := ""; ; {
			var list struct {
				Users []user
				Next  string
			}
			s.json(&list, "users", "list", "--locked", "--limit", strconv.Itoa(limit), "--after", after)
			if list.Next != "" {
				require.Len(t, list.Users, limit)
			}
			for _, u := range list.Users {
				got = append(got, u.Login)
			}
			if after = list.Next; after == "" {
				break
			}
		}
		require.Equal(t, want, got, "pages of %d", limit)
	}
}

func TestAuditFilters(t *testing.T) {
	s := newSession(t, "officechat")
	s.ok(at(0, "users create ann@acme.example --no-welcome")...)
	s.ok(at(1, "--as ann@acme.example groups create Sales")...)
	s.ok(at(2, "groups create Board")...)
	kinds := func(args string) string {
		t.Helper()
		var v struct{ Events []struct{ Kind string } }
		s.json(&v, append([]string{"audit", "list"}, strings.Fields(args)...)...)
		var kinds []string
		for _, e := range v.Events {
			kinds = append(kinds, e.Kind)
		}
		return strings.Join(kinds, " ")
	}
	require.Equal(t, "group.create", kinds("--actor ann@acme.example"))
	require.Equal(t, "group.create group.create", kinds("--kind group. --from 2026-03-02T00:00:00Z --to 2026-03-04T00:00:00Z"))
	require.Equal(t, "group.create user.create", kinds("--from 2026-03-01T09:00:00Z --to 2026-03-03T00:00:00Z"))
	var page struct {
		Events []struct{ Kind string }
		Next   string
	}
	s.json(&page, "audit", "list", "--limit", "1")
	require.Len(t, page.Events, 1)
	require.NotEmpty(t, page.Next)
	first := page.Events[0]
	s.json(&page, "audit", "list", "--limit", "1", "--after", page.Next)
	require.NotEqual(t, "", first.Kind)
	require.Len(t, page.Events, 1)
}

// Invitations, runs and members can be listed page by page: together the pages
// are the whole list.
func TestPagesOfLists(t *testing.T) {
	s := newSession(t, "officechat")
	for _, name := range []string{"a", "b", "c", "d"} {
		s.ok("import", "--mode", "skip", "--send-invites", s.file(name+".csv", "login\n"+name+"1@acme.example\n"+name+"2@acme.example\n"))
	}
	for what, key := range map[string]string{"invitations list": "invitations", "runs list --kind import": "runs", "groups members NAME": "members"} {
		list := func(flags ...string) ([]any, string) {
			var page map[string]any
			args := strings.Fields(what)
			if args[0] == "groups" {
				args[2] = "All Of Us"
			}
			s.json(&page, append(args, flags...)...)
			next, _ := page["next"].(string)
			return page[key].([]any), next
		}
		whole, next := list()
		require.Empty(t, next, what)
		require.GreaterOrEqual(t, len(whole), 4, what)
		for limit := 1; limit <= 5; limit++ {
			var got []any
			for after := ""; ; {
				page, next := list("--limit", strconv.Itoa(limit), "--after", after)
				require.LessOrEqual(t, len(page), limit, what)
				got = append(got, page...)
				if after = next; next == "" {
					break
				}
			}
			require.ElementsMatch(t, whole, got, "%s, pages of %d", what, limit)
		}
	}
}

// Invitations can be listed by where they stand.
func TestInvitationStates(t *testing.T) {
	s := newSession(t, "officechat")
	s.ok("import", "--mode", "skip", s.file("a.csv", "login\nann@acme.example\n"))
	s.ok("--mail-dir", t.TempDir(), "import", "--mode", "skip", "--send-invites", s.file("b.csv", "login\nbob@acme.example\n"))
	for state, want := range map[string][]string{"none": {"ann@acme.example", "boss@acme.example"}, "sent": {"bob@acme.example"}, "expired": {}} {
		var list struct{ Invitations []struct{ Login string } }
		s.json(&list, "invitations", "list", "--state", state)
		got := []string{}
		for _, v := range list.Invitations {
			got = append(got, v.Login)
		}
		require.Equal(t, want, got, state)
	}
}

// Of two domains with one name, one is chosen by its ID.
func TestDomainsOfOneName(t *testing.T) {
	s := newSession(t, "officechat")
	admin, err := chatadmin.New(s.store, nil)
	require.NoError(t, err)
	_, _, err = admin.CreateDomain(t.Context(), chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "ann@acme.example"}})
	require.NoError(t, err)
	var list struct{ Domains []struct{ ID, Name string } }
	s.json(&list, "domain", "list")
	require.Len(t, list.Domains, 2)
	code, _, errs := s.run("--domain", "Acme", "users", "list")
	require.Equal(t, 2, code)
	require.Contains(t, errs, "domain list")
	var found []string
	for _, d := range list.Domains {
		require.Equal(t, "Acme", d.Name)
		var users struct{ Users []struct{ Login string } }
		s.json(&users, "--domain", d.ID, "users", "list")
		require.Len(t, users.Users, 1)
		found = append(found, users.Users[0].Login)
	}
	require.ElementsMatch(t, []string{"ann@acme.example", "boss@acme.example"}, found)
}
