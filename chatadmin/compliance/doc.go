// Package compliance walks a customer through a business associate agreement
// (BAA), the contract that HIPAA asks for where messages hold medical records
// of the United States: from the request to the closing of the old domain.
//
//	x, err := compliance.New(admin, &compliance.Options{
//		Recipient: "support@vendor.example", // gets the request by mail
//		Retention: retain,
//		Closings:  closings,
//		Host:      host, // billing, signatures, transfers; see Host
//	})
//	a, err := x.Request(ctx, s, compliance.Form{NewDomain: "Acme Health", Acknowledge: "Yes"})
//	a, err = x.Advance(ctx, admin.AsHost(s.Domain()), a.ID, compliance.Provision, compliance.Input{})
//	// and so on: a.Next is the step that follows
//	did, err := admin.Work(ctx) // sends the mail, continues what was interrupted
//
// # The request
//
// [Form] has the fields of the mail that a customer sends: the domain, the
// address of its administrator, the address of the signer, the number of seats,
// the present plan, and "Yes" to the plan and its price, with the wanted name of
// the new domain. Everything that is wrong is told at once. [Agreements.Prices]
// is the table of prices and seats, and Options.Prices replaces it. A domain has
// one agreement under way at a time.
//
// # The steps
//
// Each step leads from one state to the next; no other step is possible there.
// Those marked * are left out if the customer had no domain before.
//
//	state            next step     by         what it does
//	requested        provision     operator   a new domain, with 7 days' retention for good
//	provisioned      invite        customer   they have invited their staff to the new
//	                                          domain, such as by an import
//	staff_invited    suspend *     operator   the old domain is suspended
//	old_suspended *  bill          customer   how they pay is on file
//	billing_on_file  send          operator   the agreement goes to the signer
//	sent             sign          customer   they have signed it
//	signed           countersign   operator   the vendor has signed it
//	countersigned    deliver       operator   a copy goes to the customer
//	delivered        settle *      operator   what was paid for the old domain is
//	                                          transferred or refunded
//	funds_settled *  close *       operator   the old domain is being deleted
//	old_closing *    finish *      operator   it is gone
//	old_closed *
//	requested … sent cancel        operator   nothing comes of it; the old domain is
//	                                          in use again
//	cancelled
//
// The operator is the host, with an AsHost scope of either domain or of "". The
// customer is an administrator of the new domain, or the host for them: the
// first one has the address Form.AdminEmail as login. The customer may cancel a request
// that nothing has come of yet.
//
// The new domain has an enterprise subscription, paid annually, and keeps
// messages for seven days. No call lengthens that: see
// retention.Retention.FixLimit. Admin.Work looks after it once a day, for the
// case that damaged settings were repaired. The old domain is closed by package
// closing, with its grace period, legal holds and receipt.
//
// # Side effects
//
// What the library cannot do itself is a call of [Host.Do], once for each step:
// for example to ask the payment provider whether a card is on file, or to have
// a service send the agreement. An error refuses the step, and nothing changes.
//
// A step is claimed, then carried out, then written down. A process that dies in
// between strands nothing: after five minutes the step can be made again, and
// Admin.Work makes it again in the name of the host. So Do may be called again
// for a step that it has carried out, and if one call takes longer than five
// minutes also while another is under way. [Effect.Key] is the same each time:
// give it to other services as their idempotency key. What the library does
// itself (the new domain, suspending, closing) is done once in any case.
//
// Documents are kept as references, such as the ID of an envelope of a signature
// service, never with their contents. Each step says who made it and when.
//
// # What is kept
//
// An agreement belongs to the host, not to a domain: it outlives the old one.
// It holds the addresses that were given, also when their owners are deleted as
// users, because the contract names them; those who made steps are IDs. When a
// domain is closed, nothing about agreements is left in it. The host deletes an
// agreement that has ended with [Agreements.Forget].
//
// # Who may do what
//
//	domain   Form, Request, Agreement, Agreements, AgreementsPage
//	domain   Advance (of the steps of the customer)
//	(host)   Advance (of the steps of the operator), Forget
//	(none)   Prices, Mail
//
// Deliver is for the host alone.
//
// Administrators see the agreements of their own domain, be it the old or the
// new one. The host sees all of them with the scope AsHost(""), which is also
// how it requests an agreement for a customer without a domain.
package compliance
