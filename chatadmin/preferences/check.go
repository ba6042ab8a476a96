package preferences

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/texts"
)

// Codes of what can be wrong with preferences, beside chatadmin.CodeTooLong and
// CodeBadText.
const (
	CodeBadLanguage = "bad_language" // none of the interface
	CodeBadLanding  = "bad_landing"  // no page, or one of a module that the domain lacks
	CodeBadChoice   = "bad_choice"   // none of the values of a field
	CodeBadPlatform = "bad_platform" // none of the program
	CodeNoLiveChat  = "no_live_chat" // an avatar without an account in the live chat
)

const (
	mostValue  = 250 // bytes of a landing page, account or avatar
	mostSuffix = 100 // bytes of a suffix
)

// check tidies what differs from was, and returns all that is wrong with it. What
// is as it was is not checked again: a page may have gone meanwhile.
func (p *Preferences) check(set *chatadmin.Settings, was, now *Values) (wrong []*chatadmin.FieldError) {
	for _, key := range each(was, now) {
		value := strings.TrimSpace(now.Get(key))
		if value != now.Get(key) {
			now.Set(key, value)
		}
		if value == "" || value == was.Get(key) {
			continue
		}
		if code, reason := p.checkValue(set, key, now); code != "" {
			fault := &chatadmin.FieldError{Field: key, Value: chatadmin.Cut(value), Code: code, Reason: reason}
			if code == chatadmin.CodeTooLong {
				fault.Detail = tooLong(key)
			}
			wrong = append(wrong, fault)
		}
	}
	if now.Avatar != "" && now.Avatar != was.Avatar && now.LiveChat == "" {
		wrong = append(wrong, &chatadmin.FieldError{Field: "avatar", Value: chatadmin.Cut(now.Avatar), Code: CodeNoLiveChat,
			Reason: "an avatar is shown in the live chat alone: link an account of the live chat first"})
	}
	return wrong
}

// most is how many bytes the value of a key may have.
func most(key string) int {
	if strings.HasPrefix(key, suffixKey) {
		return mostSuffix
	}
	return mostValue
}

func tooLong(key string) texts.Message { return texts.NewMessage("why.at_most_bytes", most(key)) }

// checkValue says what is wrong with the value of one key, which it brings into
// its canonical form.
func (p *Preferences) checkValue(set *chatadmin.Settings, key string, now *Values) (code, reason string) {
	value := now.Get(key)
	switch {
	case len(value) > most(key):
		return chatadmin.CodeTooLong, tooLong(key).Text
	case !graphic(value):
		return chatadmin.CodeBadText, "this has control or invisible characters, or is not valid text"
	}
	switch key {
	case "language":
		return p.checkLanguage(now)
	case "landing":
		return p.checkLanding(set, value)
	case "availability":
		if word, ok := otherWords[strings.ToLower(value)]; ok {
			now.Availability = word
		}
		return among(availabilities[1:], &now.Availability)
	case "notify_assigned":
		return among(switches[1:], &now.NotifyAssigned)
	case "notify_unpublished":
		return among(switches[1:], &now.NotifyUnpublished)
	case "forward":
		return among(p.forwards(), &now.Forward)
	}
	if m, platform := now.platform(key); m != nil && !slices.Contains(p.o.Platforms, platform) {
		return CodeBadPlatform, "there is no such platform: choose " + list(p.o.Platforms)
	}
	return "", ""
}

// graphic reports whether a text is valid and a person can see all of it.
func graphic(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return r == utf8.RuneError || !unicode.IsGraphic(r) && !unicode.Is(unicode.Join_Control, r)
	})
}

// otherWords are taken for an availability as well. Files have manual for None:
// there a cell with "none" is a blank one.
var otherWords = map[string]Availability{manual: None, "online and available for live chat": OnlineLiveChat}

const manual = "manual"

