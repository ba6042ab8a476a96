// Package twofa is two-factor authentication: a code from an authenticator app
// or by e-mail beside the password, browsers that are remembered for a while,
// recovery codes, and what administrators need around it. It implements
// signin.SecondFactor: the sign-in gate asks it, and counts and locks.
//
// # Wiring it
//
//	ring, err := keyring.New(rand.Reader, keyring.Key{ID: "2026", Secret: secret}) // 32 bytes from the host's secret store
//	second := twofa.New(admin, ring, nil)                                         // in every program that changes users; ring may be nil where nobody signs in
//	gate, err := signin.New(admin, &signin.Options{SecondFactor: second})
//
//	// An administrator switches it on, after a look at who is affected and who could not pass:
//	plan, err := second.Plan(ctx, s, twofa.Policy{Mode: twofa.Authenticator, Validity: 30 * 24 * time.Hour})
//	err = second.SetPolicy(ctx, s, plan)
//
//	// The gate's decision holds the challenge; the page shows its QR code or asks for the code, and the answer goes to the gate:
//	decision, err := gate.SignIn(ctx, domain, signin.Attempt{Login: login, Client: signin.Web, Trust: cookie, Challenge: other}, verify)
//	decision, err = gate.Complete(ctx, domain, decision.Challenge.ID, code, remember) // keep decision.Trust in a cookie: Secure, HttpOnly, SameSite
//
//	second.Challenge(ctx, domain, challenge)    // the page is loaded again: the same QR code
//	second.Resend(ctx, domain, challenge)       // "send the code again"
//	second.RevokeAllTrusted(ctx, host, user)    // whenever the user's password has changed
//
// Mails that tell users what has happened are sent by chatadmin.Admin.Work.
//
// # Who is asked
//
// The first line that applies decides, for network users and guests alike;
// [Service.Explain] tells it for one user.
//
//	off         the domain's mode is off                           not asked, and the store is not either
//	federated   the first factor was Google or SAML                not asked
//	mobile      the client is native on iOS or Android             not asked
//	trusted     the browser or desktop client is remembered        not asked; its token is replaced
//	asked       web, desktop, Mac, whatever is not known for sure  asked for the code of the domain's mode
//
// A mode cannot be switched on if no administrator could then sign in, or if it
// sends codes and the program has no Mailer: these are blockers of the plan,
// and SetPolicy refuses with a [BlockedError]. A user who lacks what the mode
// needs is refused by a decision of the gate, with the reason signin.NoAddress
// or signin.TooManyCodes.
//
// # Authenticator
//
// Codes are those of RFC 6238 with SHA-1, 6 digits, 30 seconds, and a secret of
// 20 bytes: what every app understands. The first sign-in after the mode was
// switched on, or after a reset, brings a QR code (PNG), the otpauth:// URI and
// the secret as text; it counts when a code has confirmed it, and that code is
// used up. Until then, and as long as the challenge is open,
// [Service.Challenge], or a sign-in whose Attempt.Challenge names it, shows the
// same once more; another client gets a secret of its own. A code works once:
// its time step, the present one or one beside it, must be greater than the
// last one used, and the revision of the user's record decides between two at
// once. Clocks that are set back and restarts reopen nothing. Switching the
// mode off and on keeps enrolled authenticators.
//
// # Codes by e-mail
//
// Six random digits, kept as a keyed hash under a sealed key, work once, for 10
// minutes, for their challenge alone. Sending anew kills the code before, and
// prolongs its challenge up to 30 minutes in all. A mailbox gets at most 5
// codes in 15 minutes; what the mail server surely did not accept does not
// count. In the authenticator mode none is sent, whoever asks.
//
// # Guessing
//
// Codes are taken as people type them: blanks around them, and spaces and
// hyphens within, do not matter. What cannot be a code at all is no guess;
// a challenge takes 10 such answers.
//
// Beside the gate, which locks: a challenge takes 5 wrong answers, and a user
// 10 in a row, over all challenges; then no code is looked at for 15 minutes,
// after 10 more for 30, and so on to 16 hours. A right code or a reset ends it.
// A user has at most 10 open challenges, which last 10 minutes.
//
// # Remembered clients
//
// A browser or desktop client that has passed may be remembered for the
// domain's validity period, counted from then; using it does not prolong it.
// Its token serves that user, domain, kind of client and generation alone, is
// kept as a hash, and is replaced at each use. A token that was replaced and
// comes again was copied: the client is forgotten, the user is told. Sign-ins
// of two tabs that overlap are no replay: one gets the new token, the others
// pass without. Options.TrustGrace forgives for up to a minute more, for forms
// that are submitted twice and responses that are lost; by default nothing is
// forgiven, which costs the user one code. A clock behind that of the rotation
// forgives nothing either. Shortening the period or changing the mode acts at
// once, and nothing brings back what it ended. So do deactivation, denial,
// deletion and, where codes go by e-mail, a new address; reactivating restores
// the authenticator.
//
// # Clocks
//
// Clocks may differ by 5 minutes. A pause, a challenge, a mail or a remembered
// client that lies further ahead than it can was written by a clock that was
// wrong, and is over. The last time step of which a code was accepted is the
// exception: it never goes down, so that no code works twice.
//
// # Who may do what
//
//	twofactor, or for oneself   Explain, Trusted, RevokeTrusted, RevokeAllTrusted, RecoveryCodes
//	twofactor                   Plan, SetPolicy, Reset
//	everybody                   Policy
//	host                        Reseal, ResumeReseal
//	host                        Ask, Open, Answer, Challenge, Resend, SendNotices, TwoFactorEnabled
//
// Nobody acts on a user on whom chatadmin.Work.MayActOn refuses to act.
// ChangeSettings cannot change the policy.
//
// # Changing the key
//
// Every process that signs users in must be able to open what any other of them
// seals. So, where several run: give all of them the new key first as an old
// one,
//
//	keyring.New(rand.Reader, current, next)
//
// and when the last one has it, make it the current one in all of them, with
// the one before as an old one,
//
//	keyring.New(rand.Reader, next, current)
//
// and when the last one has that, call Reseal for each domain. Reset the users
// whom its result names; then take the key of before out. A process that meets
// a key it does not have lets nobody in whose secret it seals
// (keyring.ErrUnknownKey), and changes nothing.
//
// # What is kept
//
// One record for each user, owned by them: what must be decided together is one
// row, and its revision decides. Beside reading the domain, which tells the
// mode, an answer is one read and one write. If the store fails meanwhile the
// answer is no; if it had committed all the same, the code is used up. Secrets
// are sealed by the key ring, bound to purpose, domain, user and generation;
// everything else that lets somebody in is kept as a hash. A reset begins a new
// generation. What cannot be read (a fault, or a row of a newer version) lets
// its user not sign in until a reset, and keeps nobody else from anything.
// Nothing of it appears in logs, errors, events or exports.
package twofa
