package csvimport

import (
	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/texts"
)

// FileError says why a whole file was refused, before anything was changed. It
// wraps chatadmin.ErrInvalid.
type FileError struct {
	// Code is stable: "no_header", "missing_column", "double_column",
	// "status_column", "bad_mapping", "empty_file", "no_rows", "not_csv", …
	Code   string
	Reason string // a sentence for the administrator
}

func (e *FileError) Error() string { return "the file cannot be imported: " + e.Reason }

// ErrorCode is Code.
func (e *FileError) ErrorCode() string { return e.Code }

// Unwrap is chatadmin.ErrInvalid.
func (e *FileError) Unwrap() error { return chatadmin.ErrInvalid }

// fileError is a FileError with the text and the values by which it is said in
// other languages.
func fileError(code, reason, key string, values ...any) error {
	return texts.Explain(&FileError{code, reason}, key, values...)
}

var (
	// ErrRowsFailed is returned by an all-or-nothing import if a row fails.
	// Nothing was changed, unless that was found only while the import was
	// under way: see Options. The result has the counts: no row is created or
	// updated.
	ErrRowsFailed = chatadmin.ErrInvalid.New("rows_failed", "some rows are invalid, and it was to be all of them or none")
	// ErrOtherFile is returned if the file is not the one that was planned or
	// begun, or if its number of rows has changed since.
	ErrOtherFile = chatadmin.ErrInvalid.New("other_file", "this is another file than the one the import began with")
	// ErrLinkUsed is returned if the invitations were released before.
	ErrLinkUsed = chatadmin.ErrState.New("link_used", "this link was used already: the invitations are on their way")
	// ErrLinkExpired is returned if the link does not work any more.
	ErrLinkExpired = chatadmin.ErrState.New("link_expired", "this link has expired: invite the users one by one, or import the file again")
)