// among takes one of a few words, whatever their case.
func among[T ~string](all []T, value *T) (code, reason string) {
	if word := T(strings.ToLower(string(*value))); slices.Contains(all, word) {
		*value = word
		return "", ""
	}
	return CodeBadChoice, "choose " + list(all)
}

// forwards are the ways of forwarding that the program has.
func (p *Preferences) forwards() []Forward {
	if p.o.NoReply == "" {
		return []Forward{CanRespond, OwnClient}
	}
	return forwards[1:]
}

// list writes values as "a, b or c".
func list[T ~string](all []T) string {
	texts := make([]string, len(all))
	for i, v := range all {
		texts[i] = string(v)
	}
	if len(texts) < 2 {
		return strings.Join(texts, "")
	}
	return strings.Join(texts[:len(texts)-1], ", ") + " or " + texts[len(texts)-1]
}

// checkLanguage takes a tag of one of the interface's languages, such as "de-CH",
// and writes it as BCP 47 does.
func (p *Preferences) checkLanguage(v *Values) (code, reason string) {
	tag, err := language.Parse(v.Language)
	if err != nil || p.spoken(tag) < 0 {
		names := make([]string, len(p.o.Languages))
		for i, t := range p.o.Languages {
			names[i] = t.String()
		}
		return CodeBadLanguage, "the interface does not speak this language: choose " + list(names)
	}
	v.Language = tag.String()
	return "", ""
}

// spoken is the number of the language of the interface that a tag means; -1 if
// there is none.
func (p *Preferences) spoken(tag language.Tag) int {
	base, confidence := tag.Base()
	if confidence == language.No {
		return -1
	}
	_, i, confidence := p.matcher.Match(tag)
	if its, _ := p.o.Languages[i].Base(); confidence == language.No || its != base {
		return -1
	}
	return i
}

// Speaks returns the language of the interface in which a user with these values
// reads: the one that they prefer, or the first of Options.Languages.
func (p *Preferences) Speaks(v *Values) language.Tag {
	if tag, err := language.Parse(v.Language); err == nil {
		if i := p.spoken(tag); i >= 0 {
			return p.o.Languages[i]
		}
	}
	return p.o.Languages[0]
}

// Page is a page of the product on which people can land after signing in.
type Page struct {
	Name string // such as "webcare"
	// Module is the module of chatadmin.Settings.Modules that the page belongs
	// to; "" is every domain's.
	Module string
}

// Languages are those of the interface, as Options.Languages has them.
func (p *Preferences) Languages() []language.Tag { return slices.Clone(p.o.Languages) }

// Pages are the pages that the domain has.
func (p *Preferences) Pages(set *chatadmin.Settings) []Page {
	return slices.DeleteFunc(slices.Clone(p.o.Pages), func(page Page) bool {
		return page.Module != "" && !slices.Contains(set.Modules, page.Module)
	})
}

func (p *Preferences) checkLanding(set *chatadmin.Settings, landing string) (code, reason string) {
	var names []string
	for _, page := range p.Pages(set) {
		if page.Name == landing {
			return "", ""
		}
		names = append(names, page.Name)
	}
	if len(names) == 0 {
		return CodeBadLanding, "there is no page to choose in this domain"
	}
	return CodeBadLanding, "this domain has no such page: choose " + list(names)
}

// Lands returns the page on which a user with these values lands. If it is of a
// module that the domain has no longer, it is the page of the domain's defaults,
// and if that is gone too, the first page that the domain has; "" if there is
// none.
func (p *Preferences) Lands(set *chatadmin.Settings, v *Values) string {
	pages := p.Pages(set)
	domain, _ := policyOf(set) // one that cannot be read decides nothing
	for _, landing := range []string{v.Landing, domain.Defaults.Landing} {
		if slices.ContainsFunc(pages, func(page Page) bool { return page.Name == landing }) {
			return landing
		}
	}
	if len(pages) == 0 {
		return ""
	}
	return pages[0].Name
}
