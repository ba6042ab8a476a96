// Command erase shows how a user is deleted for good: plan, look at it, apply,
// keep the receipt. What the host keeps elsewhere goes with the user.
package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	_ "modernc.org/sqlite"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/erase"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/sqlstore"
)

func main() {
	dir, err := os.MkdirTemp("", "erase")
	if err == nil {
		err = run(context.Background(), os.Stdout, filepath.Join(dir, "chat.db"))
	}
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "erase:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, path string) error {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)")
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	store, err := sqlstore.Open(ctx, db, sqlstore.SQLite, nil)
	if err != nil {
		return err
	}

	// 1. The library, which knows what the host keeps elsewhere, and deletions.
	publications := &publications{}
	admin, err := chatadmin.New(store, &chatadmin.Options{Blobs: files{out},
		Sources: []storage.Source{{Name: "scheduled_publications", Outside: publications}}})
	if err != nil {
		return err
	}
	deletions, err := erase.New(admin, nil)
	if err != nil {
		return err
	}

	// 2. A company, and Ann, who has a group, messages in it, and something scheduled.
	company, ann, err := open(ctx, admin, store)
	if err != nil {
		return err
	}
	publications.scheduled = map[chatadmin.ID]int64{ann.ID: 2}

	// 3. The plan: exact counts, what stands in the way, what to know before.
	// It can be kept as JSON and shown to somebody.
	plan, err := deletions.Plan(ctx, company, []chatadmin.ID{ann.ID}, nil)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintln(out, "would go:")
	counts(out, plan.Counts)
	for _, g := range plan.Groups {
		_, _ = fmt.Fprintf(out, "  group %q with %d members\n", g.Name, g.Members)
	}
	for _, b := range plan.Blockers {
		_, _ = fmt.Fprintln(out, "in the way:", b.Message)
	}
	for _, text := range plan.Warnings {
		_, _ = fmt.Fprintln(out, "warning:", text)
	}

	// 4. Apply. After a crash, Resume with the run's ID continues, and so does a worker
	// of the host that calls admin.Work.
	run, err := deletions.Apply(ctx, company, plan, "left the company", nil)
	if err != nil {
		return err
	}

	// 5. The receipt is kept, and can be read whenever somebody asks.
	run, err = deletions.Run(ctx, company, run.ID)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "%s, because she %s; gone:\n", run.State, run.Data.Reason)
	counts(out, run.Data.Removed)

	// 6. In a worker of the host: what was in the files.
	_, err = admin.ReleaseBlobs(ctx, company.Domain())
	return err
}

func counts(out io.Writer, n map[string]int64) {
	for _, kind := range slices.Sorted(maps.Keys(n)) {
		if n[kind] > 0 {
			_, _ = fmt.Fprintf(out, "  %s: %d\n", kind, n[kind])
		}
	}
}

// open makes the company, and returns it as its administrator sees it.
func open(ctx context.Context, admin *chatadmin.Admin, store chatadmin.Store) (*chatadmin.Scope, chatadmin.User, error) {
	domain, boss, err := admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example"}})
	if err != nil {
		return nil, chatadmin.User{}, err
	}
	company := admin.As(domain.ID, boss.ID)
	ann, err := company.CreateUser(ctx, chatadmin.NewUser{Login: "ann@acme.example"})
	if err != nil {
		return nil, ann, err
	}
	group, err := admin.As(domain.ID, ann.ID).CreateGroup(ctx, "Sales")
	if err != nil {
		return nil, ann, err
	}
	if _, err := company.AddMembers(ctx, group.ID, boss.ID); err != nil {
		return nil, ann, err
	}
	// The messaging side of the product writes into the same store.
	rows := []storage.Content{
		{ID: admin.NewID(), Container: group.ID, Author: ann.ID, Kind: storage.Message},
		{ID: admin.NewID(), Container: group.ID, Author: boss.ID, Kind: storage.Message},
		{ID: admin.NewID(), Container: group.ID, Author: ann.ID, Kind: storage.File, Blob: "figures.xlsx"},
	}
	for i := range rows {
		rows[i].Domain, rows[i].At = domain.ID, admin.Now()
	}
	return company, ann, store.Update(ctx, storage.Fence{Domain: domain.ID, Mode: storage.Shared}, func(ctx context.Context, tx storage.Tx) error {
		_, err := tx.InsertContent(ctx, rows)
		return err
	})
}

// publications is what this host schedules for its users. It is no message: it
// lies in no group or chat, and has no age.
type publications struct{ scheduled map[chatadmin.ID]int64 }

// mine are the users of a query whose publications it selects.
func mine(q storage.ContentQuery) []chatadmin.ID {
	if len(q.Containers)+len(q.ChatsOf) > 0 || !q.Before.IsZero() {
		return nil
	}
	held := func(id chatadmin.ID) bool { return slices.Contains(q.ExceptUsers, id) }
	return slices.DeleteFunc(slices.Clone(q.Authors), held)
}

func (p *publications) Count(_ context.Context, q storage.ContentQuery) (n int64, _ error) {
	for _, id := range mine(q) {
		n += p.scheduled[id]
	}
	return n, nil
}

func (p *publications) Delete(_ context.Context, q storage.ContentQuery, page storage.Page) (n int64, next storage.Cursor, _ error) {
	for _, id := range mine(q) {
		gone := min(p.scheduled[id], int64(page.Limit)-n)
		p.scheduled[id] -= gone
		if n += gone; p.scheduled[id] > 0 {
			return n, "more", nil // the next page begins at the start again
		}
	}
	return n, "", nil
}

func (p *publications) BlobsInUse(context.Context, []string) ([]string, error) { return nil, nil }

// files deletes the contents of files.
type files struct{ out io.Writer }

func (f files) Delete(_ context.Context, keys []string) error {
	_, err := fmt.Fprintln(f.out, "contents deleted:", keys)
	return err
}
