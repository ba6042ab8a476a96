// Package schema holds the tables of the SQL stores, version by version, and leads from one version to the next. It is apart from sqlstore so that tests can go through every
// version, and add one of their own.
package schema

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

//go:embed *.sql
var files embed.FS

// Files are the steps: "2.sqlite.sql" leads from version 1 to version 2 on SQLite. A step that was released is never changed.
var Files fs.FS = files

// Steps are the way to the tables of one store.
type Steps struct {
	Files   fs.FS
	Dialect string
	Prefix  string
	Begin   string // the statement that begins a transaction
	Lock    string // a statement that keeps others waiting until the transaction ends, where Begin does not
	Plain   bool   // without what some databases that speak PostgreSQL's protocol refuse: how a column is stored
}

func (s Steps) read(version int) ([]byte, error) {
	return fs.ReadFile(s.Files, fmt.Sprintf("%d.%s.sql", version, s.Dialect))
}

// Version is the one that the steps lead to.
func (s Steps) Version() int {
	n := 0
	for {
		if _, err := s.read(n + 1); err != nil {
			return n
		}
		n++
	}
}

// sql puts the prefix of the table names into a statement.
func (s Steps) sql(text string) string { return strings.ReplaceAll(text, "{{p}}", s.Prefix) }

// repeatWhile begins a line with a query. While it answers true, the step ends
// there and is committed, and the version stays: the next Step does it once
// more. So a step over many rows is done in many transactions, and goes on
// where it was interrupted.
const repeatWhile = "-- repeat while "

// Step goes to the next version, or a part of the way, in one transaction, while others wait. It returns the version that the tables have then; one above Version means that a newer release has made them.
func (s Steps) Step(ctx context.Context, c *sql.Conn) (version int, err error) {
	done := false
	defer func() {
		if !done {
			_, _ = c.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		}
	}()
	if _, err := c.ExecContext(ctx, s.Begin); err != nil {
		return 0, err
	}
	if s.Lock != "" {
		if _, err := c.ExecContext(ctx, s.Lock); err != nil {
			return 0, err
		}
	}
	if _, err := c.ExecContext(ctx, s.sql("CREATE TABLE IF NOT EXISTS {{p}}schema (version integer NOT NULL)")); err != nil {
		return 0, err
	}
	found, err := s.Found(ctx, c)
	if err != nil || found >= s.Version() {
		return found, err
	}
	text, err := s.read(found + 1)
	if err != nil {
		return 0, err
	}
	for statement := range strings.SplitSeq(strings.TrimSpace(s.sql(string(text))), ";\n") {
		if s.Plain && strings.Contains(statement, " SET STORAGE ") {
			continue
		}
		if question, ok := strings.CutPrefix(statement, repeatWhile); ok {
			var more bool
			if err := c.QueryRowContext(ctx, question).Scan(&more); err != nil {
				return 0, fmt.Errorf("version %d: %w", found+1, err)
			}
			if !more {
				continue
			}
			if _, err := c.ExecContext(ctx, "COMMIT"); err != nil {
				return 0, err
			}
			done = true
			return found, nil
		}
		if _, err := c.ExecContext(ctx, strings.TrimSuffix(statement, ";")); err != nil {
			return 0, fmt.Errorf("version %d: %s: %w", found+1, strings.SplitN(statement, "(", 2)[0], err)
		}
	}
	if _, err := c.ExecContext(ctx, s.sql(fmt.Sprintf("INSERT INTO {{p}}schema (version) VALUES (%d)", found+1))); err != nil {
		return 0, err
	}
	if _, err := c.ExecContext(ctx, "COMMIT"); err != nil {
		return 0, err
	}
	done = true
	return found + 1, nil
}

// queryer is a pool or a connection.
type queryer interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Found is the version of the tables that are there.
func (s Steps) Found(ctx context.Context, c queryer) (int, error) {
	var v sql.NullInt64
	err := c.QueryRowContext(ctx, s.sql("SELECT max(version) FROM {{p}}schema")).Scan(&v)
	return int(v.Int64), err
}
