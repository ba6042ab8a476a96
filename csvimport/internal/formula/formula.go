// Package formula keeps cells of a CSV file from being run as formulas by a spreadsheet.
package formula

import "strings"

// Guard puts an apostrophe before a cell that a spreadsheet would run: one that begins with = + - @, a tab or a line break, or their full-width forms. A cell that already looks guarded
// gets one more, so that Unguard gives back every cell as it was.
func Guard(s string) string {
	if runs(strings.TrimLeft(s, "'")) {
		return "'" + s
	}
	return s
}

// Unguard takes off what Guard has put on.
func Unguard(s string) string {
	if strings.HasPrefix(s, "'") && runs(strings.TrimLeft(s, "'")) {
		return s[1:]
	}
	return s
}

func runs(s string) bool {
	if s == "" {
		return false
	}
	return strings.IndexByte("=+-@\t\r\n", s[0]) >= 0 || strings.HasPrefix(s, "＝") || strings.HasPrefix(s, "＋") || strings.HasPrefix(s, "－") || strings.HasPrefix(s, "＠")
}
