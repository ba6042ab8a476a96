package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// crowd makes ann, bob and eve with content.
func crowd(s *session) {
	s.ok("import", "--mode", "skip", s.file("p.csv", "login\nann@acme.example\nbob@acme.example\neve@acme.example\n"))
	s.ok("content", "seed", "--chats", "20", "--groups", "10", "--messages", "1000", "--files", "200")
}

func TestDeleteCommand(t *testing.T) {
	s := newSession(t, "officechat")
	crowd(s)
	var before, hers, after map[string]int
	s.json(&before, "content", "count")
	require.Equal(t, map[string]int{"private_chats": 20, "messages": 1000, "files": 200}, before)
	s.json(&hers, "content", "count", "--author", "ann@acme.example")
	require.Positive(t, hers["messages"])

	var d deletion
	s.json(&d, "delete", "ann@acme.example", "--plan")
	require.False(t, d.Done)
	require.Empty(t, d.ID)
	require.Empty(t, d.Blockers)
	require.NotEmpty(t, d.Warnings)
	require.Len(t, d.Groups, 3)
	require.Equal(t, vanishing{d.Groups[0].Name, 4}, d.Groups[0])
	require.Greater(t, d.Counts["messages"], int64(hers["messages"]))
	planned := d
	s.json(&d, "--as", "boss@acme.example", "delete", "ann@acme.example", "--apply", "--reason", "left")
	require.True(t, d.Done)
	require.NotEmpty(t, d.ID)
	require.Equal(t, planned.Counts, d.Counts)
	require.Equal(t, planned.Groups, d.Groups)
	s.json(&after, "content", "count")
	for kind, n := range before {
		require.EqualValues(t, d.Counts[kind], n-after[kind], kind)
	}
	var r deletion
	s.json(&r, "delete", "--receipt", string(d.ID))
	require.Equal(t, d.Counts, r.Counts)
	s.json(&r, "--as", "boss@acme.example", "delete", "--resume", string(d.ID))
	require.True(t, r.Done)

	for _, c := range []struct {
		code int
		args string
		want string
	}{
		{1, "users show ann@acme.example", "not found"}, {1, "delete ann@acme.example --apply", "not found"}, {1, "--as boss@acme.example delete boss@acme.example --apply", "themselves"},
		{1, "delete boss@acme.example --apply", "without an administrator"}, {1, "--as bob@acme.example delete eve@acme.example --apply", "users.delete"},
		{1, "delete --cancel " + string(d.ID), "has ended"}, {1, "delete --resume nonsense", "not found"},
		{2, "delete", "choose"}, {2, "delete --plan", "name whom"}, {2, "delete bob@acme.example", "choose"}, {2, "delete bob@acme.example --plan --apply", "choose"},
		{2, "delete bob@acme.example --resume X", "nobody"}, {2, "delete bob@acme.example --plan --delete-default --transfer-default-to boss@acme.example", "choose"},
		{2, "holds", "list"}, {2, "holds add", "add"}, {2, "content", "seed"}, {2, "content seed --chats -1", "seed"},
	} {
		code, out, errs := s.run(strings.Fields(c.args)...)
		require.Equal(t, c.code, code, "%s: %s%s", c.args, out, errs)
		require.Contains(t, errs, c.want, c.args)
	}
	code, _, errs := s.run("delete", "bob@acme.example", "--apply", "--reason", "")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "reason")
	s.ok("users", "create", "ann@acme.example", "--no-welcome")
}

func TestHoldsCommand(t *testing.T) {
	s := newSession(t, "officechat")
	crowd(s)
	var h hold
	s.json(&h, "holds", "add", "--user", "bob@acme.example", "--reason", "case 7")
	require.Equal(t, "bob@acme.example", h.User)
	code, _, errs := s.run("delete", "bob@acme.example", "--apply")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "legal hold")
	var d deletion
	s.json(&d, "delete", "bob@acme.example", "--plan")
	require.Contains(t, strings.Join(d.Blockers, "\n"), "hold: ")
	var all struct{ Holds []hold }
	s.json(&all, "holds", "list")
	require.Equal(t, []hold{h}, all.Holds)
	s.ok("holds", "release", string(h.ID))
	s.ok("delete", "bob@acme.example", "--apply")
	code, _, _ = s.run("holds", "add", "--group", "All Of Us", "--reason", "")
	require.Equal(t, 1, code)
	s.ok("holds", "add", "--group", "All Of Us", "--reason", "case 8")
	require.Contains(t, s.ok("holds", "list"), "case 8")
}

