// Package csvfile reads CSV files as people make them: in UTF-8, UTF-16 or
// Windows-1252, separated by commas, semicolons or tabs, with any line end,
// with spaces behind the delimiter and with the curly quotes of a text copied
// from a web page. It goes through the file record by record in bounded memory,
// and a record that is broken harms no other: its error names it, and reading
// goes on with the next line.
package csvfile
