package csvimport

import (
	"fmt"

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
	SendInvitations bool   // invite every created user; otherwise the importing admin gets a link that does it
	ClearBlanks     bool   // a blank cell clears the field of an existing user instead of keeping it
	FileName        string // to show, cut to 64 bytes; the file itself is given as a reader

	// Begun, where set, is told the import's ID before the first row is written. Who keeps it can resume the import even if the process dies.
	Begun func(importID chatadmin.ID)
	// Progress, where set, is told after each batch.
	Progress func(chatadmin.Progress)
}

// settings are what a plan and a job remember of mode and options.
type settings struct {
	Mode            Mode   `json:"mode"`
	AllOrNothing    bool   `json:"all_or_nothing,omitempty"`
	SendInvitations bool   `json:"send_invitations,omitempty"`
	ClearBlanks     bool   `json:"clear_blanks,omitempty"`
	FileName        string `json:"file_name,omitempty"`
}

func (o *Options) settings(m Mode) settings {
	if o == nil {
		o = &Options{}
	}
	return settings{m, o.AllOrNothing, o.SendInvitations, o.ClearBlanks, chatadmin.Cut(o.FileName)}
}

func (o *Options) progress() func(chatadmin.Progress) {
	if o == nil {
		return nil
	}
	return o.Progress
}
