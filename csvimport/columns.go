package csvimport

import (
	"fmt"
	"slices"
	"strings"

	"chatadmin.example/sdk/chatadmin"
)

// column is what a column of the file means. The numbers are kept in what
// became of the rows of an import: new ones are added at the end.
type column uint8

const (
	colName column = iota
	colFirstName
	colLastName
	colLogin
	colEmail
	colTitle
	colMobile
	colManager
	colEnabled
	colRole
	colDepartment
	colKind
	colGroups
	colLanguage
	colNewLogin
	colNewEmail
	columns // how many there are

	// The host's own columns begin here.
	firstField column = 64
)

const (
	// mostFields is how many columns of its own a host has at most.
	mostFields = 32
	// lastField is behind the last column of hosts and packages.
	lastField = int(firstField) + mostFields + chatadmin.MaxColumns
)

// titles are the headings of the import format, as exports write them.
var titles = [columns]string{"name", "firstname", "lastname", "login", "email", "title", "mobile", "manager", "Enabled", "role", "department", "kind", "groups", "language", "new login", "new email"}

// emailLogin is the heading of the column that is login and e-mail address in
// one.
const emailLogin = "email/login"

// Meanings that Options.Columns and Options.Aliases give a heading, beside
// those of the import format.
const (
	meansBlocked = "blocked" // the opposite of Enabled
	meansNothing = "-"       // the column is not read
)

// header says which column of the file means what: the file's column number of
// each meaning, or -1.
type header struct {
	at       []int
	fields   []string // the host's own, and those of packages behind them
	hosts    int      // how many are the host's own
	added    []addedColumn
	names    []string // of the file
	oneLogin bool     // login and e-mail are one column
	inverted bool     // Enabled is said the other way round
	// Enabled is a status, which may have the words of other systems
	status   bool
	overview bool // the file is an overview that Export has written
	unknown  []string
	losers   []loser
}

// loser is a column that means the same as another one, and is not read.
type loser struct{ name, winner string }

func (h *header) has(c column) bool { return int(c) < len(h.at) && h.at[c] >= 0 }

// field is the name of a field, as Options.Columns has it.
func (h *header) field(c column) string {
	switch {
	case c == colLogin && h.oneLogin:
		return emailLogin
	case c < columns:
		return titles[c]
	case c >= firstField && int(c-firstField) < len(h.fields):
		return h.fields[c-firstField]
	}
	return ""
}

// oneColumn is the login's column for the e-mail address where both are one.
func oneColumn(c column, oneLogin bool) column {
	switch {
	case oneLogin && c == colEmail:
		return colLogin
	case oneLogin && c == colNewEmail:
		return colNewLogin
	}
	return c
}

// exported are the columns of the import format.
var exported = []column{colName, colFirstName, colLastName, colLogin, colEmail, colTitle, colMobile, colManager, colEnabled, colRole, colDepartment, colKind, colLanguage}

// title is the heading of a column as the file spells it.
func (h *header) title(c column) string {
	if int(c) < len(h.at) && h.at[c] >= 0 && h.at[c] < len(h.names) {
		return h.names[h.at[c]]
	}
	return h.field(c)
}

// readHeader gives every heading its meaning under the login rules of the
// domain and what the administrator and the host have said of them.
func readHeader(names []string, login chatadmin.LoginPolicy, set settings) (*header, error) {
	h := &header{oneLogin: login.IsEmail, fields: set.fieldNames(), hosts: len(set.Fields), added: set.Added, at: make([]int, columns)}
	if len(h.fields) > 0 {
		h.at = make([]int, int(firstField)+len(h.fields))
	}
	for _, name := range names {
		h.names = append(h.names, tidyHeading(name))
	}
	for c := range h.at {
		h.at[c] = -1
	}
	given, err := h.given(set.Columns)
	if err != nil {
		return nil, err
	}
	best := map[column]meaning{}
	keys := map[column]string{}
	for i, name := range h.names {
		if strings.HasPrefix(name, "_") {
			continue // a result of an earlier import
		}
		m, ok, ignored := h.meaning(i, given, set.Aliases)
		switch {
		case ignored:
			continue
		case !ok:
			if name != "" { // otherwise the line ends in separators
				h.unknown = append(h.unknown, name)
			}
			continue
		}
		at := h.at[m.col]
		if key := headingKey(name); at >= 0 && (keys[m.col] == key || m.rank < 0 && best[m.col].rank < 0) {
			return nil, fileError("double_column", fmt.Sprintf("the columns %q and %q mean the same (%s): keep one of them", chatadmin.Cut(h.names[at]), chatadmin.Cut(name), h.field(m.col)),
				"why.csv_double", chatadmin.Cut(h.names[at]), chatadmin.Cut(name))
		} else if at < 0 || m.rank < best[m.col].rank {
			if at >= 0 {
				h.losers = append(h.losers, loser{name: h.names[at], winner: name})
			}
			h.at[m.col], best[m.col], keys[m.col] = i, m, key
		} else {
			h.losers = append(h.losers, loser{name: name, winner: h.names[at]})
		}
	}
	h.partsOfNames(keys)
	h.inverted = best[colEnabled].inverted
	h.status = strings.Contains(keys[colEnabled], "stat") || keys[colEnabled] == "estado"
	h.overview = slices.ContainsFunc(h.unknown, func(s string) bool { return headingKey(s) == "tfaenabled" }) &&
		slices.ContainsFunc(h.unknown, func(s string) bool { return headingKey(s) == "rolelevel" })
	for i := range h.losers { // of three, the last winner
		if c, ok := mean(h.losers[i].name, h.oneLogin); ok && h.has(c.col) {
			h.losers[i].winner = h.title(c.col)
		}
	}
	return h, h.check(names)
}

