package sqlstoretest

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/storage/sqlstore"
)

func fence(domain storage.ID, mode storage.Mode) storage.Fence {
	return storage.Fence{Domain: domain, Mode: mode}
}

func nothing(context.Context, storage.Tx) error { return nil }

// makeDomains makes domains without anything in them.
func makeDomains(t *testing.T, s storage.Store, ids ...storage.ID) {
	t.Helper()
	require.NoError(t, s.Update(t.Context(), storage.Fence{}, func(ctx context.Context, tx storage.Tx) error {
		var c []storage.Write[storage.Domain]
		for _, id := range ids {
			c = append(c, storage.Write[storage.Domain]{Row: storage.Domain{ID: id, Rev: 1}})
		}
		_, err := tx.ChangeDomains(ctx, c)
		return err
	}))
}

// The fence's lock is the first statement of the transaction, and ends with it:
// nothing is left to the session, which a pooler gives to others.
func TestFenceLivesInTheTransaction(t *testing.T) {
	for name, want := range map[string]map[storage.Mode][]string{
		"read committed": {
			storage.Shared:    {"BEGIN ISOLATION LEVEL READ COMMITTED", "SELECT pg_try_advisory_xact_lock_shared($1)", "SELECT", "COMMIT"},
			storage.Exclusive: {"BEGIN ISOLATION LEVEL READ COMMITTED", "SELECT pg_advisory_xact_lock($1)", "SELECT", "UPDATE", "COMMIT"},
			storage.NoFence:   {"BEGIN ISOLATION LEVEL READ COMMITTED", "COMMIT"},
		},
		"serializable": {
			storage.Shared:    {"BEGIN ISOLATION LEVEL SERIALIZABLE", "SELECT id", "COMMIT"},
			storage.Exclusive: {"BEGIN ISOLATION LEVEL SERIALIZABLE", "SELECT id", "UPDATE", "COMMIT"},
			storage.NoFence:   {"BEGIN ISOLATION LEVEL SERIALIZABLE", "COMMIT"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			db := postgresPrefix(t)
			db.options.Serializable = name == "serializable"
			pool, w := db.watched(t, nil)
			s, err := sqlstore.Open(t.Context(), pool, db.d, &db.options)
			require.NoError(t, err)
			makeDomains(t, s, "acme")
			for mode, texts := range want {
				seen := roundTrips(w.during(func() { require.NoError(t, s.Update(t.Context(), fence("acme", mode), nothing)) }))
				require.Len(t, seen, len(texts), "%d: %q", mode, seen)
				for i := range texts {
					require.True(t, strings.HasPrefix(seen[i], texts[i]), "%d: %q", mode, seen)
				}
			}
		})
	}
}

// A database whose locks keep nobody waiting is refused, whatever the size of
// the pool, unless its isolation makes them needless.
func TestOpenRefusesWithoutFences(t *testing.T) {
	for _, conns := range []int{1, 2, 0} {
		for _, noLocks := range []bool{false, true} {
			for _, serializable := range []bool{false, true} {
				db := postgresPrefix(t)
				db.noLocks, db.options.Serializable = noLocks, serializable
				open := func() (*sql.DB, error) {
					pool := db.pool(t)
					pool.SetMaxOpenConns(conns)
					_, err := sqlstore.Open(t.Context(), pool, db.d, &db.options)
					return pool, err
				}
				pool, err := open()
				if noLocks && !serializable {
					require.ErrorIs(t, err, sqlstore.ErrNoFence, "%d connections", conns)
				} else {
					require.NoError(t, err, "%d connections", conns)
				}
				require.Zero(t, pool.Stats().InUse, "the connections are given back")
				db.options.NoMigrate = true
				if noLocks && !serializable {
					_, err = open()
					require.ErrorIs(t, err, sqlstore.ErrNoFence, "%d connections, without migration", conns)
				}
			}
		}
	}
	_, err := sqlstore.Open(t.Context(), pooledPrefix(t).pool(t), sqlstore.PostgreSQL, nil)
	require.NoError(t, err, "locks within a transaction hold behind a pooler")
}

// Stores that share a pool of two connections probe it one after the other.
func TestOpenAtOnceOverAFewConnections(t *testing.T) {
	db := postgresPrefix(t)
	pool := db.pool(t)
	pool.SetMaxOpenConns(2)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			_, err := sqlstore.Open(t.Context(), pool, db.d, &db.options)
			assert.NoError(t, err)
		})
	}
	wg.Wait()
}

