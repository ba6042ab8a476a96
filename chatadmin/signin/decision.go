package signin

import (
	"log/slog"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/chatadmin/texts"
)

// Outcome is what the gate decided.
type Outcome uint8

const (
	Denied     Outcome = iota // the zero Outcome
	Allowed                   // the host makes its session
	Challenged                // a code is asked for: Complete decides
)

// String is "denied", "allowed" or "challenge".
func (o Outcome) String() string {
	switch o {
	case Allowed:
		return "allowed"
	case Challenged:
		return "challenge"
	}
	return "denied"
}

// Decision is the answer of the gate. The zero Decision denies.
//
// What the person at the door may see is Outcome, Message and, as far as they
// are meant for them, Challenge and Trust. Why somebody was refused is behind
// methods, for logs and administrators: neither fmt nor encoding/json prints
// it. A refusal looks the same whether the login is unknown or the user locked,
// denied, deactivated, or the password wrong.
type Decision struct {
	Outcome Outcome
	// who comes in, or has to answer; nobody where the answer is no
	User chatadmin.User `json:"-"`
	// allowed: for which kind of client. The host writes it into the session,
	// which must not serve another kind
	Client Client
	Method Method
	// Began is when an attempt that is allowed began. The host writes it into
	// the session: Sessions.EndSessions ends those that began before a time.
	Began time.Time
	// Challenge is what has to be answered.
	Challenge *Challenge
	// Trust takes the place of the trust token that the client holds, also
	// where the answer is no; the zero one keeps that. It is a secret of the
	// client, and is handed over on purpose alone.
	Trust secret.Value
	// Retry says that Complete was answered wrongly and that the challenge
	// takes another answer.
	Retry bool

	reason  Reason
	subject chatadmin.ID
}

// Allowed reports whether the user comes in.
func (d Decision) Allowed() bool { return d.Outcome == Allowed }

// Message is what to show to whoever is refused. The words are the same for
// every reason but those that come after the first factor has held: no address
// for a code, too many codes, and an answer that cannot be a code.
func (d Decision) Message() string {
	return d.Sentence().Text
}

// Sentence is Message with its code, to be said in another language; see
// package texts.
func (d Decision) Sentence() texts.Message {
	if d.Outcome != Denied {
		return texts.Message{}
	}
	switch d.reason { // the first factor has held: whoever knows it may know this
	case NoAddress:
		return texts.NewMessage("signin.no_address")
	case TooManyCodes:
		return texts.NewMessage("signin.too_many_codes")
	case NotACode:
		return texts.NewMessage("signin.not_a_code")
	}
	return texts.NewMessage("signin.failed")
}

// Reason is why somebody was refused, for logs and administrators alone.
func (d Decision) Reason() Reason { return d.reason }

// Subject is whom the attempt was about, "" where the login belongs to nobody.
// It is for logs and administrators alone.
func (d Decision) Subject() chatadmin.ID { return d.subject }

// String is the outcome.
func (d Decision) String() string { return d.Outcome.String() }

// GoString is the outcome too: no secret or reason slips out with %#v.
func (d Decision) GoString() string { return d.Outcome.String() }

// LogValue is for the host's log: the outcome, the reason and the user's ID.
// What was typed as a login is not there: it may be a password typed into the
// wrong field.
func (d Decision) LogValue() slog.Value {
	return slog.GroupValue(slog.String("outcome", d.Outcome.String()), slog.String("reason", string(d.reason)), slog.String("user", string(d.subject)),
		slog.String("client", string(d.Client)), slog.String("method", string(d.Method)))
}

// Reason is why somebody was refused.
type Reason string

const (
	Unknown     Reason = "unknown"     // no user has this login
	Spelling    Reason = "spelling"    // the domain wants the exact spelling; counts as a failure
	Wrong       Reason = "wrong"       // the first factor did not hold; counts as a failure
	WrongCode   Reason = "wrong_code"  // the second factor did not hold; counts as a failure
	Locked      Reason = "locked"      // by failed sign-ins
	NoAccess    Reason = "denied"      // an administrator has denied access for now
	Deactivated Reason = "deactivated" //
	Deleting    Reason = "deleting"    // the user is being deleted
	NoDomain    Reason = "domain"      // the domain is suspended or closing
	NoDevice    Reason = "device"      // the device is disabled
	// the challenge is unknown, expired, or was answered already
	NoChallenge Reason = "no_challenge"
	// too many attempts at the same time, or verifying took too long
	Busy    Reason = "busy"
	Changed Reason = "changed" // the password was changed while it was verified
	// OtherAccount is an assertion about an address whose user is linked to
	// another account of the same provider: the address was given to somebody
	// else. Gate.Unlink lets the new one in.
	OtherAccount Reason = "other_account"
	Vetoed       Reason = "vetoed" // the application refused a first sign-in
	Failed       Reason = "failed" // no decision was possible: there is an error beside it
)

// The reasons of which nothing counts, and which the person may know: their
// first factor has held.
const (
	NotACode  Reason = "not_a_code" // the answer cannot be a code
	NoAddress Reason = "no_address" // the user has no address that a code reaches
	// too many codes were sent or were wrong; it passes with time
	TooManyCodes Reason = "too_many_codes"
)

// Reasons are those for which Gate.Refusals lists a refusal: all but Failed and
// NotACode.
func Reasons() []Reason {
	return []Reason{Unknown, Spelling, Wrong, WrongCode, Locked, NoAccess, Deactivated, Deleting, NoDomain, NoDevice, NoChallenge, Busy, Changed,
		OtherAccount, Vetoed, NoAddress, TooManyCodes}
}

// standing is why a user cannot come in whatever they know; "" where they can.
func standing(set *chatadmin.Settings, u *chatadmin.User) Reason {
	switch {
	case set.State != chatadmin.DomainActive:
		return NoDomain
	case u.Deleting:
		return Deleting
	case u.Status == chatadmin.Deactivated:
		return Deactivated
	case u.Denied:
		return NoAccess
	}
	return ""
}
