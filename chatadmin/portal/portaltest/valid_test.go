package portaltest

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

//go:embed testdata/html-validate-11.21.1.min.js
var htmlValidate string

// checker reads HTML as the standard has it. It is html-validate, in a tab of
// its own.
type checker struct{ b *browser }

// newChecker starts a checker that says all that is no HTML. What is a matter
// of style is left out.
func newChecker(t *testing.T) checker {
	t.Helper()
	b := openBrowser(t)
	run(b, chromedp.Evaluate[int](htmlValidate+`;
globalThis.checker = new HtmlValidate(new StaticConfigLoader([], {root: true, extends: ["html-validate:standard", "html-validate:document"],
  rules: {"require-sri": ["error", {target: "crossorigin"}]}}));
0`))
	return checker{b}
}

// faults are where a page is not valid.
func (c checker) faults(page string) []string {
	c.b.t.Helper()
	text, err := json.Marshal(page)
	require.NoError(c.b.t, err)
	return run(c.b, chromedp.Evaluate[[]string](fmt.Sprintf(`checker.validateString(%s, "page.html").then(r => r.results.flatMap(f => f.messages.map(m =>
  m.line + ":" + m.column + ": " + m.message + " (" + m.ruleId + ")")))`, text), chromedp.EvalAwaitPromise))
}

// check fails the test if a page is not valid.
func (c checker) check(where, page string) {
	c.b.t.Helper()
	for _, f := range c.faults(page) {
		c.b.t.Errorf("%s: html-validate: %s", where, f)
	}
}

// source is a page as the server sends it to somebody.
func (s *site) source(session *http.Cookie, address string) string {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, address, nil)
	require.NoError(s.t, err)
	r.AddCookie(session)
	res, err := http.DefaultClient.Do(r)
	require.NoError(s.t, err)
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	require.NoError(s.t, err)
	return string(text)
}

// The checker finds what it is there for.
func TestChecker(t *testing.T) {
	t.Parallel()
	found := newChecker(t).faults(`<!DOCTYPE html><html lang="en"><head><title>x</title></head><body><p><div id="a b">x</div></body></html>`)
	require.GreaterOrEqual(t, len(found), 2, found)
}
