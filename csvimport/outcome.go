package csvimport

import (
	"fmt"

	"chatadmin.example/sdk/chatadmin"
)

// Status is what became, or would become, of a row.
type Status string

const (
	Created   Status = "created"
	Updated   Status = "updated" // also where only the status changed
	Unchanged Status = "unchanged"
	Skipped   Status = "skipped" // an existing user in skip mode, FALSE for an unknown one, or all or nothing with a row that fails
	Failed    Status = "failed"
)

// Outcome is what became, or would become, of one row.
type Outcome struct {
	Line                   int // of the file, where the row begins
	Login                  string
	Status                 Status
	Activated, Deactivated bool
	Notes                  []Note
}

// Note explains an outcome: why a row failed or was skipped, or what it is warned of.
type Note struct {
	Code    string // stable; see the Code constants here and in chatadmin
	Warning bool
	Column  string // as the file spells its heading
	Value   string // of the cell, cut
	Message string // a sentence for the administrator
}

// Codes of notes, beside those of fields in chatadmin and those of the file format ("field_count", "stray_quote", …).
const (
	CodeNotCreated     = "not_created"     // skipped: Enabled is FALSE and there is no such user
	CodeExists         = "exists"          // skipped: an existing user in skip mode
	CodeAllOrNothing   = "all_or_nothing"  // skipped: another row fails, and all or nothing was asked for
	CodeDuplicate      = "duplicate_login" // failed: an earlier line has this login
	CodeBadEnabled     = "bad_enabled"     // failed: neither TRUE, FALSE nor blank
	CodeForbidden      = "forbidden"       // failed: the user's role stands above the importer's
	CodeForbiddenRole  = "forbidden_role"  // failed: a role that the importer may not grant by a file
	CodeSelf           = "self"            // failed: the importer's own access or role
	CodeLastAdmin      = "last_admin"      // failed: nobody would administer the domain
	CodeDeleting       = "deleting"        // failed: the user is being deleted
	CodeEnabledIgnored = "enabled_ignored" // warning: Enabled would have acted, but existing users are skipped
	CodeNoManager      = "no_manager"      // warning: the manager does not exist
	CodeOwnManager     = "own_manager"     // warning: the user is their own manager
	CodeManagerCircle  = "manager_circle"  // warning: the managers would form a circle

	CodeNullWord = "null_word"     // warning: the cell says NULL, N/A or the like, and counts as blank
	CodeRuined   = "ruined"        // warning: a spreadsheet has ruined the value, which is not stored
	CodeDamaged  = "decoded_twice" // warning: the text was decoded twice ("JosÃ©"); it overwrites nothing
	CodeDropped  = "invisible"     // warning: invisible characters were dropped from the login
	CodeShortRow = "missing_cells" // warning: the line has fewer cells than the headings; the missing ones are blank

	CodeManagerForbidden = "manager_forbidden" // warning: the user has come to stand above the importer before their manager was set
)

// A letter is the outcome of a row in one byte: a million rows fit into a megabyte, and a job keeps them in the store.
type letter = byte

const (
	letterCreated     letter = 'c'
	letterUpdated     letter = 'u'
	letterActivated   letter = 'a' // updated, too
	letterDeactivated letter = 'd' // updated, too
	letterUnchanged   letter = '='
	letterKept        letter = 'k' // skipped: exists
	letterNotCreated  letter = 'n' // skipped: FALSE and unknown
	letterFailed      letter = 'f'
	letterRefused     letter = 'r' // skipped: another row failed, and all or nothing was asked for
)

// letters are all of them.
const letters = "cuad=knfr"

func (o *Outcome) setLetter(l letter) {
	switch l {
	case letterCreated:
		o.Status = Created
	case letterUpdated:
		o.Status = Updated
	case letterActivated:
		o.Status, o.Activated = Updated, true
	case letterDeactivated:
		o.Status, o.Deactivated = Updated, true
	case letterUnchanged:
		o.Status = Unchanged
	case letterKept, letterNotCreated, letterRefused:
		o.Status = Skipped
	default:
		o.Status = Failed
	}
}

