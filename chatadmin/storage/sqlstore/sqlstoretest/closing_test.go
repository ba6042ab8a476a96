package sqlstoretest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/closing"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/sqlstore"
)

const closerArg = "-closer"

// noBlobs is a store of file contents that holds none.
type noBlobs struct{}

func (noBlobs) Delete(context.Context, []string) error { return nil }

// closer is the process that is killed: it begins the closing of a domain, or
// resumes it. Its clock runs so fast that batches seem slow and become small.
func closer(args []string) int {
	err := func() error {
		store, err := mortal(args, args[4])
		if err != nil {
			return err
		}
		ctx, now := context.Background(), time.Now()
		a, err := chatadmin.New(store, &chatadmin.Options{Blobs: noBlobs{},
			Now: func() time.Time { now = now.Add(250 * time.Millisecond); return now }})
		if err != nil {
			return err
		}
		c, err := closing.New(a, nil)
		if err != nil {
			return err
		}
		s := a.AsHost(storage.ID(args[3]))
		for r, err := range c.Runs(ctx, s) {
			if errors.Is(err, chatadmin.ErrNotFound) {
				break
			}
			if err != nil {
				return err
			}
			r, err = c.Resume(ctx, s, r.ID, nil)
			if err == nil {
				fmt.Println("done", r.ID)
			}
			return err
		}
		for r, err := range c.Receipts(ctx) { // killed right behind the last commit
			if err == nil {
				fmt.Println("done", r.Run)
			}
			return err
		}
		p, err := c.Plan(ctx, s, closing.AtOnce)
		if err != nil {
			return err
		}
		r, err := c.Apply(ctx, s, p, "killed", nil)
		if err == nil {
			fmt.Println("done", r.ID)
		}
		return err
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// The process that closes a domain is killed at many points, and a new one
// resumes: in the end no table has a row of it, another domain has all of its
// rows, and the receipt counts exactly what has gone.
func TestKilledClosing(t *testing.T) {
	t.Parallel()
	databases(t, func(t *testing.T, db database) {
		t.Parallel()
		h := newHoard(t, db)
		a, err := chatadmin.New(h.store, &chatadmin.Options{Blobs: noBlobs{}})
		require.NoError(t, err)
		c, err := closing.New(a, nil)
		require.NoError(t, err)
		other, _, err := a.CreateDomain(t.Context(), chatadmin.NewDomain{Name: "Other", Preset: chatadmin.OfficeChat,
			Admin: chatadmin.NewUser{Login: "boss@acme.example"}})
		require.NoError(t, err)
		domain := h.s.Domain()
		others := h.rows(t, other.ID)
		p, err := c.Plan(t.Context(), a.AsHost(domain), closing.AtOnce)
		require.NoError(t, err)
		planned := int64(1) // the domain itself
		for _, n := range p.Counts {
			planned += n
		}
		require.Equal(t, planned, h.rows(t, domain), "the plan counts every row of every table")
		steps := 25
		if db.d == sqlstore.SQLite {
			if steps = 6; slow {
				steps = 2
			}
		}
		done, kills := db.killed(t, 10, func(n int) int { return n + 1 + n/steps }, closerArg, domain)
		require.Greater(t, kills, 5)
		require.Zero(t, h.rows(t, domain))
		require.Zero(t, h.rowsOf(t, "event_targets", "domain", domain), "the index of the audit log")
		require.Equal(t, others, h.rows(t, other.ID))
		r, err := c.Receipt(t.Context(), done)
		require.NoError(t, err)
		want := p.Counts
		want[closing.Events]++ // that the closing has begun
		require.Equal(t, want, r.Removed)
	})
}

// rows counts the rows of a domain in all tables.
func (h *hoard) rows(t testing.TB, domain storage.ID) (sum int64) {
	t.Helper()
	for table, column := range map[string]string{"domains": "id", "users": "domain", "groups": "domain", "memberships": "domain",
		"devices": "domain", "records": "domain", "content": "domain", "events": "domain"} {
		sum += h.rowsOf(t, table, column, domain)
	}
	return sum
}

func (h *hoard) rowsOf(t testing.TB, table, column string, domain storage.ID) (n int64) {
	t.Helper()
	query := h.db.sql("SELECT count(*) FROM {{p}}" + table + " WHERE " + column + " = '" + string(domain) + "'")
	require.NoError(t, h.pool.QueryRow(query).Scan(&n), table)
	return n
}
