package chatadmin

import (
	"errors"
	"fmt"
)

// The errors a host tells apart with errors.Is. Their texts are for the administrator.
var (
	ErrInvalid           = errors.New("not valid")
	ErrNotFound          = errors.New("not found")
	ErrForbidden         = errors.New("not permitted")
	ErrExists            = errors.New("exists already")
	ErrLastAdmin         = errors.New("the domain would be left without an administrator")
	ErrDefaultGroup      = errors.New("this is a default group of the domain")
	ErrShippedGroup      = errors.New("this group belongs to the product and cannot be deleted")
	ErrNotInSubscription = errors.New("not part of the domain's subscription")
	ErrSuspended         = errors.New("the domain is suspended")
	ErrPlanStale         = errors.New("the plan is out of date: make it again and look at it before applying it")
	ErrHeld              = errors.New("a legal hold forbids it: release the hold first")
	ErrVetoed            = errors.New("refused by the application")
	ErrTransition        = errors.New("not possible in the user's present state")
)

// missing is what a call says where it was given nothing.
func missing(what string) error {
	return fmt.Errorf("nothing was given: give %s: %w", what, ErrInvalid)
}

// FieldError says what is wrong with one field of what was given. It wraps ErrInvalid.
type FieldError struct {
	Field  string // "login", "email", "first_name", …
	Value  string // cut to 64 bytes
	Code   string // stable, such as "bad_email"; see the Code constants
	Reason string // a sentence for the administrator
}

func (e *FieldError) Error() string { return fmt.Sprintf("%s: %s", e.Field, e.Reason) }

// Unwrap is ErrInvalid.
func (e *FieldError) Unwrap() error { return ErrInvalid }
