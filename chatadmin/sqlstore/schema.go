package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"strings"
)

//go:embed schema/*.sql
var schemas embed.FS

// version of the schema that this package works with. The files of a version lead to it from the one before, and are never changed.
const version = 1

// Migrate creates the tables, or brings them from an earlier version up to date, each step in one transaction. Several processes may do so at once. Tables of a newer version
// are a *SchemaError.
func (s *Store) Migrate(ctx context.Context) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return while(ctx, "migrating", err)
	}
	defer func() { _ = conn.Close() }()
	for {
		more, err := s.step(ctx, conn)
		if s.d.again(err) && ctx.Err() == nil {
			continue
		}
		if err != nil {
			return while(ctx, "migrating", err)
		}
		if !more {
			return nil
		}
	}
}

// step goes to the next version, while others wait.
func (s *Store) step(ctx context.Context, conn *sql.Conn) (more bool, err error) {
	if _, err := conn.ExecContext(ctx, s.begin()); err != nil {
		return false, err
	}
	done := false
	defer func() {
		if !done {
			_, _ = conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		}
	}()
	if s.d == PostgreSQL {
		if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", s.lockKey("\x00schema")); err != nil {
			return false, err
		}
	}
	if _, err := conn.ExecContext(ctx, s.sql("CREATE TABLE IF NOT EXISTS {{p}}schema (version integer NOT NULL)")); err != nil {
		return false, err
	}
	found, err := s.found(ctx, conn)
	if err != nil {
		return false, err
	}
	if found > version {
		return false, &SchemaError{found, version}
	}
	if found == version {
		return false, nil
	}
	text, err := schemas.ReadFile(fmt.Sprintf("schema/%d.%s.sql", found+1, s.d))
	if err != nil {
		return false, err
	}
	for statement := range strings.SplitSeq(strings.TrimSpace(s.sql(string(text))), ";\n") {
		if _, err := conn.ExecContext(ctx, strings.TrimSuffix(statement, ";")); err != nil {
			return false, fmt.Errorf("%s: %w", strings.SplitN(statement, "(", 2)[0], err)
		}
	}
	if _, err := conn.ExecContext(ctx, s.sql("INSERT INTO {{p}}schema (version) VALUES (?)"), found+1); err != nil {
		return false, err
	}
	if _, err := conn.ExecContext(ctx, "COMMIT"); err != nil {
		return false, err
	}
	done = true
	return found+1 < version, nil
}

func (s *Store) found(ctx context.Context, c conn) (int, error) {
	rows, err := c.QueryContext(ctx, s.sql("SELECT max(version) FROM {{p}}schema"))
	if err != nil {
		return 0, err
	}
	defer func() { _ = rows.Close() }()
	var v sql.NullInt64
	if rows.Next() {
		if err := rows.Scan(&v); err != nil {
			return 0, err
		}
	}
	return int(v.Int64), rows.Err()
}

// Check reports whether the tables are those of this version: a *SchemaError if not.
func (s *Store) Check(ctx context.Context) error {
	found, err := s.found(ctx, s.db)
	if state(err) == "42P01" || s.d.says(err, "no such table") {
		return &SchemaError{0, version}
	}
	if err != nil {
		return while(ctx, "looking at the schema", err)
	}
	if found != version {
		return &SchemaError{found, version}
	}
	return nil
}

var errPrefix = errors.New("a prefix of table names has letters, digits and underscores only")
