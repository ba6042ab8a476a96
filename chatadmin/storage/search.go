package storage

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// SearchText is what UserQuery.Search looks through: name, login and e-mail
// address, each folded by FoldSearch, on lines of their own. An address that is
// the login stands there once. A store may keep the text in a column of its
// own, to index it.
func (u *User) SearchText() string {
	text := FoldSearch(u.NameKey)
	for _, s := range [...]string{u.LoginKey, u.Email} {
		if s == "" {
			continue
		}
		if s = FoldSearch(s); s != "" && !strings.HasSuffix("\n"+text, "\n"+s) {
			text += "\n" + s
		}
	}
	return text
}

// SearchText is what GroupQuery.Search looks through: the name, folded by
// FoldSearch.
func (g *Group) SearchText() string { return FoldSearch(g.NameKey) }

// SearchText is what DeviceQuery.Search looks through: name and client device
// id, each folded by FoldSearch, on lines of their own. An id that is the name
// stands there once.
func (d *Device) SearchText() string {
	name, key := FoldSearch(d.Name), FoldSearch(d.Key)
	if name == "" || name == key {
		return key
	}
	return name + "\n" + key
}

// FoldSearch folds what is searched for, and what is searched. Case, accents,
// compatibility forms and the number of spaces do not matter: "ＪＯＳÉ  Łuk" is
// "jose luk". Folding twice changes nothing.
func FoldSearch(s string) string {
	if plain(s) {
		return s // most logins and addresses
	}
	s = norm.NFKD.String(cases.Fold().String(norm.NFKD.String(s)))
	var b strings.Builder
	b.Grow(len(s))
	space := false
	for _, r := range s {
		switch {
		case unicode.IsSpace(r) || unicode.IsControl(r):
			space = true
			continue
		case '\u0300' <= r && r <= '\u036f': // the accents of Latin, Greek and Cyrillic
			continue
		}
		if space && b.Len() > 0 {
			b.WriteByte(' ')
		}
		space = false
		if to, ok := letters[r]; ok {
			b.WriteString(to)
		} else {
			b.WriteRune(r)
		}
	}
	return norm.NFC.String(b.String())
}

// letters are those that people type without their stroke or ligature, and that
// Unicode does not take apart.
var letters = map[rune]string{'ł': "l", 'ø': "o", 'đ': "d", 'ħ': "h", 'ŧ': "t", 'ı': "i", 'æ': "ae", 'œ': "oe", 'ð': "d", 'þ': "th"}

// plain reports whether a text is folded, as far as that can be seen at once.
func plain(s string) bool {
	last := byte(' ')
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= utf8.RuneSelf || c < ' ' || c == 0x7f || 'A' <= c && c <= 'Z' || c == ' ' && last == ' ' {
			return false
		}
		last = c
	}
	return len(s) == 0 || last != ' '
}
