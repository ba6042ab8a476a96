package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// listed is one device of "devices list".
type listed struct {
	User         string
	Type         string
	DeviceID     string `json:"device_id"`
	LastActivity string `json:"last_activity"`
	Status       string
	Wipe         string
}

func (s *session) devices(args ...string) []listed {
	s.t.Helper()
	var v struct{ Devices []listed }
	s.json(&v, append([]string{"devices", "list"}, args...)...)
	require.NotNil(s.t, v.Devices)
	return v.Devices
}

// A phone is registered, disabled, enabled, wiped, and registered again.
func TestDevicesCommand(t *testing.T) {
	s := newSession(t, "officechat")
	const boss = "boss@acme.example"
	s.ok("users", "create", "ann@acme.example", "--no-welcome")
	code := func(want int, args ...string) string {
		t.Helper()
		got, out, errs := s.run(args...)
		require.Equal(t, want, got, "%v: %s%s", args, out, errs)
		return errs
	}
	require.Empty(t, s.devices())
	s.ok("--now", "2026-03-01T09:00:00Z", "devices", "register", "ann@acme.example", "--device-id", "A1", "--type", "ios", "--name", "Ann's phone")
	s.ok("devices", "authorize", "A1")
	require.Equal(t, "ann@acme.example", s.devices()[0].User)
	require.NotEqual(t, "2026-03-01T09:00:00Z", s.devices()[0].LastActivity, "authorize was an activity")

	s.ok("--as", boss, "devices", "disable", "A1")
	require.Contains(t, code(1, "devices", "authorize", "A1"), "not let in")
	require.Equal(t, []listed{{"ann@acme.example", "ios", "A1", s.devices()[0].LastActivity, "disabled", "none"}}, s.devices("--status", "disabled"))
	s.ok("--as", boss, "devices", "enable", "A1")
	s.ok("devices", "register", "ann@acme.example", "--device-id", "A1", "--type", "ios")
	s.ok("--as", boss, "devices", "authorize", "A1")

	s.ok("--as", boss, "devices", "wipe", "A1")
	code(1, "devices", "authorize", "A1")
	require.Contains(t, code(1, "devices", "enable", "A1"), "pending")
	require.Len(t, s.devices("--wipe-pending-days", "0"), 1)
	require.Empty(t, s.devices("--wipe-pending-days", "3"))
	for flags, want := range map[string]int{
		"--wipe-pending-days 0 --search ann": 1, "--wipe-pending-days 0 --search bob": 0, "--wipe-pending-days 3 --search ann": 0,
		"--wipe-pending-days 0 --type ios --status disabled": 1, "--wipe-pending-days 0 --type android": 0, "--wipe-pending-days 0 --limit 1": 1,
		"--now 2031-03-01T09:00:00Z --wipe-pending-days 3 --user ann@acme.example": 1,
	} {
		require.Len(t, s.devices(strings.Fields(flags)...), want, flags)
	}
	var got struct{ Commands []struct{ ID, Kind string } }
	s.json(&got, "devices", "checkin", "A1")
	require.Len(t, got.Commands, 1)
	require.Equal(t, "wipe", got.Commands[0].Kind)
	require.Equal(t, "delivered", s.devices()[0].Wipe)
	code(1, "devices", "cancel-wipe", "A1")
	code(1, "devices", "ack", "A1", "--command", "another")
	for range 2 {
		s.ok("devices", "ack", "A1", "--command", got.Commands[0].ID)
	}
	require.Equal(t, "acknowledged", s.devices()[0].Wipe)
	s.ok("--as", boss, "devices", "register", "ann@acme.example", "--device-id", "A1", "--type", "ios")
	require.Equal(t, []string{"enabled", "none"}, []string{s.devices()[0].Status, s.devices()[0].Wipe})
	s.ok("devices", "authorize", "A1")
	s.json(&got, "devices", "checkin", "A1")
	require.Empty(t, got.Commands)
	var history struct {
		Commands []struct {
			State   string
			AskedBy string `json:"asked_by"`
		}
	}
	s.json(&history, "devices", "history", "A1")
	require.Len(t, history.Commands, 1)
	require.Equal(t, []string{"acknowledged", boss}, []string{history.Commands[0].State, history.Commands[0].AskedBy})

	// Two people share a phone.
	s.ok("devices", "register", boss, "--device-id", "A1", "--type", "android")
	require.Contains(t, code(1, "devices", "wipe", "A1"), "--user")
	code(1, "devices", "authorize", "A1")
	s.ok("devices", "wipe", "A1", "--user", boss)
	s.ok("devices", "enable", "A1", "--user", boss, "--cancel-wipe")
	s.ok("devices", "authorize", "A1", "--user", "ANN@acme.example")
	require.Len(t, s.devices("--search", "boss"), 1)
	require.Len(t, s.devices("--type", "ios"), 1)
	require.Len(t, s.devices("--search", "A"), 2)

	// The devices follow their user.
	s.ok("users", "deactivate", "ann@acme.example")
	code(1, "devices", "authorize", "A1", "--user", "ann@acme.example")
	s.ok("users", "activate", "ann@acme.example")
	require.Equal(t, "enabled", s.devices("--user", "ann@acme.example")[0].Status)
	s.ok("devices", "remove", "A1", "--user", boss)
	require.Len(t, s.devices(), 1)
	code(1, "--as", "ann@acme.example", "devices", "wipe", "A1")

	// One that was removed with its wipe pending: the wipe can still be taken
	// back.
	s.ok("devices", "register", boss, "--device-id", "B2", "--type", "mac")
	s.ok("devices", "wipe", "B2")
	s.ok("devices", "remove", "B2")
	left := s.devices("--wipe-pending-days", "0")
	require.Len(t, left, 1)
	require.Contains(t, s.ok("devices", "cancel-wipe", left[0].DeviceID), "cancelled")
	require.Empty(t, s.devices("--wipe-pending-days", "0"))
	require.Contains(t, code(1, "devices", "cancel-wipe", left[0].DeviceID), "not found")

	for args, want := range map[string]int{"devices": 2, "devices fly A1": 2, "devices list --status asleep": 2, "devices list --type tv": 2, "devices register ann@acme.example": 2,
		"devices register ann@acme.example --device-id x --type tv": 2, "devices ack A1": 2, "devices wipe nothing": 1,
		"devices checkin nothing": 1, "devices register nobody --device-id x --type ios": 1, "devices --help": 0} {
		code(want, strings.Fields(args)...)
	}
	var refused struct{ Error struct{ Code string } }
	_, out, _ := s.run("--json", "devices", "authorize", "A1", "--user", "ann@acme.example")
	require.NoError(t, json.Unmarshal([]byte(out), &refused))
	require.Equal(t, "refused", refused.Error.Code)
}

