package csvimport

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/gocarina/gocsv"
)

// row is one line of the file, decoded by gocsv.
type row struct {
	Name, FirstName, LastName, Login, Email, Title, Mobile, Manager, Enabled, Role, Department, Kind string
	Groups, Language, NewLogin, NewEmail                                                             string

	marks  [columns]mark // what was found in the cells beside their text
	fields []cellText    // of the host's own columns
}

// cellText is what a cell says, and what was found beside it.
type cellText struct {
	text string
	mark mark
}

// set gives the row a cell of the file.
func (r *row) set(c column, cell string) {
	text, m := cleaned(c, cell)
	r.put(c, text, m)
}

// put gives the row a cell as it is.
func (r *row) put(c column, text string, m mark) {
	if c < firstField {
		*r.cell(c), r.marks[c] = text, m
		return
	}
	for len(r.fields) <= int(c-firstField) {
		r.fields = append(r.fields, cellText{})
	}
	r.fields[c-firstField] = cellText{text, m}
}

// clean cleans cells that were put as they are. plain says that nothing is to
// be taken off any of them but spaces.
func (r *row) clean(columns []column, plain bool) {
	for _, c := range columns {
		if c >= firstField {
			r.set(c, r.text(c))
			continue
		}
		cell := r.cell(c)
		if !plain || len(*cell) > 0 && (*cell)[0] == '=' {
			*cell, r.marks[c] = cleaned(c, *cell)
			continue
		}
		if n := len(*cell); n > 0 {
			if (*cell)[0] == ' ' || (*cell)[n-1] == ' ' {
				*cell = strings.TrimSpace(*cell)
				if strings.HasPrefix(*cell, "=") {
					*cell, r.marks[c] = cleaned(c, *cell)
					continue
				}
			}
			*cell, r.marks[c] = unquoted(c, *cell, 0)
		}
	}
}

// text is what the cell of a column says, of any column.
func (r *row) text(c column) string {
	switch {
	case c < columns:
		return *r.cell(c)
	case c >= firstField && int(c-firstField) < len(r.fields):
		return r.fields[c-firstField].text
	}
	return ""
}

// cell is that of a column.
func (r *row) cell(c column) *string {
	switch c {
	case colName:
		return &r.Name
	case colFirstName:
		return &r.FirstName
	case colLastName:
		return &r.LastName
	case colLogin:
		return &r.Login
	case colEmail:
		return &r.Email
	case colTitle:
		return &r.Title
	case colMobile:
		return &r.Mobile
	case colManager:
		return &r.Manager
	case colEnabled:
		return &r.Enabled
	case colDepartment:
		return &r.Department
	case colKind:
		return &r.Kind
	case colGroups:
		return &r.Groups
	case colLanguage:
		return &r.Language
	case colNewLogin:
		return &r.NewLogin
	case colNewEmail:
		return &r.NewEmail
	}
	return &r.Role
}

// line is what gocsv makes. It makes two for every line, hence the pointer.
type line struct{ Row *row }

// UnmarshalCSVWithFields takes one cell from gocsv. A type that has this method
// is spared the reflection that would cost more than reading the file.
func (l *line) UnmarshalCSVWithFields(key, value string) error {
	if l.Row == nil {
		l.Row = spareRows.Get().(*row)
	}
	c := 0
	for _, digit := range []byte(key) {
		c = c*10 + int(digit-'0')
	}
	if key == "" || len(key) > 3 || c < 0 || c >= lastField || c >= int(columns) && c < int(firstField) {
		return fmt.Errorf("column %q: %w", key, gocsv.ErrUnmatchedStructTags)
	}
	l.Row.put(column(c), value, 0)
	return nil
}

// spareRows are rows of batches that are done with.
var spareRows = sync.Pool{New: func() any { return &row{} }}

// decoder turns records into rows, a batch at a time.
type decoder struct {
	columns []int      // of the file: those that mean something
	means   []column   // what they mean
	plain   []bool     // of each record: its cells are plain, see row.clean
	records [][]string // the headings, and the records of the batch
	cells   []string   // of all records
	lines   []line
}

func newDecoder(h *header) *decoder {
	d := &decoder{lines: make([]line, batchRows)}
	var names []string
	for c, i := range h.at {
		// gocsv gets numbers for headings: a host that uses it as well may have
		// set how it normalises them
		if i >= 0 {
			names, d.columns, d.means = append(names, strconv.Itoa(c)), append(d.columns, i), append(d.means, column(c))
		}
	}
	d.records = [][]string{names}
	d.cells = make([]string, 0, batchRows*len(names))
	return d
}

// reset begins a batch.
func (d *decoder) reset() {
	for i := range min(len(d.records)-1, len(d.lines)) {
		if r := d.lines[i].Row; r != nil {
			*r = row{}
			spareRows.Put(r)
			d.lines[i].Row = nil
		}
	}
	d.records, d.cells, d.plain = d.records[:1], d.cells[:0], d.plain[:0]
}

// mostCell is how much of a cell is looked at: four times what fits anywhere,
// so that longer ones are found too long, and a thousand lines of them fit into
// memory.
const mostCell = 1024

// cut cuts a cell before a character.
func cut(cell []byte) []byte {
	if len(cell) > mostCell {
		cell = bytes.TrimSpace(cell)
	}
	if len(cell) <= mostCell {
		return cell
	}
	n := mostCell
	for n > 0 && !utf8.RuneStart(cell[n]) {
		n--
	}
	return cell[:n]
}

// add adds a record to the batch. Its cells share one string, so that whoever
// keeps one of them keeps no more than its line.
func (d *decoder) add(fields [][]byte) {
	size := 0
	for _, i := range d.columns {
		size += len(cut(fields[i]))
	}
	var line strings.Builder
	line.Grow(size)
	for _, i := range d.columns {
		line.Write(cut(fields[i]))
	}
	rest, from := line.String(), len(d.cells)
	d.plain = append(d.plain, bytesOf(rest)&^byteRisky == 0)
	for _, i := range d.columns {
		n := len(cut(fields[i]))
		d.cells = append(d.cells, rest[:n])
		rest = rest[n:]
	}
	d.records = append(d.records, d.cells[from:])
}

// GetCSVRows is what gocsv asks.
func (d *decoder) GetCSVRows() ([][]string, error) { return d.records, nil }

// decode returns the rows of the batch.
func (d *decoder) decode() ([]line, error) {
	if err := gocsv.UnmarshalDecoder(d, &d.lines); err != nil {
		return nil, fmt.Errorf("decoding rows: %w", err)
	}
	lines := d.lines[:len(d.records)-1]
	for i := range lines {
		lines[i].Row.clean(d.means, d.plain[i])
	}
	return lines, nil
}
