package texts_test

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
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"

	"chatadmin.example/sdk/chatadmin/class"
	"chatadmin.example/sdk/chatadmin/texts"
)

var (
	verb = regexp.MustCompile(`%(\[\d+\])?[a-z]`)
	// what code says by a key, or by the code of an error or a field
	said = []*regexp.Regexp{
		regexp.MustCompile(`(?:NewMessage|words\.Sprintf|warn)\("([a-z0-9_.-]+)"`),
		regexp.MustCompile(`^\s*Code[A-Z]\w* += "([a-z0-9_]+)"`),
	}
)

// why are texts of errors with values.
var why = regexp.MustCompile(`"(why\.[a-z_]+)"`)

// Each language has every text, with the values of the English one and the
// plural forms that the language has.
func TestComplete(t *testing.T) {
	c, err := texts.New(nil)
	require.NoError(t, err)
	langs := c.Languages()
	require.ElementsMatch(t, []string{"de", "en", "es", "fr", "nl"}, slices.Collect(maps.Keys(langs)))
	for lang, own := range langs {
		require.ElementsMatch(t, slices.Collect(maps.Keys(langs["en"])), slices.Collect(maps.Keys(own)), lang)
		for key, text := range own {
			english := langs["en"][key]
			if _, isPlural := english["other"]; !isPlural {
				require.Len(t, text, 1, "%s: %s", lang, key)
				require.NotEmpty(t, text[""], "%s: %s", lang, key)
				require.Equal(t, values(english[""]), values(text[""]), "%s: %s", lang, key)
				continue
			}
			for _, form := range forms(language.MustParse(lang)) {
				require.NotEmpty(t, text[form], "%s: %s: %s", lang, key, form)
			}
			for form, s := range text {
				require.Equal(t, values(english["other"]), values(s), "%s: %s: %s", lang, key, form)
			}
		}
	}
}

// values are the verbs of a text, in any order if they are numbered.
func values(s string) []string {
	all := verb.FindAllString(s, -1)
	if strings.Contains(s, "%[") {
		slices.Sort(all)
	}
	return all
}

// forms are the plural forms of whole numbers in a language.
func forms(tag language.Tag) []string {
	names := map[plural.Form]string{plural.Zero: "zero", plural.One: "one", plural.Two: "two", plural.Few: "few", plural.Many: "many", plural.Other: "other"}
	found := map[string]bool{}
	for n := range 200 {
		found[names[plural.Cardinal.MatchPlural(tag, n, 0, 0, 0, 0)]] = true
	}
	return slices.Sorted(maps.Keys(found))
}

// Whatever packages say is in the catalogue: messages, mails, and the codes of
// fields.
func TestSaid(t *testing.T) {
	c, err := texts.New(nil)
	require.NoError(t, err)
	words, found, missing := c.Printer(), 0, []string{}
	explained := map[string]bool{}
	require.NoError(t, filepath.WalkDir("../..", func(name string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		data, err := os.ReadFile(name)
		for line := range strings.Lines(string(data)) {
			if m := said[0].FindStringSubmatch(line); m != nil && !strings.HasSuffix(m[1], ".") {
				require.True(t, words.Has(m[1]), "%s says %q", name, m[1])
				found++
			}
			for _, m := range why.FindAllStringSubmatch(line, -1) {
				require.True(t, words.Has(m[1]), "%s explains %q", name, m[1])
				explained[m[1]] = true
			}
			if m := said[1].FindStringSubmatch(line); m != nil {
				if !words.Has("fault."+m[1]) && !words.Has("note."+m[1]) {
					missing = append(missing, "fault."+m[1]+" of "+name)
				}
				found++
			}
		}
		return err
	}))
	for key := range c.Languages()["en"] {
		require.True(t, explained[key] || !strings.HasPrefix(key, "why."), "no error is explained by %q", key)
	}
	require.Empty(t, missing, "codes of fields and rows that have no text in lang")
	require.Greater(t, found, 100)
	for _, is := range append(class.All(), class.Internal) {
		require.True(t, is == class.Internal || words.Has("fault."+is.ErrorCode()), is.ErrorCode())
	}
}

// Numbers and plurals are those of the language; 0 is singular in French.
func TestPlurals(t *testing.T) {
	c, err := texts.New(nil)
	require.NoError(t, err)
	for lang, want := range map[string][3]string{
		"en": {"0 people were created and invited later.", "1 person was created and invited later.", "1,234 people were created and invited later."},
		"fr": {"0 personne a été créée et invitée plus tard.", "1 personne a été créée et invitée plus tard.", "1\u00a0234 personnes ont été créées et invitées plus tard."},
		"de": {"0 Personen wurden angelegt und später eingeladen.", "1 Person wurde angelegt und später eingeladen.", "1.234 Personen wurden angelegt und später eingeladen."},
		"es": {"Se han creado 0 personas y se las ha invitado después.", "Se ha creado 1 persona y se la ha invitado después.", "Se han creado 1.234 personas y se las ha invitado después."},
		"nl": {"0 personen zijn aangemaakt en later uitgenodigd.", "1 persoon is aangemaakt en later uitgenodigd.", "1.234 personen zijn aangemaakt en later uitgenodigd."},
	} {
		for i, n := range []int{0, 1, 1234} {
			require.Equal(t, want[i], c.Printer(lang).Sprintf("import.invited_later", n), lang)
		}
	}
}

