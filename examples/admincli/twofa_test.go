package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/signin"
)

// second is the second factor as the signin command gets it, with the user and settings that the gate would hand over.
func (s *session) second(keyFile, login string) (*cli, chatadmin.User, *chatadmin.Settings) {
	s.t.Helper()
	ctx := context.Background()
	c := &cli{store: s.store, db: "chatadmin.db", keyFile: keyFile}
	_, err := c.open(ctx)
	require.NoError(s.t, err)
	require.NoError(s.t, c.openTwoFactor("signin"))
	scope, err := c.scope(ctx)
	require.NoError(s.t, err)
	u, err := scope.UserByLogin(ctx, login)
	require.NoError(s.t, err)
	_, set, err := scope.View(ctx, "")
	require.NoError(s.t, err)
	return c, u, &set
}

func TestTwoFactorCommands(t *testing.T) {
	ctx := context.Background()
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

	// A sign-in, as the signin command makes it.
	c, ann, set := s.second(keys, "ann@acme.example")
	asked, err := c.secondFactor().Ask(ctx, set, ann, signin.Attempt{Client: signin.Web})
	require.NoError(t, err)
	code, err := totp.GenerateCode(asked.Challenge.Enrolment.Secret, time.Now())
	require.NoError(t, err)
	c, _, _ = s.second(keys, "ann@acme.example") // another process
	open, err := c.secondFactor().Open(ctx, ann.Domain, asked.Challenge.ID)
	require.NoError(t, err)
	a, err := c.secondFactor().Answer(ctx, open, code, true)
	require.NoError(t, err)
	require.True(t, a.Right)
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

	// A new key: what the old one has sealed is sealed anew, and the old one is gone from the file.
	before, err := os.ReadFile(keys)
	require.NoError(t, err)
	s.ok(run("2fa", "rotate-key")...)
	after, err := os.ReadFile(keys)
	require.NoError(t, err)
	require.NotEqual(t, before, after)
	require.Equal(t, 1, strings.Count(string(after), "\n"))
	c, _, _ = s.second(keys, "ann@acme.example")
	asked, err = c.secondFactor().Ask(ctx, set, ann, signin.Attempt{Client: signin.Web})
	require.NoError(t, err)
	require.Nil(t, asked.Challenge.Enrolment)
	open, err = c.secondFactor().Open(ctx, ann.Domain, asked.Challenge.ID)
	require.NoError(t, err)
	a, err = c.secondFactor().Answer(ctx, open, "000000", false)
	require.NoError(t, err, "the secret opens")
	require.False(t, a.Right)

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
		2: {"2fa", "2fa mode", "2fa fly", "2fa fly ann@acme.example", "2fa mode email --validity soon", "2fa explain", "2fa explain ann@acme.example bob", "2fa reset"},
		0: {"2fa --help", "2fa mode off", "2fa mode off"},
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

// What the command line changes about users acts on their second factor too, without a key at hand.
func TestDeactivationEndsTrust(t *testing.T) {
	ctx := context.Background()
	s := newSession(t, "officechat")
	keys := filepath.Join(t.TempDir(), "keys")
	s.ok("users", "create", "ann@acme.example", "--no-welcome")
	s.ok("--key-file", keys, "2fa", "mode", "authenticator")
	c, ann, set := s.second(keys, "ann@acme.example")
	asked, err := c.secondFactor().Ask(ctx, set, ann, signin.Attempt{Client: signin.Web})
	require.NoError(t, err)
	s.ok("users", "deactivate", "ann@acme.example")
	_, err = c.secondFactor().Open(ctx, ann.Domain, asked.Challenge.ID)
	require.ErrorIs(t, err, chatadmin.ErrNotFound)
}
