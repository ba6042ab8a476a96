package main

import (
	"archive/zip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin/support"
)

// A report from the preview to the end, as support and its sender see it.
func TestSupport(t *testing.T) {
	s := newSession(t, "officechat")
	dir := t.TempDir()
	log := filepath.Join(dir, "client.log")
	require.NoError(t, os.WriteFile(log, []byte("password=hunter2\n"), 0o600))
	s.ok("users", "create", "ann@acme.example")
	report := []string{"--as", "ann@acme.example", "support", "report", "--platform", "windows", "--log", log, "--description", "It hangs."}

	preview := s.ok(append(report, "--preview")...)
	require.Contains(t, preview, "To: support@officechat.com")
	require.Contains(t, preview, "password=[redacted]")
	out := filepath.Join(dir, "logs.zip")
	require.Contains(t, s.ok(append(report, "--out", out)...), "1 log")
	z, err := zip.OpenReader(out)
	require.NoError(t, err)
	require.Equal(t, "client.log", z.File[0].Name)
	require.NoError(t, z.Close())
	code, _, errs := s.run(report...)
	require.Equal(t, 1, code)
	require.Contains(t, errs, "--out")

	mails := filepath.Join(dir, "mails")
	var r problemReport
	s.json(&r, append([]string{"--mail-dir", mails}, append(report, "--to", "help@vendor.example", "--ticket", "7")...)...)
	require.Equal(t, support.Sent, r.State)
	require.Equal(t, "help@vendor.example", r.To)
	mail, err := os.ReadFile(filepath.Join(mails, "report-"+string(r.ID)+".eml"))
	require.NoError(t, err)
	require.Contains(t, string(mail), "Reply-To: <ann@acme.example>")
	s.json(&r, "--mail-dir", mails, "support", "acknowledge", string(r.ID))
	require.Equal(t, support.Received, r.State)
	require.FileExists(t, filepath.Join(mails, "report-received-"+string(r.ID)+".eml"))
	s.json(&r, "support", "state", string(r.ID), "in-work")
	var list struct{ Reports []problemReport }
	s.json(&list, "support", "list", "--state", "in_work", "--ticket", "7", "--user", "ann@acme.example")
	require.Len(t, list.Reports, 1)
	s.json(&list, "support", "list", "--state", "solved")
	require.Empty(t, list.Reports)

	require.Contains(t, s.ok("support", "levels", "ios", "none"), "warning:")
	require.Contains(t, s.ok("--as", "ann@acme.example", "support", "levels", "ios", "debug", "--client", "phone"), "debug")
	require.Contains(t, s.ok("support", "levels", "ios", "--client", "phone", "--user", "ann@acme.example"), "debug")
	for _, wrong := range []string{"support levels ios", "support levels --client x", "support report", "support report --platform beos", "support list --state lost"} {
		code, _, _ := s.run(strings.Fields(wrong)...)
		require.Equal(t, 2, code, wrong)
	}
}
