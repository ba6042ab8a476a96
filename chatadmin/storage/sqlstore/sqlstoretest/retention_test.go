package sqlstoretest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/chatadmintest"
	"chatadmin.example/sdk/chatadmin/retention"
	"chatadmin.example/sdk/chatadmin/storage"
)

// aged is a domain with somebody's old messages, every tenth of them a file.
type aged struct {
	*company
	users  []storage.ID
	groups [2]storage.ID
}

// newAged makes users who have each written a message or file in every minute
// of that many, a year ago, in one of two groups by turns.
func newAged(t *testing.T, db database, users, minutes int) *aged {
	t.Helper()
	a := &aged{company: newCompany(t, db, 0)}
	host := a.host(a.store)
	for n := range users {
		u, err := host.CreateUser(t.Context(), chatadmin.NewUser{Login: fmt.Sprintf("writer%d@acme.example", n), NoInvitation: true})
		require.NoError(t, err)
		a.users = append(a.users, u.ID)
	}
	for i, name := range []string{"Sales", "News"} {
		g, err := a.scope(a.store, 0).CreateGroup(t.Context(), name)
		require.NoError(t, err)
		a.groups[i] = g.ID
	}
	var rows []storage.Content
	for minute := range minutes {
		for n, by := range a.users {
			row := storage.Content{ID: storage.ID(fmt.Sprintf("c-%d-%d", minute, n)), Domain: a.domain, Container: a.groups[(minute+n)%2], Author: by, Kind: storage.Message,
				At: time.Now().AddDate(-1, 0, 0).Add(time.Duration(minute) * time.Minute)}
			if len(rows)%10 == 0 {
				row.Kind, row.Blob = storage.File, string(row.ID)
			}
			rows = append(rows, row)
		}
	}
	for batch := range slices.Chunk(rows, storage.MaxBatch) {
		require.NoError(t, a.store.Update(t.Context(), storage.Fence{Domain: a.domain, Mode: storage.Shared}, func(ctx context.Context, tx storage.Tx) error {
			cs, err := tx.InsertContent(ctx, batch)
			if err == nil && len(cs) > 0 {
				err = fmt.Errorf("%+v", cs[0])
			}
			return err
		}))
	}
	require.NoError(t, chatadmintest.Must(retention.New(host.Admin(), nil)).SetDays(t.Context(), host, 90))
	return a
}

func (a *aged) host(s storage.Store) *chatadmin.Scope {
	return chatadmintest.Must(chatadmin.New(s, nil)).AsHost(a.domain)
}

// hasty is a clock that runs so fast that batches seem slow and become small.
func hasty() func() time.Time {
	var looks atomic.Int64
	return func() time.Time { return time.Now().Add(time.Duration(looks.Add(1)) * 250 * time.Millisecond) }
}

func countOf(ctx context.Context, s storage.Store, q storage.ContentQuery) (retention.Counts, error) {
	n, err := s.CountContent(ctx, q)
	return retention.Counts{Messages: n.Messages, Files: n.Files}, err
}

