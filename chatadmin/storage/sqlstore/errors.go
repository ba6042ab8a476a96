package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"chatadmin.example/sdk/chatadmin/class"
	"chatadmin.example/sdk/chatadmin/storage"
)

// SchemaError says that the tables are not those that this version of the
// package works with.
type SchemaError struct {
	Found, Known int // versions; Found is 0 where there are no tables
}

func (e *SchemaError) Error() string {
	switch {
	case e.Found == 0:
		return "the database has no tables of chatadmin: let sqlstore.Open create them, or run Migrate"
	case e.Found > e.Known:
		return fmt.Sprintf("the tables have version %d, made by a newer release; this one knows %d: update the application", e.Found, e.Known)
	}
	return fmt.Sprintf("the tables have version %d, this release needs %d: let sqlstore.Open bring them up to date, or run Migrate", e.Found, e.Known)
}

// Unwrap is class.Unavailable.
func (e *SchemaError) Unwrap() error { return class.Unavailable }

// ErrorCode is "schema".
func (e *SchemaError) ErrorCode() string { return "schema" }

// while says what was going on when an error came, and that the context has
// ended where it has: of a cancelled statement some drivers only say that the
// connection is gone.
func while(ctx context.Context, what string, err error) error {
	end := ctx.Err()
	if end == nil {
		end = cause(err)
	}
	if end != nil && !errors.Is(err, end) {
		return fmt.Errorf("%s: %w: %w", what, end, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// What is wrong with the database, where that is known; its own words are
// wrapped beside these.
var (
	ErrTables   = class.Unavailable.New("tables", "a table or column of chatadmin is missing: look at the prefix, or let sqlstore.Open bring the tables up to date")
	ErrFull     = class.Unavailable.New("full", "the database has no room left: free some, and do it again")
	ErrReadOnly = class.Unavailable.New("read_only", "the database can only be read: look at the file's permissions, or connect to the primary server")
	ErrClosed   = class.Unavailable.New("closed", "the host has closed the pool of connections")
)

// cause tells which of these an error is, or nil.
func cause(err error) error {
	switch state(err) {
	case "42P01", "42703":
		return ErrTables
	case "53100":
		return ErrFull
	case "25006":
		return ErrReadOnly
	case "":
	default:
		return nil
	}
	for text, is := range map[string]error{"no such table": ErrTables, "no such column": ErrTables, "database or disk is full": ErrFull, "readonly database": ErrReadOnly, "sql: database is closed": ErrClosed} {
		if strings.Contains(err.Error(), text) {
			return is
		}
	}
	return nil
}

// ErrConstraint: a row is refused by a constraint, an index or a trigger that
// the host has added to the tables; the error of the database, which names it,
// is wrapped beside it.
var ErrConstraint = class.State.New("constraint", "a constraint of the database refuses the row")

// state is the SQLSTATE of an error of PostgreSQL, or "".
func state(err error) string {
	var s interface{ SQLState() string }
	if errors.As(err, &s) {
		return s.SQLState()
	}
	return ""
}

func (d Dialect) says(err error, texts ...string) bool {
	if d != SQLite || err == nil {
		return false
	}
	for _, text := range texts {
		if strings.Contains(err.Error(), text) {
			return true
		}
	}
	return false
}

// again reports whether running the transaction once more may succeed: a lost
// race in the library's or the database's own terms.
func (d Dialect) again(err error) bool {
	if errors.Is(err, storage.ErrRetry) || errors.Is(err, errRaced) {
		return true
	}
	switch state(err) {
	case "40001", "40P01", "55P03": // serialization failure, deadlock, lock not available
		return true
	}
	return d.says(err, "SQLITE_BUSY", "SQLITE_LOCKED", "database is locked", "database table is locked")
}

// errRaced: a unique key was taken between the look and the write.
var errRaced = errors.New("a row was written by somebody else just now")

// refuses reports whether a constraint or a trigger of the host made a statement
// fail. Unique keys of PostgreSQL are told apart by those who expect them.
func (d Dialect) refuses(err error) bool {
	s := state(err)
	return strings.HasPrefix(s, "23") && !taken(err) || s == "P0001" || d.says(err, "constraint failed")
}

// taken reports whether a statement failed because of a unique key.
func taken(err error) bool { return state(err) == "23505" }

// notKept reports whether a commit that failed is known to be undone.
func (d Dialect) notKept(err error) bool {
	if s := state(err); s != "" {
		// the connection was lost, the server went down: nobody knows
		return !strings.HasPrefix(s, "08") && !strings.HasPrefix(s, "57P")
	}
	return d.again(err) || d.says(err, "SQLITE_FULL", "database or disk is full", "readonly database", "SQLITE_READONLY", "constraint")
}
