package sqlstore

import (
	"encoding/json"
	"strconv"
	"strings"

	"chatadmin.example/sdk/chatadmin/storage"
)

// Dialect is the kind of database.
type Dialect uint8

const (
	PostgreSQL Dialect = iota + 1
	SQLite
)

func (d Dialect) String() string {
	switch d {
	case PostgreSQL:
		return "postgresql"
	case SQLite:
		return "sqlite"
	}
	return "unknown dialect"
}

// query is a statement that is being put together, with "?" for placeholders and {{p}} for the prefix of the table names: Store.sql makes of it what the database understands.
type query struct {
	d    Dialect
	text strings.Builder
	args []any
}

// add appends text and the arguments of its placeholders.
func (q *query) add(text string, args ...any) *query {
	q.text.WriteString(text)
	q.args = append(q.args, args...)
	return q
}

// append appends another query.
func (q *query) append(other *query) *query { return q.add(other.text.String(), other.args...) }

// sql puts the prefix of the table names into a statement, and numbers its placeholders where the database wants that.
func (s *Store) sql(text string) string {
	text = strings.ReplaceAll(text, "{{p}}", s.prefix)
	if s.d == SQLite || !strings.Contains(text, "?") {
		return text
	}
	var b strings.Builder
	b.Grow(len(text) + 64)
	for n := 1; ; n++ {
		before, after, found := strings.Cut(text, "?")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(n))
		text = after
	}
}

// in appends "column is one of values", with the values as one array where the database has arrays.
func (q *query) in(column string, values []string) *query {
	switch {
	case len(values) == 1:
		return q.add(column+" = ?", values[0])
	case q.d == PostgreSQL:
		return q.add(column+" = ANY(?)", values)
	case len(values) == 0:
		return q.add("1 = 0")
	case len(values) > storage.MaxBatch: // a statement of SQLite has 32,766 parameters at most
		data, _ := json.Marshal(values) // strings cannot fail
		return q.add(column+" IN (SELECT value FROM json_each(?))", string(data))
	}
	args := make([]any, len(values))
	for i, v := range values {
		args[i] = v
	}
	return q.add(column+" IN (?"+strings.Repeat(",?", len(values)-1)+")", args...)
}

// values appends values as a source of rows, k with one column named value.
func (q *query) values(values []string) *query {
	if q.d == PostgreSQL {
		return q.add("unnest(?::text[]) AS k(value)", values)
	}
	data, _ := json.Marshal(values) // strings cannot fail
	return q.add("json_each(?) AS k", string(data))
}

// prefix appends "column begins with p", as a range that an index serves.
func (q *query) prefix(column, p string) *query {
	q.add(column+" >= ?", p)
	if end := after(p); end != "" {
		q.add(" AND "+column+" < ?", end)
	}
	return q
}

// after is the least string that is greater than every string which begins with p, or "" where there is none.
func after(p string) string {
	runes := []rune(p)
	for i := len(runes) - 1; i >= 0; i-- {
		switch r := runes[i]; {
		case r == 0x10FFFF:
		case r == 0xD7FF: // behind it lie the surrogates, which are no characters
			return string(append(runes[:i], 0xE000))
		default:
			return string(append(runes[:i], r+1))
		}
	}
	return ""
}

// greatest is the function that picks the greater of two.
func (d Dialect) greatest() string {
	if d == PostgreSQL {
		return "greatest"
	}
	return "max"
}

// lines is the aggregate that joins texts, one a line.
func (d Dialect) lines(column string) string {
	if d == PostgreSQL {
		return "string_agg(" + column + ", chr(10))"
	}
	return "group_concat(" + column + ", char(10))"
}
