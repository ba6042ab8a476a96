package csvimport_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/texts"
	"chatadmin.example/sdk/csvimport"
)

// fileCase is what importing a file of testdata/cases comes to.
type fileCase struct {
	options csvimport.ImportOptions
	lines   []string // "line status codes"
	// "login|name|first|last|title|mobile|manager|department"; all but the boss
	users  []string
	warned []string // a part of each warning of the file
}

func (w *world) describe() []string {
	var all []string
	logins := map[chatadmin.ID]string{}
	for u, err := range w.Host.Users(ctx, chatadmin.UserQuery{}) {
		require.NoError(w.T, err)
		logins[u.ID] = u.Login
	}
	for u, err := range w.Host.Users(ctx, chatadmin.UserQuery{}) {
		require.NoError(w.T, err)
		if u.ID != w.Boss.ID {
			require.NotContains(w.T, fmt.Sprintf("%+v", u), "\uFFFD", "a replacement character is never stored")
			all = append(all, strings.Join([]string{u.Login, u.DisplayName, u.FirstName, u.LastName, u.Title, u.Phone, logins[u.Manager], u.Department}, "|"))
		}
	}
	return all
}

var fileCases = map[string]fileCase{
	"01-one-latin1-byte": {lines: []string{"2 unchanged", "3 unchanged", "4 unchanged", "5 failed bad_encoding"},
		users: []string{"jose@acme.example|José Müller||||||", "lukasz@acme.example|Łukasz Wąż||||||", "zoe@acme.example|Zoë Brontë||||||"}},
	"03-truncated-utf8": {lines: []string{"2 unchanged", "3 unchanged", "4 created", "5 failed bad_encoding"},
		users: []string{"ann@acme.example|Ann||||||", "jose@acme.example|José Müller||||||", "zoe@acme.example|Zoë Brontë||||||"}},
	"04-fffd-stored": {lines: []string{"2 failed bad_encoding", "3 failed bad_encoding"}},
	"05-msdos-850":   {lines: []string{"2 failed bad_encoding", "3 failed bad_encoding"}},
	"05-msdos-850 named": {options: csvimport.ImportOptions{Encoding: "cp850"}, lines: []string{"2 created", "3 created"},
		users: []string{"andre@acme.example|André Bär||||||", "jose@acme.example|José Müller||||||"}},
	"07-username-and-email": {lines: []string{"2 created", "3 created"}, warned: []string{`"Username" is not read, since "Email"`},
		users: []string{"ben@acme.example|Ben Best|Ben|Best||||", "rhea@acme.example|Rhea Stone|Rhea|Stone|Associate|||"}},
	"08-slack-members": {lines: []string{"2 created", "3 skipped not_created", "4 failed bad_enabled"}, users: []string{"ann@acme.example|Ann Smith||||||"},
		warned: []string{`"username", "userid" are not read, since "email"`, `"displayname" is not read, since "fullname"`, `"billing-active", "has-2fa", "has-sso", "expiration-timestamp" are not known`}},
	"10-zammad-export": {lines: []string{"2 created", "3 skipped not_created"}, users: []string{"ann@acme.example|Ann Smith|Ann|Smith||+31612345678||Sales"},
		warned: []string{`"login" is not read, since "email"`, `"phone" is not read, since "mobile"`, `"web", "fax", "note"`}},
	"12-moodle-upload": {lines: []string{"2 created", "3 skipped not_created"}, users: []string{"ann.smith@acme.example|Ann Smith|Ann|Smith||||"},
		warned: []string{`"username" is not read, since "email"`, `"password", "cohort1"`}},
	"13-okta-template": {lines: []string{"2 created"}, users: []string{"ann@acme.example|Ann Smith|Ann|Smith|Boss|+31612345678||Sales"},
		warned: []string{`"login" is not read, since "email"`, `"middleName", "secondEmail", "primaryPhone", "employeeNumber"`}},
	"15-two-phones": {lines: []string{"2 created"}, users: []string{"ann@acme.example|Ann||||+31612345678||"}, warned: []string{`"Phone" is not read, since "Mobile"`}},
	"16-outlook-contacts": {lines: []string{"2 created"}, users: []string{"ann@acme.example|Ann Smith|Ann|Smith|Boss|+31612345678||"},
		warned: []string{`"Title" is not read, since "Job Title"`, `"Middle Name", "E-mail 2 Address", "Home Phone", "Business Phone", "Company", "Manager's Name"`}},
	"17-short-rows": {lines: []string{"2 created", "3 created missing_cells", "4 created missing_cells"},
		users: []string{"ann@acme.example|Ann|||Sales|+31612345678||", "bob@acme.example|Bob|||Sales|||", "cy@acme.example|Cy||||||"}},
	"17-short-rows clearing": {options: csvimport.ImportOptions{ClearBlanks: true}, lines: []string{"2 created", "3 failed field_count", "4 failed field_count"},
		users: []string{"ann@acme.example|Ann|||Sales|+31612345678||"}},
	"18-long-rows-empty": {lines: []string{"2 created", "3 created"}, users: []string{"ann@acme.example|Ann||||||", "bob@acme.example|Bob||||||"}},
	"19-phone-bidi": {lines: []string{"2 created", "3 created", "4 created"},
		users: []string{"ann@acme.example|Ann||||+31 6 1234 5678||", "bob@acme.example|Bob||||+31 6 1234 5679||", "cy@acme.example|Cy||||+31 6 1234 5680||"}},
	"21-bom-inside-quotes": {lines: []string{"2 created"}, users: []string{"ann@acme.example|Ann||||||"}},
	"23-nbsp-header":       {lines: []string{"2 created"}, users: []string{"ann@acme.example|Ann Smith|Ann|Smith||||"}},
	"24-header-linebreak":  {lines: []string{"5 created"}, users: []string{"ann@acme.example|Ann|||Boss|+31612345678||"}},
	"25-header-star":       {lines: []string{"2 created"}, users: []string{"ann@acme.example|Ann|||Boss|||"}},
	"27-unread-quote":      {lines: []string{"2 created", "3 created"}, users: []string{"ann@acme.example|Ann||||||", "bob@acme.example|Bob||||||"}, warned: []string{`"notes" is not known`}},
	"28-own-overview":      {lines: []string{"2 created"}, users: []string{"ann@acme.example|Ann|||Boss|||"}},
	"29-email-zwsp": {lines: []string{"2 created invisible", "3 created invisible", "4 created invisible"},
		users: []string{"ann@acme.example|Ann||||||", "bob@acme.example|Bob||||||", "cy@acme.example|Cy||||||"}},
	"31-google-template": {lines: []string{"2 created", "3 skipped not_created"}, users: []string{"ann@acme.example|Ann Smith|Ann|Smith|Boss|+31612345678||Sales"},
		warned: []string{`"Password [Required]", "Password Hash Function [UPLOAD ONLY]", "Org Unit Path [Required]"`}},
	"32-entra-bulk": {lines: []string{"3 created"}, users: []string{"ann@acme.example|Ann Smith|Ann|Smith|Boss|+31612345678||"},
		warned: []string{`"Initial password [passwordProfile] Required" is not known`}},
	"33-enabled-yes-1": {lines: []string{"2 created", "3 skipped not_created", "4 created", "5 skipped not_created", "6 created", "7 created"},
		users: []string{"ann@acme.example|Ann One||||||", "cy@acme.example|Cy Three||||||", "ed@acme.example|Ed Five||||||", "fi@acme.example|Fi Six||||||"}},
	"34-enabled-localised": {lines: []string{"2 created", "3 skipped not_created", "4 created", "5 created", "6 created", "7 created"},
		users: []string{"ann@acme.example|Ann||||||", "cy@acme.example|Cy||||||", "di@acme.example|Di||||||", "ed@acme.example|Ed||||||", "fi@acme.example|Fi||||||"}},
	"35-entra-download": {lines: []string{"2 created", "3 skipped not_created"}, users: []string{"ann@acme.example|Ann Smith|Ann|Smith|Boss|+31612345678||Sales"},
		warned: []string{`"userPrincipalName" is not read, since "mail"`, `"telephoneNumber" is not read, since "mobilePhone"`, `"id" is not known`}},
	"36-status-columns":  {lines: []string{"2 created", "3 skipped not_created"}, users: []string{"ann@acme.example|Ann Smith|Ann|Smith||||"}},
	"37-german-headers":  {lines: []string{"2 created", "3 skipped not_created"}, users: []string{"ann@acme.example|Ann Smith|Ann|Smith||+31612345678||"}},
	"38-double-encoded":  {lines: []string{"2 unchanged decoded_twice", "3 unchanged decoded_twice"}, users: []string{"jose@acme.example|José Müller||||||", "zoe@acme.example|Zoë Brontë||||||"}, warned: []string{"decoded twice"}},
	"39-ansi-1251":       {lines: []string{"2 created"}, users: []string{"ivan@acme.example|Èâàí Ïåòðîâ||||||"}, warned: []string{`"Èâàí Ïåòðîâ"`}},
	"39-ansi-1251 named": {options: csvimport.ImportOptions{Encoding: "windows-1251"}, lines: []string{"2 created"}, users: []string{"ivan@acme.example|Иван Петров||||||"}},
	"45-phone-excel": {lines: []string{"2 created ruined", "3 created", "4 created", "5 created ruined", "6 created ruined", "7 created"},
		users: []string{"ann@acme.example|Ann||||||", "bob@acme.example|Bob||||31612345678||", "cy@acme.example|Cy||||612345678||", "di@acme.example|Di||||||", "ed@acme.example|Ed||||||", "fi@acme.example|Fi||||see HR||"}},
	"46-excel-text-formula": {lines: []string{"2 created", "3 created"}, users: []string{"ann@acme.example|Ann||||0612345678||", "bob@acme.example|Bob||||0612345678||"}},
	"47-nickname-quote":     {lines: []string{"2 created"}, users: []string{`bob@acme.example|Robert "Bob" Jones||||||`}},
	"50-pipe":               {lines: []string{"2 created"}, users: []string{"ann@acme.example|Ann|||Boss|||"}},
	"51-comment-lines":      {lines: []string{"3 created", "4 failed comment", "5 failed comment"}, users: []string{"ann@acme.example|Ann||||||"}},
	"52-delimiter-tie":      {lines: []string{"2 created"}, users: []string{"ann@acme.example|ann@acme.example||||||"}, warned: []string{`"Name, full" is not known`}},
	"59-curly-values":       {lines: []string{"2 created", "3 created", "4 created"}, users: []string{"ann@acme.example|Ann Smith||||||", "bob@acme.example|Bob Jones||||||", "cy@acme.example|Cy Young||||||"}},
	"60-null-words": {lines: []string{"2 created null_word null_word null_word", "3 created null_word null_word null_word"},
		users: []string{"ann@acme.example|Ann||||||", "bob@acme.example|Bob||||||"}},
	"62-two-errors": {lines: []string{"2 failed bad_email", "3 failed too_long bad_email"}},
}

