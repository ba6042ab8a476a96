package sqlstore

import (
	"strings"
	"testing"
	"unicode/utf8"

	"chatadmin.example/sdk/chatadmin/storage"
)

// FuzzAfter: what begins with a prefix lies from the prefix up to the string after it, and nothing else does.
func FuzzAfter(f *testing.F) {
	for _, s := range []string{"", "a", "az", "a\U0010ffff", "\U0010ffff", "\ud7ff", "é%_", "\x00"} {
		f.Add(s, "b"+s)
		f.Add(s, s+"z")
	}
	f.Fuzz(func(t *testing.T, prefix, s string) {
		if !utf8.ValidString(prefix) || !utf8.ValidString(s) {
			return // no such string is stored
		}
		end := after(prefix)
		if !utf8.ValidString(end) {
			t.Fatalf("after %q lies %q", prefix, end)
		}
		within := s >= prefix && (end == "" || s < end)
		if within != strings.HasPrefix(s, prefix) {
			t.Fatalf("%q lies within [%q, %q): %v", s, prefix, end, within)
		}
	})
}

// FuzzCursor: a cursor that a client made up is an error or a place, and a place comes back as it was.
func FuzzCursor(f *testing.F) {
	f.Add("ann", int64(7), "")
	f.Add("\"\\<>&\u2028", int64(-1)<<62, "WyJhIl0")
	f.Add("", int64(1)<<62+1, "W10")
	f.Add("a\x00b", int64(1), "")
	l := listing{order: []string{"name", "at"}}
	f.Fuzz(func(t *testing.T, name string, at int64, made string) {
		_, _ = l.parse(storage.Cursor(made))
		if !utf8.ValidString(name) {
			return
		}
		values, err := l.parse(cursor([]any{name, at}))
		if strings.Contains(name, "\x00") { // no row has that, and PostgreSQL would not be asked for it
			if err == nil {
				t.Fatalf("%q came back as a place", name)
			}
			return
		}
		if err != nil || values[0] != name || values[1] != at {
			t.Fatalf("%q, %d came back as %v, %v", name, at, values, err)
		}
	})
}
