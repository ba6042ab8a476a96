package csvimport

import "chatadmin.example/sdk/chatadmin/texts"

// Status is what became, or would become, of a row.
type Status string

const (
	// Created is the status of a row that created its user.
	Created Status = "created"
	// Updated is the status of a row that changed its user, or their access
	// alone.
	Updated Status = "updated"
	// Unchanged is the status of a row whose user was as it says.
	Unchanged Status = "unchanged"
	// Skipped is the status of a row about an existing user with SkipExisting,
	// of FALSE for an unknown user, and of all rows that would change something
	// where AllOrNothing is set and a row fails.
	Skipped Status = "skipped"
	// Failed is the status of a row that is wrong.
	Failed Status = "failed"
	// Unknown is the status of a row whose record was damaged and deleted.
	Unknown Status = "unknown"
)

// Outcome is what became, or would become, of one row.
type Outcome struct {
	Line                   int // of the file, where the row begins
	Login                  string
	Status                 Status
	Activated, Deactivated bool
	Notes                  []Note
}

// Note explains an outcome: why a row failed or was skipped, or what it is
// warned of.
type Note struct {
	Code    string // stable; see the Code constants here and in chatadmin
	Warning bool
	Column  string        // as the file spells its heading
	Value   string        // of the cell, cut
	Message texts.Message // for the administrator
}

// Codes of rows that are skipped.
const (
	CodeNotCreated   = "not_created"    // Enabled is FALSE and there is no such user
	CodeExists       = "exists"         // existing users are skipped
	CodeAllOrNothing = "all_or_nothing" // AllOrNothing is set and a row fails
)

// Codes of rows that fail, beside those of fields in chatadmin and those of the
// file format ("field_count", "stray_quote", …).
const (
	CodeDuplicate     = "duplicate_login" // an earlier line has this login
	CodeBadEnabled    = "bad_enabled"     // neither TRUE, FALSE nor blank
	CodeForbidden     = "forbidden"       // the user's role is above the importer's
	CodeForbiddenRole = "forbidden_role"  // a file cannot grant this role
	CodeSelf          = "self"            // the importer's own access or role
	CodeLastAdmin     = "last_admin"      // the domain would have no admin
	CodeDeleting      = "deleting"        // the user is being deleted
	CodeNoUser        = "no_user"         // nobody has the old login of a new one
	CodeUnreadable    = "unreadable"      // stored data of the user is damaged
)

// Codes of warnings. The row is imported all the same.
const (
	CodeEnabledIgnored   = "enabled_ignored"   // Enabled means nothing with SkipExisting
	CodeNoManager        = "no_manager"        // the manager does not exist
	CodeOwnManager       = "own_manager"       // the user is their own manager
	CodeManagerCircle    = "manager_circle"    // the managers would form a circle
	CodeManagerForbidden = "manager_forbidden" // the user's role rose above the importer's
	CodeNullWord         = "null_word"         // NULL or the like counts as blank
	CodeRuined           = "ruined"            // a spreadsheet ruined the value; not stored
	CodeDamaged          = "decoded_twice"     // decoded twice; it overwrites nothing
	CodeDropped          = "invisible"         // invisible characters were dropped
	CodeShortRow         = "missing_cells"     // missing cells count as blank
	CodeNewLogin         = "new_login"         // the user signs in with another login
	CodeNoGroup          = "no_group"          // no such group, or not for the importer
	CodeBadLanguage      = "bad_language"      // no language tag; not stored
)

// CodeLost is the code of a row with the status Unknown.
const CodeLost = "lost"

// A letter is the outcome of a row in one byte: a million rows fit into a
// megabyte, and a job keeps them in the store.
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
	letterLost        letter = 'l' // unknown
	// skipped: another row failed, and all or nothing was asked for
	letterRefused letter = 'r'
)

// letters are all of them.
const letters = "cuad=knfrl"

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
	case letterLost:
		o.Status = Unknown
	default:
		o.Status = Failed
	}
}

// Counts sum up an import. Created + Updated + Unchanged + Skipped + Failed =
// Rows.
type Counts struct {
	Rows        int64 `json:"rows"`
	Created     int64 `json:"created"`
	Updated     int64 `json:"updated"`
	Activated   int64 `json:"activated"`   // of Updated
	Deactivated int64 `json:"deactivated"` // of Updated
	Unchanged   int64 `json:"unchanged"`
	Skipped     int64 `json:"skipped"`
	Failed      int64 `json:"failed"`
	Warnings    int64 `json:"warnings"` // of rows, and of the file as a whole
	// blank cells that left a value of an existing user as it was
	KeptBlanks int64 `json:"kept_blanks"`
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