// Every file of testdata/cases comes to what its administrator meant.
func TestCases(t *testing.T) {
	files, err := filepath.Glob("testdata/cases/*.csv")
	require.NoError(t, err)
	for _, name := range files {
		if !strings.HasSuffix(name, ".s.csv") {
			require.Contains(t, fileCases, strings.TrimSuffix(filepath.Base(name), ".csv"))
		}
	}
	for name, c := range fileCases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, chatadmin.OfficeChat)
			file, _, _ := strings.Cut(name, " ")
			if before, err := os.ReadFile("testdata/cases/" + file + ".s.csv"); err == nil {
				w.run(w.S, string(before), csvimport.UpdateExisting, nil)
			}
			text, err := os.ReadFile("testdata/cases/" + file + ".csv")
			require.NoError(t, err)
			r, lines := w.run(w.S, string(text), csvimport.UpdateExisting, &c.options)
			require.Equal(t, c.lines, lines)
			require.Equal(t, c.users, w.describe())
			require.Len(t, r.Warnings, len(c.warned), "%q", r.Warnings)
			for _, part := range c.warned {
				require.True(t, slices.ContainsFunc(r.Warnings, func(m texts.Message) bool { return strings.Contains(m.Text, part) }), "%q: %q", part, r.Warnings)
			}
			var out strings.Builder
			require.NoError(t, r.WriteCSV(ctx, w.S, strings.NewReader(string(text)), &out))
			require.NotContains(t, out.String(), "Secret2026")
			state := w.dump()
			again, _ := w.run(w.S, string(text), csvimport.UpdateExisting, &c.options)
			require.Zero(t, again.Counts.Created+again.Counts.Updated)
			require.Equal(t, state, w.dump())
		})
	}
}
