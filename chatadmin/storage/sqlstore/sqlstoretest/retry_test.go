package sqlstoretest

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/sqlstore"
)

// counter is a record whose data is how often it was written.
func counter(id string) storage.Key { return storage.Key{Kind: "counter", ID: id} }

func countIn(ctx context.Context, r storage.Reader, id string) (rec storage.Record, n int, err error) {
	rs, err := r.Records(ctx, []storage.Key{counter(id)})
	if err != nil || len(rs) == 0 {
		return storage.Record{Key: counter(id)}, 0, err
	}
	_, err = fmt.Sscan(string(rs[0].Data), &n)
	return rs[0], n, err
}

// increment writes a counter. The revision was read before, so that nothing but
// the writing touches the row.
func increment(ctx context.Context, tx storage.Tx, id string) error {
	rec, n, err := countIn(ctx, tx, id)
	if err != nil {
		return err
	}
	was := rec.Rev
	rec.Rev, rec.Data = was+1, []byte(fmt.Sprint(n+1))
	conflicts, err := tx.ChangeRecords(ctx, []storage.Write[storage.Record]{{Row: rec, Was: was}})
	if err == nil && len(conflicts) > 0 {
		err = storage.ErrRetry
	}
	return err
}

func count(t *testing.T, s storage.Store, id string) int {
	t.Helper()
	_, n, err := countIn(t.Context(), s, id)
	require.NoError(t, err)
	return n
}

// sqlState is that of an error of PostgreSQL.
func sqlState(err error) string {
	var s interface{ SQLState() string }
	if errors.As(err, &s) {
		return s.SQLState()
	}
	return ""
}

