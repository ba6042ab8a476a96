// Package schema holds the tables of the SQL stores, version by version, and
// leads from one version to the next. It is apart from sqlstore so that tests
// can go through every version, and add one of their own.
package schema

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

//go:embed *.sql
var files embed.FS

// Files are the steps: "2.sqlite.sql" leads from version 1 to version 2 on
// SQLite. A step that was released is never changed.
var Files fs.FS = files

// Steps are the way to the tables of one store.
type Steps struct {
	Files   fs.FS
	Dialect string
	Prefix  string
	Begin   string // the statement that begins a transaction
	// a statement that keeps others waiting until the transaction ends, where
	// Begin does not
	Lock string
	// without what some databases that speak PostgreSQL's protocol refuse: how
	// a column is stored, and optional steps
	Plain bool
	// does a part of what SQL cannot, and reports whether more is left to do;
	// what is the rest of the line
	Fill func(ctx context.Context, c *sql.Conn, what string) (more bool, err error)
	// reports whether an error means that the database cannot do an optional
	// step, and that the step is to be left out
	Lacks func(error) bool
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

// fill begins a line at which Fill is called. While it reports that more is
// left, the step is committed and done once more, as by repeatWhile.
const fill = "-- fill "

// optional begins a step that is left out where the database cannot do it.
const optional = "-- optional\n"

// Step goes to the next version, or a part of the way, in one transaction,
// while others wait. It returns the version that the tables have then; one
// above Version means that a newer release has made them.
func (s Steps) Step(ctx context.Context, c *sql.Conn) (version int, err error) {
	version, err = s.step(ctx, c, false)
	if errors.Is(err, errLacking) {
		return s.step(ctx, c, true)
	}
	return version, err
}

var errLacking = errors.New("the database cannot do an optional step")

// step is Step. With without an optional step is left out.
func (s Steps) step(ctx context.Context, c *sql.Conn, without bool) (version int, err error) {
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
	statements, may := strings.CutPrefix(s.sql(string(text)), optional)
	if may && (without || s.Plain) {
		statements = ""
	}
	for statement := range strings.SplitSeq(strings.TrimSpace(statements), ";\n") {
		if statement == "" {
			continue
		}
		if s.Plain && strings.Contains(statement, " SET STORAGE ") {
			continue
		}
		statement, more, err := s.repeats(ctx, c, statement)
		if err != nil {
			return 0, fmt.Errorf("version %d: %w", found+1, err)
		}
		if more {
			if _, err := c.ExecContext(ctx, "COMMIT"); err != nil {
				return 0, err
			}
			done = true
			return found, nil
		}
		if statement == "" {
			continue
		}
		if _, err := c.ExecContext(ctx, strings.TrimSuffix(statement, ";")); err != nil {
			if may && s.Lacks != nil && s.Lacks(err) {
				return 0, errLacking
			}
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

// repeats handles what a statement begins with that is no SQL. It reports
// whether the step is to be done once more, and returns the rest.
func (s Steps) repeats(ctx context.Context, c *sql.Conn, statement string) (rest string, more bool, err error) {
	if question, ok := strings.CutPrefix(statement, repeatWhile); ok {
		err = c.QueryRowContext(ctx, question).Scan(&more)
		return "", more, err
	}
	if line, ok := strings.CutPrefix(statement, fill); ok {
		what, rest, _ := strings.Cut(line, "\n")
		more, err = s.Fill(ctx, c, what)
		return rest, more, err
	}
	return statement, false, nil
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
