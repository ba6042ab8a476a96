// Package erase deletes users for good, with all that is theirs. A plan says
// what would go. Applying it removes that in batches, whatever interrupts it. A
// receipt says what went.
//
//	d, err := erase.New(admin, nil)
//	plan, err := d.Plan(ctx, s, []chatadmin.ID{ann.ID}, nil)
//	// show its counts, blockers and warnings
//	run, err := d.Apply(ctx, s, plan, "left the company", nil)
//	// after a crash: d.Resume
//	fmt.Println(run.State, run.Data.Removed) // the receipt
//
// Deactivating is often the better choice: chatadmin.Scope.DeactivateUsers ends
// the access as well, and keeps everything.
//
// # What goes, what stays
//
//	private chats              go with both sides' messages and files
//	groups they created        go with everything in them by anybody, memberships and settings;
//	                           default and shipped ones, and ones handed over, as Choice says
//	what they wrote elsewhere  goes: messages and files in any other group, also in those they left
//	memberships                go
//	devices                    go with their records; what must outlive them, such as a wipe that
//	                           is still to be delivered, has no owner
//	records                    go by owner: sessions, second factors, tokens, invitations,
//	                           settings, connections to services
//	the account                goes last, with preferences and avatar; login and e-mail address
//	                           are free again; their next owner inherits nothing
//	what the host keeps        goes with the chats, groups and users that it belongs to, through
//	of its own                 chatadmin.Options.Sources; storage.Source.Kind is what counts it
//	contents of files          are released through chatadmin.Admin.ReleaseBlobs, at least once,
//	                           after their rows are gone
//	reports                    stay, without manager
//	others' writing elsewhere  stays
//	audit log                  stays: who did what to whom and when; what it says about the users
//	                           and their devices (names, addresses, before and after) is blanked
//	receipts, notes            stay: they hold IDs, and the reason that was given, so write
//	                           nothing personal into it
//
// # How
//
// The first transaction marks the users and their groups, under the exclusive
// fence of the domain. Access ends through the same transition as ever, so that
// whatever hangs on it ends too (chatadmin.Options.OnUserChange and
// extensions). From then on no store accepts a new row that refers to them.
//
// Then batches of at most 10,000 rows go. Each batch is a transaction, which
// moves the run on; one that took long is followed by a smaller one. Children
// go before parents. In the end everything is looked through once more, and if
// something is left, it goes round again. The last transaction deletes the
// users and ends the run. The receipt counts the rows that the batches have
// deleted. What lies outside the store's database goes first, and is asked for
// once more in the end; of that the receipt tells what was confirmed.
//
// The last administrator, oneself, a default group and a legal hold
// (chatadmin.Scope.AddHold) stand in the way: see Blocker. A hold that comes
// while a deletion is running stops it at the next batch.
//
// A domain may have a grace period (Policy). Meanwhile the users are merely
// deactivated, and the deletion can be cancelled. chatadmin.Admin.Work carries
// out what is due. By a clock that has jumped ahead it begins no deletion: see
// RunDue.
//
// If the record of a deletion was damaged and repaired
// (chatadmin.Scope.Repair), its users stay marked. A domain admin plans and
// applies their deletion anew.
//
// # Who may do what
//
//	users.read      Scheduled
//	users.delete    Plan, Apply, Resume, Cancel, TakeOver, Run, Runs, Policy
//	domain          SetPolicy
//
// Applying a plan that deletes default groups, and taking such a deletion over,
// needs groups.default as well. Apply, Cancel and TakeOver need an actor who
// may act on each of the users (chatadmin.Writer.MayActOn). A deletion continues
// in the name of its actor, who asked for it or has taken it over, and stops at
// the next batch if they may not any more. RunDue is for the host alone.
package erase
