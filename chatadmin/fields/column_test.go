package fields_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/fields"
	"chatadmin.example/sdk/csvimport"
)

func (w *world) imports() *csvimport.Imports {
	w.T.Helper()
	x, err := csvimport.New(w.Admin, nil)
	require.NoError(w.T, err)
	return x
}

// imported imports a file, and returns column and code of every note.
func (w *world) imported(file string, o *csvimport.ImportOptions) (codes []string) {
	w.T.Helper()
	r, err := w.imports().Import(ctx, w.S, strings.NewReader(file), csvimport.UpdateExisting, o)
	require.NoError(w.T, err)
	require.NoError(w.T, r.Outcomes(ctx, w.S, strings.NewReader(file), func(o csvimport.Outcome) error {
		for _, n := range o.Notes {
			codes = append(codes, n.Column+" "+n.Code)
		}
		return nil
	}))
	return slices.Sorted(slices.Values(codes))
}

func (w *world) declareAll() []fields.Field {
	all := []fields.Field{centre(), {Name: "Team", Kind: fields.Text}, {Name: "Hired", Kind: fields.Date}, {Name: "Rank", Kind: fields.Choice, Choices: []string{"Gold", "Silver"}}}
	for _, f := range all {
		w.declare(f)
	}
	return all
}

// The form and a file come to the same verdicts, and keep the same.
func TestFormAndFileAgree(t *testing.T) {
	w := newWorld(t)
	all := w.declareAll()
	pool := [][]string{{"", "7", "007", "1,5", "x"}, {"", "Blue", " Blue ", strings.Repeat("y", 250)}, {"", "2026-03-01", "2026-02-30", "today"}, {"", "GOLD", "silver", "bronze"}}
	rnd := rand.New(rand.NewPCG(7, 7))
	for n := range 150 {
		head, cells, pairs := "login", fmt.Sprintf("file%d@acme.example", n), []string(nil)
		for i, f := range all {
			if rnd.IntN(4) == 0 {
				continue
			}
			value := pool[i][rnd.IntN(len(pool[i]))]
			head, cells, pairs = head+";"+strings.ToUpper(f.Name), cells+";"+value, append(pairs, f.Name, value)
		}
		form, err := w.create(fmt.Sprintf("form%d", n), pairs...)
		var want []string
		if err != nil {
			for _, code := range told(t, err) {
				field, code, _ := strings.Cut(code, " bad")
				want = append(want, strings.ToUpper(field)+" bad"+code)
			}
		}
		require.Equal(t, want, w.imported(head+"\n"+cells+"\n", nil))
		if err == nil {
			file, err := w.S.UserByLogin(ctx, fmt.Sprintf("file%d@acme.example", n))
			require.NoError(t, err)
			require.Equal(t, string(form.Attrs), string(file.Attrs))
		}
	}
	require.NotEmpty(t, w.found("Rank", "gold"), "a file's values are searched as well")
}

// An export holds the fields, and importing it changes nothing. A column of the
// program under the name of a field is checked as the field's.
func TestColumns(t *testing.T) {
	w := newWorld(t)
	w.declareAll()
	ann := w.user("ann", "Cost centre", "-7", "Team", "=cmd", "Hired", "2026-03-01", "Rank", "Gold")
	var b bytes.Buffer
	_, err := csvimport.Export(ctx, w.S, &b, csvimport.ImportFormat, nil)
	require.NoError(t, err)
	require.Contains(t, b.String(), ",Cost centre,Team,Hired,Rank\n")
	r, err := w.imports().Import(ctx, w.S, bytes.NewReader(b.Bytes()), csvimport.UpdateExisting, nil)
	require.NoError(t, err)
	require.EqualValues(t, 2, r.Counts.Unchanged, b.String())

	require.Empty(t, w.imported("login,costcentre,team\nann@acme.example,12,\n", nil))
	require.Equal(t, []string{"12", "=cmd"}, []string{w.value(ann.ID, "Cost centre"), w.value(ann.ID, "Team")}, "a blank cell keeps the value")
	require.Empty(t, w.imported("login,team\nann@acme.example,\n", &csvimport.ImportOptions{ClearBlanks: true}))
	require.Empty(t, w.value(ann.ID, "Team"))
	require.Empty(t, w.found("Team", "=cmd"))

	own := &csvimport.ImportOptions{Fields: []string{"Cost centre", "Shoe size"}}
	require.Equal(t, []string{"Cost centre bad_number"}, w.imported("login,Cost centre,Shoe size\nann@acme.example,twelve,44\n", own))
	require.Empty(t, w.imported("login,Cost centre,Shoe size\nann@acme.example,0013,big\n", own))
	require.Equal(t, []string{"ann"}, w.found("Cost centre", "13"))
	u, err := w.S.User(ctx, ann.ID)
	require.NoError(t, err)
	a, err := chatadmin.AttributesOf(u)
	require.NoError(t, err)
	require.Equal(t, "big", a.Fields["Shoe size"], "what the domain has not declared is the program's")
}
