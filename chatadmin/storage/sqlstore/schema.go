package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/sqlstore/internal/schema"
)

// steps lead to the tables that this package works with.
func (s *Store) steps() schema.Steps {
	steps := schema.Steps{Files: schema.Files, Dialect: s.d.String(), Prefix: s.prefix, Begin: "BEGIN IMMEDIATE", Fill: s.fillSearch, Lacks: s.d.lacks}
	if s.d == PostgreSQL {
		steps.Begin = "BEGIN ISOLATION LEVEL READ COMMITTED" // no snapshot is older than the lock
		steps.Plain = s.serializable
		steps.Lock = fmt.Sprintf("SELECT pg_advisory_xact_lock(%d)", s.lockKey("\x00schema"))
	}
	return steps
}

// Migrate creates the tables, or brings them from an earlier version up to
// date, each step in one transaction. Several processes may do so at once.
// Tables of a newer version are a *SchemaError.
func (s *Store) Migrate(ctx context.Context) error {
	if s.Check(ctx) == nil { // the usual case needs no lock
		return nil
	}
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return while(ctx, "migrating", err)
	}
	defer func() { _ = conn.Close() }()
	steps := s.steps()
	known := steps.Version()
	for n := 0; ; {
		found, err := steps.Step(ctx, conn)
		switch {
		case s.d.again(err) && n < s.attempts: // another process was at it
			if err := pause(ctx, n); err != nil {
				return err
			}
			n++
		case err != nil:
			return while(ctx, "migrating", err)
		case found > known:
			return fmt.Errorf("migrating: %w", &SchemaError{found, known})
		case found == known:
			return nil
		}
	}
}

// Check reports whether the tables are those of this version: a *SchemaError if
// not.
func (s *Store) Check(ctx context.Context) error {
	steps := s.steps()
	found, err := steps.Found(ctx, s.db)
	if state(err) == "42P01" || s.d.says(err, "no such table") {
		found, err = 0, nil
	}
	if err != nil {
		return while(ctx, "looking at the schema", err)
	}
	if known := steps.Version(); found != known {
		return &SchemaError{found, known}
	}
	return nil
}

// lacks reports whether an error means that the database does not have, or does
// not permit, what an index for searching needs.
func (d Dialect) lacks(err error) bool {
	if d == SQLite {
		return d.says(err, "no such module") || d.says(err, "tokenizer")
	}
	switch code := state(err); {
	case code == "42501", code == "42704", code == "58P01", code == "0A000": // privilege, operator class, extension file, feature
		return true
	}
	return false
}

// fillRows is how many rows one transaction of fillSearch goes through.
const fillRows = 1000

// fillSearch writes what the rows of an earlier version are searched by; what
// says of which table. It goes through fillRows of them, and at the end through
// those that an earlier release has written meanwhile.
func (s *Store) fillSearch(ctx context.Context, c *sql.Conn, what string) (more bool, err error) {
	r := reader{s: s, c: c}
	switch {
	case strings.HasSuffix(what, "devices"):
		return fillTexts(ctx, r, "device", "id, name, device_key", func(d *storage.Device) []any { return []any{(*string)(&d.ID), &d.Name, &d.Key} },
			func(d *storage.Device) (storage.ID, string) { return d.ID, d.SearchText() })
	case strings.HasSuffix(what, "groups"):
		return fillTexts(ctx, r, "group", "id, name_key", func(g *storage.Group) []any { return []any{(*string)(&g.ID), &g.NameKey} },
			func(g *storage.Group) (storage.ID, string) { return g.ID, g.SearchText() })
	}
	return fillTexts(ctx, r, "user", "id, name_key, login_key, email", func(u *storage.User) []any { return []any{(*string)(&u.ID), &u.NameKey, &u.LoginKey, &u.Email} },
		func(u *storage.User) (storage.ID, string) { return u.ID, u.SearchText() })
}

// fillTexts fills the column of one table. name is what one row of it is.
func fillTexts[T any](ctx context.Context, r reader, name, columns string, dest func(*T) []any, text func(*T) (storage.ID, string)) (more bool, err error) {
	what, table := "migrating "+name+"s", "{{p}}"+name+"s"
	columns = "SELECT " + columns + " FROM " + table + " WHERE "
	rows, err := fetch(ctx, r, what, r.where(columns+"id > (SELECT upto FROM {{p}}"+name+"_fill) ORDER BY id LIMIT ?", fillRows), dest)
	if err != nil {
		return false, err
	}
	if more = len(rows) > 0; more {
		last, _ := text(&rows[len(rows)-1])
		_, err = r.c.ExecContext(ctx, r.s.sql("UPDATE {{p}}"+name+"_fill SET upto = ?"), string(last))
	} else {
		rows, err = fetch(ctx, r, what, r.where(columns+"search = ''"), dest)
	}
	for i := range rows {
		if err == nil {
			id, found := text(&rows[i])
			_, err = r.c.ExecContext(ctx, r.s.sql("UPDATE "+table+" SET search = ? WHERE id = ?"), found, string(id))
		}
	}
	return more, err
}

// search is what there is to search by: whether there is an index, and whether
// it knows letters beyond ASCII.
type search struct{ index, letters bool }

// searching asks the database what there is to search a table by, once.
func (r reader) searching(ctx context.Context, t searched) (search, error) {
	known := &r.s.search[t]
	if is := known.Load(); is != nil {
		return *is, nil
	}
	// a host's view in place of the table is not followed by the triggers
	table := "{{p}}" + t.table()
	q := r.where("SELECT count(*) = 2, true FROM sqlite_master WHERE type = 'table' AND name IN ('" + table + "_search', '" + table + "')")
	if r.s.d == PostgreSQL {
		q = r.where("SELECT to_regclass('" + table + "_search') IS NOT NULL, 'ж' ~ '[[:alpha:]]'")
	}
	rows, err := fetch(ctx, r, "looking for an index", q, func(f *search) []any { return []any{&f.index, &f.letters} })
	if err != nil {
		return search{}, err
	}
	known.Store(&rows[0])
	return rows[0], nil
}

var errPrefix = errors.New("a prefix of table names has at most 30 letters, digits and underscores, and no digit first")