// A hundred goroutines over two handles: holds are placed while several runs
// delete. Whatever a hold covered when AddHold had returned is still there, and
// each row that went is counted once.
func TestRetentionHoldRace(t *testing.T) {
	databases(t, func(t *testing.T, db database) {
		const users = 60
		minutes := 100
		if slow {
			minutes = 60
		}
		a := newAged(t, db, users, minutes)
		var r [2]*retention.Retention
		var admins [2]*chatadmin.Admin
		stores := [2]storage.Store{a.store, db.open(t)}
		for i, s := range stores {
			admins[i] = chatadmintest.Must(chatadmin.New(s, &chatadmin.Options{Now: hasty()}))
			r[i] = chatadmintest.Must(retention.New(admins[i], nil))
		}
		boss := func(n int) *chatadmin.Scope { return admins[n%2].As(a.domain, a.admins[0]) }
		p, err := r[0].Plan(t.Context(), boss(0), 0)
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		rep, err := r[0].Apply(ctx, boss(0), p, func(chatadmin.Progress) { cancel() })
		require.ErrorIs(t, err, context.Canceled)

		var covered [users]retention.Counts
		count := func(n int) (retention.Counts, error) {
			return countOf(t.Context(), stores[n%2], storage.ContentQuery{Domain: a.domain, Authors: a.users[n : n+1]})
		}
		for n, err := range chatadmintest.AtOnce(100, func(n int) (err error) {
			switch {
			case n < users:
				for err = storage.ErrBusy; errors.Is(err, storage.ErrBusy); {
					_, err = boss(n).AddHold(t.Context(), chatadmin.Hold{User: a.users[n], Reason: "lawsuit"})
				}
				if err == nil {
					covered[n], err = count(n)
				}
			case n < 80:
				_, err = r[n%2].Resume(t.Context(), boss(n), rep.ID, nil)
			default:
				_, err = r[n%2].RunDue(t.Context(), a.domain)
			}
			return err
		}) {
			if n < users {
				require.NoError(t, err)
			}
			for _, may := range []error{storage.ErrBusy, chatadmin.ErrPlanStale} { // too much at once
				if errors.Is(err, may) {
					err = nil
				}
			}
			require.NoError(t, err, "%d", n)
		}
		last := chatadmintest.Must(retention.New(chatadmintest.Must(chatadmin.New(stores[1], &chatadmin.Options{Now: func() time.Time { return time.Now().AddDate(0, 0, 1) }})), nil))
		_, err = last.RunDue(t.Context(), a.domain)
		require.NoError(t, err)
		kept, gone := retention.Counts{}, retention.Counts{}
		some := 0
		for n := range users {
			now, err := count(n)
			require.NoError(t, err)
			require.Equal(t, covered[n], now, "of user %d something went that was held", n)
			kept.Messages, kept.Files = kept.Messages+now.Messages, kept.Files+now.Files
			if now.Messages > 0 {
				some++
			}
		}
		t.Logf("%d of %d users kept something", some, users)
		for rep, err := range last.Runs(t.Context(), boss(0)) {
			require.NoError(t, err)
			require.Equal(t, chatadmin.RunDone, rep.State)
			gone.Messages, gone.Files = gone.Messages+rep.Data.Removed.Messages, gone.Files+rep.Data.Removed.Files
		}
		require.Equal(t, p.Counts, retention.Counts{Messages: gone.Messages + kept.Messages, Files: gone.Files + kept.Files})
	})
}

const retainerArg = "-retainer"

