package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin/compliance"
)

// An agreement from the request to the end, by its administrators and the host.
func TestAgreements(t *testing.T) {
	s := newSession(t, "officechat")
	s.ok("users", "create", "ann@acme.example", "--no-welcome")
	mails := filepath.Join(t.TempDir(), "mails")
	request := []string{"--as", "boss@acme.example", "--mail-dir", mails, "baa", "request", "--new-domain", "Acme Health", "--acknowledge", "Yes"}
	for _, wrong := range []struct {
		code int
		args []string
	}{
		{1, append(request, "--seats", "49")}, {1, append(request, "--signer-email", "Bob <bob@x.example>")}, {1, append(request, "--acknowledge", "No")},
		{1, append(request, "--new-domain", "Acme")}, {2, append(request, "--new-customer")}, {1, strings.Fields("--as ann@acme.example baa request --acknowledge Yes")},
		{2, strings.Fields("baa list --state lost")}, {2, strings.Fields("baa advance x")}, {2, strings.Fields("baa advance x settle --funds lost")}, {1, strings.Fields("baa advance x fly")},
	} {
		code, _, errs := s.run(wrong.args...)
		require.Equal(t, wrong.code, code, "%v: %s", wrong.args, errs)
	}
	var a shownAgreement
	s.json(&a, append(request, "--signer-email", "lawyer@acme.example", "--seats", "60", "--to", "vendor@chat.example")...)
	require.Equal(t, compliance.Requested, a.State)
	require.Equal(t, compliance.Provision, a.Next)
	require.Equal(t, compliance.MailSent, a.Mail)
	mail, err := os.ReadFile(filepath.Join(mails, "baa-"+string(a.ID)+".eml"))
	require.NoError(t, err)
	require.Contains(t, string(mail), "Subject: Office Chat BAA Agreement")
	require.Contains(t, string(mail), "To: <vendor@chat.example>")

	advance := func(step string, more ...string) {
		t.Helper()
		s.json(&a, append(more, "baa", "advance", string(a.ID), step)...)
	}
	code, _, errs := s.run("--as", "boss@acme.example", "baa", "advance", string(a.ID), "provision")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "application itself")
	advance("provision")
	code, _, errs = s.run("baa", "advance", string(a.ID), "close")
	require.Equal(t, 1, code)
	require.Contains(t, errs, `the next step is "invite"`)
	code, _, errs = s.run("--domain", "Acme Health", "retention", "limit", "30")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "7 days for good")
	require.Contains(t, s.ok("--domain", "Acme Health", "retention", "show"), "7 days for good")
	customer := []string{"--domain", "Acme Health", "--as", "boss@acme.example"}
	advance("invite", customer...)
	advance("suspend")
	advance("bill", customer...)
	for _, step := range []string{"send", "sign", "countersign"} {
		s.json(&a, "baa", "advance", string(a.ID), step, "--document", "envelope-1")
	}
	advance("deliver")
	s.json(&a, "baa", "advance", string(a.ID), "settle", "--funds", "transferred")
	advance("close")
	require.Equal(t, compliance.OldClosing, a.State)
	now := time.Now()
	for day := range 32 { // a worker of every day
		s.ok("--now", now.AddDate(0, 0, day).Format(time.RFC3339), "work")
	}
	s.json(&a, "baa", "show", string(a.ID))
	require.Equal(t, compliance.OldClosed, a.State)
	require.Len(t, a.Steps, 11)
	require.Contains(t, s.ok("baa", "show", string(a.ID)), "envelope-1")
	require.NotContains(t, s.ok("domain", "show"), `"Acme"`, "the new domain is the only one")

	s.json(&a, strings.Fields("baa request --new-customer --new-domain Beta --admin-email boss@beta.example --acknowledge yes")...)
	var list struct{ Requests []shownAgreement }
	s.json(&list, "baa", "list")
	require.Len(t, list.Requests, 2)
	s.json(&list, "baa", "list", "--next", "provision")
	require.Len(t, list.Requests, 1)
	require.Equal(t, a.ID, list.Requests[0].ID)
	s.json(&list, append(customer, "baa", "list", "--state", "old_closed")...)
	require.Len(t, list.Requests, 1)
	advance("cancel")
	require.Equal(t, compliance.Cancelled, a.State)
}
