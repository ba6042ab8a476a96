package portaltest

import (
	_ "embed"
	"fmt"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

//go:embed testdata/axe-4.14.1.min.js
var axe string

// window sets the size of the window.
func (b *browser) window(width, height int64) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1, Mobile: width < 500})
	require.NoError(b.t, err)
}

// theme sets "light" or "dark". Colours change at once.
func (b *browser) theme(theme string) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: theme}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
	require.NoError(b.t, err)
}

// violation is what axe-core has found.
type violation struct {
	ID    string
	Help  string
	Nodes []string
}

// The rules of axe-core: all of them, or those that depend on the theme and on
// the width.
const (
	allRules  = `{}`
	lookRules = `{runOnly: ["color-contrast", "link-in-text-block", "target-size"]}`
)

// accessible has axe-core look at the page.
func (b *browser) accessible(where string) { b.t.Helper(); b.axe(where, allRules) }

func (b *browser) axe(where, rules string) {
	b.t.Helper()
	if !run(b, chromedp.Evaluate[bool]("window.axe !== undefined")) {
		run(b, chromedp.Evaluate[int](axe+";0"))
	}
	found := run(b, chromedp.Evaluate[[]violation](`axe.run(document, {resultTypes: ["violations"], preload: false, ...`+rules+`}).then(r => r.violations.map(v => ({ID: v.id, Help: v.help, Nodes: v.nodes.map(n => n.html + " " + n.failureSummary)})))`, chromedp.EvalAwaitPromise))
	for _, v := range found {
		for _, n := range v.Nodes {
			b.t.Errorf("%s: axe-core: %s (%s): %s", where, v.Help, v.ID, n)
		}
	}
}

// bringAxe has axe-core in every page from now on, which is cheaper than to
// send it to each of them.
func (b *browser) bringAxe() {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: axe})
	require.NoError(b.t, err)
}

// fits fails the test if the page is wider than its window.
func (b *browser) fits(where string) {
	b.t.Helper()
	if over := run(b, chromedp.Evaluate[int]("document.documentElement.scrollWidth - document.documentElement.clientWidth")); over > 0 {
		b.t.Errorf("%s is %d pixels wider than the window", where, over)
	}
}

// stops are the elements of a page that the Tab key stops at. Within the
// header, the menu and the main part they must come as one reads: from left to
// right, then down. The first one leads past the menu.
const stops = `(() => {
  const all = [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex]")]
    .filter((e) => e.tabIndex >= 0 && !e.disabled && e.checkVisibility());
  const wrong = [];
  if (!all.length || all[0].getAttribute("href") !== "#main") wrong.push("the first stop is not the link to the main part");
  const say = (e) => e.outerHTML.slice(0, 120);
  all.forEach((e, i) => {
    if (e.tabIndex > 0) wrong.push("tabindex: " + say(e));
    const before = i > 0 && all[i - 1];
    if (!before || before.closest("header, nav, main") !== e.closest("header, nav, main")) return;
    let from = before.closest("td, th"), to = e.closest("td, th"); // a row is read cell by cell
    if (!from || !to || from === to) [from, to] = [before, e];
    const a = from.getBoundingClientRect(), b = to.getBoundingClientRect();
    const sameRow = b.top < a.bottom && a.top < b.bottom;
    if (b.bottom <= a.top + 1 || sameRow && b.right <= a.left + 1) wrong.push("after " + say(before) + " comes " + say(e));
  });
  return wrong;
})()`

// ordered fails the test if the Tab key jumps about.
func (b *browser) ordered(where string) {
	b.t.Helper()
	for _, wrong := range run(b, chromedp.Evaluate[[]string](stops)) {
		b.t.Errorf("%s: order of the Tab key: %s", where, wrong)
	}
}

// named fails the test if the title of the page does not name it, if it has
// not one heading of the first level, or if what is wrong on it is not said.
func (b *browser) named(where string) {
	b.t.Helper()
	require.Regexp(b.t, `^\S.* – Admin Portal$`, run(b, chromedp.Title()), where)
	require.Equal(b.t, 1, run(b, chromedp.Evaluate[int](`document.querySelectorAll("h1").length`)), where)
	require.NotContains(b.t, run(b, chromedp.Text(chromedp.CSS("body"))), "%!", where)
}

// inLanguages loads the page in other languages, puts each in place of what is
// shown, and returns by how much it is wider than the window.
const inLanguages = `(async () => {
  const over = {};
  for (const language of ["de", "fr", "nl", "es"]) {
    const answer = await fetch(location.href, {headers: {"Accept-Language": language}});
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (page.documentElement.lang !== language) throw new Error("the page is in " + page.documentElement.lang);
    document.body.replaceWith(page.body);
    over[language] = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  }
  return over;
})()`

// examine looks at a page in both themes, on a narrow window and on a wide one,
// and in all languages. What depends on neither is looked at once.
func (b *browser) examine(name, address string) {
	b.t.Helper()
	b.window(1280, 900)
	b.do(chromedp.Navigate(address), chromedp.WaitVisible(chromedp.CSS("main h1")))
	b.named(name)
	for _, at := range []struct {
		width int64
		rules string
	}{{1280, allRules}, {320, lookRules}} {
		where := fmt.Sprintf("%s-%d", name, at.width)
		b.window(at.width, 900)
		b.fits(where)
		b.ordered(where)
		b.axe(where, at.rules)
		b.shoot(where + "-light")
	}
	b.theme("dark")
	b.shoot(name + "-320-dark")
	b.window(1280, 900)
	b.axe(name+"-1280-dark", lookRules)
	b.shoot(name + "-1280-dark")
	b.theme("light")
	b.window(320, 900)
	for language, over := range run(b, chromedp.Evaluate[map[string]int](inLanguages, chromedp.EvalAwaitPromise)) {
		if over > 0 {
			b.t.Errorf("%s in %s is %d pixels wider than the window", name, language, over)
		}
	}
	b.quiet(name)
}