// note is a Note as it is kept: what the row's own cells say again is left out.
type note struct {
	Row  int    `json:"r"` // counted from the start of the batch
	Code string `json:"c"`
	Col  int8   `json:"k"` // column; -1: the row as a whole
	Arg  string `json:"a,omitempty"`
}

func isWarning(code string) bool {
	switch code {
	case CodeEnabledIgnored, CodeNoManager, CodeOwnManager, CodeManagerCircle, CodeManagerForbidden, CodeNullWord, CodeRuined, CodeDamaged, CodeDropped, CodeShortRow:
		return true
	}
	return false
}

// explain turns a kept note into a Note, with the row's cells at hand.
func (n note) explain(h *header, r *row) Note {
	out := Note{Code: n.Code, Warning: isWarning(n.Code), Message: n.Arg}
	if n.Col >= 0 {
		c := column(n.Col)
		out.Column, out.Value = h.title(c), chatadmin.Cut(*r.cell(c))
	}
	switch n.Code {
	case CodeNotCreated:
		out.Message = "there is no such user, and Enabled is FALSE: nobody was created"
	case CodeExists:
		out.Message = "this user exists, and existing users are skipped"
	case CodeAllOrNothing:
		out.Message = "nothing was changed: another line has a fault, and all or nothing was asked for"
	case CodeDuplicate:
		out.Message = fmt.Sprintf("line %s has the same login: the first one counts", n.Arg)
	case CodeBadEnabled:
		if out.Message = "write TRUE or FALSE, or leave the cell blank"; n.Arg == botStatus {
			out.Message = "this is the account of a program, not of a person: remove the line"
		}
	case CodeNullWord:
		out.Message = "this stands for nothing: the cell counts as blank"
	case CodeRuined:
		out.Message = "a spreadsheet has put this in the place of the value: it is not stored; format the column as text"
	case CodeDamaged:
		out.Message = "this text was decoded twice: it does not overwrite what is stored; export the file anew as UTF-8"
	case CodeDropped:
		out.Message = "invisible characters were dropped from it"
	case CodeShortRow:
		out.Message = "the line has fewer cells than the headings: the missing ones count as blank"
	case CodeForbidden:
		out.Message = "this user's role stands above yours"
	case CodeForbiddenRole:
		out.Message = "a file cannot grant a role that is not below your own: assign it by hand"
	case CodeSelf:
		out.Message = "you cannot take your own access or role away by an import"
	case CodeLastAdmin:
		out.Message = "the domain would be left without an administrator"
	case CodeDeleting:
		out.Message = "this user is being deleted: import the line again afterwards"
	case CodeEnabledIgnored:
		out.Message = "Enabled was not looked at, since existing users are skipped"
	case CodeNoManager:
		out.Message = "there is no such manager, neither in the domain nor in this file: no manager was set"
	case CodeOwnManager:
		out.Message = "nobody is their own manager: no manager was set"
	case CodeManagerForbidden:
		out.Message = "this user's role has come to stand above yours: no manager was set"
	case CodeManagerCircle:
		out.Message = "this manager reports to the user, over one or more others: no manager was set"
	}
	return out
}

// Counts sum up an import. Created + Updated + Unchanged + Skipped + Failed = Rows.
type Counts struct {
	Rows        int64 `json:"rows"`
	Created     int64 `json:"created"`
	Updated     int64 `json:"updated"`
	Activated   int64 `json:"activated"`   // of Updated
	Deactivated int64 `json:"deactivated"` // of Updated
	Unchanged   int64 `json:"unchanged"`
	Skipped     int64 `json:"skipped"`
	Failed      int64 `json:"failed"`
	Warnings    int64 `json:"warnings"`    // of rows, and of the file as a whole
	KeptBlanks  int64 `json:"kept_blanks"` // blank cells that left a value of an existing user as it was
}

func (c *Counts) add(l letter) {
	var o Outcome
	o.setLetter(l)
	c.Rows++
	switch o.Status {
	case Created:
		c.Created++
	case Updated:
		c.Updated++
	case Unchanged:
		c.Unchanged++
	case Skipped:
		c.Skipped++
	default:
		c.Failed++
	}
	if o.Activated {
		c.Activated++
	}
	if o.Deactivated {
		c.Deactivated++
	}
}