// columns are those of the file that mean something.
func (h *header) columns() []int {
	var read []int
	for _, i := range h.at {
		if i >= 0 {
			read = append(read, i)
		}
	}
	return read
}

// tidyHeading is a heading in one line, without what nobody sees.
func tidyHeading(name string) string {
	return strings.Join(strings.Fields(strings.Map(dropInvisible, name)), " ")
}

// given finds the columns that the administrator has named.
func (h *header) given(by map[string]string) (map[int]meaning, error) {
	all := map[int]meaning{}
	for heading, field := range by {
		m, ok := fieldMeaning(field, h.oneLogin, h.fields)
		found := slices.IndexFunc(h.names, func(name string) bool { return name == tidyHeading(heading) })
		if found < 0 {
			found = slices.IndexFunc(h.names, func(name string) bool { return headingKey(name) == headingKey(heading) })
		}
		switch {
		case !ok:
			return nil, fileError("bad_mapping", fmt.Sprintf("there is no field %q for the column %q", chatadmin.Cut(field), chatadmin.Cut(heading)),
				"why.column_field", chatadmin.Cut(field), chatadmin.Cut(heading))
		case found < 0:
			return nil, fileError("bad_mapping", fmt.Sprintf("there is no column %q; the file has %s", chatadmin.Cut(heading), h.found()),
				"why.csv_column", chatadmin.Cut(heading), listed(h.names))
		}
		m.rank = -1
		all[found] = m
	}
	return all, nil
}

// fieldMeaning is what the name of a field in Options.Columns means.
func fieldMeaning(field string, oneLogin bool, fields []string) (meaning, bool) {
	f := strings.ToLower(strings.TrimSpace(field))
	switch f {
	case meansNothing:
		return meaning{col: columns}, true
	case meansBlocked:
		return meaning{col: colEnabled, inverted: true}, true
	case emailLogin:
		return meaning{col: colLogin}, true
	}
	for c := range columns {
		if f == strings.ToLower(titles[c]) {
			return meaning{col: oneColumn(c, oneLogin)}, true
		}
	}
	for i, name := range fields {
		if f == strings.ToLower(name) {
			return meaning{col: firstField + column(i)}, true
		}
	}
	return meaning{}, false
}

// meaning is that of a column of the file. ignored says that it is not to be
// read, and that everybody knows.
func (h *header) meaning(i int, given map[int]meaning, aliases map[string]string) (m meaning, ok, ignored bool) {
	if m, ok = given[i]; !ok {
		for alias, field := range aliases {
			if headingKey(alias) == headingKey(h.names[i]) {
				m, ok = fieldMeaning(field, h.oneLogin, h.fields)
				break
			}
		}
	}
	if ok {
		return m, m.col != columns, m.col == columns
	}
	for f, name := range h.fields[:h.hosts] {
		if headingKey(name) == headingKey(h.names[i]) {
			return meaning{col: firstField + column(f)}, true, false
		}
	}
	if m, ok = mean(h.names[i], h.oneLogin); !ok {
		m, ok = h.addedMeaning(h.names[i])
	}
	return m, ok, false
}

// partsOfNames settles what words for names mean beside each other: "Nom"
// beside "Prénom", "Name" beside "Vorname" and "Nombre" beside "Apellidos" are
// one part of the name, and all of it where they stand alone.
func (h *header) partsOfNames(keys map[column]string) {
	move := func(key string, to column) {
		for i, name := range h.names {
			if headingKey(name) == key && !h.has(to) && !slices.Contains(h.at, i) {
				h.at[to] = i
				h.unknown = slices.DeleteFunc(h.unknown, func(s string) bool { return s == name })
			}
		}
	}
	if h.has(colFirstName) {
		move("nom", colLastName)
	} else if h.has(colLastName) {
		move("nombre", colFirstName)
	}
	move("nom", colName)
	move("nombre", colName)
	if first := keys[colFirstName]; !h.has(colLastName) && (first == "vorname" || first == "prenom" || first == "voornaam") && (keys[colName] == "name" || keys[colName] == "naam") {
		h.at[colLastName], h.at[colName] = h.at[colName], -1
	}
}

// example is the header line of the import format for this domain.
func (h *header) example() []string { return headings(h.oneLogin) }

func headings(oneLogin bool) []string {
	var names []string
	for _, c := range exported {
		switch {
		case oneLogin && c == colLogin:
			names = append(names, emailLogin)
		case oneLogin && c == colEmail:
		default:
			names = append(names, titles[c])
		}
	}
	return names
}
