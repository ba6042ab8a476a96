package csvfile

import "fmt"

// RowError says why one record could not be read.
type RowError struct {
	Line   int // where the record begins
	Code   string
	Reason string // a sentence for the administrator
}

func (e *RowError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Reason) }

// Codes of a RowError.
const (
	CodeStrayQuote    = "stray_quote"      // text behind a closing quote
	CodeQuotedLine    = "quoted_line"      // the line as a whole stands in quotes
	CodeComment       = "comment"          // the line begins with #
	CodeUnclosedQuote = "unclosed_quote"   // a quote that is opened and never closed
	CodeFieldTooLong  = "field_too_long"   // more than Limits.FieldBytes
	CodeRowTooLong    = "row_too_long"     // more than Limits.RowBytes
	CodeFieldCount    = "field_count"      // not as many fields as the header has
	CodeManyColumns   = "too_many_columns" // more than Limits.Columns
	CodeNUL           = "nul_byte"
	// bytes that the encoding of the file does not have, or characters that
	// were lost before
	CodeEncoding = "bad_encoding"
)

// FileError says why a whole file cannot be read.
type FileError struct {
	Code   string
	Reason string // a sentence for the administrator
	Number int    // in Reason: a line, or a limit in lines or MiB; 0 is none
}

func (e *FileError) Error() string { return e.Reason }

// Codes of a FileError.
const (
	CodeEmpty    = "empty_file"
	CodeNotCSV   = "not_csv"
	CodeTooLarge = "file_too_large"
	CodeManyRows = "too_many_rows" // more than Limits.Rows
	CodeHeader   = "bad_header"    // the first line is itself broken

	CodeEncodingName = "unknown_encoding" // no encoding has the name that was given
)
