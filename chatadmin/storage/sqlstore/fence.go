package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"

	"chatadmin.example/sdk/chatadmin/class"
	"chatadmin.example/sdk/chatadmin/storage"
)

// ErrNoFence is returned by Open if the database accepts advisory locks without
// holding them, or holds them for one connection only: nothing would guard the
// last admin of a domain or its default groups.
var ErrNoFence = class.Unavailable.New("no_fence", "the database does not hold advisory locks between connections: connect to one primary server, or set "+
	"Options.Serializable if the database is serializable")

// locks reports whether fences are advisory locks. On SQLite the only writer
// has every fence; at SERIALIZABLE the isolation keeps the rules by itself.
func (s *Store) locks() bool { return s.d == PostgreSQL && !s.serializable }

// turn waits for a turn in the fence's domain among the transactions of this
// process, before a connection is taken. SQLite has one writer at a time: there
// each domain sends one transaction after the other to it.
func (s *Store) turn(ctx context.Context, fence storage.Fence) (leave func(), err error) {
	if fence.Mode == storage.NoFence {
		return func() {}, nil
	}
	return s.turns.enter(ctx, fence.Domain, fence.Mode == storage.Exclusive || s.d == SQLite)
}

// start takes a connection and begins a transaction on it, with the fence's
// lock as the first statement: at READ COMMITTED every later statement has a
// snapshot that is younger than the lock, and the lock ends with the
// transaction, on whatever connection a pooler runs it.
//
// Transactions of one domain that must wait for another process wait one at a
// time, so that they hold one connection of the pool. A shared one first asks
// whether it must wait.
func (s *Store) start(ctx context.Context, fence storage.Fence) (*sql.Conn, error) {
	if s.locks() && fence.Mode == storage.Shared {
		c, got, err := s.startWith(ctx, fence.Domain, "SELECT pg_try_advisory_xact_lock_shared($1)")
		if err != nil || got {
			return c, err
		}
		leave, err := s.waits.enter(ctx, fence.Domain, true)
		if err != nil {
			return nil, err
		}
		defer leave()
	}
	lock := ""
	switch {
	case !s.locks() || fence.Mode == storage.NoFence:
	case fence.Mode == storage.Shared:
		lock = "SELECT pg_advisory_xact_lock_shared($1) IS NOT NULL"
	default:
		lock = "SELECT pg_advisory_xact_lock($1) IS NOT NULL"
	}
	c, _, err := s.startWith(ctx, fence.Domain, lock)
	return c, err
}

// startWith begins a transaction with a statement that locks, if any, and
// reports whether it got the lock; if not, the connection is given back.
func (s *Store) startWith(ctx context.Context, domain storage.ID, lock string) (c *sql.Conn, got bool, err error) {
	c, err = s.db.Conn(ctx)
	if err != nil {
		return nil, false, while(ctx, "connecting to the database", err)
	}
	if _, err = c.ExecContext(ctx, s.begin()); err != nil {
		err = while(ctx, "beginning a transaction", err)
	} else if got = lock == ""; !got {
		if err = c.QueryRowContext(ctx, lock, s.lockKey(string(domain))).Scan(&got); err != nil {
			err = while(ctx, "waiting for the domain's fence", err)
		}
	}
	if err == nil && got {
		return c, true, nil
	}
	s.rollback(ctx, c) // the context may have ended just behind BEGIN
	_ = c.Close()
	return nil, false, err
}

// lockKey is the advisory lock of a domain: 64 bits of a hash over the table prefix and the ID. Two domains that share one would only wait for each other.
func (s *Store) lockKey(domain string) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte("chatadmin\x00" + s.prefix + "\x00" + domain))
	return int64(h.Sum64())
}

// probing keeps two probes from waiting for each other's second connection.
var probing = make(chan struct{}, 1)

// probe looks whether a lock that one connection holds keeps a second one
// waiting, and a lock that is free does not. A pool of one connection cannot
// be probed with two: there the lock must be known to the database.
func (s *Store) probe(ctx context.Context) error {
	if !s.locks() {
		return nil
	}
	select {
	case probing <- struct{}{}:
		defer func() { <-probing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second) // a second connection may not be had
	defer cancel()
	if err := s.probed(ctx, rand.Int64()); err != nil {
		return while(ctx, "looking whether a second connection waits for a lock", err)
	}
	return nil
}

func (s *Store) probed(ctx context.Context, key int64) error {
	first, err := s.beginOn(ctx)
	if err != nil {
		return err
	}
	defer s.giveBack(ctx, first)
	if _, err := first.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", key); err != nil {
		return err
	}
	if s.db.Stats().MaxOpenConnections == 1 {
		return is(ctx, first, "SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND granted")
	}
	second, err := s.beginOn(ctx)
	if err != nil {
		return err
	}
	defer s.giveBack(ctx, second)
	if err := is(ctx, second, "SELECT NOT pg_try_advisory_xact_lock($1) AND NOT pg_try_advisory_xact_lock_shared($1)", key); err != nil {
		return err
	}
	if _, err := first.ExecContext(ctx, "ROLLBACK"); err != nil {
		return err
	}
	return is(ctx, second, "SELECT pg_try_advisory_xact_lock($1)", key)
}

func (s *Store) beginOn(ctx context.Context) (*sql.Conn, error) {
	c, _, err := s.startWith(ctx, "", "")
	return c, err
}

func (s *Store) giveBack(ctx context.Context, c *sql.Conn) {
	s.rollback(ctx, c)
	_ = c.Close()
}

// is runs a query that is true of a database with locks.
func is(ctx context.Context, c *sql.Conn, query string, args ...any) error {
	var yes bool
	switch err := c.QueryRowContext(ctx, query, args...).Scan(&yes); {
	case state(err) == "42883" || state(err) == "0A000" || state(err) == "42P01": // no such function, not supported, no such table
		return fmt.Errorf("%w: %w", ErrNoFence, err)
	case err != nil:
		return err
	case !yes:
		return ErrNoFence
	}
	return nil
}
