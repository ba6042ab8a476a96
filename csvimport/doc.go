// Package csvimport brings the users of a company in from a CSV file, and out again.
//
// # The file
//
// The first line holds the headings: name, firstname, lastname, email/login,
// title, mobile, manager, Enabled, role, department, kind, in any order and case.
// Where the domain's logins are e-mail addresses one column is both; otherwise
// login (or username) and email are two. The login column must be there.
//
// Files are read as other systems write them: the lists of Slack, Google
// Workspace, Microsoft Entra, Okta, Mattermost, Zammad, Moodle, Canvas and
// Outlook, and headings in English, German, French, Spanish and Dutch. What
// templates add to headings ("[Required]", stars, line breaks) is taken away. Of
// several columns with one meaning the most specific is read (e-mail before
// username, mobile before phone, job title before title), and a warning names the
// others; the same heading twice refuses the file. A heading that is not known is
// a warning, unless it may say who has access: then the file is refused.
// Options.Columns says what a heading means. Headings that begin with "_" are the
// results of an earlier import and ignored; cells below "password" are neither
// read nor shown.
//
// A file is UTF-8, UTF-16 with a byte-order mark, or what Options.Encoding says.
// It is taken for Windows-1252, with a warning that shows a cell, if more of its
// bytes are wrong than right as UTF-8 and Windows-1252 has all of them; otherwise
// the lines that are not UTF-8 fail by themselves. Lines end with CRLF, LF or CR;
// cells are separated by comma, semicolon, tab or bar. Comments ("#"), "sep=;"
// and "version:" before the headings are skipped. Missing cells at the end of a
// line count as blank, with a warning; surplus cells must be blank. A file has at
// most 2 GiB and ten million lines, a line 1 MiB, a cell that is read 64 KiB.
//
// Of a cell, invisible characters are dropped, line breaks and tabs become a
// space, and typographic quotes around it are taken off. NULL, N/A, nan, None and
// "-" alone are blank, with a warning. What a spreadsheet has ruined ("3.1E+10",
// "#####") is not stored, and text that was decoded twice ("JosÃ©") overwrites
// nothing, each with a warning.
//
// # What a row does
//
// TRUE and FALSE are also 1 and 0, yes and no, active and inactive, and what
// spreadsheets write in their languages (WAHR, VRAI, …). A column such as
// "blocked" or "suspended" means the opposite.
//
//	Enabled   unknown user    pending or active user    deactivated user
//	TRUE      created         as it is                  activated
//	FALSE     skipped         deactivated               as it is
//	blank     created         as it is                  as it is
//
// In [UpdateExisting] mode the other columns are written to existing users too: a column that is not in the file changes nothing, and neither does a blank cell unless
// Options.ClearBlanks is set. The spelling of a login is never changed. In [SkipExisting] mode existing users are left entirely alone. A row that is wrong
// fails by itself, with its line, column, a stable code and a sentence; with Options.AllOrNothing one such row keeps everything as it was.
//
// A manager is named by login and may stand on a later line. An unknown manager, the user
// themselves, or the last link of a circle gives a warning, also where the row changes nothing else, and the user keeps the manager they have.
// A file grants only roles below the importer's own, never takes the importer's own access or role away, and never removes the last admin.
//
// # Plan, import, resume
//
// [Make] decides every row by the same code as the import and writes nothing; [Apply] carries out exactly that, or refuses with
// [chatadmin.ErrPlanStale]; [Run] does both at once. Rows are written in transactions of 1,000, and an import that was interrupted by a crash, a cancelled context or
// a lost right goes on with [Resume], to the same end as if nothing had happened. The file itself is not kept: the caller gives it again, and its SHA-256 is compared. What becomes of each row
// is streamed by Outcomes and written by WriteCSV. Memory does not hold the file: some 35 bytes a row are kept for logins and managers while it is read, and 13 afterwards,
// and some 60 for each note of a row.
// It is read ahead, in a goroutine of its own, until the call returns; one whose number of rows changes meanwhile is [ErrOtherFile].
//
// Importing the same file again changes nothing. Two admins who import it at the same time create each user once.
//
// # Invitations
//
// With Options.SendInvitations every created user is invited when their rows are committed. Otherwise nobody is, and the importing
// admin gets one mail with a summary and a link; a page of the host shows [Held] when it is opened, and calls [Release] when the admin has confirmed.
//
// # Export
//
// [Export] writes the users in the format that is imported, such that importing it
// changes nothing, or as an overview of nine columns, which can be imported, too.
// In both, and in the result CSV, each part of a cell that a spreadsheet would run
// as a formula is guarded by an apostrophe, which importing takes off again.
package csvimport
