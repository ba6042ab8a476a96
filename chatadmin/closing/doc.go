// Package closing closes domains: it deletes a domain with everything in it. A
// plan says what would go. Applying it suspends the domain for a grace period,
// and then deletes all of its rows in batches, whatever interrupts it. A
// receipt says what went, and outlives the domain.
//
//	c, err := closing.New(admin, nil)
//	s := admin.AsHost(domain.ID)
//	plan, err := c.Plan(ctx, s, 0)
//	// show its counts, blockers and warnings
//	run, err := c.Apply(ctx, s, plan, "the contract has ended", nil)
//	// within 30 days: c.Cancel; then admin.Work closes the domain
//	receipt, err := c.Receipt(ctx, run.ID)
//
// Suspending is often the better choice: chatadmin.Admin.SuspendDomain keeps
// everybody out as well, and keeps everything.
//
// # What happens
//
// Only the host closes a domain. With a grace period, applying the plan
// suspends the domain: nobody gets in, sessions end, and all data is kept.
// Cancel gives it back the state that it had. If the host resumes the domain
// by itself, the closing is cancelled when it is due.
//
// Then the domain is closing. From its first transaction on nothing else
// changes the domain: every other call, of the host too, returns
// chatadmin.ErrClosing. Only legal holds are placed and released as before. A
// hold on anybody or anything in the domain forbids the closing before it is
// applied, keeps it waiting while it is scheduled, and stops it at the next
// batch.
//
// Batches of at most 10,000 rows go, each in a transaction behind the exclusive
// fence of the domain: messages, files and private chats, then groups with their
// memberships, devices, records, users, the audit log. What the host keeps of
// its own (chatadmin.Options.Sources) goes before everything else. The contents
// of files are released through chatadmin.Options.Blobs before the records that
// name them; contents that are refused keep the domain waiting. Events that
// wait for the host (chatadmin.Options.Outbox) become the host's own and are
// delivered as ever.
//
// In the end every table and every source is looked through once more. If something is left, it
// goes round again. The last transaction deletes the row of the domain, writes
// the receipt, and tells the host with an event of KindClosed.
//
// Records without an owner are written without the fence, such as a failed
// sign-in. One that was decided before the closing began can be written when
// the domain is gone. chatadmin.Admin.Work looks for such rows ten minutes, an
// hour and a day later, deletes them, and counts them in the receipt.
//
// # What it cannot do
//
// Devices keep what they have received: a device of a domain that is gone is
// refused, and fetches no command any more. Wipe devices first, and leave a
// grace period in which they can answer.
//
// # Who may do what
//
// All calls are for the host: a scope of chatadmin.Admin.AsHost, or none. Every
// other scope gets chatadmin.ErrForbidden.
package closing
