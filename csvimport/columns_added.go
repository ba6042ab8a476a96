package csvimport

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// Packages add columns by chatadmin.Columns. In a file they come behind the
// host's own fields, so that one number names a field of either kind.

// addedColumn is a column of a package, as a plan and an import remember it.
type addedColumn struct {
	Name    string   `json:"name"`
	Aliases []string `json:"aliases,omitempty"`
}

// addedColumns are the columns that packages add to a domain, but for those
// that the import format or the host has already.
func addedColumns(admin *chatadmin.Admin, set *chatadmin.Settings, fields []string) []addedColumn {
	var all []addedColumn
	for _, p := range admin.Columns() {
		for _, c := range p.Of(set) {
			if _, taken := fieldMeaning(c.Name, false, fields); !taken && !slices.ContainsFunc(all, func(a addedColumn) bool { return a.Name == c.Name }) {
				all = append(all, addedColumn{c.Name, c.Aliases})
			}
		}
	}
	return all
}

// check refuses a column that no package can have added.
func (c *addedColumn) check() error {
	if headingKey(c.Name) == "" || len(c.Name) > mostField || len(c.Aliases) > 100 {
		return fmt.Errorf("a column without a usable name: %w", chatadmin.ErrInvalid)
	}
	return nil
}

// fieldNames are the names of the host's fields, and of those of packages.
func (s settings) fieldNames() []string {
	names := slices.Clone(s.Fields)
	for _, c := range s.Added {
		names = append(names, c.Name)
	}
	return names
}

// addedMeaning finds the column of a package under a heading.
func (h *header) addedMeaning(heading string) (meaning, bool) {
	_, inside := inBrackets(heading)
	keys := [...]string{headingKey(inside), headingKey(heading)}
	for i, c := range h.added {
		for rank, name := range append([]string{c.Name}, c.Aliases...) {
			if key := headingKey(name); key == keys[0] || key == keys[1] {
				return meaning{col: firstField + column(h.hosts+i), rank: rank + 1}, true
			}
		}
	}
	return meaning{}, false
}

// addedPart is what one package does with the rows of a file.
type addedPart struct {
	chatadmin.Columns
	reader chatadmin.ColumnReader
	at     []column              // of each of its columns; columns where the file cannot have it
	rows   []chatadmin.ColumnRow // of the batch
}

// begin makes readers of the packages' columns.
func (d *decider) begin(s *chatadmin.Scope) {
	d.parts = d.parts[:0]
	for _, p := range s.Admin().Columns() {
		cols := p.Of(&d.domain)
		if len(cols) == 0 {
			continue
		}
		part := addedPart{Columns: p, reader: p.Reader(s, &d.domain), at: make([]column, len(cols))}
		for i, c := range cols {
			part.at[i] = columns
			if n := slices.IndexFunc(d.header.added, func(a addedColumn) bool { return a.Name == c.Name }); n >= 0 {
				part.at[i] = firstField + column(d.header.hosts+n)
			}
		}
		d.parts = append(d.parts, part)
	}
}

// look lets the packages read what the rows of a batch need.
func (d *decider) look(ctx context.Context, r storage.Reader, rows []entry, view users) error {
	for i := range d.parts {
		p := &d.parts[i]
		p.rows = make([]chatadmin.ColumnRow, len(rows))
		for n := range rows {
			e := &rows[n]
			p.rows[n] = chatadmin.ColumnRow{Was: view.of(e), Invite: d.SendInvitations}
			if e.bad == nil {
				p.rows[n].Department = e.row.Department
				p.rows[n].Cells = d.addedCells(p, e.row, p.rows[n].Was)
			}
		}
		if err := p.reader.Look(ctx, r, p.rows); err != nil {
			return err
		}
	}
	return nil
}

// addedCells are the cells of a row that change something, in the columns of a
// package.
func (d *decider) addedCells(p *addedPart, r *row, is *chatadmin.User) []*string {
	cells := make([]*string, len(p.at))
	for i, c := range p.at {
		if !d.header.has(c) || r.fieldFault(c) != "" {
			continue
		}
		cell := r.field(c)
		switch {
		case cell.mark&(markRuined|markDamaged) != 0 && is != nil: // what is damaged overwrites nothing
		case cell.text != "" || d.ClearBlanks && is != nil:
			cells[i] = &cell.text
		}
	}
	return cells
}

// field is the cell of a field.
func (r *row) field(c column) cellText {
	if i := int(c) - int(firstField); i >= 0 && i < len(r.fields) {
		return r.fields[i]
	}
	return cellText{}
}

// fieldFault is the code of what is wrong with the text of a field, or "".
func (r *row) fieldFault(c column) string {
	switch text := r.field(c).text; {
	case len(text) > mostField:
		return chatadmin.CodeTooLong
	case !graphic(text):
		return chatadmin.CodeBadText
	}
	return ""
}

// failField fails a row for the text of a field.
func (v *verdict) failField(code string, c column) {
	reason := "this has control or invisible characters, or is not valid text"
	if code == chatadmin.CodeTooLong {
		reason = fmt.Sprintf("at most %d bytes fit here", mostField)
	}
	v.fail(code, c, reason)
}

// addedFields gives u what the row says in the columns of packages.
func (d *decider) addedFields(r *row, is, u *chatadmin.User, v *verdict) {
	for i := range d.parts {
		p := &d.parts[i]
		row := &p.rows[d.at]
		blanks := false
		for n, c := range p.at {
			if !d.header.has(c) {
				continue
			}
			if code := r.fieldFault(c); code != "" {
				v.failField(code, c)
			}
			blanks = blanks || row.Cells[n] == nil
		}
		if blanks && is != nil {
			for n, old := range p.Cells(&d.domain, is) {
				if n < len(p.at) && d.header.has(p.at[n]) && row.Cells[n] == nil && old != "" {
					v.blanks++
				}
			}
		}
		for _, f := range p.reader.Set(row, u) {
			v.fail(f.Code, d.columnOf(f.Field, v), f.Reason)
		}
	}
}

// accepted tells the packages that the row at hand is imported.
func (d *decider) accepted() {
	for i := range d.parts {
		d.parts[i].reader.Accept()
	}
}

// addedField finds the column of the host or of a package that a field came
// from.
func (h *header) addedField(field string) (column, bool) {
	for i, name := range h.fields {
		if field == strings.ReplaceAll(name, " ", "_") {
			return firstField + column(i), true
		}
	}
	return columns, false
}

// addedHead adds the columns of packages to those of an export.
func (e *exporter) addedHead(head []string) []string {
	for _, p := range e.scope.Admin().Columns() {
		cols := p.Of(&e.set)
		e.parts = append(e.parts, exportedPart{p, make([]bool, len(cols))})
		for i, c := range cols {
			if _, taken := fieldMeaning(c.Name, false, e.fields); !taken && !slices.Contains(head, c.Name) {
				e.parts[len(e.parts)-1].shown[i] = true
				// Behind the host's fields, as in a file.
				e.columns, head = append(e.columns, firstField+column(len(e.columns))), append(head, c.Name)
			}
		}
	}
	return head
}

// exportedPart is what one package adds to an export.
type exportedPart struct {
	chatadmin.Columns
	shown []bool
}

// addedCells are the cells of a user in the columns of packages.
func (e *exporter) addedCells(u *chatadmin.User) []string {
	var cells []string
	for _, p := range e.parts {
		values := p.Cells(&e.set, u)
		for i, shown := range p.shown {
			switch {
			case shown && i < len(values):
				cells = append(cells, values[i])
			case shown:
				cells = append(cells, "")
			}
		}
	}
	return cells
}
