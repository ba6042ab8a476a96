package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"time"

	"chatadmin.example/sdk/chatadmin"
)

// Options of a store; nil means defaults.
type Options struct {
	Prefix       string           // of the table names: letters, digits and "_", at most 30, not a digit first; default "chatadmin_"
	Serializable bool             // PostgreSQL: transactions at SERIALIZABLE instead of READ COMMITTED, no use of physical places (ctid), and none of column storage
	Attempts     int              // how often a transaction is tried before chatadmin.ErrBusy; default 12
	NoMigrate    bool             // Open checks the tables instead of making them
	Now          func() time.Time // default time.Now; revisions of fences come from it
}

// Store is a chatadmin.Store in an SQL database. It is safe for many goroutines, and for many processes.
type Store struct {
	reader
	db           *sql.DB
	d            Dialect
	prefix       string
	serializable bool
	attempts     int
	now          func() time.Time
	growth       growth
	writer       chan struct{} // SQLite: one writer of this process at a time, in the order of their coming
}

var _ chatadmin.Store = (*Store)(nil)

// conn is what statements run on: a pool, a connection, or a transaction.
type conn interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

// Open returns the store in db, whose tables it creates or brings up to date first; with NoMigrate it checks them instead. Tables of another version are a *SchemaError.
func Open(ctx context.Context, db *sql.DB, d Dialect, o *Options) (*Store, error) {
	s, err := newStore(db, d, o)
	if err != nil {
		return nil, err
	}
	if o != nil && o.NoMigrate {
		return s, s.Check(ctx)
	}
	return s, s.Migrate(ctx)
}

func newStore(db *sql.DB, d Dialect, o *Options) (*Store, error) {
	if d != PostgreSQL && d != SQLite {
		return nil, fmt.Errorf("sqlstore: %s", d)
	}
	s := &Store{db: db, d: d, prefix: "chatadmin_", attempts: 12, now: time.Now, writer: make(chan struct{}, 1)}
	if o != nil {
		if o.Prefix != "" {
			s.prefix = o.Prefix
		}
		if o.Attempts > 0 {
			s.attempts = o.Attempts
		}
		if o.Now != nil {
			s.now = o.Now
		}
		s.serializable = o.Serializable
	}
	if len(s.prefix) > 30 || strings.Trim(s.prefix, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" || strings.ContainsAny(s.prefix[:1], "0123456789") {
		return nil, fmt.Errorf("%q: %w", s.prefix, errPrefix)
	}
	s.reader = reader{s: s, c: db}
	return s, nil
}

func (s *Store) begin() string {
	switch {
	case s.d == SQLite:
		return "BEGIN IMMEDIATE"
	case s.serializable:
		return "BEGIN ISOLATION LEVEL SERIALIZABLE"
	}
	return "BEGIN ISOLATION LEVEL READ COMMITTED"
}

// inTx marks the context of a transaction, so that a nested call of the store is seen.
type inTx struct{ s *Store }

// Update implements chatadmin.Store.
func (s *Store) Update(ctx context.Context, fence chatadmin.Fence, f func(context.Context, chatadmin.Tx) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	for n := 0; ; n++ {
		err := s.attempt(ctx, fence, f)
		switch {
		case !s.d.again(err) || errors.Is(err, chatadmin.ErrCommitUnknown):
			return err
		case n+1 == s.attempts:
			return fmt.Errorf("%d attempts lost their race (%w): %w", s.attempts, err, chatadmin.ErrBusy)
		}
		if err := pause(ctx, n); err != nil {
			return err
		}
	}
}

// pause waits after the n-th attempt, a random time that grows to half a second, or until the context ends.
func pause(ctx context.Context, n int) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(rand.N(2 * time.Millisecond << min(n, 8))):
		return nil
	}
}

