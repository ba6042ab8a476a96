package chatadmin

import (
	"context"
	"slices"

	"chatadmin.example/sdk/chatadmin/storage"
)

// Column is a column that a package adds to the CSV format of imports and
// exports.
type Column struct {
	// Name is the heading that exports write, such as "client type". A
	// FieldError whose Field is the name, with "_" for spaces, is shown at the
	// column.
	Name string
	// Aliases are further headings that mean the same. Case, spaces and
	// punctuation of headings do not matter.
	Aliases []string
}

// Columns is how a package takes part in the import and export of users, with
// what it keeps of them in Attributes or elsewhere. Register it with
// [Extension.Columns]. A column whose heading the import format has already is
// never read.
type Columns struct {
	// Of lists the columns of a domain, always in the same order. A domain
	// without columns is imported as if the package were not there.
	Of func(*Settings) []Column
	// Reader returns what reads the rows of a file. It lasts as long as one
	// plan, or one transaction of an import.
	Reader func(*Scope, *Settings) ColumnReader
	// Cells are the values of a user, one for each column of the domain. An
	// import of them changes nothing.
	Cells func(*Settings, *User) []string
}

// ColumnReader reads what the rows of a file say in the columns of a package.
// Planning and importing call it in the same order, so that both come to the
// same verdicts.
type ColumnReader interface {
	// Look reads what the next rows need, at most MaxBatch, from the store or
	// within the transaction.
	Look(ctx context.Context, r storage.Reader, rows []ColumnRow) error
	// Set changes a user as a row asks, and returns everything that is wrong. It
	// is called for rows that create or update a user, in the order of the file,
	// also where the file has none of the columns. now has what the other columns
	// say already. It must not keep now.
	Set(row *ColumnRow, now *User) []*FieldError
	// Accept is called if the row of the last Set has no fault at all, and so is
	// imported.
	Accept()
}

// ColumnRow is what a row says in the columns of a package.
type ColumnRow struct {
	// Was is the user as stored, nil if the row is about an unknown one.
	Was *User
	// Department is what the column department says.
	Department string
	// Cells has one cell for each column of the domain: nil if it changes
	// nothing, "" if it clears the value.
	Cells []*string
	// Invite says that the users of the file are invited at once.
	Invite bool
}

// Columns are those that packages have added, in the order in which they were
// constructed.
func (a *Admin) Columns() []Columns { return slices.Clone(a.columns) }
