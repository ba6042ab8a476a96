package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/class"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/sqlstore"
)

// work gives the library what the host has changed of its people, until
// nothing waits. A host calls it every minute beside Admin.Work, and after a
// change that cannot wait. Whoever cannot be handled waits for the next call
// and is named in the error; after maxFailed of them work ends.
func (h *host) work(ctx context.Context) error {
	var failed []error
	for len(failed) < maxFailed {
		found, err := h.workOne(ctx, len(failed))
		if err != nil {
			failed = append(failed, err)
		}
		if !found {
			break
		}
	}
	return errors.Join(failed...)
}

const maxFailed = 100

// workOne does it for one person, in one transaction: the change of the user
// and the end of the waiting are committed together, so that a crash neither
// loses nor repeats a change. It passes over as many as have failed. What the
// library refuses is kept as a problem.
func (h *host) workOne(ctx context.Context, failed int) (found bool, err error) {
	tx, err := h.db.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer func() { _ = tx.Rollback() }()
	if h.dialect == sqlstore.PostgreSQL { // one worker at a time; the host's changes go on
		if _, err := tx.ExecContext(ctx, "LOCK TABLE people_changes IN SHARE UPDATE EXCLUSIVE MODE"); err != nil {
			return false, err
		}
	}
	var c change
	err = tx.QueryRowContext(ctx, `SELECT c.person_id, c.gone, coalesce(u.id, ''), coalesce(o.chat_domain, u.domain, '')
		FROM people_changes c LEFT JOIN people p ON p.person_id = c.person_id LEFT JOIN companies o ON o.company = p.company
		LEFT JOIN chatadmin_users u ON u.id = coalesce(c.gone, p.chat_user)
		WHERE c.problem = '' AND (c.gone IS NOT NULL OR o.chat_domain IS NOT NULL) ORDER BY c.person_id, c.gone LIMIT 1 OFFSET $1`, failed).
		Scan(&c.person, &c.gone, &c.user, &c.domain)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	refused := h.apply(ctx, tx, c)
	switch class.Of(refused) {
	case nil:
		_, err = tx.ExecContext(ctx, "DELETE FROM people_changes WHERE person_id = $1 OR gone = $2", c.person, c.gone)
	case class.Internal, class.Unavailable: // to be tried again
		err = refused
	default:
		_, err = tx.ExecContext(ctx, "UPDATE people_changes SET problem = $3 WHERE person_id = $1 OR gone = $2", c.person, c.gone, refused.Error())
	}
	if err == nil {
		err = tx.Commit()
	}
	if err != nil {
		err = fmt.Errorf("%v: %w", c, err)
	}
	return true, err
}

// change is a person who waits, or a user whose person is gone.
type change struct {
	person any // the key, of whatever type; nil if the person is gone
	gone   sql.NullString
	user   chatadmin.ID // "" for a person who is no user yet
	domain chatadmin.ID
}

func (c change) String() string {
	if c.gone.Valid {
		return "the person of user " + c.gone.String + ", who is gone"
	}
	return fmt.Sprintf("person %v", c.person)
}

// row is what a person and their user have in common.
type row struct {
	login, email, name, first, last, title, department, phone string
	manager                                                   chatadmin.ID // "" also if the boss is no user
	active                                                    bool
}

// apply makes the changes of the person through the library, within tx.
func (h *host) apply(ctx context.Context, tx *sql.Tx, c change) error {
	store, err := sqlstore.Join(tx, h.dialect, nil)
	if err != nil {
		return err
	}
	joined, err := h.admin.Join(store)
	if err != nil {
		return err
	}
	s := joined.AsHost(c.domain)
	if c.gone.Valid {
		if c.user != "" {
			_, err = s.DeactivateUsers(ctx, c.user)
		}
		return err
	}
	p, u, err := h.lock(ctx, tx, store, c)
	if err != nil {
		return err
	}
	switch {
	case c.user != "":
		err = edit(ctx, s, c.user, p, u)
	case p.active && p.login != "":
		err = create(ctx, tx, s, c, p)
	}
	if err != nil {
		return err
	}
	// What the library has put right, such as blanks around a name.
	_, err = tx.ExecContext(ctx, `UPDATE people SET (username, mail, full_name, forename, surname, job, division, phone, active) =
		(SELECT u.login, u.email, u.display_name, u.first_name, u.last_name, u.title, u.department, u.phone, u.status <> 3
			FROM chatadmin_users u WHERE u.id = people.chat_user)
		WHERE people.person_id = $1 AND people.chat_user IS NOT NULL`, c.person)
	return err
}

