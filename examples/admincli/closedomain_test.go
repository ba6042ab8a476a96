package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A domain is renamed, suspended, resumed, scheduled to be closed, cancelled,
// and closed.
func TestDomainCommands(t *testing.T) {
	s := newSession(t, "officechat")
	s.ok("users", "create", "ann@acme.example", "--no-welcome")
	s.ok("content", "seed", "--messages", "20", "--files", "3", "--chats", "1")
	s.ok("init", "--name", "Other", "--admin", "boss@other.example", "--no-welcome")
	in := func(args ...string) []string { return append([]string{"--domain", "Acme Ltd"}, args...) }
	s.ok("--domain", "Acme", "--as", "boss@acme.example", "domain", "rename", "Acme Ltd")
	code, _, errs := s.run(in("domain", "rename", "Other")...)
	require.Equal(t, 1, code)
	require.Contains(t, errs, "exists")
	for _, args := range [][]string{{"suspend"}, {"resume"}, {"close", "--plan"}} {
		code, _, _ := s.run(in(append([]string{"--as", "boss@acme.example", "domain"}, args...)...)...)
		require.Equal(t, 1, code, "the host's alone: %v", args)
	}
	s.ok(in("domain", "suspend")...)
	code, _, _ = s.run(in("--as", "boss@acme.example", "users", "list")...)
	require.Equal(t, 1, code)
	s.ok(in("domain", "resume")...)
	s.ok(in("--as", "boss@acme.example", "users", "list")...)

	var plan, run closed
	s.json(&plan, in("domain", "close", "--plan", "--grace", "7")...)
	require.EqualValues(t, 2, plan.Counts["users"])
	require.Empty(t, plan.Blockers)
	s.json(&run, in("domain", "close", "--apply", "--grace", "7")...)
	require.EqualValues(t, "scheduled", run.State)
	code, _, errs = s.run(in("domain", "close", "--resume", string(run.ID))...)
	require.Equal(t, 1, code)
	require.Contains(t, errs, "scheduled for")
	s.json(&run, in("domain", "close", "--cancel", string(run.ID))...)
	require.EqualValues(t, "cancelled", run.State)
	s.ok(in("--as", "boss@acme.example", "users", "list")...)

	s.json(&run, in("domain", "close", "--apply", "--grace", "1", "--reason", "it moved")...)
	s.ok("--now", time.Now().Add(25*time.Hour).UTC().Format(time.RFC3339), "work")
	code, _, _ = s.run(in("users", "list")...)
	require.Equal(t, 1, code, "it is gone")
	var list struct {
		Closed []struct {
			Run, Reason string
			Removed     map[string]int64
		}
	}
	s.json(&list, "domain", "closed")
	require.Len(t, list.Closed, 1)
	require.Equal(t, string(run.ID), list.Closed[0].Run)
	require.Equal(t, "it moved", list.Closed[0].Reason)
	require.EqualValues(t, 2, list.Closed[0].Removed["users"])
	s.ok("--domain", "Other", "users", "list")
	for _, args := range [][]string{{"close"}, {"close", "--plan", "--apply"}, {"close", "--resume", "x", "--grace", "3"}, {"close", "--plan", "--grace", "-1"}} {
		code, _, _ := s.run(append([]string{"--domain", "Other", "domain"}, args...)...)
		require.Equal(t, 2, code, args)
	}
}
