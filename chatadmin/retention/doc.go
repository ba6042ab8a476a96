// Package retention deletes messages and files when they are older than a domain wants to keep them, and nothing that a legal hold covers.
//
//	r := retention.New(admin)
//	err := r.SetDays(ctx, s, 90)                 // the domain's policy
//	plan, err := r.Plan(ctx, s, 0)               // what would go by it: show it
//	report, err := r.Apply(ctx, s, plan, nil)    // after a crash: r.Resume(ctx, s, report.ID, nil)
//
//	reports, err := r.RunDue(ctx, domain)        // in a worker of the host, once a day: the same, without anybody asking
//
// # What goes, what stays
//
// Messages and files go that are older than the policy says, wherever they lie; the oldest first. Contents of files are released through chatadmin.Admin.ReleaseBlobs, after their rows
// are gone. Private chats and groups stay, even where nothing is left in them, and so do the audit log and whatever else the host keeps.
//
// What a legal hold covers (chatadmin.Scope.AddHold) stays as old as it is: what a held user has written, what anybody has written in a chat with them, and what lies in a held group.
// When AddHold has returned nothing of that goes any more, also where a run is under way. When the hold is released, it goes with the next run.
//
// # How
//
// Everything goes in batches of at most 10,000 rows, each in a transaction with the place of the run, and one that took long is followed by a smaller one. Whatever interrupts a run,
// resumed it goes on behind what was committed, and its report counts exactly what went. A run stops when the domain decides meanwhile to keep things for longer.
//
// By a clock that has jumped ahead RunDue deletes nothing: it returns a
// *chatadmin.ClockError, and goes on when the clock is right or when a person has
// applied a plan.
//
// # Who may do what
//
//	holds       SetDays, Policy, Plan, Apply, Resume, Report, Reports
//
// A run goes on in the name of who began it, and halts at the next batch when they may not any more. RunDue, which is for the host alone like SetLimit, takes over whatever has halted,
// after ten minutes.
package retention
