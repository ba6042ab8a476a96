package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/require"
)

func TestTwoFactorCommands(t *testing.T) {
	s := newSession(t, "officechat")
	keys := filepath.Join(t.TempDir(), "keys")
	s.ok("users", "create", "ann@acme.example", "--no-welcome")
	require.NoFileExists(t, keys)
	run := func(args ...string) []string { return append([]string{"--key-file", keys}, args...) }

	var plan struct {
		Mode, Validity string
		Applied        bool
		Counts         map[string]int
		CannotPass     []string `json:"cannot_pass"`
		Warnings       []string
	}
	s.json(&plan, run("2fa", "mode", "authenticator", "--validity", "30d", "--recovery", "--plan")...)
	require.False(t, plan.Applied)
	require.Equal(t, 2, plan.Counts["to_enrol"])
	require.Empty(t, plan.CannotPass)
	info, err := os.Stat(keys)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	var e struct {
		Asks, Enrolled     bool
		Kind, Rule, Cannot string
		TrustedUntil       time.Time `json:"trusted_until"`
		Codes              []string
		Trusted            []struct{ ID, Client string }
		RecoveryCodes      int `json:"recovery_codes"`
	}
	explain := func(flags ...string) {
		e.Asks, e.TrustedUntil = false, time.Time{}
		s.json(&e, run(append([]string{"2fa", "explain", "ann@acme.example"}, flags...)...)...)
	}
	explain()
	require.Equal(t, "off", e.Rule)
	s.json(&plan, run("2fa", "mode", "authenticator", "--validity", "30d", "--recovery")...)
	require.True(t, plan.Applied)
	explain("--client", "desktop")
	require.True(t, e.Asks)
	require.Equal(t, []string{"asked", "authenticator"}, []string{e.Rule, e.Kind})
	explain("--client", "ios")
	require.Equal(t, "mobile", e.Rule)
	explain("--method", "saml")
	require.Equal(t, "federated", e.Rule)
	require.Regexp(t, `(?m)^rule +asked +a code`, s.ok(run("2fa", "explain", "ann@acme.example")...))

	// A sign-in, each command as another process.
	var d struct {
		Decision, Reason, Kind string
		Challenge              string `json:"challenge_id"`
		Trust                  string `json:"trust_token"`
		Enroll                 struct{ URI, Secret string }
	}
	signin := func(flags ...string) {
		d.Challenge, d.Trust, d.Enroll.Secret = "", "", ""
		s.json(&d, run(append([]string{"signin", "ann@acme.example", "--client", "web"}, flags...)...)...)
	}
	qr := filepath.Join(t.TempDir(), "qr.png")
	signin("--qr", qr)
	require.Equal(t, []string{"challenge", "authenticator"}, []string{d.Decision, d.Kind})
	require.Contains(t, d.Enroll.URI, d.Enroll.Secret)
	require.FileExists(t, qr)
	code, err := totp.GenerateCode(d.Enroll.Secret, time.Now())
	require.NoError(t, err)
	wrong, _, errs := s.run(run("signin", "bob@acme.example", "--challenge", d.Challenge, "--code", code)...)
	require.Equal(t, 2, wrong, "a challenge of somebody else: %s", errs)
	told := t.TempDir()
	s.json(&d, run("--mail-dir", told, "signin", "ann@acme.example", "--challenge", d.Challenge, "--code", code)...)
	require.Equal(t, "allowed", d.Decision)
	letters, err := filepath.Glob(filepath.Join(told, "*.eml"))
	require.NoError(t, err)
	require.NotEmpty(t, letters, "of the authenticator and the browser")
	signin("--trust", d.Trust)
	require.Equal(t, "allowed", d.Decision)
	explain()
	require.Equal(t, "trusted", e.Rule)
	require.True(t, e.Enrolled)
	require.WithinDuration(t, time.Now().Add(30*24*time.Hour), e.TrustedUntil, time.Minute)
	s.json(&e, run("2fa", "trusted", "ann@acme.example")...)
	require.Len(t, e.Trusted, 1)
	s.json(&e, run("2fa", "recovery", "ann@acme.example")...)
	require.Len(t, e.Codes, 10)
	require.Contains(t, s.ok(run("--as", "ann@acme.example", "2fa", "trusted", "ann@acme.example")...), "web")
	s.ok(run("2fa", "revoke-trusted", "ann@acme.example", e.Trusted[0].ID)...)
	explain()
	require.Equal(t, "asked", e.Rule)
	require.Equal(t, 10, e.RecoveryCodes)

	// A new key: what the old one has sealed is sealed anew, and the old one is
	// gone from the file.
	before, err := os.ReadFile(keys)
	require.NoError(t, err)
	s.ok(run("2fa", "rotate-key")...)
	after, err := os.ReadFile(keys)
	require.NoError(t, err)
	require.NotEqual(t, before, after)
	require.Equal(t, 1, strings.Count(string(after), "\n"))
	signin()
	require.Equal(t, "challenge", d.Decision)
	require.Empty(t, d.Enroll.Secret)
	signin("--challenge", d.Challenge, "--code", "000000")
	require.Equal(t, []string{"denied", "wrong_code"}, []string{d.Decision, d.Reason}, "the secret opens")

	mails := t.TempDir()
	s.ok(run("--mail-dir", mails, "2fa", "reset", "ann@acme.example")...)
	files, err := filepath.Glob(filepath.Join(mails, "*.eml"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	explain()
	require.False(t, e.Enrolled)

	for want, calls := range map[int][]string{
		1: {"2fa reset nobody", "2fa mode sms", "2fa mode email --recovery", "2fa mode email --validity 91d", "2fa recovery ann@acme.example", "2fa revoke-trusted ann@acme.example nobody",
			"--as ann@acme.example 2fa mode off", "--as ann@acme.example 2fa reset ann@acme.example", "--as ann@acme.example 2fa rotate-key"},
		2: {"2fa", "2fa mode", "2fa fly", "2fa fly ann@acme.example", "2fa mode email --validity soon", "2fa explain", "2fa explain ann@acme.example bob", "2fa explain ann@acme.example --client fridge", "2fa explain ann@acme.example --method magic", "2fa reset"},
		0: {"2fa --help", "2fa revoke-trusted ann@acme.example", "2fa mode off", "2fa mode off"},
	} {
		for _, call := range calls {
			code, out, errs := s.run(run(strings.Fields(call)...)...)
			require.Equal(t, want, code, "%s: %s%s", call, out, errs)
		}
	}
}

func TestKeyFile(t *testing.T) {
	dir := t.TempDir()
	c := &cli{db: filepath.Join(dir, "chat.db")}
	require.Equal(t, filepath.Join(dir, "chat.db.key"), c.keyFileName())
	done := make(chan error, 20)
	for range cap(done) { // processes that start at the same time
		go func() {
			_, err := c.keys()
			done <- err
		}()
	}
	for range cap(done) {
		require.NoError(t, <-done)
	}
	keys, err := readKeys(c.keyFileName())
	require.NoError(t, err)
	require.Len(t, keys, 1)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 1, "no temporary file is left")
	require.NoError(t, os.Chmod(c.keyFileName(), 0o644))
	_, err = c.keys()
	require.ErrorContains(t, err, "chmod 600")
	for _, bad := range []string{"", "\n", "id", "id !", "id AAAA"} {
		name := filepath.Join(dir, "bad")
		require.NoError(t, os.WriteFile(name, []byte(bad), 0o600))
		_, err := readKeys(name)
		require.Error(t, err, "%q", bad)
	}
	require.Equal(t, "chatadmin.key", (&cli{db: "postgres://x"}).keyFileName())
	memory := &cli{db: "memory:"}
	a, err := memory.keys()
	require.NoError(t, err)
	b, err := memory.keys()
	require.NoError(t, err)
	require.Same(t, a, b)
}

// What the command line changes about users acts on their second factor too,
// without a key at hand.
func TestDeactivationEndsTrust(t *testing.T) {
	s := newSession(t, "officechat")
	keys := filepath.Join(t.TempDir(), "keys")
	s.ok("users", "create", "ann@acme.example", "--no-welcome")
	s.ok("--key-file", keys, "2fa", "mode", "authenticator")
	var d struct {
		Decision, Reason string
		Challenge        string `json:"challenge_id"`
		Enroll           struct{ Secret string }
	}
	s.json(&d, "--key-file", keys, "signin", "ann@acme.example", "--client", "web")
	require.Equal(t, "challenge", d.Decision)
	code, err := totp.GenerateCode(d.Enroll.Secret, time.Now())
	require.NoError(t, err)
	s.ok("users", "deactivate", "ann@acme.example")
	s.ok("users", "activate", "ann@acme.example")
	s.json(&d, "--key-file", keys, "signin", "ann@acme.example", "--challenge", d.Challenge, "--code", code)
	require.Equal(t, []string{"denied", "no_challenge"}, []string{d.Decision, d.Reason})
}