func (s *Store) attempt(ctx context.Context, fence chatadmin.Fence, f func(context.Context, chatadmin.Tx) error) error {
	if s.d == SQLite {
		select {
		case s.writer <- struct{}{}:
			defer func() { <-s.writer }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	c, err := s.db.Conn(ctx)
	if err != nil {
		return while(ctx, "connecting to the database", err)
	}
	defer func() { _ = c.Close() }()
	var inserted map[string]int64                                        // what was committed
	defer func(ctx context.Context) { s.analyze(ctx, c, inserted) }(ctx) // when the fence is free again
	unlock, err := s.lock(ctx, c, fence)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := c.ExecContext(ctx, s.begin()); err != nil {
		s.rollback(ctx, c) // the context may have ended just behind it
		return while(ctx, "beginning a transaction", err)
	}
	x := s.newTx(c)
	ended := false
	defer func() { // f failed or panicked
		x.close()
		if !ended {
			s.rollback(ctx, c)
		}
	}()
	if err := x.run(ctx, fence, f); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	x.close()
	// From here on a cancelled context changes nothing: the commit is carried out and its outcome reported.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if _, err := c.ExecContext(ctx, "COMMIT"); err != nil {
		if s.d.notKept(err) {
			return while(ctx, "committing", err)
		}
		ended = true
		discard(c)
		return fmt.Errorf("%w: %w", chatadmin.ErrCommitUnknown, err)
	}
	ended, inserted = true, x.inserted
	return nil
}

// run checks the fence, runs f, and changes the fence's revision after an exclusive one.
func (x *tx) run(ctx context.Context, fence chatadmin.Fence, f func(context.Context, chatadmin.Tx) error) error {
	s := x.s
	if fence.Mode != chatadmin.NoFence {
		there, err := x.Domains(ctx, []chatadmin.ID{fence.Domain})
		if err != nil {
			return err
		}
		if len(there) == 0 {
			return chatadmin.ErrNoDomain
		}
		x.fenced = &there[0]
	}
	err := f(context.WithValue(ctx, inTx{s}, true), x)
	if x.failed != nil && (err == nil || s.d.again(x.failed)) {
		err = x.failed // an error that f swallowed, or made unrecognisable
	}
	if err == nil {
		err = x.intact(ctx)
	}
	if err != nil {
		return err
	}
	if fence.Mode == chatadmin.Exclusive {
		_, err = x.exec(ctx, "UPDATE {{p}}domains SET fence = "+s.d.greatest()+"(fence + 1, ?) WHERE id = ?",
			[]any{int64(chatadmin.NextRev(0, s.now(), uint16(rand.Uint32()))), string(fence.Domain)})
	}
	return err
}

// lock takes the fence, before the transaction begins.
func (s *Store) lock(ctx context.Context, c *sql.Conn, fence chatadmin.Fence) (unlock func(), err error) {
	if s.d == SQLite || fence.Mode == chatadmin.NoFence {
		return func() {}, nil
	}
	shared := ""
	if fence.Mode == chatadmin.Shared {
		shared = "_shared"
	}
	key := s.lockKey(string(fence.Domain))
	if _, err := c.ExecContext(ctx, "SELECT pg_advisory_lock"+shared+"($1)", key); err != nil {
		discard(c) // it may have been granted just now
		return nil, while(ctx, "waiting for the domain's fence", err)
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		if _, err := c.ExecContext(ctx, "SELECT pg_advisory_unlock"+shared+"($1)", key); err != nil {
			discard(c) // with the session ends the lock
		}
	}, nil
}

// lockKey is the advisory lock of a domain: 64 bits of a hash over the table prefix and the ID. Two domains that share one would only wait for each other.
func (s *Store) lockKey(domain string) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte("chatadmin\x00" + s.prefix + "\x00" + domain))
	return int64(h.Sum64())
}

func (s *Store) rollback(ctx context.Context, c *sql.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if _, err := c.ExecContext(ctx, "ROLLBACK"); err != nil && !s.d.says(err, "no transaction is active") {
		discard(c)
	}
}

// discard closes the connection instead of giving it back to the pool.
func discard(c *sql.Conn) {
	_ = c.Raw(func(any) error { return driver.ErrBadConn })
}
