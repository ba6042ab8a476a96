package preferences

import (
	"context"
	"strings"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

// aliases are further headings of the columns, by their keys.
var aliases = map[string][]string{
	"landing":            {"landing page", "page after login", "startseite", "page d'accueil", "página de inicio", "startpagina"},
	"availability":       {"default availability", "availability setting"},
	"live_chat":          {"live chat account", "livechat"},
	"avatar":             {"profile picture"},
	"notify_assigned":    {"notification", "notifications"},
	"notify_unpublished": {"publishing notification"},
	"forward":            {"forwarding", "sending e-mail"},
}

// columnKeys are the keys of the columns: the column of the language belongs to
// the import format.
func (p *Preferences) columnKeys() []string { return p.Keys()[1:] }

// columns are the preferences as columns of CSV files.
func (p *Preferences) columns() chatadmin.Columns {
	has := func(set *chatadmin.Settings) bool { return set.Preset == chatadmin.Engage }
	return chatadmin.Columns{
		Of: func(set *chatadmin.Settings) (all []chatadmin.Column) {
			if !has(set) {
				return nil
			}
			for _, key := range p.columnKeys() {
				all = append(all, chatadmin.Column{Name: columnName.Replace(key), Aliases: aliases[key]})
			}
			return all
		},
		Reader: func(_ *chatadmin.Scope, set *chatadmin.Settings) chatadmin.ColumnReader { return &columnReader{p, set} },
		Cells: func(set *chatadmin.Settings, u *chatadmin.User) []string {
			if !has(set) {
				return nil
			}
			v, _ := decode(u) // what cannot be read is exported as blank
			keys := p.columnKeys()
			cells := make([]string, len(keys))
			for i, key := range keys {
				if cells[i] = v.Get(key); key == "availability" && v.Availability == None {
					cells[i] = manual
				}
			}
			return cells
		},
	}
}

var columnName = strings.NewReplacer(".", " ", "_", " ")

type columnReader struct {
	p   *Preferences
	set *chatadmin.Settings
}

// Look implements chatadmin.ColumnReader.
func (r *columnReader) Look(context.Context, storage.Reader, []chatadmin.ColumnRow) error { return nil }

// Accept implements chatadmin.ColumnReader.
func (r *columnReader) Accept() {}

// Set implements chatadmin.ColumnReader. The language, which now has already, is
// checked as well.
func (r *columnReader) Set(row *chatadmin.ColumnRow, now *chatadmin.User) []*chatadmin.FieldError {
	was := chatadmin.User{}
	if row.Was != nil {
		was = *row.Was
	}
	given := map[string]string{}
	for i, key := range r.p.columnKeys() {
		if i < len(row.Cells) && row.Cells[i] != nil {
			given[key] = *row.Cells[i]
		}
	}
	if len(given) == 0 && string(was.Attrs) == string(now.Attrs) {
		return nil
	}
	bad := func(err error) []*chatadmin.FieldError {
		return []*chatadmin.FieldError{{Field: name, Code: chatadmin.Code(err), Reason: err.Error()}}
	}
	before, err := decode(&was)
	if err != nil {
		return bad(err)
	}
	a, err := chatadmin.AttributesOf(*now)
	if err != nil {
		return bad(err)
	}
	after := before.clone()
	after.Language, after.Avatar = a.Language, a.Avatar
	for key, cell := range given {
		after.Set(key, cell)
	}
	if wrong := r.p.check(r.set, &before, &after); len(wrong) > 0 {
		for _, f := range wrong {
			f.Field = columnField.Replace(f.Field)
		}
		return wrong
	}
	if err := put(&a, after); err != nil {
		return bad(err)
	}
	if err := chatadmin.SetAttributes(now, a); err != nil {
		return bad(err)
	}
	return nil
}

var columnField = strings.NewReplacer(".", "_")
