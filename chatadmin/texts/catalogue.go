package texts

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"golang.org/x/text/message/catalog"

	"chatadmin.example/sdk/chatadmin/class"
)

// Language are texts in one language, by their keys.
type Language struct {
	Tag   string // BCP 47, such as "de" or "pt-BR"
	Texts map[string]Text
}

// Text is a sentence, with the verbs of package fmt (%d and %s) for its values,
// or one for each plural form of its first value: "one", "other" and what else
// the language has (CLDR). In JSON it is a string, or an object of the forms.
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

// Catalogue has texts in several languages. English has all of them; what
// another language lacks is said in English. It is safe for many goroutines.
type Catalogue struct {
	langs    map[string]map[string]Text
	replaced map[string]bool // English texts that a host has replaced
	tags     []language.Tag  // English first
	matcher  language.Matcher
	printers map[language.Tag]*Printer
}

//go:embed lang/*.json
var files embed.FS

var own = sync.OnceValues(func() (*Catalogue, error) {
	lang, err := fs.Sub(files, "lang")
	if err != nil {
		return nil, err
	}
	return (&Catalogue{}).With(lang, nil)
})

// New returns the texts of the library, some replaced and languages added. It
// returns class.Invalid for a key that the library does not have, and for a tag
// of no language.
func New(more []Language) (*Catalogue, error) {
	c, err := own()
	if err != nil || len(more) == 0 {
		return c, err
	}
	return c.With(nil, more)
}

// With returns the catalogue with further texts: those in the files of a
// folder, named such as de.json, and then those of a host. A nil folder has
// none. It returns class.Invalid like New.
func (c *Catalogue) With(folder fs.FS, more []Language) (*Catalogue, error) {
	n := &Catalogue{langs: map[string]map[string]Text{}, replaced: maps.Clone(c.replaced)}
	for name, texts := range c.langs {
		n.langs[name] = maps.Clone(texts)
	}
	if err := n.read(folder); err != nil {
		return nil, err
	}
	for _, m := range more {
		if n.langs[m.Tag] == nil {
			n.langs[m.Tag] = map[string]Text{}
		}
		for key, text := range m.Texts {
			if n.langs["en"][key] == nil {
				return nil, fmt.Errorf("there is no text %q: %w", key, class.Invalid)
			}
			if n.langs[m.Tag][key] = text; m.Tag == "en" {
				if n.replaced == nil {
					n.replaced = map[string]bool{}
				}
				n.replaced[key] = true
			}
		}
	}
	return n, n.compile()
}

// read adds the texts in the files of a folder.
func (c *Catalogue) read(folder fs.FS) error {
	if folder == nil {
		return nil
	}
	names, err := fs.Glob(folder, "*.json")
	if err != nil {
		return err
	}
	for _, name := range names {
		data, err := fs.ReadFile(folder, name)
		if err != nil {
			return err
		}
		texts := map[string]Text{}
		if err := json.Unmarshal(data, &texts); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		lang := strings.TrimSuffix(name, path.Ext(name))
		if c.langs[lang] == nil {
			c.langs[lang] = map[string]Text{}
		}
		maps.Copy(c.langs[lang], texts)
	}
	return nil
}

// compile makes the printers of all languages.
func (c *Catalogue) compile() error {
	all := catalog.NewBuilder(catalog.Fallback(language.English))
	c.tags, c.printers = []language.Tag{language.English}, map[language.Tag]*Printer{}
	for _, name := range slices.Sorted(maps.Keys(c.langs)) {
		tag, err := language.Parse(name)
		if err != nil {
			return fmt.Errorf("texts in %q, which is no language: %w", name, class.Invalid)
		}
		if tag != language.English {
			c.tags = append(c.tags, tag)
		}
		for key, text := range c.langs["en"] {
			if is, ok := c.langs[name][key]; ok {
				text = is
			}
			if err := all.Set(tag, key, text.messages()...); err != nil {
				return fmt.Errorf("the text %q in %s: %w: %w", key, name, err, class.Invalid)
			}
		}
	}
	for _, tag := range c.tags {
		c.printers[tag] = &Printer{c, tag, message.NewPrinter(tag, message.Catalog(all))}
	}
	c.matcher = language.NewMatcher(c.tags)
	return nil
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

// Languages are the texts by language and key, to be looked at only.
func (c *Catalogue) Languages() map[string]map[string]Text { return c.langs }

// Printer chooses a language. Wishes are tags, or values of the header
// Accept-Language: the first one that can be met decides. Without any it is
// English.
func (c *Catalogue) Printer(wishes ...string) *Printer {
	_, n := language.MatchStrings(c.matcher, wishes...)
	return c.printers[c.tags[n]]
}