// retainer is the process that is killed: it begins a run, or resumes one.
func retainer(args []string) int {
	err := func() error {
		store, err := mortal(args, args[5])
		if err != nil {
			return err
		}
		ctx := context.Background()
		a := chatadmintest.Must(chatadmin.New(store, &chatadmin.Options{Now: hasty()}))
		s, r := a.As(storage.ID(args[3]), storage.ID(args[4])), chatadmintest.Must(retention.New(a, nil))
		for rep, err := range r.Runs(ctx, s) {
			if err == nil {
				rep, err = r.Resume(ctx, s, rep.ID, nil)
			}
			if err == nil {
				fmt.Println("done", rep.ID)
			}
			return err
		}
		p, err := r.Plan(ctx, s, 0)
		if err != nil {
			return err
		}
		rep, err := r.Apply(ctx, s, p, nil)
		if err == nil {
			fmt.Println("done", rep.ID)
		}
		return err
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// The deleting process is killed at many points, and a new one resumes: in the
// end what is held is left, and the report counts exactly what has gone.
func TestKilledRetention(t *testing.T) {
	t.Parallel()
	databases(t, func(t *testing.T, db database) {
		t.Parallel()
		minutes := 3000
		if slow {
			minutes /= 2
		}
		a := newAged(t, db, 4, minutes)
		s := a.scope(a.store, 0)
		r := chatadmintest.Must(retention.New(s.Admin(), nil))
		_, err := s.AddHold(t.Context(), chatadmin.Hold{User: a.users[0], Reason: "lawsuit"})
		require.NoError(t, err)
		p, err := r.Plan(t.Context(), s, 0)
		require.NoError(t, err)
		require.EqualValues(t, 3*minutes, p.Counts.Messages+p.Counts.Files)
		// each gets a little further, and those behind the first ones as far as
		// one batch
		done, kills := db.killed(t, 3, func(n int) int { return n + 1 }, retainerArg, a.domain, s.Actor())
		t.Logf("killed %d times", kills)
		require.Greater(t, kills, 5)
		rep, err := r.Run(t.Context(), s, done)
		require.NoError(t, err)
		require.Equal(t, chatadmin.RunDone, rep.State)
		require.Equal(t, p.Counts, rep.Data.Removed)
		left, err := countOf(t.Context(), a.store, storage.ContentQuery{Domain: a.domain, Before: time.Now()})
		require.NoError(t, err)
		require.Equal(t, p.Held, left)
		all := 0
		for _, err := range r.Runs(t.Context(), s) {
			require.NoError(t, err)
			all++
		}
		require.Equal(t, 1, all)
	})
}

// A deletion by age meets a transaction that has deleted some of the same rows
// and has not ended: it counts, and releases the contents of, what it has
// deleted itself.
func TestAgedMeet(t *testing.T) {
	for name, gone := range map[string]string{"a file": "id LIKE '%3'", "a message": "id LIKE '%5'", "all": "true"} {
		db := postgresPrefix(t)
		h := &hoard{db: db, pool: db.pool(t), store: db.open(t)}
		a := chatadmintest.Must(chatadmin.New(h.store, nil))
		d, boss, err := a.CreateDomain(t.Context(), chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat, Admin: chatadmin.NewUser{Login: "boss@acme.example", NoInvitation: true}})
		require.NoError(t, err)
		h.s, h.user = a.As(d.ID, boss.ID), boss.ID
		h.fill(t, 10, `INSERT INTO {{p}}content (id, domain, container, author, peer, kind, at, blob)
			SELECT {{id c}}, '{{d}}', 'group', '{{u}}', '', CASE WHEN i IN (3, 4) THEN 3 ELSE 2 END, i, CASE WHEN i IN (3, 4) THEN 'key ' || i ELSE '' END FROM {{seq}}`)

		tx, err := h.pool.Begin()
		require.NoError(t, err)
		defer func() { _ = tx.Rollback() }()
		_, err = tx.Exec(db.sql("DELETE FROM {{p}}content WHERE " + gone))
		require.NoError(t, err)
		var n storage.ContentCount
		var keys []string
		var next storage.Cursor
		ended := make(chan error, 1)
		go func() {
			ended <- h.store.Update(context.Background(), storage.Fence{Domain: d.ID, Mode: storage.Shared}, func(ctx context.Context, tx storage.Tx) (err error) {
				n, keys, next, err = tx.DeleteContent(ctx, storage.ContentQuery{Domain: d.ID, Before: time.UnixMilli(100)}, storage.Page{Limit: 100})
				return err
			})
		}()
		(&chatHost{pool: h.pool}).waits(t)
		require.NoError(t, tx.Commit())
		require.NoError(t, <-ended)
		require.Empty(t, next)
		want, keep := storage.ContentCount{Messages: 8, Files: 2}, []string{"key 3", "key 4"}
		switch name {
		case "a file":
			want.Files, keep = 1, keep[1:]
		case "a message":
			want.Messages = 7
		case "all":
			want, keep = storage.ContentCount{}, nil
		}
		require.Equal(t, want, n, name)
		require.ElementsMatch(t, keep, keys, name)
	}
}
