package csvimport_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/csvimport"
)

// Every fault of a row is told, whatever kind each is of: every pair of them is
// tried on a new user, and on one who exists.
func TestAllFaultsOfARow(t *testing.T) {
	type fault struct{ column, cell, code string }
	faults := []fault{
		{"login", "not an address", "bad_email"}, {"login", "a\u0007b@acme.example", "bad_text"}, {"login", "", "missing"},
		{"login", strings.Repeat("x", 250) + "@acme.example", "too_long"},
		{"name", strings.Repeat("x", 300), "too_long"}, {"name", "a\u0007b", "bad_text"},
		{"firstname", strings.Repeat("x", 300), "too_long"}, {"lastname", "x\u0007", "bad_text"}, {"title", strings.Repeat("y", 300), "too_long"},
		{"mobile", strings.Repeat("1", 70), "too_long"}, {"role", "nothing", "bad_role"}, {"role", "admin", "forbidden_role"}, {"enabled", "perhaps", "bad_enabled"},
	}
	columns := []string{"login", "name", "firstname", "lastname", "title", "mobile", "role", "enabled"}
	for _, exists := range []bool{false, true} {
		w := newWorld(t, chatadmin.OfficeChat)
		w.User("new@acme.example")
		file := strings.Join(columns, ",") + "\n"
		var want [][]string
		for i, a := range faults {
			for _, b := range faults[i:] {
				if b != a && b.column == a.column || exists && a.column == "login" {
					continue
				}
				login := fmt.Sprintf("user%d@acme.example", len(want))
				if exists {
					w.User(login)
				}
				cells := map[string]string{"login": login, "title": "T", a.column: a.cell, b.column: b.cell}
				for c, name := range columns {
					if file += cells[name]; c < len(columns)-1 {
						file += ","
					}
				}
				file += "\n"
				codes := []string{a.code}
				if b != a {
					codes = append(codes, b.code)
				}
				want = append(want, codes)
			}
		}
		r, err := csvimport.ImportsOf(w.S).Import(ctx, w.S, strings.NewReader(file), csvimport.UpdateExisting, nil)
		require.NoError(t, err)
		require.EqualValues(t, len(want), r.Counts.Failed)
		n := 0
		require.NoError(t, r.Outcomes(ctx, w.S, strings.NewReader(file), func(o csvimport.Outcome) error {
			var codes []string
			for _, note := range o.Notes {
				if note.Code != csvimport.CodeDuplicate { // faulty logins stand in several lines
					codes = append(codes, note.Code)
				}
			}
			require.ElementsMatch(t, want[n], codes, "line %d", o.Line)
			n++
			return nil
		}))
		require.Len(t, want, n)
	}
}

// So are those that have to do with who imports, and with other lines.
func TestAllFaultsOfWhoImports(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	s := w.importer()
	file := "login,title,role,enabled\nboss@acme.example," + strings.Repeat("x", 300) + ",nothing,perhaps\n" +
		"hr@acme.example," + strings.Repeat("x", 300) + ",,FALSE\nHR@acme.example,,nothing,maybe\n"
	_, lines := w.run(s, file, csvimport.UpdateExisting, nil)
	require.Equal(t, []string{"2 failed bad_enabled bad_role too_long forbidden", "3 failed too_long self", "4 failed duplicate_login bad_enabled bad_role"}, lines)
}
