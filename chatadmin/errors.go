package chatadmin

import (
	"fmt"
	"net/http"

	"chatadmin.example/sdk/chatadmin/class"
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
}

func (e *FieldError) Error() string { return fmt.Sprintf("%s: %s", e.Field, e.Reason) }

// ErrorCode is Code.
func (e *FieldError) ErrorCode() string { return e.Code }

// Unwrap is ErrInvalid.
func (e *FieldError) Unwrap() error { return ErrInvalid }
