package csvimport

import (
	"fmt"
	"strings"

	"github.com/gocarina/gocsv"

	"chatadmin.example/sdk/csvimport/internal/formula"
)

// row is one line of the file, decoded by gocsv.
type row struct {
	Name, FirstName, LastName, Login, Email, Title, Mobile, Manager, Enabled, Role string
}

func (r *row) cells() [columns]*string {
	return [columns]*string{&r.Name, &r.FirstName, &r.LastName, &r.Login, &r.Email, &r.Title, &r.Mobile, &r.Manager, &r.Enabled, &r.Role}
}

func (r *row) cell(c column) string { return *r.cells()[c] }

// UnmarshalCSVWithFields takes one cell from gocsv. A type that has this method is spared the reflection that would cost more than reading the file.
func (r *row) UnmarshalCSVWithFields(key, value string) error {
	var cell *string
	switch key {
	case "name":
		cell = &r.Name
	case "firstname":
		cell = &r.FirstName
	case "lastname":
		cell = &r.LastName
	case "login":
		cell = &r.Login
	case "email":
		cell = &r.Email
	case "title":
		cell = &r.Title
	case "mobile":
		cell = &r.Mobile
	case "manager":
		cell = &r.Manager
	case "Enabled":
		cell = &r.Enabled
	case "role":
		cell = &r.Role
	default:
		return fmt.Errorf("column %q: %w", key, gocsv.ErrUnmatchedStructTags)
	}
	*cell = clean(value)
	return nil
}

// clean trims a cell and takes off the guard that exports put before what a spreadsheet would run as a formula.
func clean(cell string) string { return formula.Unguard(strings.TrimSpace(cell)) }

// decoder turns records into rows, a batch at a time.
type decoder struct {
	columns []int      // of the file: those that mean something
	records [][]string // the headings, and the records of the batch
	cells   []string   // of all records
	rows    []row
}

func newDecoder(h *header) *decoder {
	d := &decoder{rows: make([]row, batchRows)}
	var names []string
	for c, i := range h.at {
		if i >= 0 {
			names, d.columns = append(names, titles[c]), append(d.columns, i)
		}
	}
	d.records = [][]string{names}
	d.cells = make([]string, 0, batchRows*len(names))
	return d
}

// reset begins a batch.
func (d *decoder) reset() { d.records, d.cells = d.records[:1], d.cells[:0] }

// add adds a record to the batch. Its cells share one string, so that whoever keeps one of them keeps no more than its line.
func (d *decoder) add(fields [][]byte) {
	size := 0
	for _, i := range d.columns {
		size += len(fields[i])
	}
	var line strings.Builder
	line.Grow(size)
	for _, i := range d.columns {
		line.Write(fields[i])
	}
	rest, from := line.String(), len(d.cells)
	for _, i := range d.columns {
		n := len(fields[i])
		d.cells = append(d.cells, rest[:n])
		rest = rest[n:]
	}
	d.records = append(d.records, d.cells[from:])
}

// GetCSVRows is what gocsv asks.
func (d *decoder) GetCSVRows() ([][]string, error) { return d.records, nil }

// decode returns the rows of the batch, valid until the next one.
func (d *decoder) decode() ([]row, error) {
	if err := gocsv.UnmarshalDecoder(d, &d.rows); err != nil {
		return nil, fmt.Errorf("decoding rows: %w", err)
	}
	return d.rows[:len(d.records)-1], nil
}