// Commands, one process each, over one SQLite file: what the phone keeps lies
// beside it, for its owner alone, and no credential is in the database.
func TestDevicesFile(t *testing.T) {
	s := &session{t: t}
	db := filepath.Join(t.TempDir(), "chat.db")
	ok := func(args string) string {
		t.Helper()
		return s.ok(append([]string{"--db", db}, strings.Fields(args)...)...)
	}
	ok("init --name Acme --admin boss@acme.example")
	ok("devices register boss@acme.example --device-id A1 --type mac")
	ok("devices authorize A1")
	ok("devices wipe A1")
	id := strings.Fields(ok("devices checkin A1"))[0]
	ok("devices ack A1 --command " + id + " --failed")
	require.Contains(t, ok("devices list"), "failed")
	file := db + "-phones.json"
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var kept []phone
	require.NoError(t, json.Unmarshal(text, &kept))
	data, err := os.ReadFile(db)
	require.NoError(t, err)
	secret := kept[0].WipeToken[strings.LastIndexByte(kept[0].WipeToken, '.')+1:]
	require.NotContains(t, string(data), secret)
	require.Contains(t, string(data), "boss@acme.example")
	require.NoError(t, os.WriteFile(file, []byte("nonsense"), 0o600))
	code, _, _ := s.run("--db", db, "devices", "authorize", "A1")
	require.Equal(t, 1, code)
}
