package csvimport

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"

	"chatadmin.example/sdk/chatadmin"
)

// What a file says of a user beside the columns of the store, the preferred
// language and the host's own fields, is kept in the user's attributes.

const (
	mostField     = 250 // bytes of a value
	mostFieldName = 64  // bytes of a name
)

// checkFields refuses names of the host's fields that cannot be told from those
// of the import format.
func checkFields(names []string) error {
	if len(names) > mostFields {
		return fmt.Errorf("%d fields are declared, at most %d can be: %w", len(names), mostFields, chatadmin.ErrInvalid)
	}
	seen := map[string]bool{}
	for _, name := range names {
		_, taken := fieldMeaning(name, false, nil)
		key := headingKey(name)
		switch {
		case key == "" || len(name) > mostFieldName || strings.HasPrefix(name, "_") || !graphic(name):
			return fmt.Errorf("the field %q has no usable name: give 1 to %d bytes with a letter: %w", chatadmin.Cut(name), mostFieldName, chatadmin.ErrInvalid)
		case taken:
			return fmt.Errorf("the field %q is one of the import format: choose another name: %w", chatadmin.Cut(name), chatadmin.ErrInvalid)
		case seen[key]:
			return fmt.Errorf("the field %q is declared twice: %w", chatadmin.Cut(name), chatadmin.ErrInvalid)
		}
		seen[key] = true
	}
	return nil
}

// graphic reports whether a text is valid and a person can see all of it.
func graphic(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return r == utf8.RuneError || !unicode.IsGraphic(r) && !unicode.Is(unicode.Join_Control, r)
	})
}

// hasAttributes reports whether the file has a column that is kept in the
// attributes.
func (h *header) hasAttributes() bool { return h.has(colLanguage) || h.hosts > 0 }

// attributes gives u what the row says of language and fields.
func (d *decider) attributes(r *row, u *chatadmin.User, v *verdict) {
	if !d.header.hasAttributes() {
		return
	}
	a, err := chatadmin.AttributesOf(*u)
	if err != nil {
		v.fail(CodeUnreadable, colLogin, "")
		return
	}
	changed := false
	if d.header.has(colLanguage) {
		tag := languageTag(r.Language)
		if tag == "" && r.Language != "" {
			v.warn(CodeBadLanguage, colLanguage)
		} else if value, set := d.attribute(tag, r.marks[colLanguage], a.Language, v); set {
			a.Language, changed = value, true
		}
	}
	was := a.Fields
	for i, name := range d.header.fields[:d.header.hosts] {
		value, set := d.hostField(r, i, was[name], v)
		if !set {
			continue
		}
		if a.Fields = maps.Clone(a.Fields); a.Fields == nil {
			a.Fields = map[string]string{}
		}
		if a.Fields[name] = value; value == "" {
			delete(a.Fields, name)
		}
		changed = true
	}
	if changed {
		if err := chatadmin.SetAttributes(u, a); err != nil {
			v.fail(CodeUnreadable, colLogin, "")
		}
	}
}

// hostField is the new value of a field of the host, if it changes.
func (d *decider) hostField(r *row, i int, is string, v *verdict) (value string, changes bool) {
	c := firstField + column(i)
	if !d.header.has(c) {
		return is, false
	}
	if code := r.fieldFault(c); code != "" {
		v.failField(code, c)
		return is, false
	}
	cell := r.field(c)
	return d.attribute(cell.text, cell.mark, is, v)
}

// attribute is the new value of an attribute, if it changes.
func (d *decider) attribute(cell string, m mark, is string, v *verdict) (value string, changes bool) {
	switch {
	case m&(markRuined|markDamaged) != 0 && is != "": // what is damaged overwrites nothing
		return is, false
	case cell != "" || d.ClearBlanks:
		return cell, cell != is
	case is != "":
		v.blanks++
	}
	return is, false
}

// languageTag is the canonical form of a language tag, or "" if it is none.
// Underscores are read as hyphens.
func languageTag(cell string) string {
	const most = 35 // bytes: RFC 5646, 4.4.1
	if cell == "" || len(cell) > most {
		return ""
	}
	tag, err := language.Parse(cell)
	if err != nil || tag == language.Und {
		return ""
	}
	return tag.String()
}

// exportedAttributes are the attributes of a user that exports write.
func exportedAttributes(u *chatadmin.User) chatadmin.Attributes {
	if len(u.Attrs) == 0 {
		return chatadmin.Attributes{}
	}
	a, _ := chatadmin.AttributesOf(*u) // those that cannot be read are exported as blank
	return a
}

// PlanColumn says what a plan takes a column of the file for.
type PlanColumn struct {
	Heading string `json:"heading"` // as the file spells it, in one line
	// Field is a heading of the import format, "blocked", or a field of the
	// host, as Options.Columns has them. It is "-" for a column that is not
	// read, and "" for one whose meaning is not known.
	Field string `json:"field"`
}

// planColumns says what each column of the file is taken for.
func (h *header) planColumns() []PlanColumn {
	all := make([]PlanColumn, len(h.names))
	for i, name := range h.names {
		all[i] = PlanColumn{Heading: name, Field: meansNothing}
		c := slices.Index(h.at, i)
		switch {
		case c == int(colEnabled) && h.inverted:
			all[i].Field = meansBlocked
		case c >= 0:
			all[i].Field = h.field(column(c))
		case slices.Contains(h.unknown, name):
			all[i].Field = ""
		}
	}
	return all
}
