// Command hoststore shows a host that keeps a table of people of its own.
// Triggers carry what the library changes into it, in the library's own
// transactions; what the host changes there goes through the library.
//
//	go run ./examples/hoststore
//	go run ./examples/hoststore --db postgres://localhost/empty
package main

import (
	"cmp"
	"context"
	"database/sql"
	"embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/erase"
	"chatadmin.example/sdk/chatadmin/storage/sqlstore"
	"chatadmin.example/sdk/csvimport"
)

//go:embed *.sql
var schema embed.FS

func main() {
	database := flag.String("db", "", "postgres://… of an empty database; default SQLite in a new file")
	flag.Parse()
	dir, err := os.MkdirTemp("", "hoststore")
	if err == nil {
		err = run(context.Background(), os.Stdout, cmp.Or(*database, filepath.Join(dir, "host.db")))
		_ = os.RemoveAll(dir)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// host is a program with people of its own.
type host struct {
	db      *sql.DB
	dialect sqlstore.Dialect
	store   *sqlstore.Store
	admin   *chatadmin.Admin
}

func open(ctx context.Context, database string) (h *host, err error) {
	h = &host{dialect: sqlstore.PostgreSQL}
	driver := "pgx"
	if !strings.HasPrefix(database, "postgres") {
		driver, h.dialect = "sqlite", sqlstore.SQLite
		// sqlstore.Join needs transactions that begin with BEGIN IMMEDIATE.
		database = "file:" + database + "?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_txlock=immediate"
	}
	if h.db, err = sql.Open(driver, database); err != nil {
		return nil, err
	}
	if h.store, err = sqlstore.Open(ctx, h.db, h.dialect, nil); err == nil {
		h.admin, err = chatadmin.New(h.store, nil)
	}
	if err != nil {
		return nil, errors.Join(err, h.db.Close())
	}
	return h, nil
}

// setUp makes the host's tables, which a real host has, and adds what the
// library needs to them.
func (h *host) setUp(ctx context.Context) error {
	return h.run(ctx, "host."+h.dialect.String()+".sql", "link."+h.dialect.String()+".sql")
}

// run runs files of statements, each in a transaction.
func (h *host) run(ctx context.Context, files ...string) error {
	for _, name := range files {
		text, err := schema.ReadFile(name)
		if err != nil {
			return err
		}
		tx, err := h.db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, string(text)); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", name, err), tx.Rollback())
		}
		if err := tx.Commit(); err != nil {
			return err
		}
	}
	return nil
}

// company makes the domain of a company, which has its ID beforehand, so that
// the first administrator becomes a person too.
func (h *host) company(ctx context.Context, company int, login string) (*chatadmin.Scope, error) {
	id := h.admin.NewID()
	if _, err := h.db.ExecContext(ctx, "UPDATE companies SET chat_domain = $1 WHERE company = $2", id, company); err != nil {
		return nil, err
	}
	_, boss, err := h.admin.CreateDomain(ctx, chatadmin.NewDomain{ID: id, Name: "Acme", Preset: chatadmin.OfficeChat,
		Admin: chatadmin.NewUser{Login: login, DisplayName: "The Boss", NoInvitation: true}})
	return h.admin.As(id, boss.ID), err
}

func run(ctx context.Context, out io.Writer, database string) error {
	h, err := open(ctx, database)
	if err != nil {
		return err
	}
	defer func() { _ = h.db.Close() }()
	if err := h.setUp(ctx); err != nil {
		return err
	}
	s, err := h.company(ctx, 1, "boss@acme.example")
	if err != nil {
		return err
	}
	for _, step := range []struct {
		says string
		do   func() error
	}{
		{"Everybody who was there is a user", func() error { return nil }},
		{"A file was imported", func() error {
			imports, err := csvimport.New(h.admin, nil)
			if err != nil {
				return err
			}
			file := strings.NewReader("login,name,title\nbob@acme.example,Bob Jones,Head Clerk\neve@acme.example,Eve Adams,Engineer\n")
			_, err = imports.Import(ctx, s, file, csvimport.UpdateExisting, nil)
			return err
		}},
		{"The host has changed people", func() error {
			_, err := h.db.ExecContext(ctx, "UPDATE people SET active = (username <> 'ann@acme.example'), mail = replace(mail, 'eve@', 'eve')")
			return err
		}},
		{"Ann was deleted", func() error { return h.erase(ctx, s, "ann@acme.example") }},
	} {
		if err := step.do(); err != nil {
			return err
		}
		if err := h.work(ctx); err != nil {
			return err
		}
		_, _ = fmt.Fprintf(out, "%s:\n", step.says)
		if err := h.show(ctx, out); err != nil {
			return err
		}
	}
	return nil
}

// erase deletes a user for good.
func (h *host) erase(ctx context.Context, s *chatadmin.Scope, login string) error {
	deletions, err := erase.New(h.admin, nil)
	if err != nil {
		return err
	}
	u, err := s.UserByLogin(ctx, login)
	if err != nil {
		return err
	}
	plan, err := deletions.Plan(ctx, s, []chatadmin.ID{u.ID}, nil)
	if err != nil {
		return err
	}
	_, err = deletions.Apply(ctx, s, plan, "left the company", nil)
	return err
}

// show prints the host's table, and what the library has refused.
func (h *host) show(ctx context.Context, out io.Writer) error {
	rows, err := h.db.QueryContext(ctx, `SELECT coalesce(p.username, ''), p.full_name, p.job, p.payroll, p.chat_state, coalesce(c.problem, '')
		FROM people p LEFT JOIN people_changes c ON c.person_id = p.person_id ORDER BY p.person_id`)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var username, name, job, payroll, state, problem string
		if err := rows.Scan(&username, &name, &job, &payroll, &state, &problem); err != nil {
			return err
		}
		line := fmt.Sprintf("  %-18s %-10s %-11s %-8s %-12s %s", username, name, job, payroll, state, problem)
		_, _ = fmt.Fprintln(out, strings.TrimRight(line, " "))
	}
	return rows.Err()
}