// arrival is a context that tells when somebody waits for its end for the first
// time.
type arrival struct {
	context.Context
	once   *sync.Once
	arrive func()
}

func (a arrival) Done() <-chan struct{} {
	a.once.Do(a.arrive)
	return a.Context.Done()
}

// crowd starts 64 calls in one domain, and returns when each of them waits.
func crowd(ctx context.Context, t *testing.T, s storage.Store, f storage.Fence) (wait func()) {
	var arrived, done sync.WaitGroup
	for range 64 {
		arrived.Add(1)
		done.Go(func() {
			assert.NoError(t, s.Update(arrival{ctx, new(sync.Once), arrived.Done}, f, nothing))
		})
	}
	arrived.Wait()
	return done.Wait
}

// While 64 calls wait for one domain, those of another go through a pool of
// three connections: who waits for this process holds none.
func TestOneDomainDoesNotStarveTheOthers(t *testing.T) {
	databases(t, func(t *testing.T, db database) {
		pool := db.pool(t)
		s, err := sqlstore.Open(t.Context(), pool, db.d, &db.options)
		require.NoError(t, err)
		makeDomains(t, s, "busy", "other")
		pool.SetMaxOpenConns(3)
		for _, mode := range []storage.Mode{storage.Exclusive, storage.Shared} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			inside, leave := make(chan struct{}), make(chan struct{})
			var holder sync.WaitGroup
			holder.Go(func() {
				assert.NoError(t, s.Update(ctx, fence("busy", storage.Exclusive), func(context.Context, storage.Tx) error {
					close(inside)
					<-leave
					return nil
				}))
			})
			<-inside
			wait := crowd(ctx, t, s, fence("busy", mode))
			assert.Equal(t, 1, pool.Stats().InUse, "the one inside")
			if db.d == sqlstore.PostgreSQL { // SQLite has one writer
				for range 100 {
					if !assert.NoError(t, s.Update(ctx, fence("other", storage.Exclusive), nothing)) {
						break
					}
				}
			}
			_, err := s.Domains(ctx, []storage.ID{"other"})
			assert.NoError(t, err)
			close(leave)
			wait()
			holder.Wait()
			cancel()
			require.False(t, t.Failed())
		}
	})
}

// Of 64 calls that wait for another process, one holds a connection.
func TestAnotherProcessDoesNotStarveTheOthers(t *testing.T) {
	db := postgresPrefix(t)
	pool := db.pool(t)
	s, err := sqlstore.Open(t.Context(), pool, db.d, &db.options)
	require.NoError(t, err)
	makeDomains(t, s, "busy", "other")
	pool.SetMaxOpenConns(3)
	elsewhere := db.open(t)
	for _, mode := range []storage.Mode{storage.Exclusive, storage.Shared} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		var wait func()
		require.NoError(t, elsewhere.Update(ctx, fence("busy", storage.Exclusive), func(context.Context, storage.Tx) error {
			wait = crowd(ctx, t, s, fence("busy", mode))
			for range 100 {
				if !assert.NoError(t, s.Update(ctx, fence("other", storage.Exclusive), nothing)) {
					break
				}
				if _, err := s.Domains(ctx, []storage.ID{"other"}); !assert.NoError(t, err) {
					break
				}
			}
			return nil
		}))
		wait()
		cancel()
		require.False(t, t.Failed())
	}
}

// On SQLite, with one writer for all, a domain that waits lets those of others
// go before its later calls.
func TestDomainsTakeTurns(t *testing.T) {
	db := sqliteFile(t)
	s := db.open(t)
	makeDomains(t, s, "busy", "other")
	var mu sync.Mutex
	var order []storage.ID
	log := func(d storage.ID) func(context.Context, storage.Tx) error {
		return func(context.Context, storage.Tx) error {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, d)
			return nil
		}
	}
	var done sync.WaitGroup
	require.NoError(t, s.Update(t.Context(), storage.Fence{}, func(context.Context, storage.Tx) error {
		for _, d := range append(slices.Repeat([]storage.ID{"busy"}, 64), "other") {
			arrived := make(chan struct{})
			done.Go(func() {
				ctx := arrival{t.Context(), new(sync.Once), sync.OnceFunc(func() { close(arrived) })}
				assert.NoError(t, s.Update(ctx, fence(d, storage.Shared), log(d)))
			})
			<-arrived
		}
		return nil
	}))
	done.Wait()
	require.Len(t, order, 65)
	require.Contains(t, order[:3], storage.ID("other"), fmt.Sprint(order))
}
