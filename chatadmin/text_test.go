package chatadmin_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"chatadmin.example/sdk/chatadmin"
)

func TestFold(t *testing.T) {
	for _, same := range [][]string{
		{"ann@example.com", " Ann@Example.COM\t", "ANN@EXAMPLE.COM"},
		{"josé", "JOSÉ", "jose\u0301", "Jose\u0301"},
		{"straße", "STRASSE", "Strasse"},
		{"ångström", "\u212bngström", "a\u030angstro\u0308m"},
		{"σίσυφος", "ΣΊΣΥΦΟΣ", "σίσυφοσ"},
	} {
		for _, s := range same {
			require.Equal(t, chatadmin.Fold(same[0]), chatadmin.Fold(s), "%q", s)
		}
	}
	require.NotEqual(t, chatadmin.Fold("jose"), chatadmin.Fold("josé"))
}

// The short way for Latin letters must say what Unicode's folding says.
func TestFoldShortcut(t *testing.T) {
	for r := rune('!'); r < 0x300; r++ {
		for _, s := range []string{string(r), "x" + string(r) + "Y", string(r) + string(r)} {
			if r == 0x85 || r == 0xa0 { // spaces, trimmed off at the ends
				continue
			}
			require.Equal(t, norm.NFC.String(cases.Fold().String(norm.NFC.String(s))), chatadmin.Fold(s), "%U", r)
		}
	}
}

// A replacement character stands where text was lost. No field of a user takes
// it, by whatever way it comes.
func TestReplacementCharacter(t *testing.T) {
	s := chatadmin.Settings{Login: chatadmin.LoginPolicy{IsEmail: true}}
	for field, u := range map[string]chatadmin.User{"name": {DisplayName: "Jos\uFFFD"}, "first_name": {FirstName: "\uFFFD"}, "last_name": {LastName: "M\uFFFDller"}, "title": {Title: "a \uFFFD b"},
		"mobile": {Phone: "\uFFFD1"}, "department": {Department: "\uFFFD"}} {
		u.Login = "ann@acme.example"
		_, wrong := s.Prepare(u)
		require.Len(t, wrong, 1, field)
		require.Equal(t, field, wrong[0].Field)
		require.Equal(t, chatadmin.CodeBadText, wrong[0].Code)
	}
}
