package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage/sqlstore"
	"chatadmin.example/sdk/chatadmin/texts"
	"chatadmin.example/sdk/csvimport"
)

// noSpies is a rule of the host's own for its table.
var noSpies = map[sqlstore.Dialect]string{
	sqlstore.SQLite: `CREATE TRIGGER no_spies BEFORE INSERT ON people WHEN NEW.job = 'Spy' BEGIN SELECT RAISE(ABORT, 'this company has no spies'); END`,
	sqlstore.PostgreSQL: `CREATE FUNCTION no_spies() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'this company has no spies'; END $$;
		CREATE TRIGGER no_spies BEFORE INSERT ON people FOR EACH ROW WHEN (NEW.job = 'Spy') EXECUTE FUNCTION no_spies()`,
}

// An import that the host's own rules stop names the line, keeps what was
// committed before, and goes on when the cause is removed.
func testStopped(t *testing.T, fresh func(*testing.T) string) {
	w := newWorld(t, fresh(t))
	const rows, taken, spy = 2 * chatadmin.MaxBatch, chatadmin.MaxBatch / 2, 3 * chatadmin.MaxBatch / 2 // lines
	var file strings.Builder
	file.WriteString("login,name,title\n")
	for line := 2; line < rows+2; line++ {
		title := "Clerk"
		if line == spy {
			title = "Spy"
		}
		_, _ = fmt.Fprintf(&file, "line%d@acme.example,Line %[1]d,%s\n", line, title)
	}
	w.exec(t, noSpies[w.dialect])
	w.exec(t, "UPDATE people SET username = $1 WHERE payroll = 'NL-0043'", fmt.Sprintf("line%d@acme.example", taken))

	imports, err := csvimport.New(w.admin, nil)
	require.NoError(t, err)
	r, err := imports.Import(t.Context(), w.s, strings.NewReader(file.String()), csvimport.UpdateExisting, nil)
	stopped := func(line, committed int, says string) {
		t.Helper()
		require.ErrorIs(t, err, sqlstore.ErrConstraint)
		require.ErrorContains(t, err, fmt.Sprintf("line %d: user \"line%[1]d@acme.example\"", line))
		require.ErrorContains(t, err, says)
		m, _ := texts.Explanation(err)
		require.Equal(t, texts.NewMessage("why.line_refused", line, fmt.Sprintf("line%d@acme.example", line)).Values, m.Values)
		require.EqualValues(t, committed, r.Counts.Created)
		require.Equal(t, 3+committed, w.count(t, "SELECT count(*) FROM chatadmin_users"))
		require.Equal(t, 3+committed, w.count(t, "SELECT count(*) FROM people"), "nothing of the batch is kept")
	}
	stopped(taken, 0, "people")
	id := r.ImportID
	resume := func() {
		t.Helper()
		r, err = imports.Resume(t.Context(), w.s, id, strings.NewReader(file.String()), nil)
		require.Equal(t, id, r.ImportID)
	}
	resume()
	stopped(taken, 0, "people")
	w.exec(t, "UPDATE people SET username = 'bob@acme.example' WHERE payroll = 'NL-0043'")
	resume()
	stopped(spy, chatadmin.MaxBatch, "this company has no spies")
	w.exec(t, map[sqlstore.Dialect]string{sqlstore.SQLite: "DROP TRIGGER no_spies", sqlstore.PostgreSQL: "DROP TRIGGER no_spies ON people"}[w.dialect])
	resume()
	require.NoError(t, err)
	require.EqualValues(t, rows, r.Counts.Created)
	require.Zero(t, r.Counts.Failed)
	require.Equal(t, 3+rows, w.count(t, "SELECT count(*) FROM chatadmin_users"))
	require.Equal(t, 3+rows, w.count(t, "SELECT count(*) FROM people"))
	require.NoError(t, w.work(t.Context()))
	w.equal(t)
	targets := 0
	for e, err := range w.s.Events(t.Context(), chatadmin.EventQuery{Kind: csvimport.KindImport}) {
		require.NoError(t, err)
		targets += len(e.Targets)
	}
	require.Equal(t, rows, targets, "each is in one audit event")
}
