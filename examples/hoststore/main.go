// Command hoststore shows a host that has a table of people already and keeps
// the library's users in it: sqlstore does the rest, in the same transaction.
// It makes users of the people who are there, imports a file, and shows what
// became of the table.
package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"crypto/rand"

	_ "modernc.org/sqlite"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/sqlstore"
	"chatadmin.example/sdk/csvimport"
)

const file = `login,name,title
bob@acme.example,Bob Jones,Head Clerk
eve@acme.example,Eve Adams,Engineer
`

func main() {
	dir, err := os.MkdirTemp("", "hoststore")
	if err == nil {
		err = run(context.Background(), os.Stdout, filepath.Join(dir, "host.db"))
		_ = os.RemoveAll(dir)
	}
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "hoststore:", err)
		os.Exit(1)
	}
}

func dsn(path string) string {
	return "file:" + path + "?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)"
}

func run(ctx context.Context, out io.Writer, path string) error {
	db, err := sql.Open("sqlite", dsn(path))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	if err := script(ctx, db, "people.sql"); err != nil { // the host's application has done that long ago
		return err
	}
	store, err := Open(ctx, db)
	if err != nil {
		return err
	}
	admin, err := chatadmin.New(store, &chatadmin.Options{NewID: ids()})
	if err != nil {
		return err
	}
	_, boss, err := admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example", DisplayName: "The Boss", NoInvitation: true}})
	if err != nil {
		return err
	}
	acme := admin.As("acme", boss.ID)
	if err := adopt(ctx, acme, store, db); err != nil {
		return err
	}
	imports, err := csvimport.New(admin, nil)
	if err != nil {
		return err
	}
	result, err := imports.Import(ctx, acme, strings.NewReader(file), csvimport.UpdateExisting, nil)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "imported: %d created, %d updated\n\n", result.Counts.Created, result.Counts.Updated)
	return show(ctx, out, acme, db)
}

// adopt makes users of the people of the company who are none yet: their keys
// follow from the domain's policy, and they are put into the default groups.
func adopt(ctx context.Context, s *chatadmin.Scope, store *Store, db *sql.DB) error {
	_, settings, err := s.View(ctx, "")
	if err != nil {
		return err
	}
	people, err := strangers(ctx, db, s.Domain())
	if err != nil {
		return err
	}
	err = store.Update(ctx, storage.Fence{Domain: s.Domain(), Mode: storage.Shared}, func(ctx context.Context, t storage.Tx) error {
		db, err := sqlstore.Conn(t.(*tx).Tx)
		if err != nil {
			return err
		}
		for _, u := range people {
			p, wrong := settings.Prepare(u)
			if len(wrong) > 0 {
				return fmt.Errorf("%s: %w", u.Login, wrong[0])
			}
			u = p.User()
			if _, err := db.ExecContext(ctx, "UPDATE people SET chat_rev = ?, chat_login_key = ?, chat_name_key = ?, chat_phone = ?, chat_role = ?, chat_kind = ?, chat_status = ?, chat_search = ? WHERE person_id = ? AND chat_rev = 0",
				storage.NextRev(0, s.Admin().Now(), 0), u.LoginKey, u.NameKey, u.PhoneE164, u.Role, u.Kind, u.Status, u.SearchText(), u.ID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for g, err := range s.Groups(ctx, chatadmin.GroupQuery{DefaultOnly: true}) {
		if err != nil {
			return err
		}
		plan, err := s.PlanDefaultGroup(ctx, g.ID)
		if err != nil {
			return err
		}
		if _, err := s.ApplyDefaultGroup(ctx, plan, nil); err != nil { // marked already: it adds who is missing
			return err
		}
	}
	return nil
}

// strangers are the people of a company who are no users.
func strangers(ctx context.Context, db *sql.DB, company chatadmin.ID) ([]chatadmin.User, error) {
	rows, err := db.QueryContext(ctx, "SELECT person_id, username, mail, full_name, job, division, phone FROM people WHERE company = ? AND chat_rev = 0", company)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var people []chatadmin.User
	for rows.Next() {
		u := chatadmin.User{Domain: company, Role: chatadmin.RoleMember, Kind: chatadmin.Network, Status: chatadmin.Active}
		if err := rows.Scan(&u.ID, &u.Login, &u.Email, &u.DisplayName, &u.Title, &u.Department, &u.Phone); err != nil {
			return nil, err
		}
		people = append(people, u)
	}
	return people, rows.Err()
}

// ids makes the host's own number of the company the ID of the domain, which is
// the first thing made, and leaves the rest to the library.
func ids() func() chatadmin.ID {
	first := true
	return func() chatadmin.ID {
		if first {
			first = false
			return "acme"
		}
		return chatadmin.ID(rand.Text())
	}
}

// show prints the host's table, and how many members the default groups have.
func show(ctx context.Context, out io.Writer, s *chatadmin.Scope, db *sql.DB) error {
	rows, err := db.QueryContext(ctx, "SELECT username, full_name, job, payroll FROM people ORDER BY username")
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	_, _ = fmt.Fprintf(out, "%-20s %-12s %-12s %s\n", "username", "full_name", "job", "payroll")
	for rows.Next() {
		var username, name, job, payroll string
		if err := rows.Scan(&username, &name, &job, &payroll); err != nil {
			return err
		}
		_, _ = fmt.Fprintf(out, "%-20s %-12s %-12s %s\n", username, name, job, payroll)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for g, err := range s.Groups(ctx, chatadmin.GroupQuery{DefaultOnly: true}) {
		if err != nil {
			return err
		}
		n, err := s.CountMembers(ctx, g.ID)
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(out, "%d members: %s\n", n, g.Name)
	}
	return nil
}
