package erase

import (
	"context"
	"fmt"
	"regexp"
	"slices"

	"chatadmin.example/sdk/chatadmin"
)

// Eraser is a kind of things that the host keeps about users in places of its
// own, such as scheduled publications or assignments. Its methods are called
// outside transactions, and again after a crash: what is gone already is not
// counted a second time by an Eraser that answers truthfully.
//
// Answers that cannot be true end the deletion with an *EraserError, and Resume
// asks again: a count below 0 or above chatadmin.MaxCount, more erased than
// asked for or than there was, or a count that does not fall.
type Eraser interface {
	// Name is how warnings call the kind, such as "scheduled_publications";
	// plans and receipts count it under HostKind of the name. It has 1 to 64 of
	// a-z, 0-9 and "_", begins with a letter, and is the same at each call.
	Name() string
	// Count returns how much of it belongs to users, of whom there are at most
	// chatadmin.MaxBatch.
	Count(ctx context.Context, domain chatadmin.ID, users []chatadmin.ID) (int64, error)
	// Erase deletes or cancels up to limit of it, at least one while there is
	// any, and returns how many. 0 means that nothing is left.
	Erase(ctx context.Context, domain chatadmin.ID, users []chatadmin.ID, limit int) (int64, error)
}

// HostKind is the key under which plans and receipts count a host's kind:
// "host." and its name, so that it is never taken for one of the library's
// kinds.
func HostKind(name string) string { return "host." + name }

// EraserError is returned by New if an Eraser cannot be used, and by calls that
// use one if its answer cannot be true. It wraps chatadmin.ErrInvalid.
type EraserError struct {
	Name   string // of the Eraser, cut to 64 bytes
	Reason string
}

func (e *EraserError) Error() string {
	return fmt.Sprintf("the host's kind %q: %s", e.Name, e.Reason)
}

// Unwrap is chatadmin.ErrInvalid.
func (e *EraserError) Unwrap() error { return chatadmin.ErrInvalid }

// hostKind is an Eraser whose name was checked.
type hostKind struct {
	name   string
	eraser Eraser
}

var kindName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)

func hostKinds(erasers []Eraser) ([]hostKind, error) {
	kinds := make([]hostKind, len(erasers))
	for i, e := range erasers {
		if e == nil {
			return nil, &EraserError{"", fmt.Sprintf("Erasers[%d] is nil", i)}
		}
		name := e.Name()
		switch {
		case !kindName.MatchString(name):
			return nil, &EraserError{chatadmin.Cut(name), `give a name of 1 to 64 of a-z, 0-9 and "_" that begins with a letter`}
		case slices.ContainsFunc(kinds[:i], func(k hostKind) bool { return k.name == name }):
			return nil, &EraserError{name, "two Erasers have this name: give each its own"}
		}
		kinds[i] = hostKind{name, e}
	}
	return kinds, nil
}

// count asks how much there is.
func (k hostKind) count(ctx context.Context, domain chatadmin.ID, users []chatadmin.ID) (int64, error) {
	n, err := k.eraser.Count(ctx, domain, users)
	if err != nil {
		return 0, fmt.Errorf("counting %s: %w", k.name, err)
	}
	if n < 0 || n > chatadmin.MaxCount {
		return 0, &EraserError{k.name, fmt.Sprintf("it counts %d, which cannot be", n)}
	}
	return n, nil
}

// erase erases some of what there is, and returns how much. It may be 0 where
// another process has erased the rest.
func (k hostKind) erase(ctx context.Context, domain chatadmin.ID, users []chatadmin.ID, there int64) (int64, error) {
	n, err := k.eraser.Erase(ctx, domain, users, chatadmin.MaxBatch)
	if err != nil {
		return 0, fmt.Errorf("erasing %s: %w", k.name, err)
	}
	if n < 0 || n > chatadmin.MaxBatch || n > there {
		return 0, &EraserError{k.name, fmt.Sprintf("of %d and asked for at most %d it erased %d, which cannot be",
			there, chatadmin.MaxBatch, n)}
	}
	left, err := k.count(ctx, domain, users)
	if err == nil && left >= there {
		err = &EraserError{k.name, fmt.Sprintf("there were %d, it erased %d, and %d are left", there, n, left)}
	}
	return n, err
}
