// Package formula keeps cells of a CSV file from being run as formulas by a
// spreadsheet.
//
// A spreadsheet may split a line elsewhere than the program that wrote it:
// Excel separates by semicolons in many countries, whatever the file has. Hence
// each part of a cell between two separators counts as a cell of its own.
package formula

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Guard puts an apostrophe before each part of a cell that a spreadsheet would
// run: one that begins, behind spaces and quotes, with = + - @ or their
// full-width or small forms. Parts end at a comma, a semicolon, a tab, a bar or
// a line break; a cell that begins with a tab or a line break is guarded, too.
// A part that already looks guarded gets one more apostrophe, so that Unguard
// gives back every cell as it was.
func Guard(s string) string {
	if !suspicious(s) {
		return s
	}
	var b strings.Builder
	eachPart(s, func(part string, risky bool) {
		if risky {
			b.WriteByte('\'')
		}
		b.WriteString(part)
	})
	return b.String()
}

// Unguard takes off what Guard has put on.
func Unguard(s string) string {
	if strings.IndexByte(s, '\'') < 0 || !suspicious(s) {
		return s
	}
	var b strings.Builder
	eachPart(s, func(part string, risky bool) {
		if risky && part[0] == '\'' {
			part = part[1:]
		}
		b.WriteString(part)
	})
	return b.String()
}

// Guarded reports whether a cell begins with a guard.
func Guarded(s string) bool {
	if s == "" || s[0] != '\'' {
		return false
	}
	guarded, first := false, true
	eachPart(s, func(_ string, risky bool) {
		if first {
			guarded, first = risky, false
		}
	})
	return guarded
}

// separators are at most one byte each: where a part ends, in one program or
// another.
const separators = ",;\t|\r\n\v\f"

// suspicious reports whether a cell may have a part that runs, at first glance.
func suspicious(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c == '=' || c == '+' || c == '-' || c == '@' || c == '\t' || c == '\r' || c == '\n' || c == 0xef:
			return true
		}
	}
	return false
}

// eachPart goes through the parts of a cell, each with the separator before it
// in a call of its own.
func eachPart(s string, f func(part string, risky bool)) {
	for first := true; ; first = false {
		n := strings.IndexAny(s, separators)
		part := s
		if n >= 0 {
			part = s[:n]
		}
		if part != "" || first {
			f(part, runs(part) || first && n >= 0 && strings.IndexByte("\t\r\n", s[n]) >= 0 && strings.TrimLeftFunc(part, passed) == "")
		}
		if n < 0 {
			return
		}
		f(s[n:n+1], false)
		s = s[n+1:]
	}
}

// runs reports whether a part would be run. Apostrophes before it do not count,
// since a guard is one.
func runs(part string) bool {
	r, _ := utf8.DecodeRuneInString(strings.TrimLeftFunc(part, passed))
	switch r {
	case '=', '+', '-', '@', '＝', '＋', '－', '＠', '﹦', '﹢', '﹣', '﹫':
		return true
	}
	return false
}

// passed reports whether a spreadsheet may look behind a character for what the
// cell begins with.
func passed(r rune) bool {
	switch {
	case r == '\'' || r == '"' || r == ' ':
		return true
	case r < ' ':
		return true
	case r < utf8.RuneSelf:
		return false
	}
	return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) || unicode.IsControl(r)
}
