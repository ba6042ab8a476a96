package csvimport

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"chatadmin.example/sdk/csvimport/internal/formula"
)

// mark is what was found in a cell beside its text.
type mark uint8

const (
	markDropped mark = 1 << iota // invisible characters were dropped
	markNull                     // a word that stands for nothing
	markRuined                   // a spreadsheet has ruined it: it is not stored
	markDamaged                  // text that was decoded twice
)

// cleaned is what a cell says: trimmed, in one line, without invisible
// characters, the quotes around it, and what keeps spreadsheets from running or
// changing it. A cell that begins with an apostrophe for such a reason is taken
// as it stands.
func cleaned(c column, cell string) (text string, m mark) {
	if cell = strings.TrimSpace(cell); plain(cell) {
		return unquoted(c, cell, 0)
	}
	return cleanedAll(c, cell)
}

// cleanedAll does the same for any trimmed cell.
func cleanedAll(c column, cell string) (text string, m mark) {
	literal := formula.Guarded(cell)
	text = formula.Unguard(cell)
	if !literal && strings.HasPrefix(text, "'") && special(c, strings.TrimLeft(text, "'")) {
		text, literal = text[1:], true
	}
	if !onOneLine(text) {
		visible := oneLine(text)
		if strings.ContainsFunc(text, func(r rune) bool { return dropInvisible(r) < 0 }) {
			m |= markDropped
		}
		text = visible
	}
	if c == colLogin || c == colEmail || c == colMobile || c == colManager {
		for _, joiner := range [...]string{"\u200c", "\u200d"} {
			if strings.Contains(text, joiner) {
				text, m = strings.ReplaceAll(text, joiner, ""), m|markDropped
			}
		}
	}
	text = strings.TrimSpace(text)
	if literal {
		return text, m
	}
	if inner := unwrapped(text); inner != text {
		text = strings.TrimSpace(inner)
	} else if text, m = unquoted(c, text, m); text == "" {
		return text, m
	}
	if decodedTwice(text) {
		m |= markDamaged
	}
	return text, m
}

// unquoted is what a text says that does not stand in quotes: nothing, if it is
// a word for that or was ruined.
func unquoted(c column, text string, m mark) (string, mark) {
	switch {
	case isNull(text):
		return "", m | markNull
	case isRuined(c, text):
		return "", m | markRuined
	}
	return text, m
}

// special reports whether a text that stands in a file as it is would be taken
// for something else.
func special(c column, text string) bool {
	return unwrapped(text) != text || isNull(text) || isRuined(c, text)
}

// escaped is how a text is written such that cleaned gives it back.
func escaped(c column, text string) string {
	guarded := formula.Guard(text)
	if !formula.Guarded(guarded) && special(c, strings.TrimLeft(text, "'")) {
		guarded = "'" + guarded
	}
	return guarded
}

// What bytes a text has, beside those of which nothing is to be taken off.
const (
	byteApostrophe uint8 = 1 << iota
	byteRisky            // a cell that begins with it may be a formula
	// A control or the like, or part of a character that is not ASCII
	byteOther
)

var byteKinds = func() (kinds [256]uint8) {
	for b := range kinds {
		switch {
		case b == '\'':
			kinds[b] = byteApostrophe
		case b == '=' || b == '+' || b == '-' || b == '@':
			kinds[b] = byteRisky
		case b < ' ' || b > '~':
			kinds[b] = byteOther
		}
	}
	return kinds
}()

// bytesOf says what kinds of bytes a text has.
func bytesOf(s string) (kinds uint8) {
	for i := range len(s) {
		kinds |= byteKinds[s[i]]
	}
	return kinds
}

// plain reports whether nothing is to be taken off a trimmed cell, as of nearly
// all: it has ASCII and single Latin letters alone, and nothing that guards a
// formula.
func plain(cell string) bool {
	if cell == "" {
		return true
	}
	kinds := bytesOf(cell)
	if kinds&byteOther != 0 && !onlyLetters(cell) || kinds&byteApostrophe != 0 && kinds&byteRisky != 0 {
		return false
	}
	return cell[0] != '=' && cell[0] != '\''
}

// onlyLetters reports whether what is not ASCII in a cell are letters from
// U+00C0 to U+023F, no two of them together: those could be text that was
// decoded twice.
func onlyLetters(cell string) bool {
	for i := 0; i < len(cell); i++ {
		switch c := cell[i]; {
		case c >= ' ' && c <= '~':
		case c < 0xc3 || c > 0xc8 || i+1 == len(cell) || cell[i+1] < 0x80 || cell[i+1] >= 0xc0:
			return false
		case i+2 < len(cell) && cell[i+2] >= utf8.RuneSelf:
			return false
		default:
			i++
		}
	}
	return true
}

// dropInvisible maps what nobody sees to nothing, and every line break and tab
// to a space. A joiner within an emoji or an Indic name is left.
func dropInvisible(r rune) rune {
	switch {
	case r >= ' ' && r < 0x7f:
		return r
	case r == '\t' || r == '\n' || r == '\r' || r == '\v' || r == '\f' || r == '\u0085' || r == '\u2028' || r == '\u2029':
		return ' '
	case r == '\u200c' || r == '\u200d':
		return r
	case unicode.Is(unicode.Cf, r):
		return -1
	}
	return r
}

// onOneLine reports whether oneLine would change nothing.
func onOneLine(s string) bool {
	for _, r := range s {
		if latin := r >= 0xa0 && r < 0x250 && r != 0xad; !latin && dropInvisible(r) != r {
			return false
		}
	}
	return true
}

// oneLine drops what is invisible, and makes one space of each line break or
// tab and the spaces around it.
func oneLine(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	broken := false
	for i, r := range s {
		to := dropInvisible(r)
		switch {
		case to < 0:
		case to != r:
			broken = true
		case r == utf8.RuneError:
			_, size := utf8.DecodeRuneInString(s[i:])
			b.WriteString(s[i : i+size]) // it is refused as no text later
		case r == ' ' && broken:
		default:
			if broken {
				text := strings.TrimRight(b.String(), " ")
				b.Reset()
				b.WriteString(text)
				b.WriteByte(' ')
				broken = false
			}
			b.WriteRune(r)
		}
	}
	return b.String()
}
