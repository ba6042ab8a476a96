package csvimport

import (
	"fmt"
	"maps"
	"slices"

	"chatadmin.example/sdk/chatadmin"
)

// Mode says what happens to users who exist already. There is no default: the administrator chooses.
type Mode string

const (
	// SkipExisting adds the users who are new and leaves existing ones entirely alone, whatever Enabled says.
	SkipExisting Mode = "skip"
	// UpdateExisting adds the users who are new and writes new values to existing ones.
	UpdateExisting Mode = "update"
)

func (m Mode) check() error {
	if m == SkipExisting || m == UpdateExisting {
		return nil
	}
	return fmt.Errorf("choose what happens to existing users: %q or %q: %w", SkipExisting, UpdateExisting, chatadmin.ErrInvalid)
}

// Options of an import. The zero value keeps blank cells from changing anything, sends no mail to imported users, and imports
// the good rows whatever the bad ones say.
type Options struct {
	// AllOrNothing: one row that fails means that nothing is changed. A row that fails only when its batch is committed, since users were changed meanwhile, stops the import there;
	// batches before it stand, and Resume goes on when what is wrong is mended.
	AllOrNothing    bool
	SendInvitations bool // invite every created user; otherwise the importing admin gets a link that does it
	ClearBlanks     bool // a blank cell clears the field of an existing user instead of keeping it
	// Columns says what columns of this file mean: from a heading, as the file
	// spells it, to a heading of the import format, "blocked" (the opposite of
	// Enabled), or "-" for a column that is not to be read. A heading that the file
	// does not have is a *FileError.
	Columns map[string]string
	// Aliases are what the host calls its columns, in the same terms. Those that the
	// file does not have are ignored.
	Aliases map[string]string
	// Fields are names of the host's own fields, at most 32. A column with such a
	// heading, or one that Columns or Aliases say is such a field, is kept in
	// chatadmin.Attributes.Fields under that name, up to 250 bytes.
	Fields []string
	// Encoding is the encoding of the file, by its WHATWG name ("windows-1251",
	// "shift_jis") or that of a code page ("ibm850"). "" finds it out: UTF-8, UTF-16
	// with a byte-order mark, or Windows-1252.
	Encoding string

	FileName string // to show, cut to 64 bytes; the file itself is given as a reader

	// Begun, where set, is told the import's ID before the first row is written. Who keeps it can resume the import even if the process dies.
	Begun func(importID chatadmin.ID)
	// Progress, where set, is told after each batch.
	Progress func(chatadmin.Progress)
	// Planned, if set, is called with the plan before the first row is written,
	// by Import, Apply and Resume.
	Planned func(*Plan)
}

// settings are what a plan and a job remember of mode and options.
type settings struct {
	Mode            Mode   `json:"mode"`
	AllOrNothing    bool   `json:"all_or_nothing,omitempty"`
	SendInvitations bool   `json:"send_invitations,omitempty"`
	ClearBlanks     bool   `json:"clear_blanks,omitempty"`
	FileName        string `json:"file_name,omitempty"`

	Columns  map[string]string `json:"columns,omitempty"`
	Aliases  map[string]string `json:"aliases,omitempty"`
	Fields   []string          `json:"fields,omitempty"`
	Encoding string            `json:"encoding,omitempty"`
}

func (o *Options) settings(m Mode) settings {
	if o == nil {
		o = &Options{}
	}
	return settings{m, o.AllOrNothing, o.SendInvitations, o.ClearBlanks, chatadmin.Cut(o.FileName), maps.Clone(o.Columns), maps.Clone(o.Aliases), slices.Clone(o.Fields), o.Encoding}
}

// has reports whether nothing is asked for that s was not made with.
func (s settings) has(more settings) bool {
	return (s.AllOrNothing || !more.AllOrNothing) && (s.SendInvitations || !more.SendInvitations) && (s.ClearBlanks || !more.ClearBlanks) &&
		(more.Encoding == "" || more.Encoding == s.Encoding) && (len(more.Columns) == 0 || maps.Equal(more.Columns, s.Columns)) &&
		(len(more.Aliases) == 0 || maps.Equal(more.Aliases, s.Aliases)) &&
		(len(more.Fields) == 0 || slices.Equal(more.Fields, s.Fields))
}

func (o *Options) planned(p *Plan) {
	if o != nil && o.Planned != nil {
		o.Planned(p)
	}
}

func (o *Options) progress() func(chatadmin.Progress) {
	if o == nil {
		return nil
	}
	return o.Progress
}