// lock keeps others from changing the person or the user, and reads both. It
// locks in the order of the library: the domain, the user, the person.
func (h *host) lock(ctx context.Context, tx *sql.Tx, store storage.Store, c change) (p, u row, err error) {
	forUpdate := ""
	if h.dialect == sqlstore.PostgreSQL {
		forUpdate = " FOR UPDATE OF p"
		fence := storage.Fence{Domain: c.domain, Mode: storage.Shared}
		if err := store.Update(ctx, fence, func(context.Context, storage.Tx) error { return nil }); err != nil {
			return p, u, err
		}
		if _, err := tx.ExecContext(ctx, "SELECT 1 FROM chatadmin_users WHERE id = $1 FOR UPDATE", c.user); err != nil {
			return p, u, err
		}
	}
	var now chatadmin.ID
	err = tx.QueryRowContext(ctx, `SELECT coalesce(p.chat_user, ''),
		coalesce(p.username, ''), coalesce(p.mail, ''), coalesce(p.full_name, ''), coalesce(p.forename, ''), coalesce(p.surname, ''),
		coalesce(p.job, ''), coalesce(p.division, ''), coalesce(p.phone, ''), coalesce(p.active, FALSE),
		coalesce((SELECT b.chat_user FROM people b WHERE b.person_id = p.boss), ''),
		coalesce(u.login, ''), coalesce(u.email, ''), coalesce(u.display_name, ''), coalesce(u.first_name, ''), coalesce(u.last_name, ''),
		coalesce(u.title, ''), coalesce(u.department, ''), coalesce(u.phone, ''), coalesce(u.status <> 3, FALSE), coalesce(u.manager, '')
		FROM people p LEFT JOIN chatadmin_users u ON u.id = p.chat_user WHERE p.person_id = $1`+forUpdate, c.person).
		Scan(&now, &p.login, &p.email, &p.name, &p.first, &p.last, &p.title, &p.department, &p.phone, &p.active, &p.manager,
			&u.login, &u.email, &u.name, &u.first, &u.last, &u.title, &u.department, &u.phone, &u.active, &u.manager)
	if err == nil && now != c.user || errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("changed just now: %w", chatadmin.ErrBusy)
	}
	return p, u, err
}

// create makes a user of a person. "new" tells the trigger who the person is.
func create(ctx context.Context, tx *sql.Tx, s *chatadmin.Scope, c change, p row) error {
	if _, err := tx.ExecContext(ctx, "UPDATE people SET chat_user = 'new' WHERE person_id = $1", c.person); err != nil {
		return err
	}
	_, refused := s.CreateUser(ctx, chatadmin.NewUser{Login: p.login, Email: p.email, DisplayName: p.name, FirstName: p.first, LastName: p.last,
		Title: p.title, Department: p.department, Phone: p.phone, Manager: p.manager, NoInvitation: true})
	if refused != nil {
		if _, err := tx.ExecContext(ctx, "UPDATE people SET chat_user = NULL WHERE person_id = $1", c.person); err != nil {
			return errors.Join(refused, err)
		}
	}
	return refused
}

// edit makes a user as the person is. Access goes first: whoever leaves goes
// out, even if another column of theirs is refused.
func edit(ctx context.Context, s *chatadmin.Scope, id chatadmin.ID, p, u row) error {
	var refused error
	if p.active && !u.active {
		_, refused = s.ActivateUsers(ctx, id)
	} else if !p.active && u.active {
		_, refused = s.DeactivateUsers(ctx, id)
	}
	p.active = u.active
	if p == u {
		return refused
	}
	changed := func(now, was string) *string {
		if now == was {
			return nil
		}
		return &now
	}
	e := chatadmin.UserEdit{Login: changed(p.login, u.login), Email: changed(p.email, u.email), DisplayName: changed(p.name, u.name),
		FirstName: changed(p.first, u.first), LastName: changed(p.last, u.last), Title: changed(p.title, u.title),
		Department: changed(p.department, u.department), Phone: changed(p.phone, u.phone)}
	if p.manager != u.manager {
		e.Manager = &p.manager
	}
	_, err := s.EditUser(ctx, id, e)
	return errors.Join(refused, err)
}
