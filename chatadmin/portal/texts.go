package portal

import (
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"golang.org/x/text/message/catalog"

	"chatadmin.example/sdk/chatadmin"
)

// Texts are texts of the portal in one language, by the keys of texts/en.json.
// A key that the portal has replaces its text; a language that it lacks is
// added, and what is missing in it stays in English.
type Texts struct {
	Language string // a BCP 47 tag, such as "de" or "pt-BR"
	Texts    map[string]Text
}

// Text is a sentence, with the verbs of package fmt (%d and %s) for its
// arguments, or one for each plural form of its first argument: "one", "other"
// and what else the language has (CLDR). In JSON it is a string, or an object
// of the forms.
type Text map[string]string

// UnmarshalJSON reads a string or an object.
func (t *Text) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*t = Text{"": one}
		return nil
	}
	forms := map[string]string{}
	if err := json.Unmarshal(data, &forms); err != nil {
		return err
	}
	*t = forms
	return nil
}

//go:embed texts/*.json
var textFiles embed.FS

// catalogue has all texts of a portal.
type catalogue struct {
	all      *catalog.Builder
	keys     map[string]bool // of English, which has every text
	tags     []language.Tag  // English first
	matcher  language.Matcher
	printers map[language.Tag]*message.Printer
}

// ownTexts are the texts of the portal, by language.
func ownTexts() (map[string]map[string]Text, error) {
	files, err := textFiles.ReadDir("texts")
	if err != nil {
		return nil, err
	}
	own := map[string]map[string]Text{}
	for _, f := range files {
		data, err := textFiles.ReadFile("texts/" + f.Name())
		if err != nil {
			return nil, err
		}
		texts := map[string]Text{}
		if err := json.Unmarshal(data, &texts); err != nil {
			return nil, fmt.Errorf("texts/%s: %w", f.Name(), err)
		}
		own[strings.TrimSuffix(f.Name(), path.Ext(f.Name()))] = texts
	}
	return own, nil
}

func newCatalogue(more []Texts) (*catalogue, error) {
	langs, err := ownTexts()
	if err != nil {
		return nil, err
	}
	english := langs["en"]
	for _, m := range more {
		if langs[m.Language] == nil {
			langs[m.Language] = map[string]Text{}
		}
		for key, text := range m.Texts {
			if english[key] == nil {
				return nil, fmt.Errorf("the portal has no text %q: %w", key, chatadmin.ErrInvalid)
			}
			langs[m.Language][key] = text
		}
	}
	c := &catalogue{all: catalog.NewBuilder(catalog.Fallback(language.English)), keys: map[string]bool{},
		tags: []language.Tag{language.English}, printers: map[language.Tag]*message.Printer{}}
	for key := range english {
		c.keys[key] = true
	}
	for _, name := range slices.Sorted(maps.Keys(langs)) {
		tag, err := language.Parse(name)
		if err != nil {
			return nil, fmt.Errorf("texts in %q, which is no language: %w", name, chatadmin.ErrInvalid)
		}
		if tag != language.English {
			c.tags = append(c.tags, tag)
		}
		texts := maps.Clone(english)
		maps.Copy(texts, langs[name])
		for key, text := range texts {
			if err := c.all.Set(tag, key, text.messages()...); err != nil {
				return nil, fmt.Errorf("the text %q in %s: %w: %w", key, name, err, chatadmin.ErrInvalid)
			}
		}
	}
	for _, tag := range c.tags {
		c.printers[tag] = message.NewPrinter(tag, message.Catalog(c.all))
	}
	c.matcher = language.NewMatcher(c.tags)
	return c, nil
}

// messages are a text as the catalogue of x/text has it.
func (t Text) messages() []catalog.Message {
	if one, ok := t[""]; ok {
		return []catalog.Message{catalog.String(one)}
	}
	var cases []any
	for _, form := range slices.Sorted(maps.Keys(t)) {
		if form != "other" {
			cases = append(cases, form, t[form])
		}
	}
	return []catalog.Message{plural.Selectf(1, "%d", append(cases, "other", t["other"])...)}
}

// match chooses the language for a user's preference and the header
// Accept-Language of their browser.
func (c *catalogue) match(user, browser string) language.Tag {
	_, n := language.MatchStrings(c.matcher, user, browser)
	return c.tags[n]
}

func (c *catalogue) printer(tag language.Tag) *message.Printer { return c.printers[tag] }

func (c *catalogue) has(key string) bool { return c.keys[key] }
