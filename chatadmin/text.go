package chatadmin

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Fold makes the key under which logins and names are compared: trimmed, NFC,
// case-folded. Two spellings that a person takes for one have one key.
func Fold(s string) string {
	s = strings.TrimSpace(s)
	for i := 0; i < len(s); i++ {
		if c := s[i]; c >= utf8.RuneSelf || 'A' <= c && c <= 'Z' {
			return foldFrom(s, i)
		}
	}
	return s // most logins
}

// foldFrom folds a string that is folded up to i. It takes a short way, twenty
// times as fast, for Latin letters without separate accents: they are NFC, and
// folding is lower-casing one by one.
func foldFrom(s string, i int) string {
	var short [64]byte
	folded := append(short[:0], s[:i]...)
	for _, r := range s[i:] {
		switch r {
		case 'µ', 'ß', 'İ', 'ŉ', 'ſ', 'ǰ', utf8.RuneError: // these fold to something else
		default:
			if r < 0x250 {
				folded = utf8.AppendRune(folded, unicode.ToLower(r))
				continue
			}
		}
		// Folding can leave a string that is not normalised any more, hence
		// twice.
		return norm.NFC.String(cases.Fold().String(norm.NFC.String(s)))
	}
	return string(folded)
}

// Cut shortens a value for an error or a report: at most 64 bytes, on one line,
// with "…" where something is missing.
func Cut(s string) string {
	const most = 64
	cut := s
	if len(cut) > most {
		cut = cut[:most]
		for len(cut) > most-utf8.UTFMax && !utf8.ValidString(cut) {
			cut = cut[:len(cut)-1]
		}
	}
	cut = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(cut, "\uFFFD"))
	if len(s) > most {
		cut += "…"
	}
	return cut
}

// visible reports whether s is valid UTF-8 of which a person sees every
// character: no control, no format character (zero-width, direction) and
// nothing unassigned, so that no two values look alike but differ.
func visible(s string) bool {
	// unicode.IsGraphic leaves out Cc, Cf, Cs, Co and Cn. A joiner inside an
	// emoji or an Indic name is a Cf that people type.
	return eachRune(s, func(r rune) bool { return unicode.IsGraphic(r) || unicode.Is(unicode.Join_Control, r) })
}

// distinct is visible for what tells users apart: neither joiners and the like,
// which names may have, nor any space but the ordinary one.
func distinct(s string) bool {
	return eachRune(s, func(r rune) bool {
		return unicode.IsPrint(r) && !unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
	})
}

// eachRune reports whether s is valid UTF-8 of which each character is good, as
// ' ' to '~' are. The replacement character never is: it stands where text was
// lost.
func eachRune(s string, good func(rune) bool) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c-' ' >= 0x7f-' ' {
			return c >= utf8.RuneSelf && utf8.ValidString(s[i:]) && !strings.ContainsFunc(s[i:], func(r rune) bool { return r == utf8.RuneError || !good(r) })
		}
	}
	return true
}
