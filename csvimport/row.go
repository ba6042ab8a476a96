package csvimport

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gocarina/gocsv"
)

// row is one line of the file, decoded by gocsv.
type row struct {
	Name, FirstName, LastName, Login, Email, Title, Mobile, Manager, Enabled, Role, Department, Kind string

	marks [columns]mark // what was found in the cells beside their text
}

// set gives the row a cell of the file.
func (r *row) set(c column, cell string) {
	text, m := cleaned(c, cell)
	*r.cell(c), r.marks[c] = text, m
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
	}
	return &r.Role
}

// line is what gocsv makes. It makes two for every line, hence the pointer.
type line struct{ Row *row }

// UnmarshalCSVWithFields takes one cell from gocsv. A type that has this method is spared the reflection that would cost more than reading the file.
func (l *line) UnmarshalCSVWithFields(key, value string) error {
	if l.Row == nil {
		l.Row = &row{}
	}
	c := 0
	for _, digit := range []byte(key) {
		c = c*10 + int(digit-'0')
	}
	if key == "" || len(key) > 2 || c < 0 || c >= int(columns) {
		return fmt.Errorf("column %q: %w", key, gocsv.ErrUnmatchedStructTags)
	}
	l.Row.set(column(c), value)
	return nil
}

// decoder turns records into rows, a batch at a time.
type decoder struct {
	columns []int      // of the file: those that mean something
	records [][]string // the headings, and the records of the batch
	cells   []string   // of all records
	lines   []line
}

func newDecoder(h *header) *decoder {
	d := &decoder{lines: make([]line, batchRows)}
	var names []string
	for c, i := range h.at {
		if i >= 0 { // gocsv gets numbers for headings: a host that uses it as well may have set how it normalises them
			names, d.columns = append(names, strconv.Itoa(c)), append(d.columns, i)
		}
	}
	d.records = [][]string{names}
	d.cells = make([]string, 0, batchRows*len(names))
	return d
}

// reset begins a batch.
func (d *decoder) reset() { d.records, d.cells = d.records[:1], d.cells[:0] }

// mostCell is how much of a cell is looked at: four times what fits anywhere, so that longer ones are found too long, and a thousand lines of them fit into memory.
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

// add adds a record to the batch. Its cells share one string, so that whoever keeps one of them keeps no more than its line.
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
	return d.lines[:len(d.records)-1], nil
}
