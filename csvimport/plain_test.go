package csvimport

import (
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// A cell that takes the short way comes out as it would by the long one.
func FuzzPlain(f *testing.F) {
	for _, s := range []string{"", "José", "O'Neil", "'=1", "x;'=1", "JosÃ©", "Ã©", "é", "Yılmaz", "ȿ", "ɀ", "a\u00ad", "Ünï", "ÄÖ", "«x»", "ÿ", "\xc3", "\xc3(", "#REF!", "NULL", "3.1E+10", "-'"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !plain(s) {
			return
		}
		require.True(t, utf8.ValidString(s), "%q", s)
		for _, c := range []column{colName, colLogin, colMobile} {
			text, m := cleaned(c, s)
			long, longMark := cleanedAll(c, s)
			require.Equal(t, long, text, "%q", s)
			require.Equal(t, longMark, m, "%q", s)
		}
	})
}