// crossed runs two transactions that get into each other's way the first time,
// and returns what the database said to the loser.
func crossed(t *testing.T, stores [2]*sqlstore.Store, f func(ctx context.Context, tx storage.Tx, n int, meet func()) error) string {
	t.Helper()
	for _, id := range []string{"a", "b"} {
		require.NoError(t, stores[0].Update(t.Context(), storage.Fence{}, func(ctx context.Context, tx storage.Tx) error { return increment(ctx, tx, id) }))
	}
	var met, wg sync.WaitGroup
	met.Add(2)
	var said atomic.Value
	var runs atomic.Int64
	for n := range 2 {
		wg.Go(func() {
			first := true
			err := stores[n].Update(t.Context(), storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
				runs.Add(1)
				err := f(ctx, tx, n, func() {
					if first {
						first = false
						met.Done()
						met.Wait()
					}
				})
				if s := sqlState(err); s != "" {
					said.Store(s)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.GreaterOrEqual(t, runs.Load(), int64(3), "one of them ran again")
	state, _ := said.Load().(string)
	return state
}

// Two transactions that wait for each other: the database ends one, which runs
// again, and both are kept.
func TestDeadlock(t *testing.T) {
	db := postgresPrefix(t)
	s := [2]*sqlstore.Store{db.open(t), db.open(t)}
	require.Equal(t, "40P01", crossed(t, s, func(ctx context.Context, tx storage.Tx, n int, meet func()) error {
		ids := []string{"a", "b"}
		if err := increment(ctx, tx, ids[n]); err != nil {
			return err
		}
		meet()
		return increment(ctx, tx, ids[1-n])
	}))
	require.Equal(t, 3, count(t, s[0], "a"))
	require.Equal(t, 3, count(t, s[0], "b"))
}

// Two transactions each of which reads what the other writes: at SERIALIZABLE
// one fails, and runs again on what the other has left.
func TestSerializationFailure(t *testing.T) {
	db := postgresPrefix(t)
	db.options.Serializable = true
	pool, w := db.watched(t, nil)
	var s [2]*sqlstore.Store
	for i := range s {
		var err error
		s[i], err = sqlstore.Open(t.Context(), pool, db.d, &db.options)
		require.NoError(t, err)
	}
	sums := [2]int{}
	crossed(t, s, func(ctx context.Context, tx storage.Tx, n int, meet func()) error {
		ids := []string{"a", "b"}
		_, other, err := countIn(ctx, tx, ids[1-n])
		if err != nil {
			return err
		}
		meet()
		sums[n] = other
		return increment(ctx, tx, ids[n])
	})
	require.NotEmpty(t, w.errs)
	for _, err := range w.errs {
		require.Equal(t, "40001", sqlState(err))
	}
	require.Equal(t, 3, sums[0]+sums[1], "one of them has seen what the other wrote")
}

// A file that another process is writing to: tried again with pauses, in the
// end storage.ErrBusy, and never longer than the context lets it.
func TestBusyFile(t *testing.T) {
	db := sqliteFile(t)
	db.dsn = strings.Replace(db.dsn, "busy_timeout(20000)", "busy_timeout(0)", 1)
	holder := db.open(t)
	hold := func(until chan struct{}) (wait func()) {
		held, done := make(chan struct{}), make(chan error, 1)
		go func() {
			done <- holder.Update(context.Background(), storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
				close(held)
				<-until
				return increment(ctx, tx, "held")
			})
		}()
		<-held
		return func() { require.NoError(t, <-done) }
	}
	var begun atomic.Int64
	pool, w := db.watched(t, nil)
	open := func(attempts int) *sqlstore.Store {
		o := db.options
		o.Attempts = attempts
		s, err := sqlstore.Open(t.Context(), pool, db.d, &o)
		require.NoError(t, err)
		begun.Store(0)
		return s
	}
	enough := make(chan struct{})
	release := sync.OnceFunc(func() { close(enough) })
	w.before = func(s statement) error {
		if s.text == "BEGIN IMMEDIATE" && begun.Add(1) == 4 {
			release()
		}
		return nil
	}
	write := func(s *sqlstore.Store, ctx context.Context) error {
		return s.Update(ctx, storage.Fence{}, func(ctx context.Context, tx storage.Tx) error { return increment(ctx, tx, "n") })
	}
	s := open(0)
	wait := hold(enough)
	require.NoError(t, write(s, t.Context()), "it waited until the other was done")
	wait()
	require.Equal(t, 1, count(t, s, "n"))

	s = open(3)
	until := make(chan struct{})
	wait = hold(until)
	err := write(s, t.Context())
	require.ErrorIs(t, err, storage.ErrBusy)
	require.ErrorContains(t, err, "locked", "the database's own words")
	require.EqualValues(t, 3, begun.Load())
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, write(open(1000), ctx), context.DeadlineExceeded)
	close(until)
	wait()
	require.Equal(t, 1, count(t, s, "n"))
	require.Equal(t, 2, count(t, s, "held"))
}

// A context that is cancelled in the pause between two attempts, while waiting
// for the fence, and on the way to the commit.
func TestCancelledUpdate(t *testing.T) {
	databases(t, func(t *testing.T, db database) {
		pool, w := db.watched(t, nil)
		s, err := sqlstore.Open(t.Context(), pool, db.d, &db.options)
		require.NoError(t, err)
		require.NoError(t, s.Update(t.Context(), storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
			_, err := tx.ChangeDomains(ctx, []storage.Write[storage.Domain]{{Row: storage.Domain{ID: "acme", Rev: 1}}})
			return err
		}))
		on := func(text string, nth int) (context.Context, func()) {
			ctx, cancel := context.WithCancel(t.Context())
			seen := 0
			w.before = func(s statement) error {
				if strings.HasPrefix(s.text, text) {
					if seen++; seen == nth {
						cancel()
					}
				}
				return nil
			}
			return ctx, func() { cancel(); w.before = nil }
		}
		ctx, end := on("ROLLBACK", 5)
		runs := 0
		err = s.Update(ctx, storage.Fence{}, func(context.Context, storage.Tx) error { runs++; return storage.ErrRetry })
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, 5, runs)
		end()

		ctx, end = on("COMMIT", 1)
		require.NoError(t, s.Update(ctx, storage.Fence{}, func(ctx context.Context, tx storage.Tx) error { return increment(ctx, tx, "commit") }))
		require.Equal(t, 1, count(t, s, "commit"), "a commit that was begun is finished, and its outcome told")
		end()

		for _, text := range []string{"BEGIN", "SELECT kind", "INSERT"} {
			ctx, end = on(text, 1)
			err = s.Update(ctx, storage.Fence{Domain: "acme", Mode: storage.Shared}, func(ctx context.Context, tx storage.Tx) error { return increment(ctx, tx, "never") })
			require.ErrorIs(t, err, context.Canceled, text)
			end()
		}
		require.Zero(t, count(t, s, "never"))

		// Behind the fence of this process it waits without a statement, behind
		// that of another with one.
		for _, holder := range []*sqlstore.Store{s, db.open(t)} {
			ctx, cancel := context.WithCancel(t.Context())
			waits := make(chan error, 1)
			require.NoError(t, holder.Update(t.Context(), storage.Fence{Domain: "acme", Mode: storage.Exclusive}, func(context.Context, storage.Tx) error {
				w.before = func(s statement) error {
					if strings.HasPrefix(s.text, "SELECT pg_advisory_xact_lock_shared") {
						go cancel()
					}
					return nil
				}
				go func() {
					waits <- s.Update(ctx, storage.Fence{Domain: "acme", Mode: storage.Shared}, func(context.Context, storage.Tx) error { return nil })
				}()
				if db.d == sqlstore.SQLite || holder == s {
					cancel()
				}
				assert.ErrorIs(t, <-waits, context.Canceled)
				return nil
			}))
			w.before = nil
			cancel()
		}
		require.NoError(t, s.Update(t.Context(), storage.Fence{Domain: "acme", Mode: storage.Exclusive}, func(context.Context, storage.Tx) error { return nil }), "the fence is free again")
	})
}

// A commit whose outcome got lost with the connection: the store says that it
// does not know, and does not run the function again; the library finds out.
func TestCommitUnknown(t *testing.T) {
	databases(t, func(t *testing.T, db database) {
		pool, w := db.watched(t, nil)
		s, err := sqlstore.Open(t.Context(), pool, db.d, &db.options)
		require.NoError(t, err)
		lose := func(kept bool) {
			lost := false
			f := func(s statement) error {
				if s.text == "COMMIT" && !lost {
					lost = true
					return driver.ErrBadConn
				}
				return nil
			}
			if w.before, w.after = f, nil; kept {
				w.before, w.after = nil, f
			}
		}
		for n, kept := range []bool{true, false} {
			lose(kept)
			runs := 0
			err := s.Update(t.Context(), storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
				runs++
				return increment(ctx, tx, "n")
			})
			require.ErrorIs(t, err, storage.ErrCommitUnknown)
			require.Equal(t, 1, runs)
			require.Equal(t, 1, count(t, s, "n"), "kept the first time, lost the second (%d)", n)
		}
		w.before, w.after = nil, nil
		c := newCompany(t, db, 0)
		for n, kept := range []bool{true, false} {
			lose(kept)
			login := fmt.Sprintf("user%d@acme.example", n)
			_, err := c.scope(s, 0).CreateUser(t.Context(), chatadmin.NewUser{Login: login, NoInvitation: true})
			require.NoError(t, err)
			_, err = c.scope(c.store, 1).UserByLogin(t.Context(), login)
			require.NoError(t, err)
		}
	})
}
