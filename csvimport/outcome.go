package csvimport

// Status is what became, or would become, of a row.
type Status string

const (
	Created   Status = "created"
	Updated   Status = "updated" // also where only the status changed
	Unchanged Status = "unchanged"
	Skipped   Status = "skipped" // an existing user in skip mode, FALSE for an unknown one, or all or nothing with a row that fails
	Failed    Status = "failed"
	Unknown   Status = "unknown" // the record of what became of the row was damaged, and is gone
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

	CodeNewLogin    = "new_login"    // warning: from now on the user signs in with another login
	CodeNoGroup     = "no_group"     // warning: there is no such group, or the importer may not add members to it
	CodeBadLanguage = "bad_language" // warning: no language tag such as de-CH; it is not stored
	CodeNoUser      = "no_user"      // failed: the row gives a new login, and there is no user with the old one
	CodeUnreadable  = "unreadable"   // failed: what is stored of the user cannot be read

	CodeLost = "lost" // unknown: what became of the row was damaged

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
	letterLost        letter = 'l' // unknown
	letterRefused     letter = 'r' // skipped: another row failed, and all or nothing was asked for
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
