package csvimport_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/csvimport"
)

// requireGuarded splits a file at whatever separates cells, in one spreadsheet
// or another: no part begins with a formula.
func requireGuarded(t *testing.T, file string) {
	t.Helper()
	for _, separators := range []string{",\r\n", ";\r\n", "\t\r\n", "|\r\n", ",;\t|\r\n"} {
		for _, part := range strings.FieldsFunc(strings.TrimPrefix(file, "\ufeff"), func(r rune) bool { return strings.ContainsRune(separators, r) }) {
			seen := strings.TrimLeft(part, "\" \u00a0")
			for _, run := range []string{"=", "+", "-", "@", "＝", "＋", "－", "＠"} {
				require.False(t, strings.HasPrefix(seen, run), "%q in %q", part, file)
			}
		}
	}
}

// In every CSV that leaves, whatever stands in the store or in the file,
// headings and broken lines among it.
func TestEveryFileIsGuarded(t *testing.T) {
	texts := []string{"=cmd|' /C calc'!A0", "x;=cmd", "x,=cmd", "x|=cmd", "＝cmd", "x;＋1", "+1", "-1", "@x", "; =1", `x;"=1"`, "'=1", "a;'=1"}
	w := newWorld(t, chatadmin.OfficeChat)
	for i, text := range texts {
		w.User("u"+strings.Repeat("x", i)+"@acme.example", func(n *chatadmin.NewUser) {
			n.DisplayName, n.FirstName, n.LastName, n.Title, n.Phone, n.Department = text, text, text, text, text, text
		})
	}
	for _, f := range []csvimport.Format{csvimport.ImportFormat, csvimport.Overview} {
		for _, o := range []csvimport.ExportOptions{{}, {Separator: ';'}, {Separator: '\t'}, {Separator: '|'}, {Excel: true}} {
			requireGuarded(t, w.export(f, &o))
		}
	}
	var b strings.Builder
	b.WriteString("login\t=heading\tx;=heading\tname\ttitle\n")
	for i, text := range append(texts, "x\n=cmd", "x\r\n+1") {
		quoted := `"` + strings.ReplaceAll(text, `"`, `""`) + `"`
		b.WriteString("v" + strings.Repeat("y", i) + "@acme.example\t" + strings.Join([]string{quoted, quoted, quoted, quoted}, "\t") + "\n")
		b.WriteString(quoted + "broken\t" + text + "\n")
	}
	file := b.String()
	for range 2 { // created, then as they are
		r, err := csvimport.ImportsOf(w.S).Import(ctx, w.S, strings.NewReader(file), csvimport.UpdateExisting, nil)
		require.NoError(t, err)
		require.EqualValues(t, len(texts)+2, r.Counts.Created+r.Counts.Unchanged)
		var out strings.Builder
		require.NoError(t, r.WriteCSV(ctx, w.S, strings.NewReader(file), &out))
		requireGuarded(t, out.String())
		again, err := csvimport.ImportsOf(w.S).Import(ctx, w.S, strings.NewReader(out.String()), csvimport.UpdateExisting, nil)
		require.NoError(t, err)
		require.Zero(t, again.Counts.Created+again.Counts.Updated, "%+v", again.Counts)
	}
}
