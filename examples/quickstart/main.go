// Command quickstart does the library's main job once: it imports the users of
// a CSV file into a fresh domain and tells what happened.
package main

import (
	"context"
	"database/sql"
	"embed"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage/sqlstore"
	"chatadmin.example/sdk/csvimport"
)

//go:embed users.csv
var users embed.FS

func main() {
	file := flag.String("file", "", "a CSV file of your own, with logins that are e-mail addresses")
	result := flag.String("result", "", "where the result CSV goes; default a new temporary folder")
	dsn := flag.String("db", "", "postgres://… ; default an SQLite file in a new temporary folder")
	flag.Parse()
	if err := run(context.Background(), os.Stdout, *dsn, *file, *result); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, dsn, path, result string) error {
	if result == "" {
		dir, err := os.MkdirTemp("", "chatadmin-quickstart-")
		if err != nil {
			return err
		}
		result = filepath.Join(dir, "result.csv")
	}

	// 1. The library over a store, and a domain with its first admin.
	store, place, err := openStore(ctx, dsn)
	if err != nil {
		return err
	}
	admin, err := chatadmin.New(store, nil)
	if err != nil {
		return err
	}
	domain, boss, err := admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat,
		Admin: chatadmin.NewUser{Login: "boss@acme.example", DisplayName: "The Boss"}})
	if err != nil {
		return err
	}
	acme := admin.As(domain.ID, boss.ID)

	// 2. The file.
	file, err := open(path)
	if err != nil {
		return err
	}

	// 3. The plan: what would happen, row by row. Nothing has changed yet.
	imports, err := csvimport.New(admin, nil)
	if err != nil {
		return err
	}
	plan, err := imports.Plan(ctx, acme, file, csvimport.UpdateExisting, &csvimport.ImportOptions{FileName: "users.csv"})
	if err != nil {
		return err
	}

	// 4. The import itself, and what became of each row as a CSV that can be
	// mended and imported again.
	done, err := imports.Apply(ctx, acme, plan, file, nil)
	if err != nil {
		return err
	}
	if err := writeResult(ctx, acme, done, file, result); err != nil {
		return err
	}
	if err := show(ctx, out, acme, done, file, result); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "\nThe database: %s\n", place)
	return err
}

// openStore opens PostgreSQL, or SQLite in a file of its own.
func openStore(ctx context.Context, dsn string) (chatadmin.Store, string, error) {
	driver, dialect, place := "pgx", sqlstore.PostgreSQL, "PostgreSQL"
	if dsn == "" {
		dir, err := os.MkdirTemp("", "chatadmin-quickstart-")
		if err != nil {
			return nil, "", err
		}
		place = filepath.Join(dir, "chat.db")
		driver, dialect, dsn = "sqlite", sqlstore.SQLite, "file:"+place+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)"
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, "", err
	}
	store, err := sqlstore.Open(ctx, db, dialect, nil)
	return store, place, err
}

func open(path string) (io.ReadSeeker, error) {
	if path != "" {
		return os.Open(path)
	}
	data, err := users.ReadFile("users.csv")
	return strings.NewReader(string(data)), err
}

func writeResult(ctx context.Context, acme *chatadmin.Scope, done *csvimport.Result, file io.ReadSeeker, path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if err := done.WriteCSV(ctx, acme, file, f); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

// show prints the counts, the first faults, and who is in the default groups.
func show(ctx context.Context, out io.Writer, acme *chatadmin.Scope, done *csvimport.Result, file io.ReadSeeker, result string) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	c := done.Counts
	for _, line := range []struct {
		name string
		n    int64
	}{{"rows", c.Rows}, {"created", c.Created}, {"updated", c.Updated}, {"unchanged", c.Unchanged}, {"skipped", c.Skipped}, {"failed", c.Failed}, {"warnings", c.Warnings}} {
		_, _ = fmt.Fprintf(w, "%s\t%d\t\n", line.name, line.n)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, _ = fmt.Fprintln(out, "\nThe first faults:")
	shown := 0
	err := done.Outcomes(ctx, acme, file, func(o csvimport.Outcome) error {
		if code, message := o.Summary(); code != "" && shown < 10 {
			shown++
			_, _ = fmt.Fprintf(out, "  line %d, %s: %s\n", o.Line, o.Status, message)
		}
		return nil
	})
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "\nWhat became of each row: %s\n\nThe default groups:\n", result)
	for g, err := range acme.Groups(ctx, chatadmin.GroupQuery{DefaultOnly: true}) {
		if err != nil {
			return err
		}
		if err := showGroup(ctx, out, acme, g); err != nil {
			return err
		}
	}
	return nil
}

func showGroup(ctx context.Context, out io.Writer, acme *chatadmin.Scope, g chatadmin.Group) error {
	n, err := acme.CountMembers(ctx, g.ID)
	if err != nil {
		return err
	}
	var names []string
	for m, err := range acme.Members(ctx, g.ID) {
		if err != nil {
			return err
		}
		u, err := acme.User(ctx, m.User)
		if err != nil {
			return err
		}
		if names = append(names, u.DisplayName); len(names) == 4 {
			break
		}
	}
	_, _ = fmt.Fprintf(out, "  %s: %d members (%s, …)\n", g.Name, n, strings.Join(names, ", "))
	return nil
}
