// Package ownusers is a store that keeps users in a table of a host and leaves
// the rest to sqlstore: what IMPLEMENTING.md of package storetest quotes, with
// the tests that prove it. A host that only wants to keep its table has it
// cheaper: see examples/hoststore.
package ownusers

import (
	"context"
	"database/sql"
	"embed"
	"fmt"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/sqlstore"
)

//go:embed people.sql chat.sql
var schema embed.FS

// Store keeps users in the host's own table and everything else in those of
// sqlstore, in one transaction. sqlstore reads users through a view of that
// table; only the writing of users is left to be done here.
type Store struct{ *sqlstore.Store }

// Open prepares the tables when it is called for the first time. A later
// version of the library whose migration touches the table of users fails on
// the view: then that step is the host's to do.
func Open(ctx context.Context, db *sql.DB) (*Store, error) {
	s, err := sqlstore.Open(ctx, db, sqlstore.SQLite, nil)
	if err != nil {
		return nil, err
	}
	var views int
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master WHERE type = 'view' AND name = 'chatadmin_users'").Scan(&views); err != nil {
		return nil, err
	}
	if views == 0 {
		if err := script(ctx, db, "chat.sql"); err != nil {
			return nil, err
		}
	}
	return &Store{s}, nil
}

// script runs a file of statements in one transaction.
func script(ctx context.Context, db *sql.DB, name string) error {
	text, err := schema.ReadFile(name)
	if err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, string(text)); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return tx.Commit()
}

// Update implements chatadmin.Store: fence, transaction, retries and their end
// are sqlstore's.
func (s *Store) Update(ctx context.Context, fence storage.Fence, f func(context.Context, storage.Tx) error) error {
	return s.Store.Update(ctx, fence, func(ctx context.Context, t storage.Tx) error {
		host := &tx{Tx: t}
		err := f(ctx, host)
		if err == nil {
			err = host.failed
		}
		return err
	})
}

// tx is sqlstore's transaction with one method replaced.
type tx struct {
	storage.Tx
	// of ChangeUsers: it fails the transaction even if f swallows it
	failed error
}

// ChangeUsers implements storage.Tx. SQLite lets one transaction write at a
// time, so the order of the rows does not matter; another database would want
// them sorted by key.
func (t *tx) ChangeUsers(ctx context.Context, changes []storage.Write[chatadmin.User]) ([]storage.Conflict, error) {
	conflicts, err := t.changeUsers(ctx, changes)
	if err != nil && t.failed == nil {
		t.failed = err
	}
	return conflicts, err
}

func (t *tx) changeUsers(ctx context.Context, changes []storage.Write[chatadmin.User]) ([]storage.Conflict, error) {
	if len(changes) > chatadmin.MaxBatch {
		return nil, storage.ErrBatch
	}
	db, err := sqlstore.Conn(t.Tx)
	if err != nil {
		return nil, err
	}
	domains := map[chatadmin.ID]bool{}
	var conflicts []storage.Conflict
	for i, c := range changes {
		if _, known := domains[c.Row.Domain]; !known {
			ds, err := t.Domains(ctx, []chatadmin.ID{c.Row.Domain})
			if err != nil {
				return nil, err
			}
			domains[c.Row.Domain] = len(ds) > 0
		}
		conflict, err := changeUser(ctx, db, c, domains[c.Row.Domain])
		if err != nil {
			return nil, fmt.Errorf("writing users: %w", err)
		}
		if conflict.Index = i; conflict.Reason != 0 {
			conflicts = append(conflicts, conflict)
		}
	}
	return conflicts, nil
}

const (
	insertPerson = `INSERT INTO people (chat_rev, chat_login_key, chat_name_key, username, mail, full_name, given_name, surname, job, division, phone, chat_phone, chat_role, boss,
		chat_kind, chat_status, chat_admin, chat_denied, chat_deleting, chat_attrs, hired, chat_search, person_id, company) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING`
	updatePerson = `UPDATE OR IGNORE people SET chat_rev=?, chat_login_key=?, chat_name_key=?, username=?, mail=?, full_name=?, given_name=?, surname=?, job=?, division=?, phone=?, chat_phone=?, chat_role=?,
		boss=?, chat_kind=?, chat_status=?, chat_admin=?, chat_denied=?, chat_deleting=?, chat_attrs=?, hired=?, chat_search=? WHERE person_id=? AND company=? AND chat_rev=?`
)

// changeUser writes one change where it may be written, and tells the first
// reason where not.
func changeUser(ctx context.Context, db sqlstore.Querier, c storage.Write[chatadmin.User], domain bool) (storage.Conflict, error) {
	u := &c.Row
	row := []any{u.Rev, u.LoginKey, u.NameKey, u.Login, u.Email, u.DisplayName, u.FirstName, u.LastName, u.Title, u.Department, u.Phone, u.PhoneE164, u.Role, u.Manager,
		u.Kind, u.Status, u.Admin, u.Denied, u.Deleting, append([]byte{}, u.Attrs...), u.Created.UnixMilli(), u.SearchText(), u.ID, u.Domain}
	switch {
	case c.Was == 0 && c.Delete:
		return storage.Conflict{Reason: storage.Stale}, nil
	case c.Delete:
		n, err := affected(db.ExecContext(ctx, "DELETE FROM people WHERE person_id = ? AND company = ? AND chat_rev = ?", u.ID, u.Domain, c.Was))
		if n == 0 {
			return storage.Conflict{Reason: storage.Stale}, err
		}
		return storage.Conflict{}, err
	case c.Was != 0:
		// The statement that writes compares the revision: between a look and a
		// write somebody else would come.
		n, err := affected(db.ExecContext(ctx, updatePerson, append(row, c.Was)...))
		if err != nil || n == 1 {
			return storage.Conflict{}, err
		}
		if there, err := found(ctx, db, "person_id = ? AND company = ? AND chat_rev = ?", u.ID, u.Domain, c.Was); err != nil || there == "" {
			return storage.Conflict{Reason: storage.Stale}, err
		}
	default:
		if there, err := found(ctx, db, "person_id = ?", u.ID); err != nil || there != "" {
			return storage.Conflict{Reason: storage.Exists}, err
		}
		if !domain {
			return storage.Conflict{Reason: storage.NoParent, Field: "domain"}, nil
		}
		n, err := affected(db.ExecContext(ctx, insertPerson, row...))
		if err != nil || n == 1 {
			return storage.Conflict{}, err
		}
	}
	other, err := found(ctx, db, "company = ? AND chat_login_key = ? AND chat_rev > 0 AND person_id <> ?", u.Domain, u.LoginKey, u.ID)
	return storage.Conflict{Reason: storage.KeyTaken, Field: "login_key", Other: other}, err
}

func affected(r sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// found is the ID of the person for whom a condition holds, or "".
func found(ctx context.Context, db sqlstore.Querier, where string, args ...any) (id chatadmin.ID, err error) {
	if err = db.QueryRowContext(ctx, "SELECT person_id FROM people WHERE "+where, args...).Scan(&id); err == sql.ErrNoRows {
		return "", nil
	}
	return id, err
}
