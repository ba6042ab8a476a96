package csvimport

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

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

// cleaned is what a cell says: trimmed, in one line, without invisible characters,
// the quotes around it, and what keeps spreadsheets from running or changing it. A
// cell that begins with an apostrophe for such a reason is taken as it stands.
func cleaned(c column, cell string) (text string, m mark) {
	cell = strings.TrimSpace(cell)
	if plain(cell) {
		return unquoted(c, cell, 0)
	}
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

// unquoted is what a text says that does not stand in quotes: nothing, if it is a
// word for that or was ruined.
func unquoted(c column, text string, m mark) (string, mark) {
	switch {
	case isNull(text):
		return "", m | markNull
	case isRuined(c, text):
		return "", m | markRuined
	}
	return text, m
}

// special reports whether a text that stands in a file as it is would be taken for
// something else.
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

// plain reports whether a cell is ASCII, without what is taken off a cell, as nearly
// all are.
func plain(cell string) bool {
	for i := range len(cell) {
		if c := cell[i]; c < ' ' || c > '~' || c == '\'' {
			return false
		}
	}
	return cell == "" || cell[0] != '='
}

// dropInvisible maps what nobody sees to nothing, and every line break and tab to
// a space. A joiner within an emoji or an Indic name is left.
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

// oneLine drops what is invisible, and makes one space of each line break or tab
// and the spaces around it.
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

// pairs of quotes that stand around a whole value.
var pairs = []string{"“”", "„“", "„”", "””", "‟”", "″″", "«»", "»«", "‹›", "›‹", "‘’", "‚‘", "‚’"}

// unwrapped takes off a pair of typographic quotes around a whole value, and the
// ="…" that keeps a spreadsheet from reading a number.
func unwrapped(s string) string {
	if rest, ok := strings.CutPrefix(s, `="`); ok {
		if inner, ok := strings.CutSuffix(rest, `"`); ok && !strings.Contains(inner, `"`) {
			return inner
		}
	}
	first, from := utf8.DecodeRuneInString(s)
	last, size := utf8.DecodeLastRuneInString(s)
	if first < 0xab || len(s) < from+size {
		return s
	}
	inner := s[from : len(s)-size]
	for _, p := range pairs {
		open, n := utf8.DecodeRuneInString(p)
		end, _ := utf8.DecodeRuneInString(p[n:])
		if first == open && last == end && !strings.ContainsRune(inner, open) && !strings.ContainsRune(inner, end) {
			return inner
		}
	}
	return s
}

// isNull reports whether a cell holds nothing but what a program writes for nothing.
// Null, Nan and None are names of people as well, in the case that names have.
func isNull(s string) bool {
	switch s {
	case "NULL", "null", "(null)", "<null>", "N/A", "n/a", "#N/A", "NaN", "nan", "NAN", "None", "none", "NONE", "nil", "NIL", "undefined", "-", "--", "–", "—":
		return true
	}
	return false
}

var (
	errorValue   = regexp.MustCompile(`^#(#{2,}|[\p{Lu}\d/]+[!?])$`)
	exponential  = regexp.MustCompile(`^[+-]?\d+([.,]\d+)?[eE][+-]?\d+$`)
	floatingZero = regexp.MustCompile(`^\d+[.,]0+$`)
)

// isRuined reports whether a spreadsheet has put something else in the place of the
// value: an error, or a telephone number as a number of few digits.
func isRuined(c column, s string) bool {
	if strings.HasPrefix(s, "#") && errorValue.MatchString(s) {
		return true
	}
	return c == colMobile && strings.ContainsAny(s, "eE.,") && (exponential.MatchString(s) || floatingZero.MatchString(s))
}

// decodedTwice reports whether a text is what UTF-8 looks like when it is read as
// Windows-1252: "JosÃ©".
func decodedTwice(s string) bool {
	lead, may := false, false // a lead byte, and one that follows it
	for _, r := range s {
		may = may || lead && r >= utf8.RuneSelf
		lead = r >= 0xc2 && r <= 0xf4
	}
	if !may {
		return false
	}
	bytes := make([]byte, 0, len(s))
	for _, r := range s {
		b, ok := charmap.Windows1252.EncodeRune(r)
		if !ok {
			if r < 0x80 || r > 0x9f { // the five bytes that it does not have are read as they are
				return false
			}
			b = byte(r)
		}
		bytes = append(bytes, b)
	}
	if !utf8.Valid(bytes) {
		return false
	}
	for _, r := range string(bytes) {
		if r >= utf8.RuneSelf && !unicode.IsPrint(r) {
			return false
		}
	}
	return len(bytes) > 0
}
