package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A help desk from its settings to a forwarded mail.
func TestHelpDesk(t *testing.T) {
	s := newSession(t, "engage")
	s.ok("domain", "settings", "modules=webcare,chat")
	s.ok("users", "create", "ann", "--email", "ann@acme.example", "--first-name", "Ann", "--last-name", "Ames", "--mobile", "+31612345678", "--no-welcome",
		"--preference", "landing=webcare", "--preference", "notify_assigned=on", "--preference", "suffix.twitter=^Ann")
	var v struct {
		Language, Landing, Lands, Speaks, Forward, Availability string
		Suffix, Account                                         map[string]string
		Own                                                     struct {
			Landing, Language string
			Account           map[string]string
		}
	}
	s.ok("preferences", "defaults", "language=nl", "account.twitter=@acme")
	s.json(&v, "preferences", "show", "ann")
	require.Equal(t, []string{"nl", "webcare", "webcare", "nl", "can_respond", "^Ann", "@acme"},
		[]string{v.Language, v.Landing, v.Lands, v.Speaks, v.Forward, v.Suffix["twitter"], v.Account["twitter"]})
	require.Equal(t, []any{"webcare", "", 0}, []any{v.Own.Landing, v.Own.Language, len(v.Own.Account)})
	require.Contains(t, s.ok("preferences", "show", "ann"), "(default)")

	s.ok("--as", "ann", "preferences", "set", "ann", "language=de-AT", "availability=online_live_chat")
	code, _, errs := s.run("--as", "ann", "preferences", "set", "ann", "landing=home")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "administrator")
	code, _, errs = s.run("preferences", "set", "ann", "colour=red")
	require.Equal(t, 2, code)
	require.Contains(t, errs, "colour")
	code, out, _ := s.run("--json", "preferences", "set", "ann", "landing=publishing")
	require.Equal(t, 1, code, "the domain has not bought it")
	require.Contains(t, out, "invalid")

	s.ok("domain", "settings", "modules=")
	s.json(&v, "preferences", "show", "ann")
	require.Equal(t, []string{"home", "de"}, []string{v.Lands, v.Speaks})
	require.Contains(t, s.ok("preferences", "notify", "ann", "assigned"), "bell, email, sms")
	require.Contains(t, s.ok("preferences", "notify", "ann", "unpublished"), "not at all")

	var r struct{ Account, Text string }
	s.json(&r, "preferences", "reply", "ann", "On our way! ^Ann", "--platform", "twitter", "--mentioned", "@acme_help", "--account", "@other")
	require.Equal(t, []string{"@acme_help", "On our way! ^Ann"}, []string{r.Account, r.Text})
	code, out, _ = s.run("--json", "preferences", "reply", "ann", "Hello", "--platform", "facebook")
	require.Equal(t, 1, code)
	require.Contains(t, out, `"choose_account"`)

	mails := t.TempDir()
	s.ok("--mail-dir", mails, "preferences", "forward", "ann", "--to", "logistics@acme.example", "--link", "https://desk.example/m/7", "--text", "late", "--author", "@customer", "--platform", "twitter")
	files, err := filepath.Glob(filepath.Join(mails, "*.eml"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	mail, err := os.ReadFile(files[0])
	require.NoError(t, err)
	require.Contains(t, string(mail), "Reply-To: <ann@acme.example>")
	s.ok("preferences", "set", "ann", "forward=own_client")
	require.True(t, strings.HasPrefix(s.ok("preferences", "forward", "ann", "--link", "https://desk.example/m/7"), "mailto:?subject=Weitergeleitet"))

	people := s.file("people.csv", "username,email,first name,last name,landing page,suffix twitter,language\nbob,bob@acme.example,Bob,Bobson,home,^B,fr\neve,eve@acme.example,Eve,Evans,nowhere,,\n")
	var i struct{ Created, Failed int }
	s.json(&i, "import", "--mode", "skip", people)
	require.Equal(t, []int{1, 1}, []int{i.Created, i.Failed})
	s.json(&v, "preferences", "show", "bob")
	require.Equal(t, "^B", v.Suffix["twitter"])
}

// Fields from their declaration to their removal, in forms and in files.
func TestFields(t *testing.T) {
	s := newSession(t, "officechat")
	people := s.file("people.csv", "login,rank\nann@acme.example,GOLD\nbob@acme.example,bronze\n")
	s.ok("fields", "declare", "Rank", "--kind", "choice", "--choice", "Gold", "--choice", "Silver")
	var i struct{ Created, Failed int }
	s.json(&i, "import", "--mode", "skip", people)
	require.Equal(t, []int{1, 1}, []int{i.Created, i.Failed})
	s.ok("users", "create", "cid@acme.example", "--field", "Rank=gold", "--no-welcome")
	code, _, errs := s.run("users", "edit", "cid@acme.example", "--field", "Rank=iron", "--field", "Shoe=44")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "Rank:")
	require.Contains(t, errs, "Shoe:", "all at once")
	require.Equal(t, []string{"ann@acme.example", "cid@acme.example"}, strings.Fields(s.ok("fields", "find", "rank", "Gold")))
	var u struct{ Fields map[string]string }
	s.json(&u, "users", "show", "cid@acme.example")
	require.Equal(t, map[string]string{"Rank": "Gold"}, u.Fields)
	s.ok("users", "edit", "cid@acme.example", "--field", "Rank=")
	require.Contains(t, s.ok("fields", "remove", "Rank", "--plan"), "1 user")
	var r struct {
		Removed bool
		Values  int
		State   string
	}
	s.json(&r, "fields", "remove", "Rank", "--apply")
	require.Equal(t, []any{true, 1, "done"}, []any{r.Removed, r.Values, r.State})
	code, _, _ = s.run("fields", "find", "Rank", "Gold")
	require.Equal(t, 1, code)
	s.json(&u, "users", "show", "ann@acme.example")
	require.NotContains(t, s.ok("users", "show", "ann@acme.example"), "Gold")
}
