package chatadmin

import "fmt"

// joined is a store of a transaction of the host's, such as sqlstore.Join
// makes.
type joined interface{ Joined() bool }

func isJoined(s Store) bool {
	j, ok := s.(joined)
	return ok && j.Joined()
}

// Join returns the Admin within a transaction of the host's: store is what
// sqlstore.Join has made of it. What is changed through the Admin that it
// returns is committed or undone by the host, together with all that follows
// from it. Every package that was constructed over this Admin takes part as
// ever: the devices, sessions and second factors of a user who is deactivated
// within the transaction end with it.
//
//	store, err := sqlstore.Join(tx, dialect, options)
//	joined, err := admin.Join(store)
//	_, err = joined.As(domain, boss).DeactivateUsers(ctx, ann)
//	err = tx.Commit()
//
// Give a scope of it to the methods of packages, too. Those that begin or
// continue a run return ErrJoined, and so do Work and everything that sends,
// delivers or releases something. Methods without a scope, such as those of the
// sign-in gate, go on in transactions of their own.
//
// Like the transaction the Admin is for one goroutine, until it ends. Join
// returns ErrInvalid for a store that is not of a transaction.
func (a *Admin) Join(store Store) (*Admin, error) {
	if store == nil || !isJoined(store) {
		return nil, fmt.Errorf("give the store of a transaction, as sqlstore.Join makes one: %w", ErrInvalid)
	}
	j := &Admin{store: guard(store), o: a.o, extended: a.extended, joined: true}
	j.last.Store(a.last.Load())
	return j, nil
}

// alone refuses what cannot be a part of a transaction of the host's.
func (a *Admin) alone(what string) error {
	if !a.joined {
		return nil
	}
	return fmt.Errorf("%s within a transaction of the host: do it before, or after the commit: %w", what, ErrJoined)
}

// checkUse refuses an Admin of Join over which a package was constructed.
func (a *Admin) checkUse() error {
	if !a.misused {
		return nil
	}
	return fmt.Errorf("a package was constructed over the Admin of a transaction: construct it over the one that was joined: %w", ErrJoined)
}
