package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// signIn decides a sign-in and returns the decision and its reason.
func (s *session) signIn(args ...string) (decision, reason string) {
	s.t.Helper()
	var v struct {
		Decision, Reason, Session string
		Trust                     string `json:"trust_token"`
	}
	s.json(&v, append([]string{"signin"}, args...)...)
	require.Equal(s.t, v.Decision == "allowed", v.Session != "")
	require.Empty(s.t, v.Trust)
	return v.Decision, v.Reason
}

func (s *session) show(login string) (u user) {
	s.t.Helper()
	s.json(&u, "users", "show", login)
	return u
}

func TestSignInCommand(t *testing.T) {
	s := newSession(t, "officechat")
	s.ok("users", "create", "ann@acme.example", "--no-welcome")
	try := func(want string, args ...string) {
		t.Helper()
		decision, reason := s.signIn(append([]string{"ANN@acme.example", "--client", "web"}, args...)...)
		require.Equal(t, want, strings.TrimSpace(decision+" "+reason))
	}
	require.Equal(t, "pending", s.show("ann@acme.example").Status)
	try("allowed")
	require.Equal(t, "active", s.show("ann@acme.example").Status)
	try("allowed", "--method", "saml", "--password-ok=true")
	for range 3 {
		try("denied wrong", "--password-ok=false")
	}
	try("denied locked")
	require.True(t, s.show("ann@acme.example").Locked)
	var list struct{ Users []user }
	s.json(&list, "users", "list")
	require.Equal(t, []bool{true, false}, []bool{list.Users[0].Locked, list.Users[1].Locked})
	require.Contains(t, s.ok("users", "show", "ann@acme.example"), "locked")
	s.ok("users", "unlock", "ann@acme.example")
	require.False(t, s.show("ann@acme.example").Locked)
	for range 3 {
		try("denied wrong", "--password-ok=false")
	}
	s.ok("users", "deny", "ann@acme.example")
	try("denied denied")
	require.True(t, s.show("ann@acme.example").Denied)
	s.ok("users", "grant", "ann@acme.example")
	try("allowed")
	s.ok("users", "deactivate", "ann@acme.example")
	try("denied deactivated")
	s.ok("users", "activate", "ann@acme.example")
	try("allowed")
	try("denied no_challenge", "--challenge", "x", "--code", "123456")
	decision, reason := s.signIn("nobody@acme.example", "--client", "android", "--device", "d1")
	require.Equal(t, []string{"denied", "unknown"}, []string{decision, reason})
	require.Contains(t, s.ok("signin", "ann@acme.example", "--client", "mac"), "session")
	for _, wrong := range []string{"signin", "signin a b", "signin a --client fridge", "signin a --challenge x", "signin a --code x", "activate-link"} {
		code, _, _ := s.run(strings.Fields(wrong)...)
		require.Equal(t, 2, code, wrong)
	}
	code, _, errs := s.run("signin", "a", "--method", "magic")
	require.Equal(t, 2, code)
	require.Contains(t, errs, "google or saml")
}

// The link in the mail sets a password, by which the user signs in; a new one
// kills it, and not too many are sent.
func TestActivateLinkCommand(t *testing.T) {
	s := newSession(t, "engage")
	mails := t.TempDir()
	token := func() string {
		t.Helper()
		files, err := filepath.Glob(filepath.Join(mails, "*.eml"))
		require.NoError(t, err)
		for _, f := range files {
			text, err := os.ReadFile(f)
			require.NoError(t, err)
			require.NoError(t, os.Remove(f))
			plain := strings.ReplaceAll(strings.ReplaceAll(string(text), "=\r\n", ""), "\r\n", "\n")
			if at := strings.Index(plain, ":\n\n01"); strings.Contains(plain, "Activate your account") && at > 0 {
				return strings.Fields(plain[at+2:])[0]
			}
		}
		t.Fatal("no link was mailed")
		return ""
	}
	s.ok("--mail-dir", mails, "users", "create", "Ann", "--email", "ann@acme.example", "--first-name", "Ann", "--last-name", "Smith")
	old := token()
	s.ok("--mail-dir", mails, "users", "resend-activation", "Ann")
	link := token()
	code, out, _ := s.run("--json", "--mail-dir", mails, "users", "resend-activation", "Ann")
	require.Equal(t, 1, code)
	require.Contains(t, out, `"throttled"`)
	s.in = "correct horse\n"
	code, _, errs := s.run("activate-link", old, "--password-stdin")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "does not work any more")
	var v struct{ Login string }
	s.json(&v, "activate-link", link)
	require.Equal(t, "Ann", v.Login)
	s.in = "short\n"
	code, _, errs = s.run("activate-link", link, "--password-stdin")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "at least 8")
	s.in = "correct horse\n"
	s.json(&v, "activate-link", link, "--password-stdin")
	code, out, _ = s.run("--json", "activate-link", link, "--password-stdin")
	require.Equal(t, 1, code)
	require.Contains(t, out, `"not_found"`)

	for typed, want := range map[string]string{"correct horse": "allowed", "correct horse\r\n": "allowed", "correct horsf": "denied", strings.Repeat("x", 1<<20): "denied"} {
		s.in = typed
		decision, _ := s.signIn("Ann", "--client", "web", "--password-stdin")
		require.Equal(t, want, decision)
	}
	decision, reason := s.signIn("ann", "--client", "web")
	require.Equal(t, []string{"denied", "spelling"}, []string{decision, reason})
	code, _, errs = s.run("users", "resend-activation", "Ann")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "signed in already")
}
