package signin

import (
	"context"
	"fmt"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/secret"
	"chatadmin.example/sdk/chatadmin/storage"
)

// Client is the kind of program somebody signs in with. It comes from the host's own evidence, such as which endpoint was called with which app credential, never from what the
// client says of itself; whatever is not known for sure is UnknownClient, which is treated as strictly as a browser.
type Client string

const (
	UnknownClient Client = "unknown"
	Web           Client = "web"
	Desktop       Client = "desktop"
	Mac           Client = "mac"
	IOS           Client = "ios"
	Android       Client = "android"
)

// Method is how the first factor was proven. The zero Method is Password.
type Method string

const (
	Password Method = "password"
	Google   Method = "google"
	SAML     Method = "saml"
)

// Attempt is one attempt to sign in.
type Attempt struct {
	Login  string // as typed; of Google and SAML the address that was asserted
	Client Client // "" is UnknownClient
	Method Method
	// Subject is the provider's own, stable ID of a person who comes by Google
	// ("sub") or SAML (a persistent NameID), and Issuer is the provider ("iss",
	// the entity ID). The first sign-in links them to the user, who is found by
	// them from then on, whatever becomes of the address. Without Subject the
	// address alone counts.
	Issuer, Subject string
	Trust           secret.Value // what a remembered client holds, such as the value of a cookie; zero for none
	// Challenge is the ID of the challenge that this client was given before, such as the value of a cookie; "" for none. While it is open, the
	// same challenge is asked again: reloading the page shows the same QR code and sends no further mail.
	Challenge string `json:"-"`
	Device    string // native clients: the device's own ID, once it is registered
}

// String leaves the trust token out.
func (a Attempt) String() string {
	return fmt.Sprintf("sign-in by %s with %s", a.Client, a.Method)
}

// GoString leaves it out too.
func (a Attempt) GoString() string { return a.String() }

// SecondFactor is what two-factor authentication does for the gate. Package twofa implements it.
type SecondFactor interface {
	// Ask says what is still asked of a user whose first factor has held. It opens a challenge where something is. With the domain's mode off it asks the store nothing.
	// It returns a *Refusal if the user cannot be asked for a reason of their own.
	Ask(ctx context.Context, set *chatadmin.Settings, u chatadmin.User, a Attempt) (Asked, error)
	// Open finds a challenge, so that the gate can reserve the attempt for its user. One that is unknown, expired, or dead otherwise is chatadmin.ErrNotFound.
	Open(ctx context.Context, domain chatadmin.ID, challenge string) (Open, error)
	// Answer checks the answer to a challenge that Open found. What cannot be a code is Malformed. remember asks for a trust token. An answer that is not looked at, since the challenge is over, may be
	// chatadmin.ErrNotFound: it counts as nothing.
	Answer(ctx context.Context, o Open, code string, remember bool) (Answer, error)
}

// Refusal is the error of SecondFactor.Ask for a user who cannot be asked: there
// is no address for a code, or too many codes were sent or guessed. The gate
// turns it into a decision with this reason, which counts neither as a failure
// nor as a success.
type Refusal struct {
	Reason Reason
	Err    error
}

// Error is the text of Err, or the reason where there is none.
func (r *Refusal) Error() string {
	if r.Err == nil {
		return string(r.Reason)
	}
	return r.Err.Error()
}

// Unwrap is Err, or chatadmin.ErrForbidden if there is none.
func (r *Refusal) Unwrap() error {
	if r.Err == nil {
		return chatadmin.ErrForbidden
	}
	return r.Err
}

// Asked is what SecondFactor asks.
type Asked struct {
	Challenge *Challenge   // nil: nothing
	Trust     secret.Value // takes the place of the trust token given; zero keeps it
}

// String leaves the trust token out.
func (a Asked) String() string { return fmt.Sprintf("asked: %t", a.Challenge != nil) }

// GoString leaves it out too.
func (a Asked) GoString() string { return a.String() }

// Challenge is what a user must answer. The gate returns it to the host, for the user alone.
type Challenge struct {
	ID        string
	Kind      string // "email" or "authenticator"
	Expires   time.Time
	Enrolment *Enrolment // the user has to set up an authenticator first
}

// Enrolment is what an authenticator app needs. All of it is secret and shown once: neither fmt, log/slog nor encoding/json prints it.
type Enrolment struct {
	URI    secret.Value // otpauth://…
	Secret secret.Value // base32, to be typed where no camera is
	QR     secret.Value // PNG, as Bytes
}

// String hides everything.
func (Enrolment) String() string { return "enrolment (secret)" }

// GoString hides everything.
func (Enrolment) GoString() string { return "enrolment (secret)" }

// Open is a challenge that waits for its answer.
type Open struct {
	Challenge    string
	Domain, User chatadmin.ID
	Client       Client
	Method       Method
	Device       string
	Rev          storage.Rev // of the challenge's record: an answer to another state of it is refused
	// Settings are the domain's at the time of Open. The answer, which follows at once, is decided by them.
	Settings *chatadmin.Settings
}

// Answer is what came of an answer.
type Answer struct {
	Right bool
	Dead  bool // the challenge takes no further answer: sign in anew
	// Malformed says that the answer cannot be a code: it was not compared with
	// anything, and is no failed sign-in.
	Malformed bool
	Trust     secret.Value // the trust token, if one was asked for and the domain allows it
}

// String leaves the trust token out.
func (a Answer) String() string { return fmt.Sprintf("right: %t, dead: %t", a.Right, a.Dead) }

// GoString leaves it out too.
func (a Answer) GoString() string { return a.String() }

// Devices is what device administration does for the gate. Package devices implements it.
type Devices interface {
	// DeviceAllowed reports whether a user may come in with a device of theirs. One that is not registered yet is allowed.
	DeviceAllowed(ctx context.Context, domain, user chatadmin.ID, device string) (bool, error)
}

// Sessions ends the sessions of the host.
type Sessions interface {
	// EndSessions ends those sessions of users that began before a time, by
	// Decision.Began, and those that began later than now, which a clock that was
	// wrong has stamped. If users is nil it ends them for everybody in the domain.
	// It is called after the commit of what ends them, at least once; ending what
	// is not there is no error.
	EndSessions(ctx context.Context, domain chatadmin.ID, users []chatadmin.ID, before time.Time) error
}
