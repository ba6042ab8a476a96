// Package support decides how much clients log, and carries problem reports
// with their logs to those who help.
//
//	x, err := support.New(admin, &support.Options{
//		Recipients: map[support.Platform]string{support.IOS: "help@vendor.example"},
//	})
//	b, err := x.Prepare(ctx, s, support.Draft{
//		Platform:    support.IOS,
//		Description: "It hangs when I open a group.",
//		Logs:        []support.Log{support.FileLog("client.log")},
//	})
//	show(b.Preview())             // what would leave, without its secrets
//	report, err := x.Send(ctx, s, b)
//	did, err := admin.Work(ctx)   // sends it
//
// # Reporting levels
//
// The reporting level says how much a client logs. Each platform has its own
// choice, which Options.Levels can replace:
//
//	iOS       none, errors (the default), warnings, info, debug
//	Android   errors, fixed
//	Windows   errors (the default), or debug
//	Mac       errors, unless the host decides otherwise
//
// A domain sets the level of a platform with [Support.SetLevel]. A client can
// have a level of its own; the user chooses it with [Support.SetClientLevel].
// [Support.Level] is what a client shall log. Choosing none gives a warning,
// since support cannot help without logs.
//
// A client that is written in Go logs through a [LogHandler], which keeps to the
// level and writes no secrets.
//
// # Reports
//
// [Support.Prepare] checks a report, takes secrets out of its logs and of its
// description (see package redact), and packs the logs into one zip. Files that
// are no text, such as zip files, are refused. [Bundle.Preview] shows what
// would leave. [Support.Send] queues it, and chatadmin.Admin.Work sends it by
// mail to the recipient of its platform; answers go to the address that the user
// gave. Where no mail can be sent, [Bundle.WriteTo] writes the zip into a file.
//
// The library keeps the logs no longer than until the mail was taken. The report
// itself stays, and is erased with its user.
//
//	waiting    until the mail was taken
//	failed     the mail server refused it for good, or was away for hours
//	sent       to the recipient
//	received   Acknowledge: support has it, and the user was told by mail
//	in_work    SetState: somebody looks into it
//	solved     SetState; back to in_work if it was not
//
// # For clients
//
// [Support.Handler] takes these requests of a user whom the host has
// authenticated. Answers are JSON.
//
//	POST report    a form (multipart/form-data) with platform, and optionally
//	               from, ticket, client, description and up to 20 files called
//	               log; the answer is 201 with the ID of the report
//	POST preview   the same form; the answer is the preview, and nothing is sent
//	GET level      ?platform=ios&client=ID; what the client shall log
//	POST level     platform, client and level as a form; sets it
//
// # Where clients keep their logs
//
// Apps of iOS and Android hand over their logs themselves. On Windows and on
// the Mac people can find them: [OfficeChatFolders] names the folders,
// [LogFolder] finds them on this machine, and [FolderLogs] takes their files.
//
// # Who may do what
//
//	(none)      Levels; SetClientLevel, Level, Prepare, Send, Report, Reports and
//	            ReportsPage of oneself
//	support     SetLevel, Acknowledge, SetState; and those above of other users
//
// A report names its user, and nobody prepares or sends one for a user with more
// power than they have. Deliver is for the host alone.
package support
