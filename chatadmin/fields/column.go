package fields

import (
	"context"
	"strings"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// columns are the declared fields as columns of CSV files, under their names.
func (f *Fields) columns() chatadmin.Columns {
	return chatadmin.Columns{
		Of: func(set *chatadmin.Settings) (all []chatadmin.Column) {
			p, _ := policyOf(set) // one that cannot be read declares nothing
			for _, field := range p.inUse() {
				all = append(all, chatadmin.Column{Name: field.Name})
			}
			return all
		},
		Reader: func(_ *chatadmin.Scope, set *chatadmin.Settings) chatadmin.ColumnReader {
			p, _ := policyOf(set)
			return &columnReader{p, p.inUse()}
		},
		Cells: func(set *chatadmin.Settings, u *chatadmin.User) []string {
			p, _ := policyOf(set)
			fields := p.inUse()
			cells := make([]string, len(fields))
			a, _ := chatadmin.AttributesOf(*u) // what cannot be read is exported as blank
			for i, field := range fields {
				cells[i] = a.Fields[field.Name]
			}
			return cells
		},
	}
}

type columnReader struct {
	policy policy
	fields []Field
}

// Look implements chatadmin.ColumnReader.
func (r *columnReader) Look(context.Context, storage.Reader, []chatadmin.ColumnRow) error { return nil }

// Accept implements chatadmin.ColumnReader.
func (r *columnReader) Accept() {}

// Set implements chatadmin.ColumnReader. It checks what the program's own
// columns have set under the name of a field, too.
func (r *columnReader) Set(row *chatadmin.ColumnRow, now *chatadmin.User) []*chatadmin.FieldError {
	was := chatadmin.User{}
	if row.Was != nil {
		was = *row.Was
	}
	given := false
	for _, cell := range row.Cells {
		given = given || cell != nil
	}
	if !given && string(was.Attrs) == string(now.Attrs) {
		return nil
	}
	bad := func(err error) []*chatadmin.FieldError {
		return []*chatadmin.FieldError{{Field: "fields", Code: chatadmin.Code(err), Reason: err.Error()}}
	}
	before, err := chatadmin.AttributesOf(was)
	if err != nil {
		return bad(err)
	}
	after, err := chatadmin.AttributesOf(*now)
	if err != nil {
		return bad(err)
	}
	for i, cell := range row.Cells {
		if cell != nil && i < len(r.fields) {
			after.Fields = with(after.Fields, r.fields[i].Name, *cell)
		}
	}
	wrong := r.policy.check(before.Fields, after.Fields)
	if err := chatadmin.SetAttributes(now, after); err != nil {
		return bad(err)
	}
	for _, f := range wrong {
		f.Field = strings.ReplaceAll(f.Field, " ", "_") // as columns are named
	}
	return wrong
}
