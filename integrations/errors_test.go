package integrations_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/texts"
	"chatadmin.example/sdk/integrations"
	"chatadmin.example/sdk/integrations/integrationstest"
)

// A failure at a provider says in every language which service it is, what its
// code is, and what to do.
func TestProviderErrorsAreSaid(t *testing.T) {
	c, err := texts.New(nil)
	require.NoError(t, err)
	for _, e := range []*integrations.ProviderError{
		{Service: "Slack", Code: "channel_not_found", Sentence: "there is no such channel"},
		{Service: "Slack", Code: "token_revoked", Sentence: "authenticate again", SignIn: true},
		{Service: "Slack", Code: "429", Sentence: "too many requests", Again: true, After: time.Minute},
	} {
		said := map[string]bool{}
		for _, lang := range []string{"en", "de", "fr", "es", "nl"} {
			text := c.Printer(lang).Message(e.Message())
			require.Contains(t, text, "Slack", lang)
			require.Contains(t, text, e.Code, lang)
			said[text] = true
			require.Equal(t, lang == "en", text == e.Error(), lang)
		}
		require.Len(t, said, 5, "each language has its own: %s", fmt.Sprint(said))
	}
	without := (&integrations.ProviderError{Service: "AFAS", Sentence: "it did not answer", Again: true}).Message()
	require.Contains(t, c.Printer("de").Message(without), "AFAS kann dies gerade nicht: it did not answer")
}

// overtaken has something done while settings are being saved.
type overtaken struct {
	*Pager
	meanwhile func()
}

func (o *overtaken) Save(ctx context.Context, c *integrations.Connection) error {
	if do := o.meanwhile; do != nil {
		o.meanwhile = nil
		do()
	}
	return o.Pager.Save(ctx, c)
}

// Who saves settings that somebody else has saved meanwhile is told so, and it
// is no failure of the server.
func TestSettingsSavedMeanwhile(t *testing.T) {
	pager, err := NewPager("http://127.0.0.1:1")
	require.NoError(t, err)
	o := &overtaken{Pager: pager}
	w := integrationstest.New(t, nil, o)
	require.NoError(t, w.X.EnableService(t.Context(), w.Boss, "pager", nil))
	ready(t, w)
	o.meanwhile = func() {
		_, err := w.X.Save(t.Context(), w.Boss, w.Of("pager"), []byte(`{"line":"of the first"}`))
		require.NoError(t, err)
	}
	_, err = w.X.Save(t.Context(), w.Ann, w.Of("pager"), []byte(`{"line":"of the second"}`))
	require.Equal(t, http.StatusConflict, chatadmin.HTTPStatus(err), "%v", err)
	m, ok := texts.Explanation(err)
	require.True(t, ok)
	require.Equal(t, "why.connect_moved", m.Code)
	st, err := w.X.Status(t.Context(), w.Ann, w.Of("pager"))
	require.NoError(t, err)
	require.Contains(t, string(st.Settings), "of the first")
}
