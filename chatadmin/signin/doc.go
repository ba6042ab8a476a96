// Package signin is the gate: it decides every sign-in, locks out who guesses,
// and tells the host whose sessions to end.
//
// # Wiring it
//
// The library owns no passwords: the host says whether the first factor held,
// by its own password table, by package password beside this one, or by what
// Google or a SAML provider asserts.
//
//	gate, err := signin.New(admin, &signin.Options{
//		Sessions: sessions, SecondFactor: twoFactor, Devices: devices,
//	})
//
//	// In the handler of the login page:
//	d, err := gate.SignIn(ctx, domain,
//		signin.Attempt{Login: login, Client: signin.Web, Trust: cookie},
//		func(ctx context.Context, u chatadmin.User) (bool, error) {
//			return passwords.Verify(ctx, u, password)
//		})
//	switch {
//	case err != nil:
//		// 500: nobody comes in
//	case d.Allowed():
//		// make the session, with d.User.ID and d.Client in it;
//		// keep d.Trust, if there is one, in a cookie
//	case d.Outcome == signin.Challenged:
//		// show d.Challenge to this person, and ask for the code
//	default:
//		// show d.Message(), which is the same for every reason;
//		// d.Reason() is for the log
//	}
//
//	// In the handler of the page that asks for the code:
//	d, err = gate.Complete(ctx, domain, challengeID, code, remember)
//
//	// In a worker, now and then:
//	gate.EndSessions(ctx)
//
// Begin and Finish are SignIn in two steps, for a first factor that is not
// verified by a function call.
//
// # The decision
//
// The first line that applies decides. To the world all refusals look the same,
// and cost the same work: the same reads and writes, and the host's Verify,
// which is called for nobody where nobody can come in, and hashes against a
// dummy.
//
//	what is found                         decision   reason          counts as
//	no user has the login                 denied     unknown         failure *
//	the domain is suspended or closing    denied     domain          nothing
//	the user is being deleted             denied     deleting        nothing
//	the user is deactivated               denied     deactivated     nothing
//	the user is denied                    denied     denied          nothing
//	the spelling is not exact **          denied     spelling        failure
//	locked by failures                    denied     locked          nothing
//	no place became free in time          denied     busy            nothing
//	the first factor does not hold        denied     wrong           failure
//	verifying took too long               denied     busy            nothing
//	the password changed meanwhile        denied     changed         nothing
//	another account of this provider      denied     other_account   nothing
//	the device is disabled                denied     device          nothing
//	a second factor is asked for          challenge                  nothing ***
//	access ended during the verification  denied     as above        nothing
//	otherwise                             allowed                    success
//	then: a wrong code                    denied     wrong_code      failure
//	then: a right code                    allowed                    success
//
// * The failure is counted for nobody. ** Only where the preset wants the exact
// spelling. *** Failures before it stay counted; a success forgets them. Behind
// a right code all of the above is asked once more.
//
// The first success makes a pending user active.
//
// # Lock-out
//
// Failures in a row are counted for each user, however the login is spelled,
// over all processes that share a store. The third (see [Policy]) locks; a lock
// lifts after 15 minutes, by Unlock, or when an admin grants access. LockedUsers
// lists who is locked, and Locks tells it of given users.
//
// An attempt reserves its place before anything is verified: failures and
// attempts under way are together never more than the limit, the others wait. So
// a hundred parallel guesses make three verifications, and a hundred parallel
// right passwords all come in. Places are kept in the gate's own transactions,
// never in one of the host's that could be rolled back: do not give the Admin a
// store that is joined to one. The gate counts by user; how many attempts one
// address may make is the host's to bound, before it calls the gate.
//
// Somebody who is locked keeps the sessions that they have: else everybody who
// knows a login could end them.
//
// What lies further ahead than it can was written by a clock that was wrong: it
// keeps nobody out when the clock is put right.
//
// # Late is busy
//
// The context of verify ends when a tenth of Options.ReservationLife is left. If verify
// gives up then, or says chatadmin.ErrBusy, or the first factor turns out to
// hold when the place is gone, the attempt is refused as busy, and is no
// failure: a flood of guesses at other logins locks nobody who knows the
// password. A first factor that does not hold is a failure, however late.
//
// # Google and SAML
//
// The host verifies an assertion before it calls the gate, and verify then
// returns true. Of OpenID Connect: the signature by a key of the provider, iss,
// aud, exp, nonce, and email_verified; with Google also hd, the company. Of
// SAML: the signature of the very element that is read, Issuer, Audience,
// Recipient, NotOnOrAfter, InResponseTo, and that no assertion is used twice.
//
// Give Attempt.Issuer and Attempt.Subject, the provider's own, stable ID
// ("sub", or a persistent NameID). The first sign-in finds the user by the
// address, which must be the same but for the case of ASCII letters, and links
// the account; from then on the ID alone finds the user. Another account with
// the same address is another person, and is refused until Unlink. Without
// Subject the address alone counts: then whoever gets the address gets the
// account.
//
// # Sessions
//
// What ends sessions (see "Which change ends what" in package chatadmin) queues
// it in the same transaction, and EndSessions tells the host after the commit,
// at least once. The host keeps Decision.Began with each session, and ends
// those that began before the time that it is told: a session made with the new
// password stays. An attempt that is under way when the password changes lets
// nobody in. When a domain is suspended, or two-factor authentication is
// switched on, it is told of everybody in the domain at once.
//
// # Who was refused
//
// Refusals lists whose sign-ins were refused lately, when, why, and from which
// kind of client. A refusal is noted in memory, which takes the same time
// whoever it is about, and FlushActivity writes it down: Admin.Work calls it. Of
// each user the last ten are kept, and the last ten of all logins together that
// nobody has, without what was typed.
//
// # Who came last, and who is idle
//
// Each sign-in is written down in the transaction that lets the user in: when,
// from which kind of client, and by which method. SignIns lists that. A user is
// idle who has neither signed in nor been active otherwise: the host calls Seen
// for the requests of its sessions, and package devices notes those of devices.
// Both are written at most once an hour for each user. Who has never signed in
// is idle since they were created; who has not come since the library keeps
// activity, since then.
//
// PlanIdle plans to deactivate users who have been idle for some days, and
// ApplyIdle does it. Whoever comes in between stays active, and one
// administrator always stays.
//
// # Who may do what
//
//	users.read     Locks, LockedUsers, LockedUsersPage
//	users.read     SignIns, SignInsPage, Refusals, RefusalsPage
//	users.edit     PlanIdle, ApplyIdle, ResumeIdle, IdleRun
//	users.access   Unlock, Unlink; chatadmin's GrantAccess lifts locks too
//	domain         SetPolicy
//	(none)         Policy
//
// SignIn, Begin, Finish, Cancel, Complete, EndSessions, Seen and FlushActivity
// are called by the host alone.
package signin
