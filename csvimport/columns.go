package csvimport

import (
	"fmt"
	"slices"
	"strings"

	"chatadmin.example/sdk/chatadmin"
)

// column is what a column of the file means. The numbers are kept in what became
// of the rows of an import: new ones are added at the end.
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
	columns // how many there are
)

// titles are the headings of the import format, as exports write them.
var titles = [columns]string{"name", "firstname", "lastname", "login", "email", "title", "mobile", "manager", "Enabled", "role", "department", "kind"}

// emailLogin is the heading of the column that is login and e-mail address in one.
const emailLogin = "email/login"

// Meanings that Options.Columns and Options.Aliases give a heading, beside those
// of the import format.
const (
	meansBlocked = "blocked" // the opposite of Enabled
	meansNothing = "-"       // the column is not read
)

// header says which column of the file means what: the file's column number of each meaning, or -1.
type header struct {
	at       [columns]int
	names    []string // of the file
	oneLogin bool     // login and e-mail are one column
	inverted bool     // Enabled is said the other way round
	status   bool     // Enabled is a status, which may have the words of other systems
	overview bool     // the file is an overview that Export has written
	unknown  []string
	losers   []loser
}

// loser is a column that means the same as another one, and is not read.
type loser struct{ name, winner string }

func (h *header) has(c column) bool { return h.at[c] >= 0 }

// title is the heading of a column as the file spells it.
func (h *header) title(c column) string {
	if i := h.at[c]; i >= 0 && i < len(h.names) {
		return h.names[i]
	}
	return titles[c]
}

// readHeader gives every heading its meaning under the login rules of the domain
// and what the administrator and the host have said of them.
func readHeader(names []string, login chatadmin.LoginPolicy, set settings) (*header, error) {
	h := &header{oneLogin: login.IsEmail}
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
			return nil, fileError("double_column", fmt.Sprintf("the columns %q and %q mean the same (%s): keep one of them", chatadmin.Cut(h.names[at]), chatadmin.Cut(name), titles[m.col]))
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
		m, ok := fieldMeaning(field, h.oneLogin)
		found := slices.IndexFunc(h.names, func(name string) bool { return name == tidyHeading(heading) })
		if found < 0 {
			found = slices.IndexFunc(h.names, func(name string) bool { return headingKey(name) == headingKey(heading) })
		}
		switch {
		case !ok:
			return nil, fileError("bad_mapping", fmt.Sprintf("there is no field %q for the column %q", chatadmin.Cut(field), chatadmin.Cut(heading)))
		case found < 0:
			return nil, fileError("bad_mapping", fmt.Sprintf("there is no column %q; the file has %s", chatadmin.Cut(heading), h.found()))
		}
		m.rank = -1
		all[found] = m
	}
	return all, nil
}

// fieldMeaning is what the name of a field in Options.Columns means.
func fieldMeaning(field string, oneLogin bool) (meaning, bool) {
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
			if c == colEmail && oneLogin {
				c = colLogin
			}
			return meaning{col: c}, true
		}
	}
	return meaning{}, false
}

// meaning is that of a column of the file. ignored says that it is not to be read,
// and that everybody knows.
func (h *header) meaning(i int, given map[int]meaning, aliases map[string]string) (m meaning, ok, ignored bool) {
	if m, ok = given[i]; !ok {
		for alias, field := range aliases {
			if headingKey(alias) == headingKey(h.names[i]) {
				m, ok = fieldMeaning(field, h.oneLogin)
				break
			}
		}
	}
	if ok {
		return m, m.col < columns, m.col == columns
	}
	m, ok = mean(h.names[i], h.oneLogin)
	return m, ok, false
}

