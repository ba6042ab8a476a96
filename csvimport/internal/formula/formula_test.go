package formula

import (
	"encoding/csv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGuard(t *testing.T) {
	for cell, want := range map[string]string{
		"": "", "Ann": "Ann", "+48 22": "'+48 22", "=1+1": "'=1+1", "-2": "'-2", "@x": "'@x", "\tx": "'\tx", "\rx": "'\rx", "\nx": "'\nx", "＝1": "'＝1",
		"O'Neil": "O'Neil", "'quoted'": "'quoted'", "'=1": "''=1", "''=1": "'''=1", "'": "'", "''": "''",
		"x;=cmd": "x;'=cmd", "x,=cmd": "x,'=cmd", "x\t=cmd": "x\t'=cmd", "x|=cmd": "x|'=cmd", "x\n=cmd": "x\n'=cmd", "x\r\n=cmd": "x\r\n'=cmd",
		"x;＝cmd": "x;'＝cmd", "x; =cmd": "x;' =cmd", `x;"=cmd"`: `x;'"=cmd"`, "x;\u00a0@y": "x;'\u00a0@y", "x;\u200b=y": "x;'\u200b=y",
		"=a;=b,-c": "'=a;'=b,'-c", ";=": ";'=", "x;'=cmd": "x;''=cmd", "x;y-z": "x;y-z", "a-b, c-d": "a-b, c-d", "Head, +1": "Head,' +1", "ﬁ": "ﬁ", "﹦1": "'﹦1",
		"\t=x": "'\t'=x", " =1": "' =1", "'\tx": "''\tx", "me@acme.example": "me@acme.example", "x;me@acme.example": "x;me@acme.example",
	} {
		require.Equal(t, want, Guard(cell), cell)
		require.Equal(t, cell, Unguard(want), cell)
	}
}

// Wherever a program splits the line that holds a guarded cell, no part of it
// begins with a formula.
func TestGuardHoldsForEverySeparator(t *testing.T) {
	parts := []string{"", "x", "=1", "+1", "-1", "@x", "'=1", " =1", `"=1`, `"=1"`, "＝1", "'", "\u00a0=1", `'"=1`, "O'Neil"}
	for _, a := range parts {
		for _, b := range parts {
			for _, sep := range []string{",", ";", "\t", "|", "\n", "\r\n", "\r"} {
				cell := a + sep + b
				require.Equal(t, cell, Unguard(Guard(cell)), "%q", cell)
				for _, written := range []rune{',', ';', '\t'} {
					var line strings.Builder
					w := csv.NewWriter(&line)
					w.Comma = written
					require.NoError(t, w.Write([]string{"first", Guard(cell), "last"}))
					w.Flush()
					for _, read := range []string{",", ";", "\t", "|"} {
						for _, part := range strings.FieldsFunc(line.String(), func(r rune) bool { return strings.ContainsRune(read+"\r\n", r) }) {
							seen := strings.TrimLeft(part, "\" \u00a0")
							require.False(t, seen != "" && strings.ContainsAny(seen[:1], "=+-@") || strings.HasPrefix(seen, "＝"), "%q of %q", part, line.String())
						}
					}
				}
			}
		}
	}
}

func FuzzGuard(f *testing.F) {
	for _, s := range []string{"", "=1", "'=1", "''", "'+", "＠x", "a;=b", "\t=", "a;\"'=b", "\xff;=", "'\r'\n'="} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		g := Guard(s)
		require.Equal(t, s, Unguard(g))
		for _, part := range strings.FieldsFunc(g, func(r rune) bool { return strings.ContainsRune(",;\t\r\n", r) }) {
			part = strings.TrimLeft(part, " \"")
			require.False(t, part != "" && strings.ContainsAny(part[:1], "=+-@"), "%q", g)
		}
		require.False(t, g != "" && strings.ContainsAny(g[:1], "\t\r"))
	})
}
