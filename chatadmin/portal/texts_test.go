package portal_test

import (
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/portal"
	"chatadmin.example/sdk/chatadmin/texts"
)

// complete are the languages that have every text.
var complete = []string{"de", "en", "es", "fr", "nl"}

var (
	verb    = regexp.MustCompile(`%(\[\d+\])?[a-z]`)
	keyword = regexp.MustCompile(`(?:\bT\(|\.T |\.T \()"([a-z_0-9.]+)"`)
	dotted  = regexp.MustCompile(`"([a-z]+\.[a-z_0-9]+)"`)
)

// made are the beginnings of keys that pages make of a value.
var made = []string{"count.", "error.", "field.", "event.", "run.", "runs.", "permission.", "device.", "wipe.", "browser.", "invitation.", "audit.kind_",
	"groups.about_", "groups.default", "groups.delete", "tools.about_", "tools.done_", "import.state_", "import.note_", "status.", "kind.",
	"service.", "level.", "report.", "preference.", "client.", "fields.kind_",
	"signins.client_", "refused.reason_", "users.heading_", "baa.state_", "baa.step_", "baa.mail_"}

// ownTexts are the texts of the portal, by language.
func ownTexts(t *testing.T) map[string]map[string]texts.Text {
	t.Helper()
	own := map[string]map[string]texts.Text{}
	files, err := filepath.Glob("texts/*.json")
	require.NoError(t, err)
	for _, name := range files {
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		of := map[string]texts.Text{}
		require.NoError(t, json.Unmarshal(data, &of), name)
		own[strings.TrimSuffix(filepath.Base(name), ".json")] = of
	}
	return own
}

// Each text that a page uses is there, and each text is used.
func TestTextsAreUsed(t *testing.T) {
	own := ownTexts(t)
	used := map[string]bool{}
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	pages, err := fs.Glob(portal.Templates, "*.html")
	require.NoError(t, err)
	for _, name := range append(files, pages...) {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		for _, m := range keyword.FindAllStringSubmatch(string(text), -1) {
			if !strings.HasSuffix(m[1], ".") && !strings.HasSuffix(m[1], "_") {
				require.Contains(t, own["en"], m[1], name)
			}
		}
		for _, m := range dotted.FindAllStringSubmatch(string(text), -1) {
			used[m[1]] = true
		}
	}
	for key := range own["en"] {
		isMade := slices.ContainsFunc(made, func(prefix string) bool { return strings.HasPrefix(key, prefix) })
		for _, preset := range []chatadmin.Preset{chatadmin.ESChat, chatadmin.Engage} { // in the words of a product
			base, ok := strings.CutSuffix(key, "_"+string(preset))
			isMade = isMade || ok && used[base]
		}
		require.True(t, used[key] || isMade, "no page uses the text %q", key)
	}
}

// A language that is complete has every text, with the arguments of the English
// one and the plural forms that the language has.
func TestTextsAreComplete(t *testing.T) {
	own := ownTexts(t)
	english := own["en"]
	for _, key := range untranslated {
		require.Contains(t, english, key, "this key of untranslated_test.go is no text")
	}
	for _, lang := range complete {
		require.Contains(t, own, lang)
		var missing []string
		for _, key := range slices.Sorted(maps.Keys(english)) {
			if own[lang][key] == nil && !slices.Contains(untranslated, key) {
				missing = append(missing, key)
			}
		}
		require.Empty(t, missing, "texts/%s.json lacks these: translate them, or name them in untranslated_test.go", lang)
	}
	for lang, texts := range own {
		tag := language.MustParse(lang)
		for key, text := range texts {
			require.Contains(t, english, key, lang)
			_, isPlural := english[key]["other"]
			if !isPlural {
				require.Len(t, text, 1, "%s: %s", lang, key)
				require.Equal(t, verbs(english[key][""]), verbs(text[""]), "%s: %s", lang, key)
				require.NotEmpty(t, text[""], "%s: %s", lang, key)
				continue
			}
			for _, form := range forms(tag) {
				require.Contains(t, text, form, "%s: %s", lang, key)
			}
			for form, s := range text {
				require.Equal(t, verbs(english[key]["other"]), verbs(s), "%s: %s: %s", lang, key, form)
			}
		}
	}
}

// verbs are the arguments of a text, in any order if they are numbered.
func verbs(s string) []string {
	all := verb.FindAllString(s, -1)
	if strings.Contains(s, "%[") {
		slices.Sort(all)
	}
	return all
}

// forms are the plural forms of whole numbers in a language.
func forms(tag language.Tag) []string {
	names := map[plural.Form]string{plural.Zero: "zero", plural.One: "one", plural.Two: "two", plural.Few: "few", plural.Many: "many", plural.Other: "other"}
	found := map[string]bool{"other": true}
	for n := range 200 {
		found[names[plural.Cardinal.MatchPlural(tag, n, 0, 0, 0, 0)]] = true
	}
	return slices.Sorted(maps.Keys(found))
}

// A host replaces texts and adds a language. The user's preference decides,
// then the browser.
func TestOwnTexts(t *testing.T) {
	w := newWorld(t)
	w.options.Texts = []texts.Language{
		{Tag: "en", Texts: map[string]texts.Text{"users.title": {"": "People"}}},
		{Tag: "pl", Texts: map[string]texts.Text{"users.title": {"": "Osoby"}, "groups.members_n": {"one": "%d członek", "few": "%d członkowie", "many": "%d członków", "other": "%d członka"}}},
	}
	w.rebuild()
	require.Contains(t, w.get("/users").text, "<h1>People</h1>")
	at := w.post("/groups/new", "name", "Chess")
	for i := range 4 {
		u := w.user(string(rune('a'+i)) + "@acme.example")
		w.post(at+"/members", "login", u.Login)
	}
	polish := func(path string) string {
		r := w.request(path)
		r.Header.Set("Accept-Language", "ja, pl;q=0.9")
		return w.send(w.Boss.ID, r).text
	}
	require.Contains(t, polish("/users"), "<h1>Osoby</h1>")
	require.Contains(t, polish("/users"), `<html lang="pl">`)
	require.Contains(t, polish("/groups"), "<h1>Groups</h1>", "what is missing stays in English")
	require.Contains(t, polish(at), "5 członków")

	for _, bad := range []texts.Language{{Tag: "en", Texts: map[string]texts.Text{"no.such": {"": "x"}}}, {Tag: "no language", Texts: nil}} {
		o := w.options
		o.Texts = []texts.Language{bad}
		_, err := portal.New(w.Admin, &o)
		require.ErrorIs(t, err, chatadmin.ErrInvalid)
	}
}
