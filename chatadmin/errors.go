package chatadmin

import (
	"fmt"
	"net/http"

	"chatadmin.example/sdk/chatadmin/class"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/texts"
)

// The classes that the errors of all packages belong to, for errors.Is. See
// Code and HTTPStatus.
var (
	ErrInvalid = class.Invalid
	// the actor has no access any more: sign them out; it is ErrForbidden too
	ErrActor             = class.Actor
	ErrForbidden         = class.Forbidden
	ErrNotFound          = class.NotFound
	ErrExists            = class.Exists
	ErrState             = class.State
	ErrLimited           = class.Limited
	ErrNotInSubscription = class.Subscription
	ErrHeld              = class.Held
	ErrUnavailable       = class.Unavailable
)

// Errors within the classes. Their texts are for the administrator.
var (
	ErrLastAdmin    = ErrState.New("last_admin", "the domain would be left without an administrator")
	ErrDefaultGroup = ErrState.New("default_group", "this is a default group of the domain")
	ErrShippedGroup = ErrState.New("shipped_group", "this group belongs to the product and cannot be deleted")
	ErrArchived     = ErrState.New("archived", "this group is archived")
	ErrSuspended    = ErrState.New("suspended", "the domain is suspended")
	ErrClosing      = ErrState.New("closing", "the domain is being deleted")
	ErrPlanStale    = ErrState.New("plan_stale", "the plan is out of date: make it again and look at it before applying it")
	ErrTransition   = ErrState.New("transition", "not possible in its present state")
	ErrVetoed       = ErrForbidden.New("vetoed", "refused by the application")

	// ErrLink is a link that was never sent, was used, or is dead since a newer
	// one was sent or the user's address or access changed: they look alike.
	ErrLink = ErrNotFound.New("link", "this link does not work any more: ask your administrator for a new one")
	// ErrLinkExpired is a link that came too late.
	ErrLinkExpired = ErrNotFound.New("link_expired", "this link has expired: ask your administrator for a new one")
	// ErrLinkBusy is a link that is being used at this moment.
	ErrLinkBusy = ErrState.New("link_busy", "this link is being used just now: try again in a minute")
	// ErrThrottled is something that was asked for too often.
	ErrThrottled = ErrLimited.New("throttled", "too often")

	ErrMailRefused = ErrInvalid.New("mail_refused", "the mail was refused for good")
	ErrMailUnknown = ErrUnavailable.New("mail_unknown", "it is not known whether the mail was accepted")

	// of the store
	ErrBusy          = storage.ErrBusy
	ErrCommitUnknown = storage.ErrCommitUnknown
	// ErrDamaged is wrapped by the error for data in the store that cannot be
	// read: it is truncated, of wrong types, or written by a newer version of
	// this library. See [Scope.Damaged].
	ErrDamaged = ErrUnavailable.New("damaged", "stored data cannot be read")

	// ErrJoined is returned by what cannot be a part of a transaction of the
	// host's: a run, which has many transactions; a worker or a delivery, which
	// has effects that a rollback does not undo; and New and the constructors
	// of packages, over whose Admin the one of the transaction is made.
	ErrJoined = ErrInvalid.New("joined", "the library is within a transaction of the host")
	// ErrNeedsExclusive is what WriteUsers says under a weaker fence where the
	// change could remove the last admin or close a circle of managers: run it
	// again under Exclusive.
	ErrNeedsExclusive = ErrState.New("needs_exclusive", "this change needs the exclusive fence")
	// ErrStepAgain is returned by RunStep.Do to have the step prepared anew.
	// Nothing of it is kept.
	ErrStepAgain = ErrState.New("step_again", "the step must be prepared anew")
)

// Code returns the code of an error, which stays the same from version to
// version: its own, such as "last_admin" or "bad_email", or that of its class.
// It is "internal" if the error belongs to none, and "" for nil.
func Code(err error) string { return class.Code(err) }

// HTTPStatus returns the HTTP status of the class of an error: 500 if it
// belongs to none, and 200 for nil.
func HTTPStatus(err error) int {
	if err == nil {
		return http.StatusOK
	}
	return class.Of(err).Status()
}

// missing is what a call says where it was given nothing.
func missing(what string) error {
	return fmt.Errorf("nothing was given: give %s: %w", what, ErrInvalid)
}

// FieldError says what is wrong with one field of what was given. It wraps
// ErrInvalid.
type FieldError struct {
	Field  string // "login", "email", "first_name", …
	Value  string // cut to 64 bytes
	Code   string // stable, such as "bad_email"; see the Code constants
	Reason string // a sentence for the administrator
	// Detail is the reason as a text with its values, to be said in other
	// languages. Without it the text of the code is said, "fault." + Code.
	Detail texts.Message
}

// Message returns what package texts says of the field in any language.
func (e *FieldError) Message() texts.Message {
	if e.Detail.Code != "" {
		return e.Detail
	}
	return texts.Message{Code: "fault." + e.Code, Text: e.Reason}
}

// detailed is a FieldError whose reason is a text with values.
func detailed(field, value, code string, why texts.Message) *FieldError {
	return &FieldError{Field: field, Value: Cut(value), Code: code, Reason: why.Text, Detail: why}
}

func (e *FieldError) Error() string { return fmt.Sprintf("%s: %s", e.Field, e.Reason) }

// ErrorCode is Code.
func (e *FieldError) ErrorCode() string { return e.Code }

// Unwrap is ErrInvalid.
func (e *FieldError) Unwrap() error { return ErrInvalid }
