package chatadmin

import (
	"context"
	"iter"

	"chatadmin.example/sdk/chatadmin/storage"
)

// DamageSource makes something that is no record, such as the rows of devices,
// a place that [Scope.Damaged] looks through and [Scope.Repair] repairs. It is
// registered with [Extension.Records].
type DamageSource struct {
	// Kind is the DamagedError.Kind of what is found, and the kind given to
	// Repair.
	Kind string
	// Need is the permission for Repair beside PermDomain; "" is none.
	Need Permission
	// Each yields the rows of a domain that cannot be read. Such a row does
	// not end the list; an error does.
	Each func(ctx context.Context, r storage.Reader, domain ID) iter.Seq2[*DamagedError, error]
	// Repair puts something safe in the place of what cannot be read, or
	// deletes it. It returns false if there was nothing to repair, and
	// ErrNotFound if there is nothing of this ID.
	Repair func(ctx context.Context, w *Writer, id string) (repaired bool, err error)
}

func (d DamageSource) damage() DamageSource { return d }
