package csvimport

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// pairs of quotes that stand around a whole value.
var pairs = []string{"“”", "„“", "„”", "””", "‟”", "″″", "«»", "»«", "‹›", "›‹", "‘’", "‚‘", "‚’"}

// unwrapped takes off a pair of typographic quotes around a whole value, and
// the ="…" that keeps a spreadsheet from reading a number.
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

// nullBegins are the first bytes of the words below.
var nullBegins = [256]bool{'N': true, 'n': true, '(': true, '<': true, '#': true, 'u': true, '-': true, 0xe2: true}

// isNull reports whether a cell holds nothing but what a program writes for
// nothing. Null, Nan and None are names of people as well, in the case that
// names have.
func isNull(s string) bool {
	if len(s) == 0 || len(s) > len("undefined") || !nullBegins[s[0]] {
		return false
	}
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

// isRuined reports whether a spreadsheet has put something else in the place of
// the value: an error, or a telephone number as a number of few digits.
func isRuined(c column, s string) bool {
	switch {
	case s == "":
		return false
	case s[0] == '#':
		return errorValue.MatchString(s)
	case c != colMobile:
		return false
	}
	for i := range len(s) {
		switch s[i] {
		case 'e', 'E', '.', ',':
			return exponential.MatchString(s) || floatingZero.MatchString(s)
		}
	}
	return false
}

// decodedTwice reports whether a text is what UTF-8 looks like when it is read
// as Windows-1252: "JosÃ©".
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
