package csvimport

import (
	"fmt"
	"maps"
	"slices"

	"chatadmin.example/sdk/chatadmin"
)

// Mode says what happens to existing users. There is no default: the
// administrator chooses.
type Mode string

const (
	// SkipExisting creates new users and leaves existing ones alone, whatever
	// Enabled says.
	SkipExisting Mode = "skip"
	// UpdateExisting creates new users and writes new values to existing ones.
	UpdateExisting Mode = "update"
)

func (m Mode) check() error {
	if m == SkipExisting || m == UpdateExisting {
		return nil
	}
	return fmt.Errorf("choose what happens to existing users: %q or %q: %w", SkipExisting, UpdateExisting, chatadmin.ErrInvalid)
}

// Options of an import. The zero value imports the rows that are right, keeps
// blank cells from changing anything, and invites nobody.
type ImportOptions struct {
	// AllOrNothing changes nothing if one row fails. If users are changed after
	// planning, a row may fail when its batch is committed: that stops the
	// import. The batches before it stand; Resume continues when the cause is
	// mended.
	AllOrNothing bool
	// SendInvitations invites every created user. Otherwise the importer is
	// mailed a link that does it.
	SendInvitations bool
	// ClearBlanks lets a blank cell clear the field of an existing user.
	ClearBlanks bool
	// Columns says what columns of this file mean: from a heading, as the file
	// spells it, to a heading of the import format, "blocked" (the opposite of
	// Enabled), or "-" for a column that is not to be read. A heading that the
	// file does not have is a *FileError.
	Columns map[string]string
	// Aliases are what the host calls its columns, in the same terms. Those
	// that the file does not have are ignored.
	Aliases map[string]string
	// Fields are names of the host's own fields, at most 32. A column with such
	// a heading, or one that Columns or Aliases say is such a field, is kept in
	// chatadmin.Attributes.Fields under that name, up to 250 bytes.
	Fields []string
	// Encoding is the encoding of the file, by its WHATWG name ("windows-1251",
	// "shift_jis") or that of a code page ("ibm850"). "" finds it out: UTF-8,
	// UTF-16 with a byte-order mark, or Windows-1252.
	Encoding string

	// FileName is shown in mails and events, cut to 64 bytes.
	FileName string

	// Begun, if set, is called with the import's ID before the first row is
	// written. With the ID the import can be resumed even if the process dies.
	Begun func(importID chatadmin.ID)
	// Progress, if set, is called after each batch.
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

	Added []addedColumn `json:"added,omitempty"` // by packages
}

func (o *ImportOptions) settings(m Mode) settings {
	if o == nil {
		o = &ImportOptions{}
	}
	return settings{m, o.AllOrNothing, o.SendInvitations, o.ClearBlanks, chatadmin.Cut(o.FileName), maps.Clone(o.Columns), maps.Clone(o.Aliases), slices.Clone(o.Fields), o.Encoding, nil}
}

// has reports whether nothing is asked for that s was not made with.
func (s settings) has(more settings) bool {
	return (s.AllOrNothing || !more.AllOrNothing) && (s.SendInvitations || !more.SendInvitations) && (s.ClearBlanks || !more.ClearBlanks) &&
		(more.Encoding == "" || more.Encoding == s.Encoding) && (len(more.Columns) == 0 || maps.Equal(more.Columns, s.Columns)) &&
		(len(more.Aliases) == 0 || maps.Equal(more.Aliases, s.Aliases)) &&
		(len(more.Fields) == 0 || slices.Equal(more.Fields, s.Fields))
}

func (o *ImportOptions) planned(p *Plan) {
	if o != nil && o.Planned != nil {
		o.Planned(p)
	}
}

func (o *ImportOptions) progress() func(chatadmin.Progress) {
	if o == nil {
		return nil
	}
	return o.Progress
}