func TestTimes(t *testing.T) {
	c, err := texts.New(nil)
	require.NoError(t, err)
	at := time.Date(2026, 3, 1, 9, 5, 0, 0, time.UTC)
	for lang, want := range map[string][2]string{
		"en": {"1 March 2026, 09:05 UTC", "1 March"}, "fr": {"1 mars 2026, 09:05 UTC", "1 mars"}, "de": {"1. März 2026, 09:05 UTC", "1. März"},
		"es": {"1 de marzo de 2026, 09:05 UTC", "1 de marzo"}, "nl": {"1 maart 2026, 09:05 UTC", "1 maart"},
	} {
		require.Equal(t, want[0], c.Printer(lang).Time(at))
		require.Equal(t, want[1], c.Printer(lang).Day(at))
	}
}

// The first wish that can be met decides.
func TestPrinter(t *testing.T) {
	c, err := texts.New(nil)
	require.NoError(t, err)
	for _, x := range []struct {
		wishes []string
		want   string
	}{
		{nil, "en"}, {[]string{"", ""}, "en"}, {[]string{"de-CH"}, "de"}, {[]string{"", "pl, nl;q=0.5"}, "nl"},
		{[]string{"fr", "de"}, "fr"}, {[]string{"pl", "es"}, "es"}, {[]string{"no language", "es"}, "es"}, {[]string{"ja", "", "fr-BE"}, "fr"},
	} {
		require.Equal(t, x.want, c.Printer(x.wishes...).Language().String(), "%q", x.wishes)
	}
}

// A message prints as English, survives JSON, and is said in any language.
func TestMessage(t *testing.T) {
	c, err := texts.New(nil)
	require.NoError(t, err)
	m := texts.NewMessage("warn.erase_groups", 2, 7)
	require.Equal(t, "2 groups vanish with everything that anybody has written in them; the largest has 7 members", m.String())
	data, err := json.Marshal(m)
	require.NoError(t, err)
	var again texts.Message
	require.NoError(t, json.Unmarshal(data, &again))
	require.Equal(t, m, again)
	require.Contains(t, c.Printer("de").Message(again), "2 Gruppen verschwinden")
	require.Equal(t, m.Text, c.Printer("en").Message(again))

	require.NoError(t, json.Unmarshal([]byte(`"a sentence alone"`), &again))
	require.Equal(t, "a sentence alone", c.Printer("de").Message(again))
	exact := texts.Message{Code: "fault.bad_login", Text: "a login has 3 to 24 characters"}
	require.Equal(t, exact.Text, c.Printer("en").Message(exact))
	require.Equal(t, "dieser Benutzername entspricht nicht den Regeln der Domäne", c.Printer("de").Message(exact))
	require.Equal(t, "until 2026-01-02 03:04 UTC the domain is merely suspended, and the closing can be cancelled",
		texts.NewMessage("warn.closing_grace", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)).Text)
	for _, bad := range []string{`7`, `{"text":"x","values":[1.5]}`, `{"text":"x","values":[{}]}`, `{"text":7}`} {
		require.Error(t, json.Unmarshal([]byte(bad), &again), bad)
	}
}

// A host replaces texts and adds languages; what these lack is in English.
func TestHostTexts(t *testing.T) {
	c, err := texts.New([]texts.Language{
		{Tag: "en", Texts: map[string]texts.Text{"fault.missing": {"": "fill this in"}}},
		{Tag: "pl", Texts: map[string]texts.Text{"import.invited_later": {"one": "%d osoba", "few": "%d osoby", "many": "%d osób", "other": "%d osoby"}}},
	})
	require.NoError(t, err)
	require.Equal(t, "fill this in", c.Printer().Message(texts.Message{Code: "fault.missing", Text: "this field is mandatory"}))
	require.Equal(t, "5 osób", c.Printer("pl").Sprintf("import.invited_later", 5))
	require.Equal(t, "rows", c.Printer("pl").Sprintf("import.rows"))
	more, err := c.With(fstest.MapFS{"en.json": {Data: []byte(`{"page.title":"Users"}`)}, "de.json": {Data: []byte(`{"page.title":"Benutzer"}`)}}, nil)
	require.NoError(t, err)
	require.Equal(t, "Benutzer", more.Printer("de").Sprintf("page.title"))
	require.Equal(t, "5 osób", more.Printer("pl").Sprintf("import.invited_later", 5))
	require.False(t, c.Printer().Has("page.title"), "the first is as it was")
	for _, bad := range []texts.Language{{Tag: "en", Texts: map[string]texts.Text{"no.such": {"": "x"}}}, {Tag: "no language"}} {
		_, err := texts.New([]texts.Language{bad})
		require.ErrorIs(t, err, class.Invalid)
	}
}
