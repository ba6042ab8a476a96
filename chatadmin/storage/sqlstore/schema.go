package sqlstore

import (
	"context"
	"errors"
	"fmt"

	"chatadmin.example/sdk/chatadmin/storage/sqlstore/internal/schema"
)

// steps lead to the tables that this package works with.
func (s *Store) steps() schema.Steps {
	steps := schema.Steps{Files: schema.Files, Dialect: s.d.String(), Prefix: s.prefix, Begin: "BEGIN IMMEDIATE"}
	if s.d == PostgreSQL {
		steps.Begin = "BEGIN ISOLATION LEVEL READ COMMITTED" // no snapshot is older than the lock
		steps.Plain = s.serializable
		steps.Lock = fmt.Sprintf("SELECT pg_advisory_xact_lock(%d)", s.lockKey("\x00schema"))
	}
	return steps
}

// Migrate creates the tables, or brings them from an earlier version up to date, each step in one transaction. Several processes may do so at once. Tables of a newer version
// are a *SchemaError.
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

// Check reports whether the tables are those of this version: a *SchemaError if not.
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

var errPrefix = errors.New("a prefix of table names has at most 30 letters, digits and underscores, and no digit first")