// partsOfNames settles what words for names mean beside each other: "Nom" beside
// "Prénom", "Name" beside "Vorname" and "Nombre" beside "Apellidos" are one part of
// the name, and all of it where they stand alone.
func (h *header) partsOfNames(keys map[column]string) {
	move := func(key string, to column) {
		for i, name := range h.names {
			if headingKey(name) == key && !h.has(to) && !slices.Contains(h.at[:], i) {
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

// found lists the headings of the file for a message.
func (h *header) found() string {
	var b strings.Builder
	for i, name := range h.names {
		if b.Len() > 150 {
			fmt.Fprintf(&b, " and %d more", len(h.names)-i)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%q", chatadmin.Cut(name))
	}
	return b.String()
}

// check refuses a header without a login, and one with a status that is not
// understood.
func (h *header) check(names []string) error {
	data := slices.ContainsFunc(names, func(s string) bool { return chatadmin.CheckEmail(strings.TrimSpace(s)) == nil })
	known := slices.ContainsFunc(h.at[:], func(i int) bool { return i >= 0 })
	switch {
	case !h.has(colLogin) && data:
		return fileError("no_header", fmt.Sprintf("the first line must hold the headings, such as %q; this file begins with data: %s", strings.Join(h.example()[:5], ","), h.found()))
	case !known:
		return fileError("no_header", fmt.Sprintf("the first line must hold the headings, such as %q; none of these is known: %s", strings.Join(h.example()[:5], ","), h.found()))
	case !h.has(colLogin):
		text := fmt.Sprintf("the column %q is missing: it says which user a line is about; the headings are %s", h.example()[3], h.found())
		if near := h.nearest(); near != "" {
			text += fmt.Sprintf("; is %q meant?", chatadmin.Cut(near))
		}
		return fileError("missing_column", text)
	}
	if h.has(colEnabled) {
		return nil
	}
	for _, name := range h.unknown {
		if looksLikeStatus(name) {
			return fileError("status_column", fmt.Sprintf("the column %q may say who has access, and it is not known how: rename it to Enabled, or say what it means", chatadmin.Cut(name)))
		}
	}
	return nil
}

// nearest is the heading that is most like one of the login.
func (h *header) nearest() string {
	found, least := "", 3
	for _, name := range h.unknown {
		key := headingKey(name)
		for known := range ranks {
			if m, _ := meanKey(known, h.oneLogin); m.col != colLogin || len(known) < 4 {
				continue
			}
			if d := distance(key, known, least); d < least {
				found, least = name, d
			}
		}
	}
	return found
}

// distance is how many letters differ between two words, if fewer than most.
func distance(a, b string, most int) int {
	if len(a)-len(b) >= most || len(b)-len(a) >= most {
		return most
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			last, row[j+1] = row[j+1], min(last+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// warnings are those of the headings: one for each meaning that several columns
// have, and one for all that are not known.
func (h *header) warnings() []string {
	var w []string
	byWinner := map[string][]string{}
	var order []string
	for _, l := range h.losers {
		if byWinner[l.winner] == nil {
			order = append(order, l.winner)
		}
		byWinner[l.winner] = append(byWinner[l.winner], l.name)
	}
	for _, winner := range order {
		w = append(w, fmt.Sprintf("%s not read, since %q says the same", listed(byWinner[winner]), chatadmin.Cut(winner)))
	}
	if len(h.unknown) > 0 {
		w = append(w, listed(h.unknown)+" not known and not read")
	}
	return w
}

// listed names some columns, with the verb.
func listed(names []string) string {
	const most = 8
	var quoted []string
	for _, name := range names[:min(len(names), most)] {
		quoted = append(quoted, fmt.Sprintf("%q", chatadmin.Cut(name)))
	}
	switch n := len(names); {
	case n == 1:
		return "the column " + quoted[0] + " is"
	case n > most:
		return fmt.Sprintf("the columns %s and %d more are", strings.Join(quoted, ", "), n-most)
	}
	return "the columns " + strings.Join(quoted[:len(quoted)-1], ", ") + " and " + quoted[len(quoted)-1] + " are"
}

// example is the header line of the import format for this domain.
func (h *header) example() []string { return headings(h.oneLogin) }

func headings(oneLogin bool) []string {
	var names []string
	for c := range columns {
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
