package fields_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/fields"
)

// Every kind with values at its bounds, and what is kept; "!" is refused with
// the code behind it.
func TestValues(t *testing.T) {
	for kind, cases := range chatadmintest.InOrder(map[fields.Kind][][2]string{
		fields.Text: {{"blue", "blue"}, {" blue  sky ", "blue  sky"}, {"", ""}, {"  ", ""}, {strings.Repeat("x", 250), strings.Repeat("x", 250)}, {strings.Repeat("x", 251), "!too_long"},
			{"a\nb", "!bad_text"}, {"a\u200bb", "!bad_text"}, {"\xff", "!bad_text"}, {"=1+1", "=1+1"}},
		fields.Number: {{"1", "1"}, {"-1.50", "-1.5"}, {"+01.50", "1.5"}, {"0", "0"}, {"-0.0", "0"}, {"000", "0"}, {"1.", "!bad_number"}, {".5", "!bad_number"}, {"1,5", "!bad_number"},
			{"1e3", "!bad_number"}, {"0x1", "!bad_number"}, {"NaN", "!bad_number"}, {"1 000", "!bad_number"}, {"--1", "!bad_number"}, {"１", "!bad_number"},
			{strings.Repeat("9", 40), strings.Repeat("9", 40)}, {strings.Repeat("9", 41), "!bad_number"}, {strings.Repeat("9", 20) + "." + strings.Repeat("1", 21), "!bad_number"}},
		fields.Date: {{"2026-03-01", "2026-03-01"}, {"2024-02-29", "2024-02-29"}, {"2026-02-29", "!bad_date"}, {"0000-01-01", "!bad_date"}, {"0001-01-01", "0001-01-01"}, {"9999-12-31", "9999-12-31"},
			{"10000-01-01", "!bad_date"}, {"1.3.2026", "!bad_date"}, {"2026-3-1", "!bad_date"}, {"03/01/2026", "!bad_date"}},
		fields.Choice: {{"Gold", "Gold"}, {"GOLD ", "Gold"}, {"straße", "Straße"}, {"STRASSE", "Straße"}, {"bronze", "!bad_choice"}, {"Gold,Silver", "!bad_choice"}},
	}) {
		f := fields.Field{Name: "Thing", Kind: kind}
		if kind == fields.Choice {
			f.Choices = []string{"Gold", "Silver", "Straße"}
		}
		for _, c := range cases {
			got, err := f.Check(c[0])
			if code, refused := strings.CutPrefix(c[1], "!"); refused {
				require.Equal(t, []string{"Thing " + code}, told(t, err), "%s %q", kind, c[0])
				continue
			}
			require.NoError(t, err, "%s %q", kind, c[0])
			require.Equal(t, c[1], got, "%s %q", kind, c[0])
		}
	}
}

// Whatever is given: what is kept is kept again as it is, and a number is one.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{"-01.50", "2026-03-01", "gold", " x "} {
		f.Add(s)
	}
	one := regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]*[1-9])?$`)
	f.Fuzz(func(t *testing.T, value string) {
		for _, field := range []fields.Field{{Kind: fields.Text}, {Kind: fields.Number}, {Kind: fields.Date}, {Kind: fields.Choice, Choices: []string{"Gold", "straße"}}} {
			kept, err := field.Check(value)
			if err != nil {
				require.ErrorIs(t, err, chatadmin.ErrInvalid)
				continue
			}
			again, err := field.Check(kept)
			require.NoError(t, err)
			require.Equal(t, kept, again)
			require.True(t, kept == "" || field.Kind != fields.Number || one.MatchString(kept) && kept != "-0", kept)
		}
	})
}

func TestDeclarations(t *testing.T) {
	many := make([]string, 101)
	for i := range many {
		many[i] = fmt.Sprint(i)
	}
	for _, c := range []struct {
		field fields.Field
		want  []string
	}{
		{fields.Field{}, []string{"kind bad_kind", "name bad_name"}},
		{fields.Field{Name: strings.Repeat("x", 64), Kind: fields.Text}, nil},
		{fields.Field{Name: strings.Repeat("x", 65), Kind: fields.Text}, []string{"name bad_name"}},
		{fields.Field{Name: "123", Kind: fields.Text}, []string{"name bad_name"}},
		{fields.Field{Name: "a\nb", Kind: fields.Text}, []string{"name bad_name"}},
		{fields.Field{Name: "_line", Kind: fields.Text}, []string{"name bad_name"}},
		{fields.Field{Name: "First name", Kind: fields.Text}, []string{"name bad_name"}},
		{fields.Field{Name: "E-Mail", Kind: fields.Text}, []string{"name bad_name"}},
		{fields.Field{Name: "LOGIN", Kind: "float", Choices: []string{"a"}}, []string{"choices bad_choice", "kind bad_kind", "name bad_name"}},
		{fields.Field{Name: "Level", Kind: fields.Choice}, []string{"choices bad_choice"}},
		{fields.Field{Name: "Level", Kind: fields.Choice, Choices: many}, []string{"choices bad_choice"}},
		{fields.Field{Name: "Level", Kind: fields.Choice, Choices: many[:100]}, nil},
		{fields.Field{Name: "Rank", Kind: fields.Choice, Choices: []string{"Gold", "GOLD"}}, []string{"choices bad_choice"}},
		{fields.Field{Name: "Rank", Kind: fields.Choice, Choices: []string{""}}, []string{"choices bad_choice"}},
		{fields.Field{Name: "Rank", Kind: fields.Choice, Choices: []string{strings.Repeat("x", 101)}}, []string{"choices bad_choice"}},
		{fields.Field{Name: "Team", Kind: fields.Text, Choices: []string{"a"}}, []string{"choices bad_choice"}},
	} {
		w := newWorld(t)
		run, err := w.f.Declare(ctx, w.S, c.field, nil)
		list, listErr := w.f.List(ctx, w.S)
		require.NoError(t, listErr)
		if c.want != nil {
			require.Equal(t, c.want, told(t, err))
			require.Empty(t, list)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, chatadmin.RunDone, run.State)
		require.Equal(t, []fields.Field{c.field}, list)
	}
}
