// Package csvimport imports the users of a company from a CSV file, and exports
// them.
//
// # The file
//
// The first line holds the headings: name, firstname, lastname, email/login,
// title, mobile, manager, Enabled, role, department, kind, groups, language,
// new login, new email, in any order and case. If the logins of the domain are
// e-mail addresses, one column is both. Otherwise login (or username) and email
// are two columns. The login column must be there.
//
// Files are read as other systems write them: the lists of Slack, Google
// Workspace, Microsoft Entra, Okta, Mattermost, Zammad, Moodle, Canvas and
// Outlook, and headings in English, German, French, Spanish and Dutch. What
// templates add to headings ("[Required]", stars, line breaks) is taken away.
// If several columns have one meaning, the most specific is read (e-mail before
// username, mobile before phone, job title before title), and a warning names
// the others. The same heading twice refuses the file. An unknown heading is a
// warning. If it may say who has access, it refuses the file instead.
//
// Packages add columns of their own; see chatadmin.Columns. Options.Columns says
// what a heading means, and Options.Fields declares fields of the host.
// Plan.Columns says what each column is taken for: a review page can show it,
// and give corrections back as Options.Columns. Headings that begin with "_"
// are the results of an earlier import and ignored. Cells below a heading such
// as "password" are neither read nor shown.
//
// A file is UTF-8, UTF-16 with a byte-order mark, or in Options.Encoding. It is
// taken for Windows-1252, with a warning that shows a cell, if more of its
// bytes are wrong than right as UTF-8 and Windows-1252 has all of them.
// Otherwise the lines that are not UTF-8 fail by themselves. Lines end with
// CRLF, LF or CR. Cells are separated by comma, semicolon, tab or bar. Comments
// ("#"), "sep=;" and "version:" before the headings are skipped. Cells missing
// at the end of a line count as blank, with a warning; surplus cells must be
// blank. A file has at most 2 GiB and ten million lines, a line 1 MiB, a cell
// that is read 64 KiB.
//
// Invisible characters of a cell are dropped, line breaks and tabs become a
// space, and typographic quotes around it are taken off. NULL, N/A, nan, None
// and "-" alone are blank, with a warning. A value that a spreadsheet has
// ruined ("3.1E+10", "#####") is not stored, and text that was decoded twice
// ("JosÃ©") overwrites nothing. Each gives a warning.
//
// # What a row does
//
// TRUE and FALSE are also 1 and 0, yes and no, active and inactive, and the
// words of spreadsheets in other languages (WAHR, VRAI, …). A column such as
// "blocked" or "suspended" means the opposite.
//
//	Enabled   unknown user    pending or active user    deactivated user
//	TRUE      created         as it is                  activated
//	FALSE     skipped         deactivated               as it is
//	blank     created         as it is                  as it is
//
// [UpdateExisting] writes the other columns to existing users too. A column
// that is not in the file changes nothing. A blank cell changes nothing either,
// unless Options.ClearBlanks is set. [SkipExisting] leaves existing users
// alone. A row that is wrong fails by itself: it has a line, a column, a stable
// code and a sentence. With Options.AllOrNothing, one such row keeps everything
// as it was.
//
// A manager is named by login and may stand on a later line. An unknown
// manager, the user themselves, or a circle gives a warning; the current
// manager is kept. A file grants only roles below the importer's own. It never
// takes the importer's own access or role away, and never removes the last
// admin.
//
// The column groups lists groups, separated by ";" or "|". The user joins those
// to which the importer may add members; other names give a warning. Nobody
// leaves a group. Default groups need no naming. The column language holds a
// language tag such as de-CH.
//
// The spelling of a login is changed only by the column "new login". It renames
// the user whom the login column names, unless logins are immutable in the
// domain. A login that another user has, or that stands in another line, fails
// the row. If nobody has the old login, the user with the new one is meant, so
// that the file can be imported again. The column "new email" changes the
// address.
//
// # Plan, import, resume
//
// [Imports.Plan] decides every row by the same code as the import and writes
// nothing. [Imports.Apply] carries out exactly that plan, or returns
// [chatadmin.ErrPlanStale]. [Imports.Import] does both. Rows are written in
// transactions of 1,000. An import that was interrupted by a crash, a cancelled
// context or a lost right continues with [Imports.Resume], to the same end. The
// file is not kept: the caller gives it again, and its SHA-256 is compared.
//
// Outcomes streams what became of each row, WriteCSV writes it as CSV, and
// Findings counts the faults and warnings of each kind, with an example. Memory
// does not hold the file: it takes some 35 bytes a row while the file is read,
// 13 afterwards, and some 6 for each note of a row. The file is read ahead by a
// goroutine, until the call returns. If its number of rows changes meanwhile,
// [ErrOtherFile] is returned.
//
// Importing the same file again changes nothing. Two admins who import it at
// the same time create each user once.
//
// # Invitations
//
// With Options.SendInvitations, users are invited when their rows are
// committed. Otherwise nobody is invited, and the importer gets one mail with a
// summary and a link. The page behind the link calls [Imports.Unsent] to show
// what it would do, and [Imports.Release] when the admin has confirmed.
// Result.Invitations says in a sentence who was invited, or where the link
// went.
//
// # Export
//
// [Export] writes the users in the import format, such that importing it
// changes nothing, or as an overview of nine columns, which can be imported
// too. A part of a cell that a spreadsheet would run as a formula is guarded by
// an apostrophe, which importing takes off again. The result CSV is guarded in
// the same way.
package csvimport
