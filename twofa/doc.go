// Package twofa is two-factor authentication beside the password: a code from
// an authenticator app or by e-mail, browsers that are remembered for a while,
// recovery codes, and what administrators need around them. It implements
// signin.SecondFactor; the sign-in gate asks it, counts and locks.
//
// # Wiring it
//
//	// The secret has 32 bytes, from the host's secret store.
//	key := keyring.Key{ID: "2026", Secret: secret.HideBytes(bytes)}
//	ring, err := keyring.New(rand.Reader, key)
//	// In every program that changes users; ring is nil where nobody signs in.
//	second, err := twofa.New(admin, &twofa.Options{Keys: ring})
//	gate, err := signin.New(admin, &signin.Options{SecondFactor: second})
//
//	// An administrator switches it on, after a look at the plan:
//	policy := twofa.Policy{Mode: twofa.Authenticator, Validity: 30 * 24 * time.Hour}
//	plan, err := second.Plan(ctx, s, policy)
//	err = second.Apply(ctx, s, plan)
//
//	// The gate's decision holds the challenge. The page shows its QR code or
//	// asks for the code.
//	a := signin.Attempt{Login: login, Client: signin.Web, Trust: cookie, Challenge: open}
//	decision, err := gate.SignIn(ctx, domain, a, verify)
//
//	// The answer goes to the gate. Keep decision.Trust in a cookie: Secure,
//	// HttpOnly, SameSite.
//	id := decision.Challenge.ID
//	decision, err = gate.Complete(ctx, domain, id, code, remember)
//
//	second.Challenge(ctx, domain, id)        // the page is loaded again
//	second.Resend(ctx, domain, id)           // "send the code again"
//	admin.PasswordChanged(ctx, domain, user) // in the host's own table
//
// chatadmin.Admin.Work sends the mails that tell users what has happened.
//
// # Who is asked
//
// The first line that applies decides, for network users and guests alike.
// [Service.Explain] tells it for one user.
//
//	off        the domain's mode is off               not asked
//	federated  Google or SAML was the first factor    not asked
//	mobile     the client is native, iOS or Android   not asked
//	trusted    the browser or desktop client is       not asked; its token is
//	           remembered                             replaced
//	asked      web, desktop, Mac, and all unknown     asked for the code of the
//	                                                  domain's mode
//
// A mode cannot be switched on if no administrator could then sign in, or if it
// sends codes and the program has no Mailer. These are blockers of the plan,
// and Apply refuses with a [BlockedError]. A user who lacks what the mode
// needs is refused by a decision of the gate, with the reason signin.NoAddress
// or signin.TooManyCodes.
//
// # Authenticator
//
// Codes are those of RFC 6238 with SHA-1, 6 digits, 30 seconds, and a secret of
// 20 bytes: what every app understands. The first sign-in after the mode was
// switched on, or after a reset, brings a QR code (PNG), the otpauth:// URI and
// the secret as text. It counts when a code has confirmed it; that code is used
// up. Until then, and as long as the challenge is open, [Service.Challenge], or
// a sign-in whose Attempt.Challenge names it, shows the same again. Another
// client gets a secret of its own.
//
// A code works once. Its time step, the present one or one beside it, must be
// greater than the last one used; the revision of the user's record decides
// between two at once. Clocks that are set back and restarts reopen nothing.
// Switching the mode off and on keeps enrolled authenticators.
//
// # Codes by e-mail
//
// A code has six random digits and is kept as a keyed hash under a sealed key.
// It works once, for 10 minutes, for its challenge alone. Sending a new one
// kills the code before, and prolongs the challenge up to 30 minutes in all. A
// mailbox gets at most 5 codes in 15 minutes; those that the mail server surely
// did not accept do not count. In the authenticator mode no code is sent.
//
// # Guessing
//
// Codes are taken as people type them: blanks around them, and spaces and
// hyphens within, do not matter. What cannot be a code at all is no guess; a
// challenge takes 10 such answers.
//
// The gate locks. Beside it, a challenge takes 5 wrong answers, and a user 10
// in a row, over all challenges: then no code is looked at for 15 minutes,
// after 10 more for 30, and so on to 16 hours. A right code or a reset ends the
// pause. A user has at most 10 open challenges, which last 10 minutes.
//
// # Remembered clients
//
// A browser or desktop client that has passed may be remembered for the
// domain's validity period, counted from then; using it does not prolong it.
// Its token serves one user, domain, kind of client and generation, is kept as
// a hash, and is replaced at each use. A token that was replaced and comes
// again was copied: the client is forgotten, and the user is told. A user has
// at most 20 remembered clients.
//
// Overlapping sign-ins of two tabs are no replay: one gets the new token, the
// others pass without. Options.TrustGrace forgives for up to a minute more, for
// forms that are submitted twice and responses that are lost. By default
// nothing more is forgiven, which costs the user one code. If the clock is
// behind that of the rotation, nothing is forgiven either.
//
// Shortening the period or changing the mode acts at once, and nothing brings
// back what it ended. So do deactivation, denial, deletion and, where codes go
// by e-mail, a new address. Reactivating a user restores the authenticator.
//
// # Clocks
//
// Clocks may differ by 5 minutes. A pause, a challenge, a mail or a remembered
// client that lies further ahead than possible was written by a wrong clock,
// and is over. The last time step of which a code was accepted is the
// exception: it never goes down, so that no code works twice.
//
// # Who may do what
//
//	twofactor, or for oneself   Explain, Trusted, RevokeTrusted
//	twofactor, or for oneself   RevokeAllTrusted, RecoveryCodes
//	twofactor                   Plan, Apply, Reset
//	everybody                   Policy
//	host                        Reseal, ResumeReseal, SendNotices
//	host                        Ask, Open, Answer, Challenge, Resend
//	host                        TwoFactorEnabled
//
// Nobody acts on a user on whom chatadmin.Writer.MayActOn refuses to act.
// ChangeSettings cannot change the policy.
//
// # Changing the key
//
// Every process that signs users in must be able to open what any other of them
// seals. If several run, first give all of them the new key as an old one:
//
//	keyring.New(rand.Reader, current, next)
//
// When the last one has it, make it the current one in all of them, with the
// key before as an old one:
//
//	keyring.New(rand.Reader, next, current)
//
// When the last one has that, call Reseal for each domain. Reset the users that
// its run names, and then take the key before out. A process that meets a key
// it does not have lets nobody in whose secret the key seals
// (keyring.ErrUnknownKey), and changes nothing.
//
// # What is kept
//
// Each user owns one record. What must be decided together is one row, and its
// revision decides. Beside reading the domain, which tells the mode, an answer
// is one read and one write. If the store fails meanwhile, the answer is no; if
// it had committed all the same, the code is used up. Secrets are sealed by the
// key ring, bound to purpose, domain, user and generation; everything else that
// lets a user in is kept as a hash. A reset begins a new generation. Nothing of
// it appears in logs, errors, events or exports.
//
// # Damaged data
//
// A record that cannot be read, because of a fault or a newer version of this
// library, lets its user in by no way until a reset, and keeps nobody else from
// anything. The user can be deactivated, denied and deleted. The calls about
// the user return an error that wraps chatadmin.ErrDamaged; [Service.Reset] and
// [Service.RevokeAllTrusted] go on. chatadmin.Scope.Damaged lists the record,
// and chatadmin.Scope.Repair resets the user, with the permission twofactor and
// power over the user.
package twofa
