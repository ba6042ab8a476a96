package texts_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin/class"
	"chatadmin.example/sdk/chatadmin/texts"
)

// An error that is explained is what it was, and says its values in every
// language, also from within another error.
func TestExplain(t *testing.T) {
	c, err := texts.New(nil)
	require.NoError(t, err)
	sentinel := class.State.New("archived", "this group is archived")
	is := texts.Explain(fmt.Errorf("group %q: %w", "Chess", sentinel), "why.unarchive_first", "Chess")
	require.Equal(t, `group "Chess": this group is archived`, is.Error())
	require.ErrorIs(t, is, sentinel)
	require.Equal(t, "archived", class.Code(is))
	m, ok := texts.Explanation(fmt.Errorf("the second of two: %w", is))
	require.True(t, ok)
	require.Equal(t, `the second of two: group "Chess": this group is archived`, c.Printer("en").Message(m))
	for _, lang := range []string{"de", "fr", "es", "nl"} {
		require.Contains(t, c.Printer(lang).Message(m), "Chess", lang)
	}
	require.NoError(t, texts.Explain(nil, "why.unarchive_first", "Chess"))
	_, ok = texts.Explanation(errors.New("a plain one"))
	require.False(t, ok)
}
