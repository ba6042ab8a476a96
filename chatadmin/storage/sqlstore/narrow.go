package sqlstore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"chatadmin.example/sdk/chatadmin/storage"
)

// A list of users or groups, and a search of devices, is one of three, all in
// the same order and with the same cursors, so that each page may be another
// one:
//
//   - If one condition alone narrows the list, and an index has it in the order
//     of the list, the list is a part of that index.
//   - If a condition with an index holds for few rows, those are read by it,
//     sorted, and narrowed by the other conditions.
//   - Otherwise the list is looked through in its order, searchRows rows for
//     each page. Where no condition holds for few, many of them fit.

// fewRows is how many rows are read and sorted for one page.
const fewRows = 10000

// condition is one condition of a query, and what finds the rows for which it
// holds, if anything does: an index of the table, or another table.
type condition struct {
	where *query // without the domain
	index string // its name
	// whether the index has them in the usual order: users by login, groups by
	// name
	ordered bool
	// what selects their IDs from another table, in all domains
	find *query
}

// narrowed is a list that conditions narrow.
type narrowed struct {
	domain   storage.ID
	deleting bool // also what is being deleted
	order    []string
	desc     bool
	ordered  bool   // in the usual order, see condition
	prefix   string // of the first column of the order
}

// from begins the condition of a list. by is how the column of the prefix is
// read.
func (n narrowed) from(w *query, by string) *query {
	w.and(!n.deleting, "NOT deleting")
	if n.prefix != "" {
		w.add(" AND ").prefix(n.order[0]+by, n.prefix)
	}
	return w
}

// narrowedList is a page of a list.
func narrowedList[T any](ctx context.Context, r reader, t *table[T], n narrowed, all []condition, p storage.Page) ([]T, storage.Cursor, error) {
	l := listing{order: n.order, desc: n.desc}
	l.where = n.from(r.where("domain = ?", string(n.domain)), "")
	rest := all
	if i := slices.IndexFunc(all, func(c condition) bool { return c.ordered }); i >= 0 && n.ordered {
		l.where.add(" AND ").append(all[i].where)
		rest = slices.Delete(slices.Clone(all), i, i+1)
	}
	if len(rest) == 0 {
		return list(ctx, r, t, l, p)
	}
	// An index that has the list in its order is not sorted for conditions that
	// only narrow it.
	narrower := slices.ContainsFunc(rest, func(c condition) bool { return c.index != "" || c.find != nil })
	for i := 0; narrower && i < len(all); i++ {
		few, err := few(ctx, r, t, n.domain, &all[i])
		if err != nil {
			return nil, "", err
		}
		if few {
			return list(ctx, r, t, r.fewListed(n, l, all, i), p)
		}
	}
	l.search = func(w *query) {
		for _, c := range rest {
			w.add(" AND ").append(c.where)
		}
	}
	return list(ctx, r, t, l, p)
}

// few reports whether a condition holds for at most fewRows, as far as its
// index tells.
func few[T any](ctx context.Context, r reader, t *table[T], domain storage.ID, c *condition) (bool, error) {
	q := r.where("SELECT count(*) FROM (")
	switch {
	case c.find != nil:
		q.append(c.find)
	case c.index != "":
		q.add("SELECT 1 FROM "+t.from()+" WHERE domain = ? AND ", string(domain)).append(c.where)
	default:
		return false, nil
	}
	// a number in the text: a plan for any limit would be one for a few rows
	q.add(fmt.Sprintf(" LIMIT %d) c", fewRows+1))
	n, err := fetch(ctx, r, "listing "+t.what, q, func(n *int64) []any { return []any{n} })
	return err == nil && n[0] <= fewRows, err
}

// fewListed is the list that reads all rows of one condition, narrows them by
// the others, and sorts them.
func (r reader) fewListed(n narrowed, l listing, all []condition, by int) listing {
	c := &all[by]
	l.few = true
	l.where = r.where("domain = ?", string(n.domain))
	if c.find != nil {
		l.where = r.where("domain || '' = ? AND id IN (", string(n.domain)).append(c.find).add(")") // by no index of the domain
	}
	n.from(l.where, " || ''")
	for i := range all {
		if i != by || c.find == nil {
			l.where.add(" AND ").append(all[i].where)
		}
	}
	return l
}

// searched is a table that is searched by a part of a text.
type searched int

const (
	users searched = iota
	groups
	devices
)

// table is its name, and numbers and column those of the table that gives its
// rows the numbers of the index on SQLite.
func (t searched) table() string { return [...]string{"users", "groups", "devices"}[t] }

func (t searched) numbers() string {
	return [...]string{"user_numbers", "group_numbers", "device_numbers"}[t]
}

func (t searched) column() string { return [...]string{"usr", "grp", "device"}[t] }

// searchingFor is searching where there is a text.
func (r reader) searchingFor(ctx context.Context, t searched, text string) (search, error) {
	if text == "" {
		return search{}, nil
	}
	return r.searching(ctx, t)
}

// minSearch is the shortest text that an index of trigrams finds.
const minSearch = 3

// searched finds rows by a part of their text.
func (r reader) searched(t searched, text string, by search) condition {
	if r.s.d == SQLite {
		c := condition{where: r.where("instr(search, ?) > 0", text)}
		if by.index && utf8.RuneCountInString(text) >= minSearch {
			phrase := `"` + strings.ReplaceAll(text, `"`, `""`) + `"`
			c.find = r.where("SELECT m."+t.column()+" FROM {{p}}"+t.table()+"_search s JOIN {{p}}"+t.numbers()+" m ON m.n = s.rowid WHERE s.search MATCH ?", phrase)
		}
		return c
	}
	c := condition{where: r.where("strpos(search, ?) > 0", text)}
	if by.index && trigrams(text, by.letters) {
		pattern := strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text)
		c.where, c.index = r.where("search LIKE ?", "%"+pattern+"%"), t.table()+"_search"
	}
	return c
}

// trigrams reports whether pg_trgm finds a trigram in a text that may stand
// anywhere: three letters or digits in a row. In a database with the locale C
// it knows none beyond ASCII.
func trigrams(text string, letters bool) bool {
	run := 0
	for _, c := range text {
		if run++; !unicode.IsLetter(c) && !unicode.IsDigit(c) || c >= utf8.RuneSelf && !letters {
			run = 0
		}
		if run == minSearch {
			return true
		}
	}
	return false
}
