package csvimport_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/csvimport"
)

// The result CSV has the original columns and what became of each line; mended,
// it is imported as it is.
func TestResultCSV(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	original := "name;email/login;mobile;Enabled\nAnn;ann@acme.example;+31612345678;TRUE\n\n\"Bo;b\";bob@acme;1;TRUE\n=cmd();eve@acme.example;-1;\nshort\nlong;l@acme.example;1;TRUE;surplus\n"
	r, _ := w.run(w.S, original, csvimport.SkipExisting, nil)
	var out strings.Builder
	require.NoError(t, r.WriteCSV(ctx, w.S, strings.NewReader(original), &out))
	c := csv.NewReader(strings.NewReader(out.String()))
	rows, err := c.ReadAll()
	require.NoError(t, err)
	require.Equal(t, []string{"name", "email/login", "mobile", "Enabled", "_line", "_status", "_code", "_message"}, rows[0])
	require.Equal(t, []string{"Ann", "ann@acme.example", "'+31612345678", "TRUE", "2", "created", "", ""}, rows[1])
	require.Equal(t, []string{"Bo;b", "bob@acme", "1", "TRUE", "4", "failed", "bad_email"}, rows[2][:7])
	require.Equal(t, []string{"'=cmd()", "eve@acme.example", "'-1", "", "5", "created", "", ""}, rows[3])
	require.Equal(t, []string{"short", "", "", "", "6", "failed", "missing"}, rows[4][:7])
	require.Contains(t, rows[5][7], "the line: long;l@acme.example;1;TRUE;surplus")
	require.Equal(t, []string{"long", "", "1", "TRUE", "7", "failed", "field_count"}, rows[5][:7], "its cells may be in the wrong columns")
	require.Equal(t, "=cmd()", w.is("eve@acme.example").DisplayName)

	again, lines := w.run(w.S, out.String(), csvimport.UpdateExisting, nil)
	require.Equal(t, []string{"2 unchanged", "3 failed bad_email", "4 unchanged", "5 failed missing", "6 failed missing"}, lines, "a broken line does not become a whole one")
	require.Empty(t, again.Warnings)
	mended := strings.Replace(strings.Replace(out.String(), "bob@acme,", "bob@acme.example,", 1), "short,,", "short,short@acme.example,", 1)
	_, lines = w.run(w.S, mended, csvimport.UpdateExisting, nil)
	require.Equal(t, []string{"2 unchanged", "3 created", "4 unchanged", "5 created", "6 failed missing"}, lines)
	require.Equal(t, "+31612345678", w.is("ann@acme.example").Phone)

	// The result of a result replaces the columns of the first.
	r2, err := csvimport.ImportsOf(w.S).Import(ctx, w.S, strings.NewReader(mended), csvimport.UpdateExisting, nil)
	require.NoError(t, err)
	var out2 strings.Builder
	require.NoError(t, r2.WriteCSV(ctx, w.S, strings.NewReader(mended), &out2))
	require.Equal(t, 1, strings.Count(out2.String(), "_line"))
	require.NotContains(t, out2.String(), "''", "nothing is guarded twice")
}

// What became of the lines is told of the file that was imported, and of no
// other.
func TestOutcomesOfAnotherFile(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	file, other := "login\nann@acme.example\n", "login\neve@acme.example\n"
	p, err := csvimport.ImportsOf(w.S).Plan(ctx, w.S, strings.NewReader(file), csvimport.SkipExisting, nil)
	require.NoError(t, err)
	r, err := csvimport.ImportsOf(w.S).Apply(ctx, w.S, p, strings.NewReader(file), nil)
	require.NoError(t, err)
	none := func(csvimport.Outcome) error { t.Error("a line was told of"); return nil }
	require.ErrorIs(t, p.Outcomes(ctx, w.S, strings.NewReader(other), none), csvimport.ErrOtherFile)
	require.ErrorIs(t, r.Outcomes(ctx, w.S, strings.NewReader(other), none), csvimport.ErrOtherFile)
	require.ErrorIs(t, r.WriteCSV(ctx, w.S, strings.NewReader(file+"eve@acme.example\n"), &strings.Builder{}), csvimport.ErrOtherFile)
}

// A plan is kept as JSON and applied later; what it said of the rows is then to
// be had by planning again.
func TestPlanIsSerialisable(t *testing.T) {
	w := newWorld(t, chatadmin.OfficeChat)
	text := file(1500)
	p, err := csvimport.ImportsOf(w.S).Plan(ctx, w.S, strings.NewReader(text), csvimport.SkipExisting, &csvimport.ImportOptions{FileName: "x.csv"})
	require.NoError(t, err)
	data, err := json.Marshal(p)
	require.NoError(t, err)
	require.Less(t, len(data), 2000, "it does not hold the file")
	var kept csvimport.Plan
	require.NoError(t, json.Unmarshal(data, &kept))
	require.Equal(t, p.Counts, kept.Counts)
	require.ErrorIs(t, kept.Outcomes(ctx, w.S, strings.NewReader(text), nil), chatadmin.ErrInvalid)
	r, err := csvimport.ImportsOf(w.S).Apply(ctx, w.S, &kept, strings.NewReader(text), nil)
	require.NoError(t, err)
	require.EqualValues(t, 1500, r.Counts.Created)
	require.ErrorIs(t, r.Outcomes(ctx, w.S, strings.NewReader("login\n"), func(csvimport.Outcome) error { return nil }), csvimport.ErrOtherFile)
	stop := fmt.Errorf("enough")
	require.ErrorIs(t, r.Outcomes(ctx, w.S, strings.NewReader(text), func(csvimport.Outcome) error { return stop }), stop)
}
