package csvimport

import (
	"encoding/csv"
	"fmt"
	"io"
	"strings"

	"github.com/gocarina/gocsv"

	"chatadmin.example/sdk/csvimport/internal/formula"
)

// row is one line of the file, decoded by gocsv.
type row struct {
	Name      string `csv:"name"`
	FirstName string `csv:"firstname"`
	LastName  string `csv:"lastname"`
	Login     string `csv:"login"`
	Email     string `csv:"email"`
	Title     string `csv:"title"`
	Mobile    string `csv:"mobile"`
	Manager   string `csv:"manager"`
	Enabled   string `csv:"enabled"`
	Role      string `csv:"role"`
}

func (r *row) cells() [columns]*string {
	return [columns]*string{&r.Name, &r.FirstName, &r.LastName, &r.Login, &r.Email, &r.Title, &r.Mobile, &r.Manager, &r.Enabled, &r.Role}
}

func (r *row) cell(c column) string { return *r.cells()[c] }

// clean trims the cells and takes off the guard that exports put before what a spreadsheet would run as a formula.
func (r *row) clean() {
	for _, cell := range r.cells() {
		*cell = strings.TrimSpace(*cell)
		*cell = formula.Unguard(*cell)
	}
}

// decoder turns records into rows. gocsv reads through a csv.Reader, which reads from feed the good records of a batch and nothing more: so a record that is broken
// never reaches gocsv, and the line numbers stay those of the file.
type decoder struct {
	feed feed
	rows *gocsv.Unmarshaller
}

// feed is a reader over some records. An empty one is at its end, until it is filled again.
type feed struct{ rest []byte }

func (f *feed) Read(p []byte) (int, error) {
	if len(f.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}

func newDecoder(h *header, width int) (*decoder, error) {
	names := make([]string, width)
	for i := range names {
		names[i] = fmt.Sprintf("_%d", i) // no field of row
	}
	for c, i := range h.at {
		if i >= 0 {
			names[i] = strings.ToLower(titles[c])
		}
	}
	d := &decoder{feed: feed{[]byte(strings.Join(names, ",") + "\n")}}
	r := csv.NewReader(&d.feed)
	r.ReuseRecord = true
	var err error
	if d.rows, err = gocsv.NewUnmarshaller(r, &row{}); err != nil {
		return nil, fmt.Errorf("decoding rows: %w", err)
	}
	return d, nil
}

// decode decodes the next record in canonical CSV.
func (d *decoder) decode() (*row, error) {
	v, err := d.rows.Read()
	if err != nil {
		return nil, err
	}
	r := v.(*row)
	r.clean()
	return r, nil
}
