// Package class holds the classes that the errors of all packages belong to.
// Callers tell errors apart by their class where they need to know no more:
//
//	errors.Is(err, class.NotFound)
//	class.Of(err).Status() // for HTTP
//
// Package chatadmin has the classes as ErrInvalid, ErrNotFound and so on.
package class

import (
	"context"
	"errors"
	"net/http"
)

// Class is a class of errors. It is an error itself.
type Class struct {
	code, text string
	status     int
	in         error // a class that this one belongs to
}

// The classes.
var (
	// Invalid is for input that cannot be used.
	Invalid = &Class{code: "invalid", text: "not valid", status: http.StatusBadRequest}
	// Actor is for an actor who does not exist any more, is deactivated or
	// denied, or was not named: the host signs them out. It belongs to Forbidden.
	Actor = &Class{code: "actor", text: "the acting user has no access", status: http.StatusUnauthorized, in: Forbidden}
	// Forbidden is for an actor who lacks a permission.
	Forbidden = &Class{code: "forbidden", text: "not permitted", status: http.StatusForbidden}
	// NotFound is for what does not exist, or belongs to another domain.
	NotFound = &Class{code: "not_found", text: "not found", status: http.StatusNotFound}
	// Exists is for what must be unique and is there already.
	Exists = &Class{code: "exists", text: "exists already", status: http.StatusConflict}
	// State is for what is out of date, or not possible in the present state.
	State = &Class{code: "state", text: "not possible in the present state", status: http.StatusConflict}
	// Limited is for what is possible again later.
	Limited = &Class{code: "limited", text: "too often or too many", status: http.StatusTooManyRequests}
	// Subscription is for what the domain has not bought.
	Subscription = &Class{code: "subscription", text: "not part of the domain's subscription", status: http.StatusPaymentRequired}
	// Held is for what a legal hold forbids.
	Held = &Class{code: "held", text: "a legal hold forbids it: release the hold first", status: http.StatusLocked}
	// Unavailable is for what failed for no fault of the caller's. Trying again
	// may help.
	Unavailable = &Class{code: "unavailable", text: "not available", status: http.StatusServiceUnavailable}
	// Internal is for errors of no other class.
	Internal = &Class{code: "internal", text: "something went wrong", status: http.StatusInternalServerError}
)

// order is the order in which an error that belongs to several classes is
// looked at.
var order = []*Class{Actor, Subscription, Held, Limited, Exists, State, NotFound, Forbidden, Unavailable, Invalid}

// All returns the classes, but for Internal.
func All() []*Class { return append([]*Class(nil), order...) }

func (c *Class) Error() string { return c.text }

// ErrorCode returns the code of the class, such as "not_found".
func (c *Class) ErrorCode() string { return c.code }

// Status returns the HTTP status of the class.
func (c *Class) Status() int { return c.status }

// Unwrap returns the class that this one belongs to, or nil.
func (c *Class) Unwrap() error { return c.in }

// New returns an error of the class with a code and a text of its own.
func (c *Class) New(code, text string) error { return &sentinel{code, text, c} }

// sentinel is an error that callers compare with.
type sentinel struct {
	code, text string
	class      *Class
}

func (s *sentinel) Error() string     { return s.text }
func (s *sentinel) ErrorCode() string { return s.code }
func (s *sentinel) Unwrap() error     { return s.class }

// Of returns the class of an error: Internal if it belongs to none, and nil for
// nil. A context that has ended is Unavailable.
func Of(err error) *Class {
	if err == nil {
		return nil
	}
	for _, c := range order {
		if errors.Is(err, c) {
			return c
		}
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return Unavailable
	}
	return Internal
}

// Code returns the code of an error, which stays the same from version to
// version: that of the error itself, such as "last_admin", or of its class. It
// is "" for nil.
func Code(err error) string {
	if err == nil {
		return ""
	}
	var own interface{ ErrorCode() string }
	if errors.As(err, &own) && own.ErrorCode() != "" {
		return own.ErrorCode()
	}
	return Of(err).code
}
