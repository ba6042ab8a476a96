package preferences_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/preferences"
)

func TestWithSuffix(t *testing.T) {
	for _, c := range [][3]string{
		{"Hello", "", "Hello"}, {"Hello ", "", "Hello "}, {"Hello", "^AR", "Hello ^AR"}, {"Hello \n", "^AR", "Hello ^AR"}, {"", "^AR", "^AR"}, {" \n", "^AR", "^AR"},
		{"Hello ^AR", "^AR", "Hello ^AR"}, {"Hello ^AR  ", "^AR", "Hello ^AR"}, {"Hello\n^AR", "^AR", "Hello\n^AR"}, {"Hello.^AR", "^AR", "Hello.^AR"}, {"^AR", "^AR", "^AR"},
		{"Hello ^ar", "^AR", "Hello ^ar ^AR"}, {"^AR Hello", "^AR", "^AR Hello ^AR"}, {"a BAR", "AR", "a BAR AR"}, {"a AR", "AR", "a AR"}, {"a-AR", "AR", "a-AR"},
		{"Hi ^Ann Ames", "^Ann Ames", "Hi ^Ann Ames"}, {"Hi", " ^AR ", "Hi ^AR"}, {"Hi ^A", "^AR", "Hi ^A ^AR"},
		{"Hi ^Zoë", norm.NFD.String("^Zoë"), "Hi ^Zoë"}, {norm.NFD.String("Hi ^Zoë"), "^Zoë", norm.NFD.String("Hi ^Zoë")},
		{"数AR", "AR", "数AR AR"}, {"Bye 👋", "^AR", "Bye 👋 ^AR"},
	} {
		require.Equal(t, c[2], preferences.WithSuffix(c[0], c[1]), "%q %q", c[0], c[1])
	}
}

// Whatever the text and the suffix: once is enough, and the text is kept.
func FuzzWithSuffix(f *testing.F) {
	f.Add("Hello", "^AR")
	f.Add("Hello ^AR", "^AR")
	f.Add("e\u0301", "\u0301")
	f.Fuzz(func(t *testing.T, text, suffix string) {
		once := preferences.WithSuffix(text, suffix)
		require.Equal(t, once, preferences.WithSuffix(once, suffix))
		require.True(t, strings.HasPrefix(once, strings.TrimSpace(text)) || strings.HasPrefix(once, strings.TrimRight(text, " \t\r\n\v\f\u0085\u00a0")) || strings.TrimSpace(text) == "" || len(once) <= len(text))
	})
}

// Which account replies: all combinations of mention, choice and default.
func TestReply(t *testing.T) {
	for _, c := range []struct{ mentioned, chosen, standard, want string }{
		{"", "", "", ""}, {"", "", "d", "d"}, {"", "c", "", "c"}, {"", "c", "d", "c"},
		{"m", "", "", "m"}, {"m", "", "d", "m"}, {"m", "c", "", "m"}, {"m", "c", "d", "m"},
	} {
		v := preferences.Values{Suffix: map[preferences.Platform]string{preferences.Twitter: "^AR"}}
		v.Set("account.twitter", c.standard)
		v.Set("account.facebook", "never this one")
		account, text, err := v.Reply(preferences.Reply{Platform: preferences.Twitter, Text: "Hello", Mentioned: c.mentioned, Chosen: c.chosen})
		if c.want == "" {
			require.ErrorIs(t, err, preferences.ErrChooseAccount)
			require.ErrorIs(t, err, chatadmin.ErrInvalid)
			require.Equal(t, "choose_account", chatadmin.Code(err))
			continue
		}
		require.NoError(t, err)
		require.Equal(t, []string{c.want, "Hello ^AR"}, []string{account, text})
		_, text, err = v.Reply(preferences.Reply{Platform: preferences.Facebook, Text: "Hello"})
		require.NoError(t, err)
		require.Equal(t, "Hello", text, "each platform has its own suffix")
	}
}