func TestDefaultGroupChoices(t *testing.T) {
	s := newSession(t, "officechat")
	crowd(s)
	for _, login := range []string{"ann@acme.example", "bob@acme.example"} {
		s.ok("--as", login, "groups", "create", "Of "+login)
		s.ok("groups", "default", "Of "+login)
		code, _, errs := s.run("delete", login, "--apply")
		require.Equal(t, 1, code)
		require.Contains(t, errs, "default group")
	}
	s.ok("delete", "ann@acme.example", "--apply", "--transfer-default-to", "boss@acme.example")
	s.ok("delete", "bob@acme.example", "--apply", "--delete-default")
	out := s.ok("groups", "list")
	require.Contains(t, out, "Of ann")
	require.NotContains(t, out, "Of bob")
}

// Groups are handed over one by one, or all, instead of vanishing.
func TestHandOverGroups(t *testing.T) {
	s := newSession(t, "officechat")
	crowd(s)
	for _, name := range []string{"Sales", "a=b", "News"} {
		s.ok("--as", "ann@acme.example", "groups", "create", name)
	}
	for _, c := range []struct {
		code int
		args []string
		want string
	}{
		{2, []string{"--transfer", "Sales"}, "GROUP=LOGIN"}, {2, []string{"--transfer", "=bob@acme.example"}, "GROUP=LOGIN"}, {2, []string{"--transfer", "Sales="}, "GROUP=LOGIN"},
		{2, []string{"--transfer", "Sales=bob@acme.example", "--transfer", "sales=eve@acme.example"}, "twice"},
		{1, []string{"--transfer", "No Such Group=bob@acme.example"}, "not found"}, {1, []string{"--transfer-all", "nobody@acme.example"}, "not found"},
		{1, []string{"--transfer-all", "ann@acme.example"}, "cannot get groups"},
	} {
		code, _, errs := s.run(append([]string{"delete", "ann@acme.example", "--plan"}, c.args...)...)
		require.Equal(t, c.code, code, "%v: %s", c.args, errs)
		require.Contains(t, errs, c.want)
	}
	code, _, errs := s.run("delete", "--run-due", "--transfer-all", "bob@acme.example")
	require.Equal(t, 2, code)
	require.Contains(t, errs, "go with")
	var d deletion
	s.json(&d, "delete", "ann@acme.example", "--apply", "--transfer", "Sales=bob@acme.example", "--transfer", "a=b=eve@acme.example", "--transfer-all", "boss@acme.example")
	require.True(t, d.Done)
	require.Empty(t, d.Groups)
	require.Len(t, d.Transferred, 6, "those that crowd made for her, too")
	out := s.ok("groups", "list")
	for _, name := range []string{"Sales", "a=b", "News"} {
		require.Contains(t, out, name)
	}
}

// A deletion with a grace period is cancelled, and another one carried out when
// it is due. Each command is a process of its own on one SQLite file.
func TestScheduledDeletion(t *testing.T) {
	s := newSession(t, "officechat")
	s.store = nil
	db := filepath.Join(t.TempDir(), "chat.db")
	run := func(args ...string) string { return s.ok(append([]string{"--db", db}, args...)...) }
	run("init", "--name", "Acme", "--admin", "boss@acme.example")
	run("users", "create", "ann@acme.example", "--no-welcome")
	run("content", "seed", "--chats", "3", "--messages", "30")
	run("delete", "--grace", "30")
	var d deletion
	s.json(&d, "--db", db, "delete", "ann@acme.example", "--apply")
	require.False(t, d.Done)
	require.EqualValues(t, "scheduled", d.State)
	require.Contains(t, run("users", "show", "ann@acme.example"), "deactivated")
	run("delete", "--cancel", string(d.ID))
	require.NotContains(t, run("users", "show", "ann@acme.example"), "deactivated")

	s.json(&d, "--db", db, "delete", "ann@acme.example", "--apply")
	require.Contains(t, run("delete", "--run-due"), "0")
	require.Contains(t, run("--now", d.Due.Format("2006-01-02T15:04:05Z07:00"), "delete", "--run-due"), "0", "a moment too early")
	later := d.Due.AddDate(0, 0, 1).Format("2006-01-02T15:04:05Z07:00")
	code, _, errs := s.run("--db", db, "--now", later, "delete", "--run-due")
	require.Equal(t, 1, code, "the clock has moved by a month since the last run")
	require.Contains(t, errs, "resume deletion "+string(d.ID))
	require.Contains(t, run("--now", later, "delete", "--resume", string(d.ID)), "done")
	code, _, _ = s.run("--db", db, "users", "show", "ann@acme.example")
	require.Equal(t, 1, code)
	require.Contains(t, run("content", "count"), "0")
}
