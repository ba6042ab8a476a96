package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/retention"
)

func TestRetentionCommand(t *testing.T) {
	s := newSession(t, "officechat")
	crowd(s)
	s.ok("--now", "2020-01-01T00:00:00Z", "content", "seed", "--messages", "500", "--files", "30", "--authors", "ann@acme.example,bob@acme.example")
	code, _, errs := s.run("retention", "plan")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "for ever")
	var p retentionPlan
	s.json(&p, "retention", "plan", "--days", "90")
	require.Equal(t, retention.Counts{Messages: 500, Files: 30}, p.Counts)
	require.Len(t, p.Warnings, 1)
	var policy retention.Policy
	s.json(&policy, "--as", "boss@acme.example", "retention", "set", "90")
	require.Equal(t, retention.Policy{Days: 90}, policy)
	require.Contains(t, s.ok("retention", "show"), "after 90 days")

	s.ok("holds", "add", "--user", "ann@acme.example", "--reason", "case 7")
	s.json(&p, "retention", "plan")
	require.Equal(t, retention.Counts{Messages: 250, Files: 15}, p.Counts)
	require.Equal(t, p.Counts, p.Held)
	require.Empty(t, p.Warnings)
	var r, again retentionRun
	s.json(&r, "--as", "boss@acme.example", "retention", "apply")
	require.Equal(t, []any{chatadmin.RunDone, true, "boss@acme.example", 90, p.Counts, p.Counts}, []any{r.State, r.Done, r.By, r.Days, r.Planned, r.Removed})
	s.json(&again, "--as", "boss@acme.example", "retention", "resume", string(r.ID))
	require.Equal(t, r, again)
	var after map[string]int
	s.json(&after, "content", "count")
	require.Equal(t, map[string]int{"private_chats": 20, "messages": 1250, "files": 215}, after)
	require.Contains(t, s.ok("audit", "list"), "retention.done")

	// The host's limit, and its worker, a year later.
	s.json(&policy, "retention", "limit", "7")
	require.Equal(t, retention.Policy{Days: 7, Limit: 7}, policy)
	var runs struct{ Runs []retentionRun }
	s.json(&runs, "retention", "run-due")
	require.Empty(t, runs.Runs)
	later := time.Now().AddDate(1, 0, 0).UTC().Format(time.RFC3339)
	code, _, errs = s.run("--now", later, "retention", "run-due")
	require.Equal(t, 1, code, "the clock has moved by a year since the last run")
	require.Contains(t, errs, "make a plan and apply it")
	require.Contains(t, s.ok("--now", later, "retention", "plan"), "make sure that the clock is right")
	var byHost retentionRun
	s.json(&byHost, "--now", later, "retention", "apply")
	require.Equal(t, "host", byHost.By)
	s.json(&runs, "--now", later, "retention", "run-due")
	require.Empty(t, runs.Runs)
	s.json(&runs, "retention", "list")
	require.Len(t, runs.Runs, 2)
	require.Equal(t, r, runs.Runs[0])
	require.Contains(t, s.ok("retention", "list"), "boss@acme.example")

	for _, c := range []struct {
		code int
		args string
		want string
	}{
		{0, "retention --help", "run-due"},
		{1, "retention set -1", "1 to 36500"}, {1, "retention set 36501", "1 to 36500"}, {1, "retention set 0", "at most 7 days"}, {1, "retention set 8", "at most 7 days"}, {1, "retention resume nonsense", "not found"},
		{1, "--as bob@acme.example retention show", "holds"}, {1, "--as bob@acme.example retention apply", "holds"}, {1, "--as boss@acme.example retention limit 0", "leave out --as"},
		{1, "--as boss@acme.example retention run-due", "leave out --as"},
		{2, "retention", "run-due"}, {2, "retention set", "DAYS"}, {2, "retention set week", "number of days"}, {2, "retention plan --days x", "give a number"}, {2, "retention apply --days 7", "--days"},
		{2, "retention fly", "run-due"}, {2, "retention resume", "ID"},
	} {
		args := strings.Fields(c.args)
		if i := len(args) - 1; args[i] == "-1" {
			args = append(args[:i], "--", "-1")
		}
		code, out, errs := s.run(args...)
		require.Equal(t, c.code, code, "%s: %s%s", c.args, out, errs)
		require.Contains(t, errs+out, c.want, c.args)
	}
}

// Each command is a process of its own on one SQLite file.
func TestRetentionOnSQLite(t *testing.T) {
	s := newSession(t, "officechat")
	s.store = nil
	db := filepath.Join(t.TempDir(), "chat.db")
	run := func(args ...string) string { return s.ok(append([]string{"--db", db}, args...)...) }
	run("init", "--name", "Acme", "--admin", "boss@acme.example")
	run("--now", "2026-01-01T00:00:00Z", "content", "seed", "--messages", "300", "--files", "20")
	run("--now", "2026-03-01T00:00:00Z", "content", "seed", "--messages", "40")
	run("retention", "set", "30")
	require.Contains(t, run("--now", "2026-01-30T00:00:00Z", "retention", "apply"), "messages    0")
	require.Contains(t, run("--now", "2026-03-02T00:00:00Z", "retention", "apply"), "messages    300")
	require.Contains(t, run("content", "count"), "messages       40")
}
