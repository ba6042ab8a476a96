// Package retention deletes messages and files when they are older than a
// domain wants to keep them. Nothing goes that a legal hold covers.
//
//	r, err := retention.New(admin, nil)
//	err := r.SetDays(ctx, s, 90)              // the domain's policy
//	plan, err := r.Plan(ctx, s, 0)            // what would go by it: show it
//	run, err := r.Apply(ctx, s, plan, nil)    // after a crash: r.Resume(ctx, s, run.ID, nil)
//
//	did, err := admin.Work(ctx)               // the same, without anybody asking
//
// # What goes, what stays
//
// Messages and files go that are older than the policy says, wherever they lie.
// The oldest go first. Contents of files are released through
// chatadmin.Admin.ReleaseBlobs, after their rows are gone. Private chats and
// groups stay, even if nothing is left in them. The audit log stays. What the
// host keeps of its own goes by its age too, through chatadmin.Options.Sources:
// first what lies in the store's database, then what lies outside.
//
// A legal hold (chatadmin.Scope.AddHold) keeps what it covers, however old it
// is: what a held user has written, what anybody has written in a chat with
// them, and what lies in a held group. Once AddHold has returned, nothing of
// that is deleted, even while a run is under way. When the hold is released, it
// goes with the next run.
//
// # How
//
// Everything goes in batches of at most 10,000 rows. Each batch is a
// transaction, which moves the run on; one that took long is followed by a
// smaller one. After an interruption the run continues behind the last commit,
// and its report counts exactly what went. A run stops if the domain decides
// meanwhile to keep things for longer.
//
// By a clock that has jumped ahead a worker deletes nothing: RunDue returns a
// *chatadmin.ClockError. It continues when the clock is right, or when a person
// has applied a plan.
//
// # Who may do what
//
//	holds       SetDays, Policy, Plan, Apply, Resume, Run, Runs
//
// A run continues in the name of its actor, and halts at the next batch if they
// may not any more. After ten minutes a worker continues it, in the name of the
// host where its actor may not. RunDue, SetLimit and FixLimit are for the host alone.
package retention
