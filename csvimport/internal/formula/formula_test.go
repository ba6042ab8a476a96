package formula

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGuard(t *testing.T) {
	for cell, want := range map[string]string{
		"": "", "Ann": "Ann", "+48 22": "'+48 22", "=1+1": "'=1+1", "-2": "'-2", "@x": "'@x", "\tx": "'\tx", "\rx": "'\rx", "＝1": "'＝1",
		"O'Neil": "O'Neil", "'quoted'": "'quoted'", "'=1": "''=1", "''=1": "'''=1", "'": "'",
	} {
		require.Equal(t, want, Guard(cell), cell)
		require.Equal(t, cell, Unguard(want), cell)
	}
}

func FuzzGuard(f *testing.F) {
	for _, s := range []string{"", "=1", "'=1", "''", "'+", "＠x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		g := Guard(s)
		require.Equal(t, s, Unguard(g))
		require.False(t, g != "" && strings.ContainsAny(g[:1], "=+-@\t\r"))
	})
}
