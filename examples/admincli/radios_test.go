package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A push-to-talk company from the first department to the last radio.
func TestRadios(t *testing.T) {
	s := newSession(t, "eschat")
	dir := t.TempDir()
	s.ok("domain", "settings", "default_country=NL")
	s.ok("departments", "create", "Buses")
	s.ok("departments", "create", "Trams")
	s.ok("departments", "policy", "--accept-texts")
	create := []string{"--mail-dir", dir, "users", "create", "Bus.57", "--first-name", "John", "--last-name", "Smith", "--mobile", "06 12345678"}
	code, _, errs := s.run(append(create, "--priority", "6", "--imei", "123")...)
	require.Equal(t, 1, code)
	for _, fault := range []string{"choose one", "0 (lowest) to 5", "13 or 15 digits"} {
		require.Contains(t, errs, fault)
	}
	s.ok(append(create, "--department", "buses", "--send-text", "--priority", "2")...)
	s.ok("users", "create", "Chief", "--first-name", "Ann", "--last-name", "Smith", "--department", "Buses", "--priority", "5", "--imei", "490154203237518")

	files, err := filepath.Glob(filepath.Join(dir, "text-*.txt"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	text, err := os.ReadFile(files[0])
	require.NoError(t, err)
	word := regexp.MustCompile(`\w{4}-\w{4}-\w{4}`).FindString(string(text))
	code, _, _ = s.run("devices", "register", "bus.57", "--device-id", "R1", "--type", "android", "--code", "0000-0000-0000")
	require.Equal(t, 1, code)
	s.ok("devices", "register", "bus.57", "--device-id", "R1", "--type", "android", "--code", word)
	s.ok("devices", "register", "chief", "--device-id", "R2", "--type", "ios", "--imei", "49 015420 323751 8")

	var u struct {
		Department string
		Radio      radio
	}
	s.json(&u, "users", "show", "bus.57")
	require.Equal(t, "Buses", u.Department)
	require.Equal(t, radio{Priority: 2, Client: "android", Trusted: true, Activation: "automatic", SendText: true, Contacts: true}, u.Radio)
	require.Contains(t, s.ok("users", "show", "chief"), "490154203237518")
	require.Contains(t, s.ok("contacts", "Bus.57"), "Chief")
	s.ok("users", "edit", "chief", "--maximal-contacts=no")
	require.NotContains(t, s.ok("contacts", "Bus.57"), "Chief")

	require.Contains(t, s.ok("floor", "ask", "chief", "--active", "bus.57", "--speaking", "bus.57"), "interrupts")
	require.Contains(t, s.ok("floor", "ask", "bus.57", "--active", "chief", "--speaking", "chief"), "busy")
	var f map[string]any
	s.json(&f, "floor", "ask", "bus.57")
	require.Equal(t, map[string]any{"decision": "granted", "may_speak": true, "speaker": "bus.57"}, f)

	s.ok("departments", "rename", "buses", "City Buses")
	require.Contains(t, s.ok("departments", "empty", "City Buses", "--into", "Trams", "--plan"), "2 users")
	code, _, errs = s.run("departments", "delete", "City Buses")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "has members")
	s.ok("departments", "empty", "City Buses", "--into", "Trams")
	s.ok("departments", "delete", "City Buses")
	require.Equal(t, "Trams", strings.TrimSpace(s.ok("departments", "list")))
	s.ok("departments", "admin", "chief")
	require.Contains(t, s.ok("--as", "chief", "users", "create", "Tram.1", "--first-name", "J", "--last-name", "Doe", "--email", "j@metro.example"), "Tram.1")
}
