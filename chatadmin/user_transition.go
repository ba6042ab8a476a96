package chatadmin

import (
	"context"
	"fmt"

	"chatadmin.example/sdk/chatadmin/texts"
)

// StatusEvent is what can happen to a user's access.
type StatusEvent uint8

const (
	SignedIn       StatusEvent = iota + 1 // the first sign-in makes a pending user active
	Deactivate                            // by an admin, or by an import
	Activate                              // back to what the user was before being deactivated
	DenyAccess                            // for now
	GrantAccess                           // lifts the denial
	BeginDeletion                         // no access any more, hidden from lists
	CancelDeletion                        // within the grace period
)

// Transition is the one place where the state of a user changes, whoever asks
// for it:
//
//	            pending              active        deactivated
//	SignedIn    active               =             refused
//	Deactivate  deactivated          deactivated   =
//	Activate    =                    =             pending or active, as before
//
// DenyAccess and GrantAccess, BeginDeletion and CancelDeletion set and clear
// Denied and Deleting whatever the status, and SignedIn is refused while either
// is set. "=" changes nothing and is no error, so that asking twice is
// harmless. While the user is being deleted everything but CancelDeletion is
// refused. What is refused is ErrTransition.
//
// What must end with the access (sessions, invitations, devices) ends in the
// transaction that writes the user: see UserChangeFunc.
func Transition(u User, e StatusEvent) (User, error) {
	refuse := func(why string) (User, error) {
		return u, fmt.Errorf("user %q %s: %w", Cut(u.Login), why, ErrTransition)
	}
	if u.Deleting && e != CancelDeletion && e != BeginDeletion {
		return u, userDeleting(&u)
	}
	switch e {
	case SignedIn:
		if u.Denied {
			return refuse("access is denied")
		}
		if u.Status == Deactivated {
			return refuse("is deactivated")
		}
		u.Status = Active
	case Deactivate, Activate:
		return activation(u, e)
	case DenyAccess:
		u.Denied = true
	case GrantAccess:
		u.Denied = false
	case BeginDeletion:
		u.Deleting = true
	case CancelDeletion:
		u.Deleting = false
	default:
		return refuse("unknown event")
	}
	return u, nil
}

// userDeleting is the error of a change of a user who is being deleted.
func userDeleting(u *User) error {
	return texts.Explain(fmt.Errorf("user %q is being deleted: %w", Cut(u.Login), ErrTransition), "why.user_deleting", Cut(u.Login))
}

// activation keeps the status that reactivating restores beside the status.
func activation(u User, e StatusEvent) (User, error) {
	if (u.Status == Deactivated) == (e == Deactivate) {
		return u, nil
	}
	a, err := AttributesOf(u)
	switch {
	case err != nil && e == Deactivate: // nothing keeps anybody from being deactivated
		u.Status = Deactivated
		return u, nil
	case err != nil:
		return u, fmt.Errorf("user %q cannot be activated: %w", Cut(u.Login), err)
	}
	if e == Deactivate {
		a.Prior, u.Status = u.Status, Deactivated
	} else {
		u.Status, a.Prior = max(a.Prior, Pending), 0
	}
	u.Attrs, err = a.encode()
	return u, err
}

// UserChange is one user before and after, as a transaction writes it. Was is
// the zero User where it creates one. Ends is what the change ends, see Cause.
type UserChange struct {
	Was, Now User
	Ends     Consequences
}

// LosesAccess reports whether the change ends the user's access: what hangs on
// it (sessions, links, devices) ends in the same transaction.
func (c *UserChange) LosesAccess() bool { return c.Was.HasAccess() && !c.Now.HasAccess() }

// GainsAccess reports whether the change gives access back to a user who had
// lost it.
func (c *UserChange) GainsAccess() bool {
	return c.Was.ID != "" && !c.Was.HasAccess() && c.Now.HasAccess()
}

// UserChangeFunc runs inside a transaction, after the users of one call (at
// most MaxBatch) were written, so that other state changes with them. An error
// keeps the users as they were. It works in batches, not user by user.
type UserChangeFunc func(context.Context, *Writer, []UserChange) error
